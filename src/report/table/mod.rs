//! Tables for people at a terminal.

use std::collections::{BTreeMap, BTreeSet};

use super::format::{outcome_words, short_id, transition, worked_seconds};
use super::grid::{Column, Grid, Row, wrapped};
use super::{GroupReport, RunReport, tally};
use crate::group::{Code, Outcome, Phase};
use crate::report::{GroupStatus, OpenRecord, PlanReport, PlannedGroup, StatusReport};
use crate::text::{counted, duration, plain_text, shell_word};

/// How much of everything a table shows, so that a row is one line if it can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// Ids whole.
    Whole,
    /// Ids by their ends.
    Short,
    /// The same, with what changed over two lines.
    Narrow,
}

impl Style {
    fn id(self, id: &str) -> String {
        match self {
            Self::Whole => id.to_owned(),
            Self::Short | Self::Narrow => short_id(id),
        }
    }

    /// How far names may be wrapped: not at all, if they have usual lengths, before ids are shortened.
    fn least(self, narrow: u16) -> u16 {
        match self {
            Self::Whole | Self::Short => 22,
            Self::Narrow => narrow,
        }
    }
}

/// The fullest table that fits.
fn best(width: u16, build: impl Fn(Style) -> Grid) -> Vec<String> {
    [Style::Whole, Style::Short]
        .into_iter()
        .map(&build)
        .find(|grid| grid.fits(width))
        .unwrap_or_else(|| build(Style::Narrow))
        .lines(width)
}

const fn fixed(title: &'static str) -> Column {
    Column { title, least: None }
}

const fn flexible(title: &'static str, least: u16) -> Column {
    Column {
        title,
        least: Some(least),
    }
}

/// What happened to each group, then what to do about it. `width` is in columns.
pub fn run_table(report: &RunReport, width: u16) -> String {
    let mut lines = Vec::new();
    if !report.groups.is_empty() {
        lines = best(width, |style| run_grid(report, style));
        lines.push(String::new());
    }
    lines.extend(wrapped("", &run_summary(report), width));
    for (outcome, reason, groups) in plain_endings(report) {
        let who = match groups.as_slice() {
            [group] => (*group).to_owned(),
            many => counted(many.len(), "group"),
        };
        let head = format!("  {}: ", outcome_words(outcome));
        lines.extend(wrapped(&head, &format!("{reason} ({who})"), width));
    }
    lines.extend(remedies(report.groups.iter().filter_map(|g| g.code), width));
    lines.extend(warnings(&report.warnings, width));
    lines.extend(report.left_open().map(|g| restore_line(&g.group)));
    joined(lines)
}

fn run_summary(report: &RunReport) -> String {
    let seconds = (report.finished_at - report.started_at).num_seconds();
    let instances: u64 = report.groups.iter().map(|g| g.instance_seconds).sum();
    format!(
        "{}. {} in {}, {} from {} to {} UTC, {} of instance time.",
        tally(report),
        report.run_id,
        report.region,
        duration(seconds.unsigned_abs()),
        report.started_at.format("%Y-%m-%d %H:%M"),
        report.finished_at.format("%H:%M"),
        duration(instances),
    )
}

/// Endings that need no explanation of their own, each told once with the groups that ended so.
fn plain_endings(report: &RunReport) -> Vec<(Outcome, &str, Vec<&str>)> {
    let mut endings: BTreeMap<(Outcome, &str), Vec<&str>> = BTreeMap::new();
    for group in report.groups.iter().filter(|g| !is_trouble(g)) {
        let ending = (group.outcome, group.reason.as_str());
        endings.entry(ending).or_default().push(&group.group);
    }
    endings
        .into_iter()
        .map(|((outcome, reason), groups)| (outcome, reason, groups))
        .collect()
}

fn is_trouble(group: &GroupReport) -> bool {
    group.code.is_some() || group.left_open
}

fn run_grid(report: &RunReport, style: Style) -> Grid {
    let mut grid = Grid::new(&[
        flexible("group", style.least(12)),
        flexible("outcome", 11),
        fixed("image"),
        flexible("version", style.least(11)),
        fixed("patches"),
        fixed("capacity"),
        fixed("time"),
    ]);
    for group in &report.groups {
        grid.add(run_row(group, style));
    }
    grid
}

