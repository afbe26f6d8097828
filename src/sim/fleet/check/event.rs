//! Checks of the events and faults of a fleet file.

use std::collections::BTreeSet;

use super::super::Fleet;
use super::super::file::VersionName;
use super::super::file_event::{ActionName, EventFile, FaultFile, FaultName};
use super::group::process_name;
use super::place::{Checked, LONGEST_SECONDS, MANY, Table, image_name, operation};

pub(super) fn events(fleet: &Fleet, images: &BTreeSet<&str>) -> Checked {
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

pub(super) fn faults(fleet: &Fleet) -> Checked {
    for fault in &fleet.faults {
        let place = Table {
            line: fault.line,
            name: "fault".into(),
        };
        check_fault(&place, &fault.value)?;
    }
    Ok(())
}

fn check_event(
    place: &Table,
    event: &EventFile,
    groups: &BTreeSet<&str>,
    images: &BTreeSet<&str>,
) -> Checked {
    trigger(place, event)?;
    let by_prefix = [
        ActionName::DeleteParameters,
        ActionName::DeregisterImages,
        ActionName::ShareSnapshots,
    ];
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
    action(place, event, images)
}

/// Checks when it happens.
fn trigger(place: &Table, event: &EventFile) -> Checked {
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
    place.must(fits, "at_seconds", "0 to 1e9", at)
}

/// Checks that it has what its action needs.
fn action(place: &Table, event: &EventFile, images: &BTreeSet<&str>) -> Checked {
    let needs = |key: &str, there: bool| place.must(there, key, "it, for this action", "nothing");
    match event.action {
        ActionName::DeleteGroup
        | ActionName::TerminateInstances
        | ActionName::ExitStandby
        | ActionName::EndFailure
        | ActionName::StartInstanceRefresh => Ok(()),
        ActionName::PutTag => {
            needs("key", event.key.is_some())?;
            needs("value", event.value.is_some())
        }
        ActionName::RemoveTag => needs("key", event.key.is_some()),
        ActionName::SetCapacity => {
            let change = [event.min, event.desired, event.max];
            for n in change.into_iter().flatten() {
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
        ActionName::DeleteParameters
        | ActionName::DeregisterImages
        | ActionName::ShareSnapshots => needs("prefix", event.prefix.is_some()),
    }
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
