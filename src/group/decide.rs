//! Observe, **decide**, perform: the next step of one job, from its memory and from what was seen. Pure.

use std::collections::BTreeSet;

use super::decision::{Context, Decision};
use super::fault::Read;
use super::job::{Job, Lapse};
use super::seen::Need;
use super::{Code, Failure, Phase, limits, ownership, phases};

/// The reads without which [`decide`] cannot decide. Empty where memory is enough.
pub fn needs(job: &Job) -> BTreeSet<Need> {
    let mut needs = phases::needs(job);
    if ownership::needs_record(job) && !needs.is_empty() {
        needs.insert(Need::Record);
    }
    needs
}

/// The next step. A job that is finished decides nothing more.
pub fn decide(cx: &Context<'_>) -> Decision {
    before_phase(cx)
        .and_then(|()| phases::decide(cx))
        .unwrap_or_else(|decision| decision)
}

/// Conditions that hold in every phase on the way forward.
fn before_phase(cx: &Context<'_>) -> Result<(), Decision> {
    ownership::check(cx)?;
    let job = cx.job;
    if job.must_restore() || matches!(job.phase, Phase::Queued | Phase::Finished) {
        return Ok(());
    }
    let fail = |code| Err(Decision::Fail(Failure::plain(code)));
    match &cx.seen.group {
        Read::Absent => return fail(Code::Vanished),
        Read::Present(g) if g.deleting => return fail(Code::DeletionBegan),
        Read::Present(g) if !g.opted_in => return fail(Code::OptedOut),
        Read::Present(_) | Read::Failed(_) | Read::Unread => {}
    }
    // What is deployed and stays needs no more time than its restore.
    let stays = phases::keeps(job);
    if cx.directive.restore && !stays {
        return fail(Code::Interrupted);
    }
    if cx.now >= job.last_turn() && !stays {
        let reason = format!(
            "{} was not done {} min before {}, the time by which the group must be restored",
            job.phase,
            limits::RESERVE.num_minutes(),
            job.record.deadline
        );
        return Err(Decision::Fail(Failure::new(Code::OutOfTime, reason)));
    }
    if cx.lasts(Lapse::Crowded) > limits::CROWDED_LIMIT {
        return fail(Code::StandbyInTheWay);
    }
    siblings(cx)
}

/// A version that reaches all groups of the bake is taken by all of them or by none.
fn siblings(cx: &Context<'_>) -> Result<(), Decision> {
    let uses_version = cx.job.phase.uses_version();
    match &cx.bake.failed {
        Some((sibling, failure)) if uses_version && cx.bake.all_or_nothing => {
            let reason = format!(
                "{sibling} follows the same template and failed: {}",
                failure.reason
            );
            Err(Decision::Fail(Failure::new(Code::SiblingFailed, reason)))
        }
        Some(_) | None => Ok(()),
    }
}
