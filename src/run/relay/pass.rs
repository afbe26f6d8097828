//! One pass of a batch.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use tracing::Instrument;

use super::super::advance::{Stay, advance as work};
use super::super::drive::leave_open;
use super::super::engine::Setting;
use super::super::{RunError, restore, summary};
use super::packed::Packed;
use super::shorten::shorten_result;
use super::start::start;
use super::{Assignment, Batch, BatchResult, Stage, Used, Work, Working};
use crate::aws::Aws;
use crate::group::admit::Bounds;
use crate::group::decision::Directive;
use crate::group::job::Job;
use crate::group::made::Evidence;
use crate::report::{GroupReport, fit};
use crate::request::OptInTag;

/// An invocation waits this long for the next look: to leave and to be called again costs as much.
const WAITS_AT_MOST: TimeDelta = TimeDelta::seconds(10);
/// An invocation begins nothing more after this long: what it remembers is kept only when it leaves.
const STAYS_AT_MOST: TimeDelta = TimeDelta::seconds(60);
/// A batch makes about this many passes at most: Step Functions keeps 25,000 events of an execution, and a
/// pass with its wait is nine. In long windows passes come further apart for it.
const PASSES_PER_BATCH: i32 = 2_400;
/// Bytes of a batch's jobs that may be passed along between two passes: Step Functions takes 256 KiB in all.
const JOBS_BYTES: usize = 220 * 1024;

/// How a pass is to be made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PassOptions {
    /// Whatever is in flight is restored.
    pub restore: bool,
    /// An earlier attempt at this pass was lost: the world may be further than the jobs know.
    pub retried: bool,
    /// The invocation must have answered by then.
    pub stop_at: DateTime<Utc>,
}

/// A batch after a pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Advanced {
    /// To be passed along.
    pub batch: Batch,
    /// When the next pass is due; `None` once the batch is done.
    pub wake_at: Option<DateTime<Utc>>,
    /// Groups that have failed since the last pass: to be reported at once.
    pub failed: Vec<GroupReport>,
}

/// Makes one pass of a batch. A batch that has not started is only planned, so that its jobs are kept before
/// anything is touched.
///
/// # Errors
/// AWS could not be read while planning; nothing was touched. Later faults are the jobs' own.
pub async fn advance(aws: &Aws, batch: Batch, options: PassOptions) -> Result<Advanced, RunError> {
    let span = tracing::error_span!("batch", batch = batch.assignment.number);
    let aws = match batch.stage {
        // Batches are planned one after the other.
        Stage::Planned { not_before: _ } => aws.clone(),
        Stage::Working(_) | Stage::Done(_) => {
            aws.one_of(batch.assignment.limits.concurrent_batches)
        }
    };
    Box::pin(advance_stage(&aws, batch, options))
        .instrument(span)
        .await
}

async fn advance_stage(
    aws: &Aws,
    batch: Batch,
    options: PassOptions,
) -> Result<Advanced, RunError> {
    let Batch {
        assignment,
        stage,
        mut used,
    } = batch;
    if options.restore && is_under_way(&stage) {
        used += Used::ABANDONED;
    }
    let (stage, wake_at, failed) = match stage {
        Stage::Planned {
            not_before: Some(at),
        } if at > aws.clock.now() => {
            let not_before = Some(at);
            (Stage::Planned { not_before }, Some(at), Vec::new())
        }
        Stage::Planned { not_before: _ } => {
            let working = Box::pin(started(aws, &assignment, options.restore)).await?;
            (Stage::Working(working), Some(aws.clock.now()), Vec::new())
        }
        Stage::Working(mut working) => {
            let next = Box::pin(pass(aws, &assignment, &mut working, options)).await;
            let summary = working.summary();
            let wake_at = wake_at(aws.clock.now(), &assignment, &mut working.jobs, next);
            let failed = newly_failed(&mut working);
            let stage = match wake_at {
                Some(_) => {
                    fit_to_pass_along(&mut working.jobs);
                    Stage::Working(working)
                }
                None => Stage::Done(result(&assignment, working, summary)),
            };
            (stage, wake_at, failed)
        }
        Stage::Done(result) => (Stage::Done(result), None, Vec::new()),
    };
    Ok(Advanced {
        batch: Batch {
            assignment,
            stage,
            used,
        },
        wake_at,
        failed,
    })
}

