//! Problems of windows, and of the groups that they take or do not take.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use super::opening::Opening;
use super::{PatchWindow, meant, upcoming};
use crate::ids::GroupName;
use crate::text::counted;

/// So far ahead windows are compared: every nth weekday of a month comes within it, whatever day it is today.
const AHEAD: TimeDelta = TimeDelta::days(70);
/// Openings closer than this are of one day.
const DAY: TimeDelta = TimeDelta::hours(24);
/// Maintenance windows that may run at the same time. Source: AWS General Reference, "Systems Manager endpoints and quotas".
const MAINTENANCE_WINDOWS_AT_ONCE: usize = 5;

/// Something to know before the night.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A window that never opens again.
    NeverOpens {
        /// Its name.
        window: String,
        /// Its schedule.
        expression: String,
    },
    /// The times at which it opens are not known.
    Unknown {
        /// Its name.
        window: String,
        /// Its schedule.
        expression: String,
    },
    /// A window that opens several times a day.
    OpensOften {
        /// Its name.
        window: String,
        /// Its schedule.
        expression: String,
        /// How often, on the first such day.
        times: usize,
        /// The first time.
        from: DateTime<Utc>,
        /// The last time.
        until: DateTime<Utc>,
    },
    /// AWS names another time than the schedule does.
    Disputed {
        /// Its name.
        window: String,
        /// When it opens next, as AWS says.
        next: DateTime<Utc>,
        /// When it would by its schedule.
        reckoned: Option<DateTime<Utc>>,
    },
    /// A group that no window takes, unless one that is disabled.
    NoWindow {
        /// Its name.
        group: GroupName,
        /// A window that would take it, and is disabled.
        disabled: Option<String>,
    },
    /// A group that two windows take at the same time: the second finds its record and leaves it alone.
    TwoWindows {
        /// The groups.
        groups: BTreeSet<GroupName>,
        /// The windows' names.
        windows: (String, String),
        /// When both are open for the first time.
        at: DateTime<Utc>,
    },
    /// A window that takes no group.
    NoGroup {
        /// Its name.
        window: String,
        /// Its selection.
        filters: String,
    },
    /// More maintenance windows at once than Systems Manager runs.
    TooManyAtOnce {
        /// Their names.
        windows: BTreeSet<String>,
        /// When they are open for the first time.
        at: DateTime<Utc>,
    },
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverOpens { window, expression } => {
                write!(f, "{window} never opens again: {expression}")
            }
            Self::Unknown { window, expression } => write!(
                f,
                "when {window} opens is not known: {expression} counts from a beginning that AWS does not report; name \
                 the time with cron(...)"
            ),
            Self::OpensOften {
                window,
                expression,
                times,
                from,
                until,
            } => {
                write!(
                    f,
                    "{window} opens {} within a day, from {} to {} UTC: {expression} fires at each of these hours, and of one day the \
                     early ones come first",
                    counted(*times, "time"),
                    from.format("%Y-%m-%d %H:%M"),
                    until.format("%H:%M"),
                )?;
                match meant(expression) {
                    Some((better, hours)) => write!(
                        f,
                        ". For one window of that length: schedule {better}, duration {hours}h"
                    ),
                    None => Ok(()),
                }
            }
            Self::Disputed {
                window,
                next,
                reckoned,
            } => {
                let time = |at: &DateTime<Utc>| at.format("%Y-%m-%d %H:%M UTC").to_string();
                let ours = reckoned.as_ref().map_or("never again".to_owned(), time);
                let next = time(next);
                write!(
                    f,
                    "{window} opens next at {next}, as AWS says, which is what counts; by its schedule it would open {ours}"
                )
            }
            Self::NoWindow {
                group,
                disabled: None,
            } => write!(f, "{group} opted in, and no window takes it"),
            Self::NoWindow {
                group,
                disabled: Some(window),
            } => write!(
                f,
                "{group} opted in, and no window takes it but {window}, which is disabled"
            ),
            Self::TwoWindows {
                groups,
                windows: (first, second),
                at,
            } => {
                let names: Vec<&str> = groups.iter().take(3).map(GroupName::as_str).collect();
                let more = match groups.len().saturating_sub(names.len()) {
                    0 => String::new(),
                    n => format!(" and {n} more"),
                };
                write!(
                    f,
                    "{first} and {second} are open at the same time ({} UTC), and both take {}{more}: the later one \
                     leaves a group alone that the other has begun",
                    at.format("%Y-%m-%d %H:%M"),
                    names.join(", ")
                )
            }
            Self::NoGroup { window, filters } => {
                write!(
                    f,
                    "{window} takes no group: none that opted in matches {filters}"
                )
            }
            Self::TooManyAtOnce { windows, at } => write!(
                f,
                "{} are open at {} UTC ({}); Systems Manager runs {MAINTENANCE_WINDOWS_AT_ONCE} at once and skips the rest",
                counted(windows.len(), "maintenance window"),
                at.format("%Y-%m-%d %H:%M"),
                windows
                    .iter()
                    .map(String::as_str)
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        }
    }
}

