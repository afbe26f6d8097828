//! The time in which groups may be touched.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::error::ScheduleError;

/// A window: from `start` until `deadline`, and nothing new from `cutoff` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Groups may be touched from then on.
    pub start: DateTime<Utc>,
    /// Every group is restored by then.
    pub deadline: DateTime<Utc>,
    /// No group is started from then on; not after `deadline`.
    pub cutoff: DateTime<Utc>,
}

impl Window {
    /// A window of `duration` that starts nothing in its last `cutoff`, like a maintenance window with
    /// Duration and Cutoff.
    ///
    /// # Errors
    /// The duration is not above zero, the cutoff is negative or not shorter than the duration, or the
    /// end lies beyond the calendar.
    pub fn lasting(
        start: DateTime<Utc>,
        duration: TimeDelta,
        cutoff: TimeDelta,
    ) -> Result<Self, ScheduleError> {
        if duration <= TimeDelta::zero() {
            return Err(ScheduleError::Duration { found: duration });
        }
        let deadline = start
            .checked_add_signed(duration)
            .ok_or(ScheduleError::OutOfRange { found: duration })?;
        Self::until(start, deadline, cutoff)
    }

    /// A window that ends at `deadline` and starts nothing in its last `cutoff`.
    ///
    /// # Errors
    /// The deadline is not after the start, or the cutoff is negative or not shorter than the window.
    pub fn until(
        start: DateTime<Utc>,
        deadline: DateTime<Utc>,
        cutoff: TimeDelta,
    ) -> Result<Self, ScheduleError> {
        let duration = deadline - start;
        if duration <= TimeDelta::zero() {
            return Err(ScheduleError::Duration { found: duration });
        }
        if cutoff < TimeDelta::zero() || cutoff >= duration {
            return Err(ScheduleError::Cutoff {
                duration,
                found: cutoff,
            });
        }
        Ok(Self {
            start,
            deadline,
            cutoff: deadline - cutoff,
        })
    }

    /// Whether the deadline has come.
    pub fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.deadline <= now
    }

    /// The time left until the deadline; zero from then on.
    pub fn left(&self, now: DateTime<Utc>) -> TimeDelta {
        (self.deadline - now).max(TimeDelta::zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: u32, minute: u32) -> DateTime<Utc> {
        format!("2026-10-06T{hour:02}:{minute:02}:00Z")
            .parse()
            .expect("a test's time")
    }

    #[test]
    fn the_deadline_itself_is_over() {
        let window = Window::lasting(at(2, 0), TimeDelta::hours(3), TimeDelta::hours(1));
        let window = window.expect("valid");
        assert_eq!((window.cutoff, window.deadline), (at(4, 0), at(5, 0)));
        assert!(!window.is_over(at(4, 59)) && window.is_over(at(5, 0)));
        assert_eq!(window.left(at(4, 0)), TimeDelta::hours(1));
        assert_eq!(window.left(at(6, 0)), TimeDelta::zero());
    }

    #[test]
    fn impossible_windows_are_refused() {
        let error = |hours, cutoff| {
            Window::lasting(at(2, 0), TimeDelta::hours(hours), TimeDelta::hours(cutoff))
                .expect_err("impossible")
                .to_string()
        };
        assert_eq!(
            error(0, 0),
            "window: expected a duration above zero, found 0 s"
        );
        assert_eq!(
            error(2, 2),
            "window: expected a cutoff of at least 0 s and shorter than the duration of 7200 s, found 7200 s"
        );
        assert!(error(2, -1).contains("found -3600 s"));
        assert!(error(3_000_000_000, 0).contains("calendar"));
        assert!(Window::lasting(at(2, 0), TimeDelta::hours(1), TimeDelta::zero()).is_ok());
    }
}
