//! The account after a run as text, and what is left over in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use asg_patch::group::automation::TAG_PREFIX;
use asg_patch::group::names::{FAILED_TAG, KEEP_TAG, RECORD_PREFIX, RUN_TAG};
use asg_patch::sim::world::World;
use asg_patch::sim::world::groups::{Group, LaunchSource, TemplateSpec};
use asg_patch::sim::world::images::Image;

use super::template_name;

/// The account's contents when the run is over.
pub(super) fn afterwards(world: &World, run: &str) -> String {
    let mut text = String::new();
    for group in world.groups.values() {
        text.push_str(&group_state(world, group));
    }
    for template in world.templates.values() {
        let versions: Vec<String> = template
            .versions
            .iter()
            .map(|(number, version)| {
                let image = version.data.image().unwrap_or("no image");
                match &version.description {
                    Some(d) if d.starts_with("asg-patch ") => format!("{number} {image} ({d})"),
                    _ => format!("{number} {image}"),
                }
            })
            .collect();
        let _ = writeln!(
            text,
            "template {}: default {}; {}",
            template.name,
            template.default,
            versions.join("; ")
        );
    }
    let ours = |image: &&Image| image.tags.get(RUN_TAG).is_some_and(|r| r == run);
    for image in world.images.values().filter(ours) {
        let tagged = image.snapshots().filter(|s| {
            let snapshot = world.snapshots.get(*s);
            snapshot.is_some_and(|s| s.tags.get(RUN_TAG).is_some_and(|r| r == run))
        });
        let _ = writeln!(
            text,
            "image {} {} {}, {} snapshot(s), sealed: {}",
            image.id,
            image.name,
            image.state.name(),
            tagged.count(),
            image.guest.sealed
        );
    }
    let left = leftovers(world, run);
    let _ = writeln!(
        text,
        "left over: {}",
        if left.is_empty() {
            "nothing".into()
        } else {
            left.join(", ")
        }
    );
    text
}

fn group_state(world: &World, group: &Group) -> String {
    let mut text = format!(
        "group {}: capacity {}-{}-{}",
        group.name, group.min, group.max, group.desired
    );
    let spec = |s: &TemplateSpec| {
        let name = template_name(world, &s.id);
        let version = s.version.as_deref().unwrap_or("-");
        format!("{name}:{version}")
    };
    let source = match &group.launch {
        LaunchSource::Template(s) => spec(s),
        LaunchSource::Mixed(policy) => {
            let overrides = policy.overrides.iter().filter_map(|o| o.template.as_ref());
            let all: Vec<String> = std::iter::once(&policy.base)
                .chain(overrides)
                .map(spec)
                .collect();
            all.join(" + ")
        }
        LaunchSource::Configuration(c) => format!("launch configuration {}", c.name),
    };
    let _ = write!(text, ", {source}");
    let members: Vec<String> = group
        .members
        .keys()
        .filter_map(|id| world.instances.get(id))
        .map(|i| {
            let image = world.images.get(&i.image).map_or(&i.image, |m| &m.name);
            let protected = i.membership.as_ref().is_some_and(|m| m.protected);
            let lifecycle = i.membership.as_ref().map_or("-", |m| m.lifecycle.as_str());
            let shield = if protected { " protected" } else { "" };
            format!("{} {lifecycle}{shield} from {image}", i.id)
        })
        .collect();
    if members.is_empty() {
        text.push_str(", asleep");
    } else {
        let _ = write!(text, ", [{}]", members.join("; "));
    }
    if !group.suspended.is_empty() {
        let suspended: Vec<&str> = group.suspended.keys().map(String::as_str).collect();
        let _ = write!(text, ", suspended: {}", suspended.join(" "));
    }
    text.push('\n');
    text
}

/// Useless leftovers of a run: images that no version names, versions that no group
/// means, records, instances that live on with our tag, snapshots without an image.
pub(crate) fn leftovers(world: &World, run: &str) -> Vec<String> {
    let mut left = Vec::new();
    for name in world.ssm.parameters.by_name.keys() {
        if name.starts_with(RECORD_PREFIX) {
            left.push(format!("parameter {name}"));
        }
    }
    let mut started = BTreeSet::new();
    for automation in world.ssm.automations.values() {
        let mut marks = automation.tags.keys();
        let Some(mark) = marks.find(|k| k.starts_with(TAG_PREFIX)) else {
            continue;
        };
        let name = format!("execution {} of {}", automation.id, automation.document);
        if automation.ended_at.is_none() {
            left.push(name.clone());
        }
        if !started.insert(mark) {
            left.push(format!("{name}, a second one"));
        }
    }
    let ours = |tags: &BTreeMap<String, String>| tags.get(RUN_TAG).is_some_and(|r| r == run);
    for instance in world.instances.values() {
        if ours(&instance.tags) && !instance.state.is_ending() {
            left.push(format!("instance {}", instance.id));
        }
    }
    let named = |image: &str| {
        let versions = world.templates.values().flat_map(|t| t.versions.values());
        versions.into_iter().any(|v| v.data.image() == Some(image))
    };
    for image in world.images.values() {
        // Kept because it was asked for, and marked as what it is.
        let is_kept = image.tags.contains_key(KEEP_TAG) && image.tags.contains_key(FAILED_TAG);
        if ours(&image.tags) && !named(&image.id) && !is_kept {
            left.push(format!("image {}", image.id));
        }
    }
    for snapshot in world.snapshots.values() {
        let kept = world.images.values().any(|i| i.has_snapshot(&snapshot.id));
        if ours(&snapshot.tags) && !kept {
            left.push(format!("snapshot {}", snapshot.id));
        }
    }
    for template in world.templates.values() {
        for (number, version) in &template.versions {
            let description = version.description.as_deref().unwrap_or_default();
            let by_us = description.starts_with(&format!("asg-patch {run} "));
            if by_us && !is_used(world, &template.id, *number) {
                left.push(format!("version {}:{number}", template.name));
            }
        }
    }
    left
}

fn is_used(world: &World, template: &str, number: u64) -> bool {
    let means = |spec: &TemplateSpec| {
        spec.id == template
            && world
                .templates
                .get(template)
                .and_then(|t| t.resolve(spec.version.as_deref()))
                == Some(number)
    };
    world.groups.values().any(|group| match &group.launch {
        LaunchSource::Template(spec) => means(spec),
        LaunchSource::Mixed(policy) => {
            let overrides = policy.overrides.iter().filter_map(|o| o.template.as_ref());
            std::iter::once(&policy.base).chain(overrides).any(means)
        }
        LaunchSource::Configuration(_) => false,
    })
}
