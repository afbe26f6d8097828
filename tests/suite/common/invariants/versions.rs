//! The invariant of images and versions: 7.

use asg_patch::group::{Outcome, Phase, Record};
use asg_patch::sim::world::groups::LaunchSource;
use asg_patch::sim::world::rivals::Action;
use serde_json::Value;

use super::{Log, string};

/// Invariant 7: until the canary has passed, nothing but the canary is launched from the new image, and
/// `$Latest` and `$Default` do not mean it; at the end versions are named in the group's own style.
pub(super) fn new_image_after_canary(log: &Log<'_>) -> Vec<String> {
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
    // AWS lets nobody change a group that is being deleted.
    if group.status.is_some() {
        return Vec::new();
    }
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
