//! Restore: hands groups back from their records alone.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use tokio::sync::watch::Receiver;

use super::admit::Bounds;
use super::drive::{Driver, Listener};
use super::patience::patiently;
use super::plan::region;
use super::{Env, Pick, RestoreRequest, RunError, Stop, summary};
use crate::aws::{Clients, list_records};
use crate::group::job::Job;
use crate::group::names::group_of_parameter;
use crate::group::seen::RecordSeen;
use crate::group::{Code, Failure, Record};
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
    let Chosen {
        mut jobs,
        mut reports,
        absent,
    } = Box::pin(choose(clients, env, &request.pick, &stop)).await?;
    if let Some(name) = absent.first() {
        return Err(RunError::Request(no_record(name)));
    }
    let driver = Driver {
        clients,
        clock: &env.clock,
        selection: &Selection::default(),
        bounds: bounds(env.clock.now(), request.give_up_at),
        give_up_at: request.give_up_at,
    };
    Box::pin(driver.drive(&mut jobs, stop, progress)).await?;
    reports.extend(summary::of_jobs(&jobs));
    reports.sort_by(|a, b| a.group.cmp(&b.group));
    Ok(reports)
}

/// A hand-back starts nothing.
pub(super) fn bounds(now: DateTime<Utc>, give_up_at: DateTime<Utc>) -> Bounds {
    Bounds {
        window: Window {
            start: now,
            deadline: give_up_at,
            cutoff: now,
        },
        max_in_flight: None,
        allowed_failures: 0,
        stopping: false,
    }
}

/// What is to be handed back, and what is not.
pub(super) struct Chosen {
    /// One for each record that was picked.
    pub jobs: Vec<Job>,
    /// Records that cannot be read, or that may have a live driver.
    pub reports: Vec<GroupReport>,
    /// Named groups without a record.
    pub absent: Vec<String>,
}

/// Why there is nothing to hand back for a group.
pub(super) fn no_record(name: &str) -> String {
    format!("group '{name}': expected an open record, found none: it is handed back already")
}

/// Reads all records and picks.
pub(super) async fn choose(
    clients: &Clients,
    env: &Env,
    pick: &Pick,
    stop: &Receiver<Stop>,
) -> Result<Chosen, RunError> {
    let records = patiently(&env.clock, stop, async || list_records(clients).await).await?;
    let mut chosen = Chosen {
        jobs: Vec::new(),
        reports: Vec::new(),
        absent: match pick {
            Pick::Named(names) => absent(names, &records),
            Pick::Due | Pick::OwnedBy(_) | Pick::All => Vec::new(),
        },
    };
    let now = env.clock.now();
    for (parameter, seen) in records {
        let name = name_of(&parameter, &seen).unwrap_or_else(|| parameter.clone());
        match seen {
            _ if matches!(pick, Pick::Named(names) if !names.contains(&name)) => {}
            RecordSeen::Unreadable { raw, problem } => {
                let reason = format!("{parameter}: {problem}; its text: {raw}");
                let failure = Failure::new(Code::RecordUnreadable, reason);
                chosen.reports.push(summary::of_unreadable(&name, &failure));
            }
            RecordSeen::Readable(record) if is_picked(pick, &record, now) => {
                chosen.jobs.push(Job::from_record(*record, now));
            }
            RecordSeen::Readable(record) => {
                let reason = format!(
                    "run {} ({}) may be alive until {}",
                    record.run_id, record.owner, record.deadline
                );
                let failure = Failure::new(Code::StillOwned, reason);
                chosen.reports.push(summary::of_skipped(&name, &failure));
            }
        }
    }
    Ok(chosen)
}

fn is_picked(pick: &Pick, record: &Record, now: DateTime<Utc>) -> bool {
    match pick {
        Pick::Due => record.deadline <= now,
        Pick::Named(names) => names.contains(&record.group),
        Pick::OwnedBy(owner) => record.owner == *owner,
        Pick::All => true,
    }
}

fn absent(names: &[String], records: &BTreeMap<String, RecordSeen>) -> Vec<String> {
    let known = |name: &&String| {
        let mut names = records.iter().map(|(p, seen)| name_of(p, seen));
        names.any(|n| n.as_ref() == Some(*name))
    };
    names.iter().filter(|n| !known(n)).cloned().collect()
}

fn name_of(parameter: &str, seen: &RecordSeen) -> Option<String> {
    match seen {
        RecordSeen::Readable(record) => Some(record.group.clone()),
        RecordSeen::Unreadable { .. } => group_of_parameter(parameter),
    }
}
