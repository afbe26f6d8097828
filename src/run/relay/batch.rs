//! One pass of a batch.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::super::advance::{Pass, advance as pass_of};
use super::super::drive::{leave_open, next_pass};
use super::super::patience::patiently;
use super::super::plan::plan_of;
use super::super::{Env, RecordFilter, RunError, Stop, restore, summary};
use super::{Next, Packed, VERSION, Work};
use crate::aws::{Clients, describe_account};
use crate::group::admit::Bounds;
use crate::group::decision::Directive;
use crate::group::job::Job;
use crate::group::{Code, Failure, Outcome, Record};
use crate::ids::{GroupName, RunId};
use crate::report::GroupReport;
use crate::request::{OptInTag, RunRequest, Selection};
use crate::text::{counted, shortened};

/// Passes of a batch come at least this far apart: a group's next look is seldom nearer.
const PASSES_APART_SECONDS: i64 = 12;
/// A batch makes at most about so many passes: Step Functions keeps 25,000 events of an execution, and a
/// pass with its wait is nine. Passes of long windows come further apart for it.
const PASSES_PER_BATCH: i64 = 2_400;
/// Of a batch whose share nobody said.
const RESULT_BYTES: usize = 100 * 1024;
/// What is passed along between two passes may have so many bytes; Step Functions takes 256 KiB.
const JOBS_BYTES: usize = 220 * 1024;
/// The texts for people are short: they are passed along each time.
const SUMMARY_LIMIT: usize = 400;
/// Reasons of results that are too long otherwise.
const REASON_LIMIT: usize = 200;

/// A batch of a run's groups, between two passes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// See [`VERSION`].
    pub version: u32,
    /// What is to be done next.
    pub next: Next,
    /// Where it stands, for people.
    pub summary: String,
    /// Another pass at this time, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wake_at: Option<DateTime<Utc>>,
    /// What it is about.
    pub work: Work,
    /// Its groups.
    pub groups: Vec<GroupName>,
    /// As if so many of its kind worked at once: each asks at its share of AWS's rates.
    pub concurrent_batches: f64,
    /// Of what is restored from records: the run of each group's record. Where there is none, it is the
    /// work's own execution that must have made the record.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub records: BTreeMap<GroupName, RunId>,
    /// Not to begin before: an invocation that nobody waits for any more may still be at work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<DateTime<Utc>>,
    /// Its result may have so many bytes.
    pub result_bytes: usize,
    /// At most so many build instances at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_in_flight: Option<usize>,
    /// So many groups may fail before no other is started; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_failures: Option<usize>,
    /// Once it has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs: Option<Packed<Vec<Job>>>,
    /// Groups without a job: refused, or not to be restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others: Option<Packed<Vec<GroupReport>>>,
    /// Whether everything goes back already.
    #[serde(default)]
    pub restores: bool,
    /// Failed groups that have been told of.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub told: BTreeSet<GroupName>,
    /// Calls so far.
    #[serde(default)]
    pub api_calls: BTreeMap<String, u64>,
    /// Passes so far.
    #[serde(default)]
    pub passes: u64,
    /// What else is to be said at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What came of it, once it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<BatchResult>,
}

/// What came of a batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BatchResult {
    /// See [`VERSION`].
    pub version: u32,
    /// For people.
    pub summary: String,
    /// Its groups.
    pub reports: Packed<Vec<GroupReport>>,
    /// Calls that it took.
    pub api_calls: BTreeMap<String, u64>,
    /// What else is to be said.
    pub warnings: Vec<String>,
    /// Passes that it took.
    pub passes: u64,
}

/// How a pass is to be made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PassOptions {
    /// Whatever is in flight goes back.
    pub restore: bool,
    /// An earlier attempt at this pass was lost: the world may be further than the jobs know.
    pub retried: bool,
    /// The invocation must have answered by then.
    pub stop_at: DateTime<Utc>,
}

/// A batch after a pass, and what is to be told at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Advanced {
    /// To be passed along.
    pub batch: Batch,
    /// Groups that have failed since the last pass.
    pub failed: Vec<GroupReport>,
}

