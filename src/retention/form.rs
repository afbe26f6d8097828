//! The form of what runs make. Tags can be set by many; so what carries our tag must also have what nobody can change
//! afterwards: the name of an image, the way it was made, the description of a snapshot and of a version.

use super::found::{ImageFound, SnapshotFound, VersionFound};
use crate::group::names::{
    BAKE_TAG, FAILED_TAG, RUN_TAG, SOURCE_TAG, image_name, version_description,
};
use crate::ids::{ImageId, RunId};

/// Begins the description that AWS gives to a snapshot of CreateImage.
const BY_CREATE_IMAGE: &str = "Created by CreateImage(i-";

/// The part of the name of a run's image that says what it was made for: the name of a template or group.
pub(super) fn label(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("asg-patch/")?;
    let (label, run) = rest.split_once('/')?;
    let is_whole = !label.is_empty() && !run.is_empty() && !run.contains('/');
    is_whole.then_some(label)
}

/// Whether an image of the account that carries our tag is one that a run has made.
///
/// # Errors
/// The expectation, and what was found.
pub(super) fn check_image(image: &ImageFound) -> Result<(), String> {
    check_name(&image.name, |key| image.tags.get(key))?;
    if image.source_instance.is_none() {
        return Err("expected an image that CreateImage made of an instance, found none".into());
    }
    let tagged = image.tags.get(SOURCE_TAG);
    match &image.source_image {
        Some(source) if tagged.map(String::as_str) != Some(source.as_str()) => Err(format!(
            "expected its tag {SOURCE_TAG} to be {source}, found {}",
            tagged.map_or("none", String::as_str)
        )),
        Some(_) | None => Ok(()),
    }
}

/// Whether a snapshot that carries our tag is one that was made with an image of a run; answers that image.
///
/// # Errors
/// The expectation, and what was found.
pub(super) fn check_snapshot(snapshot: &SnapshotFound) -> Result<ImageId, String> {
    let tags = &snapshot.tags;
    // One of an image that failed has another name, which says so.
    if !tags.contains_key(FAILED_TAG) {
        let name = tags.get("Name").map_or("", String::as_str);
        check_name(name, |key| tags.get(key))?;
    }
    image_of(&snapshot.description).ok_or_else(|| {
        format!(
            "expected a snapshot that CreateImage made, found the description '{}'",
            snapshot.description
        )
    })
}

/// `Created by CreateImage(i-...) for ami-...`
fn image_of(description: &str) -> Option<ImageId> {
    let (_, rest) = description
        .strip_prefix(BY_CREATE_IMAGE)?
        .split_once(") for ")?;
    let id = rest.split_whitespace().next()?;
    id.starts_with("ami-").then(|| id.into())
}

fn check_name<'a>(name: &str, tag: impl Fn(&str) -> Option<&'a String>) -> Result<(), String> {
    let of = |key: &str| tag(key).cloned().unwrap_or_default();
    let (run, bake) = (RunId::from(of(RUN_TAG)), of(BAKE_TAG));
    let expected = label(name).map(|label| image_name(label, &run, &bake.as_str().into()));
    if expected.as_deref() == Some(name) && !run.is_empty() && !bake.is_empty() {
        return Ok(());
    }
    Err(format!(
        "expected the name asg-patch/LABEL/{run}-{bake}, after its tags, found '{name}'"
    ))
}

/// Whether a version is the one that the run of an image made to name it.
pub(super) fn is_version_of(version: &VersionFound, image: &ImageFound) -> bool {
    let tag = |key: &str| image.tags.get(key).map_or("", String::as_str);
    let expected = version_description(&tag(RUN_TAG).into(), &tag(BAKE_TAG).into());
    version.description.as_deref() == Some(expected.as_str())
}
