//! The driver for one process: pass after pass, waiting between them on the clock. It decides nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch::Receiver;

use super::advance::{Pass, advance};
use super::{Progress, RunError, Stop};
use crate::aws::{Aws, list_records};
use crate::group::admit::Bounds;
use crate::group::decision::Directive;
use crate::group::job::Job;
use crate::group::names::record_parameter;
use crate::group::seen::RecordSeen;
use crate::group::{Code, Failure, Outcome, Phase};
use crate::ids::GroupName;
use crate::request::OptInTag;

/// Passes come at least this long after one another for each group in flight, so that looks of many
/// groups fall together: read calls then grow with time, not with groups.
const PASS_SPACING_PER_GROUP: TimeDelta = TimeDelta::milliseconds(600);
/// The longest such spacing: a group whose look is due waits no longer than this for the others.
const PASS_SPACING_MAX: TimeDelta = TimeDelta::seconds(30);
/// The shortest: a look costs calls even for one group.
const PASS_SPACING_MIN: TimeDelta = TimeDelta::seconds(2);
/// How long beyond the deadline a restore is retried before the process leaves it to the sweep: an hour
/// outlasts most AWS disruptions, and the next sweep is minutes away.
pub(super) const GIVE_UP_AFTER: TimeDelta = TimeDelta::hours(1);
/// How long an operator who wants to stop at once waits for the list of what remains, real time: one call,
/// which AWS answers within a second.
const STOP_LOOK: Duration = Duration::from_secs(5);

/// Is called with every line of progress.
pub(crate) type Listener<'a> = &'a mut (dyn FnMut(&Progress) + Send);

/// Drives jobs until all are finished.
pub(super) struct Driver<'a> {
    pub aws: &'a Aws,
    pub tag: &'a OptInTag,
    pub bounds: Bounds,
    pub give_up_at: DateTime<Utc>,
}

impl Driver<'_> {
    pub(super) async fn drive(
        &self,
        jobs: &mut [Job],
        mut stop: Receiver<Stop>,
        progress: Listener<'_>,
    ) -> Result<(), RunError> {
        let mut reported = BTreeMap::new();
        loop {
            let wanted = *stop.borrow_and_update();
            if wanted == Stop::Now {
                return Err(self.stopped(jobs).await);
            }
            let stopping = wanted == Stop::Restore;
            let pass = Pass {
                clients: &self.aws.clients,
                clock: &self.aws.clock,
                tag: self.tag,
                bounds: Bounds {
                    stopping: stopping || self.bounds.stopping,
                    ..self.bounds
                },
                directive: Directive { restore: stopping },
            };
            let next = tokio::select! {
                next = advance(&pass, jobs) => Some(next),
                () = until_now(stop.clone()) => None,
            };
            let Some(next) = next else {
                return Err(self.stopped(jobs).await);
            };
            let now = self.aws.clock.now();
            report_progress(jobs, &mut reported, now, progress);
            let Some(next) = next else {
                return Ok(());
            };
            if now >= self.give_up_at {
                leave_open(jobs, now);
                report_progress(jobs, &mut reported, now, progress);
                return Ok(());
            }
            let at = next_pass(jobs, next, now, TimeDelta::zero()).min(self.give_up_at);
            tokio::select! {
                () = self.aws.clock.wait_until(at) => {}
                () = changed(&mut stop) => {}
            }
        }
    }

    /// The records that remain are those that Parameter Store holds: a call may have been under way when the operator
    /// stopped. Where it does not say, memory does, on the safe side.
    async fn stopped(&self, jobs: &[Job]) -> RunError {
        let listed = tokio::select! {
            listed = list_records(&self.aws.clients) => listed.ok(),
            () = self.aws.clock.wait(self.aws.clock.of_real(STOP_LOOK)) => None,
        };
        let remains = |job: &&Job| match &listed {
            Some(records) => match records.get(&record_parameter(job.group())) {
                Some(RecordSeen::Readable(record)) => record.is_same_record(&job.record),
                Some(RecordSeen::Unreadable { .. }) | None => false,
            },
            None => job.in_flight(),
        };
        RunError::Stopped {
            records: jobs
                .iter()
                .filter(remains)
                .map(|j| j.group().clone())
                .collect(),
        }
    }
}

/// When to make the next pass, if a job wants to be looked at at `next`; passes are to be `apart` or more.
pub(super) fn next_pass(
    jobs: &[Job],
    next: DateTime<Utc>,
    now: DateTime<Utc>,
    apart: TimeDelta,
) -> DateTime<Utc> {
    let spaced = now + spacing(jobs).max(apart);
    spaced.min(next_turn(jobs, now)).max(next)
}

fn spacing(jobs: &[Job]) -> TimeDelta {
    let in_flight = jobs.iter().filter(|j| j.in_flight()).count();
    let spacing = i32::try_from(in_flight)
        .ok()
        .and_then(|n| PASS_SPACING_PER_GROUP.checked_mul(n));
    spacing.map_or(PASS_SPACING_MAX, |s| {
        s.clamp(PASS_SPACING_MIN, PASS_SPACING_MAX)
    })
}

/// When the next group has to turn back: nothing is to be late then.
fn next_turn(jobs: &[Job], now: DateTime<Utc>) -> DateTime<Utc> {
    let forward = jobs.iter().filter(|j| j.is_forward());
    let turns = forward.map(Job::last_turn).filter(|turn| *turn > now);
    turns.min().unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// The operator said something new. A channel whose other end is gone says nothing any more.
async fn changed(stop: &mut Receiver<Stop>) {
    if stop.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn until_now(mut stop: Receiver<Stop>) {
    if stop.wait_for(|s| *s == Stop::Now).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Gives up: what is not restored stays open, and its report says so.
pub(super) fn leave_open(jobs: &mut [Job], now: DateTime<Utc>) {
    for job in jobs.iter_mut().filter(|j| !j.finished()) {
        let before = job.failure.as_ref().map(|f| f.reason.as_str());
        let reason = format!(
            "not restored in time: {}{}",
            job.reason,
            before.map(|b| format!(" (after: {b})")).unwrap_or_default()
        );
        job.failure = Some(Failure::new(Code::LeftOpen, reason.clone()));
        job.finish(Outcome::Failed, reason, now);
    }
}

/// Reports each job that stands elsewhere than when it was last reported.
fn report_progress(
    jobs: &[Job],
    reported: &mut BTreeMap<GroupName, (Phase, String)>,
    now: DateTime<Utc>,
    progress: Listener<'_>,
) {
    for job in jobs {
        let state = (job.phase, job.reason.clone());
        if reported.get(job.group()) == Some(&state) {
            continue;
        }
        reported.insert(job.group().clone(), state);
        progress(&Progress {
            at: now,
            group: job.group().clone(),
            phase: job.phase,
            reason: job.reason.clone(),
            outcome: job.outcome,
        });
    }
}
