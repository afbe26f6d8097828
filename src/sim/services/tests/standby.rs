//! Standby: the way in, the state, and the ways out.

use aws_sdk_autoscaling::error::ProvideErrorMetadata;
use aws_sdk_autoscaling::types as asg;

use super::{Sim, sleeper, spec};
use crate::sim::world::World;
use crate::sim::world::groups::{LifecycleHook, Transition};
use crate::sim::world::rivals::{self, Action, Trigger};
use crate::sim::world::templates::{self, TemplateData};

impl Sim {
    async fn enter(&self, id: &str, decrement: bool) -> Result<asg::Activity, String> {
        let call = self.asg.enter_standby().auto_scaling_group_name("web");
        let call = call.instance_ids(id);
        let answer = call.should_decrement_desired_capacity(decrement).send();
        answer
            .await
            .map(|a| a.activities()[0].clone())
            .map_err(|e| e.into_service_error().message().unwrap().to_owned())
    }

    async fn exit(&self, id: &str) -> Result<asg::Activity, String> {
        let call = self.asg.exit_standby().auto_scaling_group_name("web");
        let answer = call.instance_ids(id).send();
        answer
            .await
            .map(|a| a.activities()[0].clone())
            .map_err(|e| e.into_service_error().message().unwrap().to_owned())
    }

    async fn end(&self, id: &str, decrement: bool) -> Result<asg::Activity, String> {
        let call = self.asg.terminate_instance_in_auto_scaling_group();
        let call = call.instance_id(id);
        let answer = call.should_decrement_desired_capacity(decrement).send();
        answer
            .await
            .map(|a| a.activity().unwrap().clone())
            .map_err(|e| e.into_service_error().code().unwrap().to_owned())
    }

    /// Desired capacity, and the members' states in order of id.
    async fn states(&self) -> (i32, Vec<String>) {
        let group = self.group("web").await;
        let states = group.instances().iter();
        let states = states.map(|i| i.lifecycle_state().unwrap().as_str().to_owned());
        (group.desired_capacity().unwrap(), states.collect())
    }
}

