//! The table of the opted-in groups.

use chrono::{DateTime, Utc};

use super::grid::{Grid, Row, wrapped};
use super::{Style, best, fixed, flexible, joined, or_dash, restore_line};
use crate::group::Code;
use crate::report::format::place;
use crate::report::{GroupStatus, LastRun, OpenRecord, StatusReport};
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
    let open = status.groups.iter();
    let open = open.filter_map(|g| Some((g, g.record.as_ref()?)));
    lines.extend(open.flat_map(|(g, record)| next_step(&g.group, record, status.read_at, width)));
    joined(lines)
}

/// The way to have a group back now, which must not end a healthy run.
fn next_step(group: &str, record: &OpenRecord, now: DateTime<Utc>, width: u16) -> Vec<String> {
    let is_over = record.deadline.is_none_or(|at| at <= now);
    match record.run_alive {
        Some(false) => vec![restore_line(group)],
        _ if is_over => vec![restore_line(group)],
        Some(true) => {
            let sentence = "its run is alive, and restores it. To have it back now, stop the run: Ctrl-C where it runs, or \
                stop the execution";
            wrapped(&format!("{group}: "), sentence, width)
        }
        None => {
            let sentence = "whether its run is alive cannot be seen from here. Only if it is dead:";
            let mut lines = wrapped(&format!("{group}: "), sentence, width);
            lines.push(format!("{} --force", restore_line(group)));
            lines
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
    let rows = status.groups.iter().map(|g| status_row(g, style));
    Grid::new(&columns, rows.collect())
}

fn status_row(group: &GroupStatus, style: Style) -> Row {
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
    let record = record.map(|r| format!("open record: {}", record_words(r)));
    Row {
        cells,
        below: older
            .into_iter()
            .chain(old)
            .chain(group.last_run.as_ref().map(last_run_words))
            .chain(record)
            .collect(),
    }
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
    use super::{next_step, status_table};
    use crate::group::{Code, Outcome};
    use crate::report::{GroupStatus, LastRun, OpenRecord, StatusReport, sample};

    /// The command is pasted: it must not take a group from a run that is alive.
    #[test]
    fn the_way_to_have_a_group_back_depends_on_its_run() {
        let step = |run_alive, deadline| {
            let record = OpenRecord {
                parameter: "/asg-patch/records/web".into(),
                group: Some("web".into()),
                run_id: Some("r".into()),
                owner: Some("cli:host:77".into()),
                deadline: Some(sample::at(deadline)),
                run_alive,
                raw: None,
                problem: None,
            };
            next_step("web", &record, sample::at(0), 200).join("\n")
        };
        let command = "to restore web now: asg-patch restore --group web";
        assert_eq!(step(Some(false), 60), command);
        assert_eq!(step(None, 0), command);
        let alive = step(Some(true), 60);
        assert!(
            alive.starts_with("web: its run is alive") && !alive.contains("asg-patch restore"),
            "{alive}"
        );
        let unknown = step(None, 60);
        assert!(
            unknown.contains("Only if it is dead:")
                && unknown.ends_with(&format!("{command} --force")),
            "{unknown}"
        );
    }

    #[test]
    fn the_status_as_a_table() {
        let record = OpenRecord {
            parameter: "/asg-patch/records/stuck".into(),
            group: Some("stuck".into()),
            run_id: Some("cli-20261014T040000Z-ab12".into()),
            owner: Some("cli:host:77".into()),
            deadline: Some(sample::at(10_800)),
            run_alive: Some(false),
            raw: None,
            problem: None,
        };
        let stray = OpenRecord {
            parameter: "/asg-patch/records/gone".into(),
            group: None,
            run_id: None,
            owner: None,
            deadline: None,
            run_alive: None,
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
              open record: run cli-20261014T040000Z-ab12, by cli:host:77, until 2026-10-14 07:00 UTC

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
              open record: run cli-20261014T040000Z-ab12, by cli:host:77, until 2026-10-14
              07:00 UTC

            2 opted-in groups in eu-west-1 at 2026-10-14 04:00:00 UTC, 1 open record.
            stray record /asg-patch/records/gone: cannot be read (AP-0603): {"version":9}
            to restore stuck now: asg-patch restore --group stuck
        "#]]
        .assert_eq(&narrow);
    }
}
