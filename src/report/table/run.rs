//! The table of a run.

use std::collections::BTreeMap;

use super::grid::{Grid, Row, wrapped};
use super::{
    Style, best, cost_lines, fixed, flexible, joined, notes, remedies, restore_line, warnings,
};
use crate::group::{Outcome, Phase};
use crate::ids::ImageId;
use crate::report::fit::first;
use crate::report::format::{place, transition, worked_seconds};
use crate::report::{GroupReport, RunKind, RunReport, tally};
use crate::schedule::Capacity;
use crate::text::{counted, duration, plain_text};

/// Names of missing patches in a table; the JSON has all.
const NAMES_SHOWN: usize = 20;

/// The table of a run: what happened to each group, then what to do about it. `width` is in columns.
pub fn run_table(report: &RunReport, width: u16) -> String {
    let mut lines = Vec::new();
    if !report.groups.is_empty() {
        lines = best(width, |style| run_grid(report, style));
        lines.push(String::new());
    }
    lines.extend(wrapped("", &run_summary(report), width));
    for (outcome, reason, groups) in plain_endings(report) {
        let whose = match groups.as_slice() {
            [group] => (*group).to_owned(),
            many => counted(many.len(), "group"),
        };
        let head = format!("  {}: ", outcome.words());
        lines.extend(wrapped(&head, &format!("{reason} ({whose})"), width));
    }
    lines.extend(cost_lines("cost: ", report.cost.as_ref(), width));
    lines.extend(remedies(
        report.groups.iter().filter_map(|g| g.code),
        report.pages_url.as_deref(),
        width,
    ));
    lines.extend(warnings(&report.warnings, width));
    let open: Vec<&str> = report.left_open().map(|g| g.group.as_str()).collect();
    if !open.is_empty() {
        lines.push(restore_line(&open));
    }
    joined(lines)
}

fn run_summary(report: &RunReport) -> String {
    let seconds = (report.finished_at - report.started_at).num_seconds();
    let instances: u64 = report.groups.iter().map(|g| g.instance_seconds).sum();
    let altered = report.groups.iter().map(|g| g.altered_seconds).max();
    let altered = duration(altered.unwrap_or_default());
    let worked = match report.kind {
        RunKind::Run | RunKind::Rehearse => format!(
            " No group was altered for longer than {altered}; instances were borrowed for {} in all.",
            duration(instances)
        ),
        // For how long their run had altered them before, a restore does not know.
        RunKind::Restore => String::new(),
    };
    format!(
        "{}. {}{} in {}, {} from {} to {} UTC.{worked}",
        tally(report),
        report.run_id,
        report
            .window
            .as_deref()
            .map_or(String::new(), |name| format!(
                " (window {})",
                plain_text(name)
            )),
        place(&report.region, report.account.as_deref()),
        duration(seconds.unsigned_abs()),
        report.started_at.format("%Y-%m-%d %H:%M"),
        report.finished_at.format("%H:%M"),
    )
}

/// Outcomes without trouble: each reason once, with the groups that ended with it.
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
    let columns = [
        flexible("group", style.least(10)),
        flexible("outcome", 11),
        fixed("image"),
        flexible("version", style.least(11)),
        fixed("patches"),
        fixed("capacity"),
        fixed("time"),
    ];
    let rows = report.groups.iter().map(|g| run_row(g, style));
    Grid::new(&columns, rows.collect())
}

