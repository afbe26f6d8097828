//! The contrary of every sourced belief that has one shows in what the account does.

use aws_sdk_autoscaling::error::ProvideErrorMetadata;
use serde_json::json;

use super::{Sim, sleeper};
use crate::sim::beliefs::Flip;
use crate::sim::world::groups::ScheduledAction;
use crate::sim::world::images::{self, NewImage};
use crate::sim::world::scaling::capacity::{self, CapacityChange};
use crate::sim::world::templates::{self, Template, TemplateData};

#[tokio::test(start_paused = true)]
async fn every_contrary_shows() {
    for (id, flip) in Flip::ALL {
        let (holds, contrary) = (observed(*flip, false).await, observed(*flip, true).await);
        assert_ne!(holds, contrary, "{id}: its contrary looks the same");
    }
}

/// Data with a blank volume of an old snapshot beside the root volume.
fn with_data_disk() -> TemplateData {
    let mut data = TemplateData::of_image("ami-1", "t3.small");
    let disk = json!([{"DeviceName": "/dev/sdb", "Ebs": {"SnapshotId": "snap-1"}}]);
    data.0.insert("BlockDeviceMapping".into(), disk);
    data
}

fn sim(flip: Flip, contrary: bool) -> Sim {
    let follows = matches!(
        flip,
        Flip::MemberNamesItsVersion | Flip::LatestDeploysAtCreation
    );
    let version = if follows { "$Latest" } else { "1" };
    let sim = Sim::new(vec![sleeper("web", version)]);
    sim.account.with_world(|w| {
        if contrary {
            w.beliefs.denied.insert(flip);
        }
        w.put_template(Template::new("lt-1", "web", with_data_disk()));
        if flip == Flip::NoVersionMeansDefault {
            let launch = &mut w.group_mut("web").unwrap().launch;
            if let crate::sim::world::groups::LaunchSource::Template(spec) = launch {
                spec.version = None;
            }
        }
        if matches!(
            flip,
            Flip::NoVersionMeansDefault | Flip::LatestDeploysAtCreation
        ) {
            let data = TemplateData::of_image("ami-1", "t3.small");
            templates::create_version(w, "lt-1", None, None, &data).unwrap();
        }
    });
    sim
}

impl Sim {
    /// Desired capacity and states of the group.
    async fn shows(&self) -> String {
        let desired = self.group("web").await.desired_capacity().unwrap();
        format!("{desired}: {}", self.lifecycles("web").await)
    }

    /// Wakes the group, and puts its instance on Standby.
    async fn aside(&self) -> String {
        let id = self.wake("web").await;
        self.standby(&id, true).await;
        self.wait(5).await;
        id
    }

    async fn ended(&self, id: &str, decrement: bool) -> String {
        let call = self.asg.terminate_instance_in_auto_scaling_group();
        let call = call.instance_id(id);
        let ended = call
            .should_decrement_desired_capacity(decrement)
            .send()
            .await;
        self.wait(60).await;
        format!(
            "{:?} {}",
            ended.err().map(|e| e.code().map(str::to_owned)),
            self.shows().await
        )
    }

    fn change(&self, min: i64, max: i64, desired: Option<i64>) -> String {
        let change = CapacityChange {
            min: Some(min),
            max: Some(max),
            desired,
        };
        let set = |w: &mut crate::sim::world::World| capacity::set(w, "web", change, "");
        format!("{:?}", self.account.with_world(set).is_ok())
    }
}

