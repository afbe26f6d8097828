//! Reads of Systems Manager: agents, commands, patches.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ssm::types::CommandInvocation;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::Found;
use super::reads::chunks;
use crate::aws::convert::time;
use crate::aws::discover::IDS_PER_CALL;
use crate::aws::faults::{invalid, reported, required, text};
use crate::aws::pace::Pace;
use crate::aws::paging::every;
use crate::aws::{Clients, missing};
use crate::group::Job;
use crate::group::fault::{Fault, FaultClass};
use crate::group::ledger::Key;
use crate::group::seen::{AgentSeen, CommandSeen, CommandStatus, PatchSeen};
use crate::ids::InstanceId;

/// `DescribeInstancePatchStates` and `ListCommandInvocations` have 50 to a page.
const NODES_PER_CALL: usize = 50;
/// Invocations are asked for from a little before the first was sent: clocks differ.
const COMMAND_MARGIN_MINUTES: i64 = 5;

pub(super) async fn agents(
    clients: &Clients,
    ids: BTreeSet<InstanceId>,
) -> Found<BTreeMap<InstanceId, AgentSeen>> {
    let mut found = BTreeMap::new();
    for chunk in chunks(ids, IDS_PER_CALL) {
        let filter = aws_sdk_ssm::types::InstanceInformationStringFilter::builder()
            .key("InstanceIds")
            .set_values(Some(chunk))
            .build()
            .map_err(|e| missing("ssm:DescribeInstanceInformation", &e.to_string()))?;
        let pages = clients
            .ssm
            .describe_instance_information()
            .filters(filter)
            .max_results(NODES_PER_CALL as i32)
            .into_paginator()
            .items()
            .send();
        match every("ssm:DescribeInstanceInformation", pages).await {
            Ok(agents) => {
                for information in &agents {
                    let (id, seen) = agent(information)?;
                    found.insert(id, seen);
                }
            }
            // An id that SSM does not know: not registered yet.
            Err(fault) if fault.class == FaultClass::NotYet => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(found)
}

fn agent(
    information: &aws_sdk_ssm::types::InstanceInformation,
) -> Result<(InstanceId, AgentSeen), Fault> {
    const OPERATION: &str = "ssm:DescribeInstanceInformation";
    let id = text(information.instance_id(), OPERATION, "InstanceId")?;
    let ping = required(information.ping_status(), OPERATION, "PingStatus")?;
    Ok((
        id.into(),
        AgentSeen {
            online: ping.as_str() == "Online",
            last_ping: information.last_ping_date_time().and_then(time),
        },
    ))
}

/// All invocations since the jobs began to wait, by pages of 50; filtering by comment is ours.
pub(super) async fn commands(clients: &Clients, jobs: Vec<&Job>) -> Found<Vec<CommandSeen>> {
    let Some(since) = jobs.iter().map(|j| awaited_since(j)).min() else {
        return Ok(Vec::new());
    };
    let margin = TimeDelta::minutes(COMMAND_MARGIN_MINUTES);
    let after = since.checked_sub_signed(margin).unwrap_or(since);
    let after = after.to_rfc3339_opts(SecondsFormat::Secs, true);
    let filter = aws_sdk_ssm::types::CommandFilter::builder()
        .key(aws_sdk_ssm::types::CommandFilterKey::InvokedAfter)
        .value(after)
        .build()
        .map_err(|e| missing("ssm:ListCommandInvocations", &e.to_string()))?;
    let known: BTreeSet<&str> = jobs
        .iter()
        .flat_map(|j| j.made.commands.values().map(String::as_str))
        .collect();
    // What others sent is not looked at: it need not make sense.
    let is_ours = |c: &&CommandInvocation| {
        c.comment().is_some_and(|c| c.starts_with("asg-patch "))
            || c.command_id().is_some_and(|id| known.contains(id))
    };
    let mut found: Vec<CommandSeen> = every(
        "ssm:ListCommandInvocations",
        clients
            .ssm
            .list_command_invocations()
            .filters(filter)
            .max_results(NODES_PER_CALL as i32)
            .into_paginator()
            .items()
            .send(),
    )
    .await?
    .iter()
    .filter(is_ours)
    .map(command)
    .collect::<Result<_, _>>()?;
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

fn command(invocation: &CommandInvocation) -> Result<CommandSeen, Fault> {
    const OPERATION: &str = "ssm:ListCommandInvocations";
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

pub(super) async fn patches(
    clients: &Clients,
    ids: BTreeSet<InstanceId>,
) -> Found<BTreeMap<InstanceId, PatchSeen>> {
    let mut found = BTreeMap::new();
    for chunk in chunks(ids, NODES_PER_CALL) {
        let states = every(
            "ssm:DescribeInstancePatchStates",
            clients
                .ssm
                .describe_instance_patch_states()
                .set_instance_ids(Some(chunk))
                .max_results(100)
                .into_paginator()
                .items()
                .send(),
        )
        .await?;
        for state in &states {
            let (id, seen) = patch(state)?;
            found.insert(id, seen);
        }
    }
    Ok(found)
}

/// The SDK puts empty values where required fields are missing.
fn patch(state: &aws_sdk_ssm::types::InstancePatchState) -> Result<(InstanceId, PatchSeen), Fault> {
    const OPERATION: &str = "ssm:DescribeInstancePatchStates";
    let count =
        |count: i32, name| u32::try_from(count).map_err(|_| invalid(OPERATION, name, count));
    let operation = reported(Some(state.operation().as_str()), OPERATION, "Operation")?;
    let ended_at = time(state.operation_end_time()).filter(|at| *at > DateTime::UNIX_EPOCH);
    let pending = state.installed_pending_reboot_count().unwrap_or_default();
    let seen = PatchSeen {
        is_scan: operation == "Scan",
        ended_at: required(ended_at, OPERATION, "OperationEndTime")?,
        missing: count(state.missing_count(), "MissingCount")?,
        failed: count(state.failed_count(), "FailedCount")?,
        pending_reboot: count(pending, "InstalledPendingRebootCount")?,
    };
    let id = text(Some(state.instance_id()), OPERATION, "InstanceId")?;
    Ok((id.into(), seen))
}

/// When each was installed is not known on every system: the time is then none, or the epoch.
pub(super) async fn packages(
    clients: &Clients,
    instance: &InstanceId,
) -> Found<Vec<(String, Option<DateTime<Utc>>)>> {
    clients.pace(Pace::NodeRead).await;
    let filter = aws_sdk_ssm::types::PatchOrchestratorFilter::builder()
        .key("State")
        .values("Installed")
        .build();
    let patches = every(
        "ssm:DescribeInstancePatches",
        clients
            .ssm
            .describe_instance_patches()
            .instance_id(instance.as_str())
            .filters(filter)
            .max_results(100)
            .into_paginator()
            .items()
            .send(),
    )
    .await?;
    Ok(patches
        .iter()
        .map(|p| {
            let at = time(p.installed_time()).filter(|at| *at > DateTime::UNIX_EPOCH);
            (p.title().to_owned(), at)
        })
        .collect())
}
