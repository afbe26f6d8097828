//! DescribeInstancePatchStates and DescribeInstancePatches.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::patch_facts::Facts;
use super::{KeyValues, invalid, size};
use crate::sim::services::query;
use crate::sim::wire::ApiError;
use crate::sim::world::guest::Family;
use crate::sim::world::patching::{ListedPatch, PatchRecord, PatchState, RebootOption};
use crate::sim::world::{World, epoch};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct States {
    instance_ids: Vec<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct List {
    instance_id: String,
    #[serde(default)]
    filters: Vec<KeyValues>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

pub(super) fn states(world: &World, request: States) -> Result<Value, ApiError> {
    let asked = request.instance_ids.len();
    if !(1..=50).contains(&asked) {
        return Err(invalid(format!(
            "InstanceIds: expected 1 to 50, found {asked}"
        )));
    }
    let limit = size(request.max_results, (10, 100), 100)?;
    let records = request
        .instance_ids
        .iter()
        .filter_map(|id| world.ssm.patch_records.get_key_value(id));
    let asked = records.collect::<BTreeMap<_, _>>();
    let keyed = asked
        .into_iter()
        .map(|(id, record)| (id.clone(), (id, record)));
    let (page, token) = query::page_of(keyed, request.next_token.as_deref(), limit)?;
    let rows: Vec<Value> = page
        .into_iter()
        .map(|(id, record)| state_row(world, id, record))
        .collect();
    Ok(json!({"InstancePatchStates": rows, "NextToken": token}))
}

fn state_row(world: &World, id: &str, record: &PatchRecord) -> Value {
    let instance = world.instances.get(id);
    let group = instance.and_then(|i| {
        i.tags
            .get("Patch Group")
            .or_else(|| i.tags.get("PatchGroup"))
    });
    let windows = instance.is_some_and(|i| world.platform_of(i) == "Windows");
    let baseline = if windows {
        "pb-0fb9ab5f2a1c3d4e5"
    } else {
        "pb-0a1b2c3d4e5f60718"
    };
    // The predefined baselines give every patch the level UNSPECIFIED: problems count as other.
    let noncompliant = record.count(PatchState::Missing)
        + record.count(PatchState::Failed)
        + record.count(PatchState::InstalledPendingReboot);
    json!({
        "InstanceId": id,
        "PatchGroup": group.map_or("", String::as_str),
        "BaselineId": baseline,
        "SnapshotId": record.snapshot_id.clone().unwrap_or_else(|| snapshot_id(id, record)),
        "Operation": record.operation,
        "OperationStartTime": epoch(record.started_at),
        "OperationEndTime": epoch(record.ended_at),
        // A Scan has one, too: the document's parameter has a default (AWS's own sample of a Scan).
        "RebootOption": record.reboot_option.unwrap_or(RebootOption::RebootIfNeeded).name(),
        "LastNoRebootInstallOperationTime": record.last_no_reboot_install.map(epoch),
        "InstalledCount": record.count(PatchState::Installed),
        "InstalledOtherCount": record.count(PatchState::InstalledOther),
        "InstalledPendingRebootCount": record.count(PatchState::InstalledPendingReboot),
        "InstalledRejectedCount": 0,
        "MissingCount": record.count(PatchState::Missing),
        "FailedCount": record.count(PatchState::Failed),
        "NotApplicableCount": 0,
        "UnreportedNotApplicableCount": 0,
        "CriticalNonCompliantCount": 0,
        "SecurityNonCompliantCount": 0,
        "OtherNonCompliantCount": noncompliant,
    })
}

/// Patch Manager takes a snapshot of the patches by itself where none was asked for: another for each operation.
fn snapshot_id(instance: &str, record: &PatchRecord) -> String {
    let digits = instance.trim_start_matches("i-");
    let number = u64::from_str_radix(digits, 16).unwrap_or(0);
    let at = record.started_at.timestamp().unsigned_abs();
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        at & 0xffff_ffff,
        (number >> 32) & 0xffff,
        (number >> 20) & 0xfff,
        (at >> 4) & 0xfff,
        number & 0xffff_ffff_ffff
    )
}

pub(super) fn list(world: &World, request: List) -> Result<Value, ApiError> {
    let limit = size(request.max_results, (10, 100), 50)?;
    for filter in &request.filters {
        if !["Classification", "KBId", "Severity", "State"].contains(&filter.key.as_str()) {
            return Err(ApiError::new(
                "InvalidFilter",
                format!("the filter key '{}' is not valid", filter.key),
            ));
        }
    }
    let instance = world.instances.get(&request.instance_id);
    let family = instance.map(|i| i.guest.family).unwrap_or_default();
    let keeps = |(id, state, _): &ListedPatch| {
        let facts = Facts::of(id, *state, family);
        request.filters.iter().all(|f| {
            let value = match f.key.as_str() {
                "Classification" => facts.classification,
                "Severity" => facts.severity,
                "KBId" => id,
                _ => state.name(),
            };
            f.values.iter().any(|v| v == value)
        })
    };
    let patches = world
        .ssm
        .patch_records
        .get(&request.instance_id)
        .map_or(&[][..], |r| r.patches.as_slice());
    let keyed = (0_u64..)
        .zip(patches)
        .filter(|(_, p)| keeps(p))
        .map(|(n, patch)| (format!("{n:020}"), patch));
    let (page, token) = query::page_of(keyed, request.next_token.as_deref(), limit)?;
    let rows: Vec<Value> = page.into_iter().map(|p| patch_row(p, family)).collect();
    Ok(json!({"Patches": rows, "NextToken": token}))
}

fn patch_row((id, state, installed_at): &ListedPatch, family: Family) -> Value {
    let facts = Facts::of(id, *state, family);
    json!({
        "Title": id,
        "KBId": id,
        "Classification": facts.classification,
        "Severity": facts.severity,
        "CVEIds": facts.cve_ids(),
        "State": state.name(),
        // Required by the API's model even for patches that are not there.
        "InstalledTime": installed_at.or_else(|| state.is_absent().then_some(0)),
    })
}
