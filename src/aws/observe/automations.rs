//! The executions of the owner's runbooks that jobs have started, or may have.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ssm::types::{
    AutomationExecutionFilter, AutomationExecutionFilterKey, AutomationExecutionMetadata,
};
use futures_util::future::join_all;

use super::query::{Answers, Query, asking};
use crate::aws::convert::time;
use crate::aws::faults::{invalid, reported, text};
use crate::aws::paging::every;
use crate::aws::{Clients, Listed};
use crate::group::Job;
use crate::group::automation::{Moment, Standing, tag, token};
use crate::group::fault::{Fault, Read};
use crate::group::seen::{AutomationSeen, Need};
use crate::text::{plain_text, shortened};

const OPERATION: &str = "ssm:DescribeAutomationExecutions";
/// Values of one filter (AutomationExecutionFilter, Values).
const IDS_PER_CALL: usize = 10;
/// Characters that are kept of a message: a line or two.
const MESSAGE: usize = 300;

/// Executions by id; one that makes no sense fails the read of its own job only.
type Found = Listed<String, AutomationSeen>;

/// Executions whose ids are known are asked for together; one whose id was lost by the key of its tag, each by itself.
pub(super) async fn read(
    clients: &Clients,
    queries: &[Query<'_>],
) -> Answers<BTreeMap<Moment, AutomationSeen>> {
    let asked: BTreeSet<&str> = asking(queries, Need::Automations)
        .flat_map(|q| in_question(q.job))
        .filter_map(|(_, id)| id)
        .collect();
    let known = by_ids(clients, asked.into_iter().collect()).await;
    join_all(queries.iter().map(|query| {
        let known = &known;
        async move {
            if !query.needs.contains(&Need::Automations) {
                return Read::Unread;
            }
            match of_job(clients, query.job, known).await {
                Ok(found) => Read::Present(found),
                Err(fault) => Read::Failed(fault),
            }
        }
    }))
    .await
}

/// The moments whose execution may not be over, with its id if it is known.
fn in_question(job: &Job) -> impl Iterator<Item = (Moment, Option<&str>)> {
    let open = Moment::ALL.into_iter().filter(|m| job.may_automate(*m));
    open.map(|moment| {
        let execution = job.made.automations.get(&moment);
        (moment, execution.map(|e| e.id.as_str()))
    })
}

async fn of_job(
    clients: &Clients,
    job: &Job,
    known: &Result<Found, Fault>,
) -> Result<BTreeMap<Moment, AutomationSeen>, Fault> {
    let mut executions = BTreeMap::new();
    for (moment, id) in in_question(job) {
        let found = match id {
            Some(id) => {
                let known = known.as_ref().map_err(Clone::clone)?;
                known.get(id).map_err(Clone::clone)?.cloned()
            }
            None => by_tag(clients, job, moment).await?,
        };
        if let Some(execution) = found {
            executions.insert(moment, execution);
        }
    }
    Ok(executions)
}

async fn by_ids(clients: &Clients, ids: Vec<&str>) -> Result<Found, Fault> {
    let mut executions = Vec::new();
    for some in ids.chunks(IDS_PER_CALL) {
        let key = AutomationExecutionFilterKey::ExecutionId;
        let values = some.iter().map(|id| (*id).to_owned()).collect();
        executions.extend(list(clients, key, values).await?);
    }
    let entry = |e: &AutomationExecutionMetadata| (id_of(e).map(str::to_owned), seen(e));
    Ok(executions.iter().map(entry).collect())
}

async fn by_tag(
    clients: &Clients,
    job: &Job,
    moment: Moment,
) -> Result<Option<AutomationSeen>, Fault> {
    let token = token(&job.record.run_id, job.group(), moment);
    let key = AutomationExecutionFilterKey::TagKey;
    let runbook = job.forward.as_ref().and_then(|f| f.runbooks.of(moment));
    let mut ours = Vec::new();
    for execution in list(clients, key, vec![tag(&token)]).await? {
        let document = text(execution.document_name(), OPERATION, "DocumentName")?;
        let version = text(execution.document_version(), OPERATION, "DocumentVersion")?;
        // Others may have written that tag on executions of theirs.
        if runbook.is_none_or(|r| r.is_of(document, version)) {
            ours.push(seen(&execution)?);
        }
    }
    let open = ours
        .iter()
        .find(|e| Standing::of(&e.status) == Standing::Open);
    Ok(open.or(ours.first()).cloned())
}

fn id_of(execution: &AutomationExecutionMetadata) -> Result<&str, Fault> {
    let id = execution.automation_execution_id();
    text(id, OPERATION, "AutomationExecutionId")
}

async fn list(
    clients: &Clients,
    key: AutomationExecutionFilterKey,
    values: Vec<String>,
) -> Result<Vec<AutomationExecutionMetadata>, Fault> {
    let filter = AutomationExecutionFilter::builder()
        .key(key)
        .set_values(Some(values))
        .build()
        .map_err(|e| invalid(OPERATION, "filter", e))?;
    let pages = clients
        .ssm
        .describe_automation_executions()
        .filters(filter)
        .into_paginator()
        .send();
    every(clients, OPERATION, pages, |page| {
        (page.automation_execution_metadata_list, page.next_token)
    })
    .await
}

fn seen(execution: &AutomationExecutionMetadata) -> Result<AutomationSeen, Fault> {
    let status = execution.automation_execution_status();
    let status = reported(
        status.map(|s| s.as_str()),
        OPERATION,
        "AutomationExecutionStatus",
    )?;
    let message = plain_text(execution.failure_message().unwrap_or_default());
    Ok(AutomationSeen {
        id: id_of(execution)?.to_owned(),
        status: plain_text(status),
        message: shortened(&message, MESSAGE),
        started_at: execution.execution_start_time().and_then(time),
    })
}
