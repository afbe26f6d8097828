//! Restores groups from their records alone.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use tokio::sync::watch::Receiver;

use super::drive::{Driver, Listener};
use super::patience::patiently;
use super::plan::region;
use super::{Env, RecordFilter, RestoreRequest, RunError, Stop, summary};
use crate::aws::{Clients, list_records};
use crate::group::admit::Bounds;
use crate::group::job::Job;
use crate::group::names::group_of_parameter;
use crate::group::seen::RecordSeen;
use crate::group::{Code, Failure, Record};
use crate::ids::GroupName;
use crate::report::{GroupReport, RunKind, RunReport};
use crate::request::OptInTag;
use crate::schedule::Window;

/// Restores groups from their records: those past their deadline, or those that were named.
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
    let groups = restore_records(&clients, env, request, stop, progress).await?;
    Ok(RunReport {
        run_id: request.owner.as_str().into(),
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

/// Restores what the request picks.
pub(super) async fn restore_records(
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
    } = Box::pin(choose(clients, env, &request.filter, &stop)).await?;
    if let Some(name) = absent.first() {
        return Err(RunError::Request(no_record(name)));
    }
    let driver = Driver {
        clients,
        clock: &env.clock,
        tag: &OptInTag::default(),
        bounds: bounds(env.clock.now(), request.give_up_at),
        give_up_at: request.give_up_at,
    };
    Box::pin(driver.drive(&mut jobs, stop, progress)).await?;
    reports.extend(summary::of_jobs(&jobs));
    reports.sort_by(|a, b| a.group.cmp(&b.group));
    Ok(reports)
}

/// A restore starts nothing.
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

/// What is to be restored, and what is not.
pub(super) struct Chosen {
    /// One for each record that was picked.
    pub jobs: Vec<Job>,
    /// Records that cannot be read, or that may have a live driver.
    pub reports: Vec<GroupReport>,
    /// Named groups without a record.
    pub absent: Vec<GroupName>,
}

/// Why there is nothing to restore for a group.
pub(super) fn no_record(name: &str) -> String {
    format!("group '{name}': expected an open record, found none: it is restored already")
}

/// Reads all records and picks.
pub(super) async fn choose(
    clients: &Clients,
    env: &Env,
    filter: &RecordFilter,
    stop: &Receiver<Stop>,
) -> Result<Chosen, RunError> {
    let records = patiently(&env.clock, stop, async || list_records(clients).await).await?;
    let mut chosen = Chosen {
        jobs: Vec::new(),
        reports: Vec::new(),
        absent: match filter {
            RecordFilter::Named(names) => absent(names, &records),
            RecordFilter::Due | RecordFilter::OwnedBy(_) | RecordFilter::All => Vec::new(),
        },
    };
    let now = env.clock.now();
    for (parameter, seen) in records {
        let name = name_of(&parameter, &seen).unwrap_or_else(|| parameter.as_str().into());
        match seen {
            _ if matches!(filter, RecordFilter::Named(names) if !names.contains(&name)) => {}
            RecordSeen::Unreadable { raw, problem } => {
                let reason = format!("{parameter}: {problem}; its text: {raw}");
                let failure = Failure::new(Code::RecordUnreadable, reason);
                chosen.reports.push(summary::of_unreadable(&name, &failure));
            }
            RecordSeen::Readable(record) if matches_filter(filter, &record, now) => {
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

fn matches_filter(filter: &RecordFilter, record: &Record, now: DateTime<Utc>) -> bool {
    match filter {
        RecordFilter::Due => record.deadline <= now,
        RecordFilter::Named(names) => names.contains(&record.group),
        RecordFilter::OwnedBy(owner) => record.owner == *owner,
        RecordFilter::All => true,
    }
}

fn absent(names: &[GroupName], records: &BTreeMap<String, RecordSeen>) -> Vec<GroupName> {
    let known = |name: &&GroupName| {
        let mut names = records.iter().map(|(p, seen)| name_of(p, seen));
        names.any(|n| n.as_ref() == Some(*name))
    };
    names.iter().filter(|n| !known(n)).cloned().collect()
}

fn name_of(parameter: &str, seen: &RecordSeen) -> Option<GroupName> {
    match seen {
        RecordSeen::Readable(record) => Some(record.group.clone()),
        RecordSeen::Unreadable { .. } => group_of_parameter(parameter),
    }
}
