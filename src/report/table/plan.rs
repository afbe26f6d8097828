//! The table of a plan.

use super::grid::{Grid, Row, wrapped};
use super::{Style, best, cost_lines, fixed, flexible, joined, notes, or_dash, remedies, warnings};
use crate::report::{PlanReport, PlannedGroup};
use crate::text::{counted, plain_text};

/// The table of a plan: what a run would do with each group. `width` is in columns.
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
    let rows = plan.groups.iter().map(|g| plan_row(g, style));
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

fn plan_row(group: &PlannedGroup, style: Style) -> Row {
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
            group.what().to_owned(),
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

    #[test]
    fn the_cost_of_a_plan_is_the_most_that_it_comes_to() {
        let cost = Cost {
            unknown_type_seconds: 1_005,
            ..Cost::default()
        };
        let plan = PlanReport {
            region: "eu-west-1".into(),
            pages_url: None,
            cost: Some(cost),
            planned_at: sample::at(0),
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
            misfit: None,
            refusal,
            notes: Vec::new(),
        };
        let refusal = Failure::plain(Code::LaunchConfiguration);
        let plan = PlanReport {
            region: "eu-west-1".into(),
            pages_url: None,
            cost: None,
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
        let [text, narrow] = at_widths(|width| plan_table(&plan, width));
        expect![[r#"
            wave  group                  capacity  version          image                  bake       takes  what
            ─────────────────────────────────────────────────────────────────────────────────────────────────────────
            0     web-nightly-frankfurt  0-4-0     web:$Latest (3)  ami-0a1b2c3d4e5f60718  lt-0abc:3  40m*   bakes
            0     web-weekly             0-4-0     web:$Latest (3)  ami-0a1b2c3d4e5f60718  lt-0abc:3  40m    shares
            0     slow                   0-4-0     web:$Latest (3)  ami-0a1b2c3d4e5f60718  lt-0abc:3  40m    too long
              AP-0201 it needs about 60 min
            0     legacy                 0-4-0     web:$Latest (3)  ami-0a1b2c3d4e5f60718  lt-0abc:3  -      refused
              AP-0101 the group uses a launch configuration

            4 groups: 2 to work on, 1 refused, 1 too long for the window. Planned for eu-west-1 at 2026-10-14 04:00:00 UTC; nothing
            was changed.
            Times with * were measured in an earlier run, those without are defaults.
            AP-0101 the group uses a launch configuration. What to do: move the group to a launch template (a launch configuration
                    cannot be changed), then run again. More: asg-patch explain AP-0101
            AP-0201 the group would not be restored before the window's deadline. What to do: lengthen the window, or move the group
                    to an earlier wave. More: asg-patch explain AP-0201
            warning: a warning
        "#]].assert_eq(&text);
        expect![[r#"
            wave  group        capacity  version      image          bake    takes  what
            ────────────────────────────────────────────────────────────────────────────────
            0     web-nightly  0-4-0     web:$Latest  ami-0a1b…0718  lt-0ab  40m*   bakes
                  -frankfurt             (3)
            0     web-weekly   0-4-0     web:$Latest  ami-0a1b…0718  lt-0ab  40m    shares
                                         (3)
            0     slow         0-4-0     web:$Latest  ami-0a1b…0718  lt-0ab  40m    too long
                                         (3)
              AP-0201 it needs about 60 min
            0     legacy       0-4-0     web:$Latest  ami-0a1b…0718  lt-0ab  -      refused
                                         (3)
              AP-0101 the group uses a launch configuration

            4 groups: 2 to work on, 1 refused, 1 too long for the window. Planned for
            eu-west-1 at 2026-10-14 04:00:00 UTC; nothing was changed.
            Times with * were measured in an earlier run, those without are defaults.
            AP-0101 the group uses a launch configuration. What to do: move the group to a
                    launch template (a launch configuration cannot be changed), then run
                    again. More: asg-patch explain AP-0101
            AP-0201 the group would not be restored before the window's deadline. What to
                    do: lengthen the window, or move the group to an earlier wave. More:
                    asg-patch explain AP-0201
            warning: a warning
        "#]]
        .assert_eq(&narrow);
    }
}
