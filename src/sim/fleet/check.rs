//! What a fleet file may say beyond its syntax: names that exist, numbers that fit together.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use super::file::{Patches, TemplateFile, VersionName};
use super::file_event::{ActionName, EventFile, FaultFile, FaultName};
use super::file_group::{BehaviourFile, GroupFile, HookFile, MixedFile};
use super::{Fleet, FleetError, Placed, stamp};
use crate::sim::world::behaviour::Spread;
use crate::sim::world::groups::PROCESSES;
use crate::sim::world::parameters::{Parameters, Put};
use crate::sim::world::schedule::UnixCron;

type Checked = Result<(), FleetError>;

/// A table that is being checked.
struct Table {
    line: usize,
    name: String,
}

impl Table {
    fn wrong(&self, key: impl Display, expected: impl Display, found: impl Display) -> FleetError {
        FleetError::Wrong {
            line: self.line,
            place: format!("{}, {key}", self.name),
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }

    /// An error unless it holds.
    fn must(
        &self,
        holds: bool,
        key: impl Display,
        expected: impl Display,
        found: impl Display,
    ) -> Checked {
        if holds {
            Ok(())
        } else {
            Err(self.wrong(key, expected, found))
        }
    }
}

fn table<T>(kind: &str, placed: &Placed<T>, name: &str) -> Table {
    Table {
        line: placed.line,
        name: format!("{kind} '{name}'"),
    }
}

/// Far above any account; a number beyond it would only fill the memory.
const MANY: u64 = 100_000;

/// About thirty years: times further off are not meant.
const LONGEST_SECONDS: i64 = 1_000_000_000;

/// What must be right before groups are multiplied.
pub(super) fn before_stamping(fleet: &Fleet) -> Checked {
    for group in &fleet.groups {
        let place = table("group", group, &group.value.name);
        let numbered = group.value.name.contains(stamp::NUMBER);
        match group.value.count {
            None => place.must(!numbered, "name", "a count beside {n}", "none")?,
            Some(n) => {
                place.must((1..=MANY).contains(&n), "count", "1 to 100000", n)?;
                let name = &group.value.name;
                place.must(
                    numbered,
                    "name",
                    "{n} in the name of a group with a count",
                    name,
                )?;
            }
        }
    }
    Ok(())
}

/// Checks everything.
pub(super) fn all(fleet: &Fleet) -> Checked {
    let top = Table {
        line: 1,
        name: "file".into(),
    };
    let digits = fleet.account.len() == 12 && fleet.account.bytes().all(|b| b.is_ascii_digit());
    top.must(digits, "account", "twelve digits", &fleet.account)?;
    let region = fleet.region.split('-').count() >= 3;
    top.must(
        region,
        "region",
        "a region such as eu-west-1",
        &fleet.region,
    )?;
    names(fleet)?;
    let images: BTreeSet<&str> = fleet.images.iter().map(|i| i.value.name.as_str()).collect();
    let templates: BTreeMap<&str, &TemplateFile> = fleet
        .templates
        .iter()
        .map(|t| (t.value.name.as_str(), &t.value))
        .collect();
    for image in &fleet.images {
        let place = table("image", image, &image.value.name);
        place.must(image.value.gib > 0, "gib", "at least 1", image.value.gib)?;
        let age = image.value.age_days;
        let fits = (0..=LONGEST_SECONDS / 86_400).contains(&age);
        place.must(fits, "age_days", "0 to 11574", age)?;
        patches(&place, "missing", &image.value.missing)?;
        patches(&place, "installed", &image.value.installed)?;
        id(&place, image.value.id.as_deref(), "ami-")?;
    }
    for template in &fleet.templates {
        let place = table("template", template, &template.value.name);
        check_template(&place, &template.value, &images)?;
    }
    for group in &fleet.groups {
        let place = table("group", group, &group.value.name);
        check_group(&place, &group.value, fleet)?;
        check_launch(&place, &group.value, &templates, &images)?;
    }
    running(fleet)?;
    parameters(fleet)?;
    events(fleet, &images)?;
    faults(fleet)
}

fn patches(place: &Table, key: &str, patches: &Patches) -> Checked {
    match patches {
        Patches::Count(n) => {
            let fits = u64::try_from(*n).is_ok_and(|n| n <= MANY);
            place.must(fits, key, "0 to 100000 patches", n)
        }
        Patches::Names(_) => Ok(()),
    }
}

/// All instances together.
fn running(fleet: &Fleet) -> Checked {
    let mut all = 0_u64;
    for group in &fleet.groups {
        let place = table("group", group, &group.value.name);
        let desired = group.value.desired.unwrap_or(group.value.min);
        all = all.saturating_add(desired.unsigned_abs());
        let expected = "100000 instances at most in the whole fleet";
        place.must(all <= MANY, "desired", expected, all)?;
    }
    Ok(())
}

fn names(fleet: &Fleet) -> Checked {
    distinct("image", &fleet.images, |i| &i.name)?;
    distinct("template", &fleet.templates, |t| &t.name)?;
    distinct("group", &fleet.groups, |g| &g.name)?;
    distinct("topic", &fleet.topics, |t| &t.name)?;
    distinct("parameter", &fleet.parameters, |p| &p.name)?;
    distinct("document", &fleet.documents, |d| &d.name)
}

fn distinct<T>(kind: &str, tables: &[Placed<T>], name: impl Fn(&T) -> &String) -> Checked {
    let mut seen: BTreeMap<&String, usize> = BTreeMap::new();
    for placed in tables {
        let name = name(&placed.value);
        let place = table(kind, placed, name);
        place.must(!name.is_empty(), "name", "a name", "nothing")?;
        if let Some(line) = seen.insert(name, placed.line) {
            let found = format!("the name of line {line}");
            return Err(place.wrong("name", "a name of its own", found));
        }
    }
    Ok(())
}

fn id(place: &Table, id: Option<&str>, prefix: &str) -> Checked {
    let Some(id) = id else {
        return Ok(());
    };
    let good = id
        .strip_prefix(prefix)
        .is_some_and(|hex| hex.len() == 17 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
    let expected = format!("{prefix} and 17 hexadecimal digits");
    place.must(good, "id", expected, id)
}

fn image_name(place: &Table, key: &str, name: &str, images: &BTreeSet<&str>) -> Checked {
    let known =
        images.contains(name) || name.starts_with("ami-") || name.starts_with("resolve:ssm:");
    let expected = "the name of an image of this file, an ami- id or resolve:ssm:";
    place.must(known, key, expected, format!("'{name}'"))
}

fn check_template(place: &Table, template: &TemplateFile, images: &BTreeSet<&str>) -> Checked {
    id(place, template.id.as_deref(), "lt-")?;
    let count = template.versions.len() as u64;
    place.must(count > 0, "versions", "at least one", "none")?;
    let default = template.default;
    let expected = format!("a version from 1 to {count}");
    place.must((1..=count).contains(&default), "default", expected, default)?;
    for (n, version) in template.versions.iter().enumerate() {
        if let Some(image) = &version.image {
            image_name(place, &format!("version {}, image", n + 1), image, images)?;
        }
    }
    Ok(())
}

fn check_launch(
    place: &Table,
    group: &GroupFile,
    templates: &BTreeMap<&str, &TemplateFile>,
    images: &BTreeSet<&str>,
) -> Checked {
    let sources = usize::from(group.template.is_some())
        + usize::from(group.mixed.is_some())
        + usize::from(group.launch_configuration.is_some());
    place.must(
        sources == 1,
        "template",
        "one of template, mixed and launch_configuration",
        sources,
    )?;
    match &group.template {
        Some(template) => specification(place, template, group.version.as_ref(), templates)?,
        None => place.must(group.version.is_none(), "version", "a template", "none")?,
    }
    if let Some(MixedFile {
        template,
        version,
        overrides,
        on_demand_percentage,
    }) = &group.mixed
    {
        specification(place, template, version.as_ref(), templates)?;
        let percentage = *on_demand_percentage;
        let fits = (0..=100).contains(&percentage);
        place.must(fits, "mixed, on_demand_percentage", "0 to 100", percentage)?;
        for o in overrides {
            match &o.template {
                Some(template) => specification(place, template, o.version.as_ref(), templates)?,
                None => {
                    let key = "mixed, overrides, version";
                    place.must(o.version.is_none(), key, "a template beside it", "none")?;
                }
            }
            if let Some(image) = &o.image {
                image_name(place, "mixed, overrides, image", image, images)?;
            }
        }
    }
    if let Some(configuration) = &group.launch_configuration {
        let image = &configuration.image;
        image_name(place, "launch_configuration, image", image, images)?;
    }
    Ok(())
}

fn specification(
    place: &Table,
    name: &str,
    version: Option<&VersionName>,
    templates: &BTreeMap<&str, &TemplateFile>,
) -> Checked {
    let Some(template) = templates.get(name) else {
        let expected = "the name of a template of this file";
        return Err(place.wrong("template", expected, format!("'{name}'")));
    };
    let count = template.versions.len() as u64;
    let text = version.map(VersionName::text);
    let good = match text.as_deref() {
        None | Some("$Latest" | "$Default") => true,
        Some(number) => number.parse().is_ok_and(|n| (1..=count).contains(&n)),
    };
    let expected = format!("$Latest, $Default or a version of '{name}' from 1 to {count}");
    place.must(good, "version", expected, text.unwrap_or_default())
}

fn check_group(place: &Table, group: &GroupFile, fleet: &Fleet) -> Checked {
    let (min, max) = (group.min, group.max);
    place.must(min >= 0, "min", "0 or more", min)?;
    place.must(max >= min, "max", format!("min ({min}) or more"), max)?;
    let fits = max.unsigned_abs() <= MANY;
    place.must(fits, "max", "100000 at most", max)?;
    let desired = group.desired.unwrap_or(min);
    let expected = format!("{min} to {max}");
    place.must((min..=max).contains(&desired), "desired", expected, desired)?;
    let tags = group.tags.len() + group.propagated_tags.len();
    place.must(tags <= 50, "tags", "at most 50", tags)?;
    for (key, value) in group.tags.iter().chain(&group.propagated_tags) {
        let fits = (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256;
        let expected = "a key of 1 to 128 and a value of at most 256 characters";
        place.must(fits, "tags", expected, key)?;
    }
    for zone in &group.zones {
        let inside = zone
            .strip_prefix(&fleet.region)
            .is_some_and(|z| z.len() == 1);
        let expected = format!("zones such as {}a", fleet.region);
        place.must(inside, "zones", expected, zone)?;
    }
    for process in &group.suspended {
        process_name(place, "suspended", process)?;
    }
    let known = |t: &str| ["EC2", "EBS", "ELB", "VPC_LATTICE"].contains(&t.trim());
    let checks = &group.health_check;
    let expected = "EC2, EBS, ELB, VPC_LATTICE with commas between";
    place.must(
        checks.split(',').all(known),
        "health_check",
        expected,
        checks,
    )?;
    if let Some(pool) = &group.warm_pool {
        let good = ["Stopped", "Running"].contains(&pool.state.as_str());
        place.must(good, "warm_pool, state", "Stopped or Running", &pool.state)?;
    }
    if let Some(alarm) = &group.alarm {
        let every = alarm.every_seconds;
        let fits = (1..=LONGEST_SECONDS).contains(&every);
        place.must(fits, "alarm, every_seconds", "1 to 1e9", every)?;
    }
    actions(place, group)?;
    hooks(place, &group.hooks)?;
    behaviour(place, "behaviour", &group.behaviour)?;
    group
        .canary
        .as_ref()
        .map_or(Ok(()), |c| behaviour(place, "canary", c))
}

fn process_name(place: &Table, key: &str, process: &str) -> Checked {
    let known = PROCESSES.contains(&process);
    place.must(known, key, format!("one of {PROCESSES:?}"), process)
}

fn actions(place: &Table, group: &GroupFile) -> Checked {
    let mut seen = BTreeSet::new();
    for action in &group.scheduled_actions {
        let key = |k: &str| format!("scheduled action '{}', {k}", action.name);
        let first = seen.insert(&action.name);
        place.must(first, key("name"), "a name of its own", "a second one")?;
        let sizes = [action.min, action.desired, action.max];
        let given: Vec<i64> = sizes.into_iter().flatten().collect();
        place.must(!given.is_empty(), key("min"), "min, max or desired", "none")?;
        let fits = |n: &i64| *n >= 0 && n.unsigned_abs() <= MANY;
        let rising = given.is_sorted() && given.iter().all(fits);
        let expected = "0 <= min <= desired <= max <= 100000";
        place.must(rising, key("min"), expected, format!("{given:?}"))?;
        let zone = action.time_zone.as_deref().unwrap_or("UTC");
        if let Some(cron) = &action.recurrence {
            UnixCron::parse(cron, zone).map_err(|why| {
                let expected = "five cron fields and an IANA time zone";
                place.wrong(key("recurrence"), expected, format!("'{cron}': {why}"))
            })?;
        }
        let timed = action.recurrence.is_some() || action.start.is_some();
        place.must(timed, key("recurrence"), "recurrence or start", "neither")?;
    }
    Ok(())
}

fn hooks(place: &Table, hooks: &[HookFile]) -> Checked {
    let mut seen = BTreeSet::new();
    for hook in hooks {
        let key = |k: &str| format!("hook '{}', {k}", hook.name);
        let first = seen.insert(&hook.name);
        place.must(first, key("name"), "a name of its own", "a second one")?;
        let seconds = hook.heartbeat_seconds;
        let fits = (30..=7200).contains(&seconds);
        place.must(fits, key("heartbeat_seconds"), "30 to 7200", seconds)?;
    }
    Ok(())
}

fn behaviour(place: &Table, table: &str, behaviour: &BehaviourFile) -> Checked {
    let BehaviourFile {
        boot,
        agent,
        checks,
        terminate,
        scan,
        install,
        reboot,
        command,
        image_per_gib,
        image_base,
        failure: _,
    } = behaviour;
    for (key, spread) in [
        ("boot", boot),
        ("agent", agent),
        ("checks", checks),
        ("terminate", terminate),
        ("scan", scan),
        ("install", install),
        ("reboot", reboot),
        ("command", command),
        ("image_per_gib", image_per_gib),
        ("image_base", image_base),
    ] {
        let Some(Spread { seconds, spread }) = spread else {
            continue;
        };
        let key = format!("{table}, {key}");
        let fits = (0.0..=1e9).contains(seconds);
        place.must(fits, &key, "seconds from 0 to 1e9", seconds)?;
        place.must((0.0..=1.0).contains(spread), &key, "spread 0 to 1", spread)?;
    }
    Ok(())
}

fn parameters(fleet: &Fleet) -> Checked {
    let mut scratch = Parameters::default();
    for parameter in &fleet.parameters {
        let place = table("parameter", parameter, &parameter.value.name);
        let put = Put {
            name: parameter.value.name.clone(),
            value: parameter.value.value.clone(),
            kind: Some(parameter.value.kind.clone()),
            ..Put::default()
        };
        scratch
            .put(put, fleet.start)
            .map_err(|e| place.wrong("name", "what Parameter Store takes", e.message))?;
    }
    Ok(())
}

fn operation(place: &Table, key: &str, name: &str) -> Checked {
    let good = name.split_once(':').is_some_and(|(service, operation)| {
        ["autoscaling", "ec2", "ssm", "sns"].contains(&service)
            && operation.starts_with(|c: char| c.is_ascii_uppercase())
    });
    place.must(good, key, "an operation such as ssm:SendCommand", name)
}

fn events(fleet: &Fleet, images: &BTreeSet<&str>) -> Checked {
    let groups: BTreeSet<&str> = fleet.groups.iter().map(|g| g.value.name.as_str()).collect();
    for event in &fleet.events {
        let place = Table {
            line: event.line,
            name: "event".into(),
        };
        check_event(&place, &event.value, &groups, images)?;
    }
    Ok(())
}

fn check_event(
    place: &Table,
    event: &EventFile,
    groups: &BTreeSet<&str>,
    images: &BTreeSet<&str>,
) -> Checked {
    let triggers = usize::from(event.at_seconds.is_some()) + usize::from(event.on_call.is_some());
    place.must(
        triggers == 1,
        "on_call",
        "one of at_seconds and on_call",
        triggers,
    )?;
    if let Some(name) = &event.on_call {
        operation(place, "on_call", name)?;
    }
    place.must(event.nth >= 1, "nth", "1 or more", event.nth)?;
    let every = event.every_seconds.unwrap_or(1);
    let fits = (1..=LONGEST_SECONDS).contains(&every);
    place.must(fits, "every_seconds", "1 to 1e9", every)?;
    let at = event.at_seconds.unwrap_or_default();
    let fits = (0..=LONGEST_SECONDS).contains(&at);
    place.must(fits, "at_seconds", "0 to 1e9", at)?;
    let by_prefix = [ActionName::DeleteParameters, ActionName::DeregisterImages];
    if !by_prefix.contains(&event.action) {
        let group = event.group.as_deref().unwrap_or_default();
        let found = format!("'{group}'");
        place.must(
            groups.contains(group),
            "group",
            "a group of this file",
            found,
        )?;
    }
    let needs = |key: &str, there: bool| place.must(there, key, "it, for this action", "nothing");
    match event.action {
        ActionName::DeleteGroup
        | ActionName::TerminateInstances
        | ActionName::EndFailure
        | ActionName::StartInstanceRefresh => Ok(()),
        ActionName::PutTag => {
            needs("key", event.key.is_some())?;
            needs("value", event.value.is_some())
        }
        ActionName::RemoveTag => needs("key", event.key.is_some()),
        ActionName::SetCapacity => {
            let sizes = [event.min, event.desired, event.max];
            for n in sizes.into_iter().flatten() {
                place.must(n.unsigned_abs() <= MANY, "max", "100000 at most", n)?;
            }
            needs("min", event.min.or(event.max).or(event.desired).is_some())
        }
        ActionName::NewTemplateVersion => {
            let image = event.image.as_deref().unwrap_or_default();
            image_name(place, "image", image, images)
        }
        ActionName::PointAtVersion => needs("version", event.version.is_some()),
        ActionName::SetDefaultVersion => {
            let number = matches!(event.version, Some(VersionName::Number(_)));
            place.must(number, "version", "a number", "none")
        }
        ActionName::SuspendProcess | ActionName::ResumeProcess => {
            let process = event.process.as_deref().unwrap_or_default();
            process_name(place, "process", process)
        }
        ActionName::DeleteParameters | ActionName::DeregisterImages => {
            needs("prefix", event.prefix.is_some())
        }
    }
}

fn faults(fleet: &Fleet) -> Checked {
    for fault in &fleet.faults {
        let place = Table {
            line: fault.line,
            name: "fault".into(),
        };
        check_fault(&place, &fault.value)?;
    }
    Ok(())
}

fn check_fault(place: &Table, fault: &FaultFile) -> Checked {
    if let Some(name) = &fault.operation {
        operation(place, "operation", name)?;
    }
    let p = fault.probability;
    place.must((0.0..=1.0).contains(&p), "probability", "0 to 1", p)?;
    if matches!(fault.fault, FaultName::Error | FaultName::EffectThenError) {
        place.must(fault.code.is_some(), "code", "an error code", "none")?;
    }
    let status = fault.status.unwrap_or(400);
    place.must(
        (400..=599).contains(&status),
        "status",
        "400 to 599",
        status,
    )?;
    if fault.fault == FaultName::Slow {
        let seconds = fault.seconds.unwrap_or(-1.0);
        let fits = (0.0..=86_400.0).contains(&seconds);
        place.must(fits, "seconds", "0 to 86400", seconds)?;
    }
    Ok(())
}
