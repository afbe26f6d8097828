//! Every variant of every open belief shows in what the account does.

use std::collections::BTreeSet;

use aws_sdk_autoscaling::error::ProvideErrorMetadata;
use aws_sdk_autoscaling::types as asg;
use chrono::Timelike;

use super::{START, Sim, sleeper, spec};
use crate::sim::account::Reply;
use crate::sim::beliefs::OPEN;
use crate::sim::sdk::sdk_config;
use crate::sim::world::automations::{Course, Runbook};
use crate::sim::world::groups::{LaunchSource, MixedPolicy, Override, ScheduledAction};
use crate::sim::world::guest::Family;
use crate::sim::world::instance;

#[tokio::test(start_paused = true)]
async fn every_variant_shows() {
    for row in OPEN {
        let mut seen = BTreeSet::new();
        for (variant, _) in row.variants {
            let found = observed(row.id, variant).await;
            assert!(
                seen.insert(found.clone()),
                "{} = {variant} looks like another variant: {found}",
                row.id
            );
        }
    }
}

fn hourly() -> ScheduledAction {
    ScheduledAction {
        name: "hourly".into(),
        desired: Some(1),
        max: Some(1),
        recurrence: Some("0 * * * *".into()),
        ..ScheduledAction::default()
    }
}

fn sim(id: &str, variant: &str) -> Sim {
    let mut group = sleeper("web", "1");
    if id.contains("action") || id == "recurring-start-time" {
        group.scheduled.insert("hourly".into(), hourly());
    }
    if id == "standby-decrement-weight" {
        let LaunchSource::Template(base) = spec("1") else {
            unreachable!("spec makes templates");
        };
        let weighty = Override {
            weight: Some("2".into()),
            ..Override::default()
        };
        group.launch = LaunchSource::Mixed(MixedPolicy {
            distribution: Default::default(),
            base,
            overrides: vec![weighty],
        });
    }
    let sim = Sim::new(vec![
        group,
        sleeper("a", "1"),
        sleeper("b", "1"),
        sleeper("c", "1"),
    ]);
    sim.account.with_world(|w| {
        w.beliefs.choose(id, variant).unwrap();
        if id == "late-action-and-suspension" {
            w.beliefs
                .choose("scheduled-action-delay", "two-minutes")
                .unwrap();
        }
    });
    sim
}

