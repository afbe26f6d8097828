//! A run as text that a person can read and a test can compare: report, changing calls, what is left.

mod account;
mod calls;

use std::fmt::Write;

use asg_patch::report::{GroupReport, RunReport};
use asg_patch::sim::world::World;
use chrono::{DateTime, Utc};

use self::account::afterwards;
pub(crate) use self::account::leftovers;
pub(crate) use self::calls::call_line;
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
    let console = group.console.iter().flat_map(|c| c.lines());
    if let Some(last) = console.last() {
        let _ = writeln!(text, "  console ends: {last}");
    }
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
        let _ = writeln!(text, "  altered seconds: {}", group.altered_seconds);
        let _ = writeln!(text, "  instance seconds: {}", group.instance_seconds);
    }
    text
}

fn template_name(world: &World, id: &str) -> String {
    let template = world.templates.get(id);
    template.map_or(id.to_owned(), |t| t.name.clone())
}
