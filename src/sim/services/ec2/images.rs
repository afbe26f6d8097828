//! Images.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::filters::{Filter, Filters};
use super::tags::{self, TagSpecification};
use super::{limit, tag_set};
use crate::sim::services::query::{page_of, rest_of};
use crate::sim::wire::ApiError;
use crate::sim::world::images::{self, NewImage};
use crate::sim::world::volumes::{Device, DeviceKind, ROOT_DEVICE};
use crate::sim::world::{Image, World, iso};

const FILTERS: [&str; 15] = [
    "architecture",
    "block-device-mapping.snapshot-id",
    "creation-date",
    "description",
    "image-allowed",
    "image-id",
    "image-type",
    "is-public",
    "name",
    "owner-id",
    "platform",
    "source-image-id",
    "source-instance-id",
    "state",
    "state-reason-code",
];

/// The owner of the images that are not this account's.
const OTHER_OWNER: &str = "137112412989";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Create {
    instance_id: String,
    name: String,
    description: Option<String>,
    no_reboot: Option<bool>,
    #[serde(default)]
    block_device_mapping: Vec<Mapping>,
    #[serde(default)]
    tag_specification: Vec<TagSpecification>,
}

/// A device of CreateImage. Nothing but its omission is modelled.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Mapping {
    device_name: String,
    /// Present, whatever its text: the device is left out.
    no_device: Option<String>,
}

pub(super) fn create(world: &mut World, request: Create) -> Result<Value, ApiError> {
    tags::check_types(&request.tag_specification, &["image", "snapshot"])?;
    let mappings = &request.block_device_mapping;
    if let Some(kept) = mappings.iter().find(|m| m.no_device.is_none()) {
        let device = &kept.device_name;
        return Err(ApiError::unsupported(format!(
            "ec2:CreateImage with a mapping of {device} without NoDevice"
        )));
    }
    let without = mappings.iter().map(|m| m.device_name.clone()).collect();
    let new = NewImage {
        instance: request.instance_id,
        name: request.name,
        description: request.description,
        no_reboot: request.no_reboot.unwrap_or(false),
        without,
        image_tags: tags::of_type(&request.tag_specification, "image"),
        snapshot_tags: tags::of_type(&request.tag_specification, "snapshot"),
    };
    Ok(json!({"imageId": images::create(world, new)?}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Describe {
    #[serde(default)]
    image_id: Vec<String>,
    #[serde(default)]
    owner: Vec<String>,
    include_deprecated: Option<bool>,
    #[serde(rename = "IncludeDisabled")]
    _include_disabled: Option<bool>,
    #[serde(default)]
    filter: Vec<Filter>,
    next_token: Option<String>,
    max_results: Option<i64>,
}

pub(super) fn describe(world: &mut World, request: Describe) -> Result<Value, ApiError> {
    let filters = Filters::read(&request.filter, &FILTERS)?;
    let limit = limit(request.max_results, 1, 1000)?;
    let token = request.next_token.as_deref();
    let owners = &request.owner;
    let owned = |i: &Image| {
        let by = owner(world, i);
        owners.is_empty()
            || owners
                .iter()
                .any(|o| o == by || (o == "self") == i.own && (o == "self" || o == "amazon"))
    };
    // "If you are the AMI owner, all deprecated AMIs appear in the response regardless of what you specify" (DescribeImages).
    let deprecated = request.include_deprecated.unwrap_or(false);
    let is_current =
        |i: &Image| i.own || deprecated || i.deprecated_from.is_none_or(|at| at > world.now);
    let items = candidates(world, &request.image_id, &filters, token)?
        .filter(|i| i.visible_at <= world.now && owned(i) && is_current(i))
        .filter(|i| filters.pass(&i.tags, |name| values(world, i, name)))
        .map(|i| (i.id.clone(), i));
    let (page, next) = page_of(items, token, limit)?;
    let shown: Vec<Value> = page.into_iter().map(|i| shape(world, i)).collect();
    Ok(json!({"imagesSet": shown, "nextToken": next}))
}

/// The images that a read may show, by id: those with these ids, all of which must be visible; else those that a
/// filter names by id or by name; else all, from the page's beginning.
fn candidates<'w>(
    world: &'w World,
    ids: &[String],
    filters: &Filters<'_>,
    token: Option<&str>,
) -> Result<Box<dyn Iterator<Item = &'w Image> + 'w>, ApiError> {
    let known = |id: &str| world.images.get(id);
    let ids: BTreeSet<&str> = if !ids.is_empty() {
        let shown = |id: &str| known(id).is_some_and(|i| i.visible_at <= world.now);
        let given = ids.iter().map(String::as_str);
        let unknown: Vec<&str> = given.clone().filter(|id| !shown(id)).collect();
        if !unknown.is_empty() {
            return Err(images::not_found(&unknown));
        }
        given.collect()
    } else if let Some(ids) = filters.plain("image-id") {
        ids.clone()
    } else if let Some(names) = filters.plain("name") {
        let named = names.iter().flat_map(|name| world.images_named(name));
        named.collect()
    } else {
        return Ok(Box::new(rest_of(&world.images, token)?.map(|(_, i)| i)));
    };
    let found: Vec<&Image> = ids.into_iter().filter_map(known).collect();
    Ok(Box::new(found.into_iter()))
}

fn owner<'w>(world: &'w World, image: &Image) -> &'w str {
    if image.own {
        &world.account
    } else {
        OTHER_OWNER
    }
}

