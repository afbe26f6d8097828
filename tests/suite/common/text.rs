//! A run as text that a person can read and a test can compare: report, changing calls, what is left.

use std::collections::BTreeMap;
use std::fmt::Write;

use asg_patch::group::names::{RECORD_PREFIX, RUN_TAG};
use asg_patch::report::{GroupReport, RunReport};
use asg_patch::sim::calls::{CallRecord, Ending};
use asg_patch::sim::world::World;
use asg_patch::sim::world::groups::{Group, LaunchSource, TemplateSpec};
use asg_patch::sim::world::images::Image;
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::Ran;

/// The whole of it.
pub(crate) fn golden(ran: &Ran) -> String {
    let mut text = String::from("== report ==\n");
    text.push_str(&report(&ran.report));
    text.push_str("\n== changing calls, in order ==\n");
    let changes = ran.changes();
    ran.account.with_world(|world| {
        for call in &changes {
            let _ = writeln!(
                text,
                "{} {}",
                since(ran.start, call.at),
                call_line(world, call)
            );
        }
        if changes.is_empty() {
            text.push_str("none\n");
        }
        text.push_str("\n== the account a quarter of an hour later ==\n");
        text.push_str(&afterwards(world, &ran.report.run_id));
    });
    text
}

/// `+mm:ss`.
pub(crate) fn since(start: DateTime<Utc>, at: DateTime<Utc>) -> String {
    let seconds = (at - start).num_seconds();
    format!("+{:02}:{:02}", seconds / 60, seconds % 60)
}

fn report(report: &RunReport) -> String {
    let mut text = String::new();
    for warning in &report.warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    for group in &report.groups {
        text.push_str(&group_entry(group));
    }
    let took = report.finished_at - report.started_at;
    let _ = writeln!(text, "took {} min", took.num_minutes());
    text
}

fn group_entry(group: &GroupReport) -> String {
    let mut text = format!("{}: {}", group.group, group.outcome);
    if let Some(code) = group.code {
        let _ = write!(text, " {code}");
    }
    if group.left_open {
        text.push_str(" LEFT OPEN");
    }
    let _ = writeln!(text, "\n  reason: {}", group.reason);
    let change = |before: &Option<String>, after: &Option<String>| {
        let show = |v: &Option<String>| v.clone().unwrap_or_else(|| "-".into());
        if before == after {
            format!("{} (unchanged)", show(before))
        } else {
            format!("{} -> {}", show(before), show(after))
        }
    };
    let images = change(
        &group.image_before.as_ref().map(String::from),
        &group.image_after.as_ref().map(String::from),
    );
    let versions = change(&group.version_before, &group.version_after);
    let capacity = change(
        &group.capacity_before.map(|c| c.to_string()),
        &group.capacity_after.map(|c| c.to_string()),
    );
    let _ = writeln!(
        text,
        "  image: {images}\n  version: {versions}\n  capacity: {capacity}"
    );
    let p = group.patches;
    let _ = writeln!(
        text,
        "  patches: {} installed, {} missing, {} failed, {} pending a reboot",
        p.installed, p.missing, p.failed, p.pending_reboot
    );
    for note in &group.notes {
        let _ = writeln!(text, "  note: {note}");
    }
    let phases: Vec<String> = group
        .phases
        .iter()
        .map(|p| format!("{} {}s", p.phase, p.seconds))
        .collect();
    if !phases.is_empty() {
        let _ = writeln!(text, "  phases: {}", phases.join(", "));
        let _ = writeln!(text, "  instance seconds: {}", group.instance_seconds);
    }
    text
}

