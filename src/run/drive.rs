//! The driver for one process: keeps the engine going until all jobs are finished. It decides nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch::Receiver;

use super::engine::{Engine, Setting};
use super::{Progress, RunError, Stop, summary};
use crate::aws::{Aws, list_records};
use crate::group::admit::Bounds;
use crate::group::decision::Directive;
use crate::group::job::Job;
use crate::group::names::record_parameter;
use crate::group::seen::RecordSeen;
use crate::group::{Code, Failure, Outcome, Phase};
use crate::ids::GroupName;
use crate::report::GroupReport;
use crate::request::OptInTag;

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
    /// Takes each group that fails while others go on.
    pub failed: Option<UnboundedSender<GroupReport>>,
}

impl Driver<'_> {
    pub(super) async fn drive(
        &self,
        jobs: &mut Vec<Job>,
        mut stop: Receiver<Stop>,
        progress: Listener<'_>,
    ) -> Result<(), RunError> {
        let mut reported = Reported::default();
        let mut failed = BTreeSet::new();
        let mut engine = Engine::new(self.setting(), std::mem::take(jobs));
        let clock = &self.aws.clock;
        let mut wanted = Stop::Continue;
        while engine.next_at().is_some() && clock.now() < self.give_up_at {
            let present = *stop.borrow_and_update();
            if present == Stop::Now {
                return Err(self.stopped(&engine.into_jobs()).await);
            }
            if present != wanted {
                wanted = present;
                engine.direct(self.bounds(wanted), directive(wanted));
            }
            tokio::select! {
                biased;
                () = changed(&mut stop) => {}
                () = engine.step() => {}
                () = clock.wait_until(self.give_up_at) => engine.cut(),
            }
            let now = clock.now();
            engine.changed().for_each(|job| {
                reported.report(job, now, progress);
                self.tell_failed(job, &mut failed);
            });
        }
        *jobs = engine.into_jobs();
        let now = clock.now();
        leave_open(jobs, now);
        jobs.iter()
            .for_each(|job| reported.report(job, now, progress));
        Ok(())
    }

    /// Passes a group on that has failed, once. Nobody waits for what becomes of it.
    fn tell_failed(&self, job: &Job, told: &mut BTreeSet<GroupName>) {
        let Some(failed) = self.failed.as_ref().filter(|_| job.finished()) else {
            return;
        };
        let reports = summary::of_jobs(std::slice::from_ref(job)).into_iter();
        for report in reports.filter(summary::has_failed) {
            if told.insert(report.group.clone()) {
                // If the other end is gone, nobody wants to know.
                let _ = failed.send(report);
            }
        }
    }

    fn setting(&self) -> Setting<'_> {
        Setting {
            clients: &self.aws.clients,
            clock: &self.aws.clock,
            tag: self.tag,
            bounds: self.bounds,
            directive: Directive::default(),
        }
    }

    fn bounds(&self, wanted: Stop) -> Bounds {
        Bounds {
            stopping: self.bounds.stopping || wanted != Stop::Continue,
            ..self.bounds
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

fn directive(wanted: Stop) -> Directive {
    Directive {
        restore: wanted == Stop::Restore,
    }
}

/// The operator said something new. A channel whose other end is gone says nothing any more.
async fn changed(stop: &mut Receiver<Stop>) {
    if stop.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Gives up: what is not restored stays open, and its report says so.
pub(super) fn leave_open(jobs: &mut [Job], now: DateTime<Utc>) {
    for job in jobs.iter_mut().filter(|j| !j.finished()) {
        let before = job.failure.as_ref().map(|f| f.reason.as_str());
        let fault = job.ledger.last_fault().map(|f| f.to_failure().reason);
        let fault = fault.filter(|f| !job.reason.contains(f.as_str()));
        let reason = format!(
            "not restored in time: {}{}{}",
            job.reason,
            fault.map(|f| format!(": {f}")).unwrap_or_default(),
            before.map(|b| format!(" (after: {b})")).unwrap_or_default()
        );
        job.failure = Some(Failure::new(Code::LeftOpen, reason.clone()));
        job.finish(Outcome::Failed, reason, now);
    }
}

/// Where each job stood when it was last reported.
#[derive(Default)]
struct Reported(BTreeMap<GroupName, (Phase, String)>);

impl Reported {
    /// Reports a job that stands elsewhere.
    fn report(
        &mut self,
        job: &Job,
        now: DateTime<Utc>,
        progress: &mut (dyn FnMut(&Progress) + Send),
    ) {
        let before = self.0.get(job.group());
        if before.is_some_and(|(phase, reason)| *phase == job.phase && *reason == job.reason) {
            return;
        }
        let state = (job.phase, job.reason.clone());
        self.0.insert(job.group().clone(), state);
        progress(&Progress {
            at: now,
            group: job.group().clone(),
            phase: job.phase,
            reason: job.reason.clone(),
            outcome: job.outcome,
        });
    }
}