/// All images of others that an account sees here are public.
fn is_public(image: &Image) -> bool {
    !image.own || image.public
}

fn values(world: &World, i: &Image, name: &str) -> Vec<String> {
    let some = |text: &Option<String>| text.clone().into_iter().collect();
    match name {
        "architecture" => vec!["x86_64".into()],
        "block-device-mapping.snapshot-id" => i.snapshots().map(str::to_owned).collect(),
        "creation-date" => vec![iso(i.created_at)],
        "description" => some(&i.description),
        "image-allowed" => vec!["true".into()],
        "image-id" => vec![i.id.clone()],
        "image-type" => vec!["machine".into()],
        "is-public" => vec![is_public(i).to_string()],
        "name" => vec![i.name.clone()],
        "owner-id" => vec![owner(world, i).to_owned()],
        "platform" if i.platform == "Windows" => vec!["windows".into()],
        "source-image-id" => some(&i.source_image),
        "source-instance-id" => some(&i.source_instance),
        "state" => vec![i.state.name().into()],
        "state-reason-code" => i.state_reason.iter().map(|r| r.0.clone()).collect(),
        _ => Vec::new(),
    }
}

fn device(device: &Device) -> Value {
    match &device.kind {
        DeviceKind::Volume(volume) => json!({
            "deviceName": device.name,
            "ebs": {
                "snapshotId": volume.snapshot,
                "volumeSize": volume.gib,
                "volumeType": "gp3",
                "deleteOnTermination": true,
                "encrypted": false,
            },
        }),
        DeviceKind::InstanceStore(store) => {
            json!({"deviceName": device.name, "virtualName": store})
        }
    }
}

fn shape(world: &World, i: &Image) -> Value {
    let devices: Vec<Value> = i.devices.iter().map(device).collect();
    let reason = i
        .state_reason
        .as_ref()
        .map(|(c, m)| json!({"code": c, "message": m}));
    let windows = i.platform == "Windows";
    let owner = owner(world, i);
    json!({
        "imageId": i.id,
        "imageLocation": format!("{owner}/{}", i.name),
        "imageState": i.state.name(),
        "imageOwnerId": owner,
        "imageOwnerAlias": (!i.own).then_some("amazon"),
        "creationDate": iso(i.created_at),
        "isPublic": is_public(i),
        "architecture": "x86_64",
        "imageType": "machine",
        "platform": windows.then_some("windows"),
        "platformDetails": if windows { "Windows" } else { "Linux/UNIX" },
        "usageOperation": if windows { "RunInstances:0002" } else { "RunInstances" },
        "name": i.name,
        "description": i.description,
        "rootDeviceType": "ebs",
        "rootDeviceName": ROOT_DEVICE,
        "blockDeviceMapping": devices,
        "virtualizationType": "hvm",
        "hypervisor": "xen",
        "enaSupport": true,
        "deprecationTime": i.deprecated_from.map(iso),
        "stateReason": reason,
        "sourceInstanceId": i.source_instance,
        "sourceImageId": i.source_image,
        "sourceImageRegion": i.source_image.as_ref().map(|_| world.region.clone()),
        "imageAllowed": true,
        "tagSet": tag_set(&i.tags),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Deregister {
    image_id: String,
    delete_associated_snapshots: Option<bool>,
}

pub(super) fn deregister(world: &mut World, request: Deregister) -> Result<Value, ApiError> {
    let delete = request.delete_associated_snapshots.unwrap_or(false);
    let snapshots = images::deregister(world, &request.image_id, delete)?;
    let results: Vec<Value> = snapshots
        .iter()
        .map(|(id, deleted)| {
            let code = if *deleted { "success" } else { "skipped" };
            json!({"snapshotId": id, "returnCode": code})
        })
        .collect();
    Ok(json!({"return": true, "deleteSnapshotResultSet": results}))
}
