//! The table of past runs.

use super::grid::{Grid, Row};
use super::{Style, best, fixed, flexible, joined, warnings};
use crate::report::format::{WORST_FIRST, transition};
use crate::report::history::{History, PastGroup, PastRun};
use crate::text::{counted, plain_text};

/// The table of past runs: a row for each, or for each in which the group that was asked for took part. `width` is in
/// columns.
pub fn history_table(history: &History, width: u16) -> String {
    let mut lines = Vec::new();
    if !history.runs.is_empty() {
        lines = best(width, |style| match history.group {
            Some(_) => grid_of_group(history, style),
            None => grid_of_runs(history, style),
        });
        lines.push(String::new());
    }
    lines.push(format!("{}.", counted(history.runs.len(), "run")));
    lines.extend(warnings(&history.warnings, width));
    joined(lines)
}

fn grid_of_runs(history: &History, style: Style) -> Grid {
    let mut columns = vec![
        fixed("started (UTC)"),
        flexible("run", style.least(14)),
        flexible("groups", 16),
        fixed("patches"),
        flexible("asked by", 12),
    ];
    let whole = style != Style::Narrow;
    if whole {
        columns.insert(2, fixed("kind"));
        columns.insert(4, fixed("images"));
    }
    let rows = history.runs.iter().map(|run| {
        let patches: u32 = run.groups.iter().map(|g| g.patches).sum();
        let mut own = vec![outcomes(run), patches.to_string()];
        if whole {
            own.insert(0, run.kind.to_string());
            own.insert(2, run.images().to_string());
        }
        row(run, own)
    });
    Grid::new(&columns, rows.collect())
}

fn grid_of_group(history: &History, style: Style) -> Grid {
    let columns = [
        fixed("started (UTC)"),
        flexible("run", style.least(14)),
        flexible("outcome", 11),
        fixed("image"),
        fixed("patches"),
        flexible("asked by", 12),
    ];
    let rows = history.runs.iter().flat_map(|run| {
        run.groups.iter().map(move |group| {
            let cells = vec![
                ending(group),
                images(group, style),
                group.patches.to_string(),
            ];
            row(run, cells)
        })
    });
    Grid::new(&columns, rows.collect())
}

fn row(run: &PastRun, own: Vec<String>) -> Row {
    let mut cells = vec![
        run.started_at.format("%Y-%m-%d %H:%M").to_string(),
        plain_text(&run.run_id),
    ];
    cells.extend(own);
    cells.push(run.asked_by.as_deref().map_or("-".to_owned(), plain_text));
    let why = run
        .why
        .as_deref()
        .map(|why| format!("why: {}", plain_text(why)));
    let approved = run.approved.as_deref();
    let approved = approved.map(|by| format!("approved by {}", plain_text(by)));
    Row {
        cells,
        below: why.into_iter().chain(approved).collect(),
    }
}

/// `1 failed, 3 patched`, the worst first.
fn outcomes(run: &PastRun) -> String {
    let counts: Vec<String> = WORST_FIRST
        .into_iter()
        .filter_map(|outcome| match run.count(outcome) {
            0 => None,
            n => Some(format!("{n} {}", outcome.words())),
        })
        .collect();
    if counts.is_empty() {
        "none".into()
    } else {
        counts.join(", ")
    }
}

fn ending(group: &PastGroup) -> String {
    let words = group.outcome.words();
    let open = if group.left_open {
        ", NOT RESTORED"
    } else {
        ""
    };
    match group.code {
        Some(code) => format!("{words} {code}{open}"),
        None => format!("{words}{open}"),
    }
}

fn images(group: &PastGroup, style: Style) -> String {
    let id = |id: &Option<crate::ids::ImageId>| id.as_deref().map(|id| style.id(id));
    let (before, after) = (id(&group.image_before), id(&group.image_after));
    transition(before.as_deref(), after.as_deref(), style == Style::Narrow)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::tests::at_widths;
    use super::history_table;
    use crate::report::history::History;
    use crate::report::{RunReport, sample};

    fn history(group: Option<&str>) -> History {
        let earlier = RunReport {
            run_id: "cli-20260914T040000Z-77aa".into(),
            started_at: sample::at(-30 * 86_400),
            why: Some("CVE-2026-1234".into()),
            approved: Some("grace at 2026-09-14 03:50:00 UTC: as tested".into()),
            groups: vec![sample::patched("stuck")],
            ..sample::run()
        };
        let group = group.map(Into::into);
        History::of(vec![earlier, sample::run()], group.as_ref(), Vec::new())
    }

    #[test]
    fn the_history_of_all_groups() {
        let [text, _] = at_widths(|width| history_table(&history(None), width));
        expect![[r#"
            started (UTC)     run                        kind  groups                                      images  patches  asked by
            ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
            2026-10-14 04:00  cli-20261014T040000Z-ab12  run   1 failed, 1 rolled back, 1 skipped, 1       1       12       ada
                                                               patched, 1 already current
            2026-09-14 04:00  cli-20260914T040000Z-77aa  run   1 patched                                   1       12       ada
              why: CVE-2026-1234
              approved by grace at 2026-09-14 03:50:00 UTC: as tested

            2 runs.
        "#]].assert_eq(&text);
    }

    #[test]
    fn the_history_of_one_group() {
        let [text, narrow] = at_widths(|width| history_table(&history(Some("stuck")), width));
        expect![[r#"
            started (UTC)     run                     outcome       image                                          patches  asked by
            ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
            2026-10-14 04:00  cli-20261014T040000Z-a  failed        ami-0a1b2c3d4e5f60718                          0        ada
                              b12                     AP-0601, NOT
                                                      RESTORED
            2026-09-14 04:00  cli-20260914T040000Z-7  patched       ami-0a1b2c3d4e5f60718 → ami-0f9e8d7c6b5a40312  12       ada
                              7aa
              why: CVE-2026-1234
              approved by grace at 2026-09-14 03:50:00 UTC: as tested

            2 runs.
        "#]].assert_eq(&text);
        expect![[r#"
            started (UTC)     run             outcome       image          patches  asked by
            ────────────────────────────────────────────────────────────────────────────────
            2026-10-14 04:00  cli-20261014T0  failed        ami-0a1b…0718  0        ada
                              40000Z-ab12     AP-0601, NOT
                                              RESTORED
            2026-09-14 04:00  cli-20260914T0  patched       ami-0a1b…0718  12       ada
                              40000Z-77aa                   ami-0f9e…0312
              why: CVE-2026-1234
              approved by grace at 2026-09-14 03:50:00 UTC: as tested

            2 runs.
        "#]]
        .assert_eq(&narrow);
        assert_eq!(history_table(&history(Some("gone")), 80), "0 runs.\n");
    }
}
