//! The driver for one process: pass after pass, waiting between them on the clock. It decides nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch::Receiver;

use super::admit::Bounds;
use super::advance::{Pass, advance};
use super::plan::{planned, region};
use super::{Env, Progress, RunError, Stop, summary};
use crate::aws::{Clients, publish};
use crate::clock::Clock;
use crate::group::decide::Orders;
use crate::group::job::Job;
use crate::group::{Code, Failure, Outcome};
use crate::notify;
use crate::report::{RunKind, RunReport};
use crate::trigger::{RunRequest, Selection};

/// Passes come at least this long after one another for each group in flight, so that looks of many
/// groups fall together: read calls then grow with time, not with groups.
const PASS_SPACING_MS_PER_GROUP: i64 = 600;
/// The longest such spacing.
const PASS_SPACING_MAX_MS: i64 = 30_000;
/// The shortest: a look costs calls even for one group.
const PASS_SPACING_MIN_MS: i64 = 2_000;
/// How long beyond the deadline a hand-back is retried before the process leaves it to the sweep.
pub(super) const GIVE_UP_AFTER_MINUTES: i64 = 60;

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
    let plan = planned(&clients, env, request).await?;
    let mut jobs = plan.jobs;
    let bounds = Bounds {
        window: request.window,
        max_in_flight: request.max_in_flight,
        allowed_failures: request.max_failures.groups(plan.report.groups.len()),
        stopping: false,
    };
    let driver = Driver {
        clients: &clients,
        clock: &env.clock,
        selection: &request.selection,
        bounds,
        give_up_at: request.window.deadline + TimeDelta::minutes(GIVE_UP_AFTER_MINUTES),
    };
    driver.drive(&mut jobs, stop, progress).await?;
    let mut groups = summary::of_jobs(&jobs);
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
        warnings: plan.report.warnings,
    };
    if let Some(topic) = &request.topic_arn {
        send(&clients, topic, &mut report).await;
    }
    report.api_calls = clients.call_counts();
    Ok(report)
}

/// A report that cannot be sent is no reason to fail the run.
async fn send(clients: &Clients, topic: &str, report: &mut RunReport) {
    let message = notify::message(report);
    let json = notify::to_sns_json(&message);
    if let Err(fault) = publish(clients, topic, &message.subject, &json).await {
        let warning = format!("the report was not sent: {}", fault.to_failure().reason);
        tracing::error!(topic, "{warning}");
        report.warnings.push(warning);
    }
}

/// Drives jobs until all are finished.
pub(super) struct Driver<'a> {
    pub clients: &'a Clients,
    pub clock: &'a Clock,
    pub selection: &'a Selection,
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
                return Err(stopped(jobs));
            }
            let stopping = wanted == Stop::HandBack;
            let pass = Pass {
                clients: self.clients,
                clock: self.clock,
                selection: self.selection,
                bounds: Bounds {
                    stopping: stopping || self.bounds.stopping,
                    ..self.bounds
                },
                orders: Orders {
                    hand_back: stopping,
                },
            };
            let next = tokio::select! {
                next = advance(&pass, jobs) => next,
                () = until_now(stop.clone()) => return Err(stopped(jobs)),
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
            let at = next.max(now + spacing(jobs)).min(self.give_up_at);
            tokio::select! {
                () = self.clock.wait_until(at) => {}
                () = changed(&mut stop) => {}
            }
        }
    }
}

fn spacing(jobs: &[Job]) -> TimeDelta {
    let in_flight = jobs.iter().filter(|j| j.in_flight()).count() as i64;
    let ms = in_flight.saturating_mul(PASS_SPACING_MS_PER_GROUP);
    TimeDelta::milliseconds(ms.clamp(PASS_SPACING_MIN_MS, PASS_SPACING_MAX_MS))
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

fn stopped(jobs: &[Job]) -> RunError {
    let open = jobs.iter().filter(|j| j.in_flight() && j.recorded);
    RunError::Stopped {
        records: open.map(|j| j.group().to_owned()).collect(),
    }
}

fn leave_open(jobs: &mut [Job], now: DateTime<Utc>) {
    for job in jobs.iter_mut().filter(|j| !j.finished()) {
        let before = job.failure.as_ref().map(|f| f.reason.as_str());
        let reason = format!(
            "not handed back in time: {}{}",
            job.reason,
            before.map(|b| format!(" (after: {b})")).unwrap_or_default()
        );
        job.failure = Some(Failure::new(Code::LeftOpen, reason.clone()));
        job.finish(Outcome::Failed, reason, now);
    }
}

fn tell(
    jobs: &[Job],
    told: &mut BTreeMap<String, (crate::group::Phase, String)>,
    now: DateTime<Utc>,
    progress: Listener<'_>,
) {
    for job in jobs {
        let state = (job.phase, job.reason.clone());
        if told.get(job.group()) == Some(&state) {
            continue;
        }
        told.insert(job.group().to_owned(), state);
        progress(&Progress {
            at: now,
            group: job.group().to_owned(),
            phase: job.phase,
            reason: job.reason.clone(),
            outcome: job.outcome,
        });
    }
}
