//! Block devices: which of them an image must not hold, and what a new launch template version says of them. Pure.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// A block device mapping of a launch template version, as EC2 shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceMapping {
    /// e.g. `/dev/xvda`.
    pub device: Option<String>,
    /// An instance store volume, e.g. `ephemeral0`.
    pub virtual_name: Option<String>,
    /// Set (to an empty text) where the mapping takes away a device of the image.
    pub no_device: Option<String>,
    /// An EBS volume.
    pub ebs: Option<VolumeMapping>,
}

/// The EBS volume of a block device mapping.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeMapping {
    /// The snapshot that it is made of.
    pub snapshot: Option<String>,
    /// GiB.
    pub gib: Option<i32>,
    /// e.g. `gp3`.
    pub kind: Option<String>,
    /// Input and output operations per second.
    pub iops: Option<i32>,
    /// MiB per second.
    pub throughput: Option<i32>,
    /// Whether it is encrypted.
    pub encrypted: Option<bool>,
    /// Its key.
    pub key: Option<String>,
    /// Whether it is deleted with its instance.
    pub delete_on_termination: Option<bool>,
    /// MiB per second at which it is filled from its snapshot.
    pub initialization_rate: Option<i32>,
}

impl DeviceMapping {
    /// The snapshot that it pins.
    pub fn snapshot(&self) -> Option<&str> {
        self.ebs.as_ref()?.snapshot.as_deref()
    }
}

/// The mappings that a new version must state; none if it inherits all that it needs.
///
/// EC2 does not let a version inherit snapshots: a mapping that pins one must be stated anew, and with it all
/// others, since they are one parameter. A mapping of a device that the image has loses its snapshot: the new
/// image holds that device as the build instance had it, and the snapshot would hide what was patched, or keep the
/// instance from being launched (EC2 refuses another root snapshot than the image's). A device that the image does not
/// have is the owner's own data and keeps its snapshot.
///
/// Source: EC2 API, CreateLaunchTemplateVersion, SourceVersion.
pub fn restated(mappings: &[DeviceMapping], image: &BTreeSet<String>) -> Vec<DeviceMapping> {
    if mappings.iter().all(|m| m.snapshot().is_none()) {
        return Vec::new();
    }
    let restate = |mapping: &DeviceMapping| {
        let mut mapping = mapping.clone();
        let is_of_image = mapping.device.as_ref().is_some_and(|d| image.contains(d));
        if let (true, Some(ebs)) = (is_of_image, &mut mapping.ebs) {
            ebs.snapshot = None;
        }
        mapping
    };
    mappings.iter().map(restate).collect()
}

/// The devices that an instance has, instance store volumes among them, and its image does not have: an image made of
/// it would hold them, so that the next instances got the build instance's data or scratch volumes.
///
/// The volumes are those of the instance, not those that the template maps: whatever is attached becomes part of the
/// image. Source: EC2 API, CreateImage.
pub fn beyond_image<'a>(
    instance: impl IntoIterator<Item = &'a String>,
    stores: impl IntoIterator<Item = &'a String>,
    image: &BTreeSet<String>,
) -> Vec<String> {
    let all: BTreeSet<&String> = instance.into_iter().chain(stores).collect();
    all.into_iter()
        .filter(|d| !image.contains(*d))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(device: &str, snapshot: Option<&str>) -> DeviceMapping {
        DeviceMapping {
            device: Some(device.into()),
            ebs: Some(VolumeMapping {
                snapshot: snapshot.map(str::to_owned),
                gib: Some(20),
                encrypted: Some(true),
                ..VolumeMapping::default()
            }),
            ..DeviceMapping::default()
        }
    }

    #[test]
    fn a_snapshot_that_hides_the_image_is_dropped_and_the_owners_data_stay() {
        let image = ["/dev/xvda".to_owned()].into();
        let old = [
            volume("/dev/xvda", Some("snap-root")),
            volume("/dev/sdf", Some("snap-data")),
            volume("/dev/sdg", None),
        ];
        let new = restated(&old, &image);
        assert_eq!(new[0], volume("/dev/xvda", None));
        assert_eq!(new[1..], old[1..]);
        assert_eq!(restated(&old[2..], &image), []);
    }

    #[test]
    fn an_image_keeps_the_devices_of_its_source_only() {
        let names = |names: &[&str]| -> BTreeSet<String> {
            names.iter().map(|n| (*n).to_owned()).collect()
        };
        let image = names(&["/dev/xvda", "/dev/sdb"]);
        let instance = names(&["/dev/xvda", "/dev/sdb", "/dev/sdz"]);
        let stores = names(&["/dev/sdb", "/dev/sdc"]);
        let beyond = beyond_image(&instance, &stores, &image);
        assert_eq!(beyond, ["/dev/sdc", "/dev/sdz"]);
    }
}
