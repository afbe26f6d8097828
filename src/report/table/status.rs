//! The table of the opted-in groups.

use chrono::{DateTime, Utc};

use super::grid::{Grid, Row, wrapped};
use super::{Style, best, fixed, flexible, joined, or_dash, restore_line};
use crate::group::Code;
use crate::report::format::place;
use crate::report::{Changed, GroupStatus, LastRun, OpenRecord, StatusReport};
use crate::text::{counted, plain_text};

/// The table of the opted-in groups as they are now. `width` is in columns.
pub fn status_table(status: &StatusReport, width: u16) -> String {
    let mut lines = Vec::new();
    if !status.groups.is_empty() {
        lines = best(width, |style| status_grid(status, style));
        lines.push(String::new());
    }
    let open = status.groups.iter().filter(|g| g.record.is_some());
    lines.push(format!(
        "{} in {} at {}, {}.",
        counted(status.groups.len(), "opted-in group"),
        place(&status.region, status.account.as_deref()),
        status.read_at.format("%Y-%m-%d %H:%M:%S UTC"),
        counted(open.count(), "open record"),
    ));
    for stray in &status.stray_records {
        let sentence = format!("{}: {}", stray.parameter, record_words(stray));
        lines.extend(wrapped("stray record ", &sentence, width));
    }
    let of_groups = status.groups.iter();
    let of_groups = of_groups.filter_map(|g| Some((g.group.as_str(), g.record.as_ref()?)));
    // A group that has opted out is restored like any other.
    let strays = status.stray_records.iter().filter(|r| r.problem.is_none());
    let strays = strays.filter_map(|r| Some((r.group.as_ref()?.as_str(), r)));
    let open: Vec<(&str, &OpenRecord)> = of_groups.chain(strays).collect();
    lines.extend(next_steps(&open, status.read_at, width));
    joined(lines)
}

/// How to have the groups back now: one line to paste for all that no run has any more, which must not end a healthy run.
fn next_steps(open: &[(&str, &OpenRecord)], now: DateTime<Utc>, width: u16) -> Vec<String> {
    let of_life = |life| {
        let groups = open
            .iter()
            .filter(|(_, record)| Life::of(record, now) == life);
        let names: Vec<&str> = groups.map(|(group, _)| *group).collect();
        (!names.is_empty()).then_some(names)
    };
    let mut lines = Vec::new();
    if let Some(alive) = of_life(Life::Alive) {
        let sentence = "its run is alive, and restores it. To have it back now, stop the run: Ctrl-C where it runs, or \
            stop the execution";
        let head = format!("{}: ", plain_text(&alive.join(", ")));
        lines.extend(wrapped("", &format!("{head}{sentence}"), width));
    }
    if let Some(unknown) = of_life(Life::Unknown) {
        let sentence = "whether its run is alive cannot be seen from here. Only if it is dead:";
        let head = format!("{}: ", plain_text(&unknown.join(", ")));
        lines.extend(wrapped("", &format!("{head}{sentence}"), width));
        lines.push(format!("{} --force", restore_line(&unknown)));
    }
    if let Some(over) = of_life(Life::Over) {
        lines.push(restore_line(&over));
    }
    lines
}

/// Whether a run has a group, as its record says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Life {
    /// It is alive.
    Alive,
    /// It cannot be seen from here.
    Unknown,
    /// It is dead, or had to be done by now.
    Over,
}

impl Life {
    fn of(record: &OpenRecord, now: DateTime<Utc>) -> Self {
        let is_past = record.deadline.is_none_or(|at| at <= now);
        match record.run_alive {
            _ if is_past => Self::Over,
            Some(true) => Self::Alive,
            Some(false) => Self::Over,
            None => Self::Unknown,
        }
    }
}

