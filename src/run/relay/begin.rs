//! The first invocation: claim the run, plan it, split it.

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

use super::super::patience::patiently;
use super::super::plan::plan_of;
use super::super::{Env, RecordFilter, RunError, Stop, restore, summary};
use super::split::{Member, steps};
use super::{RunState, Work};
use crate::aws::{
    Claim, Clients, check_permissions, claim_run, describe_account, find_groups, forget_claims,
};
use crate::group::{Code, Failure};
use crate::ids::GroupName;
use crate::request::RunRequest;

/// Claims are kept so long: a schedule retries a delivery for a day at most (EventBridge Scheduler,
/// MaximumEventAgeInSeconds), and people look back a month.
const CLAIMS_KEPT_DAYS: i64 = 35;

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
pub async fn begin_run(env: &Env, request: &RunRequest) -> Result<Begun, RunError> {
    let clients = Clients::new(&env.sdk, env.clock.clone());
    let now = env.clock.now();
    if request.window.is_over(now) {
        let reason = format!(
            "expected a start before the window's deadline at {}, found {now}",
            request.window.deadline
        );
        return Ok(Begun::Refused(Failure::new(Code::WindowOver, reason)));
    }
    let begun = Box::pin(claim_and_plan(env, &clients, request, now)).await;
    match begun {
        Ok(Begun::RunState(mut run_state)) => {
            run_state.api_calls = clients.call_counts();
            Ok(Begun::RunState(run_state))
        }
        Err(RunError::Request(reason)) => {
            Ok(Begun::Refused(Failure::new(Code::NotOptedIn, reason)))
        }
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

async fn claim_and_plan(
    env: &Env,
    clients: &Clients,
    request: &RunRequest,
    now: DateTime<Utc>,
) -> Result<Begun, RunError> {
    let going_on = watch::channel(Stop::Continue).1;
    let claim = Claim {
        run_id: request.run_id.clone(),
        owner: request.owner.clone(),
        at: now,
    };
    let held = patiently(&env.clock, &going_on, async || {
        claim_run(clients, &claim).await
    });
    let held = held.await?;
    if held.owner != request.owner {
        return Ok(Begun::Duplicate(held));
    }
    if let Err(fault) = forget_claims(clients, now - TimeDelta::days(CLAIMS_KEPT_DAYS)).await {
        tracing::warn!(code = fault.code, "old claims stay: {}", fault.message);
    }
    let account = patiently(&env.clock, &going_on, async || {
        describe_account(clients, |g| request.selection.wants(&g.name, &g.tags)).await
    });
    let account = Box::pin(account).await?;
    let plan = plan_of(&account, env, request)?;
    Box::pin(check_permissions(clients, &plan.jobs)).await?;
    let work = Work::Run(request.clone());
    let members: Vec<Member> = plan.jobs.iter().map(Member::from).collect();
    let refused = plan.report.groups.iter().filter_map(summary::of_refusal);
    let mut run_state = RunState::new(work.clone(), now, steps(members, &work));
    run_state.allowed_failures = Some(request.max_failures.groups(plan.report.groups.len()));
    run_state.reports.0 = refused.collect();
    run_state.warnings = plan.report.warnings;
    Ok(Begun::RunState(Box::new(run_state)))
}

/// How a restore begins.
#[derive(Clone, Debug, PartialEq)]
pub enum BegunRestore {
    /// With this to be passed along.
    RunState(Box<RunState>),
    /// Not at all, and that is well: why.
    Nothing(String),
    /// Not at all.
    Refused(Failure),
}

/// Finds what is to be restored by an execution. Records that cannot be read, or whose run may be alive, are
/// reported if there is something to report to anybody.
///
/// # Errors
/// AWS could not be read.
pub async fn begin_restore(
    env: &Env,
    work: Work,
    filter: &RecordFilter,
) -> Result<BegunRestore, RunError> {
    let clients = Clients::new(&env.sdk, env.clock.clone());
    let going_on = watch::channel(Stop::Continue).1;
    let mut chosen = Box::pin(restore::choose(&clients, env, filter, &going_on)).await?;
    if let Some(failure) = unknown(&clients, &chosen.absent).await? {
        return Ok(BegunRestore::Refused(failure));
    }
    let is_asked = matches!(filter, RecordFilter::Named(_));
    let is_for_all = matches!(filter, RecordFilter::Due);
    chosen.reports.retain(|r| match r.code {
        Some(Code::StillOwned) => is_asked,
        Some(_) | None => is_asked || is_for_all,
    });
    if chosen.jobs.is_empty() && (chosen.reports.is_empty() || work.is_quiet()) {
        let first = chosen.absent.first();
        let why = first.map_or_else(
            || "no open record is to be restored".into(),
            |name| restore::no_record(name),
        );
        return Ok(BegunRestore::Nothing(why));
    }
    let members: Vec<Member> = chosen.jobs.iter().map(Member::from).collect();
    let steps = steps(members, &work);
    let mut run_state = RunState::new(work, env.clock.now(), steps);
    run_state.reports.0 = chosen.reports;
    let absent = chosen.absent.iter();
    run_state.warnings = absent.map(|name| restore::no_record(name)).collect();
    run_state.api_calls = clients.call_counts();
    Ok(BegunRestore::RunState(Box::new(run_state)))
}

/// A name that is no group's is a mistake: nothing is done then.
async fn unknown(clients: &Clients, absent: &[GroupName]) -> Result<Option<Failure>, RunError> {
    if absent.is_empty() {
        return Ok(None);
    }
    let groups = find_groups(clients, None).await?;
    let unknown = absent.iter().find(|name| !groups.contains_key(*name));
    Ok(unknown.map(|name| {
        let reason = format!(
            "group '{name}': expected an Auto Scaling group of this account and region, found none, \
             and no open record of it"
        );
        Failure::new(Code::NotOptedIn, reason)
    }))
}
