//! What a group's scheduled actions would have done meanwhile.
//!
//! Auto Scaling loses the actions that fall due while `ScheduledActions` is suspended. Replaying
//! them over the recorded capacity gives the capacity that the group must be restored with. What was
//! listed when the group was recorded counts first: AWS forgets a one-time action once its time has
//! passed, and of a recurring one it may afterwards show the next run in the place of the first.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::capacity::Capacity;
use super::error::ScheduleError;
use super::unix::UnixCron;

/// A recurrence has set what it sets again since: longer ago than a month of any length it is not
/// looked at. A record that is years old (or says so) could not be worked through otherwise.
const RECURRENCES_COUNT_FOR: TimeDelta = TimeDelta::days(32);

/// A scheduled action, as `DescribeScheduledActions` tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduledAction {
    /// Its name, unique in its group.
    pub name: String,
    /// A cron expression; without it the action runs once, at `start_time`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recurrence: Option<String>,
    /// The IANA zone of the recurrence; UTC if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// The first run, or as AWS seems to show it for a recurrence: the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<DateTime<Utc>>,
    /// From here on it does not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time: Option<DateTime<Utc>>,
    /// The MinSize that it sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<i32>,
    /// The MaxSize that it sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<i32>,
    /// The DesiredCapacity that it sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<i32>,
}

/// When an action was listed, which decides what its `StartTime` tells of earlier runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listed {
    /// Before the time that is asked about: be `StartTime` the first run or the next one, nothing
    /// runs before it.
    Before,
    /// At the end of that time: see [`ScheduledAction::recurs_from`].
    After,
}