/// Whether it goes forward.
fn is_under_way(stage: &Stage) -> bool {
    match stage {
        Stage::Working(working) => !working.restores,
        Stage::Planned { not_before: _ } | Stage::Done(_) => false,
    }
}

async fn started(aws: &Aws, assignment: &Assignment, restore: bool) -> Result<Working, RunError> {
    let calls = aws.clients.count_from_now();
    let (jobs, others) = Box::pin(start(aws, assignment, restore)).await?;
    Ok(Working {
        jobs,
        others,
        restores: false,
        reported: BTreeSet::new(),
        api_calls: calls.so_far(),
        passes: 0,
    })
}

/// Makes a pass; answers when the first job wants to be looked at again, `None` when all are finished.
async fn pass(
    aws: &Aws,
    assignment: &Assignment,
    working: &mut Working,
    options: PassOptions,
) -> Option<DateTime<Utc>> {
    let calls = aws.clients.count_from_now();
    // A batch begins to restore because a pass was lost.
    let lost = options.restore && !working.restores;
    working.restores |= options.restore;
    if options.retried || lost {
        let now = aws.clock.now();
        working.jobs.iter_mut().for_each(|j| j.resume(now));
    }
    let next = pass_in_time(aws, assignment, &mut working.jobs, options).await;
    working.passes += 1;
    working.count(calls.so_far());
    next
}

/// When the next pass is due; `None` if none is, since all jobs are finished or must be left open.
fn wake_at(
    now: DateTime<Utc>,
    assignment: &Assignment,
    jobs: &mut [Job],
    next: Option<DateTime<Utc>>,
) -> Option<DateTime<Utc>> {
    let next = next?;
    let give_up_at = assignment.work.give_up_at();
    if now >= give_up_at {
        leave_open(jobs, now);
        return None;
    }
    Some(next.max(now + apart(jobs, give_up_at)).min(give_up_at))
}

fn fit_to_pass_along(jobs: &mut Vec<Job>) {
    fn each(jobs: &mut [Job], leave_out: fn(&mut Evidence)) {
        jobs.iter_mut().for_each(|j| leave_out(&mut j.evidence));
    }
    let steps: [fn(&mut Vec<Job>); 3] = [
        |jobs| each(jobs, |e| e.patches.forget_cves()),
        |jobs| each(jobs, Evidence::forget_patches),
        |jobs| each(jobs, |e| e.installed.clear()),
    ];
    if fit::give_up(jobs, &steps, |j| Packed::bytes(j) <= JOBS_BYTES) > 0 {
        tracing::warn!("evidence of patches is left out: it is too long to be passed along");
    }
}

/// Makes a pass that ends when the invocation must answer.
async fn pass_in_time(
    aws: &Aws,
    assignment: &Assignment,
    jobs: &mut [Job],
    options: PassOptions,
) -> Option<DateTime<Utc>> {
    let limits = &assignment.limits;
    let (mut bounds, tag) = match &assignment.work {
        Work::Run(request) => {
            let bounds = Bounds {
                window: request.window,
                max_in_flight: limits.max_in_flight,
                allowed_failures: limits.allowed_failures.unwrap_or(usize::MAX),
                // A batch is of one wave.
                allowed_in_wave: None,
                stopping: false,
                calls_take: aws.calls_take(),
            };
            (bounds, request.selection.tag.clone())
        }
        Work::Restore { .. } => {
            let give_up_at = assignment.work.give_up_at();
            let bounds = restore::bounds(aws.clock.now(), give_up_at);
            (bounds, OptInTag::default())
        }
    };
    bounds.stopping = options.restore;
    let setting = Setting {
        clients: &aws.clients,
        clock: &aws.clock,
        tag: &tag,
        bounds,
        directive: Directive {
            restore: options.restore,
        },
    };
    let stay = Stay {
        wait_at_most: WAITS_AT_MOST,
        until: aws.clock.now() + STAYS_AT_MOST,
        leave_at: options.stop_at,
    };
    work(&setting, jobs, stay).await
}

/// How far apart passes are for their number to stay within limits until the very end.
fn apart(jobs: &[Job], give_up_at: DateTime<Utc>) -> TimeDelta {
    let began = jobs.iter().filter_map(|j| j.history.first()).map(|e| e.at);
    let longest = began.min().map_or(TimeDelta::zero(), |at| give_up_at - at);
    TimeDelta::seconds((longest / PASSES_PER_BATCH).num_seconds())
}

