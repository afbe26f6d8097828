//! Beliefs about instances on Standby.

use aws_sdk_autoscaling::types::{
    InstancesDistribution, LaunchTemplate, LaunchTemplateOverrides, MixedInstancesPolicy,
};
use chrono::{DateTime, Utc};

use super::bench::{Bench, LAUNCH, must};
use super::trouble::{Answer, Trouble, answer, given};

/// A launch or a scale-in that is to come begins within this, seconds.
const SOON: u64 = 90;
/// Moves into Standby that take longer than this are not called quick, seconds.
const QUICK_MOVE: f64 = 15.0;
/// The longest move that a variant describes, seconds.
const SLOW_MOVE: f64 = 150.0;

/// Into Standby and back, with the refusals and the capacity on the way.
pub(super) async fn there_and_back(bench: &Bench) -> Result<(), Trouble> {
    bench.make((1, 1, 1)).await?;
    let id = bench.awake().await?;
    decrement(bench, &id).await?;
    let again = bench.enter(&id, false).await?;
    let found = format!("EnterStandby of an instance on Standby: {}", again.words());
    bench.holds("standby-enter-in-service", again.is_refused(), found);
    if !again.is_refused() {
        bench.on_standby(&id).await?;
    }
    against_max(bench, &id).await?;
    back(bench, &id).await
}

/// A decrement keeps to the minimum and lowers the desired capacity.
async fn decrement(bench: &Bench, id: &str) -> Result<(), Trouble> {
    let below = bench.enter(id, true).await?;
    let mut begun = bench.now();
    bench.sized(0, 1, 1).await?;
    if below.is_refused() {
        begun = bench.now();
        must(bench.enter(id, true).await?, "EnterStandby")?;
    }
    bench.on_standby(id).await?;
    note_move(bench, begun);
    let desired = bench.settled().await?.desired;
    let found = format!(
        "at the minimum {}; above it the desired capacity went from 1 to {desired}",
        below.words()
    );
    let holds = below.is_refused() && desired == 0;
    bench.holds("standby-decrement", holds, found);
    Ok(())
}

fn note_move(bench: &Bench, begun: DateTime<Utc>) {
    let took = bench.since(begun);
    let variant = match took {
        t if t <= QUICK_MOVE => Some("seconds"),
        t if t <= SLOW_MOVE => Some("minute"),
        _ => None,
    };
    bench.variant("standby-move-time", variant, format!("{took:.0} s"));
}

/// MaxSize 1 with one instance on Standby: is another launched?
async fn against_max(bench: &Bench, id: &str) -> Result<(), Trouble> {
    bench.sized(0, 1, 1).await?;
    let other = bench.group_until(("another launch", SOON), |g| {
        g.members.iter().find(|m| m.id != id).map(|_| ())
    });
    let (variant, found) = match other.await {
        Ok(()) => ("no", "another instance was launched at MaxSize 1"),
        Err(Trouble::Late { .. }) => ("yes", "no other instance was launched at MaxSize 1"),
        Err(other) => return Err(other),
    };
    bench.variant("standby-counts-against-max", Some(variant), found);
    bench.sized(0, 1, 0).await
}

/// ExitStandby raises the desired capacity.
async fn back(bench: &Bench, id: &str) -> Result<(), Trouble> {
    let before = bench.settled().await?.desired;
    let call = bench.aws.clients.autoscaling.exit_standby();
    let call = call.auto_scaling_group_name(&bench.name).instance_ids(id);
    given("autoscaling:ExitStandby", call.send().await)?;
    let after = bench.settled().await?.desired;
    let found = format!("the desired capacity went from {before} to {after}");
    bench.holds("standby-exit-increments", after == before + 1, found);
    Ok(())
}

/// All capacities at zero, and a deletion without force, while an instance is on Standby.
pub(super) async fn at_zero(bench: &Bench) -> Result<(), Trouble> {
    bench.make((0, 1, 1)).await?;
    let id = bench.awake().await?;
    bench.aside(&id, true).await?;
    let zero = bench.resize(0, 0, Some(0)).await?;
    let found = format!("0-0-0 with an instance on Standby: {}", zero.words());
    bench.holds("standby-sizes-accepted", !zero.is_refused(), found);
    if !zero.is_refused() {
        bench.wait(SOON).await;
        let group = bench.shown().await?;
        let state = group.state(&id);
        let found = format!("{SOON} s after 0-0-0 its state was {state}");
        bench.holds("standby-not-scaled-in", state == "Standby", found);
    }
    if bench.shown().await?.state(&id) != "Standby" {
        return Err(Trouble::Unseen("the instance left Standby".into()));
    }
    let deleted = bench.until(("an answer to the deletion", LAUNCH), async || {
        let call = bench.aws.clients.autoscaling.delete_auto_scaling_group();
        let sent = call.auto_scaling_group_name(&bench.name).send().await;
        let deleted = answer("autoscaling:DeleteAutoScalingGroup", sent)?;
        let busy = deleted.code() == Some("ScalingActivityInProgress");
        Ok((!busy).then(|| (deleted.is_refused(), deleted.words().to_owned())))
    });
    let (refused, words) = deleted.await?;
    let found = format!("deletion without force: {words}");
    bench.holds("standby-blocks-deletion", refused, found);
    Ok(())
}

