//! Block devices: what an instance gets from its image and its launch template, and what an image gets from it.
//!
//! Sources: EC2 User Guide, block device mappings (the mapping of a launch is merged with that of the image, device by
//! device); EC2 API, CreateImage (every attached volume becomes part of the image, but for devices with `NoDevice`;
//! instance store volumes become part of its mapping).

use serde_json::Value;

use super::instance::Guest;
use super::scaling::Source;
use super::templates::TemplateData;
use super::{World, templates};

/// The device of the root volume in every image.
pub const ROOT_DEVICE: &str = "/dev/xvda";

/// A device beside the root volume, of an image or of an instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// e.g. `/dev/sdf`.
    pub name: String,
    /// Where its contents come from.
    pub kind: DeviceKind,
}

/// The kinds of devices.
#[derive(Clone, Debug, PartialEq)]
pub enum DeviceKind {
    /// An EBS volume of this size in GiB, made of a snapshot or blank.
    Volume(u32, Option<String>),
    /// An instance store volume, e.g. `ephemeral0`.
    InstanceStore(String),
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key)?.as_str()
}

fn mappings(data: &TemplateData) -> impl Iterator<Item = &Value> {
    let mappings = data.0.get("BlockDeviceMapping").and_then(Value::as_array);
    mappings.into_iter().flatten()
}

/// A number of a request: from the wire it is a text.
fn gib(ebs: Option<&Value>) -> u32 {
    let size = ebs.and_then(|e| e.get("VolumeSize"));
    let number = size.and_then(|s| s.as_u64().or_else(|| s.as_str()?.parse().ok()));
    number.and_then(|n| u32::try_from(n).ok()).unwrap_or(8)
}

fn template_data<'w>(world: &'w World, source: &Source) -> Option<&'w TemplateData> {
    let (id, number) = source.template.as_ref()?;
    let template = templates::find(world, Some(id), None).ok()?;
    Some(&template.versions.get(number)?.data)
}

/// The devices of a new instance beside its root volume.
pub fn of_launch(world: &World, source: &Source) -> Vec<Device> {
    let image = world.images.get(&source.image);
    let mut devices = image.map(|i| i.devices.clone()).unwrap_or_default();
    for mapping in template_data(world, source).into_iter().flat_map(mappings) {
        let Some(name) = text(mapping, "DeviceName").filter(|n| *n != ROOT_DEVICE) else {
            continue;
        };
        let old = devices.iter().position(|d| d.name == name);
        let old = old.map(|at| devices.remove(at));
        let kind = match (text(mapping, "VirtualName"), mapping.get("Ebs")) {
            _ if mapping.get("NoDevice").is_some() => continue,
            (Some(store), _) => DeviceKind::InstanceStore(store.to_owned()),
            (None, ebs) => {
                let pinned = ebs.and_then(|e| text(e, "SnapshotId")).map(str::to_owned);
                let of_image = match old.map(|d| d.kind) {
                    Some(DeviceKind::Volume(_, snapshot)) => snapshot,
                    Some(DeviceKind::InstanceStore(_)) | None => None,
                };
                DeviceKind::Volume(gib(ebs), pinned.or(of_image))
            }
        };
        devices.push(Device {
            name: name.to_owned(),
            kind,
        });
    }
    devices
}

/// The contents of a root volume whose snapshot the launch template pins: those of the image with that snapshot.
pub fn pinned_root(world: &World, source: &Source) -> Option<Guest> {
    let mut all = template_data(world, source).into_iter().flat_map(mappings);
    let root = all.find(|m| text(m, "DeviceName") == Some(ROOT_DEVICE))?;
    let snapshot = text(root.get("Ebs")?, "SnapshotId")?;
    let mut images = world.images.values();
    let image = images.find(|i| i.snapshots.first().is_some_and(|s| s == snapshot))?;
    Some(image.guest.clone())
}
