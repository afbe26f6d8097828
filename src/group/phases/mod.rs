//! A group's phases, in order: one file each, with the condition for being done, the effects that bring it
//! on, the time of the next look, and the limit.

mod automation;
mod baking;
mod command;
mod launch;
mod launching;
mod patching;
mod promoting;
mod proving;
mod recording;
mod restoring;
mod returning;
mod rolling_back;
mod running_after;
mod running_before;
mod scanning;
mod sealing;
mod settling;
mod targets;
mod versioning;

use std::collections::BTreeSet;

use super::decision::{Context, Decided, Decision};
use super::effect::Role;
use super::job::Job;
use super::ledger::Key;
use super::phase::Phase;
use super::seen::{Need, Seen};

pub(super) use launch::{gives_back, is_back, launch_limit, needs_hooks, role_at_work};
pub(super) use restoring::ending;
pub(super) use running_after::keeps;

/// The reads that the present phase needs.
pub(super) fn needs(job: &Job) -> BTreeSet<Need> {
    let needs: &[Need] = match job.phase {
        Phase::Queued | Phase::Finished => &[],
        Phase::Recording => return recording::needs(job),
        Phase::RunningBefore => return running_before::needs(job),
        Phase::Launching => return launching::needs(job),
        Phase::LaunchingCanary => return launching::needs(job),
        Phase::Returning | Phase::ReturningCanary => return returning::needs(job),
        Phase::Settling => return settling::needs(job),
        Phase::Patching => return patching::needs(job),
        Phase::Scanning => return scanning::needs(job),
        Phase::Sealing => return sealing::needs(job),
        Phase::Baking => return baking::needs(job),
        Phase::Versioning => return versioning::needs(job),
        Phase::Proving => return proving::needs(job),
        Phase::Promoting => &[Need::Group, Need::Templates, Need::Image],
        Phase::RunningAfter => return running_after::needs(job),
        Phase::RollingBack => return rolling_back::needs(job),
        Phase::Restoring => return restoring::needs(job),
    };
    needs.iter().copied().collect()
}

/// The next step of the present phase.
pub(super) fn decide(cx: &Context<'_>) -> Decided {
    match cx.job.phase {
        Phase::Queued => Ok(cx.wait(super::limits::LOOK_MAX, cx.job.reason.clone())),
        Phase::Finished => Ok(Decision::Wait {
            until: chrono::DateTime::<chrono::Utc>::MAX_UTC,
            reason: cx.job.reason.clone(),
        }),
        Phase::Recording => recording::decide(cx),
        Phase::RunningBefore => running_before::decide(cx),
        Phase::Launching => launching::decide(cx, Role::Build),
        Phase::LaunchingCanary => launching::decide(cx, Role::Canary),
        Phase::Returning => returning::decide(cx, Role::Build),
        Phase::ReturningCanary => returning::decide(cx, Role::Canary),
        Phase::Settling => settling::decide(cx),
        Phase::Patching => patching::decide(cx),
        Phase::Scanning => scanning::decide(cx),
        Phase::Sealing => sealing::decide(cx),
        Phase::Baking => baking::decide(cx),
        Phase::Versioning => versioning::decide(cx),
        Phase::Proving => proving::decide(cx),
        Phase::Promoting => promoting::decide(cx),
        Phase::RunningAfter => running_after::decide(cx),
        Phase::RollingBack => rolling_back::decide(cx),
        Phase::Restoring => restoring::decide(cx),
    }
}

/// Whether an effect sets the group's capacity.
fn is_resize(key: &Key) -> bool {
    matches!(key, Key::Update(Some(_), _))
}

/// Lets individual phases remember what they need of a look.
pub(super) fn learn(job: &mut Job, seen: &Seen) {
    recording::learn(job, seen);
    scanning::learn(job, seen);
    proving::learn(job, seen);
    targets::learn(job, seen);
    baking::learn(job, seen);
}