/// Everything that is wrong with these windows, for these groups and their tags.
pub fn look_over(
    windows: &[PatchWindow],
    groups: &BTreeMap<GroupName, BTreeMap<String, String>>,
    now: DateTime<Utc>,
) -> Vec<Trouble> {
    let (windows, disabled): (Vec<&PatchWindow>, Vec<&PatchWindow>) =
        windows.iter().partition(|w| !w.state.is_disabled);
    let mut troubles: Vec<Trouble> = windows.iter().filter_map(|w| of_schedule(w, now)).collect();
    troubles.extend(windows.iter().filter_map(|w| disputed(w, now)));
    let taken: Vec<BTreeSet<&GroupName>> = windows.iter().map(|w| taken(w, groups)).collect();
    for (window, groups) in windows.iter().zip(&taken) {
        if groups.is_empty() {
            troubles.push(Trouble::NoGroup {
                window: window.name.clone(),
                filters: window.filters.to_string(),
            });
        }
    }
    let all: BTreeSet<&GroupName> = taken.iter().flatten().copied().collect();
    let free = groups.iter().filter(|(name, _)| !all.contains(name));
    troubles.extend(free.map(|(group, tags)| {
        let asleep = disabled.iter().find(|w| w.takes(group, tags));
        Trouble::NoWindow {
            group: group.clone(),
            disabled: asleep.map(|w| w.name.clone()),
        }
    }));
    troubles.extend(twice(&windows, &taken, now));
    troubles.extend(too_many(&windows, now));
    troubles
}

fn disputed(window: &PatchWindow, now: DateTime<Utc>) -> Option<Trouble> {
    let (next, reckoned) = window.disputed(now)?;
    Some(Trouble::Disputed {
        window: window.name.clone(),
        next,
        reckoned,
    })
}

/// The groups that a window takes.
fn taken<'a>(
    window: &PatchWindow,
    groups: &'a BTreeMap<GroupName, BTreeMap<String, String>>,
) -> BTreeSet<&'a GroupName> {
    let matching = groups
        .iter()
        .filter(|(name, tags)| window.takes(name, tags));
    matching.map(|(name, _)| name).collect()
}

fn of_schedule(window: &PatchWindow, now: DateTime<Utc>) -> Option<Trouble> {
    let (name, expression) = (window.name.clone(), window.expression.clone());
    let starts = window.openings(now).map(|o| o.window.start);
    let starts: Vec<DateTime<Utc>> = starts
        .take_while(|at| *at < now + AHEAD)
        .take(1_000)
        .collect();
    let Some(first) = starts.first() else {
        // One that opens rarely is none that never opens.
        return match window.openings(now).next() {
            Some(_) => None,
            None if window.schedule.is_rate() => Some(Trouble::Unknown {
                window: name,
                expression,
            }),
            None => Some(Trouble::NeverOpens {
                window: name,
                expression,
            }),
        };
    };
    let day: Vec<&DateTime<Utc>> = starts.iter().take_while(|at| **at - *first < DAY).collect();
    let last = *day.last()?;
    (day.len() > 1).then_some(Trouble::OpensOften {
        window: name,
        expression,
        times: day.len(),
        from: *first,
        until: *last,
    })
}

/// Pairs of windows that are open at the same time and take the same groups.
fn twice(
    windows: &[&PatchWindow],
    taken: &[BTreeSet<&GroupName>],
    now: DateTime<Utc>,
) -> Vec<Trouble> {
    let mut found = Vec::new();
    for (i, first) in windows.iter().enumerate() {
        for (j, second) in windows.iter().enumerate().skip(i + 1) {
            let (Some(a), Some(b)) = (taken.get(i), taken.get(j)) else {
                continue;
            };
            let both: BTreeSet<GroupName> = a.intersection(b).map(|g| (*g).clone()).collect();
            if both.is_empty() {
                continue;
            }
            if let Some(at) = meet(first, second, now) {
                found.push(Trouble::TwoWindows {
                    groups: both,
                    windows: (told_from(first, second), told_from(second, first)),
                    at,
                });
            }
        }
    }
    found
}

/// A window's name, with its source if another has the same name.
fn told_from(window: &PatchWindow, other: &PatchWindow) -> String {
    match window.name == other.name {
        true => format!("{} ({})", window.name, window.source),
        false => window.name.clone(),
    }
}

/// The first time at which both are open, as far as they are compared.
fn meet(first: &PatchWindow, second: &PatchWindow, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let until = now + AHEAD;
    let soon = |o: &Opening| o.window.start < until;
    let (mut a, mut b) = (
        first.openings(now).take_while(soon),
        second.openings(now).take_while(soon),
    );
    let (mut x, mut y) = (a.next()?, b.next()?);
    loop {
        if x.overlaps(&y) {
            return Some(x.window.start.max(y.window.start));
        }
        if x.window.start < y.window.start {
            x = a.next()?;
        } else {
            y = b.next()?;
        }
    }
}

fn too_many(windows: &[&PatchWindow], now: DateTime<Utc>) -> Option<Trouble> {
    let of_ssm: Vec<PatchWindow> = windows
        .iter()
        .filter(|w| w.schedule.is_maintenance_window())
        .map(|w| PatchWindow::clone(w))
        .collect();
    if of_ssm.len() <= MAINTENANCE_WINDOWS_AT_ONCE {
        return None;
    }
    let openings = upcoming(&of_ssm, now, 20);
    openings.iter().find_map(|(_, opening)| {
        let at = opening.window.start;
        let open = openings
            .iter()
            .filter(|(_, o)| o.window.start <= at && !o.window.is_over(at));
        let names: BTreeSet<String> = open.map(|(w, _)| w.name.clone()).collect();
        (names.len() > MAINTENANCE_WINDOWS_AT_ONCE)
            .then_some(Trouble::TooManyAtOnce { windows: names, at })
    })
}
