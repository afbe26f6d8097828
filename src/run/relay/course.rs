//! A run between its steps.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::plan::region;
use super::super::{Env, summary};
use super::{Batch, BatchResult, Errand, INVOCATION_SECONDS, Next, Packed, VERSION};
use crate::group::{Code, Failure, Outcome};
use crate::report::{GroupReport, RunReport, counted};
use crate::run::drive::GIVE_UP_AFTER_MINUTES;

/// A run, between two steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// See [`VERSION`].
    pub version: u32,
    /// What is to be done next.
    pub next: Next,
    /// Where it stands, for people.
    pub summary: String,
    /// What it is about.
    pub errand: Errand,
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

impl Course {
    pub(super) fn new(errand: Errand, started_at: DateTime<Utc>, steps: Vec<Step>) -> Self {
        let mut course = Self {
            version: VERSION,
            next: Next::Report,
            summary: String::new(),
            errand,
            started_at,
            step: None,
            steps,
            allowed_failures: None,
            reports: Packed::default(),
            api_calls: BTreeMap::new(),
            passes: 0,
            warnings: Vec::new(),
        };
        course.go_on();
        course
    }

    /// A run that has nothing more to do than to report.
    pub fn empty(errand: Errand, started_at: DateTime<Utc>) -> Self {
        Self::new(errand, started_at, Vec::new())
    }

    /// Names of all groups that are still to come or under way.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        let batches = self.step.iter().chain(&self.steps).flat_map(|s| &s.batches);
        batches.flat_map(|b| &b.groups).map(String::as_str)
    }

    fn go_on(&mut self) {
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
        Some(Code::NotPlanned | Code::Restored) => true,
        Some(_) | None => matches!(r.outcome, Outcome::Failed | Outcome::RolledBack),
    };
    reports.iter().filter(failed).count()
}

/// Takes in what the step's batches brought and goes on to the next step. Groups of a batch that brought
/// nothing are handed back from their records.
pub fn gather(mut course: Course, now: DateTime<Utc>) -> Course {
    let step = course.step.take();
    let (batches, results) = step.map_or_else(Default::default, |s| (s.batches, s.results));
    for result in results.unwrap_or_default() {
        let Ok(result) = serde_json::from_value::<BatchResult>(result) else {
            continue;
        };
        course.reports.0.extend(result.reports.0);
        course.warnings.extend(result.warnings);
        course.passes += result.passes;
        for (operation, calls) in result.api_calls {
            *course.api_calls.entry(operation).or_default() += calls;
        }
    }
    let told = |name: &String| course.reports.0.iter().any(|r| r.group == *name);
    let lost: Vec<Batch> = batches
        .into_iter()
        .filter(|b| !b.groups.iter().all(told))
        .collect();
    if !lost.is_empty() {
        recover(&mut course, lost, now);
    } else if let Some(allowed) = course.allowed_failures
        && failures(&course.reports.0) > allowed
    {
        refuse_the_rest(&mut course, allowed);
    }
    course.go_on();
    course
}

/// A batch broke beyond mending, twice even: its groups go back from their records; what is done is done.
fn recover(course: &mut Course, lost: Vec<Batch>, now: DateTime<Utc>) {
    let groups: Vec<String> = lost.iter().flat_map(|b| b.groups.clone()).collect();
    let was_restore = lost
        .iter()
        .any(|b| matches!(b.errand, Errand::Restore { .. }));
    if was_restore {
        let reason = "its batch broke while it was handed back; the sweep goes on with it";
        let failure = Failure::new(Code::LeftOpen, reason);
        let open = groups.iter().map(|g| summary::of_unreadable(g, &failure));
        course.reports.0.extend(open);
        return;
    }
    course.warnings.push(format!(
        "a batch of {} broke; what it had changed is handed back from the records",
        counted(groups.len(), "group")
    ));
    let not_before = now + TimeDelta::seconds(INVOCATION_SECONDS);
    let errand = Errand::Restore {
        run_id: course.errand.run_id().to_owned(),
        owner: course.errand.owner().to_owned(),
        give_up_at: not_before + TimeDelta::minutes(GIVE_UP_AFTER_MINUTES),
        quiet: false,
    };
    let batches: Vec<Batch> = lost
        .into_iter()
        .map(|b| Batch {
            sharers: b.sharers,
            not_before: Some(not_before),
            ..Batch::new(&errand, b.groups)
        })
        .collect();
    let step = Step {
        concurrency: batches.len(),
        batches,
        results: None,
    };
    course.steps.insert(0, step);
}

fn refuse_the_rest(course: &mut Course, allowed: usize) {
    let reason = format!(
        "expected at most {allowed} failed groups in the run, found {}",
        failures(&course.reports.0)
    );
    let failure = Failure::new(Code::FailureBudget, reason);
    let rest: Vec<GroupReport> = course
        .groups()
        .map(|name| summary::of_skipped(name, &failure))
        .collect();
    course.reports.0.extend(rest);
    course.steps.clear();
}

/// The end: what the run did.
pub fn report(env: &Env, course: Course) -> RunReport {
    let mut groups = course.reports.0;
    groups.sort_by(|a, b| a.group.cmp(&b.group));
    RunReport {
        run_id: course.errand.run_id().to_owned(),
        kind: course.errand.report_kind(),
        region: region(env),
        started_at: course.started_at,
        finished_at: env.clock.now(),
        deadline: course.errand.deadline(),
        groups,
        api_calls: course.api_calls,
        warnings: course.warnings,
    }
}
