//! The first invocation of a run: claim it, plan it, split it.

use chrono::{DateTime, TimeDelta, Utc};

use super::super::patience::patiently;
use super::super::prepare::{never_stopped, prepare};
use super::super::{RecordFilter, RunError, SelectionError, absent, restore};
use super::shorten::shorten;
use super::split::{BatchMember, steps};
use super::{Batch, RESTORE_LIMIT, RunState, STATE_BYTES, Stage, Used, Work, wire};
use crate::aws::{Aws, Claim, Held, Refreshes, claim_run, forget_claims};
use crate::group::job::Job;
use crate::group::{Code, Failure};
use crate::ids::RunId;
use crate::request::RunRequest;
use crate::text::{counted, moment};

/// Claims are kept this long: a schedule retries a delivery for a day at most (EventBridge Scheduler,
/// MaximumEventAgeInSeconds), and people look back a month.
const CLAIMS_KEPT: TimeDelta = TimeDelta::days(35);

/// Bytes that the outcome of a group takes at least, when it is packed with others.
const LEAST_RESULT_BYTES: usize = 7;
/// Groups that one execution restores. The sweeps go on with the others, each with other ones.
const RESTORED_AT_ONCE: usize = 1_000;
/// How far sweeps are apart, seconds, by the template.
const SWEEPS_APART: i64 = 900;
/// In an account whose plan takes longer than this, batches that begin together are planned one after the other.
const QUICK_PLAN: TimeDelta = TimeDelta::seconds(5);
/// The longest that a batch waits for another's plan: AWS was slow, and need not be again.
const LONGEST_PLAN: TimeDelta = TimeDelta::minutes(1);

/// How a run begins.
#[derive(Clone, Debug, PartialEq)]
pub enum Begun {
    /// With this to be passed along.
    RunState(Box<RunState>),
    /// Not at all: the same cause has started a run already.
    Duplicate(Claim),
    /// Not at all.
    Refused(Failure),
}

/// Claims and plans a run. Nothing else is changed. The same execution may begin again.
///
/// # Errors
/// AWS did not answer, and may later.
pub async fn begin_run(aws: &Aws, request: &RunRequest) -> Result<Begun, RunError> {
    let now = aws.clock.now();
    if request.window.is_over(now) {
        let reason = format!(
            "expected a start before the window's deadline at {}, found {}",
            moment(request.window.deadline),
            moment(now)
        );
        return Ok(Begun::Refused(Failure::new(Code::WindowOver, reason)));
    }
    let begun = Box::pin(claim_and_plan(aws, request, now)).await;
    match begun {
        Err(RunError::Request(error)) => Ok(Begun::Refused(not_selected(&error))),
        Err(RunError::Refused(failure)) => Ok(Begun::Refused(failure)),
        Err(error @ RunError::Aws { passing: false, .. }) => {
            Ok(Begun::Refused(not_planned(&error)))
        }
        other => other,
    }
}

/// Why a run could not be planned.
pub fn not_planned(error: &RunError) -> Failure {
    Failure::new(Code::NotPlanned, error.to_string())
}

/// Why a run cannot work on a group that was named.
pub fn not_selected(error: &SelectionError) -> Failure {
    Failure::new(Code::NotOptedIn, error.to_string())
}

/// Why a run does not begin beside a claim that has no valid signature.
fn unsigned(parameter: &str) -> Failure {
    let reason = format!("{parameter}: expected a claim with the signature of this program's key");
    Failure::new(Code::NotOurs, reason)
}