async fn observed(id: &str, variant: &str) -> String {
    let sim = sim(id, variant);
    match id {
        "standby-counts-against-max" => {
            let first = sim.wake("web").await;
            sim.standby(&first, true).await;
            sim.wait(5).await;
            sim.set_capacity("web", 0, 1, 1).await;
            sim.wait(60).await;
            sim.lifecycles("web").await
        }
        "standby-termination-decrement" => {
            let first = sim.wake("web").await;
            sim.set_capacity("web", 0, 2, 1).await;
            sim.standby(&first, false).await;
            sim.wait(60).await;
            let call = sim.asg.terminate_instance_in_auto_scaling_group();
            let call = call.instance_id(first);
            let ended = call.should_decrement_desired_capacity(true).send().await;
            let code = ended.err().and_then(|e| e.code().map(str::to_owned));
            let desired = sim.group("web").await.desired_capacity();
            format!("{desired:?} {code:?}")
        }
        "standby-decrement-weight" => {
            sim.set_capacity("web", 0, 2, 2).await;
            sim.wait(60).await;
            let group = sim.group("web").await;
            let only = group.instances()[0].instance_id().unwrap();
            sim.standby(only, true).await;
            format!("{:?}", sim.group("web").await.desired_capacity())
        }
        "window-at-skipped-time" => {
            let ssm = aws_sdk_ssm::Client::new(&sdk_config(&sim.account, "test"));
            let made = ssm.create_maintenance_window().name("dawn");
            let made = made.schedule("cron(30 2 ? * SUN *)");
            let made = made.schedule_timezone("America/New_York");
            let made = made.duration(2).cutoff(0).allow_unassociated_targets(true);
            made.send().await.unwrap();
            let shown = ssm.describe_maintenance_windows().send().await.unwrap();
            let next = shown.window_identities()[0].next_execution_time();
            next.unwrap_or_default().to_owned()
        }
        "automation-token-again" => {
            let ssm = aws_sdk_ssm::Client::new(&sdk_config(&sim.account, "test"));
            let runbook = Runbook::new("Acme-Tell", "{}", Course::default());
            sim.account
                .with_world(|w| w.ssm.runbooks.insert(runbook.name.clone(), runbook));
            let start = || {
                let start = ssm.start_automation_execution().document_name("Acme-Tell");
                start.client_token("0a1b2c3d-0000-4000-8000-000000000001")
            };
            let first = start().send().await.unwrap();
            sim.wait(2).await;
            match start().send().await {
                Ok(again) => {
                    let (first, again) =
                        (first.automation_execution_id, again.automation_execution_id);
                    format!("{}", first == again)
                }
                Err(refused) => format!("{:?}", refused.code()),
            }
        }
        "standby-move-time" => {
            let first = sim.wake("web").await;
            sim.standby(&first, true).await;
            sim.wait(10).await;
            sim.lifecycles("web").await
        }
        "standby-ended-from-outside" => {
            let first = sim.wake("web").await;
            sim.standby(&first, true).await;
            sim.wait(5).await;
            sim.account
                .with_world(|w| instance::terminate(w, &first).unwrap());
            sim.wait(120).await;
            sim.lifecycles("web").await
        }
        "scheduled-action-delay" => {
            sim.wait(48 * 3600).await;
            let late = |a: &asg::Activity| a.start_time().unwrap().secs() % 3600;
            let executed = |a: &&asg::Activity| {
                let text = a.description().unwrap();
                text.starts_with("Executing scheduled action")
            };
            let activities = sim.activities("web").await;
            let latest = activities.iter().filter(executed).map(late).max().unwrap();
            assert!(latest <= 121, "{latest}");
            format!("{}", (latest + 59) / 60)
        }
        "late-action-and-suspension" => {
            // The run that is due at the start is not the one that counts.
            sim.wait(600).await;
            sim.set_capacity("web", 0, 4, 0).await;
            sim.wait(3001).await;
            let call = sim.asg.suspend_processes().auto_scaling_group_name("web");
            call.scaling_processes("ScheduledActions")
                .send()
                .await
                .unwrap();
            sim.wait(300).await;
            format!("{:?}", sim.group("web").await.desired_capacity())
        }
        "recurring-start-time" => {
            let found = sim.asg.describe_scheduled_actions().send().await.unwrap();
            let found = &found.scheduled_update_group_actions()[0];
            format!("{:?}", found.start_time())
        }
        "auto-scaling-read-delay" => {
            let mut stale = false;
            for max in 1..10 {
                sim.set_capacity("web", 0, max, 0).await;
                stale |= sim.group("web").await.max_size() != Some(max);
                sim.wait(10).await;
                assert_eq!(sim.group("web").await.max_size(), Some(max));
            }
            format!("stale: {stale}")
        }
        "new-member-shown" => {
            sim.set_capacity("web", 0, 1, 1).await;
            sim.wait(9).await;
            sim.lifecycles("web").await
        }
        "min-version" => {
            let call = sim.ec2.describe_launch_template_versions();
            let found = call
                .launch_template_id("lt-1")
                .min_version("1")
                .send()
                .await;
            format!("{}", found.unwrap().launch_template_versions().len())
        }
        "ec2-read-delay" => {
            let id = sim.wake("web").await;
            let create = sim.ec2.create_image().instance_id(id).name("new").send();
            let image = create.await.unwrap().image_id().unwrap().to_owned();
            sim.wait(3).await;
            let found = sim.ec2.describe_images().image_ids(image).send().await;
            format!("found: {}", found.is_ok())
        }
        "launch-time" => {
            let id = sim.wake("web").await;
            let found = sim
                .ec2
                .describe_instances()
                .instance_ids(id)
                .send()
                .await
                .unwrap();
            let at = found.reservations()[0].instances()[0]
                .launch_time()
                .unwrap();
            format!("fraction: {}", at.subsec_nanos() > 0)
        }
        "dry-run-order" => {
            let call = sim.ec2.create_image().instance_id("i-00000000").name("new");
            let refused = call.dry_run(true).send().await.unwrap_err();
            format!("{:?}", refused.code())
        }
        "image-name-reuse" => {
            let id = sim.wake("web").await;
            let image = sim.create_image(&id, "new").await;
            let gone = sim.ec2.deregister_image().image_id(image).send().await;
            gone.unwrap();
            let call = || sim.ec2.create_image().instance_id(&id).name("new").send();
            let soon = call().await.is_ok();
            sim.wait(if soon { 0 } else { 60 }).await;
            assert!(soon || call().await.is_ok());
            format!("at once: {soon}")
        }
        "answer-order" => {
            let mut orders = BTreeSet::new();
            for _ in 0..5 {
                let found = sim.asg.describe_auto_scaling_groups().send().await.unwrap();
                let names = found.auto_scaling_groups().iter();
                let names = names.map(|g| g.auto_scaling_group_name().unwrap().to_owned());
                orders.insert(names.collect::<Vec<_>>().join(" "));
                sim.wait(1).await;
            }
            match orders.len() {
                1 => orders.pop_first().unwrap(),
                _ => "various".into(),
            }
        }
        "date-header" => {
            let target = Some("AmazonSSM.DescribeInstanceInformation");
            let Reply::Response(response) = sim.account.serve(target, b"{}").await else {
                unreachable!("no fault was asked for");
            };
            let headers = response.headers();
            let date = headers.iter().find(|(name, _)| *name == "date");
            assert!(date.is_none_or(|(_, at)| at == "Sat, 07 Mar 2026 01:00:00 GMT"));
            format!("{}", date.is_some())
        }
        "command-on-dead-instance" => dead_command(&sim).await,
        "agent-and-first-boot" => firsts(&sim).await,
        "installed-time" => installed_times(&sim).await,
        other => unreachable!("no observation for the belief {other}"),
    }
}

