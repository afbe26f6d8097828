//! When windows open.

use std::iter;

use chrono::{DateTime, Utc};

use super::PatchWindow;
use crate::schedule::Window;

/// One opening of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// From its beginning, as the schedule says, until its end; a flexible one may begin later, and ends later then.
    pub window: Window,
}

impl PatchWindow {
    /// Its openings after a time, in order; none for `rate(...)`, whose beginning AWS does not report.
    pub fn openings(&self, after: DateTime<Utc>) -> impl Iterator<Item = Opening> + '_ {
        let first = self.schedule.next_after(self.zone, after);
        let starts = iter::successors(first, |at| self.schedule.next_after(self.zone, *at));
        starts.map_while(|at| {
            let window = Window::lasting(at, self.duration, self.cutoff).ok()?;
            Some(Opening { window })
        })
    }

    /// The opening that a time lies in; of several the last one.
    pub fn open_at(&self, now: DateTime<Utc>) -> Option<Opening> {
        let begun_at = self.schedule.last_before(self.zone, now)?;
        let window = Window::lasting(begun_at, self.duration, self.cutoff).ok()?;
        (!window.is_over(now)).then_some(Opening { window })
    }
}

impl Opening {
    /// Whether two are open at the same time.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.window.start < other.window.deadline && other.window.start < self.window.deadline
    }
}

/// The next openings of each window, `count` of each, all in order of time.
pub fn upcoming(
    windows: &[PatchWindow],
    now: DateTime<Utc>,
    count: usize,
) -> Vec<(&PatchWindow, Opening)> {
    let of_one = |window| PatchWindow::openings(window, now).take(count);
    let all = windows.iter().flat_map(|w| of_one(w).map(move |o| (w, o)));
    let mut all: Vec<(&PatchWindow, Opening)> = all.collect();
    all.sort_by(|(a, x), (b, y)| (x.window.start, &a.name).cmp(&(y.window.start, &b.name)));
    all
}