fn run_row(group: &GroupReport, style: Style) -> Row {
    let change = |before: Option<String>, after: Option<String>| {
        transition(before.as_deref(), after.as_deref(), style == Style::Narrow)
    };
    let id = |id: &Option<crate::ids::ImageId>| id.as_deref().map(|id| style.id(id));
    let capacity = |c: Option<crate::schedule::Capacity>| c.map(|c| c.to_string());
    let cells = vec![
        plain_text(&group.group),
        outcome_words(group.outcome).to_owned(),
        change(id(&group.image_before), id(&group.image_after)),
        change(group.version_before.clone(), group.version_after.clone()),
        patches_cell(group),
        change(
            capacity(group.capacity_before),
            capacity(group.capacity_after),
        ),
        match worked_seconds(group) {
            0 => "-".to_owned(),
            seconds => duration(seconds),
        },
    ];
    let mut below = Vec::new();
    if is_trouble(group) {
        let open = if group.left_open {
            "NOT RESTORED: "
        } else {
            ""
        };
        let code = group.code.map(|c| format!("{c} ")).unwrap_or_default();
        below.push(format!("{code}{open}{}", plain_text(&group.reason)));
    }
    below.extend(notes(&group.notes));
    Row { cells, below }
}

/// Patches installed; a group that took another's image installed none itself.
fn patches_cell(group: &GroupReport) -> String {
    let patched_itself = group.phases.iter().any(|p| p.phase == Phase::Patching);
    match group.outcome {
        Outcome::Patched if !patched_itself => "shared".to_owned(),
        _ if group.phases.is_empty() => "-".to_owned(),
        _ => group.patches.installed.to_string(),
    }
}

/// What a run would do with each group. `width` is in columns.
pub fn plan_table(plan: &PlanReport, width: u16) -> String {
    let mut lines = Vec::new();
    if !plan.groups.is_empty() {
        lines = best(width, |style| plan_grid(plan, style));
        lines.push(String::new());
    }
    let refused = plan.groups.iter().filter(|g| g.refusal.is_some()).count();
    let too_long = plan.groups.iter().filter(|g| g.misfit.is_some()).count();
    let misfits = match too_long {
        0 => String::new(),
        n => format!(", {n} too long for the window"),
    };
    lines.extend(wrapped(
        "",
        &format!(
            "{}: {} to work on, {refused} refused{misfits}. Planned for {} at {}; nothing was changed.",
            counted(plan.groups.len(), "group"),
            plan.groups.len() - refused - too_long,
            plan.region,
            plan.planned_at.format("%Y-%m-%d %H:%M:%S UTC"),
        ),
        width,
    ));
    if refused < plan.groups.len() {
        lines.extend(wrapped("", basis(plan), width));
    }
    let refusal = |g: &'_ PlannedGroup| g.refusal.clone().or(g.misfit.clone());
    let refusals = plan.groups.iter().filter_map(refusal);
    lines.extend(remedies(refusals.map(|f| f.code), width));
    lines.extend(warnings(&plan.warnings, width));
    joined(lines)
}

fn plan_grid(plan: &PlanReport, style: Style) -> Grid {
    let mut grid = Grid::new(&[
        fixed("wave"),
        flexible("group", style.least(12)),
        fixed("capacity"),
        flexible("version", style.least(11)),
        fixed("image"),
        fixed("bake"),
        fixed("takes"),
        fixed("what"),
    ]);
    for group in &plan.groups {
        grid.add(plan_row(group, style));
    }
    grid
}

fn minutes(group: &PlannedGroup) -> u64 {
    group.estimate_seconds.div_ceil(60)
}

/// What the times are taken from.
fn basis(plan: &PlanReport) -> &'static str {
    if plan.groups.iter().any(|g| g.budget.is_measured()) {
        "Times with * were measured in an earlier run, those without are defaults."
    } else {
        "Times are defaults: no earlier run has measured any."
    }
}

