//! Beliefs about capacities, scale-in and replacement; and about new members.

use chrono::{DateTime, Utc};

use super::bench::{Bench, LAUNCH, must};
use super::trouble::{Trouble, given};

/// A scale-in or a replacement that is to come begins within this, seconds.
const SOON: u64 = 90;
/// Reads after a change, to find one that lags.
const READS: i32 = 8;
/// EC2 and its group show a new instance at about the same time if they are this near, seconds.
const NEAR: f64 = 4.0;

/// Bounds and reads, of a group that launches nothing.
pub(super) async fn bounds(bench: &Bench) -> Result<(), Trouble> {
    bench.make((0, 0, 0)).await?;
    bench.suspend(&["Launch", "Terminate"]).await?;
    reads(bench).await?;
    bench.sized(0, 1, 0).await?;
    let pulled = bench.resize(1, 1, None).await?;
    let desired = bench.settled().await?.desired;
    let found = format!(
        "minimum 1 without a desired capacity: {}; the desired capacity is {desired}",
        pulled.words()
    );
    let holds = !pulled.is_refused() && desired == 1;
    bench.holds("bounds-pull-desired", holds, found);
    bench.sized(0, 1, 0).await?;
    let outside = bench.resize(0, 2, Some(3)).await?;
    let after = bench.settled().await?;
    let found = format!(
        "desired capacity 3 at a maximum of 2: {}; now {} of at most {}",
        outside.words(),
        after.desired,
        after.max
    );
    let unchanged = (after.desired, after.max) == (0, 1);
    let refused = outside.code() == Some("ValidationError");
    bench.holds("desired-outside-bounds", refused && unchanged, found);
    Ok(())
}

/// Changes the maximum and reads it at once, again and again.
async fn reads(bench: &Bench) -> Result<(), Trouble> {
    let mut stale = 0;
    for max in 1..=READS {
        bench.sized(0, max, 0).await?;
        if bench.shown().await?.max != max {
            stale += 1;
        }
        bench.settled().await?;
    }
    let variant = if stale == 0 { "at-once" } else { "seconds" };
    let found = format!("{stale} of {READS} reads after a change did not show it");
    bench.variant("auto-scaling-read-delay", Some(variant), found);
    Ok(())
}

/// A member in service while Terminate is suspended, then protected, at a desired capacity of 0.
pub(super) async fn protection(bench: &Bench) -> Result<(), Trouble> {
    bench.make((0, 1, 1)).await?;
    let id = bench.awake().await?;
    bench.suspend(&["Terminate"]).await?;
    bench.sized(0, 1, 0).await?;
    bench.wait(SOON).await;
    let state = bench.shown().await?.state(&id).to_owned();
    let found = format!("{SOON} s after a desired capacity of 0 its state was {state}");
    let holds = state == "InService";
    bench.holds("suspended-terminate-holds-in-service", holds, found);
    bench.sized(0, 1, 1).await?;
    bench.resume("Terminate").await?;
    let call = bench.aws.clients.autoscaling.set_instance_protection();
    let call = call.auto_scaling_group_name(&bench.name).instance_ids(&id);
    let sent = call.protected_from_scale_in(true).send().await;
    given("autoscaling:SetInstanceProtection", sent)?;
    bench.settled().await?;
    bench.sized(0, 1, 0).await?;
    bench.wait(SOON).await;
    let state = bench.shown().await?.state(&id).to_owned();
    let found = format!("{SOON} s after a desired capacity of 0 its state was {state}");
    bench.holds("protected-outlives-desired", state == "InService", found);
    Ok(())
}

/// A termination without decrement; before it, the launch itself.
pub(super) async fn successor(bench: &Bench) -> Result<(), Trouble> {
    bench.make((0, 1, 1)).await?;
    watch_launch(bench).await?;
    let id = bench.awake().await?;
    must(bench.end(&id, false).await?, "the termination")?;
    let desired = bench.settled().await?.desired;
    let other = bench.group_until(("a successor", SOON * 2), |g| {
        let other = g.members.iter().any(|m| m.id != id);
        (other || g.desired == 0).then_some(other)
    });
    let launched = match other.await {
        Ok(launched) => launched,
        Err(Trouble::Late { .. }) => false,
        Err(other) => return Err(other),
    };
    let words = if launched { "launched" } else { "not launched" };
    let found = format!("a successor was {words}; the desired capacity is {desired}");
    let holds = launched && desired == 1;
    bench.holds("terminate-without-decrement", holds, found);
    Ok(())
}

/// The moment at which EC2 shows the first member, and the one at which its group does.
async fn watch_launch(bench: &Bench) -> Result<(), Trouble> {
    let (mut by_ec2, mut by_group) = (None::<DateTime<Utc>>, None::<DateTime<Utc>>);
    let mut launch_time = None;
    let seen = async || {
        if by_ec2.is_none()
            && let Some(time) = launched_at(bench).await?
        {
            by_ec2 = Some(bench.now());
            launch_time = Some(time);
        }
        if by_group.is_none() && !bench.shown().await?.members.is_empty() {
            by_group = Some(bench.now());
        }
        Ok(by_ec2.zip(by_group))
    };
    let (by_ec2, by_group) = bench.until(("the new instance", LAUNCH), seen).await?;
    let later = (by_group - by_ec2).as_seconds_f64();
    let variant = if later <= NEAR { "soon" } else { "late" };
    let found = format!("the group showed it {later:.0} s later than EC2");
    bench.variant("new-member-shown", Some(variant), found);
    if let Some(time) = launch_time {
        let whole = time.subsec_nanos() == 0;
        let variant = if whole { "seconds" } else { "milliseconds" };
        let found = format!("LaunchTime had {} ms", time.subsec_nanos() / 1_000_000);
        bench.variant("launch-time", Some(variant), found);
    }
    Ok(())
}

/// The LaunchTime of the group's instance, as EC2 shows it.
async fn launched_at(bench: &Bench) -> Result<Option<aws_sdk_ec2::primitives::DateTime>, Trouble> {
    let filter = aws_sdk_ec2::types::Filter::builder()
        .name("tag:aws:autoscaling:groupName")
        .values(&bench.name)
        .build();
    let call = bench.aws.clients.ec2.describe_instances().filters(filter);
    let answer = given("ec2:DescribeInstances", call.send().await)?;
    let mut instances = answer.reservations().iter().flat_map(|r| r.instances());
    Ok(instances.next().and_then(|i| i.launch_time().copied()))
}
