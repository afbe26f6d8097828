//! The table of patch windows.

use super::grid::{Grid, Row, wrapped};
use super::{Style, best, fixed, flexible, joined, or_dash};
use crate::report::format::place;
use crate::report::windows::{WindowReport, WindowsReport};
use crate::text::{counted, duration, plain_text};

/// The table of patch windows: what each takes and when it opens, then what is wrong. `width` is in columns.
pub fn windows_table(report: &WindowsReport, width: u16) -> String {
    let mut lines = Vec::new();
    if !report.windows.is_empty() {
        lines = best(width, |style| grid(report, style));
        lines.push(String::new());
    }
    let sentence = format!(
        "{} in {} at {}, {}.",
        counted(report.windows.len(), "window"),
        place(&report.region, report.account.as_deref()),
        report.read_at.format("%Y-%m-%d %H:%M:%S UTC"),
        match report.troubles.len() {
            0 => "nothing is wrong".to_owned(),
            n => format!("{} to look at", counted(n, "problem")),
        },
    );
    lines.extend(wrapped("", &sentence, width));
    let unread = report.unread.iter();
    lines.extend(unread.flat_map(|t| wrapped("warning: ", &plain_text(t), width)));
    let troubles = report.troubles.iter();
    lines.extend(troubles.flat_map(|t| wrapped("problem: ", &plain_text(t), width)));
    joined(lines)
}

fn grid(report: &WindowsReport, style: Style) -> Grid {
    let mut columns = vec![
        flexible("window", style.least(12)),
        fixed("opens (UTC)"),
        fixed("length"),
        fixed("groups"),
        fixed("takes"),
    ];
    let is_whole = style != Style::Narrow;
    if is_whole {
        columns.insert(2, fixed("local time"));
    }
    let rows = report.windows.iter().map(|w| row(w, is_whole));
    Grid::new(&columns, rows.collect())
}

fn row(window: &WindowReport, with_local: bool) -> Row {
    let of_openings = |text: &dyn Fn(&crate::report::OpeningReport) -> String| {
        let texts: Vec<String> = window.openings.iter().map(text).collect();
        match window.disabled {
            true => "disabled".to_owned(),
            false => or_dash(&texts.join("\n")).to_owned(),
        }
    };
    let mut cells = vec![
        plain_text(&window.window),
        of_openings(&|o| o.start.format("%Y-%m-%d %H:%M").to_string()),
        duration(window.seconds),
        window.groups.len().to_string(),
        window.takes_seconds.map_or("-".to_owned(), duration),
    ];
    if with_local {
        let local = match window.disabled {
            true => "-".to_owned(),
            false => of_openings(&|o| o.local.clone()),
        };
        cells.insert(2, local);
    }
    let mut below = vec![
        format!(
            "{} {}",
            plain_text(&window.schedule),
            plain_text(&window.time_zone)
        ),
        format!("source: {}", plain_text(&window.origin())),
    ];
    if !window.length_known {
        below.push(
            "its input names no length: this is the default, its stack may have another".into(),
        );
    }
    if !window.filters.is_empty() {
        below.push(format!("groups with {}", plain_text(&window.filters)));
    }
    below.extend(demands(window));
    below.extend(frozen(window));
    if let Some(owner) = &window.owner {
        below.push(format!("owner: {}", plain_text(owner)));
    }
    for (names, what) in [
        (&window.without_time, "no time for"),
        (&window.refused, "refused:"),
    ] {
        if !names.is_empty() {
            let names: Vec<String> = names.iter().map(|n| plain_text(n)).collect();
            below.push(format!("{what} {}", names.join(", ")));
        }
    }
    Row { cells, below }
}

/// The demands on a run before it begins: `its runs wait for: after = dev, of the last 7 days; a person's approval`.
fn demands(window: &WindowReport) -> Option<String> {
    let mut asked = Vec::new();
    if let Some(after) = &window.after {
        let days = window.after_days.map(|d| counted(d.into(), "day"));
        let days = days.map(|d| format!(", of the last {d}"));
        asked.push(format!(
            "after = {}{}",
            plain_text(after),
            days.unwrap_or_default()
        ));
    }
    if window.approval_required {
        asked.push("a person's approval".into());
    }
    if window.notice_required {
        asked.push("its notice".into());
    }
    (!asked.is_empty()).then(|| format!("its runs wait for: {}", asked.join("; ")))
}