async fn claim_and_plan(
    aws: &Aws,
    request: &RunRequest,
    now: DateTime<Utc>,
) -> Result<Begun, RunError> {
    let calls = aws.clients.count_from_now();
    let stop = never_stopped();
    let claim = Claim {
        run_id: request.run_id.clone(),
        owner: request.owner.clone(),
        at: now,
        is_of_some: !request.selection.groups.is_empty(),
    };
    let held = patiently(&aws.clock, &stop, async || {
        claim_run(&aws.clients, &claim).await
    });
    match held.await? {
        Held::By(held) if held.owner == request.owner => {}
        Held::By(held) => return Ok(Begun::Duplicate(held)),
        Held::Unsigned(parameter) => return Ok(Begun::Refused(unsigned(&parameter))),
    }
    if let Err(fault) = forget_claims(&aws.clients, now - CLAIMS_KEPT).await {
        tracing::warn!(code = fault.code, "old claims stay: {}", fault.message);
    }
    let prepared = Box::pin(prepare(aws, request, Refreshes::NotSought, &stop)).await?;
    let work = Work::Run(Box::new(request.clone()));
    let candidates = prepared.jobs.iter().map(BatchMember::from).collect();
    let mut run_state = RunState {
        steps: steps(candidates, &work),
        allowed_failures: Some(request.max_failures.groups(prepared.groups())),
        reports: prepared.refused,
        api_calls: calls.so_far(),
        warnings: prepared.warnings,
        ..RunState::empty(work, now)
    };
    run_state.proceed();
    plan_in_turn(&mut run_state, now, aws.clock.now());
    Ok(match make_room(&mut run_state) {
        Ok(()) => Begun::RunState(Box::new(run_state)),
        Err(failure) => Begun::Refused(failure),
    })
}

/// The batches that begin together read the account one after the other, because each does it at the whole run's rates. That takes
/// as long as the plan of the run.
fn plan_in_turn(run_state: &mut RunState, began: DateTime<Utc>, now: DateTime<Utc>) {
    let took = (now - began).min(LONGEST_PLAN);
    let step = run_state.step.iter_mut().filter(|_| took > QUICK_PLAN);
    for step in step {
        let first = step.batches.iter_mut().take(step.concurrency);
        for (before, batch) in (0..).zip(first) {
            let not_before = (before > 0).then(|| now + took * before);
            batch.stage = Stage::Planned { not_before };
        }
    }
}

/// Keeps room for the outcomes in what is passed along.
///
/// # Errors
/// There is none: the names of the groups are too long together.
fn make_room(run_state: &mut RunState) -> Result<(), Failure> {
    let groups = run_state.groups().count();
    let reports = std::mem::take(&mut run_state.reports);
    let names = wire::bytes(run_state);
    run_state.reports = reports;
    let Some(room) = STATE_BYTES.checked_sub(names + groups * LEAST_RESULT_BYTES) else {
        let reason = format!(
            "expected at most {} KiB of names and outcomes to be passed along, found {} with {} KiB; have windows of some \
             of them each",
            STATE_BYTES / 1024,
            counted(groups, "group"),
            (names + groups * LEAST_RESULT_BYTES) / 1024,
        );
        return Err(Failure::new(Code::NotPlanned, reason));
    };
    shorten(&mut run_state.reports, room);
    let room = STATE_BYTES.saturating_sub(wire::bytes(run_state));
    let steps = run_state.step.iter_mut().chain(&mut run_state.steps);
    let mut batches: Vec<&mut Batch> = steps.flat_map(|s| &mut s.batches).collect();
    let each = room / batches.len().max(1);
    for batch in &mut batches {
        let limits = &mut batch.assignment.limits;
        limits.result_bytes = limits.result_bytes.min(each);
    }
    Ok(())
}

/// The jobs of one execution, where there are very many: those that it leaves are others at each sweep.
fn some_of(mut jobs: Vec<Job>, now: DateTime<Utc>) -> Vec<Job> {
    let parts = jobs.len().div_ceil(RESTORED_AT_ONCE).max(1);
    let turn = usize::try_from(now.timestamp() / SWEEPS_APART).unwrap_or_default();
    let first = turn % parts * RESTORED_AT_ONCE;
    jobs.drain(..first);
    jobs.truncate(RESTORED_AT_ONCE);
    jobs
}

