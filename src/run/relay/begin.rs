//! The first invocation of a run: claim it, plan it, split it.

use chrono::{DateTime, TimeDelta, Utc};

use super::super::patience::patiently;
use super::super::prepare::{never_stopped, prepare};
use super::super::{RecordFilter, RunError, SelectionError, absent, restore};
use super::split::{BatchMember, steps};
use super::{RunState, Work};
use crate::aws::{Aws, Claim, Held, claim_run, forget_claims};
use crate::group::{Code, Failure};
use crate::request::RunRequest;
use crate::text::moment;

/// Claims are kept this long: a schedule retries a delivery for a day at most (EventBridge Scheduler,
/// MaximumEventAgeInSeconds), and people look back a month.
const CLAIMS_KEPT: TimeDelta = TimeDelta::days(35);

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
    let prepared = Box::pin(prepare(aws, request, &stop)).await?;
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
    Ok(Begun::RunState(Box::new(run_state)))
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
    let candidates = chosen.jobs.iter().map(BatchMember::from).collect();
    let mut run_state = RunState {
        steps: steps(candidates, &work),
        reports: chosen.reports,
        warnings: absent,
        api_calls: calls.so_far(),
        ..RunState::empty(work, aws.clock.now())
    };
    run_state.proceed();
    Ok(BegunRestore::RunState(Box::new(run_state)))
}
