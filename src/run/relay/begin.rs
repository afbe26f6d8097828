//! The first invocation: claim the run, plan it, split it.

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

use super::super::patience::patiently;
use super::super::plan::{is_wanted, plan_of};
use super::super::{Env, Pick, RunError, Stop, restore, summary};
use super::split::{Member, steps};
use super::{Course, Errand};
use crate::aws::{Claim, Clients, check_permissions, claim_run, describe_account, forget_claims};
use crate::group::{Code, Failure};
use crate::trigger::RunRequest;

/// Claims are kept so long: a schedule retries a delivery for a day at most (EventBridge Scheduler,
/// MaximumEventAgeInSeconds), and people look back a month.
const CLAIMS_KEPT_DAYS: i64 = 35;

/// How a run begins.
#[derive(Clone, Debug, PartialEq)]
pub enum Begun {
    /// With this to be passed along.
    Course(Box<Course>),
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
        Ok(Begun::Course(mut course)) => {
            course.api_calls = clients.call_counts();
            Ok(Begun::Course(course))
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
    let going_on = watch::channel(Stop::GoOn).1;
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
        describe_account(clients, |g| is_wanted(g, &request.selection)).await
    });
    let account = Box::pin(account).await?;
    let plan = plan_of(&account, env, request)?;
    Box::pin(check_permissions(clients, &plan.jobs)).await?;
    let errand = Errand::Run(request.clone());
    let members: Vec<Member> = plan.jobs.iter().map(Member::from).collect();
    let refused = plan.report.groups.iter().filter_map(summary::of_refusal);
    let mut course = Course::new(errand.clone(), now, steps(members, &errand));
    course.allowed_failures = request.max_failures.groups(plan.report.groups.len());
    course.reports.0 = refused.collect();
    course.warnings = plan.report.warnings;
    Ok(Begun::Course(Box::new(course)))
}

/// Finds what is to be handed back; `None` if there is nothing. Records that cannot be read, or whose run
/// may be alive, are reported if there is something to report to anybody.
///
/// # Errors
/// AWS could not be read, or a named group has no record.
pub async fn begin_restore(
    env: &Env,
    run_id: &str,
    owner: &str,
    pick: &Pick,
    give_up_at: DateTime<Utc>,
) -> Result<Option<Course>, RunError> {
    let clients = Clients::new(&env.sdk, env.clock.clone());
    let going_on = watch::channel(Stop::GoOn).1;
    let mut chosen = Box::pin(restore::choose(&clients, env, pick, &going_on)).await?;
    let is_asked = matches!(pick, Pick::Named(_));
    chosen
        .reports
        .retain(|r| is_asked || r.code != Some(Code::StillOwned));
    if chosen.jobs.is_empty() && chosen.reports.is_empty() {
        return Ok(None);
    }
    let errand = Errand::Restore {
        run_id: run_id.to_owned(),
        owner: owner.to_owned(),
        give_up_at,
    };
    let members: Vec<Member> = chosen.jobs.iter().map(Member::from).collect();
    let mut course = Course::new(errand.clone(), env.clock.now(), steps(members, &errand));
    course.reports.0 = chosen.reports;
    course.api_calls = clients.call_counts();
    Ok(Some(course))
}
