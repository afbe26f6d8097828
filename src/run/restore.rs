//! Restores groups from their records alone.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch::Receiver;
use tracing::Instrument;

use super::assemble::{self, Heading, Results};
use super::drive::{Driver, Listener};
use super::owner::{Drivers, Life};
use super::patience::patiently;
use super::{
    RecordFilter, RestoreRequest, RunError, SelectionError, Stop, absent, run_span, summary,
};
use crate::aws::{Aws, list_records};
use crate::group::admit::Bounds;
use crate::group::job::Job;
use crate::group::names::group_of_parameter;
use crate::group::seen::RecordSeen;
use crate::group::{Code, Failure, Record};
use crate::ids::GroupName;
use crate::report::{GroupReport, RunKind, RunReport};
use crate::schedule::Window;
use crate::text::{moment, shell_word};

/// Restores groups from their records: those past their deadline or whose driver is known to be dead, or those that were
/// named.
///
/// # Errors
/// AWS could not be read, a named group has no record, or the operator stopped it.
pub async fn restore(
    aws: &Aws,
    request: &RestoreRequest,
    stop: Receiver<Stop>,
    progress: Listener<'_>,
) -> Result<RunReport, RunError> {
    let calls = aws.clients.count_from_now();
    let heading = Heading {
        run_id: request.owner.as_str().into(),
        kind: RunKind::Restore,
        started_at: aws.clock.now(),
        deadline: request.give_up_at,
    };
    let restored = restore_records(aws, request, stop, progress);
    let Restored { groups, absent } = restored.instrument(run_span(&heading.run_id)).await?;
    let results = Results {
        groups,
        api_calls: calls.so_far(),
        warnings: absent,
    };
    Ok(assemble::report(aws, heading, results))
}

/// The end of a restore.
pub(super) struct Restored {
    /// One for each record that was picked and each name that is likely a slip, in the order of the names.
    pub groups: Vec<GroupReport>,
    /// Sentences on the groups that are restored already.
    pub absent: Vec<String>,
}

/// Restores what the request picks. A name without a record keeps no other group waiting.
///
/// # Errors
/// AWS could not be read, none of the named groups has a record, or the operator stopped it.
pub(super) async fn restore_records(
    aws: &Aws,
    request: &RestoreRequest,
    stop: Receiver<Stop>,
    progress: Listener<'_>,
) -> Result<Restored, RunError> {
    let Chosen {
        mut jobs,
        mut reports,
        absent,
    } = Box::pin(choose(aws, &request.filter, &stop)).await?;
    let absent = Box::pin(absent::explain(aws, absent, Some(&request.tag))).await?;
    let (mistaken, restored) = absent.into_iter().partition(SelectionError::is_mistake);
    let (mistaken, restored): (Vec<SelectionError>, Vec<SelectionError>) = (mistaken, restored);
    if jobs.is_empty() && reports.is_empty() {
        let mut none = mistaken.iter().chain(&restored);
        if let Some(first) = none.next() {
            return Err(first.clone().into());
        }
    }
    reports.extend(mistaken.iter().map(|mistake| {
        let failure = Failure::new(Code::NotOptedIn, mistake.to_string());
        summary::of_skipped(mistake.group(), &failure)
    }));
    let driver = Driver {
        aws,
        tag: &request.tag,
        bounds: bounds(aws.clock.now(), request.give_up_at),
        give_up_at: request.give_up_at,
        failed: None,
    };
    Box::pin(driver.drive(&mut jobs, stop, progress)).await?;
    reports.extend(summary::of_jobs(&jobs));
    reports.sort_by(|a, b| a.group.cmp(&b.group));
    Ok(Restored {
        groups: reports,
        absent: restored.iter().map(SelectionError::to_string).collect(),
    })
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
        allowed_in_wave: None,
        stopping: false,
        calls_take: TimeDelta::zero(),
    }
}

/// Records, sorted by whether they are to be restored.
pub(super) struct Chosen {
    /// One for each record that was picked.
    pub jobs: Vec<Job>,
    /// Records that cannot be read, or that may have a live driver.
    pub reports: Vec<GroupReport>,
    /// Named groups without a record.
    pub absent: Vec<GroupName>,
}

/// Reads all records and picks.
///
/// # Errors
/// AWS could not be read.
pub(super) async fn choose(
    aws: &Aws,
    filter: &RecordFilter,
    stop: &Receiver<Stop>,
) -> Result<Chosen, RunError> {
    let records = patiently(&aws.clock, stop, async || list_records(&aws.clients).await).await?;
    let mut chosen = Chosen {
        jobs: Vec::new(),
        reports: Vec::new(),
        absent: match filter {
            RecordFilter::Named { groups, .. } => absent(groups, &records),
            RecordFilter::Due | RecordFilter::OwnedBy(_) | RecordFilter::All => Vec::new(),
        },
    };
    let now = aws.clock.now();
    let matters = |record: &Record| match filter {
        RecordFilter::Due => true,
        RecordFilter::Named { groups, force } => !force && groups.contains(&record.group),
        RecordFilter::OwnedBy(_) | RecordFilter::All => false,
    };
    let drivers = Drivers::of(aws, &records, matters).await;
    for (parameter, seen) in records {
        let name = name_of(&parameter, &seen).unwrap_or_else(|| parameter.as_str().into());
        match seen {
            _ if matches!(filter, RecordFilter::Named { groups, .. } if !groups.contains(&name)) => {
            }
            RecordSeen::Unreadable { raw, problem } => {
                let reason = format!("{parameter}: {}; its text: {raw}", problem.reason);
                let failure = Failure::new(problem.code, reason);
                chosen.reports.push(summary::of_unreadable(&name, &failure));
            }
            RecordSeen::Readable(stored) => match of_another(filter, &stored, &drivers) {
                None => chosen.jobs.push(Job::from_record(*stored.record, now)),
                Some(reason) => {
                    let failure = Failure::new(Code::StillOwned, reason);
                    chosen.reports.push(summary::of_skipped(&name, &failure));
                }
            },
        }
    }
    Ok(chosen)
}

/// Why a record is not picked: a run has the group, or may have it.
fn of_another(filter: &RecordFilter, record: &Record, drivers: &Drivers) -> Option<String> {
    let is_over = drivers.is_over(record);
    let is_picked = match filter {
        RecordFilter::Due => is_over,
        RecordFilter::Named { force, .. } => *force || is_over,
        RecordFilter::OwnedBy(owner) => record.owner == *owner,
        RecordFilter::All => true,
    };
    if is_picked {
        return None;
    }
    let (run, by) = (&record.run_id, moment(record.deadline));
    let who = format!("run {run} ({})", record.owner);
    let force = format!(
        "asg-patch restore --group {} --force",
        shell_word(&record.group)
    );
    Some(match drivers.life(record) {
        Some(Life::Alive) => format!(
            "{who} is alive, and restores the group by {by}: to have it now, stop the run; to take the group from \
             the run, {force}"
        ),
        Some(Life::Dead | Life::Unknown) | None => format!(
            "whether {who} is alive cannot be seen from here; it has the group until {by}: if it is dead, {force}"
        ),
    })
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
