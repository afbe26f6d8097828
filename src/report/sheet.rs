//! Flat tables for spreadsheets and documents: every value whole, one row per thing.

use chrono::{DateTime, SecondsFormat, Utc};

use super::{History, PlanReport, PruneReport, RunReport, StatusReport, WindowsReport};
use crate::group::{Code, Failure};
use crate::report::format::worked_seconds;
use crate::text::plain_text;

/// A flat table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// The names of the columns.
    pub columns: &'static [&'static str],
    /// One cell per column, on one line each.
    pub rows: Vec<Vec<String>>,
}

impl Sheet {
    /// As comma-separated values (RFC 4180) with a header.
    ///
    /// # Errors
    /// The writer's; none occurs while it writes to memory.
    pub fn csv(&self) -> Result<String, csv::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(self.columns)?;
        for row in &self.rows {
            writer.write_record(row)?;
        }
        let bytes = writer.into_inner().map_err(|e| e.into_error())?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// As a Markdown table.
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let titles: Vec<String> = self.columns.iter().map(|c| (*c).to_owned()).collect();
        let mut text = line(&titles);
        text.push_str(&line(&vec!["---".to_owned(); titles.len()]));
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(|cell| markdown_cell(cell)).collect();
            text.push_str(&line(&cells));
        }
        text
    }
}

/// A cell in which nothing is markup.
fn markdown_cell(text: &str) -> String {
    let mut cell = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => cell.push_str("&amp;"),
            '<' => cell.push_str("&lt;"),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '~' => cell.extend(['\\', c]),
            _ => cell.push(c),
        }
    }
    cell
}

/// A value, or nothing.
pub(super) fn some<T: ToString>(value: Option<T>) -> String {
    value
        .map(|v| plain_text(&v.to_string()))
        .unwrap_or_default()
}

/// A time as JSON has it, to the second.
fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn listed(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|t| plain_text(t)).collect();
    texts.join("; ")
}

/// The groups of a run.
pub fn run_sheet(report: &RunReport) -> Sheet {
    let row = |g: &super::GroupReport| {
        vec![
            plain_text(&g.group),
            g.outcome.to_string(),
            some(g.code),
            some(g.image_before.as_deref()),
            some(g.image_after.as_deref()),
            some(g.version_before.as_deref()),
            some(g.version_after.as_deref()),
            some(g.missing_before),
            g.patches.installed.to_string(),
            g.patches.missing.to_string(),
            some(g.capacity_before),
            some(g.capacity_after),
            worked_seconds(g).to_string(),
            g.altered_seconds.to_string(),
            g.left_open.to_string(),
            plain_text(&g.reason),
            listed(&g.notes),
            some(g.evidence.as_ref().and_then(|e| e.baseline.as_deref())),
            listed(&g.fixed_cves()),
            plain_text(&report.run_id),
            some(report.asked_by.as_deref()),
            some(report.why.as_deref()),
            some(report.approved.as_deref()),
        ]
    };
    Sheet {
        columns: &[
            "group",
            "outcome",
            "code",
            "image_before",
            "image_after",
            "version_before",
            "version_after",
            "missing_before",
            "installed",
            "missing_after",
            "capacity_before",
            "capacity_after",
            "seconds",
            "altered_seconds",
            "left_open",
            "reason",
            "notes",
            "baseline",
            "fixed_cves",
            "run",
            "asked_by",
            "why",
            "approved",
        ],
        rows: report.groups.iter().map(row).collect(),
    }
}

/// The groups of a plan.
pub fn plan_sheet(plan: &PlanReport) -> Sheet {
    let row = |g: &super::PlannedGroup| {
        let failure: Option<&Failure> = g.refusal.as_ref().or(g.misfit.as_ref());
        vec![
            g.wave.to_string(),
            plain_text(&g.group),
            g.what(plan.operation).to_owned(),
            some(failure.map(|f| f.code)),
            g.capacity.to_string(),
            listed(&g.pins),
            some(g.image.as_deref()),
            some(g.bake_key.as_deref()),
            g.estimate_seconds.to_string(),
            g.budget.is_measured().to_string(),
            some(failure.map(|f| f.reason.as_str())),
            listed(&g.notes),
        ]
    };
    Sheet {
        columns: &[
            "wave", "group", "what", "code", "capacity", "versions", "image", "bake", "seconds",
            "measured", "reason", "notes",
        ],
        rows: plan.groups.iter().map(row).collect(),
    }
}

/// The opted-in groups as they are now. Records without such a group are rows without a capacity.
pub fn status_sheet(status: &StatusReport) -> Sheet {
    let groups = status.groups.iter().map(|g| {
        let record = g.record.as_ref();
        vec![
            plain_text(&g.group),
            g.capacity.to_string(),
            listed(&g.pins),
            some(g.image.as_deref()),
            some(g.image_age_days),
            some(g.patched_by_run.as_deref()),
            some(g.patched_at.map(time)),
            g.instances.to_string(),
            g.old_instances.to_string(),
            some(g.running),
            some(g.running_older),
            some(g.oldest_image_days),
            some(g.last_run.as_ref().map(|r| time(r.started_at))),
            some(g.last_run.as_ref().map(|r| r.outcome)),
            some(g.last_run.as_ref().map(|r| r.run_id.as_str())),
            some(record.map(|r| r.parameter.as_str())),
            some(record.and_then(|r| r.run_id.as_deref())),
            some(record.and_then(|r| r.run_alive)),
        ]
    });
    let strays = status.stray_records.iter().map(|r| {
        let mut row = vec![String::new(); 18];
        row[0] = some(r.group.as_deref());
        row[15].clone_from(&r.parameter);
        row[16] = some(r.run_id.as_deref());
        row[17] = some(r.run_alive);
        row
    });
    Sheet {
        columns: &[
            "group",
            "capacity",
            "versions",
            "image",
            "image_age_days",
            "patched_by_run",
            "patched_at",
            "instances",
            "old_instances",
            "running",
            "running_older",
            "oldest_image_days",
            "last_run_at",
            "last_outcome",
            "last_run",
            "open_record",
            "open_record_run",
            "run_alive",
        ],
        rows: groups.chain(strays).collect(),
    }
}

