//! Instances.

use chrono::{DateTime, SubsecRound, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::filters::{Filter, Filters};
use super::{invalid, limit, tag_set, yes};
use crate::sim::beliefs::LaunchTime;
use crate::sim::services::query::{page_of, rest_of};
use crate::sim::wire::ApiError;
use crate::sim::world::behaviour::Failure;
use crate::sim::world::instance::{self, InstanceState};
use crate::sim::world::volumes::{Device, ROOT_DEVICE};
use crate::sim::world::{Instance, World, iso};

const FILTERS: [&str; 8] = [
    "availability-zone",
    "image-id",
    "instance-id",
    "instance-state-code",
    "instance-state-name",
    "instance-type",
    "launch-time",
    "private-dns-name",
];

const STATUS_FILTERS: [&str; 6] = [
    "availability-zone",
    "instance-state-code",
    "instance-state-name",
    "instance-status.status",
    "instance-status.reachability",
    "system-status.status",
];

/// The one VPC of the account.
pub(super) const VPC: &str = "vpc-0a1b2c3d4e5f60718";

/// DescribeInstanceStatus takes at most this many ids.
const MOST_STATUS_IDS: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Describe {
    #[serde(default)]
    instance_id: Vec<String>,
    #[serde(rename = "IncludeManagedResources")]
    _include_managed_resources: Option<bool>,
    #[serde(default)]
    filter: Vec<Filter>,
    next_token: Option<String>,
    max_results: Option<i64>,
}

pub(super) fn describe(world: &mut World, request: Describe) -> Result<Value, ApiError> {
    let filters = Filters::read(&request.filter, &FILTERS)?;
    if request.max_results.is_some() && !request.instance_id.is_empty() {
        return Err(ids_and_pages());
    }
    let limit = limit(request.max_results, 5, 1000)?;
    let token = request.next_token.as_deref();
    let found = candidates(world, &request.instance_id, &filters, token)?
        .filter(|i| filters.pass(&i.tags, |name| values(world, i, name)))
        .map(|i| (i.id.clone(), i));
    let (page, next) = page_of(found, token, limit)?;
    let reservations: Vec<Value> = page
        .into_iter()
        .map(|i| {
            json!({
                "reservationId": i.id.replace("i-", "r-"),
                "ownerId": world.account,
                "groupSet": [],
                "instancesSet": [shape(world, i)],
            })
        })
        .collect();
    Ok(json!({"reservationSet": reservations, "nextToken": next}))
}

fn ids_and_pages() -> ApiError {
    ApiError::new(
        "InvalidParameterCombination",
        "The parameter instancesSet cannot be used with the parameter maxResults",
    )
}

/// The instances that a read may show, by id: those with these ids, all of which must be known; else those that a
/// filter names; else all, from the page's beginning.
fn candidates<'w>(
    world: &'w World,
    ids: &[String],
    filters: &Filters<'_>,
    token: Option<&str>,
) -> Result<Box<dyn Iterator<Item = &'w Instance> + 'w>, ApiError> {
    if !ids.is_empty() {
        return Ok(Box::new(chosen(world, ids)?.into_iter()));
    }
    if let Some(ids) = filters.plain("instance-id") {
        let named = ids.iter().filter_map(|id| world.visible_instance(id));
        return Ok(Box::new(named.collect::<Vec<_>>().into_iter()));
    }
    let rest = rest_of(&world.instances, token)?.map(|(_, i)| i);
    Ok(Box::new(rest.filter(|i| i.visible_at <= world.now)))
}

/// The instances with these ids, all of which must be known.
fn chosen<'w>(world: &'w World, ids: &[String]) -> Result<Vec<&'w Instance>, ApiError> {
    let mut found = Vec::new();
    for id in ids {
        found.push(
            world
                .visible_instance(id)
                .ok_or_else(|| instance::not_found(id))?,
        );
    }
    found.sort_by(|a, b| a.id.cmp(&b.id));
    found.dedup_by(|a, b| a.id == b.id);
    Ok(found)
}

fn values(world: &World, i: &Instance, name: &str) -> Vec<String> {
    let (code, state) = i.state.code_and_name();
    vec![match name {
        "availability-zone" => i.zone.clone(),
        "image-id" => i.image.clone(),
        "instance-id" => i.id.clone(),
        "instance-state-code" => code.to_string(),
        "instance-state-name" => state.to_owned(),
        "instance-type" => i.instance_type.clone(),
        "launch-time" => iso(launch_time(world, i)),
        "private-dns-name" => private_name(i),
        _ => return Vec::new(),
    }]
}

