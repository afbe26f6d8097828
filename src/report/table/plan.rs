//! The table of a plan.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::grid::{Grid, Row, wrapped};
use super::{Style, best, cost_lines, fixed, flexible, joined, notes, or_dash, remedies, warnings};
use crate::report::format::place;
use crate::report::{PlanReport, PlannedGroup};
use crate::request::Operation;
use crate::text::{counted, plain_text};

/// The table of a plan: what a run would do with each group, and when. `width` is in columns.
pub fn plan_table(plan: &PlanReport, width: u16) -> String {
    let mut lines = Vec::new();
    if !plan.groups.is_empty() {
        lines = best(width, |style| plan_grid(plan, style));
        lines.push(String::new());
    }
    let refused = plan.groups.iter().filter(|g| g.refusal.is_some()).count();
    let late = plan.groups.iter().filter(|g| g.is_late()).count();
    let locked = plan.groups.iter().filter(|g| g.is_locked()).count();
    let counted_if_any = |n: usize, words: &str| match n {
        0 => String::new(),
        n => format!(", {n} {words}"),
    };
    let others = counted_if_any(late, "without time") + &counted_if_any(locked, "locked");
    if refused < plan.groups.len() {
        lines.extend(timeline(plan, width));
        lines.push(String::new());
    }
    lines.extend(wrapped(
        "",
        &format!(
            "{}: {} to work on, {refused} refused{others}. Planned for {} at {}; nothing was changed.",
            counted(plan.groups.len(), "group"),
            plan.groups.len() - refused - late - locked,
            place(&plan.region, plan.account.as_deref()),
            plan.planned_at.format("%Y-%m-%d %H:%M:%S UTC"),
        ),
        width,
    ));
    if refused < plan.groups.len() {
        lines.extend(wrapped("", basis(plan), width));
    }
    lines.extend(cost_lines("cost at most: ", plan.cost.as_ref(), width));
    let refusal = |g: &'_ PlannedGroup| g.refusal.clone().or(g.misfit.clone());
    let refusals = plan.groups.iter().filter_map(refusal);
    lines.extend(remedies(
        refusals.map(|f| f.code),
        plan.pages_url.as_deref(),
        width,
    ));
    lines.extend(warnings(&plan.warnings, width));
    joined(lines)
}

/// When each wave would start and end, and how many of its groups would find no time.
fn timeline(plan: &PlanReport, width: u16) -> Vec<String> {
    let columns = ["wave", "groups", "starts", "ends", "without time"].map(fixed);
    let mut waves: BTreeMap<i32, Vec<&PlannedGroup>> = BTreeMap::new();
    for group in plan.groups.iter().filter(|g| g.refusal.is_none()) {
        waves.entry(group.wave).or_default().push(group);
    }
    let rows = waves.iter().map(|(wave, groups)| {
        let starts = groups.iter().filter_map(|g| g.starts_at).min();
        let ends = groups.iter().filter_map(|g| g.ends_at).max();
        let shown = |at: Option<_>| at.map_or("-".to_owned(), |at| time(at, plan));
        let late = groups.iter().filter(|g| g.is_late()).count();
        Row {
            cells: vec![
                wave.to_string(),
                groups.len().to_string(),
                shown(starts),
                shown(ends),
                if late == 0 {
                    "-".to_owned()
                } else {
                    late.to_string()
                },
            ],
            below: Vec::new(),
        }
    });
    let mut lines = Grid::new(&columns, rows.collect()).lines(width);
    let at_once = match plan.max_in_flight {
        Some(most) => format!("at most {} at once", counted(most, "group")),
        None => "any number of groups at once".to_owned(),
    };
    let window = format!(
        "Window: {} to {} UTC, nothing starts after {}; {at_once}.",
        time(plan.window.start, plan),
        time(plan.window.deadline, plan),
        time(plan.window.cutoff, plan),
    );
    lines.extend(wrapped("", &window, width));
    lines
}

