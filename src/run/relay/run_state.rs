//! A run between its steps. Pure, but for the report at its end.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::super::assemble::{self, Heading, Results};
use super::super::drive::GIVE_UP_AFTER;
use super::super::summary;
use super::batch::add;
use super::{BATCHES_AT_ONCE, Batch, BatchResult, INVOCATION_LIMIT, Stage, Used, Work};
use crate::aws::Aws;
use crate::group::admit::too_many_in_wave;
use crate::group::{Code, Failure, Outcome};
use crate::ids::GroupName;
use crate::report::{GroupReport, RunReport};
use crate::text::counted;

/// A run, between two steps.
#[derive(Clone, Debug, PartialEq)]
pub struct RunState {
    /// The run or restore.
    pub work: Work,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// Under way; none if only the report is left.
    pub step: Option<Step>,
    /// To come.
    pub steps: Vec<Step>,
    /// Once more groups than this have failed, nothing more is started; `None` for no limit.
    pub allowed_failures: Option<usize>,
    /// Groups that had failed before the wave at work.
    pub failed_before: usize,
    /// Groups that are done.
    pub reports: Vec<GroupReport>,
    /// Calls so far, per `service:Operation`.
    pub api_calls: BTreeMap<String, u64>,
    /// Passes so far.
    pub passes: u64,
    /// For the reader of the report.
    pub warnings: Vec<String>,
    /// The part of the stack that it has used so far.
    pub used: Used,
}

/// Batches that go on side by side.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The wave that it is of.
    pub wave: i32,
    /// No later wave is started once more groups of this one have failed; `None` for no limit.
    pub allowed_in_wave: Option<usize>,
    /// This many at once.
    pub concurrency: usize,
    /// The batches.
    pub batches: Vec<Batch>,
    /// Their results, in no order that is relied upon; a batch that broke has none.
    pub results: Vec<BatchResult>,
}

impl RunState {
    /// A run that has nothing more to do than to report.
    pub fn empty(work: Work, started_at: DateTime<Utc>) -> Self {
        Self {
            work,
            started_at,
            step: None,
            steps: Vec::new(),
            allowed_failures: None,
            failed_before: 0,
            reports: Vec::new(),
            api_calls: BTreeMap::new(),
            passes: 0,
            warnings: Vec::new(),
            used: Used::default(),
        }
    }

    /// Names of all groups that are still to come or under way.
    pub fn groups(&self) -> impl Iterator<Item = &GroupName> {
        let batches = self.step.iter().chain(&self.steps).flat_map(|s| &s.batches);
        batches.flat_map(|b| &b.assignment.groups)
    }

    /// Whether the names of its groups travel packed.
    pub(super) fn is_packed(&self) -> bool {
        let mut batches = self.step.iter().chain(&self.steps).flat_map(|s| &s.batches);
        batches.any(|b| b.assignment.limits.packed)
    }

    /// Where it stands, for people.
    pub fn summary(&self) -> String {
        let done = self.reports.len();
        let Some(step) = &self.step else {
            return format!("{} done", counted(done, "group"));
        };
        let sizes = step.batches.iter().map(|b| b.assignment.groups.len());
        format!(
            "{} at work in {}, {done} done",
            counted(sizes.sum(), "group"),
            match step.batches.len() {
                1 => "1 batch".to_owned(),
                n => format!("{n} batches"),
            }
        )
    }

