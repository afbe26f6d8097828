//! Everything before the first change: restore what an earlier run left, read the account, plan, and ask
//! whether the permissions suffice.

use chrono::TimeDelta;
use tokio::sync::watch::{self, Receiver};

use super::documents::{Looked, check_documents, check_topic, with_runbooks};
use super::drive::Listener;
use super::notices::Places;
use super::patience::patiently;
use super::plan::plan_of;
use super::restore::restore_records;
use super::{RecordFilter, RestoreRequest, RunError, Stop, summary};
use crate::aws::{Aws, Instances, Refreshes, check_permissions, describe_account};
use crate::group::facts::AccountFacts;
use crate::group::job::Job;
use crate::group::{Code, Failure};
use crate::ids::GroupName;
use crate::report::GroupReport;
use crate::request::{OptInTag, RunRequest, Selection};

/// How long a run tries to restore what an earlier one has left before it begins: terminating and
/// draining take minutes.
const SWEEP_LIMIT: TimeDelta = TimeDelta::minutes(20);

/// A run that is ready to begin; nothing was changed for it.
pub(super) struct Prepared {
    /// One per group that will be tried.
    pub jobs: Vec<Job>,
    /// Groups that will not be tried.
    pub refused: Vec<GroupReport>,
    /// For the reader of the report.
    pub warnings: Vec<String>,
}

impl Prepared {
    /// Groups of the run, tried or not: a failure limit in per cent is a share of them.
    pub(super) fn groups(&self) -> usize {
        self.jobs.len() + self.refused.len()
    }

    /// The groups that will be tried, by the places that they serve.
    pub(super) fn places(&self) -> Places {
        let mut places = Places::new();
        for job in &self.jobs {
            let place = job.forward.as_ref().map(|f| f.place.clone());
            let groups = places.entry(place.unwrap_or_default()).or_default();
            groups.insert(job.group().clone());
        }
        places
    }
}

/// Reads the account, plans the run and checks the permissions. Refreshes need not be sought where the groups are planned
/// again before they begin.
///
/// # Errors
/// AWS could not be read, a group that was named does not exist or did not opt in, or a permission is missing.
pub(super) async fn prepare(
    aws: &Aws,
    request: &RunRequest,
    refreshes: Refreshes,
    stop: &Receiver<Stop>,
) -> Result<Prepared, RunError> {
    let account = Box::pin(read_account(aws, request, refreshes, stop)).await?;
    let looked = Box::pin(Looked::at(&account, aws, &[request])).await;
    let account = looked.in_account(account);
    let mut prepared = plan_in(&account, aws, request)?;
    Box::pin(check_permissions(&aws.clients, &prepared.jobs)).await?;
    Box::pin(check_documents(aws, &prepared.jobs)).await?;
    let warning = Box::pin(check_topic(aws, request)).await;
    prepared.warnings.extend(warning);
    Ok(prepared)
}

/// Plans anew the groups of a batch of a run that was prepared before, since when minutes or hours may have
/// passed. Groups that are gone, or have opted out, are not an error: they are refused. Documents that groups name are not
/// looked at again.
///
/// # Errors
/// AWS could not be read.
pub(super) async fn prepare_again(
    aws: &Aws,
    request: &RunRequest,
    groups: &[GroupName],
) -> Result<Prepared, RunError> {
    let selection = Selection {
        groups: groups.to_vec(),
        ..request.selection.clone()
    };
    let of_batch = RunRequest {
        selection: selection.clone(),
        ..request.clone()
    };
    let account = Box::pin(read_account(
        aws,
        &of_batch,
        Refreshes::Sought,
        &never_stopped(),
    ))
    .await?;
    let (there, gone): (Vec<GroupName>, Vec<GroupName>) =
        groups.iter().cloned().partition(|name| {
            let group = account.groups.get(name);
            group.is_some_and(|g| selection.wants(&g.name, &g.tags))
        });
    let reason = "it was deleted, or the run does not select it any more by its tags, since the run was planned";
    let failure = Failure::new(Code::ChangedSincePlan, reason);
    let mut refused: Vec<GroupReport> = gone
        .iter()
        .map(|name| summary::of_skipped(name, &failure))
        .collect();
    if there.is_empty() {
        return Ok(Prepared {
            jobs: Vec::new(),
            refused,
            warnings: Vec::new(),
        });
    }
    let request = RunRequest {
        selection: Selection {
            groups: there,
            ..selection
        },
        ..request.clone()
    };
    let prepared = plan_in(&account, aws, &request)?;
    refused.extend(prepared.refused);
    Ok(Prepared {
        refused,
        ..prepared
    })
}

/// Restores what a run that died has left, before anything is planned. Answers what was done, for the report.
///
/// # Errors
/// AWS could not be read, or the operator stopped the run.
pub(super) async fn sweep(
    aws: &Aws,
    stop: Receiver<Stop>,
    progress: Listener<'_>,
) -> Result<Vec<String>, RunError> {
    let request = RestoreRequest {
        owner: String::new(),
        filter: RecordFilter::Due,
        tag: OptInTag::default(),
        give_up_at: aws.clock.now() + SWEEP_LIMIT,
    };
    let restored = restore_records(aws, &request, stop, progress).await?;
    Ok(restored
        .groups
        .into_iter()
        .filter(|g| g.code != Some(Code::StillOwned))
        .map(|g| format!("{}, left by an earlier run: {}", g.group, g.reason))
        .collect())
}

/// For a function that no operator can stop while it works.
pub(super) fn never_stopped() -> Receiver<Stop> {
    watch::channel(Stop::Continue).1
}

async fn read_account(
    aws: &Aws,
    request: &RunRequest,
    refreshes: Refreshes,
    stop: &Receiver<Stop>,
) -> Result<AccountFacts, RunError> {
    let selection = &request.selection;
    let account = patiently(&aws.clock, stop, async || {
        let account = describe_account(&aws.clients, Instances::Without, refreshes, |g| {
            selection.wants(&g.name, &g.tags)
        })
        .await?;
        with_runbooks(account, aws, &[request]).await
    });
    Ok(account.await?)
}

fn plan_in(account: &AccountFacts, aws: &Aws, request: &RunRequest) -> Result<Prepared, RunError> {
    let plan = plan_of(account, aws, request)?;
    let refused = plan.report.groups.iter().filter_map(summary::of_refusal);
    Ok(Prepared {
        refused: refused.collect(),
        jobs: plan.jobs,
        warnings: plan.report.warnings,
    })
}