impl ScheduledAction {
    /// When it runs after `after` and up to and including `until`, in order. It must have been listed
    /// at `after` or before.
    ///
    /// # Errors
    /// Its recurrence or time zone cannot be understood.
    pub fn runs_between(
        &self,
        after: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<DateTime<Utc>>, ScheduleError> {
        self.runs(after, until, Listed::Before)
    }

    /// Whether it runs in that time, or would if its `StartTime` were only its next run.
    ///
    /// # Errors
    /// Its recurrence or time zone cannot be understood.
    pub fn may_run_between(
        &self,
        after: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<bool, ScheduleError> {
        let always = Self {
            start_time: None,
            ..self.clone()
        };
        Ok(!self.runs_between(after, until)?.is_empty()
            || !always.runs_between(after, until)?.is_empty())
    }

    fn runs(
        &self,
        after: DateTime<Utc>,
        until: DateTime<Utc>,
        listed: Listed,
    ) -> Result<Vec<DateTime<Utc>>, ScheduleError> {
        let in_range = |at: &DateTime<Utc>| after < *at && *at <= until;
        let mut runs: Vec<DateTime<Utc>> = self.start_time.filter(in_range).into_iter().collect();
        if let Some((cron, zone)) = self.cron()? {
            let from = match listed {
                Listed::Before => self.start_time,
                Listed::After => self.recurs_from(&cron, zone, until),
            };
            let earliest = until.checked_sub_signed(RECURRENCES_COUNT_FOR);
            let after = earliest.map_or(after, |earliest| after.max(earliest));
            runs.extend(
                cron.fires_between(zone, after, until)
                    .into_iter()
                    .filter(|at| from.is_none_or(|from| from <= *at)),
            );
        }
        runs.retain(|at| self.end_time.is_none_or(|end| *at < end));
        runs.sort_unstable();
        runs.dedup();
        Ok(runs)
    }

    /// Whether another listing of an action shows this one, unchanged: a recurring one may show
    /// another run by now.
    fn is_same(&self, other: &Self) -> bool {
        let shown_start = if self.recurrence.is_some() {
            self.start_time
        } else {
            other.start_time
        };
        *self
            == Self {
                start_time: shown_start,
                ..other.clone()
            }
    }

    /// When it runs next after `after`, as far as the calendar knows.
    ///
    /// # Errors
    /// Its recurrence or time zone cannot be understood.
    pub fn next_run(&self, after: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, ScheduleError> {
        let next = match (self.start_time.filter(|start| *start > after), self.cron()?) {
            (Some(start), _) => Some(start),
            (None, Some((cron, zone))) => cron.next_after(zone, after),
            (None, None) => None,
        };
        Ok(next.filter(|at| self.end_time.is_none_or(|end| *at < end)))
    }

    /// Before this time the recurrence of an action that was listed at `until` does not count.
    ///
    /// `StartTime` is either the first run, before which nothing runs, or merely the next run, which
    /// says nothing about those before it. It is taken for the latter if it is the very first time
    /// after `until` at which the recurrence fires: a wrong guess wakes a group one period early,
    /// the opposite guess would leave it asleep on a working day.
    fn recurs_from(
        &self,
        cron: &UnixCron,
        zone: Tz,
        until: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        self.start_time
            .filter(|start| *start <= until || cron.next_after(zone, until) != Some(*start))
    }

    /// Whether it can be understood.
    ///
    /// # Errors
    /// Its recurrence or time zone cannot be.
    pub fn check(&self) -> Result<(), ScheduleError> {
        self.cron().map(|_| ())
    }

    fn cron(&self) -> Result<Option<(UnixCron, Tz)>, ScheduleError> {
        let in_action = |source| ScheduleError::Action {
            action: self.name.clone(),
            source: Box::new(source),
        };
        let Some(recurrence) = &self.recurrence else {
            return Ok(None);
        };
        let cron = UnixCron::parse(recurrence).map_err(in_action)?;
        let zone = match &self.time_zone {
            Some(name) => name.parse().map_err(|_| {
                in_action(ScheduleError::TimeZone {
                    found: name.clone(),
                })
            })?,
            None => Tz::UTC,
        };
        Ok(Some((cron, zone)))
    }
}

/// A group's scheduled actions, listed twice.
#[derive(Clone, Copy, Debug)]
pub struct Listings<'a> {
    /// When the group was recorded.
    pub recorded: &'a [ScheduledAction],
    /// At the end of the time that is asked about; what was changed meanwhile counts as it is now.
    pub present: &'a [ScheduledAction],
}

impl<'a> Listings<'a> {
    fn each(self) -> impl Iterator<Item = (&'a ScheduledAction, Listed)> {
        let changed = move |r: &&ScheduledAction| {
            let now = self.present.iter().find(|p| p.name == r.name);
            now.is_some_and(|now| !r.is_same(now))
        };
        let is_new = move |p: &&ScheduledAction| {
            let before = self.recorded.iter().find(|r| r.name == p.name);
            before.is_none_or(|before| !before.is_same(p))
        };
        let recorded = self.recorded.iter().filter(move |r| !changed(r));
        let present = self.present.iter().filter(is_new);
        recorded
            .map(|action| (action, Listed::Before))
            .chain(present.map(|action| (action, Listed::After)))
    }
}

/// The runs after `after` and up to and including `until`, in time order; at the same time in the
/// order given. What cannot be understood keeps no other action from counting.
fn due(
    listings: Listings<'_>,
    after: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Vec<(DateTime<Utc>, &ScheduledAction)> {
    let mut due = Vec::new();
    for (action, listed) in listings.each() {
        let runs = action.runs(after, until, listed).unwrap_or_default();
        due.extend(runs.into_iter().map(|at| (at, action)));
    }
    due.sort_by_key(|(at, _)| *at);
    due
}

/// The capacity that a group has had until `until`, if it had `recorded` at `after` and was left to its
/// schedule: `recorded` first, the present ones last, without what changed nothing.
pub fn course(
    recorded: Capacity,
    listings: Listings<'_>,
    after: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Vec<Capacity> {
    let mut capacity = recorded;
    let mut course = vec![recorded];
    for (_, action) in due(listings, after, until) {
        let next = capacity.apply(action);
        if next != capacity {
            course.push(next);
            capacity = next;
        }
    }
    course
}

/// The last of a group's [`course`].
pub fn overlay(
    recorded: Capacity,
    listings: Listings<'_>,
    after: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Capacity {
    let course = course(recorded, listings, after, until);
    course.last().copied().unwrap_or(recorded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a test's time")
    }

    fn recurring(name: &str, recurrence: &str, desired: i32) -> ScheduledAction {
        ScheduledAction {
            name: name.into(),
            recurrence: Some(recurrence.into()),
            min: Some(desired),
            desired: Some(desired),
            ..ScheduledAction::default()
        }
    }

    fn runs(action: &ScheduledAction, after: &str, until: &str) -> Vec<String> {
        let runs = action.runs_between(at(after), at(until)).expect("valid");
        runs.iter()
            .map(|at| at.format("%dT%H:%M").to_string())
            .collect()
    }

    fn recorded(actions: &[ScheduledAction]) -> Listings<'_> {
        Listings {
            recorded: actions,
            present: &[],
        }
    }

    const ASLEEP: Capacity = Capacity {
        min: 0,
        max: 4,
        desired: 0,
    };

    #[test]
    fn a_group_whose_morning_came_meanwhile_is_restored_awake() {
        let actions = [
            recurring("morning", "0 7 * * MON-FRI", 2),
            recurring("evening", "0 19 * * MON-FRI", 0),
        ];
        let rows = [
            ("2026-10-06T02:00:00Z", "2026-10-06T06:59:59Z", "0-4-0"),
            // The end of the range counts, its beginning does not.
            ("2026-10-06T02:00:00Z", "2026-10-06T07:00:00Z", "2-4-2"),
            ("2026-10-06T07:00:00Z", "2026-10-06T07:30:00Z", "0-4-0"),
            ("2026-10-06T02:00:00Z", "2026-10-06T19:00:00Z", "0-4-0"),
            ("2026-10-06T02:00:00Z", "2026-10-07T08:00:00Z", "2-4-2"),
        ];
        for (after, until, expected) in rows {
            let capacity = overlay(ASLEEP, recorded(&actions), at(after), at(until));
            assert_eq!(capacity.to_string(), expected, "{after} to {until}");
        }
    }

    #[test]
    fn actions_due_at_once_run_in_the_order_given() {
        let actions = [
            recurring("first", "0 7 * * *", 1),
            recurring("second", "0 7 * * *", 3),
            recurring("earlier", "30 6 * * *", 2),
        ];
        let due = due(
            recorded(&actions),
            at("2026-10-06T00:00:00Z"),
            at("2026-10-06T12:00:00Z"),
        );
        let names: Vec<_> = due.iter().map(|(_, a)| a.name.clone()).collect();
        assert_eq!(names, ["earlier", "first", "second"]);
    }

    #[test]
    fn a_one_time_action_runs_at_its_start_only() {
        let action = ScheduledAction {
            start_time: Some(at("2026-10-06T03:00:00Z")),
            ..ScheduledAction::default()
        };
        assert_eq!(
            runs(&action, "2026-10-06T02:00:00Z", "2026-10-06T03:00:00Z"),
            ["06T03:00"]
        );
        assert!(runs(&action, "2026-10-06T03:00:00Z", "2026-10-07T03:00:00Z").is_empty());
    }

    #[test]
    fn a_recurrence_also_runs_at_its_start_and_not_before() {
        let action = ScheduledAction {
            start_time: Some(at("2026-10-06T07:15:00Z")),
            ..recurring("hourly", "0 * * * *", 1)
        };
        assert_eq!(
            runs(&action, "2026-10-06T05:00:00Z", "2026-10-06T09:00:00Z"),
            ["06T07:15", "06T08:00", "06T09:00"]
        );
        assert!(runs(&action, "2026-10-06T05:00:00Z", "2026-10-06T07:10:00Z").is_empty());
    }

    /// What the last column's listing tells of a day on which 07:00 fell due.
    #[test]
    fn a_start_that_is_merely_the_next_run_does_not_hide_the_missed_one() {
        let starting = |start: &str| ScheduledAction {
            start_time: Some(at(start)),
            ..recurring("morning", "0 7 * * *", 1)
        };
        let changed = |start: &str| ScheduledAction {
            max: Some(9),
            ..starting(start)
        };
        let (today, tomorrow, later) = (
            "2026-10-06T07:00:00Z",
            "2026-10-07T07:00:00Z",
            "2026-12-01T07:00:00Z",
        );
        let rows = [
            // It recurs; the next run is shown.
            (Some(starting(today)), Some(starting(tomorrow)), 1),
            (Some(starting("2026-01-01T07:00:00Z")), None, 1),
            // Its first run is tomorrow's, or one further ahead.
            (Some(starting(tomorrow)), Some(starting(tomorrow)), 0),
            (Some(starting(later)), Some(starting(later)), 0),
            // Off its time it runs too, and is not seen any more.
            (
                Some(starting("2026-10-06T06:55:00Z")),
                Some(starting(tomorrow)),
                2,
            ),
            // Put or changed meanwhile: a next run rather than a first one.
            (None, Some(starting(tomorrow)), 1),
            (Some(starting(tomorrow)), Some(changed(tomorrow)), 1),
            (Some(starting(today)), Some(changed(later)), 0),
        ];
        for (recorded, present, expected) in rows {
            let listings = Listings {
                recorded: recorded.as_slice(),
                present: present.as_slice(),
            };
            let until = at("2026-10-06T07:05:00Z");
            let runs = due(listings, at("2026-10-06T02:00:00Z"), until);
            assert_eq!(runs.len(), expected, "{listings:?}: {runs:?}");
        }
    }

    #[test]
    fn a_one_time_action_that_was_moved_runs_at_its_new_time() {
        let once = |start: &str| ScheduledAction {
            name: "once".into(),
            start_time: Some(at(start)),
            desired: Some(1),
            ..ScheduledAction::default()
        };
        let (recorded, present) = (
            [once("2026-10-06T03:00:00Z")],
            [once("2026-10-06T05:00:00Z")],
        );
        let capacity = |present: &[ScheduledAction]| {
            let listings = Listings {
                recorded: &recorded,
                present,
            };
            let (after, until) = (at("2026-10-06T02:00:00Z"), at("2026-10-06T04:00:00Z"));
            overlay(ASLEEP, listings, after, until).to_string()
        };
        assert_eq!(capacity(&[]), "0-4-1");
        assert_eq!(capacity(&present), "0-4-0");
    }

    #[test]
    fn nothing_runs_at_the_end_time_or_later() {
        let action = ScheduledAction {
            end_time: Some(at("2026-10-06T08:00:00Z")),
            ..recurring("hourly", "0 * * * *", 1)
        };
        assert_eq!(
            runs(&action, "2026-10-06T06:00:00Z", "2026-10-06T12:00:00Z"),
            ["06T07:00"]
        );
        assert_eq!(action.next_run(at("2026-10-06T07:00:00Z")), Ok(None));
    }

    #[test]
    fn the_zone_of_the_action_counts() {
        let action = ScheduledAction {
            time_zone: Some("Europe/London".into()),
            ..recurring("morning", "0 7 * * 1-5", 1)
        };
        assert_eq!(
            runs(&action, "2026-10-05T12:00:00Z", "2026-10-06T12:00:00Z"),
            ["06T06:00"]
        );
        let next = action.next_run(at("2026-10-23T12:00:00Z"));
        assert_eq!(next, Ok(Some(at("2026-10-26T07:00:00Z"))));
    }

    #[test]
    fn an_action_that_makes_no_sense_hides_no_other() {
        let actions = [
            recurring("broken", "0 25 * * *", 3),
            recurring("morning", "0 7 * * *", 2),
        ];
        let (after, until) = (at("2026-10-06T02:00:00Z"), at("2026-10-06T08:00:00Z"));
        let capacity = overlay(ASLEEP, recorded(&actions), after, until);
        assert_eq!(capacity.to_string(), "2-4-2");
    }

    #[test]
    fn a_wrong_action_is_named() {
        let mut action = recurring("night", "0 25 * * *", 1);
        let error = |action: &ScheduledAction| action.check().expect_err("invalid").to_string();
        assert_eq!(
            error(&action),
            "scheduled action `night`: cron expression `0 25 * * *`, field hour: expected 0-23, found `25`"
        );
        action.recurrence = Some("0 2 * * *".into());
        action.time_zone = Some("Europe/Atlantis".into());
        assert_eq!(
            error(&action),
            "scheduled action `night`: expected an IANA time zone such as `Europe/Berlin`, found `Europe/Atlantis`"
        );
    }
}