fn status_grid(status: &StatusReport, style: Style) -> Grid {
    let mut columns = vec![
        flexible("group", style.least(12)),
        fixed("capacity"),
        flexible("version", style.least(12)),
        fixed("image"),
        fixed("age"),
        fixed("last patched"),
    ];
    if style != Style::Narrow {
        columns.push(fixed("by run"));
    }
    let rows = status
        .groups
        .iter()
        .map(|g| status_row(g, style, status.read_at));
    Grid::new(&columns, rows.collect())
}

fn status_row(group: &GroupStatus, style: Style, now: DateTime<Utc>) -> Row {
    let age = match group.image_age_days {
        Some(1) => "1 day".to_owned(),
        Some(days) => format!("{days} days"),
        None => "-".to_owned(),
    };
    let at = group.patched_at.filter(|_| group.patched_by_run.is_some());
    let mut cells = vec![
        plain_text(&group.group),
        group.capacity.to_string(),
        or_dash(&group.pins.join("\n")).to_owned(),
        group
            .image
            .as_deref()
            .map_or("-".to_owned(), |i| style.id(i)),
        age,
        at.map_or("-".to_owned(), |t| t.format("%Y-%m-%d %H:%M").to_string()),
    ];
    if style != Style::Narrow {
        cells.push(group.patched_by_run.as_deref().unwrap_or("-").to_owned());
    }
    let number = |n: Option<usize>| n.unwrap_or_default();
    let (running, running_older) = (number(group.running), number(group.running_older));
    let older = (running_older > 0).then(|| {
        let oldest = group.oldest_image_days.map(|days| {
            let days = usize::try_from(days).unwrap_or_default();
            format!(", the oldest one of {}", counted(days, "day"))
        });
        format!(
            "{running_older} of {running} running {} still {} an older image{}",
            if running == 1 {
                "instance"
            } else {
                "instances"
            },
            if running_older == 1 { "runs" } else { "run" },
            oldest.unwrap_or_default()
        )
    });
    // The same image may come from another version.
    let differs = group.old_instances > running_older;
    let old = differs.then(|| {
        format!(
            "{} of {} were launched from something else than what the group names now",
            group.old_instances,
            counted(group.instances, "instance")
        )
    });
    let record = group.record.as_ref();
    let changed = record.and_then(|r| Some((r, r.changed.as_ref()?)));
    let changed = changed.map(|(record, changed)| changed_words(group, record, changed, now));
    let record = record.map(|r| format!("open record: {}", record_words(r)));
    Row {
        cells,
        below: older
            .into_iter()
            .chain(old)
            .chain(group.last_run.as_ref().map(last_run_words))
            .chain(record)
            .chain(changed)
            .collect(),
    }
}

/// `its run is dead; capacity 2-4-3 (before 2-4-2); suspended since: AZRebalance; came since: i-0123 (Standby)`
fn changed_words(
    group: &GroupStatus,
    record: &OpenRecord,
    changed: &Changed,
    now: DateTime<Utc>,
) -> String {
    /// More instances than that came by the group's own schedule.
    const SHOWN: usize = 4;
    let mut words = Vec::new();
    if let Some(before) = changed.capacity_before {
        words.push(format!("capacity {} (before {before})", group.capacity));
    }
    if !changed.pins_before.is_empty() {
        let (names, before) = (group.pins.join(", "), changed.pins_before.join(", "));
        words.push(format!("it names {names} (before {before})"));
    }
    if !changed.suspended.is_empty() {
        words.push(format!("suspended since: {}", changed.suspended.join(", ")));
    }
    let instances = changed.instances.iter().take(SHOWN);
    let mut instances: Vec<String> = instances
        .map(|(id, state)| format!("{id} ({state})"))
        .collect();
    match changed.instances.len().saturating_sub(SHOWN) {
        0 => {}
        more => instances.push(format!("{more} more")),
    }
    if !instances.is_empty() {
        words.push(format!("came since: {}", instances.join(", ")));
    }
    if words.is_empty() {
        words.push("the group is as it was".into());
    }
    let life = match Life::of(record, now) {
        Life::Alive => "its run is alive",
        Life::Unknown => "whether its run is alive cannot be seen from here",
        Life::Over if record.run_alive == Some(false) => "its run is dead",
        Life::Over => "its deadline has passed",
    };
    plain_text(&format!("{life}; {}", words.join("; ")))
}

