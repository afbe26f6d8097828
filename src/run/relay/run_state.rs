//! A run between its steps.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::plan::region;
use super::super::{Env, summary};
use super::{Batch, BatchResult, INVOCATION_SECONDS, Next, Packed, VERSION, Work};
use crate::group::{Code, Failure, Outcome};
use crate::ids::GroupName;
use crate::report::{GroupReport, RunReport};
use crate::run::drive::GIVE_UP_AFTER_MINUTES;
use crate::text::counted;

/// A run, between two steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunState {
    /// See [`VERSION`].
    pub version: u32,
    /// What is to be done next.
    pub next: Next,
    /// Where it stands, for people.
    pub summary: String,
    /// What it is about.
    pub work: Work,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// Under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    /// To come.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// Once more groups than this have failed, nothing more is started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_failures: Option<usize>,
    /// Groups that are done.
    pub reports: Packed<Vec<GroupReport>>,
    /// Calls so far.
    pub api_calls: BTreeMap<String, u64>,
    /// Passes so far.
    pub passes: u64,
    /// What else is to be said at the end.
    pub warnings: Vec<String>,
}

/// Batches that go on side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// So many at once.
    pub concurrency: usize,
    /// The batches.
    pub batches: Vec<Batch>,
    /// What came of them, in no order that is relied upon; of one that broke, nothing or anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<Vec<Value>>,
}

impl RunState {
    pub(super) fn new(work: Work, started_at: DateTime<Utc>, steps: Vec<Step>) -> Self {
        let mut run_state = Self {
            version: VERSION,
            next: Next::Report,
            summary: String::new(),
            work,
            started_at,
            step: None,
            steps,
            allowed_failures: None,
            reports: Packed::default(),
            api_calls: BTreeMap::new(),
            passes: 0,
            warnings: Vec::new(),
        };
        run_state.proceed();
        run_state
    }

    /// A run that has nothing more to do than to report.
    pub fn empty(work: Work, started_at: DateTime<Utc>) -> Self {
        Self::new(work, started_at, Vec::new())
    }

    /// Names of all groups that are still to come or under way.
    pub fn groups(&self) -> impl Iterator<Item = &GroupName> {
        let batches = self.step.iter().chain(&self.steps).flat_map(|s| &s.batches);
        batches.flat_map(|b| &b.groups)
    }

    fn proceed(&mut self) {
        let done = self.reports.0.len();
        if self.steps.is_empty() {
            self.step = None;
            self.next = Next::Report;
            self.summary = format!("{} done", counted(done, "group"));
            return;
        }
        let mut step = self.steps.remove(0);
        let failures = failures(&self.reports.0);
        for batch in &mut step.batches {
            batch.allowed_failures = self.allowed_failures.map(|n| n.saturating_sub(failures));
        }
        let at_work: usize = step.batches.iter().map(|b| b.groups.len()).sum();
        self.summary = format!(
            "{} at work in {}, {done} done",
            counted(at_work, "group"),
            counted(step.batches.len(), "batch")
        );
        self.step = Some(step);
        self.next = Next::Batches;
    }
}

fn failures(reports: &[GroupReport]) -> usize {
    let failed = |r: &&GroupReport| match r.code {
        // Of a batch that broke: its group did not even begin, or was on its way.
        Some(Code::NotPlanned | Code::RestoredFromRecord) => true,
        Some(_) | None => matches!(r.outcome, Outcome::Failed | Outcome::RolledBack),
    };
    reports.iter().filter(failed).count()
}

/// Takes in what the step's batches brought and goes on to the next step. Groups of a batch that brought
/// nothing are restored from their records.
pub fn gather(mut run_state: RunState, now: DateTime<Utc>) -> RunState {
    let step = run_state.step.take();
    let (batches, results) = step.map_or_else(Default::default, |s| (s.batches, s.results));
    for result in results.unwrap_or_default() {
        let Ok(result) = serde_json::from_value::<BatchResult>(result) else {
            continue;
        };
        run_state.reports.0.extend(result.reports.0);
        run_state.warnings.extend(result.warnings);
        run_state.passes += result.passes;
        for (operation, calls) in result.api_calls {
            *run_state.api_calls.entry(operation).or_default() += calls;
        }
    }
    let told = |name: &GroupName| run_state.reports.0.iter().any(|r| r.group == *name);
    let lost: Vec<Batch> = batches
        .into_iter()
        .filter(|b| !b.groups.iter().all(told))
        .collect();
    if !lost.is_empty() {
        recover(&mut run_state, lost, now);
    } else if let Some(allowed) = run_state.allowed_failures
        && failures(&run_state.reports.0) > allowed
    {
        refuse_the_rest(&mut run_state, allowed);
    }
    run_state.proceed();
    run_state
}

/// A batch broke beyond mending, twice even: its groups go back from their records; what is done is done.
fn recover(run_state: &mut RunState, lost: Vec<Batch>, now: DateTime<Utc>) {
    let groups: Vec<GroupName> = lost.iter().flat_map(|b| b.groups.clone()).collect();
    let was_restore = lost.iter().any(|b| matches!(b.work, Work::Restore { .. }));
    if was_restore {
        let reason = "its batch broke while it was restored; the sweep goes on with it";
        let failure = Failure::new(Code::LeftOpen, reason);
        let open = groups.iter().map(|g| summary::of_unreadable(g, &failure));
        run_state.reports.0.extend(open);
        return;
    }
    run_state.warnings.push(format!(
        "a batch of {} broke; what it had changed is restored from the records",
        counted(groups.len(), "group")
    ));
    let not_before = now + TimeDelta::seconds(INVOCATION_SECONDS);
    let work = Work::Restore {
        run_id: run_state.work.run_id().to_owned(),
        owner: run_state.work.owner().to_owned(),
        give_up_at: not_before + TimeDelta::minutes(GIVE_UP_AFTER_MINUTES),
        quiet: false,
    };
    let batches: Vec<Batch> = lost
        .into_iter()
        .map(|b| Batch {
            concurrent_batches: b.concurrent_batches,
            not_before: Some(not_before),
            ..Batch::new(&work, b.groups)
        })
        .collect();
    let step = Step {
        concurrency: batches.len(),
        batches,
        results: None,
    };
    run_state.steps.insert(0, step);
}

fn refuse_the_rest(run_state: &mut RunState, allowed: usize) {
    let reason = format!(
        "expected at most {allowed} failed groups in the run, found {}",
        failures(&run_state.reports.0)
    );
    let failure = Failure::new(Code::FailureBudget, reason);
    let rest: Vec<GroupReport> = run_state
        .groups()
        .map(|name| summary::of_skipped(name, &failure))
        .collect();
    run_state.reports.0.extend(rest);
    run_state.steps.clear();
}

/// The end: what the run did.
pub fn report(env: &Env, run_state: RunState) -> RunReport {
    let mut groups = run_state.reports.0;
    groups.sort_by(|a, b| a.group.cmp(&b.group));
    RunReport {
        run_id: run_state.work.run_id().to_owned(),
        kind: run_state.work.report_kind(),
        region: region(env),
        started_at: run_state.started_at,
        finished_at: env.clock.now(),
        deadline: run_state.work.deadline(),
        groups,
        api_calls: run_state.api_calls,
        warnings: run_state.warnings,
    }
}
