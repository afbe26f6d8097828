//! Transitions: which phase may follow which, declared once; and how a decision or a failure moves a job.

use chrono::{DateTime, Utc};

use super::decision::Decision;
use super::effect::Effect;
use super::job::{Deployment, Job};
use super::{Failure, Outcome, Phase};

/// The way forward and the way back. Two rules come on top: every phase that works on a group may fail into
/// `rolling_back`, and every phase may end the job (`finished`): a queued group that is not started, a group
/// that another run owns now, one that could not be restored in time.
const WAYS: [(Phase, Phase); 18] = [
    (Phase::Queued, Phase::Recording),
    (Phase::Recording, Phase::Guarding),
    (Phase::Guarding, Phase::Waking),
    // The group's image was made by another group of its bake.
    (Phase::Guarding, Phase::Versioning),
    (Phase::Waking, Phase::Patching),
    (Phase::Patching, Phase::Scanning),
    (Phase::Scanning, Phase::Sealing),
    // No sealing, by tag.
    (Phase::Scanning, Phase::Baking),
    // Nothing had to be patched, or only a scan was asked for.
    (Phase::Scanning, Phase::Restoring),
    (Phase::Sealing, Phase::Baking),
    (Phase::Baking, Phase::Versioning),
    (Phase::Versioning, Phase::Proving),
    // No canary, by tag.
    (Phase::Versioning, Phase::Promoting),
    (Phase::Proving, Phase::Promoting),
    (Phase::Promoting, Phase::Restoring),
    (Phase::RollingBack, Phase::Restoring),
    (Phase::Restoring, Phase::Finished),
    (Phase::Recording, Phase::Finished),
];

/// Whether a job may go from one phase to another.
pub fn is_declared(from: Phase, to: Phase) -> bool {
    let fails = to == Phase::RollingBack && works_on_group(from);
    let ends = to == Phase::Finished && from != Phase::Finished;
    fails || ends || WAYS.contains(&(from, to))
}

/// The declared ways, and the failures, for the diagram; the ends that every phase has are left out.
pub fn diagram() -> Vec<(Phase, Phase)> {
    let fails = Phase::ALL.into_iter().filter(|p| works_on_group(*p));
    let fails = fails.map(|p| (p, Phase::RollingBack));
    WAYS.into_iter().chain(fails).collect()
}

fn works_on_group(phase: Phase) -> bool {
    match phase {
        Phase::Recording
        | Phase::Guarding
        | Phase::Waking
        | Phase::Patching
        | Phase::Scanning
        | Phase::Sealing
        | Phase::Baking
        | Phase::Versioning
        | Phase::Proving
        | Phase::Promoting => true,
        Phase::Queued | Phase::RollingBack | Phase::Restoring | Phase::Finished => false,
    }
}

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
                (Phase::Promoting, Phase::Restoring) => job.deployment = Deployment::Promoted,
                (Phase::Scanning, Phase::Restoring) => job.deployment = Deployment::AlreadyCurrent,
                _ => {}
            }
            job.enter(to, reason, now);
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

/// Where failure leads, by phase.
pub fn fail(job: &mut Job, failure: Failure, now: DateTime<Utc>) {
    let reason = failure.reason.clone();
    match job.phase {
        // Nothing was touched.
        Phase::Queued => skip(job, failure, now),
        Phase::Recording if !job.is_recorded() => skip(job, failure, now),
        Phase::Recording
        | Phase::Guarding
        | Phase::Waking
        | Phase::Patching
        | Phase::Scanning
        | Phase::Sealing
        | Phase::Baking
        | Phase::Versioning
        | Phase::Proving
        | Phase::Promoting => {
            job.failure = Some(failure);
            job.enter(Phase::RollingBack, reason, now);
        }
        // Already on its way back, or back.
        Phase::RollingBack | Phase::Restoring | Phase::Finished => {}
    }
}

fn skip(job: &mut Job, failure: Failure, now: DateTime<Utc>) {
    let reason = failure.reason.clone();
    job.failure = Some(failure);
    job.finish(Outcome::Skipped, reason, now);
}