/// The openings that a freeze lies over, a line for each reason.
fn frozen(window: &WindowReport) -> Vec<String> {
    let mut by_reason: Vec<(&str, Vec<String>)> = Vec::new();
    for opening in &window.openings {
        let Some(why) = opening.frozen.as_deref() else {
            continue;
        };
        let day = opening.start.format("%Y-%m-%d").to_string();
        match by_reason.iter_mut().find(|(known, _)| *known == why) {
            Some((_, days)) => days.push(day),
            None => by_reason.push((why, vec![day])),
        }
    }
    let line = |(why, days): &(&str, Vec<String>)| {
        format!("FROZEN {}: {}", days.join(", "), plain_text(why))
    };
    by_reason.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::tests::at_widths;
    use super::windows_table;
    use crate::report::sample;
    use crate::report::windows::{OpeningReport, WindowReport, WindowsReport};
    use crate::windows::WindowSource;

    #[test]
    fn windows_as_a_table() {
        let opening = |days: i64, local: &str| OpeningReport {
            start: sample::at(days * 86_400),
            deadline: sample::at(days * 86_400 + 21_600),
            local: local.into(),
            frozen: (days > 30).then(|| "holidays (from November until January)".into()),
        };
        let report = WindowsReport {
            region: "eu-west-1".into(),
            account: Some("123456789012".into()),
            read_at: sample::at(0),
            windows: vec![WindowReport {
                window: "database-server".into(),
                sources: vec![WindowSource::File],
                disabled: false,
                length_known: true,
                schedule: "cron(0 6 ? * THU#3 *)".into(),
                time_zone: "Europe/Berlin".into(),
                owner: Some("data platform".into()),
                filters: "Patch Group=Database Server".into(),
                seconds: 21_600,
                after: Some("dev".into()),
                after_days: Some(7),
                approval_required: true,
                notice_required: false,
                openings: vec![
                    opening(1, "Thu 2026-10-15 06:00 CEST"),
                    opening(36, "Thu 2026-11-19 05:00 CET"),
                ],
                groups: vec!["orders-db".into(), "legacy-db".into()],
                takes_seconds: Some(1_500),
                without_time: Vec::new(),
                refused: vec!["legacy-db".into()],
            }],
            unreadable: Vec::new(),
            unread: vec![
                "schedules of EventBridge Scheduler may not be read: AccessDeniedException".into(),
            ],
            troubles: vec!["forgotten opted in, and no window takes it".into()],
        };
        let [text, narrow] = at_widths(|width| windows_table(&report, width));
        expect![[r#"
            window           opens (UTC)       local time                 length  groups  takes
            ─────────────────────────────────────────────────────────────────────────────────────
            database-server  2026-10-15 04:00  Thu 2026-10-15 06:00 CEST  6h 00m  2       25m 00s
                             2026-11-19 04:00  Thu 2026-11-19 05:00 CET
              cron(0 6 ? * THU#3 *) Europe/Berlin
              source: the file
              groups with Patch Group=Database Server
              its runs wait for: after = dev, of the last 7 days; a person's approval
              FROZEN 2026-11-19: holidays (from November until January)
              owner: data platform
              refused: legacy-db

            1 window in eu-west-1 of account 123456789012 at 2026-10-14 04:00:00 UTC, 1 problem to look at.
            warning: schedules of EventBridge Scheduler may not be read: AccessDeniedException
            problem: forgotten opted in, and no window takes it
        "#]].assert_eq(&text);
        expect![[r#"
            window           opens (UTC)       length  groups  takes
            ──────────────────────────────────────────────────────────
            database-server  2026-10-15 04:00  6h 00m  2       25m 00s
                             2026-11-19 04:00
              cron(0 6 ? * THU#3 *) Europe/Berlin
              source: the file
              groups with Patch Group=Database Server
              its runs wait for: after = dev, of the last 7 days; a person's approval
              FROZEN 2026-11-19: holidays (from November until January)
              owner: data platform
              refused: legacy-db

            1 window in eu-west-1 of account 123456789012 at 2026-10-14 04:00:00 UTC, 1
            problem to look at.
            warning: schedules of EventBridge Scheduler may not be read:
                     AccessDeniedException
            problem: forgotten opted in, and no window takes it
        "#]]
        .assert_eq(&narrow);
    }
}