async fn observed(flip: Flip, contrary: bool) -> String {
    let sim = sim(flip, contrary);
    match flip {
        Flip::StandbyEnterInService => {
            let id = sim.wake("web").await;
            sim.set_capacity("web", 0, 2, 2).await;
            sim.standby(&id, true).await;
            let call = sim.asg.enter_standby().auto_scaling_group_name("web");
            let call = call
                .instance_ids(&id)
                .should_decrement_desired_capacity(true);
            format!("{}", call.send().await.is_ok())
        }
        Flip::StandbyDecrement => {
            sim.aside().await;
            sim.shows().await
        }
        Flip::StandbyExitIncrements => {
            let id = sim.aside().await;
            let call = sim.asg.exit_standby().auto_scaling_group_name("web");
            call.instance_ids(id).send().await.unwrap();
            sim.shows().await
        }
        Flip::StandbyNotScaledIn => {
            sim.aside().await;
            sim.set_capacity("web", 0, 0, 0).await;
            sim.wait(120).await;
            sim.shows().await
        }
        Flip::StandbySizesAccepted => {
            sim.aside().await;
            sim.change(0, 0, Some(0))
        }
        Flip::StandbyTerminationNoReplacement => {
            let id = sim.aside().await;
            sim.ended(&id, false).await
        }
        Flip::StandbyTerminationDuringMove => {
            let id = sim.wake("web").await;
            sim.standby(&id, true).await;
            sim.ended(&id, false).await
        }
        Flip::StandbyBlocksDeletion => {
            sim.aside().await;
            let call = sim.asg.delete_auto_scaling_group();
            let deleted = call.auto_scaling_group_name("web").send().await;
            format!("{}", deleted.is_ok())
        }
        Flip::ProtectedOutlivesDesired => {
            let id = sim.wake("web").await;
            let call = sim
                .asg
                .set_instance_protection()
                .auto_scaling_group_name("web");
            let call = call.instance_ids(id).protected_from_scale_in(true);
            call.send().await.unwrap();
            sim.set_capacity("web", 0, 0, 0).await;
            sim.wait(120).await;
            sim.shows().await
        }
        Flip::SuspendedScheduleLosesActions => kept_action(&sim).await,
        Flip::EmptyListMeansAll => {
            let call = sim.asg.suspend_processes().auto_scaling_group_name("web");
            call.send().await.unwrap();
            format!("{}", sim.group("web").await.suspended_processes().len())
        }
        Flip::BoundsPullDesired => sim.change(1, 2, None),
        Flip::DesiredOutsideBounds => sim.change(0, 1, Some(3)),
        Flip::TerminateWithoutDecrement => {
            let id = sim.wake("web").await;
            sim.ended(&id, false).await
        }
        Flip::MemberNamesItsVersion
        | Flip::LatestDeploysAtCreation
        | Flip::NoVersionMeansDefault => {
            sim.wake("web").await;
            let group = sim.group("web").await;
            let template = group.instances()[0].launch_template();
            template.unwrap().version().unwrap().to_owned()
        }
        Flip::DefaultIsNotDeleted => sim
            .account
            .with_world(|w| format!("{}", templates::delete_version(w, "lt-1", 1).is_ok())),
        Flip::SourceVersionSnapshots => sim.account.with_world(|w| {
            let given = TemplateData::default();
            templates::create_version(w, "lt-1", Some("1"), None, &given).unwrap();
            format!("{:?}", w.templates["lt-1"].versions[&2].data)
        }),
        Flip::TokenMakesOnce => {
            for _ in 0..2 {
                let call = sim.ec2.create_launch_template_version();
                let call = call.launch_template_id("lt-1").source_version("1");
                let data = aws_sdk_ec2::types::RequestLaunchTemplateData::builder().build();
                let call = call.launch_template_data(data).client_token("one");
                call.send().await.unwrap();
            }
            sim.account
                .with_world(|w| format!("{}", w.templates["lt-1"].latest))
        }
        Flip::ImageWithoutToken | Flip::ImageOfEveryVolume => {
            let id = sim.wake("web").await;
            let new = NewImage {
                instance: id,
                name: "new".into(),
                no_reboot: true,
                ..NewImage::default()
            };
            sim.account.with_world(|w| {
                let image = images::create(w, new.clone()).unwrap();
                let volumes = w.images[&image].snapshots().count();
                format!("{volumes} {}", images::create(w, new).is_ok())
            })
        }
        Flip::ParameterMadeOnce => {
            let sdk = crate::sim::sdk::sdk_config(&sim.account, "flips");
            let ssm = aws_sdk_ssm::Client::new(&sdk);
            let put = || {
                let put = ssm.put_parameter().name("/once").value("v");
                put.r#type(aws_sdk_ssm::types::ParameterType::String).send()
            };
            put().await.unwrap();
            format!("{}", put().await.is_ok())
        }
    }
}

/// An action falls due while the process is suspended, which is resumed afterwards.
async fn kept_action(sim: &Sim) -> String {
    let process = "ScheduledActions".to_owned();
    sim.account.with_world(|w| {
        let action = ScheduledAction {
            name: "a".into(),
            max: Some(3),
            recurrence: Some("0 * * * *".into()),
            ..ScheduledAction::default()
        };
        w.put_scheduled_action("web", action).unwrap();
        capacity::suspend(w, "web", std::slice::from_ref(&process)).unwrap();
    });
    sim.wait(3700).await;
    let resume = |w: &mut crate::sim::world::World| capacity::resume(w, "web", &[process]);
    sim.account.with_world(resume).unwrap();
    format!("{:?}", sim.group("web").await.max_size())
}