    /// Goes on to the next step, if there is one.
    pub(super) fn proceed(&mut self) {
        if self.steps.is_empty() {
            self.step = None;
            return;
        }
        let mut step = self.steps.remove(0);
        let failures = failures(&self.reports);
        for batch in &mut step.batches {
            let allowed = self.allowed_failures.map(|n| n.saturating_sub(failures));
            batch.assignment.limits.allowed_failures = allowed;
        }
        self.step = Some(step);
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

/// Takes in the results of the step's batches and goes on to the next step. Groups of a batch without a result
/// are restored from their records.
pub fn gather(mut run_state: RunState, now: DateTime<Utc>) -> RunState {
    let step = run_state.step.take();
    let wave = step.as_ref().map(|s| (s.wave, s.allowed_in_wave));
    let (batches, results) = step.map_or_else(Default::default, |s| (s.batches, s.results));
    for result in results {
        run_state.reports.extend(result.reports);
        for warning in result.warnings {
            // Many batches may say the same.
            if !run_state.warnings.contains(&warning) {
                run_state.warnings.push(warning);
            }
        }
        run_state.passes += result.passes;
        run_state.used += result.used;
        add(&mut run_state.api_calls, result.api_calls);
    }
    let is_reported = |name: &GroupName| run_state.reports.iter().any(|r| r.group == *name);
    let lost: Vec<Batch> = batches
        .into_iter()
        .filter(|b| !b.assignment.groups.iter().all(is_reported))
        .collect();
    lost.iter().for_each(|_| run_state.used += Used::UNKNOWN);
    let of_wave = wave.unwrap_or_default();
    if !lost.is_empty() && recover(&mut run_state, lost, of_wave, now) {
        // Its groups are counted once they are restored.
    } else if let Some(allowed) = run_state.allowed_failures
        && failures(&run_state.reports) > allowed
    {
        let found = failures(&run_state.reports);
        let reason = format!("expected at most {allowed} failed groups in the run, found {found}");
        refuse_the_rest(&mut run_state, reason);
    } else if let Some((wave, allowed)) = wave
        && run_state
            .steps
            .first()
            .is_some_and(|next| next.wave != wave)
    {
        end_wave(&mut run_state, wave, allowed);
    }
    run_state.proceed();
    run_state
}

/// A batch broke for good: its groups are restored from their records, by a batch of their own. If that one
/// breaks, too, the sweep restores them. What is done is done. Answers whether such a batch goes next.
fn recover(
    run_state: &mut RunState,
    lost: Vec<Batch>,
    (wave, allowed_in_wave): (i32, Option<usize>),
    now: DateTime<Utc>,
) -> bool {
    let names = lost.iter().flat_map(|b| b.assignment.groups.clone());
    let groups: Vec<GroupName> = names.collect();
    let is_restore = |b: &Batch| matches!(b.assignment.work, Work::Restore { .. });
    if lost.iter().any(is_restore) {
        let reason = "its batch broke while it was restored; the sweep goes on with it";
        let failure = Failure::new(Code::LeftOpen, reason);
        let open = groups.iter().map(|g| summary::of_unreadable(g, &failure));
        run_state.reports.extend(open);
        return false;
    }
    run_state.warnings.push(format!(
        "a batch of {} broke; what it had changed is restored from the records",
        counted(groups.len(), "group")
    ));
    let not_before = now + INVOCATION_LIMIT;
    let work = Work::Restore {
        run_id: run_state.work.run_id().to_owned(),
        owner: run_state.work.owner().to_owned(),
        give_up_at: not_before + GIVE_UP_AFTER,
        quiet: false,
    };
    let restoring = |lost: Batch| {
        let mut batch = Batch::planned(&work, lost.assignment.groups);
        let limits = &mut batch.assignment.limits;
        limits.concurrent_batches = lost.assignment.limits.concurrent_batches;
        limits.packed = lost.assignment.limits.packed;
        limits.result_bytes = lost.assignment.limits.result_bytes;
        batch.assignment.number = lost.assignment.number;
        batch.stage = Stage::Planned {
            not_before: Some(not_before),
        };
        batch
    };
    let batches: Vec<Batch> = lost.into_iter().map(restoring).collect();
    let step = Step {
        wave,
        allowed_in_wave,
        concurrency: batches.len().min(BATCHES_AT_ONCE),
        batches,
        results: Vec::new(),
    };
    run_state.steps.insert(0, step);
    true
}

/// A wave has ended: what broke in it does not reach the next one.
fn end_wave(run_state: &mut RunState, wave: i32, allowed: Option<usize>) {
    let all = failures(&run_state.reports);
    let failed = all.saturating_sub(run_state.failed_before);
    run_state.failed_before = all;
    if let Some(allowed) = allowed
        && failed > allowed
    {
        refuse_the_rest(run_state, too_many_in_wave(wave, allowed, failed));
    }
}

fn refuse_the_rest(run_state: &mut RunState, reason: String) {
    let failure = Failure::new(Code::FailureBudget, reason);
    let rest: Vec<GroupReport> = run_state
        .groups()
        .map(|name| summary::of_skipped(name, &failure))
        .collect();
    run_state.reports.extend(rest);
    run_state.steps.clear();
}

/// Ends the run: its report.
pub fn report(aws: &Aws, run_state: RunState) -> RunReport {
    let RunState {
        work,
        started_at,
        step: _,
        steps: _,
        allowed_failures: _,
        failed_before: _,
        reports,
        api_calls,
        passes: _,
        warnings,
        used: _,
    } = run_state;
    let heading = Heading {
        run_id: work.run_id().to_owned(),
        kind: work.report_kind(),
        started_at,
        deadline: work.deadline(),
    };
    let results = Results {
        groups: reports,
        api_calls,
        warnings,
    };
    let about = match &work {
        Work::Run(request) => request.about.clone(),
        Work::Restore { .. } => Box::default(),
    };
    assemble::report(aws, heading, results).asked(work.owner().to_owned(), &about)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_what_is_left_of_the_failure_limit() {
        let now = "2026-10-14T04:00:00Z".parse().expect("a time");
        let work = Work::Restore {
            run_id: "run-1".into(),
            owner: "arn:x".into(),
            give_up_at: now,
            quiet: false,
        };
        let step = |group: &str| Step {
            wave: 0,
            allowed_in_wave: None,
            concurrency: 1,
            batches: vec![Batch::planned(&work, vec![group.into()])],
            results: Vec::new(),
        };
        let mut run_state = RunState {
            steps: vec![step("first"), step("second")],
            allowed_failures: Some(2),
            ..RunState::empty(work.clone(), now)
        };
        let limit = |run_state: &RunState| {
            let step = run_state.step.as_ref().expect("a step");
            step.batches[0].assignment.limits.allowed_failures
        };
        run_state.proceed();
        assert_eq!(limit(&run_state), Some(2));
        let mut failed = crate::report::sample::patched("first");
        failed.outcome = Outcome::RolledBack;
        run_state.reports.push(failed);
        run_state.proceed();
        assert_eq!(limit(&run_state), Some(1));
    }
    /// Of a wave of five groups one may fail; the second ends the run before its second wave.
    #[test]
    fn a_wave_that_breaks_ends_the_run() {
        let now: DateTime<Utc> = "2026-10-14T04:00:00Z".parse().expect("a time");
        let work = Work::Restore {
            run_id: "run-1".into(),
            owner: "arn:x".into(),
            give_up_at: now,
            quiet: false,
        };
        let outcomes = |failed: usize| {
            let step = |wave, group: &str| Step {
                wave,
                allowed_in_wave: Some(1),
                concurrency: 1,
                batches: vec![Batch::planned(&work, vec![group.into()])],
                results: Vec::new(),
            };
            let mut run_state = RunState {
                steps: vec![step(0, "first"), step(0, "second"), step(1, "third")],
                allowed_failures: Some(9),
                ..RunState::empty(work.clone(), now)
            };
            run_state.proceed();
            for (number, group) in ["first", "second"].into_iter().enumerate() {
                let mut report = crate::report::sample::patched(group);
                if number < failed {
                    report.outcome = Outcome::RolledBack;
                }
                run_state.reports.push(report);
                run_state = gather(run_state, now);
            }
            let refused = run_state
                .reports
                .iter()
                .find(|r| r.group.as_str() == "third");
            let reason = refused.map(|r| r.reason.clone());
            (run_state.step.is_some(), reason)
        };
        assert_eq!(outcomes(1), (true, None));
        let reason = "expected at most 1 failed groups in wave 0, which goes before, found 2";
        assert_eq!(outcomes(2), (false, Some(reason.into())));
    }
}