impl Sim {
    pub(super) async fn standby(&self, id: &str, decrement: bool) {
        let call = self.asg.enter_standby().auto_scaling_group_name("web");
        let call = call
            .instance_ids(id)
            .should_decrement_desired_capacity(decrement);
        call.send().await.unwrap();
    }

    /// The members' states, sorted.
    pub(super) async fn lifecycles(&self, name: &str) -> String {
        let group = self.group(name).await;
        let states = group.instances().iter();
        let mut states: Vec<_> = states
            .map(|i| i.lifecycle_state().unwrap().as_str().to_owned())
            .collect();
        states.sort();
        states.join(" ")
    }
}

/// A minute after its instance was terminated, and an hour later; the command has half an hour.
async fn dead_command(sim: &Sim) -> String {
    let id = sim.wake("web").await;
    sim.wait(120).await;
    let ssm = aws_sdk_ssm::Client::new(&crate::sim::sdk::sdk_config(&sim.account, "dead"));
    let send = ssm.send_command().document_name("AWS-RunPatchBaseline");
    let send = send.parameters("Operation", vec!["Scan".into()]);
    let send = send.instance_ids(&id).timeout_seconds(1800);
    let sent = send.send().await.unwrap();
    let command = sent.command().unwrap().command_id().unwrap().to_owned();
    sim.wait(4).await;
    sim.account
        .with_world(|w| instance::terminate(w, &id).unwrap());
    let mut found = Vec::new();
    for seconds in [60, 3 * 3600] {
        sim.wait(seconds).await;
        let listed = ssm.list_command_invocations().command_id(&command);
        let listed = listed.send().await.unwrap();
        let shown = listed.command_invocations()[0].status_details();
        found.push(shown.unwrap().to_owned());
    }
    found.join(" ")
}

/// The first of the two, among forty instances.
async fn firsts(sim: &Sim) -> String {
    sim.set_capacity("web", 0, 40, 40).await;
    let (mut firsts, mut decided) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..150 {
        sim.wait(1).await;
        sim.account.with_world(|w| {
            for (id, i) in &w.instances {
                let (online, booted) = (i.agent.is_some(), !i.boot.first.is_under_way());
                if online != booted && decided.insert(id.clone()) {
                    firsts.insert(if online { "online" } else { "booted" });
                }
            }
        });
    }
    firsts.into_iter().collect::<Vec<_>>().join(" ")
}

/// The time of a patch installed on 7 March at 00:30:07, by family.
async fn installed_times(sim: &Sim) -> String {
    let id = sim.wake("web").await;
    let at: chrono::DateTime<chrono::Utc> = START.parse().unwrap();
    let at = at.with_hour(0).unwrap() + chrono::TimeDelta::seconds(1807);
    let ssm = aws_sdk_ssm::Client::new(&crate::sim::sdk::sdk_config(&sim.account, "times"));
    let mut times = Vec::new();
    sim.wait(120).await;
    for family in [Family::Amazon, Family::Debian, Family::Windows] {
        sim.account.with_world(|w| {
            let guest = &mut w.instances.get_mut(&id).unwrap().guest;
            guest.family = family;
            guest.missing.clear();
            guest.installed = vec![("p".into(), at.timestamp())].into();
        });
        let send = ssm.send_command().document_name("AWS-RunPatchBaseline");
        let send = send
            .instance_ids(&id)
            .parameters("Operation", vec!["Scan".into()]);
        send.send().await.unwrap();
        sim.wait(60).await;
        let found = ssm
            .describe_instance_patches()
            .instance_id(&id)
            .send()
            .await
            .unwrap();
        times.push(found.patches()[0].installed_time().secs().to_string());
    }
    times.join(" ")
}