fn plan_row(group: &PlannedGroup, style: Style) -> Row {
    let what = match (&group.refusal, &group.misfit, group.bakes) {
        (Some(_), _, _) => "refused",
        (None, Some(_), _) => "too long",
        (None, None, true) => "bakes",
        (None, None, false) => "shares",
    };
    let bake = group.bake_key.as_deref().unwrap_or("-");
    let mut below = Vec::new();
    if let Some(refusal) = group.refusal.as_ref().or(group.misfit.as_ref()) {
        below.push(format!("{} {}", refusal.code, plain_text(&refusal.reason)));
    }
    below.extend(notes(&group.notes));
    Row {
        cells: vec![
            group.wave.to_string(),
            plain_text(&group.group),
            group.capacity.to_string(),
            or_dash(&group.pins.join("\n")).to_owned(),
            group
                .image
                .as_deref()
                .map_or("-".to_owned(), |i| style.id(i)),
            match style {
                Style::Whole | Style::Short => bake.to_owned(),
                Style::Narrow => bake.chars().take(6).collect(),
            },
            match &group.refusal {
                Some(_) => "-".to_owned(),
                None if group.budget.is_measured() => format!("{}m*", minutes(group)),
                None => format!("{}m", minutes(group)),
            },
            what.to_owned(),
        ],
        below,
    }
}

/// The opted-in groups now. `width` is in columns.
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
        status.region,
        status.read_at.format("%Y-%m-%d %H:%M:%S UTC"),
        counted(open.count(), "open record"),
    ));
    for stray in &status.stray_records {
        let sentence = format!("{}: {}", stray.parameter, record_words(stray));
        lines.extend(wrapped("stray record ", &sentence, width));
    }
    let open = status.groups.iter().filter(|g| g.record.is_some());
    lines.extend(open.map(|g| restore_line(&g.group)));
    joined(lines)
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
    let mut grid = Grid::new(&columns);
    for group in &status.groups {
        grid.add(status_row(group, style));
    }
    grid
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
    let record = group.record.as_ref();
    Row {
        cells,
        below: record
            .map(|r| format!("open record: {}", record_words(r)))
            .into_iter()
            .collect(),
    }
}

/// One entry per code: what its owners should do, and where more about it stands.
fn remedies(codes: impl Iterator<Item = Code>, width: u16) -> Vec<String> {
    let codes: BTreeSet<Code> = codes.collect();
    codes
        .into_iter()
        .flat_map(|code| {
            let sentence = format!(
                "{}. What to do: {}. More: {}",
                code.title(),
                code.remedy(),
                code.page()
            );
            wrapped(&format!("{code} "), &sentence, width)
        })
        .collect()
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
            "cannot be read ({}): {}",
            Code::RecordUnreadable,
            plain_text(raw)
        ));
    }
    if words.is_empty() {
        words.push(record.parameter.clone());
    }
    words.join(", ")
}

fn notes(notes: &[String]) -> impl Iterator<Item = String> {
    notes.iter().map(|n| format!("note: {}", plain_text(n)))
}

fn warnings(warnings: &[String], width: u16) -> Vec<String> {
    let all = warnings.iter();
    all.flat_map(|w| wrapped("warning: ", &plain_text(w), width))
        .collect()
}

