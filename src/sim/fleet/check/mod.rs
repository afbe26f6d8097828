//! Checks of a fleet file beyond its syntax: names must exist, numbers must fit together.

mod event;
mod group;
mod place;
mod template;

use std::collections::{BTreeMap, BTreeSet};

use chrono::Datelike;

use super::file::{Patches, TemplateFile};
use super::{Fleet, Placed, stamp};
use crate::sim::world::parameters::{Parameters, Put};
use event::{events, faults};
use group::check_group;
use place::{Checked, LONGEST_SECONDS, MANY, Table, id, table};
use template::{check_launch, check_template};

/// The SDK takes a difference of 4 minutes for a wrong clock and corrects it: a run would see none.
const LARGEST_OFFSET_SECONDS: i64 = 230;

/// Years in which a fleet may begin.
const YEARS: std::ops::RangeInclusive<i32> = 2000..=2999;

/// Checks before groups are multiplied.
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
    // AWS's own times, of clients and answers, have four digits for the year.
    let years = YEARS.contains(&fleet.start.year());
    top.must(
        years,
        "start",
        "a time in a year from 2000 to 2999",
        fleet.start,
    )?;
    let digits = fleet.account.len() == 12 && fleet.account.bytes().all(|b| b.is_ascii_digit());
    top.must(digits, "account", "twelve digits", &fleet.account)?;
    let region = fleet.region.split('-').count() >= 3;
    top.must(
        region,
        "region",
        "a region such as eu-west-1",
        &fleet.region,
    )?;
    let offset = fleet.clock_offset_seconds;
    let fits = (-LARGEST_OFFSET_SECONDS..=LARGEST_OFFSET_SECONDS).contains(&offset);
    top.must(fits, "clock_offset_seconds", "-230 to 230", offset)?;
    let others = fleet.others_calls_percent;
    top.must(others <= 90, "others_calls_percent", "0 to 90", others)?;
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
        patches(&place, "installed_other", &image.value.installed_other)?;
        let passes = image.value.passes;
        place.must((1..=10).contains(&passes), "passes", "1 to 10", passes)?;
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
    runbooks(fleet)?;
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
    distinct("document", &fleet.documents, |d| &d.name)?;
    distinct("runbook", &fleet.runbooks, |r| &r.name)
}

/// The statuses of an execution (AutomationExecutionStatus).
const STATUSES: [&str; 19] = [
    "Approved",
    "Cancelled",
    "Cancelling",
    "ChangeCalendarOverrideApproved",
    "ChangeCalendarOverrideRejected",
    "CompletedWithFailure",
    "CompletedWithSuccess",
    "Exited",
    "Failed",
    "InProgress",
    "Pending",
    "PendingApproval",
    "PendingChangeCalendarOverride",
    "Rejected",
    "RunbookInProgress",
    "Scheduled",
    "Success",
    "TimedOut",
    "Waiting",
];

fn runbooks(fleet: &Fleet) -> Checked {
    for runbook in &fleet.runbooks {
        let place = table("runbook", runbook, &runbook.value.name);
        let file = &runbook.value;
        for content in [&file.content].into_iter().chain(&file.later) {
            let is_json = serde_json::from_str::<serde_json::Value>(content).is_ok();
            place.must(is_json, "content", "a runbook in JSON", content)?;
        }
        let seconds = file.seconds.unwrap_or(0);
        let fits = (0..=LONGEST_SECONDS).contains(&seconds);
        place.must(fits, "seconds", "0 to a thousand million", seconds)?;
        for (key, status) in [("meanwhile", &file.meanwhile), ("status", &file.status)] {
            let is_known = STATUSES.contains(&status.as_str());
            place.must(is_known, key, "a status of an execution", status)?;
        }
    }
    Ok(())
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
