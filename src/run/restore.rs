//! Restore: hands groups back from their records alone.

use std::collections::BTreeMap;

use tokio::sync::watch::Receiver;

use super::admit::Bounds;
use super::drive::{Driver, Listener};
use super::patience::patiently;
use super::plan::region;
use super::{Env, RestoreRequest, RunError, Stop, summary};
use crate::aws::{Clients, list_records};
use crate::group::job::Job;
use crate::group::names::group_of_parameter;
use crate::group::seen::RecordSeen;
use crate::group::{Code, Failure};
use crate::report::{GroupReport, RunKind, RunReport};
use crate::schedule::Window;
use crate::trigger::Selection;

/// Hands groups back from their records: those past their deadline, or those that were named.
///
/// # Errors
/// AWS could not be read, a named group has no record, or the operator stopped it.
pub async fn restore(
    env: &Env,
    request: &RestoreRequest,
    stop: Receiver<Stop>,
    progress: Listener<'_>,
) -> Result<RunReport, RunError> {
    let clients = Clients::new(&env.sdk, env.clock.clone());
    let started_at = env.clock.now();
    let groups = hand_back(&clients, env, request, stop, progress).await?;
    Ok(RunReport {
        run_id: request.owner.clone(),
        kind: RunKind::Restore,
        region: region(env),
        started_at,
        finished_at: env.clock.now(),
        deadline: request.give_up_at,
        groups,
        api_calls: clients.call_counts(),
        warnings: Vec::new(),
    })
}

/// Hands back what the request picks.
pub(super) async fn hand_back(
    clients: &Clients,
    env: &Env,
    request: &RestoreRequest,
    stop: Receiver<Stop>,
    progress: Listener<'_>,
) -> Result<Vec<GroupReport>, RunError> {
    let started_at = env.clock.now();
    let (mut jobs, mut groups) = (Vec::new(), Vec::new());
    let records = patiently(&env.clock, &stop, async || list_records(clients).await).await?;
    check_named(request, &records)?;
    for (parameter, seen) in records {
        match choose(request, &parameter, seen, started_at) {
            Chosen::Job(job) => jobs.push(*job),
            Chosen::Report(report) => groups.push(*report),
            Chosen::Nothing => {}
        }
    }
    let driver = Driver {
        clients,
        clock: &env.clock,
        selection: &Selection::default(),
        bounds: Bounds {
            window: Window {
                start: started_at,
                deadline: request.give_up_at,
                cutoff: started_at,
            },
            max_in_flight: None,
            allowed_failures: 0,
            stopping: false,
        },
        give_up_at: request.give_up_at,
    };
    Box::pin(driver.drive(&mut jobs, stop, progress)).await?;
    groups.extend(summary::of_jobs(&jobs));
    groups.sort_by(|a, b| a.group.cmp(&b.group));
    Ok(groups)
}

fn check_named(
    request: &RestoreRequest,
    records: &BTreeMap<String, RecordSeen>,
) -> Result<(), RunError> {
    let has_record = |name: &String| {
        records
            .iter()
            .any(|(parameter, seen)| name_of(parameter, seen).as_ref() == Some(name))
    };
    match request.groups.iter().find(|g| !has_record(g)) {
        None => Ok(()),
        Some(name) => Err(RunError::Request(format!(
            "group '{name}': expected an open record, found none: it is handed back already"
        ))),
    }
}

fn name_of(parameter: &str, seen: &RecordSeen) -> Option<String> {
    match seen {
        RecordSeen::Readable(record) => Some(record.group.clone()),
        RecordSeen::Unreadable { .. } => group_of_parameter(parameter),
    }
}

enum Chosen {
    Job(Box<Job>),
    Report(Box<GroupReport>),
    Nothing,
}

fn choose(
    request: &RestoreRequest,
    parameter: &str,
    seen: RecordSeen,
    now: chrono::DateTime<chrono::Utc>,
) -> Chosen {
    let name = name_of(parameter, &seen).unwrap_or_else(|| parameter.to_owned());
    let named = request.groups.contains(&name);
    if !request.groups.is_empty() && !named {
        return Chosen::Nothing;
    }
    match seen {
        RecordSeen::Unreadable { raw, problem } => {
            let reason = format!("{parameter}: {problem}; its text: {raw}");
            let failure = Failure::new(Code::RecordUnreadable, reason);
            Chosen::Report(Box::new(summary::of_unreadable(&name, &failure)))
        }
        RecordSeen::Readable(record) if named || record.deadline <= now => {
            Chosen::Job(Box::new(Job::from_record(*record, now)))
        }
        RecordSeen::Readable(record) => {
            let reason = format!(
                "run {} ({}) may be alive until {}",
                record.run_id, record.owner, record.deadline
            );
            let failure = Failure::new(Code::StillOwned, reason);
            Chosen::Report(Box::new(summary::of_skipped(&name, &failure)))
        }
    }
}
