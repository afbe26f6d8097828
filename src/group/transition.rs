//! Transitions: how a decision or a failure moves a job. The declared ways are in [`phase`](super::phase).

use chrono::{DateTime, Utc};

use super::automation::Moment;
use super::decision::Decision;
use super::effect::Effect;
use super::job::{Deployment, Job};
use super::{Code, Failure, Outcome, Phase};

/// Carries a decision into the job; returns the effects to be performed.
pub fn apply(job: &mut Job, decision: Decision, now: DateTime<Utc>) -> Vec<Effect> {
    match decision {
        Decision::Wait { until, reason } => {
            job.wake_at = until;
            job.reason = reason;
        }
        Decision::Act {
            effects,
            reason,
            look_after,
        } => {
            job.wake_at = now + look_after;
            job.reason = reason;
            return effects;
        }
        Decision::Go { to, reason } => {
            match (job.phase, to) {
                (Phase::Promoting, Phase::Restoring | Phase::RunningAfter) => {
                    job.deployment = Deployment::Promoted;
                    job.altered.end(now);
                }
                (Phase::Scanning, Phase::Restoring) => job.deployment = Deployment::AlreadyCurrent,
                (Phase::Patching, _) => job.evidence.passes = job.evidence.passes.saturating_add(1),
                (Phase::RunningBefore, _) => note(job, Moment::Before, Code::BeforeFailed, &reason),
                (Phase::RunningAfter, _) => note(job, Moment::After, Code::AfterFailed, &reason),
                (Phase::RollingBack, _) => note_open(job),
                _ => {}
            }
            job.enter(to, reason, now);
        }
        Decision::Stand => {
            job.deployment = Deployment::Promoted;
            note_open(job);
            job.enter(Phase::Restoring, "its version was proved and deployed", now);
        }
        Decision::Fail(failure) => fail(job, failure, now),
        Decision::Finish { outcome, reason } => job.finish(outcome, reason, now),
        Decision::Yield(failure) => {
            let reason = failure.reason.clone();
            job.failure.get_or_insert(failure);
            job.finish(Outcome::Failed, reason, now);
        }
    }
    Vec::new()
}

/// How a runbook ended: a group goes on after one that failed only if its owner wants it so.
fn note(job: &mut Job, moment: Moment, code: Code, reason: &str) {
    let forward = job.forward.as_ref();
    if forward.is_none_or(|f| f.runbooks.of(moment).is_none()) {
        return;
    }
    match job.automation_end(moment).is_some_and(|end| end.is_good) {
        true => job.note(reason),
        false => job.note(format!("{code}: {reason}")),
    }
}

/// Executions that could not be seen to end: the readers of the report must look.
fn note_open(job: &mut Job) {
    let open = Moment::ALL.into_iter().filter(|m| job.may_automate(*m));
    let open: Vec<Moment> = open.collect();
    for moment in open {
        let document = moment.document();
        let id = job.made.automations.get(&moment).map(|e| e.id.clone());
        // Without memory of a start there mostly was none.
        if let Some(id) = id {
            job.note(format!(
                "the execution {id} of its {document} was not seen to end: look at it in Systems Manager"
            ));
        }
    }
}

/// Where failure leads, by phase.
pub fn fail(job: &mut Job, failure: Failure, now: DateTime<Utc>) {
    let reason = failure.reason.clone();
    match job.phase {
        // Nothing was touched.
        Phase::Queued => skip(job, failure, now),
        Phase::Recording if !job.is_recorded() => skip(job, failure, now),
        Phase::Recording
        | Phase::RunningBefore
        | Phase::Launching
        | Phase::Returning
        | Phase::Settling
        | Phase::Scanning
        | Phase::Patching
        | Phase::Sealing
        | Phase::Baking
        | Phase::Versioning
        | Phase::LaunchingCanary
        | Phase::ReturningCanary
        | Phase::Proving
        | Phase::Promoting
        | Phase::RunningAfter => {
            // What was deployed is taken back.
            job.deployment = Deployment::None;
            job.failure = Some(failure);
            job.enter(Phase::RollingBack, reason, now);
        }
        // Already on its way back, or back.
        Phase::RollingBack | Phase::Restoring | Phase::Finished => {}
    }
}

fn skip(job: &mut Job, failure: Failure, now: DateTime<Utc>) {
    let reason = failure.reason.clone();
    // The scan of a group with the same image has answered for this one.
    let outcome = match failure.code {
        Code::PatchesMissing => Outcome::Scanned,
        _ => Outcome::Skipped,
    };
    job.failure = Some(failure);
    job.finish(outcome, reason, now);
}