/// How a restore begins.
#[derive(Clone, Debug, PartialEq)]
pub enum BegunRestore {
    /// With this to be passed along.
    RunState(Box<RunState>),
    /// Not at all, because there is nothing to restore: why.
    Nothing(String),
    /// Not at all.
    Refused(Failure),
}

/// Finds the groups that an execution is to restore. Records that cannot be read, or whose run may be alive, are
/// reported if anyone reads the report.
///
/// # Errors
/// AWS could not be read.
pub async fn begin_restore(
    aws: &Aws,
    work: Work,
    filter: &RecordFilter,
) -> Result<BegunRestore, RunError> {
    let calls = aws.clients.count_from_now();
    let mut chosen = Box::pin(restore::choose(aws, filter, &never_stopped())).await?;
    let absent = std::mem::take(&mut chosen.absent);
    let absent = absent::explain(aws, absent, None).await?;
    // A name that is no group's is a mistake: nothing is done then.
    let is_unknown = |e: &&SelectionError| matches!(e, SelectionError::NoSuchGroupNorRecord { .. });
    if let Some(error) = absent.iter().find(is_unknown) {
        return Ok(BegunRestore::Refused(not_selected(error)));
    }
    let is_asked = matches!(filter, RecordFilter::Named { .. });
    // All that was asked for stays with runs that are alive: that must not look done.
    let of_others = chosen
        .reports
        .iter()
        .find(|r| r.code == Some(Code::StillOwned));
    if let (true, true, Some(group)) = (is_asked, chosen.jobs.is_empty(), of_others) {
        let reason = format!("{}: {}", group.group, group.reason);
        return Ok(BegunRestore::Refused(Failure::new(
            Code::StillOwned,
            reason,
        )));
    }
    let is_for_all = matches!(filter, RecordFilter::Due);
    chosen.reports.retain(|r| match r.code {
        Some(Code::StillOwned) => is_asked,
        Some(_) | None => is_asked || is_for_all,
    });
    let absent: Vec<String> = absent.iter().map(SelectionError::to_string).collect();
    if chosen.jobs.is_empty() && (chosen.reports.is_empty() || work.is_quiet()) {
        let first = absent.into_iter().next();
        let why = first.unwrap_or_else(|| "no open record is to be restored".into());
        return Ok(BegunRestore::Nothing(why));
    }
    let now = aws.clock.now();
    let all = chosen.jobs.len();
    let jobs = some_of(chosen.jobs, now);
    let mut warnings = absent;
    if jobs.len() < all {
        let left = counted(all - jobs.len(), "record");
        warnings.push(format!(
            "{left} more are left to the sweeps, or to another restore"
        ));
    }
    let candidates = jobs.iter().map(BatchMember::from).collect();
    let mut run_state = RunState {
        steps: steps(candidates, &work),
        reports: chosen.reports,
        warnings,
        api_calls: calls.so_far(),
        ..RunState::empty(work, now)
    };
    run_state.proceed();
    Ok(match make_room(&mut run_state) {
        Ok(()) => BegunRestore::RunState(Box::new(run_state)),
        Err(failure) => BegunRestore::Refused(failure),
    })
}

/// The run to go on with where an execution's own cannot be read: restores what the execution still holds.
///
/// # Errors
/// AWS could not be read.
pub async fn rescue_run(aws: &Aws, run_id: RunId, execution: &str) -> Result<RunState, RunError> {
    let work = Work::Restore {
        run_id,
        owner: execution.to_owned(),
        give_up_at: aws.clock.now() + RESTORE_LIMIT,
        quiet: false,
    };
    let filter = RecordFilter::OwnedBy(execution.to_owned());
    let mut run_state = match begin_restore(aws, work.clone(), &filter).await? {
        BegunRestore::RunState(run_state) => *run_state,
        BegunRestore::Nothing(_) | BegunRestore::Refused(_) => {
            RunState::empty(work, aws.clock.now())
        }
    };
    run_state.used += Used::UNKNOWN;
    Ok(run_state)
}