/// The decisions on the images of runs, one row per image or snapshot without one.
pub fn prune_sheet(report: &PruneReport) -> Sheet {
    let row = |e: &super::PruneEntry| {
        let reasons: Vec<String> = e.reasons.iter().map(|r| r.text.clone()).collect();
        let snapshots: Vec<String> = e.snapshots.iter().map(ToString::to_string).collect();
        vec![
            some(e.image.as_deref()),
            listed(&snapshots),
            plain_text(&e.name),
            some(e.run_id.as_deref()),
            some(e.made_at.map(time)),
            e.gib.to_string(),
            listed(&e.versions),
            e.action.to_string(),
            some(e.deprecated_from.map(time)),
            some(e.done),
            listed(&reasons),
            some(e.problem.as_deref()),
        ]
    };
    Sheet {
        columns: &[
            "image",
            "snapshots",
            "name",
            "run",
            "made_at",
            "gib",
            "versions",
            "action",
            "deprecated_from",
            "done",
            "reasons",
            "problem",
        ],
        rows: report.entries.iter().map(row).collect(),
    }
}

/// Past runs, one row per run and group.
pub fn history_sheet(history: &History) -> Sheet {
    let rows = history.runs.iter().flat_map(|run| {
        run.groups.iter().map(|g| {
            vec![
                time(run.started_at),
                plain_text(&run.run_id),
                run.kind.to_string(),
                plain_text(&run.region),
                plain_text(&g.group),
                g.outcome.to_string(),
                some(g.code),
                some(g.image_before.as_deref()),
                some(g.image_after.as_deref()),
                g.patches.to_string(),
                listed(&g.installed),
                some(run.asked_by.as_deref()),
                some(run.why.as_deref()),
                some(run.approved.as_deref()),
            ]
        })
    });
    Sheet {
        columns: &[
            "started_at",
            "run",
            "kind",
            "region",
            "group",
            "outcome",
            "code",
            "image_before",
            "image_after",
            "patches",
            "installed",
            "asked_by",
            "why",
            "approved",
        ],
        rows: rows.collect(),
    }
}

/// The openings of patch windows; a window that never opens is a row without a time.
pub fn windows_sheet(report: &WindowsReport) -> Sheet {
    let rows = report.windows.iter().flat_map(|w| {
        let opens = w.openings.iter().map(Some);
        let never = w.openings.is_empty().then_some(None);
        opens.chain(never).map(|opening| {
            vec![
                plain_text(&w.window),
                some(opening.map(|o| time(o.start))),
                some(opening.map(|o| time(o.deadline))),
                some(opening.map(|o| o.local.as_str())),
                w.schedule.clone(),
                w.time_zone.clone(),
                plain_text(&w.filters),
                w.groups.len().to_string(),
                some(w.takes_seconds),
                w.without_time.len().to_string(),
                w.refused.len().to_string(),
                some(w.owner.as_deref()),
                plain_text(&w.origin()),
                w.state().to_owned(),
                some(w.after.as_deref()),
                w.approval_required.to_string(),
                some(opening.and_then(|o| o.frozen.as_deref())),
            ]
        })
    });
    Sheet {
        columns: &[
            "window",
            "start",
            "deadline",
            "local",
            "schedule",
            "time_zone",
            "filters",
            "groups",
            "takes_seconds",
            "without_time",
            "refused",
            "owner",
            "source",
            "state",
            "after",
            "approval_required",
            "frozen",
        ],
        rows: rows.collect(),
    }
}

/// All codes.
pub fn codes_sheet() -> Sheet {
    let row = |code: &Code| {
        let texts = [code.as_str(), code.title(), code.remedy()];
        texts.map(str::to_owned).to_vec()
    };
    Sheet {
        columns: &["code", "meaning", "remedy"],
        rows: Code::ALL.iter().map(row).collect(),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::{Sheet, run_sheet};
    use crate::report::sample;

    #[test]
    fn separators_and_markup_stay_inside_their_cells() {
        let sheet = Sheet {
            columns: &["a", "b"],
            rows: vec![vec!["x, \"y\"".into(), "<b>|*z*".into()]],
        };
        expect![[r#"
            a,b
            "x, ""y""",<b>|*z*
        "#]]
        .assert_eq(&sheet.csv().unwrap());
        expect![[r#"
            | a | b |
            | --- | --- |
            | x, "y" | &lt;b>\|\*z\* |
        "#]]
        .assert_eq(&sheet.markdown());
    }

    #[test]
    fn every_row_has_a_cell_for_every_column() {
        let sheet = run_sheet(&sample::run());
        assert_eq!(sheet.rows.len(), 5);
        assert!(sheet.rows.iter().all(|r| r.len() == sheet.columns.len()));
    }
}
