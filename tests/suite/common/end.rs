//! Invariants at the end of every story, however it went: every group as its owner and its own
//! schedule want it, and nothing of ours left behind. Checked against an independent reading: the same
//! world with no run in it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use asg_patch::ids::GroupName;
use asg_patch::sim::beliefs::ScheduledDelay;
use asg_patch::sim::world::World;
use asg_patch::sim::world::groups::{Group, LaunchSource, TemplateSpec};
use asg_patch::sim::world::instance::Instance;
use asg_patch::sim::{Account, Frozen};

use super::scenario_text;
use crate::common::text;

/// Instances end and scheduled actions fire within this time.
const SETTLING: Duration = Duration::from_secs(15 * 60);

/// Instances that a call registered with a target group and that no call deregistered: when they are terminated,
/// their connections are cut. For stories in which no call fails for good: a restore does not hang on this.
pub(crate) fn never_deregistered(account: &Account) -> Vec<String> {
    account.with_world(|w| {
        let all = w.registrations.iter();
        let all = all.flat_map(|(arn, targets)| targets.iter().map(move |t| (arn, t)));
        all.filter(|(_, (_, registration))| !registration.is_deregistered())
            .map(|(arn, (id, _))| format!("{id} was never deregistered from {arn}"))
            .collect()
    })
}

/// Groups that have a record.
pub(crate) fn open_groups(account: &Account) -> Vec<GroupName> {
    account.with_world(|w| {
        let names = w.ssm.parameters.by_name.keys();
        names
            .filter_map(|n| asg_patch::group::names::group_of_parameter(n))
            .collect()
    })
}

/// Whether nobody but us changes anything in a scenario, so that the world without us is the measure.
pub(crate) fn is_closed_world(scenario: &str) -> bool {
    let text = scenario_text(scenario);
    !text.contains("[[events]]") && !text.contains("[[parameters]]") && !text.contains("#! ctrl-c")
}

/// The longest delay of a scheduled action, and a little more.
const LATE: Duration = Duration::from_secs(130);

/// The differences from the required state. Lets everything come to rest first.
pub(crate) async fn problems(account: &Account, untouched: &Frozen) -> Vec<String> {
    problems_of(account, untouched, true).await
}

/// As [`problems`]; where others changed things too (`closed` is false) only what was left over counts.
pub(crate) async fn problems_of(
    account: &Account,
    untouched: &Frozen,
    closed: bool,
) -> Vec<String> {
    account.clock().wait(SETTLING).await;
    let mut problems = differences(account, untouched, closed);
    // Scheduled actions may run up to two minutes late, and not equally late in the two worlds.
    let may_be_late =
        account.with_world(|w| w.beliefs.scheduled_delay != ScheduledDelay::default());
    if may_be_late && !problems.is_empty() {
        account.clock().wait(LATE).await;
        problems = differences(account, untouched, closed);
    }
    problems
}

fn differences(account: &Account, untouched: &Frozen, closed: bool) -> Vec<String> {
    let now = account.now();
    let control = untouched.thaw();
    let names: Vec<String> = control.with_world(|w| w.groups.keys().cloned().collect());
    control.with_world(|w| w.advance_to(now));
    let control = control.with_world(|w| w.clone());
    account.with_world(|world| {
        let mut problems = Vec::new();
        for (name, wanted) in &control.groups {
            match world.groups.get(name) {
                Some(found) if closed => compare(world, found, &control, wanted, &mut problems),
                Some(found) => alone(world, found, wanted, &mut problems),
                None if !closed => {}
                None => problems.push(format!("group {name} is gone")),
            }
        }
        let runs: BTreeSet<String> = runs(world);
        for run in &runs {
            let left = text::leftovers(world, run);
            // A later run, or the end of the group, leaves a version without users behind.
            let ended = names.iter().any(|g| !world.groups.contains_key(g));
            let superseded = |l: &String| (runs.len() > 1 || ended) && l.starts_with("version ");
            problems.extend(
                left.into_iter()
                    .filter(|l| !superseded(l))
                    .map(|l| format!("left over: {l}")),
            );
        }
        problems
    })
}

/// All runs that left a trace; one name at least, so that records are looked for.
fn runs(world: &World) -> BTreeSet<String> {
    let tag = |tags: &BTreeMap<String, String>| tags.get("asg-patch:run").cloned();
    let images = world.images.values().filter_map(|i| tag(&i.tags));
    let instances = world.instances.values().filter_map(|i| tag(&i.tags));
    let snapshots = world.snapshots.values().filter_map(|s| tag(&s.tags));
    let named = [super::RUN_ID.to_owned()].into_iter();
    named
        .chain(images)
        .chain(instances)
        .chain(snapshots)
        .collect()
}

