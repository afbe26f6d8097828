//! The uses of images, versions and snapshots, by what they name.

use std::collections::{BTreeMap, BTreeSet};

use super::form::{check_image, is_version_of};
use super::found::{ConfigurationFound, Found, ImageFound, TemplateFound, UsesFound, VersionFound};
use super::policy::Policy;
use super::reason::Reason;
use crate::group::facts::GroupFacts;
use crate::group::fault::Fault;
use crate::group::names::{KEEP_TAG, RUN_TAG};
use crate::group::pin::{Pin, Templates, resolve};
use crate::group::seen::RecordSeen;
use crate::ids::{GroupName, ImageId, SnapshotId, TemplateId};

/// Begins an image that an SSM parameter holds.
pub const ALIAS: &str = "resolve:ssm:";

/// A template and the number of a version.
pub(super) type VersionOf = (TemplateId, u64);

/// Everything that was found, by what it names.
pub(super) struct Uses<'a> {
    found: &'a Found,
    policy: &'a Policy,
    /// Versions by the image that they name as it is.
    versions: BTreeMap<&'a str, Vec<VersionOf>>,
    /// The groups whose pins mean a version, and how they name it.
    pinned: BTreeMap<VersionOf, Vec<(GroupName, String)>>,
    /// The open records that name a version.
    recorded: BTreeMap<VersionOf, GroupName>,
    /// The open records that name an image by its name.
    recorded_images: BTreeMap<String, GroupName>,
    /// The uses of an image by anything but a version.
    images: BTreeMap<&'a str, Vec<Reason>>,
    /// The version or launch configuration that names a snapshot.
    snapshots: BTreeMap<&'a SnapshotId, String>,
    /// The newest images of templates.
    newest: BTreeMap<ImageId, String>,
    /// The reads that failed: each might have shown a use of anything.
    unread: Vec<Reason>,
}

impl<'a> Uses<'a> {
    pub(super) fn of(found: &'a Found, policy: &'a Policy) -> Self {
        let mut uses = Self {
            found,
            policy,
            versions: BTreeMap::new(),
            pinned: BTreeMap::new(),
            recorded: BTreeMap::new(),
            recorded_images: BTreeMap::new(),
            images: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            newest: BTreeMap::new(),
            unread: Vec::new(),
        };
        let UsesFound {
            groups,
            templates,
            configurations,
            instances,
            aliases,
            published,
            records,
        } = &found.uses;
        let templates = uses.read("launch templates", templates);
        for (id, template) in templates.into_iter().flatten() {
            uses.add_template(id, template);
        }
        if let Some(groups) = uses.read("groups", groups) {
            let marks = templates.into_iter().flatten();
            let marks: Templates = marks.map(|(id, t)| (id.clone(), t.mark)).collect();
            for group in groups.values() {
                uses.add_group(group, &marks);
            }
        }
        let configurations = uses.read("launch configurations", configurations);
        for (name, configuration) in configurations.into_iter().flatten() {
            uses.add_configuration(name, configuration);
        }
        for (image, of_it) in uses.read("instances", instances).into_iter().flatten() {
            if let Some(one) = of_it.first() {
                uses.add_use(image, Reason::Instances(of_it.len(), one.clone()));
            }
        }
        let aliases = uses.read("SSM parameters of launch templates", aliases);
        for (name, image) in aliases.into_iter().flatten() {
            uses.add_use(image, Reason::Parameter(name.clone()));
        }
        let published = uses.read("published images", published);
        for (name, image) in published.into_iter().flatten() {
            uses.add_use(image, Reason::Published(name.clone()));
        }
        if let Some(records) = uses.read("open records", records) {
            for (parameter, record) in records {
                uses.add_record(parameter, record);
            }
        }
        uses.add_newest();
        uses
    }

    fn add_use(&mut self, image: &'a str, reason: Reason) {
        self.images.entry(image).or_default().push(reason);
    }

    fn add_group(&mut self, group: &'a GroupFacts, marks: &Templates) {
        for image in &group.image_overrides {
            let how = "an override".to_owned();
            self.add_use(image, Reason::Group(group.name.clone(), how));
        }
        if let Some(problem) = &group.odd {
            let why = format!("{}: {problem}", group.name);
            self.unread.push(Reason::Unread("a group", why));
        }
        if let Some(name) = group.named_only.first() {
            let why = format!("{} names {name} without its id", group.name);
            self.unread.push(Reason::Unread("a group", why));
        }
        self.add_pins(&group.name, &group.pins, marks);
    }

    fn add_configuration(&mut self, name: &str, configuration: &'a ConfigurationFound) {
        if let Some(image) = &configuration.image {
            self.add_use(image, Reason::Configuration(name.to_owned()));
        }
        let by = || format!("launch configuration {name}");
        for snapshot in &configuration.snapshots {
            self.snapshots.entry(snapshot).or_insert_with(by);
        }
    }

