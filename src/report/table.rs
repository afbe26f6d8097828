//! Tables for people at a terminal.

use comfy_table::{Cell, ColumnConstraint, ContentArrangement, Table, Width};

use super::format::{duration, outcome_words, plain_text, stacked, worked_seconds};
use super::{GroupReport, RunReport, tally};
use crate::group::{Code, Failure};
use crate::run::{OpenRecord, PlanReport, StatusReport};

/// What happened to each group, then what to do about it. `width` is in columns.
pub fn run_table(report: &RunReport, width: u16) -> String {
    let mut table = new_table(
        width,
        &[
            ("group", 14),
            ("outcome", 11),
            ("image before\nimage after", 21),
            ("version\nbefore\nafter", 11),
            ("patches\ninstalled", 9),
            ("sizes\nbefore\nafter", 6),
            ("time", 7),
            ("reason", 25),
        ],
    );
    for group in &report.groups {
        table.add_row(run_row(group));
    }
    let mut lines = vec![
        table.trim_fmt(),
        String::new(),
        format!("{}.", tally(report)),
    ];
    if !report.groups.is_empty() {
        let codes = report.groups.iter().filter_map(|g| g.code);
        lines.extend(remedies(codes));
    }
    for group in &report.groups {
        lines.extend(group.notes.iter().map(|n| note(&group.group, n)));
    }
    lines.extend(report.warnings.iter().map(|w| warning(w)));
    lines.extend(report.left_open().map(|g| hand_back_line(&g.group)));
    joined(lines)
}

/// What a run would do with each group. `width` is in columns.
pub fn plan_table(plan: &PlanReport, width: u16) -> String {
    let mut table = new_table(
        width,
        &[
            ("wave", 4),
            ("group", 12),
            ("sizes", 6),
            ("template version", 14),
            ("image", 21),
            ("bake", 10),
            ("estimate", 8),
            ("what would happen", 24),
        ],
    );
    for group in &plan.groups {
        let what = match (&group.refusal, group.bakes) {
            (Some(refusal), _) => format!("skipped: {}", failure_words(refusal)),
            (None, true) => "patch, bake, prove".to_owned(),
            (None, false) => "take the shared image, prove".to_owned(),
        };
        let estimate = match &group.refusal {
            Some(_) => "-".to_owned(),
            None => duration(group.estimate_seconds),
        };
        table.add_row([
            Cell::new(group.wave),
            Cell::new(&group.group),
            Cell::new(group.capacity),
            Cell::new(or_dash(&group.pins.join("\n"))),
            Cell::new(group.image.as_deref().unwrap_or("-")),
            Cell::new(group.bake_key.as_deref().unwrap_or("-")),
            Cell::new(estimate),
            Cell::new(what),
        ]);
    }
    let refused = plan.groups.iter().filter(|g| g.refusal.is_some()).count();
    let mut lines = vec![
        table.trim_fmt(),
        String::new(),
        format!(
            "{} to work on, {refused} refused; {} planned at {}. Nothing was changed.",
            plan.groups.len() - refused,
            plan.region,
            plan.planned_at.format("%Y-%m-%d %H:%M:%S UTC"),
        ),
    ];
    let refusals = plan.groups.iter().filter_map(|g| g.refusal.as_ref());
    lines.extend(remedies(refusals.map(|f| f.code)));
    for group in &plan.groups {
        lines.extend(group.notes.iter().map(|n| note(&group.group, n)));
    }
    lines.extend(plan.warnings.iter().map(|w| warning(w)));
    joined(lines)
}

