//! Invariants of every run, whatever the fleet: checked on the call log, the progress and the world.

use std::collections::{BTreeMap, BTreeSet};

use asg_patch::group::{Code, Outcome, Phase, Record};
use asg_patch::ids::GroupName;
use asg_patch::report::GroupReport;
use asg_patch::request::OptInTag;
use asg_patch::sim::calls::{CallRecord, Ending};
use asg_patch::sim::world::World;
use asg_patch::sim::world::groups::{Group, LaunchSource};
use asg_patch::sim::world::rivals::Action;
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{Ran, text};

/// Checks all of them; the message names each breach.
pub(crate) fn check(name: &str, ran: &Ran) {
    let breaches = breaches(ran);
    assert!(breaches.is_empty(), "{name}:\n{}", breaches.join("\n"));
}

/// All breaches.
pub(crate) fn breaches(ran: &Ran) -> Vec<String> {
    let log = Log::of(ran);
    let mut breaches = Vec::new();
    breaches.extend(record_before_change(&log));
    breaches.extend(only_opted_in(&log));
    breaches.extend(new_image_after_canary(&log));
    breaches.extend(only_ours_is_resumed(&log));
    breaches.extend(restored(&log));
    breaches
}

/// Whether a group was given back with the new version: what becomes of that then is its owner's affair.
pub(crate) fn was_proved(group: &GroupReport) -> bool {
    let mut phases = group.phases.iter().map(|p| p.phase);
    phases.any(|p| p == Phase::Promoting) && !phases.any(|p| p == Phase::RollingBack)
}

/// A run's log with what is needed to read it.
struct Log<'a> {
    ran: &'a Ran,
    changes: Vec<CallRecord>,
    /// The world when the run began, and now.
    before: World,
    after: World,
    /// Which group an instance is, or was, a member of.
    groups_of: BTreeMap<String, String>,
}

impl<'a> Log<'a> {
    fn of(ran: &'a Ran) -> Self {
        let changes = ran.changes();
        let after = ran.account.with_world(|w| w.clone());
        let mut groups_of = BTreeMap::new();
        for instance in after.instances.values() {
            if let Some(membership) = &instance.membership {
                groups_of.insert(instance.id.clone(), membership.group.clone());
            }
        }
        for call in changes
            .iter()
            .filter(|c| c.name.ends_with("SetInstanceProtection"))
        {
            for id in list(&call.params, "InstanceIds") {
                groups_of.insert(id, string(&call.params, "AutoScalingGroupName"));
            }
        }
        Self {
            ran,
            changes,
            before: ran.before.clone(),
            after,
            groups_of,
        }
    }

    /// The changing calls that took effect.
    fn effects(&self) -> impl Iterator<Item = &CallRecord> {
        self.changes
            .iter()
            .filter(|c| matches!(c.ending, Ending::Ok | Ending::ReplyLost))
    }

    fn report(&self, group: &str) -> Option<&GroupReport> {
        self.ran.report.groups.iter().find(|g| g.group == group)
    }

    fn entered(&self, group: &str, phase: Phase) -> Option<DateTime<Utc>> {
        let phases = &self.report(group)?.phases;
        phases
            .iter()
            .find(|p| p.phase == phase)
            .map(|p| p.entered_at)
    }

    /// The groups that a call changes itself, or whose instances it changes.
    fn touched(&self, call: &CallRecord) -> BTreeSet<String> {
        let mut groups = BTreeSet::new();
        if let Some(Value::String(name)) = call.params.get("AutoScalingGroupName") {
            groups.insert(name.clone());
        }
        for key in ["InstanceId", "InstanceIds", "ResourceId"] {
            for id in list(&call.params, key) {
                groups.extend(self.groups_of.get(&id).cloned());
            }
        }
        groups
    }

    /// The record that a call stores.
    fn stored(call: &CallRecord) -> Option<Record> {
        (call.name == "ssm:PutParameter")
            .then(|| Record::from_text(call.params.get("Value")?.as_str()?).ok())
            .flatten()
    }

    fn records(&self) -> BTreeMap<GroupName, Record> {
        let stored = self.effects().filter_map(Self::stored);
        stored.map(|r| (r.group.clone(), r)).collect()
    }

