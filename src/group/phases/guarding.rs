//! Guarding: done when the processes that could interfere with the group are suspended.

use super::super::decision::{Context, Decided, Decision, failed, go};
use super::super::effect::Effect;
use super::super::ledger::Key;
use super::super::seen::GroupSeen;
use super::super::{Code, Phase, limits};

pub(super) fn decide(cx: &Context<'_>) -> Decided {
    let group = cx.group()?;
    let missing: Vec<String> = cx
        .record()
        .guarded
        .difference(&group.suspended)
        .cloned()
        .collect();
    if missing.is_empty() {
        let forward = cx.forward()?;
        return Ok(if forward.bakes {
            go(Phase::Waking, "nothing interferes")
        } else {
            go(Phase::Versioning, "nothing interferes; the image is there")
        });
    }
    let effect = Effect::Suspend(missing);
    if !cx.job.may_have_tried(|k| *k == Key::Suspend) {
        nobody_else_suspends(cx, group)?;
    }
    if cx.is_fresh(&effect) {
        return Ok(cx.wait(
            limits::CHANGE_SHOWS_PAUSE,
            "waiting until the suspended processes are shown",
        ));
    }
    Ok(cx.act(
        effect,
        limits::NO_PAUSE,
        "suspending the processes that could interfere",
    ))
}

/// A process that someone else suspended since the record was written must not be resumed as ours.
fn nobody_else_suspends(cx: &Context<'_>, group: &GroupSeen) -> Result<(), Decision> {
    let record = cx.record();
    let theirs: Vec<&str> = record
        .guarded
        .intersection(&group.suspended)
        .map(String::as_str)
        .collect();
    if theirs.is_empty() {
        return Ok(());
    }
    let theirs = theirs.join(", ");
    Err(failed(
        Code::ChangedSincePlan,
        format!(
            "suspended processes: {theirs} were suspended by someone else while the record was written"
        ),
    ))
}