/// The time of day; with the day if it is another one than that of the plan.
fn time(at: DateTime<Utc>, plan: &PlanReport) -> String {
    let format = match at.date_naive() == plan.planned_at.date_naive() {
        true => "%H:%M",
        false => "%Y-%m-%d %H:%M",
    };
    at.format(format).to_string()
}

fn plan_grid(plan: &PlanReport, style: Style) -> Grid {
    let columns = [
        fixed("wave"),
        flexible("group", style.least(10)),
        fixed("capacity"),
        flexible("version", style.least(11)),
        fixed("image"),
        fixed("bake"),
        fixed("takes"),
        fixed("what"),
    ];
    let rows = plan
        .groups
        .iter()
        .map(|g| plan_row(g, plan.operation, style));
    Grid::new(&columns, rows.collect())
}

fn minutes(group: &PlannedGroup) -> u64 {
    group.estimate_seconds.div_ceil(60)
}

/// Where the expected times come from.
fn basis(plan: &PlanReport) -> &'static str {
    if plan.groups.iter().any(|g| g.budget.is_measured()) {
        "Times with * were measured in an earlier run, those without are defaults."
    } else {
        "Times are defaults: no earlier run has measured any."
    }
}

fn plan_row(group: &PlannedGroup, operation: Operation, style: Style) -> Row {
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
            group.what(operation).to_owned(),
        ],
        below,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::tests::at_widths;
    use super::plan_table;
    use crate::group::budget::{Basis, Budget, Part};
    use crate::group::{Code, Failure, Phase};
    use crate::report::{Cost, PlanReport, PlannedGroup, sample};
    use crate::request::Operation;
    use crate::schedule::Window;

    #[test]
    fn the_cost_of_a_plan_is_the_most_that_it_comes_to() {
        let cost = Cost {
            unknown_type_seconds: 1_005,
            ..Cost::default()
        };
        let plan = PlanReport {
            region: "eu-west-1".into(),
            account: None,
            pages_url: None,
            cost: Some(cost),
            planned_at: sample::at(0),
            window: Window {
                start: sample::at(0),
                deadline: sample::at(10_800),
                cutoff: sample::at(7_200),
            },
            operation: Operation::Install,
            max_in_flight: None,
            groups: Vec::new(),
            warnings: Vec::new(),
        };
        let text = plan_table(&plan, 120);
        let line = "cost at most: instances of a type not known for 16m 45s.";
        assert!(text.lines().any(|l| l == line), "{text}");
    }

    #[test]
    fn a_plan_as_a_table() {
        let planned = |name: &str, bakes, from, refusal| PlannedGroup {
            group: name.into(),
            capacity: sample::capacity(0, 4, 0),
            pins: vec!["web:$Latest (3)".into()],
            image: Some("ami-0a1b2c3d4e5f60718".into()),
            instance_type: Some("t3.large".into()),
            platform: None,
            image_age_days: None,
            reverted_from: None,
            place: Default::default(),
            image_gib: Some(8),
            bake_key: Some("lt-0abc:3".into()),
            version: Some("3".into()),
            bakes,
            wave: 0,
            estimate_seconds: 2400,
            budget: Budget(vec![Part {
                phase: Phase::Patching,
                seconds: 2400,
                from,
            }]),
            starts_at: Some(sample::at(0)),
            ends_at: Some(sample::at(2400)),
            misfit: None,
            refusal,
            notes: Vec::new(),
        };
        let refusal = Failure::plain(Code::LaunchConfiguration);
        let plan = PlanReport {
            region: "eu-west-1".into(),
            account: None,
            pages_url: None,
            cost: None,
            planned_at: sample::at(0),
            window: Window {
                start: sample::at(0),
                deadline: sample::at(10_800),
                cutoff: sample::at(7_200),
            },
            operation: Operation::Install,
            max_in_flight: Some(25),
            groups: vec![
                planned("web-nightly-frankfurt", true, Basis::Measured, None),
                planned("web-weekly", false, Basis::Default, None),
                PlannedGroup {
                    wave: 1,
                    starts_at: None,
                    ends_at: None,
                    misfit: Some(Failure::new(Code::DoesNotFit, "it needs about 60 min")),
                    ..planned("slow", true, Basis::Default, None)
                },
                planned("legacy", true, Basis::Default, Some(refusal)),
            ],
            warnings: vec!["a warning".into()],
        };
        let [text, narrow] = at_widths(|width| plan_table(&plan, width));
        expect![[r#"
            wave  group                  capacity  version          image                  bake       takes  what
            ────────────────────────────────────────────────────────────────────────────────────────────────────────
            0     web-nightly-frankfurt  0-4-0     web:$Latest (3)  ami-0a1b2c3d4e5f60718  lt-0abc:3  40m*   bakes
            0     web-weekly             0-4-0     web:$Latest (3)  ami-0a1b2c3d4e5f60718  lt-0abc:3  40m    shares
            1     slow                   0-4-0     web:$Latest (3)  ami-0a1b2c3d4e5f60718  lt-0abc:3  40m    no time
              AP-0201 it needs about 60 min
            0     legacy                 0-4-0     web:$Latest (3)  ami-0a1b2c3d4e5f60718  lt-0abc:3  -      refused
              AP-0101 the group uses a launch configuration

            wave  groups  starts  ends   without time
            ─────────────────────────────────────────
            0     2       04:00   04:40  -
            1     1       -       -      1
            Window: 04:00 to 07:00 UTC, nothing starts after 06:00; at most 25 groups at once.

            4 groups: 2 to work on, 1 refused, 1 without time. Planned for eu-west-1 at 2026-10-14 04:00:00 UTC; nothing was
            changed.
            Times with * were measured in an earlier run, those without are defaults.
            AP-0101 the group uses a launch configuration. What to do: move the group to a launch template (a launch configuration
                    cannot be changed), then run again. More: asg-patch explain AP-0101
            AP-0201 the group would not be restored before the window's deadline. What to do: lengthen the window, shorten --cutoff,
                    raise --max-in-flight, or move the group to an earlier wave. More: asg-patch explain AP-0201
            warning: a warning
        "#]].assert_eq(&text);
        expect![[r#"
            wave  group         capacity  version      image          bake    takes  what
            ────────────────────────────────────────────────────────────────────────────────
            0     web-nightly-  0-4-0     web:$Latest  ami-0a1b…0718  lt-0ab  40m*   bakes
                  frankfurt               (3)
            0     web-weekly    0-4-0     web:$Latest  ami-0a1b…0718  lt-0ab  40m    shares
                                          (3)
            1     slow          0-4-0     web:$Latest  ami-0a1b…0718  lt-0ab  40m    no time
                                          (3)
              AP-0201 it needs about 60 min
            0     legacy        0-4-0     web:$Latest  ami-0a1b…0718  lt-0ab  -      refused
                                          (3)
              AP-0101 the group uses a launch configuration

            wave  groups  starts  ends   without time
            ─────────────────────────────────────────
            0     2       04:00   04:40  -
            1     1       -       -      1
            Window: 04:00 to 07:00 UTC, nothing starts after 06:00; at most 25 groups at
            once.

            4 groups: 2 to work on, 1 refused, 1 without time. Planned for eu-west-1 at
            2026-10-14 04:00:00 UTC; nothing was changed.
            Times with * were measured in an earlier run, those without are defaults.
            AP-0101 the group uses a launch configuration. What to do: move the group to a
                    launch template (a launch configuration cannot be changed), then run
                    again. More: asg-patch explain AP-0101
            AP-0201 the group would not be restored before the window's deadline. What to
                    do: lengthen the window, shorten --cutoff, raise --max-in-flight, or
                    move the group to an earlier wave. More: asg-patch explain AP-0201
            warning: a warning
        "#]]
        .assert_eq(&narrow);
    }
}
