//! Whether the group is still the job's own: its driver may have changed while this one was away.

use super::decision::{Context, Decision};
use super::fault::Read;
use super::job::Job;
use super::ledger::Key;
use super::seen::RecordSeen;
use super::{Code, Failure, Phase, limits, phases};
use crate::ids::InstanceId;

/// Whether the job's record must be read before anything is decided.
pub(super) fn needs_record(job: &Job) -> bool {
    let is_known = |at| job.wake_at - at < limits::SEEN_HOLDS;
    let is_fresh = !job.must_restore() && job.record_seen_at.is_some_and(is_known);
    depends_on_record(job) && !(is_fresh && job.resumed_at.is_none())
}

/// Whether the job goes on only while the record is its own.
fn depends_on_record(job: &Job) -> bool {
    // A driver that takes a job over must know that the group is still its own; so must one that is about to
    // change it. A driver that restores a group must not undo the work of the next run.
    let is_open = job.ledger.done_at(&Key::DeleteRecord).is_none();
    let restores = is_open && job.is_recorded() && job.must_restore();
    job.resumed_at.is_some() || restores || alters_group(job.phase)
}

/// Whether the group is changed in this phase, or an owner's document run because it is about to be, or was.
fn alters_group(phase: Phase) -> bool {
    match phase {
        Phase::RunningBefore
        | Phase::Launching
        | Phase::Returning
        | Phase::LaunchingCanary
        | Phase::ReturningCanary
        | Phase::Promoting
        | Phase::RunningAfter => true,
        Phase::Queued
        | Phase::Recording
        | Phase::Settling
        | Phase::Scanning
        | Phase::Patching
        | Phase::Sealing
        | Phase::Baking
        | Phase::Versioning
        | Phase::Proving
        | Phase::RollingBack
        | Phase::Restoring
        | Phase::Finished => false,
    }
}

/// A job goes on only while the group's record is its own.
pub(super) fn check(cx: &Context<'_>) -> Result<(), Decision> {
    let job = cx.job;
    // The last look may have shown that there is no record of ours to read any more.
    let may_be_anothers = matches!(cx.seen.record, Read::Present(_));
    let is_asked = depends_on_record(job) || may_be_anothers;
    if !job.in_flight() || job.phase == Phase::Recording || !is_asked {
        return Ok(());
    }
    let is_taken_over = job.resumed_at.is_some();
    match &cx.seen.record {
        Read::Unread if is_taken_over || !needs_record(job) => Ok(()),
        Read::Unread => Err(cx.wait(super::limits::NO_PAUSE, "the record must be read first")),
        Read::Present(RecordSeen::Readable(r)) if r.is_same_record(&job.record) => Ok(()),
        Read::Present(RecordSeen::Readable(r)) => {
            let reason = format!("run {} has taken the group over since", r.run_id);
            Err(Decision::Yield(Failure::new(Code::TakenOver, reason)))
        }
        // Nobody else can restore the group by that text: this job still remembers.
        Read::Present(RecordSeen::Unreadable { .. }) if job.must_restore() => Ok(()),
        Read::Present(RecordSeen::Unreadable { problem, .. }) => {
            let reason = format!("the group's record was overwritten: {}", problem.reason);
            Err(Decision::Fail(Failure::new(problem.code, reason)))
        }
        // Deleted by this job itself.
        Read::Absent if job.ledger.done_at(&Key::DeleteRecord).is_some() => Ok(()),
        Read::Absent if is_taken_over && job.must_restore() && !has_begun(job) => {
            cx.settled("the record is not shown; looking once more")?;
            Err(Decision::Finish {
                outcome: phases::ending(job).0,
                reason: "its record is gone: it was restored".into(),
            })
        }
        Read::Absent if is_taken_over && !job.must_restore() => Err(Decision::Fail(Failure::new(
            Code::RecordLost,
            "the group's record was deleted while the group was ours",
        ))),
        // It remembers what it made last, which the other may not have found.
        Read::Absent if job.must_restore() => Ok(()),
        Read::Absent if looks_restored(cx) => {
            Err(Decision::Fail(Failure::plain(Code::RestoredMeanwhile)))
        }
        Read::Absent => Err(Decision::Fail(Failure::plain(Code::RecordLost))),
        // Nothing but memory is left, and it says that the group is to be restored.
        Read::Failed(_) if !is_taken_over && job.must_restore() => Ok(()),
        Read::Failed(fault) => Err(cx.blind(fault)),
    }
}

/// Whether the driver that took the job over has begun to take the group off the version. It does so as a whole then: the run
/// itself may delete the record meanwhile, and takes what it finds undone for another's wish.
fn has_begun(job: &Job) -> bool {
    let mut tried = job.ledger.of_kind(|key| {
        matches!(
            key,
            Key::Update(_, Some(_)) | Key::SetDefault(..) | Key::DeleteVersion(..)
        )
    });
    tried.any(|(_, t)| job.resumed_at.is_some_and(|at| t.last_at >= at))
}

/// Whether someone has taken back what the run did to the group.
fn looks_restored(cx: &Context<'_>) -> bool {
    let Some(group) = cx.seen.group.present() else {
        return false;
    };
    let is_missing = |id: &InstanceId| group.members.get(id).is_none_or(|m| m.leaving());
    let by_us = |id: &InstanceId| {
        let key = Key::Terminate(id.clone());
        cx.job.ledger.done_at(&key).is_some()
    };
    let mut ours = cx.job.made.instances.values();
    let asked = cx.job.open_launch().and_then(|launch| launch.asked);
    ours.any(|id| is_missing(id) && !by_us(id))
        || asked.is_some_and(|asked| group.capacity.desired < asked.desired)
}