fn states(names: &[&str]) -> Vec<String> {
    names.iter().map(|&s| s.to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_standby_instance_outlives_everything_but_its_own_termination() {
    let sim = Sim::new(vec![sleeper("web", "1")]);
    let id = sim.wake("web").await;
    let begun = sim.enter(&id, true).await.unwrap();
    let cause = begun.cause().unwrap();
    assert!(
        cause.ends_with(
            "was moved to standby in response to a user request, shrinking the capacity \
             from 1 to 0."
        ),
        "{cause}"
    );
    assert_eq!(sim.states().await, (0, states(&["EnteringStandby"])));
    assert_eq!(
        sim.end(&id, false).await,
        Err("ScalingActivityInProgress".to_owned())
    );
    sim.wait(5).await;
    sim.set_capacity("web", 0, 0, 0).await;
    sim.ec2
        .reboot_instances()
        .instance_ids(&id)
        .send()
        .await
        .unwrap();
    sim.wait(1200).await;
    assert_eq!(sim.states().await, (0, states(&["Standby"])));
    let refused = sim.asg.delete_auto_scaling_group();
    let refused = refused.auto_scaling_group_name("web").send().await;
    let refused = refused.unwrap_err().into_service_error();
    assert_eq!(refused.code(), Some("ResourceInUse"));

    sim.end(&id, false).await.unwrap();
    sim.wait(300).await;
    assert_eq!(sim.states().await, (0, Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn only_instances_in_service_enter_and_the_sizes_must_allow_it() {
    let sim = Sim::new(vec![sleeper("web", "1")]);
    let id = sim.wake("web").await;
    sim.set_capacity("web", 1, 1, 1).await;
    let refused = sim.enter(&id, true).await.unwrap_err();
    assert_eq!(
        refused,
        "AutoScalingGroup web has min-size=1, max-size=1, and desired-size=1. To place into standby \
         1 instance, please update the AutoScalingGroup sizes appropriately."
    );
    sim.enter(&id, false).await.unwrap();
    let refused = sim.enter(&id, false).await.unwrap_err();
    assert_eq!(refused, format!("The instance {id} is not in InService."));
    sim.wait(60).await;
    let (desired, mut found) = sim.states().await;
    found.sort();
    assert_eq!((desired, found), (1, states(&["InService", "Standby"])));
    // It would be one more than the maximum.
    assert!(sim.exit(&id).await.unwrap_err().contains("max-size=1"));
    sim.set_capacity("web", 1, 2, 1).await;
    sim.exit(&id).await.unwrap();
    sim.wait(60).await;
    assert_eq!(sim.states().await, (2, states(&["InService", "InService"])));
}

#[tokio::test(start_paused = true)]
async fn standby_leaves_the_load_balancer_first_and_fires_no_hook() {
    let mut group = sleeper("web", "1");
    group.target_groups = vec!["arn:tg".into()];
    let sim = Sim::new(vec![group]);
    let id = sim.wake("web").await;
    let registered = || {
        let membership = |w: &mut World| w.instances[&id].membership.clone();
        sim.account.with_world(membership).unwrap().in_load_balancer
    };
    sim.account.with_world(|w| {
        for transition in [Transition::Launching, Transition::Terminating] {
            w.group_mut("web").unwrap().hooks.push(LifecycleHook {
                name: format!("{transition:?}"),
                transition,
                heartbeat_seconds: 600,
                default_continue: true,
                completed_after_seconds: None,
            });
        }
    });
    assert!(registered());
    sim.enter(&id, true).await.unwrap();
    sim.wait(290).await;
    assert_eq!(sim.states().await, (0, states(&["EnteringStandby"])));
    sim.wait(15).await;
    assert_eq!(sim.states().await, (0, states(&["Standby"])));
    assert!(!registered());
    sim.exit(&id).await.unwrap();
    sim.wait(10).await;
    assert_eq!(sim.states().await, (1, states(&["InService"])));
    assert!(registered());
    sim.enter(&id, true).await.unwrap();
    sim.wait(310).await;
    sim.end(&id, false).await.unwrap();
    sim.wait(60).await;
    assert_eq!(sim.states().await, (0, states(&["Terminating:Wait"])));
}

#[tokio::test(start_paused = true)]
async fn scale_in_takes_the_oldest_version_then_the_next_billing_hour() {
    let sim = Sim::new(vec![sleeper("web", "1")]);
    sim.account
        .with_world(|w| w.group_mut("web").unwrap().zones = vec!["eu-west-1a".into()]);
    let first = sim.wake("web").await;
    sim.wait(3000).await;
    sim.set_capacity("web", 0, 2, 2).await;
    sim.wait(1500).await;
    // The first is 76 min old, 44 min from its next hour; the second is 25 min old, 35 min from it.
    sim.set_capacity("web", 0, 2, 1).await;
    sim.wait(120).await;
    let left = sim.group("web").await;
    assert_eq!(left.instances().len(), 1);
    assert_eq!(left.instances()[0].instance_id(), Some(first.as_str()));
    // With a newer version beside it, the first goes, whatever its hour.
    sim.account.with_world(|w| {
        let data = TemplateData::of_image("ami-1", "t3.small");
        let (id, description) = ("lt-1", None);
        templates::create_version(w, id, None, description, &data).unwrap();
        w.group_mut("web").unwrap().launch = spec("2");
    });
    sim.set_capacity("web", 0, 2, 2).await;
    sim.wait(60).await;
    sim.set_capacity("web", 0, 2, 1).await;
    sim.wait(120).await;
    let left = sim.group("web").await;
    let version = left.instances()[0].launch_template().unwrap().version();
    assert_eq!((left.instances().len(), version), (1, Some("2")));
}

#[tokio::test(start_paused = true)]
async fn another_takes_the_instances_of_a_role_out_of_standby() {
    let sim = Sim::new(vec![sleeper("web", "1")]);
    let id = sim.wake("web").await;
    sim.enter(&id, true).await.unwrap();
    sim.wait(5).await;
    let exits = |role: &str| {
        sim.account.with_world(|w| {
            let action = Action::ExitStandby("web".into(), Some(role.into()));
            let now = Trigger::At(w.now);
            rivals::plan(w, now, action);
            w.instances.get_mut(&id).unwrap().tags =
                [("asg-patch:role".to_owned(), "build".to_owned())].into();
        });
    };
    exits("canary");
    sim.wait(10).await;
    assert_eq!(sim.states().await, (0, states(&["Standby"])));
    exits("build");
    sim.wait(10).await;
    assert_eq!(sim.states().await, (1, states(&["InService"])));
}