    /// The actions of others on a group.
    fn rival_actions(&self, group: &str) -> Vec<&Action> {
        let done = self.after.rivals.done.iter().map(|d| &d.action);
        done.filter(|a| a.group() == Some(group)).collect()
    }

    fn at(&self, call: &CallRecord) -> String {
        format!(
            "{} {} {}",
            text::since(self.ran.start, call.at),
            call.name,
            call.params
        )
    }
}

fn string(value: &Value, key: &str) -> String {
    value
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// One or several values as a list.
fn list(value: &Value, key: &str) -> Vec<String> {
    match value.get(key) {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(many)) => many
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}

/// Invariant 1: no call that changes a group precedes its stored record, and none follows its deletion.
fn record_before_change(log: &Log<'_>) -> Vec<String> {
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
fn only_opted_in(log: &Log<'_>) -> Vec<String> {
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

/// Invariant 7: until the canary has passed, nothing but the canary is launched from the new image, and
/// `$Latest` and `$Default` do not mean it; at the end versions are named in the group's own style.
fn new_image_after_canary(log: &Log<'_>) -> Vec<String> {
    let mut breaches = Vec::new();
    let records = log.records();
    for record in records.values() {
        breaches.extend(held_before_version(log, record));
        breaches.extend(style_at_the_end(log, record));
        breaches.extend(only_canaries_before(log, record));
    }
    for call in log
        .effects()
        .filter(|c| c.name == "ec2:ModifyLaunchTemplate")
    {
        let template = string(&call.params, "LaunchTemplateId");
        let version: u64 = ["SetDefaultVersion", "DefaultVersion"]
            .iter()
            .find_map(|k| call.params.get(k)?.as_str()?.parse().ok())
            .unwrap_or_default();
        let proved = records.values().any(|r| {
            r.templates.contains_key(template.as_str())
                && log
                    .entered(&r.group, Phase::Promoting)
                    .is_some_and(|at| at <= call.at)
        });
        let back = records.values().any(|r| {
            r.templates
                .get(template.as_str())
                .is_some_and(|m| m.default == version)
        });
        if !proved && !back {
            breaches.push(format!(
                "7: default moved before a canary passed: {}",
                log.at(call)
            ));
        }
    }
    breaches
}

/// A `$Latest` group names a number when a version of its template is made.
fn held_before_version(log: &Log<'_>, record: &Record) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut named: Vec<(String, String)> = Vec::new(); // what the group names now, template and version
    let mut open = false;
    for call in log.effects() {
        if Log::stored(call).is_some_and(|r| r.group == record.group) {
            open = true;
            let pins = record.pins.iter();
            named = pins
                .map(|p| (String::from(&p.template), p.version.clone()))
                .collect();
        }
        let own = string(&call.params, "AutoScalingGroupName") == record.group;
        if own && call.name == "autoscaling:UpdateAutoScalingGroup" {
            let specs = specifications(&call.params);
            if !specs.is_empty() {
                named = specs;
            }
        }
        let template = string(&call.params, "LaunchTemplateId");
        let follows = named.iter().any(|(t, v)| *t == template && v == "$Latest");
        if open && call.name == "ec2:CreateLaunchTemplateVersion" && follows {
            breaches.push(format!(
                "7: {} follows $Latest at {}",
                record.group,
                log.at(call)
            ));
        }
        if call.name == "ssm:DeleteParameter" {
            let own = asg_patch::group::names::record_parameter(&record.group);
            open &= string(&call.params, "Name") != own;
        }
    }
    breaches
}

/// All launch template specifications in an update.
fn specifications(params: &Value) -> Vec<(String, String)> {
    let one = |s: &Value| (string(s, "LaunchTemplateId"), string(s, "Version"));
    let mut found: Vec<(String, String)> =
        params.get("LaunchTemplate").map(one).into_iter().collect();
    if let Some(policy) = params.pointer("/MixedInstancesPolicy/LaunchTemplate") {
        found.extend(policy.get("LaunchTemplateSpecification").map(one));
        let overrides = policy.get("Overrides").and_then(Value::as_array);
        let specs = overrides.into_iter().flatten();
        found.extend(specs.filter_map(|o| o.get("LaunchTemplateSpecification").map(one)));
    }
    found
}

fn style_at_the_end(log: &Log<'_>, record: &Record) -> Vec<String> {
    let Some(group) = log.after.groups.get(record.group.as_str()) else {
        return Vec::new();
    };
    let pointed = |a: &&Action| matches!(a, Action::PointAtVersion(..));
    if log.rival_actions(&record.group).iter().any(pointed) {
        return Vec::new();
    }
    let now: Vec<Option<String>> = match &group.launch {
        LaunchSource::Template(spec) => vec![spec.version.clone()],
        LaunchSource::Mixed(policy) => {
            let overrides = policy.overrides.iter().filter_map(|o| o.template.as_ref());
            std::iter::once(&policy.base)
                .chain(overrides)
                .map(|s| s.version.clone())
                .collect()
        }
        LaunchSource::Configuration(_) => Vec::new(),
    };
    let wrong = record.pins.iter().zip(&now).find(|(pin, now)| {
        pin.version.starts_with('$') && now.as_deref() != Some(pin.version.as_str())
    });
    wrong
        .map(|(pin, now)| format!("7: {} named {pin}, names {now:?} now", record.group))
        .into_iter()
        .collect()
}

fn only_canaries_before(log: &Log<'_>, record: &Record) -> Vec<String> {
    let run = &log.ran.report.run_id;
    let patched = log.report(&record.group).map(|g| g.outcome) == Some(Outcome::Patched);
    let proved_at = log
        .entered(&record.group, Phase::Promoting)
        .filter(|_| patched);
    let baked = |image: &str| !image.is_empty() && !log.before.images.contains_key(image);
    // While the canary comes up the group names the new version: instances that others make it launch then
    // are launched from that, too.
    let scaled = |a: &&Action| matches!(a, Action::SetCapacity(..));
    if log.rival_actions(&record.group).iter().any(scaled) {
        return Vec::new();
    }
    let members = log.after.instances.values().filter(|i| {
        let group = i.membership.as_ref().map(|m| m.group.as_str());
        group == Some(record.group.as_str())
            || log.groups_of.get(&i.id).is_some_and(|g| record.group == *g)
    });
    members
        .filter(|i| baked(&i.image) && proved_at.is_none_or(|at| i.launched_at < at))
        .filter(|i| i.tags.get("asg-patch:run").is_none_or(|r| *run != *r))
        .filter(|i| !i.state.is_ending())
        .map(|i| format!("7: {} runs {} from an unproved image", record.group, i.id))
        .collect()
}

/// Invariant 8: only what we suspended is resumed, never an empty list; all of it is.
fn only_ours_is_resumed(log: &Log<'_>) -> Vec<String> {
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

/// Invariants 2 and 9 of a run that was not killed: in time, and nothing of ours is left.
fn restored(log: &Log<'_>) -> Vec<String> {
    let report = &log.ran.report;
    // A group that was patched and then deleted, or deployed to by others, leaves its version to them.
    let passed_on = |g: &GroupReport| was_proved(g) && !log.rival_actions(&g.group).is_empty();
    let passed_on = report.groups.iter().any(passed_on);
    let mut breaches: Vec<String> = text::leftovers(&log.after, &report.run_id)
        .into_iter()
        .filter(|left| {
            !log.before
                .ssm
                .parameters
                .by_name
                .keys()
                .any(|p| left.ends_with(p))
        })
        .filter(|left| !(passed_on && left.starts_with("version ")))
        .map(|left| format!("2: left over: {left}"))
        .collect();
    let by = log.ran.restore_by;
    if report.finished_at > by {
        breaches.push(format!("9: ended {} after {by}", report.finished_at));
    }
    for group in &report.groups {
        let Some(after) = log.after.groups.get(group.group.as_str()) else {
            continue;
        };
        let protected = after.members.keys().find(|id| {
            let instance = log.after.instances.get(*id);
            instance
                .and_then(|i| i.membership.as_ref())
                .is_some_and(|m| m.protected)
        });
        if let (Some(id), false) = (protected, after.new_instances_protected) {
            breaches.push(format!("2: {id} of {} is still protected", group.group));
        }
        let gone = [Code::Vanished, Code::DeletionBegan]
            .map(Some)
            .contains(&group.code);
        if group.outcome == Outcome::Failed && !gone {
            breaches.push(format!(
                "2: {} is not restored: {}",
                group.group, group.reason
            ));
        }
    }
    breaches
}
