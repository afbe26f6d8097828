//! Invocations of the jobs' commands.

use std::collections::BTreeSet;

use aws_sdk_ssm::types::{CommandFilter, CommandFilterKey, CommandInvocation};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::query::{Answers, Query, asking, divide};
use crate::aws::convert::time;
use crate::aws::faults::{required, text};
use crate::aws::paging::{NODES_PER_PAGE, every};
use crate::aws::{Clients, missing};
use crate::group::Job;
use crate::group::fault::{Fault, Read};
use crate::group::ledger::Key;
use crate::group::seen::{CommandSeen, CommandStatus, Need};

const OPERATION: &str = "ssm:ListCommandInvocations";
/// Invocations are asked for from a little before the first was sent: clocks differ.
const CLOCK_MARGIN: TimeDelta = TimeDelta::minutes(5);

pub(super) async fn read(clients: &Clients, queries: &[Query<'_>]) -> Answers<Vec<CommandSeen>> {
    let jobs: Vec<&Job> = asking(queries, Need::Commands).map(|a| a.job).collect();
    let found = list(clients, &jobs).await;
    divide(queries, Need::Commands, found, |query, found| {
        let instances = query.instances();
        let its_own = found.iter().filter(|c| instances.contains(&c.instance));
        Read::Present(its_own.cloned().collect())
    })
}

/// All invocations since the first job began to wait, oldest first. AWS cannot filter by comment.
async fn list(clients: &Clients, jobs: &[&Job]) -> Result<Vec<CommandSeen>, Fault> {
    let Some(since) = jobs.iter().map(|j| awaited_since(j)).min() else {
        return Ok(Vec::new());
    };
    let after = since.checked_sub_signed(CLOCK_MARGIN).unwrap_or(since);
    let filter = CommandFilter::builder()
        .key(CommandFilterKey::InvokedAfter)
        .value(after.to_rfc3339_opts(SecondsFormat::Secs, true))
        .build()
        .map_err(|e| missing(OPERATION, &e.to_string()))?;
    let known: BTreeSet<&str> = jobs
        .iter()
        .flat_map(|j| j.made.commands.values().map(String::as_str))
        .collect();
    // Commands of others are left out before conversion: they need not make sense.
    let is_ours = |c: &&CommandInvocation| {
        c.comment().is_some_and(|c| c.starts_with("asg-patch "))
            || c.command_id().is_some_and(|id| known.contains(id))
    };
    let pages = clients
        .ssm
        .list_command_invocations()
        .filters(filter)
        .max_results(NODES_PER_PAGE as i32)
        .into_paginator()
        .items()
        .send();
    let invocations = every(OPERATION, pages).await?;
    let ours = invocations.iter().filter(is_ours).map(command_seen);
    let mut found = ours.collect::<Result<Vec<CommandSeen>, Fault>>()?;
    found.sort_by_key(|c| (c.requested_at, c.id.clone()));
    Ok(found)
}

/// The present phase's command was not sent before the phase began.
fn awaited_since(job: &Job) -> DateTime<Utc> {
    if job.resumed_at.is_some() {
        job.record.written_at
    } else {
        let sent = job.ledger.of_kind(|k| matches!(k, Key::Command(..)));
        let last = sent.map(|(_, t)| t.first_at).max();
        last.unwrap_or(job.record.written_at)
    }
}

fn command_seen(invocation: &CommandInvocation) -> Result<CommandSeen, Fault> {
    let field = |value, name| text(value, OPERATION, name);
    let detail = invocation.status_details().unwrap_or_default();
    // The API's prose spells details with spaces, the guide without.
    let detail: String = detail.chars().filter(|c| !c.is_whitespace()).collect();
    let status = required(invocation.status(), OPERATION, "Status")?;
    let status = match (status.as_str(), detail.as_str()) {
        (_, "DeliveryTimedOut" | "Undeliverable" | "InvalidPlatform" | "AccessDenied") => {
            CommandStatus::Undelivered
        }
        (_, "ExecutionTimedOut") | ("TimedOut", _) => CommandStatus::TimedOut,
        ("Success", _) => CommandStatus::Success,
        ("Failed", _) => CommandStatus::Failed,
        ("Cancelled" | "Cancelling", _) => CommandStatus::Cancelled,
        _ => CommandStatus::Running,
    };
    let requested_at = invocation.requested_date_time().and_then(time);
    Ok(CommandSeen {
        id: field(invocation.command_id(), "CommandId")?.to_owned(),
        instance: field(invocation.instance_id(), "InstanceId")?.into(),
        comment: invocation.comment().unwrap_or_default().to_owned(),
        requested_at: required(requested_at, OPERATION, "RequestedDateTime")?,
        status,
        detail,
    })
}