/// One changing call with what matters of it.
pub(crate) fn call_line(world: &World, call: &CallRecord) -> String {
    let p = &call.params;
    let text = |key: &str| p.get(key).map(scalar).unwrap_or_default();
    let template = || template_name(world, &text("LaunchTemplateId"));
    let operation = call.name.split(':').nth(1).unwrap_or_default();
    let what = match operation {
        "PutParameter" => format!("{} Overwrite={}", text("Name"), text("Overwrite")),
        "DeleteParameter" => text("Name"),
        "SuspendProcesses" | "ResumeProcesses" => {
            format!(
                "{} {}",
                text("AutoScalingGroupName"),
                text("ScalingProcesses")
            )
        }
        "UpdateAutoScalingGroup" => update(world, p),
        "CreateTags" => format!("{} {}", text("ResourceId"), tags(p.get("Tag"))),
        "SetInstanceProtection" => format!(
            "{} {} {}",
            text("AutoScalingGroupName"),
            text("InstanceIds"),
            text("ProtectedFromScaleIn")
        ),
        "SendCommand" => format!(
            "{} {} on {} ({})",
            text("DocumentName"),
            parameters(p.get("Parameters")),
            text("InstanceIds"),
            text("Comment")
        ),
        "CreateImage" => format!(
            "{} of {} NoReboot={}",
            text("Name"),
            text("InstanceId"),
            text("NoReboot")
        ),
        "CreateLaunchTemplateVersion" => format!(
            "{} from {} with {} ({})",
            template(),
            text("SourceVersion"),
            p.pointer("/LaunchTemplateData/ImageId")
                .map(scalar)
                .unwrap_or_default(),
            text("VersionDescription")
        ),
        "ModifyLaunchTemplate" => format!(
            "{} default {}",
            template(),
            p.get("SetDefaultVersion")
                .or(p.get("DefaultVersion"))
                .map(scalar)
                .unwrap_or_default()
        ),
        "TerminateInstanceInAutoScalingGroup" => format!(
            "{} decrement={}",
            text("InstanceId"),
            text("ShouldDecrementDesiredCapacity")
        ),
        "DeleteLaunchTemplateVersions" => {
            let versions = p.get("LaunchTemplateVersion").or(p.get("Versions"));
            format!(
                "{}:{}",
                template(),
                versions.map(scalar).unwrap_or_default()
            )
        }
        "DeregisterImage" => format!(
            "{} with its snapshots={}",
            text("ImageId"),
            text("DeleteAssociatedSnapshots")
        ),
        "Publish" => format!("{} \"{}\"", text("TopicArn"), text("Subject")),
        _ => p.to_string(),
    };
    let ending = match &call.ending {
        Ending::Ok => String::new(),
        Ending::Error(code) => format!("  => {code}"),
        Ending::Lost => "  => never arrived".into(),
        Ending::ReplyLost => "  => reply lost".into(),
    };
    format!("{operation} {what}{ending}")
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(scalar).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

fn tags(list: Option<&Value>) -> String {
    let list = list.and_then(Value::as_array);
    let pairs = list.into_iter().flatten().map(|t| {
        let part = |k: &str| t.get(k).map(scalar).unwrap_or_default();
        format!("{}={}", part("Key"), part("Value"))
    });
    pairs.collect::<Vec<_>>().join(" ")
}

/// A command's parameters; a script by its length, and what never changes left out.
fn parameters(map: Option<&Value>) -> String {
    const CONSTANT: [&str; 3] = ["SnapshotId", "StepTimeoutSeconds", "executionTimeout"];
    let mut pairs: BTreeMap<&str, String> = BTreeMap::new();
    for (key, value) in map.and_then(Value::as_object).into_iter().flatten() {
        if key == "commands" {
            let lines = value.as_array().map_or(0, Vec::len);
            pairs.insert(key, format!("{lines} lines"));
        } else if !CONSTANT.contains(&key.as_str()) {
            pairs.insert(key, scalar(value));
        }
    }
    let pairs: Vec<String> = pairs.iter().map(|(k, v)| format!("{k}={v}")).collect();
    pairs.join(" ")
}

fn update(world: &World, p: &Value) -> String {
    let text = |key: &str| p.get(key).map(scalar);
    let mut parts = vec![text("AutoScalingGroupName").unwrap_or_default()];
    let capacity: Vec<String> = ["MinSize", "MaxSize", "DesiredCapacity"]
        .into_iter()
        .filter_map(text)
        .collect();
    if !capacity.is_empty() {
        parts.push(format!("capacity {}", capacity.join("-")));
    }
    let specification = |spec: &Value| {
        let part = |k: &str| spec.get(k).map(scalar).unwrap_or_default();
        format!(
            "{}:{}",
            template_name(world, &part("LaunchTemplateId")),
            part("Version")
        )
    };
    if let Some(spec) = p.get("LaunchTemplate") {
        parts.push(specification(spec));
    }
    if let Some(policy) = p.pointer("/MixedInstancesPolicy/LaunchTemplate") {
        let base = policy.get("LaunchTemplateSpecification");
        parts.extend(base.map(|s| format!("base {}", specification(s))));
        let overrides = policy.get("Overrides").and_then(Value::as_array);
        for (index, o) in overrides.into_iter().flatten().enumerate() {
            let spec = o.get("LaunchTemplateSpecification");
            parts.extend(spec.map(|s| format!("override {index} {}", specification(s))));
        }
    }
    parts.join(" ")
}

fn template_name(world: &World, id: &str) -> String {
    let template = world.templates.get(id);
    template.map_or(id.to_owned(), |t| t.name.clone())
}

/// The account's contents when the run is over.
fn afterwards(world: &World, run: &str) -> String {
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
        let tagged = image.snapshots.iter().filter(|s| {
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
        if ours(&image.tags) && !named(&image.id) {
            left.push(format!("image {}", image.id));
        }
    }
    for snapshot in world.snapshots.values() {
        let kept = world
            .images
            .values()
            .any(|i| i.snapshots.contains(&snapshot.id));
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
