//! Reads of Systems Manager: agents, commands, patches.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::Found;
use super::reads::chunks;
use crate::aws::convert::time;
use crate::aws::discover::IDS_PER_CALL;
use crate::aws::pace::Pace;
use crate::aws::paging::every;
use crate::aws::{Clients, missing};
use crate::group::Job;
use crate::group::fault::FaultClass;
use crate::group::seen::{AgentSeen, CommandSeen, CommandStatus, PatchSeen};

/// `DescribeInstancePatchStates` and `ListCommandInvocations` have 50 to a page.
const NODES_PER_CALL: usize = 50;
/// Invocations are asked for from a little before the first was sent: clocks differ.
const COMMAND_MARGIN_MINUTES: i64 = 5;

pub(super) async fn agents(
    clients: &Clients,
    ids: BTreeSet<String>,
) -> Found<BTreeMap<String, AgentSeen>> {
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
            Ok(agents) => found.extend(agents.iter().filter_map(agent)),
            // An id that SSM does not know: not registered yet.
            Err(fault) if fault.class == FaultClass::NotYet => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(found)
}

fn agent(information: &aws_sdk_ssm::types::InstanceInformation) -> Option<(String, AgentSeen)> {
    Some((
        information.instance_id()?.to_owned(),
        AgentSeen {
            online: information.ping_status()?.as_str() == "Online",
            last_ping: information.last_ping_date_time().and_then(time),
            windows: information
                .platform_type()
                .is_some_and(|p| p.as_str() == "Windows"),
        },
    ))
}

/// All invocations since the jobs began to wait, by pages of 50; filtering by comment is ours.
pub(super) async fn commands(clients: &Clients, jobs: Vec<&Job>) -> Found<Vec<CommandSeen>> {
    let Some(since) = jobs.iter().map(|j| awaited_since(j)).min() else {
        return Ok(Vec::new());
    };
    let after = (since - TimeDelta::minutes(COMMAND_MARGIN_MINUTES))
        .to_rfc3339_opts(SecondsFormat::Secs, true);
    let filter = aws_sdk_ssm::types::CommandFilter::builder()
        .key(aws_sdk_ssm::types::CommandFilterKey::InvokedAfter)
        .value(after)
        .build()
        .map_err(|e| missing("ssm:ListCommandInvocations", &e.to_string()))?;
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
    .filter_map(command)
    .filter(|c| c.comment.starts_with("asg-patch "))
    .collect();
    found.sort_by_key(|c| (c.requested_at, c.id.clone()));
    Ok(found)
}

/// The present phase's command was not sent before the phase began.
fn awaited_since(job: &Job) -> DateTime<Utc> {
    if job.resumed_at.is_some() {
        job.record.written_at
    } else {
        let sent = job.tries.iter().filter(|(k, _)| k.starts_with("command "));
        let last = sent.map(|(_, t)| t.first_at).max();
        last.unwrap_or(job.record.written_at)
    }
}

fn command(invocation: &aws_sdk_ssm::types::CommandInvocation) -> Option<CommandSeen> {
    let detail = invocation.status_details().unwrap_or_default();
    // The API's prose spells details with spaces, the guide without.
    let detail: String = detail.chars().filter(|c| !c.is_whitespace()).collect();
    let status = match (invocation.status()?.as_str(), detail.as_str()) {
        (_, "DeliveryTimedOut" | "Undeliverable" | "InvalidPlatform" | "AccessDenied") => {
            CommandStatus::Undelivered
        }
        (_, "ExecutionTimedOut") | ("TimedOut", _) => CommandStatus::TimedOut,
        ("Success", _) => CommandStatus::Success,
        ("Failed", _) => CommandStatus::Failed,
        ("Cancelled" | "Cancelling", _) => CommandStatus::Cancelled,
        _ => CommandStatus::Running,
    };
    Some(CommandSeen {
        id: invocation.command_id()?.to_owned(),
        instance: invocation.instance_id()?.to_owned(),
        comment: invocation.comment().unwrap_or_default().to_owned(),
        requested_at: time(invocation.requested_date_time()?)?,
        status,
        detail,
    })
}

pub(super) async fn patches(
    clients: &Clients,
    ids: BTreeSet<String>,
) -> Found<BTreeMap<String, PatchSeen>> {
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
        found.extend(states.iter().filter_map(|s| {
            Some((
                s.instance_id().to_owned(),
                PatchSeen {
                    is_scan: s.operation().as_str() == "Scan",
                    ended_at: time(s.operation_end_time())?,
                    missing: s.missing_count().unsigned_abs(),
                    failed: s.failed_count().unsigned_abs(),
                    pending_reboot: s
                        .installed_pending_reboot_count()
                        .unwrap_or_default()
                        .unsigned_abs(),
                },
            ))
        }));
    }
    Ok(found)
}

pub(super) async fn packages(
    clients: &Clients,
    instance: &str,
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
            .instance_id(instance)
            .filters(filter)
            .max_results(100)
            .into_paginator()
            .items()
            .send(),
    )
    .await?;
    Ok(patches
        .iter()
        .map(|p| (p.title().to_owned(), time(p.installed_time())))
        .collect())
}
