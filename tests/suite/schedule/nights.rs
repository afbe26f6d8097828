//! Nights on which the clock is changed.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Case, Length, PLAIN, check, fleet};

/// Prime, as the other stride; for the nights on which clocks change.
const NIGHT_STRIDE: usize = 13;

/// Nights on which the clock is changed, in UTC the moment of the change.
const NIGHTS: [(&str, &str); 4] = [
    ("Europe/Berlin", "2026-10-25T01:00:00Z"),
    ("Europe/Berlin", "2027-03-28T01:00:00Z"),
    ("America/New_York", "2026-11-01T06:00:00Z"),
    ("America/New_York", "2027-03-14T07:00:00Z"),
];

#[test]
fn the_clock_changes_in_the_window() {
    let long = Length {
        name: "long",
        group: "behaviour = { install = { seconds = 5400 } }",
        ..PLAIN
    };
    let restored = Length {
        name: "dies and is restored hours later",
        dies: Some((5, 200)),
        ..PLAIN
    };
    let mut cases = Vec::new();
    for (zone, change) in NIGHTS {
        let change: DateTime<Utc> = change.parse().expect("a time");
        for length in [long, restored] {
            for before in [100, 40, 10] {
                // Every half hour of wall-clock time around the change, be it skipped or repeated.
                for (hour, minute) in (0..5).flat_map(|h| [(h, 0), (h, 30)]) {
                    for (group, capacity) in
                        [(0, "min = 1, desired = 2"), (2, "min = 0, desired = 0")]
                    {
                        let actions = [format!(
                            "{{ name = \"a\", {capacity}, recurrence = \"{minute} {hour} * * 0\", time_zone = \"{zone}\" }}"
                        )];
                        let start = change - TimeDelta::minutes(before);
                        cases.push(Case {
                            name: format!("{zone} {change}: {hour}:{minute:02} {capacity} | {} from {before} min before", length.name),
                            text: fleet(start, group, &length, &actions),
                            length,
                        });
                    }
                }
            }
        }
    }
    check("nights on which the clock changes", cases, NIGHT_STRIDE);
}
