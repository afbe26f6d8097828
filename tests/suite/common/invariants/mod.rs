//! Invariants of every run, whatever the fleet: checked on the call log, the progress and the world.

mod calls;
mod versions;

use std::collections::{BTreeMap, BTreeSet};

use asg_patch::group::{Code, Outcome, Phase, Record};
use asg_patch::ids::GroupName;
use asg_patch::report::GroupReport;
use asg_patch::sim::calls::{CallRecord, Ending};
use asg_patch::sim::world::World;
use asg_patch::sim::world::rivals::Action;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use self::calls::{only_opted_in, only_ours_is_resumed, record_before_change};
use self::versions::new_image_after_canary;
use super::{Ran, end, text};

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
        for call in changes.iter().filter(|c| c.name.ends_with("EnterStandby")) {
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
            .map(|p| p.entered_at + self.offset())
    }

    /// The account's clock less the program's: reports go by the one, calls by the other.
    fn offset(&self) -> TimeDelta {
        let account = &self.ran.account;
        account.now() - account.clock().now()
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

/// Invariants 2 and 9 of a run that was not killed: in time, and nothing of ours is left.
fn restored(log: &Log<'_>) -> Vec<String> {
    let report = &log.ran.report;
    // A group that was patched and then deleted, or deployed to by others, leaves its version to them.
    // To a template that groups share they may deploy through any of them.
    let is_deployed_to = |g: &GroupReport| {
        let mut others = log.before.groups.keys();
        others.any(|other| {
            end::share_template(&log.before, &g.group, other)
                && !log.rival_actions(other).is_empty()
        })
    };
    let passed_on = |g: &GroupReport| was_proved(g) && is_deployed_to(g);
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