/// The opted-in groups now. `width` is in columns.
pub fn status_table(status: &StatusReport, width: u16) -> String {
    let mut table = new_table(
        width,
        &[
            ("group", 12),
            ("sizes", 6),
            ("template version", 14),
            ("image", 21),
            ("age", 8),
            ("last patched", 16),
            ("open record", 20),
        ],
    );
    for group in &status.groups {
        let age = match group.image_age_days {
            Some(1) => "1 day".to_owned(),
            Some(days) => format!("{days} days"),
            None => "-".to_owned(),
        };
        let patched = match (&group.patched_by_run, group.patched_at) {
            (Some(run), Some(at)) => format!("{}\n{run}", at.format("%Y-%m-%d %H:%M")),
            (Some(run), None) => run.clone(),
            (None, _) => "-".to_owned(),
        };
        table.add_row([
            group.group.clone(),
            group.capacity.to_string(),
            or_dash(&group.pins.join("\n")).to_owned(),
            group.image.clone().unwrap_or_else(|| "-".into()),
            age,
            patched,
            group.record.as_ref().map_or("-".into(), record_words),
        ]);
    }
    let mut lines = vec![
        table.trim_fmt(),
        String::new(),
        format!(
            "{} opted-in groups in {} at {}.",
            status.groups.len(),
            status.region,
            status.read_at.format("%Y-%m-%d %H:%M:%S UTC"),
        ),
    ];
    for stray in &status.stray_records {
        lines.push(format!(
            "stray record {}: {}",
            stray.parameter,
            record_words(stray).replace('\n', ", ")
        ));
    }
    lines.extend(
        status
            .groups
            .iter()
            .filter(|g| g.record.is_some())
            .map(|g| hand_back_line(&g.group)),
    );
    joined(lines)
}

fn run_row(group: &GroupReport) -> Vec<Cell> {
    let sizes = |c: Option<crate::schedule::Capacity>| c.map(|c| c.to_string());
    let outcome = match group.code {
        Some(code) => format!("{}\n{code}", outcome_words(group.outcome)),
        None => outcome_words(group.outcome).to_owned(),
    };
    let open = if group.left_open {
        "NOT HANDED BACK: "
    } else {
        ""
    };
    [
        group.group.clone(),
        outcome,
        stacked(group.image_before.as_deref(), group.image_after.as_deref()),
        stacked(
            group.version_before.as_deref(),
            group.version_after.as_deref(),
        ),
        group.patches.installed.to_string(),
        stacked(
            sizes(group.capacity_before).as_deref(),
            sizes(group.capacity_after).as_deref(),
        ),
        match worked_seconds(group) {
            0 => "-".to_owned(),
            seconds => duration(seconds),
        },
        format!("{open}{}", plain_text(&group.reason)),
    ]
    .into_iter()
    .map(Cell::new)
    .collect()
}

/// Columns with their least widths; the last column gets what is left.
fn new_table(width: u16, columns: &[(&str, u16)]) -> Table {
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .force_no_tty()
        .set_width(width)
        .set_header(columns.iter().map(|(title, _)| *title));
    for (index, (_, least)) in columns.iter().enumerate() {
        if let Some(column) = table.column_mut(index) {
            column.set_padding((0, 1));
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(*least + 1)));
        }
    }
    table
}

/// One line per code: what its owners should do.
fn remedies(codes: impl Iterator<Item = Code>) -> Vec<String> {
    let codes: std::collections::BTreeSet<Code> = codes.collect();
    codes
        .into_iter()
        .map(|code| format!("{code}: {}. What to do: {}.", code.title(), code.remedy()))
        .collect()
}

fn failure_words(failure: &Failure) -> String {
    format!("{} ({})", plain_text(&failure.reason), failure.code)
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
        words.push(format!("until {}", deadline.format("%Y-%m-%d %H:%M")));
    }
    if let Some(raw) = &record.raw {
        words.push(format!(
            "cannot be read ({}): {raw}",
            Code::RecordUnreadable
        ));
    }
    if words.is_empty() {
        words.push(record.parameter.clone());
    }
    words.join("\n")
}

fn note(group: &str, note: &str) -> String {
    format!("note on {group}: {}", plain_text(note))
}

