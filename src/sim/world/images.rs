//! Images and snapshots.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::behaviour::Failure;
use super::events::WorldEvent;
use super::guest::Guest;
use super::instance::InstanceState;
use super::volumes::{Device, DeviceKind, ROOT_DEVICE};
use super::{World, commands, is_well_formed};
use crate::sim::beliefs::{Flip, ImageNames};
use crate::sim::wire::ApiError;

/// A snapshot is complete this long before its image is available.
const SNAPSHOT_BEFORE_IMAGE: TimeDelta = TimeDelta::seconds(5);

/// An Amazon Machine Image.
#[derive(Clone, Debug)]
pub struct Image {
    /// `ami-...`
    pub id: String,
    /// Unique among the account's images.
    pub name: String,
    /// Description.
    pub description: Option<String>,
    /// Whether this account owns it.
    pub own: bool,
    /// Its state.
    pub state: ImageState,
    /// StateReason: code and message.
    pub state_reason: Option<(String, String)>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// Reads do not know it before this.
    pub visible_at: DateTime<Utc>,
    /// When it is or was done.
    pub done_at: DateTime<Utc>,
    /// The instance it was made of, if CreateImage made it.
    pub source_instance: Option<String>,
    /// The image that instance was launched from.
    pub source_image: Option<String>,
    /// Its devices, the root device first.
    pub devices: Vec<Device>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// The contents of instances launched from it.
    pub guest: Guest,
    /// `Linux` or `Windows`.
    pub platform: String,
    /// From when on it is deprecated.
    pub deprecated_from: Option<DateTime<Utc>>,
    /// Accounts that may launch from it.
    pub shared_with: BTreeSet<String>,
    /// Whether all may, although this account owns it.
    pub public: bool,
}

impl Image {
    /// Its snapshots, that of the root volume first.
    pub fn snapshots(&self) -> impl Iterator<Item = &str> {
        self.devices.iter().filter_map(Device::snapshot)
    }

    /// Whether one of its volumes is made of a snapshot.
    pub fn has_snapshot(&self, id: &str) -> bool {
        self.snapshots().any(|snapshot| snapshot == id)
    }

    /// An available image of this account, as if made long ago.
    pub fn new(id: &str, name: &str, guest: Guest) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            description: None,
            own: true,
            state: ImageState::Available,
            state_reason: None,
            created_at: DateTime::<Utc>::UNIX_EPOCH,
            visible_at: DateTime::<Utc>::UNIX_EPOCH,
            done_at: DateTime::<Utc>::UNIX_EPOCH,
            source_instance: None,
            source_image: None,
            devices: Vec::new(),
            tags: BTreeMap::new(),
            guest,
            platform: "Linux".into(),
            deprecated_from: None,
            shared_with: BTreeSet::new(),
            public: false,
        }
    }

    /// Whether CreateImage made it during the simulation.
    pub fn is_baked(&self) -> bool {
        self.source_instance.is_some()
    }
}

/// States of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageState {
    /// Not usable yet.
    Pending,
    /// Usable.
    Available,
    /// Never usable.
    Failed,
}

impl ImageState {
    /// AWS's spelling.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Available => "available",
            Self::Failed => "failed",
        }
    }
}

/// An EBS snapshot.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// `snap-...`
    pub id: String,
    /// Description.
    pub description: String,
    /// The volume it was taken of.
    pub volume: String,
    /// GiB.
    pub volume_gib: u32,
    /// Its state.
    pub state: SnapshotState,
    /// When it was started.
    pub started_at: DateTime<Utc>,
    /// When it is or was complete.
    pub done_at: DateTime<Utc>,
    /// Reads do not know it before this.
    pub visible_at: DateTime<Utc>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

impl Snapshot {
    /// Percent done.
    pub fn progress(&self, now: DateTime<Utc>) -> i64 {
        if self.state == SnapshotState::Completed {
            return 100;
        }
        let whole = (self.done_at - self.started_at).num_milliseconds().max(1);
        let part = (now - self.started_at).num_milliseconds();
        (part * 100 / whole).clamp(0, 99)
    }
}

/// States of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotState {
    /// Being uploaded.
    Pending,
    /// Complete.
    Completed,
    /// Broken.
    Error,
}

impl SnapshotState {
    /// AWS's spelling.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Completed => "completed",
            Self::Error => "error",
        }
    }
}

/// A CreateImage request.
#[derive(Clone, Debug, Default)]
pub struct NewImage {
    /// The instance.
    pub instance: String,
    /// The image's name.
    pub name: String,
    /// Its description.
    pub description: Option<String>,
    /// Without it, the guest reboots.
    pub no_reboot: bool,
    /// Devices that do not become part of it (`NoDevice`).
    pub without: Vec<String>,
    /// Tags of the image.
    pub image_tags: BTreeMap<String, String>,
    /// Tags of its snapshots.
    pub snapshot_tags: BTreeMap<String, String>,
}

