//! Whether the group is still the job's own: who drives it may have changed while nobody looked.

use super::decide::{Context, Decision, failed};
use super::effect::Effect;
use super::fault::Read;
use super::job::Job;
use super::phase::LOAD_BALANCER;
use super::pin::{Pin, Style};
use super::seen::{RecordSeen, Seen};
use super::{Code, Failure, Outcome, Phase, phase};

/// Whether the job's record must be read before anything is decided.
pub(super) fn needs_record(job: &Job) -> bool {
    // Whoever takes a job over must know that the group is still its own; whoever finds its processes
    // resumed, too. Who returns a group must not undo what the next run does with it.
    let returns = job.recorded && job.must_restore();
    job.resumed_at.is_some() || (job.suspension_lost && job.in_flight()) || returns
}

/// A job goes on only while the group's record is its own.
pub(super) fn check(cx: &Context<'_>) -> Result<(), Decision> {
    let job = cx.job;
    // What was learned of it may be that there is no record of ours to read any more.
    let may_be_anothers = matches!(cx.seen.record, Read::Present(_));
    let is_asked = needs_record(job) || may_be_anothers;
    if !job.in_flight() || job.phase == Phase::Recording || !is_asked {
        return Ok(());
    }
    let is_taken_over = job.resumed_at.is_some();
    match &cx.seen.record {
        Read::Unread if is_taken_over => Ok(()),
        Read::Unread => Err(cx.wait(0, "the record must be read first")),
        Read::Present(RecordSeen::Readable(r)) if r.is_same_claim(&job.record) => Ok(()),
        Read::Present(_) => Err(Decision::Finish {
            outcome: Outcome::Failed,
            reason: "another run has taken the group over since".into(),
        }),
        // Deleted by this job itself.
        Read::Absent if job.done_at(&Effect::DeleteRecord).is_some() => Ok(()),
        Read::Absent if is_taken_over && job.must_restore() => {
            cx.settled("the record is not shown; looking once more")?;
            Err(Decision::Finish {
                outcome: phase::ending(job).0,
                reason: "its record is gone: it was restored".into(),
            })
        }
        Read::Absent if is_taken_over => Err(failed(
            Code::RecordLost,
            "the group's record was deleted while the group was ours",
        )),
        // It remembers what it made last, which the other may not have found.
        Read::Absent if job.must_restore() => Ok(()),
        Read::Absent => Err(Decision::Fail(Failure::plain(Code::RestoredMeanwhile))),
        // Nothing but memory is left, which says that the group is to be returned.
        Read::Failed(_) if !is_taken_over && job.must_restore() => Ok(()),
        Read::Failed(fault) => Err(cx.blind(fault)),
    }
}

/// Takes what was seen of the record, and of what it protects, into the job's memory.
pub(super) fn learn(job: &mut Job, seen: &Seen) {
    learn_guard(job, seen);
    learn_promotion(job, seen);
    match &seen.record {
        Read::Present(RecordSeen::Readable(stored)) if stored.is_same_claim(&job.record) => {
            job.recorded = true;
            // The stored one is the truth: it was written before the first change.
            job.record.written_at = stored.written_at;
        }
        Read::Present(_) => job.recorded = false,
        // Whoever deleted it had restored the group.
        Read::Absent if job.resumed_at.is_some() && job.must_restore() => job.recorded = false,
        Read::Absent if job.suspension_lost => {
            // What the other undid looks like a failure of its own.
            let follows_from_it = |f: &&mut Failure| follows_from_restore(f.code);
            if let Some(failure) = job.failure.as_mut().filter(follows_from_it) {
                *failure = Failure::plain(Code::RestoredMeanwhile);
            }
        }
        Read::Absent | Read::Failed(_) | Read::Unread => {}
    }
}

/// What the job suspended is resumed, and not by itself: that is what a restore looks like.
fn learn_guard(job: &mut Job, seen: &Seen) {
    let Some(group) = seen.group.present() else {
        return;
    };
    let suspended = job
        .tries
        .get("suspend")
        .is_some_and(|t| t.done_at.is_some());
    let guards = suspended && job.resumed_processes_at().is_none();
    let mut guarded = job.record.guarded.iter();
    let is_missing = |p: &String| p != LOAD_BALANCER && !group.suspended.contains(p);
    job.suspension_lost = guards && guarded.any(is_missing);
}

/// What the job had let the group name for good is named no more: somebody restored or deployed before the
/// group was restored. Only a number tells; a deployed `$Latest` or `$Default` is let stand by `restore`.
fn learn_promotion(job: &mut Job, seen: &Seen) {
    let Some(group) = seen.group.present() else {
        return;
    };
    let is_ours = |pin: &Pin| {
        let ours = job.made.versions.get(&pin.template);
        pin.style() != Style::Number || ours.is_none_or(|n| pin.version == n.to_string())
    };
    job.displaced = job.promoted && !group.pins.iter().all(is_ours);
}

fn follows_from_restore(code: Code) -> bool {
    matches!(
        code,
        Code::AwsError
            | Code::LaunchFailed
            | Code::WakeTimeout
            | Code::InstanceLost
            | Code::PatchFailed
            | Code::PatchUndelivered
            | Code::ImageFailed
            | Code::Superseded
            | Code::VersionRefused
            | Code::ScaledIn
            | Code::CanaryNotUp
            | Code::CanaryRefused
    )
}
