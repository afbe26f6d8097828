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

impl Sim {
    /// The body that answers a call about an instance of a Classic Load Balancer.
    async fn classic(&self, action: &str, name: &str, id: &str) -> String {
        let form = format!(
            "Action={action}&Version=2012-06-01&LoadBalancerName={name}&Instances.member.1.InstanceId={id}"
        );
        match self.account.serve(None, form.as_bytes()).await {
            Reply::Response(response) => response.body,
            other => unreachable!("no fault was asked for: {other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_classic_load_balancer_registers_judges_and_drains() {
    const HEALTH: &str = "DescribeInstanceHealth";
    const REGISTER: &str = "RegisterInstancesWithLoadBalancer";
    const DEREGISTER: &str = "DeregisterInstancesFromLoadBalancer";
    let mut group = sleeper("web", "1");
    group.classic_load_balancers = vec!["old".into()];
    let sim = Sim::new(vec![group]);
    let id = sim.wake("web").await;
    let expect = async |action: &str, name: &str, id: &str, words: &[&str]| {
        let body = sim.classic(action, name, id).await;
        for words in words {
            assert!(body.contains(words), "{words}: {body}");
        }
    };
    // A member in service is registered by its group.
    sim.wait(40).await;
    let healthy =
        "<State>InService</State><ReasonCode>N/A</ReasonCode><Description>N/A</Description>";
    expect(HEALTH, "old", &id, &[healthy]).await;
    let draining = ["<State>InService</State>", "deregistration currently"];
    sim.standby(&id, true).await;
    sim.wait(200).await;
    expect(HEALTH, "old", &id, &draining).await;
    sim.wait(105).await;
    // Registered by itself, twice or once.
    for _ in 0..2 {
        let listed = format!("<InstanceId>{id}</InstanceId>");
        expect(REGISTER, "old", &id, &[&listed]).await;
    }
    let starting = ["<State>OutOfService</State>", "registration is still"];
    expect(HEALTH, "old", &id, &starting).await;
    sim.wait(40).await;
    expect(HEALTH, "old", &id, &[healthy]).await;
    expect(DEREGISTER, "old", &id, &["<Instances></Instances>"]).await;
    sim.wait(200).await;
    expect(HEALTH, "old", &id, &draining).await;
    sim.wait(105).await;
    let out = ["<State>OutOfService</State>", "not currently registered"];
    expect(HEALTH, "old", &id, &out).await;
    // What was registered once may be deregistered again; nothing else may.
    expect(DEREGISTER, "old", &id, &["<Instances></Instances>"]).await;
    for action in [HEALTH, DEREGISTER, REGISTER] {
        expect(action, "old", "i-0", &["InvalidInstance"]).await;
        expect(action, "none", &id, &["LoadBalancerNotFound"]).await;
    }
}