/// `last run 2026-10-14 04:00 UTC: rolled back (AP-0311), cli-20261014T040000Z-ab12`
fn last_run_words(run: &LastRun) -> String {
    let code = run.code.map(|code| format!(" ({code})"));
    format!(
        "last run {}: {}{}, {}",
        run.started_at.format("%Y-%m-%d %H:%M UTC"),
        run.outcome.words(),
        code.unwrap_or_default(),
        plain_text(&run.run_id)
    )
}

fn record_words(record: &OpenRecord) -> String {
    let mut words = Vec::new();
    if let Some(run) = &record.run_id {
        words.push(format!("run {run}"));
    }
    if let Some(owner) = &record.owner {
        words.push(format!("by {owner}"));
    }
    if let Some(deadline) = record.deadline {
        words.push(format!("until {}", deadline.format("%Y-%m-%d %H:%M UTC")));
    }
    if let Some(raw) = &record.raw {
        words.push(format!(
            "cannot be {}: {}",
            match record.problem {
                Some(Code::NotOurs) => format!("trusted ({})", Code::NotOurs),
                Some(_) | None => format!("read ({})", Code::RecordUnreadable),
            },
            plain_text(raw)
        ));
    }
    if words.is_empty() {
        words.push(record.parameter.clone());
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::tests::at_widths;
    use super::{next_steps, status_table};
    use crate::group::{Code, Outcome};
    use crate::report::{Changed, GroupStatus, LastRun, OpenRecord, StatusReport, sample};

    fn record(group: &str, run_alive: Option<bool>, deadline: i64) -> OpenRecord {
        OpenRecord {
            parameter: format!("/asg-patch/records/{group}"),
            group: Some(group.into()),
            run_id: Some("cli-20261014T040000Z-ab12".into()),
            owner: Some("cli:host/0123abcd:77-4711".into()),
            deadline: Some(sample::at(deadline)),
            run_alive,
            changed: None,
            raw: None,
            problem: None,
        }
    }

    /// The command is pasted: it must not take a group from a run that is alive.
    #[test]
    fn the_way_to_have_groups_back_depends_on_their_runs() {
        let records = [
            ("web", record("web", Some(false), 60)),
            ("late", record("late", None, 0)),
            // A driver that is past its deadline is not asked about.
            ("busy", record("busy", Some(true), 60)),
            ("far away", record("far away", None, 60)),
            ("farther", record("farther", None, 60)),
        ];
        let open: Vec<(&str, &OpenRecord)> = records.iter().map(|(g, r)| (*g, r)).collect();
        expect![[r#"
            busy: its run is alive, and restores it. To have it back now, stop the run: Ctrl-C where it runs, or stop the execution
            far away, farther: whether its run is alive cannot be seen from here. Only if it is dead:
            to restore far away, farther now: asg-patch restore --group 'far away' --group farther --force
            to restore web, late now: asg-patch restore --group web --group late"#]]
        .assert_eq(&next_steps(&open, sample::at(0), 200).join("\n"));
    }

    #[test]
    fn the_status_as_a_table() {
        let record = OpenRecord {
            changed: Some(Changed {
                capacity_before: Some(sample::capacity(0, 3, 0)),
                pins_before: vec!["web:$Latest (2)".into()],
                suspended: vec!["AZRebalance".into(), "HealthCheck".into()],
                instances: [("i-0a1b2c3d4e5f60718".into(), "Standby".to_owned())].into(),
            }),
            ..record("stuck", Some(false), 10_800)
        };
        let stray = OpenRecord {
            parameter: "/asg-patch/records/gone".into(),
            group: None,
            run_id: None,
            owner: None,
            deadline: None,
            run_alive: None,
            changed: None,
            raw: Some("{\"version\":9}".into()),
            problem: Some(Code::RecordUnreadable),
        };
        let group = |name: &str, record| GroupStatus {
            group: name.into(),
            capacity: sample::capacity(0, 4, 0),
            pins: vec!["web:$Latest (3)".into(), "arm:7".into()],
            image: Some("ami-0a1b2c3d4e5f60718".into()),
            image_age_days: Some(12),
            patched_by_run: Some("cli-20261002T040000Z-77aa".into()),
            patched_at: Some(sample::at(-1_000_000)),
            instances: 4,
            old_instances: if name == "web" { 3 } else { 0 },
            running: Some(4),
            running_older: Some(if name == "web" { 2 } else { 0 }),
            oldest_image_days: (name == "web").then_some(45),
            last_run: (name == "stuck").then(|| LastRun {
                run_id: "cli-20261014T040000Z-ab12".into(),
                started_at: sample::at(0),
                outcome: Outcome::Failed,
                code: Some(Code::LeftOpen),
            }),
            record,
        };
        let status = StatusReport {
            region: "eu-west-1".into(),
            account: None,
            read_at: sample::at(0),
            groups: vec![group("web", None), group("stuck", Some(record))],
            stray_records: vec![stray],
        };
        let [text, narrow] = at_widths(|width| status_table(&status, width));
        expect![[r#"
            group  capacity  version          image                  age      last patched      by run
            ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
            web    0-4-0     web:$Latest (3)  ami-0a1b2c3d4e5f60718  12 days  2026-10-02 14:13  cli-20261002T040000Z-77aa
                             arm:7
              2 of 4 running instances still run an older image, the oldest one of 45 days
              3 of 4 instances were launched from something else than what the group names now
            stuck  0-4-0     web:$Latest (3)  ami-0a1b2c3d4e5f60718  12 days  2026-10-02 14:13  cli-20261002T040000Z-77aa
                             arm:7
              last run 2026-10-14 04:00 UTC: failed (AP-0601), cli-20261014T040000Z-ab12
              open record: run cli-20261014T040000Z-ab12, by cli:host/0123abcd:77-4711, until 2026-10-14 07:00 UTC
              its run is dead; capacity 0-4-0 (before 0-3-0); it names web:$Latest (3), arm:7 (before web:$Latest (2)); suspended
              since: AZRebalance, HealthCheck; came since: i-0a1b2c3d4e5f60718 (Standby)

            2 opted-in groups in eu-west-1 at 2026-10-14 04:00:00 UTC, 1 open record.
            stray record /asg-patch/records/gone: cannot be read (AP-0603): {"version":9}
            to restore stuck now: asg-patch restore --group stuck
        "#]].assert_eq(&text);
        expect![[r#"
            group  capacity  version          image          age      last patched
            ──────────────────────────────────────────────────────────────────────────
            web    0-4-0     web:$Latest (3)  ami-0a1b…0718  12 days  2026-10-02 14:13
                             arm:7
              2 of 4 running instances still run an older image, the oldest one of 45 days
              3 of 4 instances were launched from something else than what the group names
              now
            stuck  0-4-0     web:$Latest (3)  ami-0a1b…0718  12 days  2026-10-02 14:13
                             arm:7
              last run 2026-10-14 04:00 UTC: failed (AP-0601), cli-20261014T040000Z-ab12
              open record: run cli-20261014T040000Z-ab12, by cli:host/0123abcd:77-4711,
              until 2026-10-14 07:00 UTC
              its run is dead; capacity 0-4-0 (before 0-3-0); it names web:$Latest (3),
              arm:7 (before web:$Latest (2)); suspended since: AZRebalance, HealthCheck;
              came since: i-0a1b2c3d4e5f60718 (Standby)

            2 opted-in groups in eu-west-1 at 2026-10-14 04:00:00 UTC, 1 open record.
            stray record /asg-patch/records/gone: cannot be read (AP-0603): {"version":9}
            to restore stuck now: asg-patch restore --group stuck
        "#]]
        .assert_eq(&narrow);
    }
}
