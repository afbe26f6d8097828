//! The scheduled actions that a group missed, and the capacity that they lead to.
//!
//! Auto Scaling loses the actions that fall due while `ScheduledActions` is suspended. Replaying them
//! over the recorded capacity gives the capacity with which the group must be restored. The listing
//! from the time of the record counts first: AWS forgets a one-time action once its time has passed,
//! and may later show the next run of a recurring one in place of the first.

use chrono::{DateTime, Utc};

use super::action::{Listed, ScheduledAction};
use super::capacity::Capacity;

/// A group's scheduled actions, listed twice.
#[derive(Clone, Copy, Debug)]
pub struct Listings<'a> {
    /// When the group was recorded.
    pub recorded: &'a [ScheduledAction],
    /// At the end of the time that is asked about. An action that was changed in between counts as it
    /// is now.
    pub present: &'a [ScheduledAction],
}

/// A run of a scheduled action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step<'a> {
    /// When it is due.
    pub at: DateTime<Utc>,
    /// The action's name.
    pub action: &'a str,
    /// The group's capacity from then on.
    pub capacity: Capacity,
}

/// The runs of a group's scheduled actions until `until`, in time order, and where each leads to, if the group has
/// `recorded` at `after` and only its schedule changes it.
pub fn steps(
    recorded: Capacity,
    listings: Listings<'_>,
    after: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Vec<Step<'_>> {
    let mut capacity = recorded;
    let due = due(listings, after, until).into_iter();
    due.map(|(at, action)| {
        capacity = capacity.apply(action);
        Step {
            at,
            action: &action.name,
            capacity,
        }
    })
    .collect()
}

/// The capacities that a group goes through until `until`, if it has `recorded` at `after` and only
/// its schedule changes it: `recorded` first, the present one last, without repetitions.
pub fn course(
    recorded: Capacity,
    listings: Listings<'_>,
    after: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Vec<Capacity> {
    let mut course = vec![recorded];
    course.extend(
        steps(recorded, listings, after, until)
            .iter()
            .map(|s| s.capacity),
    );
    course.dedup();
    course
}

/// The last capacity of a group's [`course`].
pub fn overlay(
    recorded: Capacity,
    listings: Listings<'_>,
    after: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Capacity {
    let course = course(recorded, listings, after, until);
    course.last().copied().unwrap_or(recorded)
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

/// The runs after `after` and up to and including `until`, in time order; runs at the same time in the
/// order of the listings. An invalid action counts as one that never runs.
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

#[cfg(test)]
mod tests {
    use super::super::action::tests::{at, recurring};
    use super::*;

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

    /// Listed before and after a day's 07:00: how many runs count.
    #[test]
    fn a_start_that_is_only_the_next_run_does_not_hide_the_missed_one() {
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
            // The listing shows the next run of a recurrence.
            (Some(starting(today)), Some(starting(tomorrow)), 1),
            (Some(starting("2026-01-01T07:00:00Z")), None, 1),
            // Its first run is tomorrow or later.
            (Some(starting(tomorrow)), Some(starting(tomorrow)), 0),
            (Some(starting(later)), Some(starting(later)), 0),
            // It also ran at a start off its recurrence, which AWS no longer shows.
            (
                Some(starting("2026-10-06T06:55:00Z")),
                Some(starting(tomorrow)),
                2,
            ),
            // Created or changed in between: its start is the next run rather than the first.
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
    fn an_invalid_action_hides_no_other() {
        let actions = [
            recurring("broken", "0 25 * * *", 3),
            recurring("morning", "0 7 * * *", 2),
        ];
        let (after, until) = (at("2026-10-06T02:00:00Z"), at("2026-10-06T08:00:00Z"));
        let capacity = overlay(ASLEEP, recorded(&actions), after, until);
        assert_eq!(capacity.to_string(), "2-4-2");
    }
}
