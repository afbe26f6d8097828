//! Work on jobs for as long as there is something to do. It decides nothing itself: its driver may stop after any time
//! and go on from the jobs alone.

use chrono::{DateTime, TimeDelta, Utc};

use super::engine::{Engine, Setting};
use crate::group::job::Job;

/// How long to stay at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stay {
    /// Waits no longer than this for the next look: it leaves instead.
    pub wait_at_most: TimeDelta,
    /// Begins nothing more from then on, and leaves when no call is under way.
    pub until: DateTime<Utc>,
    /// Leaves then, whatever is under way.
    pub leave_at: DateTime<Utc>,
}

/// Until nothing is due.
impl Default for Stay {
    fn default() -> Self {
        Self {
            wait_at_most: TimeDelta::zero(),
            until: DateTime::<Utc>::MAX_UTC,
            leave_at: DateTime::<Utc>::MAX_UTC,
        }
    }
}

/// Works on jobs. Answers when the first job wants to be looked at again; `None` when all are finished. Dropped before
/// its end, it leaves the jobs as they were.
pub async fn advance(setting: &Setting<'_>, jobs: &mut [Job], stay: Stay) -> Option<DateTime<Utc>> {
    let clock = setting.clock;
    let mut engine = Engine::new(*setting, jobs.to_vec());
    while goes_on(&engine, stay, clock.now()) {
        if clock.now() >= stay.until {
            engine.close();
        }
        tokio::select! {
            biased;
            () = clock.wait_until(stay.leave_at) => {
                tracing::warn!("the work took longer than it may; going on with the next invocation");
                engine.cut();
            }
            () = engine.step() => {}
        }
    }
    let next = engine.next_at().map(|at| at.max(clock.now()));
    for (job, worked) in jobs.iter_mut().zip(engine.into_jobs()) {
        *job = worked;
    }
    next
}

fn goes_on(engine: &Engine<'_>, stay: Stay, now: DateTime<Utc>) -> bool {
    if now >= stay.leave_at {
        return false;
    }
    let is_due = engine
        .next_at()
        .is_some_and(|at| at <= now + stay.wait_at_most);
    !engine.is_quiet() || is_due && now < stay.until
}
