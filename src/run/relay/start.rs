//! The first invocation of a batch: its jobs, planned anew or made from records.

use super::super::prepare::{never_stopped, prepare_again};
use super::super::{RecordFilter, RunError, restore, summary};
use super::{Assignment, Work};
use crate::aws::Aws;
use crate::group::job::Job;
use crate::group::{Code, Failure, Record};
use crate::ids::GroupName;
use crate::report::GroupReport;

/// Jobs of a batch, and reports on its groups without one.
pub(super) type Started = (Vec<Job>, Vec<GroupReport>);

/// Finds the jobs of a batch that starts; `restore` if it must not go forward any more.
///
/// # Errors
/// AWS could not be read; nothing was touched.
pub(super) async fn start(
    aws: &Aws,
    assignment: &Assignment,
    restore: bool,
) -> Result<Started, RunError> {
    match &assignment.work {
        // A batch that could not even be planned may still have records, of this or another attempt.
        Work::Run(request) if !restore => {
            let prepared = Box::pin(prepare_again(aws, request, &assignment.groups)).await?;
            Ok((prepared.jobs, prepared.refused))
        }
        Work::Run(_) | Work::Restore { .. } => {
            from_records(aws, assignment, |record| {
                match assignment.records.get(&record.group) {
                    Some(run_id) => record.run_id == *run_id,
                    None => record.owner == assignment.work.owner(),
                }
            })
            .await
        }
    }
}

/// Jobs from records, of the batch's groups; the others need no restore.
async fn from_records(
    aws: &Aws,
    assignment: &Assignment,
    is_meant: impl Fn(&Record) -> bool,
) -> Result<Started, RunError> {
    let all = restore::choose(aws, &RecordFilter::All, &never_stopped()).await?;
    let is_here = |name: &str| assignment.groups.iter().any(|g| g == name);
    let mut jobs = all.jobs;
    jobs.retain(|j| is_here(j.group()) && is_meant(&j.record));
    let mut others = all.reports;
    others.retain(|r| is_here(&r.group));
    let failure = Failure::new(
        Code::NotPlanned,
        "it has no open record of this run: nothing was changed, or it was restored already",
    );
    let is_known = |name: &GroupName| {
        jobs.iter().any(|j| j.group() == name) || others.iter().any(|r| r.group == *name)
    };
    let rest: Vec<GroupReport> = assignment
        .groups
        .iter()
        .filter(|name| !is_known(name))
        .map(|name| summary::of_skipped(name, &failure))
        .collect();
    others.extend(rest);
    Ok((jobs, others))
}
