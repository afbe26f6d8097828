//! The names in a fleet file, and the ids that they mean.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::Fleet;
use super::file::{Platform, VersionName};
use super::file_group::GroupFile;
use crate::sim::world::groups::TemplateSpec;

/// An id that follows from a name: the same in every run, whatever the seed.
pub(super) fn id_of(prefix: &str, name: &str) -> String {
    let digest = Sha256::digest(format!("{prefix} {name}"));
    let hex: String = digest.iter().map(|b| format!("{b:02x}")).collect();
    format!("{prefix}-{}", &hex[..17])
}

/// The file's names, resolved.
pub(super) struct Names {
    /// Image names to ids.
    images: BTreeMap<String, String>,
    /// Image ids to platforms.
    platforms: BTreeMap<String, Platform>,
    /// Template names to ids.
    pub(super) templates: BTreeMap<String, String>,
    /// Template names to the image of their first version.
    first_images: BTreeMap<String, String>,
}

impl Names {
    /// A snapshot: that of the image with this name, or the id itself.
    pub(super) fn snapshot(&self, name: &str) -> String {
        match self.images.contains_key(name) {
            true => id_of("snap", name),
            false => name.to_owned(),
        }
    }

    pub(super) fn of(fleet: &Fleet) -> Self {
        let mut names = Self {
            images: BTreeMap::new(),
            platforms: BTreeMap::new(),
            templates: BTreeMap::new(),
            first_images: BTreeMap::new(),
        };
        for image in fleet.images.iter().map(|i| &i.value) {
            let id = image
                .id
                .clone()
                .unwrap_or_else(|| id_of("ami", &image.name));
            names.platforms.insert(id.clone(), image.platform);
            names.images.insert(image.name.clone(), id);
        }
        for template in fleet.templates.iter().map(|t| &t.value) {
            let id = template
                .id
                .clone()
                .unwrap_or_else(|| id_of("lt", &template.name));
            names.templates.insert(template.name.clone(), id);
            if let Some(image) = template.versions.first().and_then(|v| v.image.as_ref()) {
                let first = names.image(image);
                names.first_images.insert(template.name.clone(), first);
            }
        }
        names
    }

    /// The id that an image's name means; what is no name is taken as it is.
    pub(super) fn image(&self, name: &str) -> String {
        self.images
            .get(name)
            .cloned()
            .unwrap_or_else(|| name.to_owned())
    }

    pub(super) fn spec(&self, template: &str, version: Option<&VersionName>) -> TemplateSpec {
        TemplateSpec {
            id: self.templates.get(template).cloned().unwrap_or_default(),
            name: template.to_owned(),
            version: version.map(VersionName::text),
        }
    }

    /// The platform of what a group launches.
    pub(super) fn platform(&self, group: &GroupFile) -> Platform {
        let template = group
            .template
            .as_ref()
            .or(group.mixed.as_ref().map(|m| &m.template));
        let image = match (template, &group.launch_configuration) {
            (Some(template), _) => self.first_images.get(template).cloned(),
            (None, Some(configuration)) => Some(self.image(&configuration.image)),
            (None, None) => None,
        };
        image
            .and_then(|id| self.platforms.get(&id).copied())
            .unwrap_or_default()
    }
}