/// Termination through the group, without a decrement: during the move, then on Standby.
pub(super) async fn end_without_decrement(bench: &Bench) -> Result<(), Trouble> {
    bench.make((0, 1, 1)).await?;
    let id = bench.awake().await?;
    must(bench.enter(&id, true).await?, "EnterStandby")?;
    let asked_at = bench.now();
    let during = bench.end(&id, false).await?;
    match &during {
        Answer::Refused(code) => {
            let found = format!("refused: {code}");
            let is_busy = code == "ScalingActivityInProgress";
            bench.holds("standby-termination-during-move", is_busy, found);
        }
        Answer::Given(()) if moved_before(bench, asked_at).await? => bench.unseen(
            "standby-termination-during-move",
            "the move into Standby was over before the termination was asked for",
        ),
        Answer::Given(()) => bench.holds(
            "standby-termination-during-move",
            false,
            "accepted during the move",
        ),
    }
    if during.is_refused() {
        bench.on_standby(&id).await?;
        must(bench.end(&id, false).await?, "the termination")?;
    }
    bench.wait(SOON).await;
    let group = bench.shown().await?;
    let others = group.members.iter().filter(|m| m.id != id).count();
    let found = format!(
        "{SOON} s later: desired capacity {}, {others} other members",
        group.desired
    );
    let holds = group.desired == 0 && others == 0;
    bench.holds("standby-termination-no-replacement", holds, found);
    Ok(())
}

/// Whether the move into Standby ended well before `then`.
async fn moved_before(bench: &Bench, then: DateTime<Utc>) -> Result<bool, Trouble> {
    let call = bench.aws.clients.autoscaling.describe_scaling_activities();
    let sent = call.auto_scaling_group_name(&bench.name).send().await;
    let answer = given("autoscaling:DescribeScalingActivities", sent)?;
    let moves = answer.activities().iter().filter(|a| {
        let text = a.description().unwrap_or_default();
        text.to_lowercase().contains("to standby")
    });
    let offset = bench.aws.clients.clock_offset().unwrap_or_default();
    let is_over = |a: &aws_sdk_autoscaling::types::Activity| {
        let ended = a.end_time().map_or(i64::MAX, |t| t.secs());
        let well = a.status_code().is_some_and(|s| s.as_str() == "Successful");
        well && ended <= (then + offset).timestamp()
    };
    Ok(moves.take(1).any(is_over))
}

/// Termination through the group with a decrement, while a replacement keeps the desired capacity at 1.
pub(super) async fn end_with_decrement(bench: &Bench) -> Result<(), Trouble> {
    bench.make((0, 2, 1)).await?;
    let id = bench.awake().await?;
    bench.aside(&id, false).await?;
    let before = bench.settled().await?.desired;
    let ended = bench.end(&id, true).await?;
    let after = bench.settled().await?.desired;
    let found = format!(
        "{}; the desired capacity went from {before} to {after}",
        ended.words()
    );
    let variant = match (ended.is_refused(), before - after) {
        (true, 0) => Some("refused"),
        (false, 0) => Some("ignored"),
        (false, 1) => Some("lowers"),
        (true | false, _) => None,
    };
    bench.variant("standby-termination-decrement", variant, found);
    Ok(())
}

/// An instance on Standby is terminated by EC2.
pub(super) async fn end_from_outside(bench: &Bench) -> Result<(), Trouble> {
    bench.make((0, 1, 1)).await?;
    let id = bench.awake().await?;
    bench.aside(&id, true).await?;
    let ec2 = &bench.aws.clients.ec2;
    let sent = ec2.terminate_instances().instance_ids(&id).send().await;
    given("ec2:TerminateInstances", sent)?;
    let terminated = async || {
        let sent = ec2.describe_instances().instance_ids(&id).send().await;
        let answer = given("ec2:DescribeInstances", sent)?;
        let mut instances = answer.reservations().iter().flat_map(|r| r.instances());
        let state = instances.next().and_then(|i| i.state()?.name());
        Ok(state.filter(|s| s.as_str() == "terminated").map(|_| ()))
    };
    bench.until(("the termination", LAUNCH), terminated).await?;
    bench.wait(2 * SOON).await;
    let group = bench.shown().await?;
    let (variant, found) = match group.state(&id) {
        "Standby" => (Some("stays"), "still Standby".to_owned()),
        "gone" => (Some("leaves"), "no member any more".to_owned()),
        other => (None, other.to_owned()),
    };
    bench.variant("standby-ended-from-outside", variant, found);
    Ok(())
}

/// One member that weighs 2, of a desired capacity of 2.
pub(super) async fn weighted(bench: &Bench) -> Result<(), Trouble> {
    bench.make_template(bench.data().build()).await?;
    let policy = MixedInstancesPolicy::builder()
        .launch_template(
            LaunchTemplate::builder()
                .launch_template_specification(bench.at_version(Some("1")))
                .overrides(
                    LaunchTemplateOverrides::builder()
                        .instance_type(&bench.settings.instance_type)
                        .weighted_capacity("2")
                        .build(),
                )
                .build(),
        )
        .instances_distribution(
            InstancesDistribution::builder()
                .on_demand_percentage_above_base_capacity(100)
                .build(),
        )
        .build();
    bench
        .make_group((0, 2, 2), |call| {
            call.mixed_instances_policy(policy.clone())
        })
        .await?;
    let id = bench.awake().await?;
    must(bench.enter(&id, true).await?, "EnterStandby")?;
    let desired = bench.settled().await?.desired;
    let variant = match desired {
        0 => Some("weight"),
        1 => Some("one"),
        _ => None,
    };
    let found = format!("an instance of weight 2: the desired capacity went from 2 to {desired}");
    bench.variant("standby-decrement-weight", variant, found);
    Ok(())
}
