//! Block devices: what an instance gets from its image and its launch template, and what an image gets from it.
//!
//! Sources: EC2 User Guide, "Block device mappings" (mappings given at launch are merged with those of the image, device
//! by device); EC2 API, CreateImage (every attached volume becomes part of the image, but for devices with `NoDevice`;
//! instance store volumes become part of its mapping).

use serde_json::Value;

use super::World;
use super::images::Image;
use super::scaling::Source;

/// The root device of every image.
pub const ROOT_DEVICE: &str = "/dev/xvda";

/// The size of a volume of which nobody says one, GiB.
const DEFAULT_GIB: u32 = 8;

/// A device of an image or of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// e.g. `/dev/sdf`.
    pub name: String,
    /// Where its contents come from.
    pub kind: DeviceKind,
}

/// The kinds of devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// An EBS volume.
    Volume(Volume),
    /// An instance store volume, e.g. `ephemeral0`.
    InstanceStore(String),
}

/// An EBS volume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// `vol-...` of an instance's volume; an image has none.
    pub id: Option<String>,
    /// Its size, GiB.
    pub gib: u32,
    /// The snapshot that it is made of; none: it is blank.
    pub snapshot: Option<String>,
}

impl Device {
    /// A device of an image with this snapshot.
    pub fn of_snapshot(name: &str, gib: u32, snapshot: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind: DeviceKind::Volume(Volume {
                id: None,
                gib,
                snapshot: Some(snapshot.to_owned()),
            }),
        }
    }

    /// Its EBS volume.
    pub fn volume(&self) -> Option<&Volume> {
        match &self.kind {
            DeviceKind::Volume(volume) => Some(volume),
            DeviceKind::InstanceStore(_) => None,
        }
    }

    /// The snapshot that its volume is made of.
    pub fn snapshot(&self) -> Option<&str> {
        self.volume()?.snapshot.as_deref()
    }
}

/// Refuses a template that asks for another snapshot on the root device than the image's.
///
/// # Errors
/// EC2's words.
pub fn check(world: &World, source: &Source) -> Result<(), String> {
    let root = world.images.get(&source.image);
    let root = root.and_then(|i| i.snapshots().next());
    let other = |m: &Value| {
        let asked = ebs_text(m, "SnapshotId");
        text(m, "DeviceName") == Some(ROOT_DEVICE) && asked.is_some() && asked != root
    };
    if source.mappings.iter().any(other) {
        return Err("snapshotId cannot be modified on root device.".into());
    }
    Ok(())
}

/// The devices of a new instance, the root device first.
pub(super) fn attached(world: &mut World, instance: &str, source: &Source) -> Vec<Device> {
    let image = world.images.get(&source.image);
    let mut devices = image.map(of_image).unwrap_or_default();
    for mapping in &source.mappings {
        map(&mut devices, mapping);
    }
    let root = format!("vol-{}", instance.trim_start_matches("i-"));
    for device in &mut devices {
        if let DeviceKind::Volume(volume) = &mut device.kind {
            let is_root = device.name == ROOT_DEVICE;
            volume.id = Some(if is_root {
                root.clone()
            } else {
                world.new_id("vol")
            });
        }
    }
    devices
}

/// The devices of an image. One that was made without any has a root device all the same.
fn of_image(image: &Image) -> Vec<Device> {
    if !image.devices.is_empty() {
        return image.devices.clone();
    }
    let root = Volume {
        gib: image.guest.volume_gib,
        ..Volume::default()
    };
    vec![Device {
        name: ROOT_DEVICE.to_owned(),
        kind: DeviceKind::Volume(root),
    }]
}

/// Merges a launch's mapping into the devices: it replaces, alters or takes away the one with its name.
fn map(devices: &mut Vec<Device>, mapping: &Value) {
    let Some(name) = text(mapping, "DeviceName") else {
        return;
    };
    if mapping.get("NoDevice").is_some() {
        devices.retain(|d| d.name != name);
        return;
    }
    let place = devices.iter().position(|d| d.name == name);
    let old = place.and_then(|n| devices.get(n)).and_then(Device::volume);
    let kind = match (text(mapping, "VirtualName"), mapping.get("Ebs")) {
        (Some(store), _) => DeviceKind::InstanceStore(store.to_owned()),
        (None, Some(_)) => DeviceKind::Volume(mapped(old, mapping)),
        (None, None) => return,
    };
    let device = Device {
        name: name.to_owned(),
        kind,
    };
    match place.and_then(|n| devices.get_mut(n)) {
        Some(old) => *old = device,
        None => devices.push(device),
    }
}

/// A volume as a mapping has it; what it does not say is as the image has it.
fn mapped(of_image: Option<&Volume>, mapping: &Value) -> Volume {
    let snapshot = ebs_text(mapping, "SnapshotId").map(str::to_owned);
    Volume {
        id: None,
        gib: ebs_gib(mapping)
            .or(of_image.map(|v| v.gib))
            .unwrap_or(DEFAULT_GIB),
        snapshot: snapshot.or_else(|| of_image?.snapshot.clone()),
    }
}

fn text<'v>(mapping: &'v Value, key: &str) -> Option<&'v str> {
    mapping.get(key)?.as_str()
}

fn ebs_text<'v>(mapping: &'v Value, key: &str) -> Option<&'v str> {
    text(mapping.get("Ebs")?, key)
}

/// VolumeSize: a number in a fleet file, text on the wire.
fn ebs_gib(mapping: &Value) -> Option<u32> {
    let size = mapping.get("Ebs")?.get("VolumeSize")?;
    match size {
        Value::String(text) => text.parse().ok(),
        number => u32::try_from(number.as_u64()?).ok(),
    }
}