    fn read<T>(&mut self, what: &'static str, read: &'a Result<T, Fault>) -> Option<&'a T> {
        match read {
            Ok(read) => Some(read),
            Err(fault) => {
                self.unread.push(Reason::unread(what, fault));
                None
            }
        }
    }

    fn add_template(&mut self, id: &TemplateId, template: &'a TemplateFound) {
        for (number, version) in &template.versions {
            if let Some(image) = &version.image {
                let named = self.versions.entry(image).or_default();
                named.push((id.clone(), *number));
            }
            for snapshot in &version.snapshots {
                let by = || version_text(template, *number);
                self.snapshots.entry(snapshot).or_insert_with(by);
            }
        }
    }

    fn add_pins(&mut self, group: &GroupName, pins: &[Pin], marks: &Templates) {
        for pin in pins {
            let Some(number) = resolve(pin, marks) else {
                continue;
            };
            let template = self.template(&pin.template);
            let name = template.map_or(pin.template.as_str(), |t| t.name.as_str());
            let how = format!("{name}:{}", pin.spelling());
            let of = self.pinned.entry((pin.template.clone(), number));
            of.or_default().push((group.clone(), how));
        }
    }

    /// A restore names again what the record names, by number or as the template's default or latest.
    fn add_record(&mut self, parameter: &str, record: &RecordSeen) {
        let record = match record {
            RecordSeen::Readable(stored) => &stored.record,
            RecordSeen::Unreadable { problem, .. } => {
                let why = format!("{parameter}: {}", problem.reason);
                self.unread.push(Reason::Unread("an open record", why));
                return;
            }
        };
        let group = &record.group;
        self.recorded_images
            .insert(record.image_name.clone(), group.clone());
        let pins = record.pins.iter();
        let pins = pins.filter_map(|p| Some((p.template.clone(), resolve(p, &record.templates)?)));
        let marks = record.templates.iter();
        let marks = marks.flat_map(|(id, m)| [m.default, m.latest].map(|n| (id.clone(), n)));
        for version in pins.chain(marks) {
            self.recorded.insert(version, group.clone());
        }
    }

    /// Of each template the newest images that its versions of runs name. One that is kept for inspection is none to roll
    /// back to.
    fn add_newest(&mut self) {
        for template in self.templates() {
            let mut newest: BTreeSet<&str> = BTreeSet::new();
            for version in template.versions.values().rev() {
                let Some(id) = version.image.as_deref() else {
                    continue;
                };
                let image = self.found.images.get(id);
                let is_ours = image.is_some_and(|i| is_of_run(i) && is_version_of(version, i));
                let is_kept_otherwise = image.is_some_and(|i| i.tags.contains_key(KEEP_TAG));
                if !is_ours || is_kept_otherwise || newest.contains(id) {
                    continue;
                }
                if newest.len() == self.policy.keep {
                    break;
                }
                newest.insert(id);
                let of = self.newest.entry(id.into());
                of.or_insert_with(|| template.name.clone());
            }
        }
    }

    fn templates(&self) -> impl Iterator<Item = &'a TemplateFound> + use<'a> {
        let templates = self.found.uses.templates.as_ref().ok();
        templates.into_iter().flat_map(BTreeMap::values)
    }

    fn template(&self, id: &TemplateId) -> Option<&'a TemplateFound> {
        self.found.uses.templates.as_ref().ok()?.get(id)
    }

    /// The versions that name an image.
    pub(super) fn versions(&self, image: &ImageId) -> &[VersionOf] {
        self.versions.get(image.as_str()).map_or(&[], Vec::as_slice)
    }

    /// Why an image stays because something names it, or may.
    pub(super) fn of_image(&self, id: &ImageId, image: &ImageFound) -> Vec<Reason> {
        let mut reasons = Vec::new();
        for version in self.versions(id) {
            reasons.extend(self.of_version(version, image));
        }
        let named = self.images.get(id.as_str());
        reasons.extend(named.into_iter().flatten().cloned());
        let record = self.recorded_images.get(&image.name);
        reasons.extend(record.map(|group| Reason::Record(group.clone())));
        for snapshot in image.volumes.iter().filter_map(|v| v.snapshot.as_ref()) {
            reasons.extend(self.of_mapping(snapshot));
        }
        reasons.extend(self.unread.iter().cloned());
        reasons
    }

    /// Why a version stays that names an image.
    fn of_version(&self, of: &VersionOf, image: &ImageFound) -> Option<Reason> {
        let (id, number) = of;
        let template = self.template(id)?;
        let version: &VersionFound = template.versions.get(number)?;
        let text = version_text(template, *number);
        if let Some((group, how)) = self.pinned.get(of).and_then(|groups| groups.first()) {
            return Some(Reason::Group(group.clone(), how.clone()));
        }
        if *number == template.mark.default {
            return Some(Reason::Default(text));
        }
        if *number >= template.mark.latest || template.versions.keys().last() == Some(number) {
            return Some(Reason::Latest(text));
        }
        if let Some(group) = self.recorded.get(of) {
            return Some(Reason::Record(group.clone()));
        }
        if !is_version_of(version, image) {
            return Some(Reason::OtherVersion(text));
        }
        let may_go = self.policy.untagged_templates || self.policy.tag.is_on(&template.tags);
        (!may_go).then_some(Reason::NotOptedIn(text))
    }

    /// Why a snapshot stays without an image.
    pub(super) fn of_snapshot(&self, id: &SnapshotId, image_name: &str) -> Vec<Reason> {
        let record = self.recorded_images.get(image_name);
        let record = record.map(|group| Reason::Record(group.clone()));
        let unread = self.unread.iter().cloned();
        let named = record.into_iter().chain(self.of_mapping(id));
        named.chain(unread).collect()
    }

    fn of_mapping(&self, id: &SnapshotId) -> Option<Reason> {
        let by = self.snapshots.get(id)?;
        Some(Reason::Snapshot(id.clone(), by.clone()))
    }

    /// Whether it is one of the newest of a template.
    pub(super) fn newest(&self, id: &ImageId) -> Option<Reason> {
        let template = self.newest.get(id)?;
        Some(Reason::Newest(self.policy.keep, template.clone()))
    }
}

/// Whether an image is one that a run has made.
pub(super) fn is_of_run(image: &ImageFound) -> bool {
    image.tags.contains_key(RUN_TAG) && check_image(image).is_ok()
}

/// `version 3 of web`
pub(super) fn version_text(template: &TemplateFound, number: u64) -> String {
    format!("version {number} of {}", template.name)
}
