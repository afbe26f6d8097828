//! Invariants of the order of calls: 1, 5 and 8.

use std::collections::{BTreeMap, BTreeSet};

use asg_patch::group::Record;
use asg_patch::ids::GroupName;
use asg_patch::request::OptInTag;
use asg_patch::sim::world::groups::Group;
use asg_patch::sim::world::rivals::Action;

use super::{Log, list, string};

/// Invariant 1: no call that changes a group precedes its stored record, and none follows its deletion.
pub(super) fn record_before_change(log: &Log<'_>) -> Vec<String> {
    let mut open: BTreeMap<GroupName, Record> = BTreeMap::new();
    let mut breaches = Vec::new();
    for call in log.effects() {
        if let Some(record) = Log::stored(call) {
            open.insert(record.group.clone(), record);
            continue;
        }
        if call.name == "ssm:DeleteParameter" {
            let name = string(&call.params, "Name");
            open.retain(|g, _| asg_patch::group::names::record_parameter(g) != name);
            continue;
        }
        for group in log.touched(call) {
            if !open.contains_key(group.as_str()) {
                breaches.push(format!("1: {group} has no record at {}", log.at(call)));
            }
        }
        let template = string(&call.params, "LaunchTemplateId");
        let ours = |r: &Record| r.templates.contains_key(template.as_str());
        if !template.is_empty() && !open.values().any(ours) {
            breaches.push(format!(
                "1: nobody with that template has a record at {}",
                log.at(call)
            ));
        }
        let of_image = call.name == "ec2:DeregisterImage";
        if of_image && open.is_empty() {
            breaches.push(format!("1: there is no record at {}", log.at(call)));
        }
    }
    breaches
}

/// Invariant 5: a group that did not opt in never receives a changing call.
pub(super) fn only_opted_in(log: &Log<'_>) -> Vec<String> {
    let tag = OptInTag::default();
    let opted_in = |g: &Group| g.tags.get(&tag.key).is_some_and(|t| t.value == tag.value);
    let out: BTreeSet<&String> = log
        .before
        .groups
        .values()
        .filter(|g| !opted_in(g))
        .map(|g| &g.name)
        .collect();
    log.changes
        .iter()
        .flat_map(|call| log.touched(call).into_iter().map(move |g| (g, call)))
        .filter(|(group, _)| out.contains(group))
        .map(|(group, call)| format!("5: {group} did not opt in: {}", log.at(call)))
        .collect()
}

/// Invariant 8: only what we suspended is resumed, never an empty list; all of it is.
pub(super) fn only_ours_is_resumed(log: &Log<'_>) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut ours: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for call in log.effects() {
        let group = string(&call.params, "AutoScalingGroupName");
        let processes = list(&call.params, "ScalingProcesses");
        match call.name.as_str() {
            "autoscaling:SuspendProcesses" => ours.entry(group).or_default().extend(processes),
            "autoscaling:ResumeProcesses" => {
                let own = ours.entry(group.clone()).or_default();
                if processes.is_empty() || processes.iter().any(|p| !own.contains(p)) {
                    breaches.push(format!("8: not ours to resume: {}", log.at(call)));
                }
            }
            _ => continue,
        }
    }
    for (name, before) in &log.before.groups {
        let Some(after) = log.after.groups.get(name) else {
            continue;
        };
        if log.report(name).is_some_and(|g| g.left_open) {
            continue;
        }
        let mut expected: BTreeSet<&str> = before.suspended.keys().map(String::as_str).collect();
        let mut found: BTreeSet<&str> = after.suspended.keys().map(String::as_str).collect();
        let ours = ours.remove(name).unwrap_or_default();
        for action in log.rival_actions(name) {
            match action {
                // Nobody can tell who suspended what both of us did.
                Action::SuspendProcess(_, process) if ours.contains(process) => {
                    expected.remove(process.as_str());
                    found.remove(process.as_str());
                }
                Action::SuspendProcess(_, process) => _ = expected.insert(process),
                Action::ResumeProcess(_, process) => _ = expected.remove(process.as_str()),
                _ => {}
            }
        }
        if expected != found && after.status.is_none() {
            breaches.push(format!(
                "8: {name}: expected {expected:?} suspended, found {found:?}"
            ));
        }
    }
    breaches
}