fn launch_time(world: &World, i: &Instance) -> DateTime<Utc> {
    match world.beliefs.launch_time {
        LaunchTime::Seconds => i.launched_at.trunc_subsecs(0),
        LaunchTime::Milliseconds => i.launched_at,
    }
}

/// A private address made of the id, so that it is always the same.
pub(in crate::sim::services) fn private_ip(i: &Instance) -> String {
    let digits = i.id.trim_start_matches("i-");
    let number = u64::from_str_radix(digits, 16).unwrap_or(0) >> 28;
    format!(
        "10.{}.{}.{}",
        (number >> 16) & 0xff,
        (number >> 8) & 0xff,
        number & 0xff
    )
}

fn private_name(i: &Instance) -> String {
    format!("ip-{}.compute.internal", private_ip(i).replace('.', "-"))
}

/// The subnet of its zone: its group's, if that names one.
fn subnet(world: &World, i: &Instance) -> String {
    let group = i
        .membership
        .as_ref()
        .and_then(|m| world.groups.get(&m.group));
    let of_group = group.and_then(|g| {
        let at = g.zones.iter().position(|z| *z == i.zone)?;
        g.subnets.get(at).cloned()
    });
    of_group.unwrap_or_else(|| format!("subnet-0{}", i.zone.chars().next_back().unwrap_or('a')))
}

/// The token of the request that launched it: Auto Scaling's own ones are UUIDs.
fn client_token(i: &Instance) -> String {
    if !i.tags.contains_key("aws:autoscaling:groupName") {
        return String::new();
    }
    let digits = i.id.trim_start_matches("i-");
    let number = u64::from_str_radix(digits, 16)
        .unwrap_or(0)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        number >> 32,
        (number >> 16) & 0xffff,
        number & 0xfff,
        (number >> 20) & 0xfff,
        number & 0xffff_ffff_ffff
    )
}

fn state(state: InstanceState) -> Value {
    let (code, name) = state.code_and_name();
    json!({"code": code, "name": name})
}