/// Invariants of a group even where others changed it.
fn alone(world: &World, found: &Group, wanted: &Group, problems: &mut Vec<String>) {
    let ours = |p: &&String| *p != "AZRebalance" && !wanted.suspended.contains_key(*p);
    let suspended: Vec<&String> = found.suspended.keys().filter(ours).collect();
    if !suspended.is_empty() && found.status.is_none() {
        problems.push(format!("{}: {suspended:?} stay suspended", found.name));
    }
    for image in images(world, found).into_iter().flatten() {
        let usable = world
            .images
            .get(&image)
            .is_some_and(|i| i.state.name() == "available");
        if !usable {
            problems.push(format!(
                "{}: launches from {image}, which is not usable",
                found.name
            ));
        }
    }
}

fn compare(
    world: &World,
    found: &Group,
    control: &World,
    wanted: &Group,
    problems: &mut Vec<String>,
) {
    let name = &found.name;
    let mut expect = |what: &str, wanted: String, found: String| {
        if wanted != found {
            problems.push(format!("{name}: {what}: expected {wanted}, found {found}"));
        }
    };
    let capacity = |g: &Group| format!("{}-{}-{}", g.min, g.max, g.desired);
    expect("capacity", capacity(wanted), capacity(found));
    let suspended = |g: &Group| format!("{:?}", g.suspended.keys().collect::<Vec<_>>());
    expect("suspended", suspended(wanted), suspended(found));
    let living = |w: &World, g: &Group| {
        let members = g.members.keys().filter_map(|id| w.instances.get(id));
        let stays = |i: &&Instance| {
            let lifecycle = i.membership.as_ref().map(|m| m.lifecycle.as_str());
            !i.state.is_ending() && !lifecycle.is_some_and(|l| l.starts_with("Terminating"))
        };
        members.filter(stays).count().to_string()
    };
    expect("instances", living(control, wanted), living(world, found));
    let protected = |w: &World, g: &Group| {
        let members = g.members.keys().filter_map(|id| w.instances.get(id));
        let shielded = members.filter(|i| i.membership.as_ref().is_some_and(|m| m.protected));
        shielded.count().to_string()
    };
    expect(
        "protected instances",
        protected(control, wanted),
        protected(world, found),
    );
    let (old, new) = (images(control, wanted), images(world, found));
    if old == new {
        let named = |g: &Group| -> Vec<Option<String>> {
            specs(g).iter().map(|s| s.version.clone()).collect()
        };
        expect(
            "versions",
            format!("{:?}", named(wanted)),
            format!("{:?}", named(found)),
        );
        return;
    }
    // It was patched: then wholly, in its pins' own style, by an image of ours that is there.
    let styles = |g: &Group| -> Vec<bool> {
        specs(g)
            .iter()
            .map(|s| s.version.as_deref().is_some_and(|v| v.starts_with('$')))
            .collect()
    };
    expect(
        "pin styles",
        format!("{:?}", styles(wanted)),
        format!("{:?}", styles(found)),
    );
    let usable = new.iter().all(|image| {
        image
            .as_ref()
            .and_then(|i| world.images.get(i))
            .is_some_and(|i| i.state.name() == "available" && i.tags.contains_key("asg-patch:run"))
    });
    let distinct: BTreeSet<_> = new.iter().collect();
    if !usable || distinct.len() > 1 {
        problems.push(format!(
            "{name}: launches from {new:?}, before from {old:?}"
        ));
    }
}

/// Whether both groups launch from one of the same templates.
pub(crate) fn share_template(world: &World, group: &str, other: &str) -> bool {
    let templates = |name: &str| {
        let group = world.groups.get(name);
        let specs = group.map(specs).unwrap_or_default().into_iter();
        specs.map(|s| s.id.clone()).collect::<Vec<_>>()
    };
    let others = templates(other);
    templates(group).iter().any(|t| others.contains(t))
}

fn specs(group: &Group) -> Vec<&TemplateSpec> {
    match &group.launch {
        LaunchSource::Template(spec) => vec![spec],
        LaunchSource::Mixed(policy) => {
            let overrides = policy.overrides.iter().filter_map(|o| o.template.as_ref());
            std::iter::once(&policy.base).chain(overrides).collect()
        }
        LaunchSource::Configuration(_) => Vec::new(),
    }
}

/// The image that each of the group's specifications means.
pub(crate) fn images(world: &World, group: &Group) -> Vec<Option<String>> {
    specs(group)
        .into_iter()
        .map(|spec| {
            let template = world.templates.get(&spec.id)?;
            let number = template.resolve(spec.version.as_deref())?;
            template
                .versions
                .get(&number)?
                .data
                .image()
                .map(str::to_owned)
        })
        .collect()
}