impl Batch {
    /// A batch that has not begun.
    pub fn new(work: &Work, groups: Vec<GroupName>) -> Self {
        let mut work = work.clone();
        if let Work::Run(request) = &mut work {
            // Its own groups are what it is about; the whole list in each batch would be long.
            request.selection.groups.clear();
        }
        Self {
            version: VERSION,
            next: Next::Wait,
            summary: format!("{} to begin with", counted(groups.len(), "group")),
            wake_at: None,
            work,
            groups,
            concurrent_batches: 1.0,
            records: BTreeMap::new(),
            not_before: None,
            result_bytes: RESULT_BYTES,
            max_in_flight: None,
            allowed_failures: None,
            jobs: None,
            others: None,
            restores: false,
            told: BTreeSet::new(),
            api_calls: BTreeMap::new(),
            passes: 0,
            warnings: Vec::new(),
            result: None,
        }
    }
}

/// Makes one pass of a batch; of one that has not begun, plans it, so that what it is about is kept before
/// anything is touched.
///
/// # Errors
/// AWS could not be read while planning; nothing was touched. Later faults are the jobs' own.
pub async fn advance(
    env: &Env,
    mut batch: Batch,
    options: PassOptions,
) -> Result<Advanced, RunError> {
    let clients = Clients::sharing(&env.sdk, env.clock.clone(), batch.concurrent_batches);
    let mut failed = Vec::new();
    match batch.jobs.take() {
        None if batch.not_before.is_some_and(|at| at > env.clock.now()) => {
            batch.wake_at = batch.not_before;
        }
        None => {
            let begun = Box::pin(begin(env, &clients, &batch, options.restore)).await?;
            let (jobs, others) = begun;
            batch.summary = format!("{} planned", counted(jobs.len(), "group"));
            batch.jobs = Some(Packed(jobs));
            batch.others = Some(Packed(others));
            batch.wake_at = Some(env.clock.now());
        }
        Some(Packed(mut jobs)) => {
            // Who begins to restore does so because a pass was lost.
            let lost = options.restore && !batch.restores;
            batch.restores |= options.restore;
            if options.retried || lost {
                let now = env.clock.now();
                jobs.iter_mut().for_each(|j| j.resume(now));
            }
            Box::pin(pass(env, &clients, &mut batch, &mut jobs, options)).await;
            failed = newly_failed(&mut batch, &jobs);
            batch.passes += 1;
            if Packed::bytes(&jobs) > JOBS_BYTES {
                tracing::warn!(
                    "names of packages are left out: there are too many to be passed along"
                );
                jobs.iter_mut().for_each(|j| j.evidence.installed.clear());
            }
            batch.jobs = Some(Packed(jobs));
        }
    }
    for (operation, calls) in clients.call_counts() {
        *batch.api_calls.entry(operation).or_default() += calls;
    }
    if batch.next == Next::Done {
        finish(&mut batch);
    }
    Ok(Advanced { batch, failed })
}

/// What there is to do for the batch's groups.
async fn begin(
    env: &Env,
    clients: &Clients,
    batch: &Batch,
    restore: bool,
) -> Result<(Vec<Job>, Vec<GroupReport>), RunError> {
    match &batch.work {
        // What could not even be planned may still have records, of this or another attempt.
        Work::Run(request) if !restore => plan_batch(env, clients, batch, request).await,
        Work::Run(_) | Work::Restore { .. } => {
            pick(env, clients, batch, |record| {
                match batch.records.get(&record.group) {
                    Some(run_id) => record.run_id == *run_id,
                    None => record.owner == batch.work.owner(),
                }
            })
            .await
        }
    }
}

