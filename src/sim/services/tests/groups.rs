//! Groups: capacity, processes, hooks, scheduled actions.

use aws_sdk_autoscaling::error::ProvideErrorMetadata;
use aws_sdk_autoscaling::types as asg;

use super::{Sim, sleeper};
use crate::sim::world::commands;
use crate::sim::world::groups::{AlarmPolicy, LifecycleHook, ScheduledAction, Transition};

#[tokio::test(start_paused = true)]
async fn a_sleeping_group_wakes_only_with_its_maximum_raised() {
    let sim = Sim::new(vec![sleeper("web", "1")]);
    let refused = sim
        .asg
        .set_desired_capacity()
        .auto_scaling_group_name("web")
        .desired_capacity(1);
    let refused = refused.send().await.unwrap_err().into_service_error();
    assert_eq!(refused.code(), Some("ValidationError"));
    let outside = sim
        .asg
        .update_auto_scaling_group()
        .auto_scaling_group_name("web");
    let outside = outside
        .desired_capacity(2)
        .max_size(1)
        .send()
        .await
        .unwrap_err();
    assert_eq!(
        outside.into_service_error().message(),
        Some("Desired capacity:2 must be between the specified min size:0 and max size:1")
    );

    let id = sim.wake("web").await;
    let group = sim.group("web").await;
    let instance = &group.instances()[0];
    assert_eq!(instance.launch_template().unwrap().version(), Some("1"));
    let newest = &sim.activities("web").await[0];
    assert_eq!(
        newest.description(),
        Some(&*format!("Launching a new EC2 instance: {id}"))
    );
    assert_eq!(
        newest.status_code(),
        Some(&asg::ScalingActivityStatusCode::Successful)
    );
    let seen = sim
        .ec2
        .describe_instances()
        .instance_ids(&id)
        .send()
        .await
        .unwrap();
    let seen = &seen.reservations()[0].instances()[0];
    assert_eq!(seen.image_id(), Some("ami-1"));
    assert!(
        seen.tags()
            .iter()
            .any(|t| t.key() == Some("aws:autoscaling:groupName"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_protected_instance_outlives_its_scale_in() {
    let sim = Sim::new(vec![sleeper("web", "1")]);
    let id = sim.wake("web").await;
    let protect = |on: bool| {
        let call = sim
            .asg
            .set_instance_protection()
            .auto_scaling_group_name("web");
        call.instance_ids(&id).protected_from_scale_in(on).send()
    };
    protect(true).await.unwrap();
    sim.set_capacity("web", 0, 0, 0).await;
    sim.wait(120).await;
    let group = sim.group("web").await;
    assert_eq!(
        (group.desired_capacity(), group.instances().len()),
        (Some(0), 1)
    );
    let said = &sim.activities("web").await[0];
    assert!(
        said.description()
            .unwrap()
            .contains("all remaining instances are protected")
    );
    protect(false).await.unwrap();
    sim.wait(120).await;
    assert!(sim.group("web").await.instances().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_suspended_terminate_holds_only_what_is_in_service() {
    let sim = Sim::new(vec![sleeper("web", "1")]);
    let serving = sim.wake("web").await;
    sim.account.with_world(|w| {
        let hook = LifecycleHook {
            name: "boot".into(),
            transition: Transition::Launching,
            heartbeat_seconds: 3600,
            default_continue: true,
            completed_after_seconds: None,
        };
        w.group_mut("web").unwrap().hooks.push(hook);
    });
    sim.set_capacity("web", 0, 2, 2).await;
    sim.wait(60).await;
    assert_eq!(sim.group("web").await.instances().len(), 2);
    let call = sim.asg.suspend_processes().auto_scaling_group_name("web");
    call.scaling_processes("Terminate").send().await.unwrap();
    sim.set_capacity("web", 0, 2, 0).await;
    sim.wait(120).await;
    let group = sim.group("web").await;
    let left: Vec<_> = group.instances().iter().map(|i| i.instance_id()).collect();
    assert_eq!(left, [Some(serving.as_str())]);
}

#[tokio::test(start_paused = true)]
async fn a_scheduled_action_is_lost_while_suspended_and_runs_when_not() {
    let mut group = sleeper("web", "1");
    let morning = ScheduledAction {
        name: "morning".into(),
        min: Some(1),
        max: Some(3),
        desired: Some(1),
        recurrence: Some("0 7 * * *".into()),
        time_zone: Some("Europe/Berlin".into()),
        ..ScheduledAction::default()
    };
    group.scheduled.insert("morning".into(), morning);
    let sim = Sim::new(vec![group]);
    let process = "ScheduledActions";
    let call = sim.asg.suspend_processes().auto_scaling_group_name("web");
    call.scaling_processes(process).send().await.unwrap();
    sim.wait(6 * 3600).await; // 07:00 in Berlin is 06:00 UTC: past it
    let call = sim.asg.resume_processes().auto_scaling_group_name("web");
    call.scaling_processes(process).send().await.unwrap();
    sim.wait(3600).await;
    assert_eq!(sim.group("web").await.desired_capacity(), Some(0));
    let actions = sim
        .asg
        .describe_scheduled_actions()
        .auto_scaling_group_name("web");
    let actions = actions.send().await.unwrap();
    let next = actions.scheduled_update_group_actions()[0]
        .start_time()
        .unwrap();
    assert_eq!(next.to_string(), "2026-03-08T06:00:00Z");
    sim.wait(22 * 3600 + 120).await;
    let group = sim.group("web").await;
    assert_eq!(
        (group.min_size(), group.max_size(), group.instances().len()),
        (Some(1), Some(3), 1)
    );
}

#[tokio::test(start_paused = true)]
async fn hooks_hold_and_abandon() {
    let mut group = sleeper("web", "1");
    group.hooks.push(LifecycleHook {
        name: "warm".into(),
        transition: Transition::Launching,
        heartbeat_seconds: 300,
        default_continue: false,
        completed_after_seconds: None,
    });
    let sim = Sim::new(vec![group]);
    sim.set_capacity("web", 0, 1, 1).await;
    sim.wait(60).await;
    let held = sim.group("web").await;
    let state = held.instances()[0].lifecycle_state().unwrap();
    assert_eq!(state, &asg::LifecycleState::PendingWait);
    sim.wait(300).await;
    let cancelled = sim.activities("web").await;
    let cancelled = cancelled
        .iter()
        .find(|a| a.status_code().unwrap().as_str() == "Cancelled")
        .unwrap();
    assert!(
        cancelled
            .status_message()
            .unwrap()
            .contains("was abandoned")
    );
    sim.wait(60).await;
    let held = sim.group("web").await;
    let id = held.instances()[0].instance_id().unwrap();
    let complete = sim
        .asg
        .complete_lifecycle_action()
        .auto_scaling_group_name("web");
    let complete = complete.lifecycle_hook_name("warm").instance_id(id);
    complete
        .lifecycle_action_result("CONTINUE")
        .send()
        .await
        .unwrap();
    assert_eq!(
        sim.group("web").await.instances()[0]
            .lifecycle_state()
            .unwrap()
            .as_str(),
        "InService"
    );
}

#[tokio::test(start_paused = true)]
async fn processes_act_unless_suspended() {
    let mut group = sleeper("web", "1");
    (group.max, group.desired) = (4, 2);
    group.health_check_type = "ELB".into();
    group.target_groups = vec!["arn:tg".into()];
    group.drain_seconds = 0;
    let mut alarmed = sleeper("alarmed", "1");
    (alarmed.max, alarmed.desired) = (1, 1);
    alarmed.alarm = Some(AlarmPolicy {
        every_seconds: 600,
        adjustment: -1,
    });
    let sim = Sim::new(vec![group, alarmed]);
    sim.wait(90).await;
    let ids = |g: &asg::AutoScalingGroup| -> Vec<String> {
        g.instances()
            .iter()
            .filter_map(|i| i.instance_id().map(str::to_owned))
            .collect()
    };
    let before = ids(&sim.group("web").await);
    assert_eq!(before.len(), 2);
    // A guest that reboots behind a load balancer is replaced; under a suspension it is not.
    let reboot = |id: &str| sim.account.with_world(|w| commands::reboot_guest(w, id));
    let call = sim.asg.suspend_processes().auto_scaling_group_name("web");
    call.scaling_processes("HealthCheck").send().await.unwrap();
    reboot(&before[0]);
    sim.wait(120).await;
    assert_eq!(ids(&sim.group("web").await), before);
    let call = sim.asg.resume_processes().auto_scaling_group_name("web");
    call.scaling_processes("HealthCheck").send().await.unwrap();
    reboot(&before[0]);
    sim.wait(120).await;
    let after = ids(&sim.group("web").await);
    assert!(!after.contains(&before[0]) && after.contains(&before[1]) && after.len() == 2);
    // Both instances of one zone end up in two zones again.
    let zone = |g: &asg::AutoScalingGroup| -> std::collections::BTreeSet<String> {
        g.instances()
            .iter()
            .filter_map(|i| i.availability_zone().map(str::to_owned))
            .collect()
    };
    assert_eq!(zone(&sim.group("web").await).len(), 2);
    sim.account.with_world(|w| {
        for i in w.instances.values_mut() {
            i.zone = "eu-west-1a".into();
        }
    });
    sim.set_capacity("web", 2, 4, 2).await;
    sim.wait(180).await;
    let balanced = sim.group("web").await;
    assert_eq!((zone(&balanced).len(), balanced.instances().len()), (2, 2));
    sim.wait(400).await;
    assert_eq!(sim.group("alarmed").await.desired_capacity(), Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_group_shows_what_was_never_set_as_aws_does() {
    let mut managed = sleeper("managed", "1");
    managed.operator = Some("eks.amazonaws.com".into());
    let sim = Sim::new(vec![sleeper("web", "1"), managed]);
    let group = sim.group("web").await;
    let zones = group.availability_zone_distribution().unwrap();
    assert_eq!(
        zones.capacity_distribution_strategy(),
        Some(&asg::CapacityDistributionStrategy::BalancedBestEffort)
    );
    let reservations = group.capacity_reservation_specification().unwrap();
    assert_eq!(
        reservations.capacity_reservation_preference(),
        Some(&asg::CapacityReservationPreference::Default)
    );
    assert_eq!(group.capacity_rebalance(), None);
    assert_eq!(group.desired_capacity_type(), None);
    assert!(group.operator().is_none());
    let managed = sim.group("managed").await;
    let operator = managed.operator().unwrap();
    assert_eq!(operator.principal(), Some("eks.amazonaws.com"));
}