fn run_row(group: &GroupReport, style: Style) -> Row {
    let change = |before: Option<String>, after: Option<String>| {
        transition(before.as_deref(), after.as_deref(), style == Style::Narrow)
    };
    let id = |id: &Option<ImageId>| id.as_deref().map(|id| style.id(id));
    let capacity = |c: Option<Capacity>| c.map(|c| c.to_string());
    let cells = vec![
        plain_text(&group.group),
        group.outcome.words().to_owned(),
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
    if group.outcome == Outcome::Scanned && !group.missing.is_empty() {
        let (shown, left_out) = first(&group.missing, NAMES_SHOWN);
        let more = match left_out {
            0 => String::new(),
            n => format!(", and {n} more"),
        };
        below.push(format!("missing: {}{more}", plain_text(&shown.join(", "))));
    }
    below.extend(console(group));
    below.extend(notes(&group.notes));
    Row { cells, below }
}

/// Lines of a console in a table; the JSON has more.
const CONSOLE_SHOWN: usize = 5;

/// The end of the console of the instance that failed.
fn console(group: &GroupReport) -> Vec<String> {
    let lines: Vec<String> = group
        .console
        .iter()
        .flat_map(|c| c.lines())
        .map(plain_text)
        .collect();
    let last = lines.iter().skip(lines.len().saturating_sub(CONSOLE_SHOWN));
    last.map(|line| format!("console: {line}")).collect()
}

/// The number of patches installed, or that a scan found missing; `shared` for a group that took another group's image.
fn patches_cell(group: &GroupReport) -> String {
    let patched_itself = group.phases.iter().any(|p| p.phase == Phase::Patching);
    if group.outcome == Outcome::Patched && !patched_itself {
        "shared".to_owned()
    } else if group.phases.is_empty() {
        "-".to_owned()
    } else if group.outcome == Outcome::Scanned {
        match group.missing_before {
            Some(missing) => format!("{missing} missing"),
            None => "-".to_owned(),
        }
    } else {
        group.patches.installed.to_string()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::tests::at_widths;
    use super::run_table;
    use crate::report::sample;

    #[test]
    fn a_run_as_a_table() {
        let [text, narrow] = at_widths(|width| run_table(&sample::run(), width));
        expect![[r#"
            group                  outcome          image                          version          patches  capacity       time
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
            cli-20261014T040000Z-ab12 in eu-west-1, 1h 12m from 2026-10-14 04:00 to 05:12 UTC. No group was altered for longer than
            1m 06s; instances were borrowed for 11m 40s in all.
              patched: the canary came up from the new version and its scan is clean (web-nightly-frankfurt)
              already current: its image has nothing to patch (api-current)
            AP-0101 the group uses a launch configuration. What to do: move the group to a launch template (a launch configuration
                    cannot be changed), then run again. More: asg-patch explain AP-0101
            AP-0311 the patch command failed. What to do: read the command's output in Run Command; fix the package or the baseline,
                    then run again. More: asg-patch explain AP-0311
            AP-0601 the group is not restored yet. What to do: run `asg-patch restore`: the record stays until the group is
                    restored. More: asg-patch explain AP-0601
            warning: two groups share the template web
            to restore stuck now: asg-patch restore --group stuck
        "#]].assert_eq(&text);
        expect![[r#"
            group        outcome      image          version      patches  capacity  time
            ────────────────────────────────────────────────────────────────────────────────
            web-nightly  patched      ami-0a1b…0718  $Latest (3)  12       0-4-0     12m 05s
            -frankfurt                ami-0f9e…0312  $Latest (4)
              note: the unknown option tag ep:asg:patch:wve was ignored: known are wave,
              image
            api-current  already      ami-0a1b…0718  $Latest (3)  0        0-4-0     -
                         current
            legacy       skipped      ami-0a1b…0718  $Latest (3)  0        0-4-0     -
              AP-0101 the group uses the launch configuration legacy-2019
            batch        rolled back  ami-0a1b…0718  $Latest (3)  0        0-4-0     4m 21s
              AP-0311 the patch command ended as Failed with exit code 4 yum: no space left
              on device
            stuck        failed       ami-0a1b…0718  $Latest (3)  0        0-4-0     -
                                                                           1-4-1
              AP-0601 NOT RESTORED: UpdateAutoScalingGroup answered AccessDenied

            5 groups: 1 not restored yet, 1 failed, 1 rolled back, 1 skipped, 1 patched, 1
            already current. cli-20261014T040000Z-ab12 in eu-west-1, 1h 12m from 2026-10-14
            04:00 to 05:12 UTC. No group was altered for longer than 1m 06s; instances were
            borrowed for 11m 40s in all.
              patched: the canary came up from the new version and its scan is clean
                       (web-nightly-frankfurt)
              already current: its image has nothing to patch (api-current)
            AP-0101 the group uses a launch configuration. What to do: move the group to a
                    launch template (a launch configuration cannot be changed), then run
                    again. More: asg-patch explain AP-0101
            AP-0311 the patch command failed. What to do: read the command's output in Run
                    Command; fix the package or the baseline, then run again. More:
                    asg-patch explain AP-0311
            AP-0601 the group is not restored yet. What to do: run `asg-patch restore`: the
                    record stays until the group is restored. More: asg-patch explain
                    AP-0601
            warning: two groups share the template web
            to restore stuck now: asg-patch restore --group stuck
        "#]]
        .assert_eq(&narrow);
    }
}