async fn plan_batch(
    env: &Env,
    clients: &Clients,
    batch: &Batch,
    request: &RunRequest,
) -> Result<(Vec<Job>, Vec<GroupReport>), RunError> {
    let selection = Selection {
        groups: batch.groups.clone(),
        ..request.selection.clone()
    };
    let going_on = watch::channel(Stop::Continue).1;
    let account = patiently(&env.clock, &going_on, async || {
        describe_account(clients, |g| selection.wants(&g.name, &g.tags)).await
    });
    let account = account.await?;
    // Those that are gone by now, or are not opted in any more, are nobody's mistake.
    let (there, gone): (Vec<GroupName>, Vec<GroupName>) =
        batch.groups.iter().cloned().partition(|name| {
            let group = account.groups.get(name);
            group.is_some_and(|g| selection.wants(&g.name, &g.tags))
        });
    let reason = "it was deleted, or does not opt in any more, since the run was planned";
    let failure = Failure::new(Code::ChangedSincePlan, reason);
    let mut others: Vec<GroupReport> = gone
        .iter()
        .map(|name| summary::of_skipped(name, &failure))
        .collect();
    if there.is_empty() {
        return Ok((Vec::new(), others));
    }
    let request = RunRequest {
        selection: Selection {
            groups: there,
            ..selection
        },
        ..request.clone()
    };
    let plan = plan_of(&account, env, &request)?;
    others.extend(plan.report.groups.iter().filter_map(summary::of_refusal));
    Ok((plan.jobs, others))
}

/// Jobs from records, of the batch's groups; the others need no restore.
async fn pick(
    env: &Env,
    clients: &Clients,
    batch: &Batch,
    is_meant: impl Fn(&Record) -> bool,
) -> Result<(Vec<Job>, Vec<GroupReport>), RunError> {
    let going_on = watch::channel(Stop::Continue).1;
    let all = restore::choose(clients, env, &RecordFilter::All, &going_on).await?;
    let is_here = |name: &str| batch.groups.iter().any(|g| g == name);
    let mut jobs = all.jobs;
    jobs.retain(|j| is_here(j.group()) && is_meant(&j.record));
    let mut others = all.reports;
    others.retain(|r| is_here(&r.group));
    let failure = Failure::new(
        Code::NotPlanned,
        "it has no open record of this run: nothing was changed, or it was restored already",
    );
    let known = |name: &&GroupName| {
        jobs.iter().any(|j| j.group() == *name) || others.iter().any(|r| r.group == **name)
    };
    let rest: Vec<&GroupName> = batch.groups.iter().filter(|g| !known(g)).collect();
    let rest: Vec<GroupReport> = rest
        .into_iter()
        .map(|name| summary::of_skipped(name, &failure))
        .collect();
    others.extend(rest);
    Ok((jobs, others))
}

async fn pass(
    env: &Env,
    clients: &Clients,
    batch: &mut Batch,
    jobs: &mut Vec<Job>,
    options: PassOptions,
) {
    let give_up_at = batch.work.give_up_at();
    let mut bounds = match &batch.work {
        Work::Run(request) => Bounds {
            window: request.window,
            max_in_flight: batch.max_in_flight,
            allowed_failures: batch.allowed_failures.unwrap_or(usize::MAX),
            stopping: false,
        },
        Work::Restore { .. } => restore::bounds(env.clock.now(), give_up_at),
    };
    bounds.stopping = options.restore;
    let tag = match &batch.work {
        Work::Run(request) => request.selection.tag.clone(),
        Work::Restore { .. } => OptInTag::default(),
    };
    let pass = Pass {
        clients,
        clock: &env.clock,
        tag: &tag,
        bounds,
        directive: Directive {
            restore: options.restore,
        },
    };
    // Cut off in mid-pass, the jobs would know a part of what was done: who takes over the old ones looks.
    let mut tried = jobs.clone();
    let next = tokio::select! {
        next = pass_of(&pass, &mut tried) => {
            *jobs = tried;
            next
        }
        () = env.clock.wait_until(options.stop_at) => {
            tracing::warn!("the pass took longer than the invocation may; going on with the next one");
            let now = env.clock.now();
            jobs.iter_mut().for_each(|j| j.resume(now));
            Some(now)
        }
    };
    let now = env.clock.now();
    batch.summary = standing(jobs);
    batch.next = Next::Done;
    batch.wake_at = None;
    let Some(next) = next else {
        return;
    };
    if now >= give_up_at {
        leave_open(jobs, now);
        return;
    }
    let apart = apart(jobs, give_up_at);
    batch.next = Next::Wait;
    batch.wake_at = Some(next_pass(jobs, next, now, apart).min(give_up_at));
}

