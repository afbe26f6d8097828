//! A window that the file and AWS both have: what differs.

use chrono::{DateTime, TimeDelta, Utc};

use super::PatchWindow;
use crate::text::duration;

/// So far ahead openings are compared.
const AHEAD: TimeDelta = TimeDelta::days(70);

/// A sentence for each difference between a window of the file and AWS's of the same name. When a window opens is AWS's
/// business: the file's is corrected, or the stack is deployed with the file's.
pub fn twin(file: &PatchWindow, aws: &PatchWindow, now: DateTime<Utc>) -> Vec<String> {
    let mut found = Vec::new();
    let (name, source) = (&file.name, &aws.source);
    if aws.state.is_disabled {
        found.push(format!(
            "{name} is in the file, and AWS has it disabled ({source})"
        ));
    } else if let Some((ours, theirs)) = first_difference(file, aws, now) {
        found.push(format!(
            "{name}: the file says {ours}, AWS opens it {theirs} ({source})"
        ));
    }
    let lengths = |of: fn(&PatchWindow) -> TimeDelta| [seconds(of(file)), seconds(of(aws))];
    for (what, [ours, theirs]) in [
        ("duration", lengths(|w| w.duration)),
        ("cutoff", lengths(|w| w.cutoff)),
        ("flexible time", lengths(|w| w.flexible)),
        ("groups", [selection(file), selection(aws)]),
    ] {
        if ours != theirs {
            found.push(format!(
                "{name}: {what} {ours} in the file, {theirs} in AWS ({source})"
            ));
        }
    }
    found
}

/// The first opening that only one of them has, as each has it instead.
fn first_difference(
    file: &PatchWindow,
    aws: &PatchWindow,
    now: DateTime<Utc>,
) -> Option<(String, String)> {
    let until = now + AHEAD;
    let starts = |w: &PatchWindow| -> Vec<DateTime<Utc>> {
        let starts = w.openings(now).map(|o| o.window.start);
        starts.take_while(|at| *at < until).take(1_000).collect()
    };
    let (ours, theirs) = (starts(file), starts(aws));
    // Of a rate only the next opening is known.
    let known = match file.schedule.is_rate() || aws.schedule.is_rate() {
        true => ours.len().min(theirs.len()).min(1),
        false => ours.len().max(theirs.len()),
    };
    let place = (0..known).find(|n| ours.get(*n) != theirs.get(*n))?;
    let (a, b) = (ours.get(place).copied(), theirs.get(place).copied());
    let is_same_day = a.map(|t| t.date_naive()) == b.map(|t| t.date_naive());
    let shown = |at: Option<DateTime<Utc>>, with_day: bool| match at {
        Some(at) if with_day => at.format("%Y-%m-%d %H:%M UTC").to_string(),
        Some(at) => at.format("at %H:%M UTC").to_string(),
        None => "never again".to_owned(),
    };
    Some((shown(a, true), shown(b, !is_same_day)))
}

fn seconds(span: TimeDelta) -> String {
    duration(span.num_seconds().max(0).unsigned_abs())
}

fn selection(window: &PatchWindow) -> String {
    let mut parts: Vec<String> = window.groups.iter().map(ToString::to_string).collect();
    if !window.filters.is_empty() {
        parts.push(window.filters.to_string());
    }
    match parts.is_empty() {
        true => "all".to_owned(),
        false => parts.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::windows::{WindowSource, WindowState, WindowText};

    fn now() -> DateTime<Utc> {
        "2026-10-14T04:00:00Z".parse().unwrap()
    }

    fn window(schedule: &str, zone: &str, state: WindowState) -> PatchWindow {
        let text = WindowText {
            name: "w".into(),
            schedule: schedule.into(),
            time_zone: Some(zone.into()),
            state,
            ..WindowText::default()
        };
        PatchWindow::read(text).unwrap()
    }

    fn in_aws(schedule: &str, zone: &str, state: WindowState) -> PatchWindow {
        PatchWindow {
            source: WindowSource::Schedule {
                name: "default/w".into(),
                arn: "arn:w".into(),
            },
            ..window(schedule, zone, state)
        }
    }

    #[test]
    fn what_differs_is_said_and_what_only_looks_different_is_not() {
        let on = WindowState::default;
        let until = |day: &str| WindowState {
            until: Some(day.parse().unwrap()),
            ..on()
        };
        let off = WindowState {
            is_disabled: true,
            ..on()
        };
        let saturday = "cron(0 4 ? * SAT *)";
        let rows = [
            (in_aws(saturday, "UTC", on()), ""),
            // The same openings in other words.
            (in_aws("cron(0 4 ? * 7 *)", "Etc/UTC", on()), ""),
            (
                in_aws("cron(30 5 ? * SAT *)", "UTC", on()),
                "w: the file says 2026-10-17 04:00 UTC, AWS opens it at 05:30 UTC (schedule default/w)",
            ),
            // Until summer time ends, both are the same.
            (
                in_aws("cron(0 6 ? * SAT *)", "Europe/Berlin", on()),
                "w: the file says 2026-10-31 04:00 UTC, AWS opens it at 05:00 UTC (schedule default/w)",
            ),
            (
                in_aws("cron(0 4 ? * SUN *)", "UTC", on()),
                "w: the file says 2026-10-17 04:00 UTC, AWS opens it 2026-10-18 04:00 UTC (schedule default/w)",
            ),
            (
                in_aws(saturday, "UTC", until("2026-11-01T00:00:00Z")),
                "w: the file says 2026-11-07 04:00 UTC, AWS opens it never again (schedule default/w)",
            ),
            (
                in_aws(saturday, "UTC", off),
                "w is in the file, and AWS has it disabled (schedule default/w)",
            ),
        ];
        let file = window(saturday, "UTC", on());
        for (aws, expected) in rows {
            assert_eq!(twin(&file, &aws, now()).join("\n"), expected);
        }
    }

    #[test]
    fn settings_that_differ_are_said_one_by_one() {
        let file = window("cron(0 4 ? * SAT *)", "UTC", WindowState::default());
        let mut aws = in_aws("cron(0 4 ? * SAT *)", "UTC", WindowState::default());
        aws.duration = TimeDelta::hours(4);
        aws.flexible = TimeDelta::minutes(15);
        aws.groups = vec!["web".into()];
        assert_eq!(
            twin(&file, &aws, now()),
            [
                "w: duration 3h 00m in the file, 4h 00m in AWS (schedule default/w)",
                "w: flexible time 0s in the file, 15m 00s in AWS (schedule default/w)",
                "w: groups all in the file, web in AWS (schedule default/w)",
            ]
        );
    }
}
