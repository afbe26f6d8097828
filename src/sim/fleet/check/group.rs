//! Checks of groups: capacity, tags, scheduled actions, hooks, behaviour.

use std::collections::BTreeSet;

use super::super::Fleet;
use super::super::file_group::{BehaviourFile, GroupFile, HookFile};
use super::place::{Checked, LONGEST_SECONDS, MANY, Table};
use crate::sim::world::behaviour::Spread;
use crate::sim::world::groups::PROCESSES;
use crate::sim::world::schedule::UnixCron;

pub(super) fn check_group(place: &Table, group: &GroupFile, fleet: &Fleet) -> Checked {
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

pub(super) fn process_name(place: &Table, key: &str, process: &str) -> Checked {
    let known = PROCESSES.contains(&process);
    place.must(known, key, format!("one of {PROCESSES:?}"), process)
}

fn actions(place: &Table, group: &GroupFile) -> Checked {
    let mut seen = BTreeSet::new();
    for action in &group.scheduled_actions {
        let key = |k: &str| format!("scheduled action '{}', {k}", action.name);
        let first = seen.insert(&action.name);
        place.must(first, key("name"), "a name of its own", "a second one")?;
        let change = [action.min, action.desired, action.max];
        let given: Vec<i64> = change.into_iter().flatten().collect();
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
        first_boot,
        package_lock,
        target,
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
        ("first_boot", first_boot),
        ("package_lock", package_lock),
        ("target", target),
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