/// How far apart passes are for their number to stay within bounds until the very end.
fn apart(jobs: &[Job], give_up_at: DateTime<Utc>) -> TimeDelta {
    let began = jobs.iter().filter_map(|j| j.history.first()).map(|e| e.at);
    let longest = began.min().map_or(0, |at| (give_up_at - at).num_seconds());
    TimeDelta::seconds((longest / PASSES_PER_BATCH).max(PASSES_APART_SECONDS))
}

/// `3 patching, 2 baking, 1 finished`, in the order of the phases.
fn standing(jobs: &[Job]) -> String {
    let mut phases = BTreeMap::new();
    for job in jobs {
        *phases.entry(job.phase).or_insert(0) += 1;
    }
    let parts: Vec<String> = phases.iter().map(|(p, n)| format!("{n} {p}")).collect();
    shortened(&parts.join(", "), SUMMARY_LIMIT)
}

fn newly_failed(batch: &mut Batch, jobs: &[Job]) -> Vec<GroupReport> {
    let is_failed = |r: &GroupReport| {
        r.code != Some(Code::RestoredFromRecord)
            && matches!(r.outcome, Outcome::Failed | Outcome::RolledBack)
    };
    let finished: Vec<Job> = jobs.iter().filter(|j| j.finished()).cloned().collect();
    let reports = summary::of_jobs(&finished).into_iter();
    reports
        .filter(is_failed)
        .filter(|r| batch.told.insert(r.group.clone()))
        .collect()
}

fn finish(batch: &mut Batch) {
    let jobs = batch.jobs.take().unwrap_or_default().0;
    let mut reports = summary::of_jobs(&jobs);
    let deadline = batch.work.deadline();
    let mut warnings = std::mem::take(&mut batch.warnings);
    if let Work::Run(_) = batch.work {
        warnings.extend(summary::overruns(&jobs, deadline, &mut reports));
    }
    reports.extend(batch.others.take().unwrap_or_default().0);
    reports.sort_by(|a, b| a.group.cmp(&b.group));
    shorten(&mut reports, batch.result_bytes);
    batch.result = Some(BatchResult {
        version: VERSION,
        summary: batch.summary.clone(),
        reports: Packed(reports),
        api_calls: std::mem::take(&mut batch.api_calls),
        warnings,
        passes: batch.passes,
    });
}

/// Leaves out, in this order, what the reader misses least, until all fits. The log has it whole.
fn shorten(reports: &mut [GroupReport], most_bytes: usize) {
    let steps: [fn(&mut GroupReport); 3] = [
        |r| r.installed.clear(),
        |r| r.phases.clear(),
        |r| {
            r.notes.truncate(1);
            r.reason = shortened(&r.reason, REASON_LIMIT);
        },
    ];
    if Packed::bytes(&reports) <= most_bytes {
        return;
    }
    for report in reports.iter() {
        tracing::info!(report = serde_json::to_string(report).ok(), "whole report");
    }
    for leave_out in steps {
        reports.iter_mut().for_each(leave_out);
        if Packed::bytes(&reports) <= most_bytes {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_result_keeps_its_outcomes_and_leaves_out_what_is_missed_least() {
        let report = |n: usize| {
            let mut report = sample::patched(&format!("payment-settlement-worker-{n:03}"));
            let package = |p| format!("package-{}.x86_64:0:{n}.{p}-1.amzn2023", n * p);
            report.installed = (0..100).map(package).collect();
            report
        };
        let whole: Vec<GroupReport> = (0..25).map(report).collect();
        let size = Packed::bytes(&whole);
        for (limit, installed, phases) in [
            (size, 100, true),
            (size - 1, 0, true),
            (Packed::bytes(&&whole[..1]) * 2, 0, true),
            (10, 0, false),
        ] {
            let mut reports = whole.clone();
            shorten(&mut reports, limit);
            assert_eq!(reports[0].installed.len(), installed, "{limit}");
            assert_eq!(!reports[0].phases.is_empty(), phases, "{limit}");
            assert_eq!(reports.len(), 25);
            assert_eq!(reports[0].outcome, Outcome::Patched);
        }
    }
}
