//! The scale of time that all charts of a report share.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use crate::report::RunReport;

/// The width of every chart, in units of its own.
pub(super) const WIDTH: f64 = 1000.0;
/// Labels below a chart.
const TICKS: i32 = 4;

/// From the start of the run to the end of the window, or to its own end if that is later.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    start: DateTime<Utc>,
    seconds: f64,
}

/// A label below a chart.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Tick {
    pub(super) x: f64,
    pub(super) label: String,
}

impl Scale {
    pub(super) fn of(report: &RunReport) -> Self {
        let end = report.deadline.max(report.finished_at);
        let seconds = (end - report.started_at).num_seconds().max(1);
        Self {
            start: report.started_at,
            seconds: seconds as f64,
        }
    }

    /// Where a moment lies; one outside lies at the nearer end.
    pub(super) fn x(&self, at: DateTime<Utc>) -> f64 {
        let share = (at - self.start).num_seconds() as f64 / self.seconds;
        round(share.clamp(0.0, 1.0) * WIDTH)
    }

    /// The labels, evenly spaced from end to end.
    pub(super) fn ticks(&self) -> Vec<Tick> {
        let tick = |n: i32| {
            let share = f64::from(n) / f64::from(TICKS);
            let after = TimeDelta::seconds((self.seconds * share) as i64);
            let at = self.start.checked_add_signed(after).unwrap_or(self.start);
            Tick {
                x: round(WIDTH * share),
                label: at.format("%H:%M").to_string(),
            }
        };
        (0..=TICKS).map(tick).collect()
    }
}

/// To a tenth: finer than any screen shows.
pub(super) fn round(x: f64) -> f64 {
    (x * 10.0).round() / 10.0
}
