//! The driver for one process: pass after pass, waiting between them on the clock. It decides nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch::Receiver;

use super::advance::{Pass, advance};
use super::patience::patiently;
use super::plan::{plan_of, region};
use super::restore::restore_records;
use super::send::send_report;
use super::{Env, Progress, RecordFilter, RestoreRequest, RunError, Stop, summary};
use crate::aws::{Clients, check_permissions, describe_account, list_records};
use crate::clock::Clock;
use crate::group::admit::Bounds;
use crate::group::decision::Directive;
use crate::group::job::Job;
use crate::group::names::record_parameter;
use crate::group::seen::RecordSeen;
use crate::group::{Code, Failure, Outcome};
use crate::ids::GroupName;
use crate::notify;
use crate::report::{RunKind, RunReport};
use crate::request::{OptInTag, RunRequest};

/// Passes come at least this long after one another for each group in flight, so that looks of many
/// groups fall together: read calls then grow with time, not with groups.
const PASS_SPACING_MS_PER_GROUP: i64 = 600;
/// The longest such spacing.
const PASS_SPACING_MAX_MS: i64 = 30_000;
/// The shortest: a look costs calls even for one group.
const PASS_SPACING_MIN_MS: i64 = 2_000;
/// How long beyond the deadline a restore is retried before the process leaves it to the sweep.
pub(super) const GIVE_UP_AFTER_MINUTES: i64 = 60;

/// How long a run tries to restore what an earlier one has left before it begins: terminating and
/// draining take minutes.
const SWEEP_LIMIT_MINUTES: i64 = 20;
/// How long an operator who wants to stop at once waits for the list of what remains, real time.
const STOP_LOOK: Duration = Duration::from_secs(5);

/// Tells somebody of progress.
pub type Listener<'a> = &'a mut (dyn FnMut(&Progress) + Send);

/// Carries out a run to its end and sends the report.
///
/// # Errors
/// Planning failed (nothing was touched), or the operator stopped the run: records remain.
pub async fn run(
    env: &Env,
    request: &RunRequest,
    stop: Receiver<Stop>,
    progress: Listener<'_>,
) -> Result<RunReport, RunError> {
    let clients = Clients::new(&env.sdk, env.clock.clone());
    let started_at = env.clock.now();
    // Boxed: the compiler gives up on the depth of futures within futures.
    let swept = Box::pin(sweep(&clients, env, stop.clone(), progress)).await?;
    let account = Box::pin(patiently(&env.clock, &stop, async || {
        describe_account(&clients, |g| request.selection.wants(&g.name, &g.tags)).await
    }))
    .await?;
    let plan = plan_of(&account, env, request)?;
    let mut jobs = plan.jobs;
    Box::pin(check_permissions(&clients, &jobs)).await?;
    let bounds = Bounds {
        window: request.window,
        max_in_flight: request.max_in_flight,
        allowed_failures: request.max_failures.groups(plan.report.groups.len()),
        stopping: false,
    };
    let driver = Driver {
        clients: &clients,
        clock: &env.clock,
        tag: &request.selection.tag,
        bounds,
        give_up_at: request.restore_by() + TimeDelta::minutes(GIVE_UP_AFTER_MINUTES),
    };
    Box::pin(driver.drive(&mut jobs, stop.clone(), progress)).await?;
    let mut groups = summary::of_jobs(&jobs);
    let overran = summary::overruns(&jobs, request.window.deadline, &mut groups);
    groups.extend(plan.report.groups.iter().filter_map(summary::of_refusal));
    groups.sort_by(|a, b| a.group.cmp(&b.group));
    let mut report = RunReport {
        run_id: request.run_id.clone(),
        kind: RunKind::Run,
        region: region(env),
        started_at,
        finished_at: env.clock.now(),
        deadline: request.window.deadline,
        groups,
        api_calls: BTreeMap::new(),
        warnings: [swept, plan.report.warnings, overran].concat(),
    };
    if let Some(topic) = &request.topic_arn {
        let message = notify::message(&report, None);
        let unsent = send_report(&clients, env, &stop, topic, &message).await;
        report.warnings.extend(unsent);
    }
    report.api_calls = clients.call_counts();
    Ok(report)
}

/// Restores what a run that died has left, before anything is planned. Says what was done.
async fn sweep(
    clients: &Clients,
    env: &Env,
    stop: Receiver<Stop>,
    progress: Listener<'_>,
) -> Result<Vec<String>, RunError> {
    let now = env.clock.now();
    let request = RestoreRequest {
        owner: String::new(),
        filter: RecordFilter::Due,
        give_up_at: now + TimeDelta::minutes(SWEEP_LIMIT_MINUTES),
    };
    let groups = restore_records(clients, env, &request, stop, progress).await?;
    Ok(groups
        .into_iter()
        .filter(|g| g.code != Some(Code::StillOwned))
        .map(|g| format!("{}, left by an earlier run: {}", g.group, g.reason))
        .collect())
}

/// Drives jobs until all are finished.
pub(super) struct Driver<'a> {
    pub clients: &'a Clients,
    pub clock: &'a Clock,
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
        let mut told = BTreeMap::new();
        loop {
            let wanted = *stop.borrow_and_update();
            if wanted == Stop::Now {
                return Err(self.stopped(jobs).await);
            }
            let stopping = wanted == Stop::Restore;
            let pass = Pass {
                clients: self.clients,
                clock: self.clock,
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
            let now = self.clock.now();
            tell(jobs, &mut told, now, progress);
            let Some(next) = next else {
                return Ok(());
            };
            if now >= self.give_up_at {
                leave_open(jobs, now);
                tell(jobs, &mut told, now, progress);
                return Ok(());
            }
            let at = next_pass(jobs, next, now, TimeDelta::zero()).min(self.give_up_at);
            tokio::select! {
                () = self.clock.wait_until(at) => {}
                () = changed(&mut stop) => {}
            }
        }
    }

    /// What remains is what Parameter Store holds: a call may have been under way when the operator
    /// stopped. Where it does not say, memory does, on the safe side.
    async fn stopped(&self, jobs: &[Job]) -> RunError {
        let listed = tokio::select! {
            listed = list_records(self.clients) => listed.ok(),
            () = self.clock.wait(self.clock.of_real(STOP_LOOK)) => None,
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
    let in_flight = jobs.iter().filter(|j| j.in_flight()).count() as i64;
    let ms = in_flight.saturating_mul(PASS_SPACING_MS_PER_GROUP);
    TimeDelta::milliseconds(ms.clamp(PASS_SPACING_MIN_MS, PASS_SPACING_MAX_MS))
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

/// Gives up: what is not restored stays open, and says so.
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

fn tell(
    jobs: &[Job],
    told: &mut BTreeMap<GroupName, (crate::group::Phase, String)>,
    now: DateTime<Utc>,
    progress: Listener<'_>,
) {
    for job in jobs {
        let state = (job.phase, job.reason.clone());
        if told.get(job.group()) == Some(&state) {
            continue;
        }
        told.insert(job.group().clone(), state);
        progress(&Progress {
            at: now,
            group: job.group().clone(),
            phase: job.phase,
            reason: job.reason.clone(),
            outcome: job.outcome,
        });
    }
}