fn newly_failed(working: &mut Working) -> Vec<GroupReport> {
    let finished = working.jobs.iter().filter(|j| j.finished()).cloned();
    let finished: Vec<Job> = finished.collect();
    let reports = summary::of_jobs(&finished).into_iter();
    reports
        .filter(summary::has_failed)
        .filter(|r| working.reported.insert(r.group.clone()))
        .collect()
}

fn result(assignment: &Assignment, working: Working, summary: String) -> BatchResult {
    let Working {
        jobs,
        others,
        restores: _,
        reported: _,
        api_calls,
        passes,
    } = working;
    let mut reports = summary::of_jobs(&jobs);
    let mut warnings = assignment.warnings.clone();
    if let Work::Run(request) = &assignment.work {
        let deadline = request.window.deadline;
        warnings.extend(summary::overruns(&jobs, deadline, &mut reports));
    }
    reports.extend(others);
    reports.sort_by(|a, b| a.group.cmp(&b.group));
    let limits = &assignment.limits;
    warnings.extend(shorten_result(
        &mut reports,
        limits.result_bytes,
        !limits.packed,
    ));
    BatchResult {
        number: assignment.number,
        summary,
        reports,
        api_calls,
        warnings,
        passes,
        used: Used::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::Record;
    use crate::group::patch::{PatchFacts, PatchState};
    use crate::schedule::Capacity;

    fn job(group: &str) -> Job {
        let at: DateTime<Utc> = "2026-10-14T04:00:00Z".parse().expect("a time");
        let capacity = Capacity {
            min: 0,
            max: 4,
            desired: 0,
        };
        let record = Record {
            schema: 1,
            group: group.into(),
            run_id: "run-1".into(),
            owner: "cli:host:1".into(),
            written_at: at,
            deadline: at,
            capacity,
            suspended: Default::default(),
            guarded: Default::default(),
            pins: Vec::new(),
            templates: Default::default(),
            actions: Vec::new(),
            image_name: String::new(),
            bake_key: group.into(),
            members: None,
            automates: false,
            signature: None,
        };
        Job::from_record(record, at)
    }

    /// Jobs of guests of many kinds, each of which lacks other patches.
    fn jobs(number: usize, patches: usize) -> Vec<Job> {
        let job = |n: usize| {
            let mut job = self::job(&format!("group-{n}"));
            for p in 0..patches {
                let id = |i| {
                    format!(
                        "CVE-20{:02}-{:05}",
                        (n * 7 + i) % 27,
                        (n * 977 + p * 331 + i * 77) % 99_991
                    )
                };
                let facts = PatchFacts {
                    classification: Some("Security".into()),
                    severity: Some("Important".into()),
                    cves: (0..6).map(id).collect(),
                    cves_left_out: 0,
                };
                let name = crate::text::hash_hex(&[&n.to_string(), &p.to_string()], 12);
                job.evidence
                    .patches
                    .learn(&name, PatchState::Missing, &facts, true);
            }
            job
        };
        (0..number).map(job).collect()
    }

    #[test]
    fn jobs_lose_evidence_and_nothing_else_where_they_would_be_too_long() {
        let few = jobs(2, 20);
        let mut fitted = few.clone();
        fit_to_pass_along(&mut fitted);
        assert_eq!(fitted, few);
        let is_long = |patches: &usize| Packed::bytes(&jobs(40, *patches)) > JOBS_BYTES;
        let some = (1..=25).map(|n| n * 20).find(is_long);
        let some = some.expect("so much does not fit");
        for (number, patches, keeps_names) in [(40, some, true), (90, 500, false)] {
            let many = jobs(number, patches);
            assert!(Packed::bytes(&many) > JOBS_BYTES, "{number}");
            let mut fitted = many.clone();
            fit_to_pass_along(&mut fitted);
            assert!(Packed::bytes(&fitted) <= JOBS_BYTES, "{number}");
            let evidence = &fitted[0].evidence;
            assert_eq!(!evidence.patches.is_empty(), keeps_names, "{number}");
            assert_eq!(evidence.patches_left_out, !keeps_names, "{number}");
            for (job, whole) in fitted.iter_mut().zip(&many) {
                job.evidence = whole.evidence.clone();
            }
            assert_eq!(fitted, many);
        }
    }
}
