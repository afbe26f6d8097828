//! Beliefs about scheduled actions. The groups launch nothing: the actions change the maximum only.

use aws_smithy_types::DateTime as SdkDateTime;
use chrono::{DateTime, TimeDelta, Utc};

use super::bench::Bench;
use super::trouble::{Trouble, given};

/// A one-time action is put this long before it is due, seconds: none may be in the past when it arrives.
const AHEAD: i64 = 75;
/// After this long an action has run, or never will, seconds: documented are two minutes.
const LATEST: u64 = 150;
/// Actions whose delay is measured.
const ACTIONS: i32 = 4;
/// Seconds between them.
const APART: i64 = 10;
/// Delays up to this many seconds are those of the look, not of the action.
const ON_TIME: f64 = 10.0;
/// The longest delays of the variants, with the look's, seconds.
const MINUTE: f64 = 65.0;
const TWO_MINUTES: f64 = 130.0;

/// Puts a one-time action that sets the maximum.
async fn put(bench: &Bench, max: i32, due: DateTime<Utc>) -> Result<(), Trouble> {
    let clients = &bench.aws.clients;
    let call = clients.autoscaling.put_scheduled_update_group_action();
    let call = call
        .auto_scaling_group_name(&bench.name)
        .scheduled_action_name(format!("max-{max}"))
        .start_time(SdkDateTime::from_secs(due.timestamp()))
        .max_size(max);
    let sent = call.send().await;
    given("autoscaling:PutScheduledUpdateGroupAction", sent).map(|_| ())
}

/// AWS's time now.
fn aws_now(bench: &Bench) -> DateTime<Utc> {
    bench.now() + bench.aws.clients.clock_offset().unwrap_or_default()
}

/// The next whole second that is far enough ahead, by AWS's clock.
fn next_due(bench: &Bench) -> DateTime<Utc> {
    let at = aws_now(bench) + TimeDelta::seconds(AHEAD);
    DateTime::from_timestamp(at.timestamp(), 0).unwrap_or(at)
}

async fn wait_until(bench: &Bench, at: DateTime<Utc>) {
    let left = (at - aws_now(bench)).num_milliseconds();
    let left = u64::try_from(left).unwrap_or_default();
    let left = std::time::Duration::from_millis(left);
    bench.aws.clock.wait(left).await;
}

/// How late actions run.
pub(super) async fn delay(bench: &Bench) -> Result<(), Trouble> {
    bench.make((0, 1, 0)).await?;
    let first = next_due(bench);
    let due = |n: i32| first + TimeDelta::seconds(APART * i64::from(n));
    for n in 0..ACTIONS {
        put(bench, 10 + n, due(n)).await?;
    }
    wait_until(bench, first).await;
    let mut delays: Vec<f64> = Vec::new();
    for n in 0..ACTIONS {
        let seconds = LATEST + u64::try_from(APART).unwrap_or_default() * 4;
        let run = |g: &super::shown::Shown| (g.max >= 10 + n).then_some(());
        bench
            .group_until(("a scheduled action", seconds), run)
            .await?;
        delays.push((aws_now(bench) - due(n)).as_seconds_f64());
    }
    let longest = delays.iter().copied().fold(0.0, f64::max);
    let variant = match longest {
        d if d <= ON_TIME => Some("none"),
        d if d <= MINUTE => Some("minute"),
        d if d <= TWO_MINUTES => Some("two-minutes"),
        _ => None,
    };
    let shown: Vec<String> = delays.iter().map(|d| format!("{d:.0}")).collect();
    let found = format!("seen {} s after they were due", shown.join(", "));
    bench.variant("scheduled-action-delay", variant, found);
    Ok(())
}

/// An action falls due while ScheduledActions is suspended.
pub(super) async fn while_suspended(bench: &Bench) -> Result<(), Trouble> {
    bench.make((0, 1, 0)).await?;
    bench.suspend(&["ScheduledActions"]).await?;
    let due = next_due(bench);
    put(bench, 7, due).await?;
    wait_until(bench, due).await;
    bench.wait(LATEST).await;
    let before = bench.shown().await?.max;
    bench.resume("ScheduledActions").await?;
    bench.wait(LATEST / 2).await;
    let after = bench.shown().await?.max;
    let found = format!(
        "the maximum it sets was {} while suspended and {} afterwards",
        seen(before == 7),
        seen(after == 7)
    );
    let lost = before != 7 && after != 7;
    bench.holds("suspended-schedule-loses-actions", lost, found);
    Ok(())
}

fn seen(set: bool) -> &'static str {
    if set { "set" } else { "not set" }
}

/// ScheduledActions is suspended between the moment an action is due and the one at which it runs.
pub(super) async fn suspended_when_late(bench: &Bench) -> Result<(), Trouble> {
    bench.make((0, 1, 0)).await?;
    let due = next_due(bench);
    put(bench, 7, due).await?;
    wait_until(bench, due + TimeDelta::seconds(1)).await;
    bench.suspend(&["ScheduledActions"]).await?;
    let early = bench.settled().await?.max;
    if early == 7 {
        let why = "the action ran within a second: it was not late".to_owned();
        return Err(Trouble::Unseen(why));
    }
    bench.wait(LATEST).await;
    let ran = bench.shown().await?.max == 7;
    let variant = if ran { "when-due" } else { "when-run" };
    let words = if ran { "ran" } else { "did not run" };
    let found = format!("an action that was late {words} after its process was suspended");
    bench.variant("late-action-and-suspension", Some(variant), found);
    Ok(())
}

/// A recurring action that is put without a StartTime.
pub(super) async fn recurring(bench: &Bench) -> Result<(), Trouble> {
    bench.make((0, 1, 0)).await?;
    let clients = &bench.aws.clients.autoscaling;
    let call = clients.put_scheduled_update_group_action();
    let call = call
        .auto_scaling_group_name(&bench.name)
        .scheduled_action_name("yearly")
        .recurrence("0 3 1 1 *")
        .max_size(2);
    given(
        "autoscaling:PutScheduledUpdateGroupAction",
        call.send().await,
    )?;
    bench.settled().await?;
    let call = clients.describe_scheduled_actions();
    let sent = call.auto_scaling_group_name(&bench.name).send().await;
    let answer = given("autoscaling:DescribeScheduledActions", sent)?;
    let actions = answer.scheduled_update_group_actions();
    let start = actions.first().and_then(|a| a.start_time());
    let (variant, found) = match start {
        Some(start) => ("next-run", format!("put without one, it shows {start}")),
        None => ("as-given", "put without one, it shows none".to_owned()),
    };
    bench.variant("recurring-start-time", Some(variant), found);
    Ok(())
}
