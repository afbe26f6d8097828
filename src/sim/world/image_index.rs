//! Images by what else they are known by, so that nothing walks through all images of an account.

use std::collections::{BTreeMap, BTreeSet};

use super::images::Image;

/// Ids of images, in order, by another property.
type By = BTreeMap<String, BTreeSet<String>>;

/// Kept by [`super::World::put_image`] and by whatever removes an image.
#[derive(Clone, Debug, Default)]
pub(super) struct ImageIndex {
    name: By,
    snapshot: By,
    source_instance: By,
}

impl ImageIndex {
    /// An image is there.
    pub(super) fn add(&mut self, image: &Image) {
        self.each(image, |by, key| {
            by.entry(key.to_owned())
                .or_default()
                .insert(image.id.clone());
        });
    }

    /// An image is there no more.
    pub(super) fn remove(&mut self, image: &Image) {
        self.each(image, |by, key| {
            if let Some(ids) = by.get_mut(key) {
                ids.remove(&image.id);
                if ids.is_empty() {
                    by.remove(key);
                }
            }
        });
    }

    fn each(&mut self, image: &Image, mut act: impl FnMut(&mut By, &str)) {
        act(&mut self.name, &image.name);
        for snapshot in image.snapshots() {
            act(&mut self.snapshot, snapshot);
        }
        if let Some(instance) = &image.source_instance {
            act(&mut self.source_instance, instance);
        }
    }

    /// The images of this name: several, if others own some of them.
    pub(super) fn named(&self, name: &str) -> impl Iterator<Item = &String> {
        self.name.get(name).into_iter().flatten()
    }

    /// The images with this snapshot.
    pub(super) fn with_snapshot(&self, snapshot: &str) -> impl Iterator<Item = &String> {
        self.snapshot.get(snapshot).into_iter().flatten()
    }

    /// The images that CreateImage made of this instance.
    pub(super) fn made_of(&self, instance: &str) -> impl Iterator<Item = &String> {
        self.source_instance.get(instance).into_iter().flatten()
    }
}