fn warning(warning: &str) -> String {
    format!("warning: {}", plain_text(warning))
}

fn hand_back_line(group: &str) -> String {
    format!(
        "to hand back {group} now: asg-patch restore --group {}",
        shell_word(group)
    )
}

/// `word` as a POSIX shell reads it back: group names can hold nearly any character.
pub fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

fn joined(lines: Vec<String>) -> String {
    let mut text = String::new();
    for line in lines.join("\n").lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::sample;
    use super::{plan_table, run_table, shell_word, status_table};
    use crate::group::{Code, Failure};
    use crate::run::{GroupStatus, OpenRecord, PlanReport, PlannedGroup, StatusReport};

    /// The width that the tables are made for.
    const WIDTH: u16 = 120;

    fn fits(text: &str) {
        let table = text.split("\n\n").next().unwrap();
        let widest = table.lines().map(|l| l.chars().count()).max().unwrap();
        assert!(widest <= usize::from(WIDTH), "{widest} columns:\n{table}");
    }

    #[test]
    fn a_run_as_a_table() {
        let text = run_table(&sample::run(), WIDTH);
        fits(&text);
        expect![[r#"
            ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
            group           outcome       image before           version      patches    sizes   time     reason
                                          image after            before       installed  before
                                                                 after                   after
            ════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════
            web-nightly-fr  patched       ami-0a1b2c3d4e5f60718  $Latest (3)  12         0-4-0   12m 05s  the canary came up from
            ankfurt                       ami-0f9e8d7c6b5a40312  $Latest (4)                              the new version and its
                                                                                                          scan is clean
            ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
            api-current     already       ami-0a1b2c3d4e5f60718  $Latest (3)  0          0-4-0   -        its image has nothing to
                            current                                                                       patch
            ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
            legacy          skipped       ami-0a1b2c3d4e5f60718  $Latest (3)  0          0-4-0   -        the group uses the launch
                            AP-0101                                                                       configuration legacy-2019
            ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
            batch           rolled back   ami-0a1b2c3d4e5f60718  $Latest (3)  0          0-4-0   4m 21s   the patch command ended
                            AP-0311                                                                       as Failed with exit code
                                                                                                          4 yum: no space left on
                                                                                                          device
            ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
            stuck           failed        ami-0a1b2c3d4e5f60718  $Latest (3)  0          0-4-0   -        NOT HANDED BACK:
                            AP-0601                                                      1-4-1            UpdateAutoScalingGroup
                                                                                                          answered AccessDenied
            ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

            5 groups: 1 not handed back yet, 1 failed, 1 rolled back, 1 skipped, 1 patched, 1 already current.
            AP-0101: the group uses a launch configuration. What to do: move the group to a launch template (AWS no longer lets launch configurations change), then run again.
            AP-0311: the patch command failed. What to do: read the command's output in Run Command; mend the package or the baseline, then run again.
            AP-0601: the group is not handed back yet. What to do: `asg-patch restore` hands it back; its record stays until that is done.
            note on web-nightly-frankfurt: the unknown option tag ep:asg:patch:wve was ignored: known are wave, image
            warning: two groups share the template web
            to hand back stuck now: asg-patch restore --group stuck
        "#]].assert_eq(&text);
    }

    #[test]
    fn a_plan_as_a_table() {
        let planned = |name: &str, bakes, refusal| PlannedGroup {
            group: name.into(),
            capacity: sample::sizes(0, 4, 0),
            pins: vec!["web:$Latest (3)".into()],
            image: Some("ami-0a1b2c3d4e5f60718".into()),
            bake_key: Some("lt-0abc:3".into()),
            bakes,
            wave: 0,
            estimate_seconds: 2400,
            refusal,
            notes: Vec::new(),
        };
        let refusal = Failure::plain(Code::LaunchConfiguration);
        let plan = PlanReport {
            region: "eu-west-1".into(),
            planned_at: sample::at(0),
            groups: vec![
                planned("web-nightly-frankfurt", true, None),
                planned("web-weekly", false, None),
                planned("legacy", true, Some(refusal)),
            ],
            warnings: vec!["a warning".into()],
        };
        let text = plan_table(&plan, WIDTH);
        fits(&text);
        expect![[r#"
            ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
            wave  group             sizes   template version  image                  bake        estimate  what would happen
            ════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════
            0     web-nightly-fran  0-4-0   web:$Latest (3)   ami-0a1b2c3d4e5f60718  lt-0abc:3   40m 00s   patch, bake, prove
                  kfurt
            ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
            0     web-weekly        0-4-0   web:$Latest (3)   ami-0a1b2c3d4e5f60718  lt-0abc:3   40m 00s   take the shared image,
                                                                                                           prove
            ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
            0     legacy            0-4-0   web:$Latest (3)   ami-0a1b2c3d4e5f60718  lt-0abc:3   -         skipped: the group uses
                                                                                                           a launch configuration
                                                                                                           (AP-0101)
            ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

            2 to work on, 1 refused; eu-west-1 planned at 2026-10-14 04:00:00 UTC. Nothing was changed.
            AP-0101: the group uses a launch configuration. What to do: move the group to a launch template (AWS no longer lets launch configurations change), then run again.
            warning: a warning
        "#]].assert_eq(&text);
    }

    #[test]
    fn the_status_as_a_table() {
        let record = OpenRecord {
            parameter: "/asg-patch/records/stuck".into(),
            group: Some("stuck".into()),
            run_id: Some("cli-20261014T040000Z-ab12".into()),
            owner: Some("cli:host:77".into()),
            deadline: Some(sample::at(10_800)),
            raw: None,
        };
        let stray = OpenRecord {
            parameter: "/asg-patch/records/gone".into(),
            group: None,
            run_id: None,
            owner: None,
            deadline: None,
            raw: Some("{\"version\":9}".into()),
        };
        let group = |name: &str, record| GroupStatus {
            group: name.into(),
            capacity: sample::sizes(0, 4, 0),
            pins: vec!["web:$Latest (3)".into(), "arm:7".into()],
            image: Some("ami-0a1b2c3d4e5f60718".into()),
            image_age_days: Some(12),
            patched_by_run: Some("cli-20261002T040000Z-77aa".into()),
            patched_at: Some(sample::at(-1_000_000)),
            record,
        };
        let status = StatusReport {
            region: "eu-west-1".into(),
            read_at: sample::at(0),
            groups: vec![group("web", None), group("stuck", Some(record))],
            stray_records: vec![stray],
        };
        let text = status_table(&status, WIDTH);
        fits(&text);
        expect![[r#"
            ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
            group         sizes   template version  image                  age       last patched              open record
            ════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════
            web           0-4-0   web:$Latest (3)   ami-0a1b2c3d4e5f60718  12 days   2026-10-02 14:13          -
                                  arm:7                                              cli-20261002T040000Z-77a
                                                                                     a
            ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
            stuck         0-4-0   web:$Latest (3)   ami-0a1b2c3d4e5f60718  12 days   2026-10-02 14:13          run cli-20261014T040
                                  arm:7                                              cli-20261002T040000Z-77a  000Z-ab12
                                                                                     a                         by cli:host:77
                                                                                                               until 2026-10-14
                                                                                                               07:00
            ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

            2 opted-in groups in eu-west-1 at 2026-10-14 04:00:00 UTC.
            stray record /asg-patch/records/gone: cannot be read (AP-0603): {"version":9}
            to hand back stuck now: asg-patch restore --group stuck
        "#]].assert_eq(&text);
    }

    #[test]
    fn names_survive_the_shell() {
        assert_eq!(shell_word("web-1/a"), "web-1/a");
        assert_eq!(shell_word("it's $5"), r"'it'\''s $5'");
    }
}