/// Starts an image with a snapshot of every attached volume that is not left out; returns the
/// image's id.
pub fn create(world: &mut World, new: NewImage) -> Result<String, ApiError> {
    check_name(world, &new.name)?;
    let Some(instance) = world.visible_instance(&new.instance) else {
        return Err(super::instance::not_found(&new.instance));
    };
    if !matches!(
        instance.state,
        InstanceState::Running | InstanceState::Stopped
    ) {
        let text = format!(
            "Instance is not in state 'running' or 'stopped': {}",
            new.instance
        );
        return Err(ApiError::new("IncorrectState", text));
    }
    let (mut guest, behaviour) = (instance.guest.clone(), instance.behaviour.clone());
    guest.first_boot_cut_off |= instance.boot.first.is_under_way();
    let root_alone = world.beliefs.denies(Flip::ImageOfEveryVolume);
    let kept = |d: &&Device| {
        let is_left_out = new.without.contains(&d.name);
        !is_left_out && (!root_alone || d.name == ROOT_DEVICE)
    };
    let mut devices: Vec<Device> = instance.devices.iter().filter(kept).cloned().collect();
    if devices.first().is_none_or(|d| d.name != ROOT_DEVICE) {
        let text = "The root device cannot be left out of the image.";
        return Err(ApiError::new("InvalidBlockDeviceMapping", text));
    }
    let source_image = instance.image.clone();
    let running = instance.state == InstanceState::Running;
    let platform = world
        .images
        .get(&source_image)
        .map_or("Linux".to_owned(), |i| i.platform.clone());
    let per_gib = world.draw(behaviour.image_per_gib);
    let gib: u32 = devices
        .iter()
        .filter_map(Device::volume)
        .map(|v| v.gib)
        .sum();
    let gib = i32::try_from(gib.max(1)).unwrap_or(i32::MAX);
    let took = world.draw(behaviour.image_base) + per_gib * gib;
    let id = world.new_id("ami");
    let (now, visible_at) = (world.now, world.visible_from());
    let done_at = now + took;
    if running && !new.no_reboot {
        commands::reboot_guest(world, &new.instance);
    }
    let description = format!("Created by CreateImage({}) for {id}", new.instance);
    for device in &mut devices {
        let DeviceKind::Volume(volume) = &mut device.kind else {
            continue;
        };
        let snapshot = Snapshot {
            id: world.new_id("snap"),
            description: description.clone(),
            volume: volume.id.take().unwrap_or_default(),
            volume_gib: volume.gib,
            state: SnapshotState::Pending,
            started_at: now,
            // A snapshot is complete a little before its image is available.
            done_at: done_at - SNAPSHOT_BEFORE_IMAGE,
            visible_at,
            tags: new.snapshot_tags.clone(),
        };
        volume.snapshot = Some(snapshot.id.clone());
        let done = WorldEvent::SnapshotDone(snapshot.id.clone());
        world.schedule(snapshot.done_at, done);
        world.snapshots.insert(snapshot.id.clone(), snapshot);
    }
    world.put_image(Image {
        description: new.description,
        state: ImageState::Pending,
        created_at: now,
        visible_at,
        done_at,
        source_instance: Some(new.instance),
        source_image: Some(source_image),
        devices,
        tags: new.image_tags,
        platform,
        ..Image::new(&id, &new.name, guest)
    });
    world.schedule(done_at, WorldEvent::ImageDone(id.clone()));
    Ok(id)
}

fn check_name(world: &World, name: &str) -> Result<(), ApiError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "()[] ./-'@_".contains(c);
    if !(3..=128).contains(&name.chars().count()) || !name.chars().all(legal) {
        return Err(ApiError::new(
            "InvalidAMIName.Malformed",
            "AMI names must be between 3 and 128 characters long, and may contain letters, \
             numbers, '(', ')', '.', '-', '/' and '_'",
        ));
    }
    if world.beliefs.denies(Flip::ImageWithoutToken) {
        return Ok(());
    }
    let retired = world.retired_names.get(name);
    let retired = retired.filter(|(_, free_at)| *free_at > world.now);
    let holder = world.image_names.get(name);
    match holder.or(retired.map(|(id, _)| id)) {
        None => Ok(()),
        Some(holder) => Err(ApiError::new(
            "InvalidAMIName.Duplicate",
            format!("AMI name {name} is already in use by AMI {holder}"),
        )),
    }
}

/// A snapshot's time is up.
pub(super) fn snapshot_done(world: &mut World, id: &str) {
    if let Some(snapshot) = world.snapshots.get_mut(id)
        && snapshot.state == SnapshotState::Pending
    {
        snapshot.state = SnapshotState::Completed;
    }
}

/// A pending image's time is up.
pub(super) fn done(world: &mut World, id: &str) {
    let Some(image) = world.images.get(id) else {
        return;
    };
    let source = image
        .source_instance
        .as_ref()
        .and_then(|i| world.instances.get(i));
    if source.is_some_and(|i| i.behaviour.failure == Some(Failure::ImageFails)) {
        fail(
            world,
            id,
            "Server.InternalError",
            "Internal error during AMI creation",
        );
    } else if let Some(image) = world.images.get_mut(id)
        && image.state == ImageState::Pending
    {
        image.state = ImageState::Available;
    }
}