fn restore_line(group: &str) -> String {
    format!(
        "to restore {group} now: asg-patch restore --group {}",
        shell_word(group)
    )
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
    use super::{plan_table, run_table, status_table};
    use crate::group::budget::{Basis, Budget, Part};
    use crate::group::{Code, Failure, Phase};
    use crate::report::{GroupStatus, OpenRecord, PlanReport, PlannedGroup, StatusReport};

    /// A usual terminal, and the narrowest that the tables are made for.
    const WIDTHS: [u16; 2] = [120, 80];

    fn fits(text: &str, width: u16) {
        let widest = text.lines().map(|l| l.chars().count()).max().unwrap();
        assert!(widest <= usize::from(width), "{widest} columns:\n{text}");
    }

    #[test]
    fn a_run_as_a_table() {
        let [text, narrow] = WIDTHS.map(|w| {
            let text = run_table(&sample::run(), w);
            fits(&text, w);
            text
        });
        expect![[r#"
            group                  outcome          image                          version          patches  capacity          time
            ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
            web-nightly-frankfurt  patched          ami-0a1b…0718 → ami-0f9e…0312  $Latest (3 → 4)  12       0-4-0          12m 05s
              note: the unknown option tag ep:asg:patch:wve was ignored: known are wave, image
            api-current            already current  ami-0a1b…0718                  $Latest (3)      0        0-4-0          -
            legacy                 skipped          ami-0a1b…0718                  $Latest (3)      0        0-4-0          -
              AP-0101 the group uses the launch configuration legacy-2019
            batch                  rolled back      ami-0a1b…0718                  $Latest (3)      0        0-4-0          4m 21s
              AP-0311 the patch command ended as Failed with exit code 4 yum: no space left on device
            stuck                  failed           ami-0a1b…0718                  $Latest (3)      0        0-4-0 → 1-4-1  -
              AP-0601 NOT RESTORED: UpdateAutoScalingGroup answered AccessDenied

            5 groups: 1 not restored yet, 1 failed, 1 rolled back, 1 skipped, 1 patched, 1 already current.
            cli-20261014T040000Z-ab12 in eu-west-1, 1h 12m from 2026-10-14 04:00 to 05:12 UTC, 11m 40s of instance time.
              patched: the canary came up from the new version and its scan is clean (web-nightly-frankfurt)
              already current: its image has nothing to patch (api-current)
            AP-0101 the group uses a launch configuration. What to do: move the group to a launch template (AWS no longer lets
                    launch configurations change), then run again. More: runbooks/AP-0101.md
            AP-0311 the patch command failed. What to do: read the command's output in Run Command; mend the package or the
                    baseline, then run again. More: runbooks/AP-0311.md
            AP-0601 the group is not restored yet. What to do: `asg-patch restore` restores it; its record stays until that is
                    done. More: runbooks/AP-0601.md
            warning: two groups share the template web
            to restore stuck now: asg-patch restore --group stuck
        "#]].assert_eq(&text);
        expect![[r#"
            group          outcome       image          version      patches  capacity  time
            ────────────────────────────────────────────────────────────────────────────────
            web-nightly-f  patched       ami-0a1b…0718  $Latest (3)  12       0-4-0  12m 05s
            rankfurt                     ami-0f9e…0312  $Latest (4)
              note: the unknown option tag ep:asg:patch:wve was ignored: known are wave,
              image
            api-current    already       ami-0a1b…0718  $Latest (3)  0        0-4-0  -
                           current
            legacy         skipped       ami-0a1b…0718  $Latest (3)  0        0-4-0  -
              AP-0101 the group uses the launch configuration legacy-2019
            batch          rolled back   ami-0a1b…0718  $Latest (3)  0        0-4-0  4m 21s
              AP-0311 the patch command ended as Failed with exit code 4 yum: no space left
              on device
            stuck          failed        ami-0a1b…0718  $Latest (3)  0        0-4-0  -
                                                                              1-4-1
              AP-0601 NOT RESTORED: UpdateAutoScalingGroup answered AccessDenied

            5 groups: 1 not restored yet, 1 failed, 1 rolled back, 1 skipped, 1 patched,
            1 already current. cli-20261014T040000Z-ab12 in eu-west-1, 1h 12m from
            2026-10-14 04:00 to 05:12 UTC, 11m 40s of instance time.
              patched: the canary came up from the new version and its scan is clean
                       (web-nightly-frankfurt)
              already current: its image has nothing to patch (api-current)
            AP-0101 the group uses a launch configuration. What to do: move the group to a
                    launch template (AWS no longer lets launch configurations change), then
                    run again. More: runbooks/AP-0101.md
            AP-0311 the patch command failed. What to do: read the command's output in Run
                    Command; mend the package or the baseline, then run again. More:
                    runbooks/AP-0311.md
            AP-0601 the group is not restored yet. What to do: `asg-patch restore` hands
                    it back; its record stays until that is done. More: runbooks/AP-0601.md
            warning: two groups share the template web
            to restore stuck now: asg-patch restore --group stuck
        "#]]
        .assert_eq(&narrow);
    }

    #[test]
    fn a_plan_as_a_table() {
        let planned = |name: &str, bakes, from, refusal| PlannedGroup {
            group: name.into(),
            capacity: sample::capacity(0, 4, 0),
            pins: vec!["web:$Latest (3)".into()],
            image: Some("ami-0a1b2c3d4e5f60718".into()),
            bake_key: Some("lt-0abc:3".into()),
            bakes,
            wave: 0,
            estimate_seconds: 2400,
            budget: Budget(vec![Part {
                phase: Phase::Patching,
                seconds: 2400,
                from,
            }]),
            misfit: None,
            refusal,
            notes: Vec::new(),
        };
        let refusal = Failure::plain(Code::LaunchConfiguration);
        let plan = PlanReport {
            region: "eu-west-1".into(),
            planned_at: sample::at(0),
            groups: vec![
                planned("web-nightly-frankfurt", true, Basis::Measured, None),
                planned("web-weekly", false, Basis::Default, None),
                PlannedGroup {
                    misfit: Some(Failure::new(Code::DoesNotFit, "it needs about 60 min")),
                    ..planned("slow", true, Basis::Default, None)
                },
                planned("legacy", true, Basis::Default, Some(refusal)),
            ],
            warnings: vec!["a warning".into()],
        };
        let [text, narrow] = WIDTHS.map(|w| {
            let text = plan_table(&plan, w);
            fits(&text, w);
            text
        });
        expect![[r#"
            wave  group                  capacity  version          image                  bake       takes  what
            ──────────────────────────────────────────────────────────────────────────────────────────────────────
            0     web-nightly-frankfurt  0-4-0  web:$Latest (3)  ami-0a1b2c3d4e5f60718  lt-0abc:3  40m*   bakes
            0     web-weekly             0-4-0  web:$Latest (3)  ami-0a1b2c3d4e5f60718  lt-0abc:3  40m    shares
            0     slow                   0-4-0  web:$Latest (3)  ami-0a1b2c3d4e5f60718  lt-0abc:3  40m    too long
              AP-0201 it needs about 60 min
            0     legacy                 0-4-0  web:$Latest (3)  ami-0a1b2c3d4e5f60718  lt-0abc:3  -      refused
              AP-0101 the group uses a launch configuration

            4 groups: 2 to work on, 1 refused, 1 too long for the window. Planned for eu-west-1 at 2026-10-14 04:00:00 UTC; nothing
            was changed.
            Times with * were measured in an earlier run, those without are defaults.
            AP-0101 the group uses a launch configuration. What to do: move the group to a launch template (AWS no longer lets
                    launch configurations change), then run again. More: runbooks/AP-0101.md
            AP-0201 it would not be restored before the window's deadline. What to do: lengthen the window, or give the group an
                    earlier wave. More: runbooks/AP-0201.md
            warning: a warning
        "#]].assert_eq(&text);
        expect![[r#"
            wave  group          capacity  version       image          bake    takes  what
            ────────────────────────────────────────────────────────────────────────────────
            0     web-nightly-f  0-4-0  web:$Latest   ami-0a1b…0718  lt-0ab  40m*   bakes
                  rankfurt              (3)
            0     web-weekly     0-4-0  web:$Latest   ami-0a1b…0718  lt-0ab  40m    shares
                                        (3)
            0     slow           0-4-0  web:$Latest   ami-0a1b…0718  lt-0ab  40m    too long
                                        (3)
              AP-0201 it needs about 60 min
            0     legacy         0-4-0  web:$Latest   ami-0a1b…0718  lt-0ab  -      refused
                                        (3)
              AP-0101 the group uses a launch configuration

            4 groups: 2 to work on, 1 refused, 1 too long for the window. Planned for
            eu-west-1 at 2026-10-14 04:00:00 UTC; nothing was changed.
            Times with * were measured in an earlier run, those without are defaults.
            AP-0101 the group uses a launch configuration. What to do: move the group to a
                    launch template (AWS no longer lets launch configurations change), then
                    run again. More: runbooks/AP-0101.md
            AP-0201 it would not be restored before the window's deadline. What to do:
                    lengthen the window, or give the group an earlier wave. More:
                    runbooks/AP-0201.md
            warning: a warning
        "#]]
        .assert_eq(&narrow);
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
            capacity: sample::capacity(0, 4, 0),
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
        let [text, narrow] = WIDTHS.map(|w| {
            let text = status_table(&status, w);
            fits(&text, w);
            text
        });
        expect![[r#"
            group  capacity  version          image                  age      last patched      by run
            ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
            web    0-4-0     web:$Latest (3)  ami-0a1b2c3d4e5f60718  12 days  2026-10-02 14:13  cli-20261002T040000Z-77aa
                             arm:7
            stuck  0-4-0     web:$Latest (3)  ami-0a1b2c3d4e5f60718  12 days  2026-10-02 14:13  cli-20261002T040000Z-77aa
                             arm:7
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
            stuck  0-4-0     web:$Latest (3)  ami-0a1b…0718  12 days  2026-10-02 14:13
                             arm:7
              open record: run cli-20261014T040000Z-ab12, by cli:host:77, until 2026-10-14
              07:00 UTC

            2 opted-in groups in eu-west-1 at 2026-10-14 04:00:00 UTC, 1 open record.
            stray record /asg-patch/records/gone: cannot be read (AP-0603): {"version":9}
            to restore stuck now: asg-patch restore --group stuck
        "#]]
        .assert_eq(&narrow);
    }
}
