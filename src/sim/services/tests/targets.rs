//! Target health, as the wire has it.

use super::{Sim, sleeper};
use crate::sim::account::Reply;
use crate::sim::world::behaviour::{Behaviour, Failure};

impl Sim {
    /// The body that answers a change of the targets of this target group.
    async fn change_target(&self, action: &str, arn: &str, id: &str) -> String {
        let form = format!(
            "Action={action}&Version=2015-12-01&TargetGroupArn={arn}&Targets.member.1.Id={id}"
        );
        match self.account.serve(None, form.as_bytes()).await {
            Reply::Response(response) => response.body,
            other => unreachable!("no fault was asked for: {other:?}"),
        }
    }

    /// The body that answers DescribeTargetHealth for this target group and instance.
    async fn target(&self, arn: &str, id: &str) -> String {
        let form = format!(
            "Action=DescribeTargetHealth&Version=2015-12-01&TargetGroupArn={arn}&Targets.member.1.Id={id}"
        );
        match self.account.serve(None, form.as_bytes()).await {
            Reply::Response(response) => response.body,
            other => unreachable!("no fault was asked for: {other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_becomes_healthy_and_drains() {
    let mut group = sleeper("web", "1");
    group.target_groups = vec!["arn:tg".into()];
    let mut ill = sleeper("ill", "1");
    ill.target_groups = vec!["arn:ill".into()];
    ill.behaviour = Behaviour {
        failure: Some(Failure::TargetUnhealthy),
        ..Behaviour::default()
    }
    .into();
    let sim = Sim::new(vec![group, ill]);
    let (id, ill) = (sim.wake("web").await, sim.wake("ill").await);
    sim.wait(40).await;
    let state = |state: &str| format!("<State>{state}</State>");
    let healthy = sim.target("arn:tg", &id).await;
    assert!(healthy.contains(&state("healthy")), "{healthy}");
    assert!(
        sim.target("arn:ill", &ill)
            .await
            .contains(&state("unhealthy"))
    );
    assert!(
        sim.target("arn:tg", &ill)
            .await
            .contains("Target.NotRegistered")
    );
    assert!(
        sim.target("arn:none", &id)
            .await
            .contains("TargetGroupNotFound")
    );
    sim.standby(&id, true).await;
    sim.wait(200).await;
    assert!(sim.target("arn:tg", &id).await.contains(&state("draining")));
    sim.wait(105).await;
    assert!(sim.target("arn:tg", &id).await.contains(&state("unused")));
    let exit = sim.asg.exit_standby().auto_scaling_group_name("web");
    exit.instance_ids(&id).send().await.unwrap();
    sim.wait(10).await;
    assert!(sim.target("arn:tg", &id).await.contains(&state("initial")));
    sim.wait(60).await;
    assert!(sim.target("arn:tg", &id).await.contains(&state("healthy")));
}

#[tokio::test(start_paused = true)]
async fn a_standby_instance_is_registered_by_itself_and_drains() {
    let mut group = sleeper("web", "1");
    group.target_groups = vec!["arn:tg".into()];
    let sim = Sim::new(vec![group]);
    let id = sim.wake("web").await;
    let state = |state: &str| format!("<State>{state}</State>");
    sim.standby(&id, true).await;
    sim.wait(310).await;
    assert!(sim.target("arn:tg", &id).await.contains(&state("unused")));
    let none = sim.change_target("RegisterTargets", "arn:none", &id).await;
    assert!(none.contains("TargetGroupNotFound"), "{none}");
    let stranger = sim.change_target("RegisterTargets", "arn:tg", "i-0").await;
    assert!(stranger.contains("InvalidTarget"), "{stranger}");
    // Registered once or twice is the same.
    for _ in 0..2 {
        let done = sim.change_target("RegisterTargets", "arn:tg", &id).await;
        assert!(done.contains("RegisterTargetsResult"), "{done}");
    }
    assert!(sim.target("arn:tg", &id).await.contains(&state("initial")));
    sim.wait(40).await;
    assert!(sim.target("arn:tg", &id).await.contains(&state("healthy")));
    sim.change_target("DeregisterTargets", "arn:tg", &id).await;
    sim.wait(200).await;
    assert!(sim.target("arn:tg", &id).await.contains(&state("draining")));
    sim.wait(105).await;
    assert!(
        sim.target("arn:tg", &id)
            .await
            .contains("Target.NotRegistered")
    );
    // A terminated instance is no target any more.
    sim.change_target("RegisterTargets", "arn:tg", &id).await;
    let end = sim.asg.terminate_instance_in_auto_scaling_group();
    let end = end
        .instance_id(&id)
        .should_decrement_desired_capacity(false);
    end.send().await.unwrap();
    sim.wait(60).await;
    assert!(sim.target("arn:tg", &id).await.contains(&state("unused")));
}