/// Fails the pending images of an instance that goes away.
pub(super) fn source_gone(world: &mut World, instance: &str) {
    let made: Vec<String> = world.image_index.made_of(instance).cloned().collect();
    for id in made {
        let text = "Instance was terminated or rebooted during AMI creation";
        fail(world, &id, "Client.InstanceTerminated", text);
    }
}

fn fail(world: &mut World, id: &str, code: &str, message: &str) {
    let Some(image) = world.images.get_mut(id) else {
        return;
    };
    if image.state != ImageState::Pending {
        return;
    }
    image.state = ImageState::Failed;
    image.state_reason = Some((code.to_owned(), message.to_owned()));
    for snapshot in image.devices.iter().filter_map(Device::snapshot) {
        if let Some(snapshot) = world.snapshots.get_mut(snapshot)
            && snapshot.state == SnapshotState::Pending
        {
            snapshot.state = SnapshotState::Error;
        }
    }
}

/// Registers another image with an image's snapshots, as RegisterImage and tools around it do; returns its id.
pub fn share_snapshots(world: &mut World, id: &str) -> Result<String, ApiError> {
    let image = world.images.get(id).filter(|i| i.own);
    let image = image.ok_or_else(|| not_found(&[id]))?.clone();
    let name = format!("shared-{id}");
    check_name(world, &name)?;
    let id = world.new_id("ami");
    let (created_at, visible_at) = (world.now, world.visible_from());
    world.put_image(Image {
        id: id.clone(),
        name,
        created_at,
        visible_at,
        source_instance: None,
        source_image: None,
        tags: BTreeMap::new(),
        deprecated_from: None,
        shared_with: BTreeSet::new(),
        public: false,
        ..image
    });
    Ok(id)
}

/// Deregisters an image; returns its snapshots with whether each was deleted. Those that another image has are
/// kept ("skipped - The snapshot was not deleted because it's associated with other AMIs": botocore,
/// DeleteSnapshotReturnCode).
pub fn deregister(
    world: &mut World,
    id: &str,
    delete_snapshots: bool,
) -> Result<Vec<(String, bool)>, ApiError> {
    if world.images.get(id).is_none_or(|i| !i.own) {
        return Err(not_found(&[id]));
    }
    let Some(image) = world.images.remove(id) else {
        return Err(not_found(&[id]));
    };
    world.image_names.remove(&image.name);
    world.image_index.remove(&image);
    if world.beliefs.image_names == ImageNames::Minute {
        let at = world.now + TimeDelta::minutes(1);
        let retired = (image.id.clone(), at);
        world.retired_names.insert(image.name.clone(), retired);
    }
    if !delete_snapshots {
        return Ok(Vec::new());
    }
    let is_shared = |s: &String| world.image_index.with_snapshot(s).next().is_some();
    let snapshots = image.snapshots().map(str::to_owned);
    let results: Vec<(String, bool)> = snapshots
        .map(|s| {
            let deleted = !is_shared(&s);
            (s, deleted)
        })
        .collect();
    for (snapshot, _) in results.iter().filter(|(_, deleted)| *deleted) {
        world.snapshots.remove(snapshot);
    }
    Ok(results)
}

/// Deletes a snapshot that no image needs.
pub fn delete_snapshot(world: &mut World, id: &str) -> Result<(), ApiError> {
    if !world.snapshots.contains_key(id) {
        let text = format!("The snapshot '{id}' does not exist.");
        return Err(ApiError::new("InvalidSnapshot.NotFound", text));
    }
    if let Some(image) = world.image_index.with_snapshot(id).next() {
        let text = format!("The snapshot {id} is currently in use by {image}");
        return Err(ApiError::new("InvalidSnapshot.InUse", text));
    }
    world.snapshots.remove(id);
    Ok(())
}

/// The answer to image ids that are not there, or could never be.
pub fn not_found(ids: &[&str]) -> ApiError {
    if let Some(id) = ids.iter().find(|id| !is_well_formed(id, "ami-")) {
        let text = format!("Invalid id: \"{id}\" (expecting \"ami-...\")");
        return ApiError::new("InvalidAMIID.Malformed", text);
    }
    let (noun, verb) = if ids.len() == 1 {
        ("id", "does")
    } else {
        ("ids", "do")
    };
    let text = format!("The image {noun} '[{}]' {verb} not exist", ids.join(", "));
    ApiError::new("InvalidAMIID.NotFound", text)
}

/// The image that a launch template's ImageId means: itself, or what a `resolve:ssm:` alias holds.
/// An alias that cannot be resolved is `None`.
pub fn resolve_alias(world: &World, image: &str) -> Option<String> {
    let Some(alias) = image.strip_prefix("resolve:ssm:") else {
        return Some(image.to_owned());
    };
    // By name or by ARN, whose own part of the name has lost its first slash.
    let name = match alias.split_once(":parameter/") {
        Some((_, name)) if name.contains('/') => format!("/{name}"),
        Some((_, name)) => name.to_owned(),
        None => alias.to_owned(),
    };
    let found = world.ssm.parameters.find(&name).ok()?;
    Some(found.value.clone())
}
