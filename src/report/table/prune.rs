//! The table of a prune.

use super::grid::{Grid, Row, wrapped};
use super::{Style, best, fixed, flexible, joined};
use crate::report::format::place;
use crate::report::{PruneAction, PruneEntry, PruneReport};
use crate::text::{counted, moment, plain_text};

/// The table of what goes, what stays, and why. `width` is in columns.
pub fn prune_table(report: &PruneReport, width: u16) -> String {
    let mut lines = Vec::new();
    if !report.entries.is_empty() {
        lines = best(width, |style| grid(report, style));
        lines.push(String::new());
    }
    let images = report.entries.iter().filter(|e| e.image.is_some()).count();
    let alone = match report.entries.len() - images {
        0 => String::new(),
        n => format!(" and {} without an image", counted(n, "snapshot")),
    };
    let sentence = format!(
        "{}{alone} of runs in {} at {}: {}.",
        counted(images, "image"),
        place(&report.region, report.account.as_deref()),
        moment(report.read_at),
        report.tally(),
    );
    lines.extend(wrapped("", &sentence, width));
    if report.is_unread() {
        let sentence =
            "what could not be read may use an image, so the images stay that it may use";
        lines.extend(wrapped("warning: ", sentence, width));
    }
    lines.extend(next_step(report).iter().flat_map(|l| wrapped("", l, width)));
    joined(lines)
}

fn next_step(report: &PruneReport) -> Option<String> {
    let is_open = |action| report.of(action).next().is_some();
    if !report.applied && (is_open(PruneAction::Remove) || is_open(PruneAction::Deprecate)) {
        return Some("Nothing was changed. The same with --apply does it.".into());
    }
    if report.applied && is_open(PruneAction::Deprecate) {
        return Some(
            "To keep an image that was deprecated: aws ec2 disable-image-deprecation --image-id ID, and use it or \
             tag it asg-patch:keep-until with a time."
                .into(),
        );
    }
    None
}

fn grid(report: &PruneReport, style: Style) -> Grid {
    let mut columns = vec![
        fixed("image"),
        fixed("made"),
        fixed("GiB"),
        flexible("versions", style.least(12)),
        fixed("what"),
    ];
    if style != Style::Narrow {
        columns.push(fixed("by run"));
    }
    let rows = report.entries.iter().map(|e| row(report, e, style));
    Grid::new(&columns, rows.collect())
}

fn row(report: &PruneReport, entry: &PruneEntry, style: Style) -> Row {
    let versions: Vec<String> = entry.versions.iter().map(|v| plain_text(v)).collect();
    let what = match entry.done {
        Some(false) => "failed",
        // It was to be done, and the prune ended before.
        None => entry.action.word(false),
        Some(true) => entry.action.word(report.applied),
    };
    let made = entry.made_at;
    let mut cells = vec![
        style.id(entry.id()),
        made.map_or("-".to_owned(), |at| at.format("%Y-%m-%d").to_string()),
        entry.gib.to_string(),
        match versions.is_empty() {
            true => "-".to_owned(),
            false => versions.join("\n"),
        },
        what.to_owned(),
    ];
    if style != Style::Narrow {
        cells.push(plain_text(entry.run_id.as_deref().unwrap_or("-")));
    }
    let from = entry.deprecated_from.map(|at| match entry.action {
        PruneAction::Wait => format!("deprecated from {} on, and goes then", moment(at)),
        PruneAction::Deprecate => format!("deprecated from {} on", moment(at)),
        PruneAction::Keep | PruneAction::Remove => format!("deprecated since {}", moment(at)),
    });
    let alone = (entry.image.is_none() && entry.action == PruneAction::Remove)
        .then(|| "a snapshot whose image is gone".to_owned());
    let reasons = entry.reasons.iter().map(|r| plain_text(&r.text));
    let problem = entry.problem.as_deref().map(plain_text);
    Row {
        cells,
        below: reasons.chain(from).chain(alone).chain(problem).collect(),
    }
}
