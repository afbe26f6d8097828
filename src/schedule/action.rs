//! A group's scheduled action: when it runs.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::error::ScheduleError;
use super::unix::UnixCron;

/// Recurrences longer ago than the longest month do not count: each has set its values again since.
/// Without this limit, a record that is years old (or claims to be) could not be worked through.
const RECURRENCES_COUNT_FOR: TimeDelta = TimeDelta::days(32);

/// A scheduled action, as `DescribeScheduledActions` reports it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduledAction {
    /// Its name, unique in its group.
    pub name: String,
    /// A cron expression; without one the action runs once, at `start_time`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recurrence: Option<String>,
    /// The IANA zone of the recurrence; UTC if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// The first run; for a recurrence AWS may show the next run here instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<DateTime<Utc>>,
    /// From here on it does not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time: Option<DateTime<Utc>>,
    /// The MinSize that it sets; `None` leaves it as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<i32>,
    /// The MaxSize that it sets; `None` leaves it as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<i32>,
    /// The DesiredCapacity that it sets; `None` leaves it as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<i32>,
}

/// When an action was listed: this decides what its `StartTime` says about earlier runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    /// Before the time that is asked about: nothing runs before `StartTime`, whether it is the first
    /// run or the next one.
    Before,
    /// At the end of that time: see [`ScheduledAction::recurs_from`].
    After,
}

impl ScheduledAction {
    /// When it runs after `after` and up to and including `until`, in order, if it was listed at
    /// `after` or before.
    ///
    /// # Errors
    /// The recurrence or the time zone is invalid.
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
    /// The recurrence or the time zone is invalid.
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

    /// Checks that its recurrence and its time zone can be read.
    ///
    /// # Errors
    /// The recurrence or the time zone is invalid.
    pub fn check(&self) -> Result<(), ScheduleError> {
        self.cron().map(drop)
    }

    /// When it runs after `after` and up to and including `until`, in order.
    ///
    /// # Errors
    /// The recurrence or the time zone is invalid.
    pub(super) fn runs(
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

    /// Whether `other`, from another listing, is the same action, unchanged. A recurring action may
    /// show another run as its start.
    pub(super) fn is_same(&self, other: &Self) -> bool {
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

    /// The recurrence of an action that was listed at `until` does not count before this time.
    ///
    /// `StartTime` is either the first run, before which nothing runs, or only the next run, which
    /// says nothing about earlier ones. It is taken for the next run if it is the very first time
    /// after `until` at which the recurrence fires. A wrong guess wakes a group one period early; the
    /// opposite guess would leave it asleep on a working day.
    fn recurs_from(
        &self,
        cron: &UnixCron,
        zone: Tz,
        until: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        self.start_time
            .filter(|start| *start <= until || cron.next_after(zone, until) != Some(*start))
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::schedule) fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a test's time")
    }

    pub(in crate::schedule) fn recurring(
        name: &str,
        recurrence: &str,
        desired: i32,
    ) -> ScheduledAction {
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
        // The clocks change on the 25th.
        assert_eq!(
            runs(&action, "2026-10-23T12:00:00Z", "2026-10-26T12:00:00Z"),
            ["26T07:00"]
        );
    }

    #[test]
    fn an_invalid_action_is_named() {
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