pub(super) fn shape(world: &World, i: &Instance) -> Value {
    let windows = world.platform_of(i) == "Windows";
    let ended = i.state.is_ending();
    let attached = if i.state == InstanceState::Terminated {
        &[][..]
    } else {
        &i.devices[..]
    };
    // Instance store volumes are not shown.
    let volume = |device: &Device| {
        let id = &device.volume()?.id;
        Some(json!({
            "deviceName": device.name,
            "ebs": {
                "volumeId": id,
                "status": "attached",
                "attachTime": iso(i.launched_at),
                "deleteOnTermination": true,
            },
        }))
    };
    // A terminated instance has left its network (recorded).
    let groups = if ended {
        json!([])
    } else {
        json!([{"groupId": "sg-0d5e1f5a7b2c3d4e6", "groupName": "default"}])
    };
    let volumes: Vec<Value> = attached.iter().filter_map(volume).collect();
    let why = ended.then(|| {
        json!({"code": "Client.UserInitiatedShutdown", "message": "Client.UserInitiatedShutdown: User initiated shutdown"})
    });
    json!({
        "instanceId": i.id,
        "imageId": i.image,
        "instanceState": state(i.state),
        "privateDnsName": private_name(i),
        "dnsName": "",
        "reason": if ended { format!("User initiated ({})", iso(i.state_since)) } else { String::new() },
        "amiLaunchIndex": 0,
        "productCodes": [],
        "instanceType": i.instance_type,
        "launchTime": iso(launch_time(world, i)),
        "placement": {"availabilityZone": i.zone, "groupName": "", "tenancy": "default"},
        "platform": windows.then_some("windows"),
        "platformDetails": if windows { "Windows" } else { "Linux/UNIX" },
        "monitoring": {"state": "disabled"},
        "privateIpAddress": (!ended).then(|| private_ip(i)),
        "stateReason": why,
        "architecture": "x86_64",
        "rootDeviceType": "ebs",
        "rootDeviceName": ROOT_DEVICE,
        "blockDeviceMapping": volumes,
        "virtualizationType": "hvm",
        "hypervisor": "xen",
        "ebsOptimized": false,
        "enaSupport": true,
        "clientToken": client_token(i),
        "sourceDestCheck": (!ended).then_some(true),
        "subnetId": (!ended).then(|| subnet(world, i)),
        "vpcId": (!ended).then_some(VPC),
        "groupSet": groups,
        "networkInterfaceSet": [],
        "tagSet": tag_set(&i.tags),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeStatus {
    #[serde(default)]
    instance_id: Vec<String>,
    #[serde(rename = "IncludeManagedResources")]
    _include_managed_resources: Option<bool>,
    #[serde(default)]
    filter: Vec<Filter>,
    next_token: Option<String>,
    max_results: Option<i64>,
    include_all_instances: Option<bool>,
}

pub(super) fn describe_status(
    world: &mut World,
    request: DescribeStatus,
) -> Result<Value, ApiError> {
    let filters = Filters::read(&request.filter, &STATUS_FILTERS)?;
    if request.max_results.is_some() && !request.instance_id.is_empty() {
        return Err(ids_and_pages());
    }
    if request.instance_id.len() > MOST_STATUS_IDS {
        return Err(invalid(format!(
            "At most {MOST_STATUS_IDS} instance ids may be specified"
        )));
    }
    let limit = limit(request.max_results, 5, 1000)?;
    let all = request.include_all_instances.unwrap_or(false);
    let token = request.next_token.as_deref();
    let found = candidates(world, &request.instance_id, &filters, token)?
        .filter(|i| all || i.state == InstanceState::Running)
        .filter(|i| {
            filters.pass(&i.tags, |name| match name {
                "instance-status.status" | "system-status.status" => {
                    vec![checks(world, i).0.into()]
                }
                "instance-status.reachability" => vec![checks(world, i).1.into()],
                other => values(world, i, other),
            })
        })
        .map(|i| (i.id.clone(), i));
    let (page, next) = page_of(found, token, limit)?;
    let shown: Vec<Value> = page.into_iter().map(|i| status_shape(world, i)).collect();
    Ok(json!({"instanceStatusSet": shown, "nextToken": next}))
}

/// The status of an instance's checks and of their reachability detail.
fn checks(world: &World, i: &Instance) -> (&'static str, &'static str) {
    let usual = i.behaviour.checks.seconds;
    let running_seconds = (world.now - i.state_since).as_seconds_f64();
    match (i.state, i.checks_ok_at) {
        (InstanceState::Running, Some(at)) if at <= world.now => ("ok", "passed"),
        (InstanceState::Running, None)
            if i.behaviour.failure == Some(Failure::Impaired) && running_seconds > usual =>
        {
            ("impaired", "failed")
        }
        (InstanceState::Running, _) => ("initializing", "initializing"),
        _ => ("not-applicable", "not-applicable"),
    }
}

fn status_shape(world: &World, i: &Instance) -> Value {
    let (status, reachability) = checks(world, i);
    let since = (status == "impaired").then(|| iso(i.state_since));
    let detail = json!({"name": "reachability", "status": reachability, "impairedSince": since});
    let details = if status == "not-applicable" {
        json!([])
    } else {
        json!([detail])
    };
    // The instance's own check fails, AWS's side is well.
    let system = if status == "impaired" { "ok" } else { status };
    let well = json!([{"name": "reachability", "status": "passed"}]);
    let system_details = if status == "impaired" {
        well
    } else {
        details.clone()
    };
    json!({
        "instanceId": i.id,
        "availabilityZone": i.zone,
        "instanceState": state(i.state),
        "systemStatus": {"status": system, "details": system_details.clone()},
        "instanceStatus": {"status": status, "details": details},
        "attachedEbsStatus": {"status": system, "details": system_details},
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Chosen {
    instance_id: Vec<String>,
    #[serde(rename = "Force")]
    _force: Option<bool>,
    #[serde(rename = "SkipOsShutdown")]
    _skip_os_shutdown: Option<bool>,
}

type Change = fn(&mut World, &str) -> Result<(), ApiError>;

/// Changes all instances or, if one is unknown, none.
fn change(world: &mut World, request: &Chosen, change: Change) -> Result<Vec<Value>, ApiError> {
    chosen(world, &request.instance_id)?;
    let mut changed = Vec::new();
    for id in &request.instance_id {
        let current = |w: &World| w.instances.get(id).map(|i| state(i.state));
        let before = current(world);
        change(world, id)?;
        let after = current(world);
        changed.push(json!({"instanceId": id, "currentState": after, "previousState": before}));
    }
    Ok(changed)
}

pub(super) fn terminate(world: &mut World, request: Chosen) -> Result<Value, ApiError> {
    Ok(json!({"instancesSet": change(world, &request, instance::terminate)?}))
}

pub(super) fn stop(world: &mut World, request: Chosen) -> Result<Value, ApiError> {
    Ok(json!({"instancesSet": change(world, &request, instance::stop)?}))
}

pub(super) fn start(world: &mut World, request: Chosen) -> Result<Value, ApiError> {
    Ok(json!({"instancesSet": change(world, &request, instance::start)?}))
}

pub(super) fn reboot(world: &mut World, request: Chosen) -> Result<Value, ApiError> {
    change(world, &request, instance::reboot)?;
    yes()
}
