//! The volumes of an instance: the image's block devices, and the template's on top of them.
//!
//! Source: EC2 User Guide, "Block device mappings": mappings given at launch are merged with those of
//! the AMI, device by device.

use serde_json::Value;

use super::World;
use super::images::Image;
use super::scaling::Source;

/// The root device of every image.
pub const ROOT_DEVICE: &str = "/dev/xvda";

/// The size of a volume of which nobody says one, GiB.
const DEFAULT_GIB: u32 = 8;

/// A volume attached to an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// e.g. `/dev/xvda`.
    pub device: String,
    /// `vol-...`
    pub id: String,
    /// Its size.
    pub gib: u32,
    /// The snapshot that it was made of; none: it was blank.
    pub snapshot: Option<String>,
}

/// Refuses a template that asks for another snapshot on the root device than the image's.
///
/// # Errors
/// EC2's words.
pub fn check(world: &World, source: &Source) -> Result<(), String> {
    let root = world.images.get(&source.image);
    let root = root.and_then(|i| i.snapshots.first());
    let other = |m: &Value| {
        let asked = ebs_text(m, "SnapshotId");
        text(m, "DeviceName") == Some(ROOT_DEVICE) && asked.is_some() && asked != root.map(|s| &**s)
    };
    if source.mappings.iter().any(other) {
        return Err("snapshotId cannot be modified on root device.".into());
    }
    Ok(())
}

/// The volumes of a new instance, the root volume first.
pub(super) fn attached(world: &mut World, instance: &str, source: &Source) -> Vec<Volume> {
    let image = world.images.get(&source.image);
    let mut volumes: Vec<Volume> = image.map(|i| of_image(world, i)).unwrap_or_default();
    for mapping in &source.mappings {
        let Some(device) = text(mapping, "DeviceName") else {
            continue;
        };
        let place = volumes.iter().position(|v| v.device == device);
        if mapping.get("NoDevice").is_some() {
            volumes.retain(|v| v.device != device);
            continue;
        }
        if mapping.get("Ebs").is_none() {
            continue; // an instance store volume: no EBS volume
        }
        let gib = ebs_gib(mapping);
        let snapshot = ebs_text(mapping, "SnapshotId").map(str::to_owned);
        match place.and_then(|n| volumes.get_mut(n)) {
            Some(volume) => {
                volume.gib = gib.unwrap_or(volume.gib);
                volume.snapshot = snapshot.or_else(|| volume.snapshot.take());
            }
            None => volumes.push(Volume {
                device: device.to_owned(),
                id: String::new(),
                gib: gib.unwrap_or(DEFAULT_GIB),
                snapshot,
            }),
        }
    }
    for (n, volume) in volumes.iter_mut().enumerate() {
        volume.id = if n == 0 {
            format!("vol-{}", instance.trim_start_matches("i-"))
        } else {
            world.new_id("vol")
        };
    }
    volumes
}

/// The devices of an image as volumes without ids. An image without snapshots has a root device all
/// the same.
fn of_image(world: &World, image: &Image) -> Vec<Volume> {
    let volume = |device: &str, gib: u32, snapshot: Option<&String>| Volume {
        device: device.to_owned(),
        id: String::new(),
        gib,
        snapshot: snapshot.cloned(),
    };
    if image.snapshots.is_empty() {
        return vec![volume(ROOT_DEVICE, image.guest.volume_gib, None)];
    }
    let gib = |snapshot: &String| {
        let known = world.snapshots.get(snapshot);
        known.map_or(image.guest.volume_gib, |s| s.volume_gib)
    };
    let snapshots = image.snapshots.iter().zip(&image.devices);
    snapshots
        .map(|(snapshot, device)| volume(device, gib(snapshot), Some(snapshot)))
        .collect()
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
