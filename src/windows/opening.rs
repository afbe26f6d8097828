//! When windows open.

use std::iter;

use chrono::{DateTime, TimeDelta, Utc};

use super::PatchWindow;
use crate::schedule::Window;

/// One opening of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// From its beginning, as the schedule says, until its end; a flexible one may begin later, and ends later then.
    pub window: Window,
}

impl PatchWindow {
    /// Its openings after a time, in order: none of one that is disabled; of `rate(...)`, whose beginning AWS does not report,
    /// the next one alone, if AWS says when that is.
    pub fn openings(&self, after: DateTime<Utc>) -> impl Iterator<Item = Opening> + '_ {
        let first = match self.state.next.filter(|next| after < *next) {
            Some(next) => Some(self.reckoned(next)),
            None => self.by_schedule(after),
        };
        let first = first.filter(|_| !self.state.is_disabled);
        let starts = iter::successors(first, |at| self.by_schedule(*at));
        starts.map_while(|at| {
            let window = Window::lasting(at, self.duration, self.cutoff).ok()?;
            Some(Opening { window })
        })
    }

    /// Its first opening after a time as its schedule and its dates say, whatever AWS says.
    pub fn by_schedule(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let from = self.state.from.map(|from| from - TimeDelta::seconds(1));
        let after = from.map_or(after, |from| after.max(from));
        let next = self.schedule.next_after(self.zone, after)?;
        self.state
            .until
            .is_none_or(|until| next < until)
            .then_some(next)
    }

    /// A time that AWS gave to the minute, to the second if the schedule says so.
    fn reckoned(&self, next: DateTime<Utc>) -> DateTime<Utc> {
        let ours = self.by_schedule(next - TimeDelta::seconds(1));
        ours.filter(|ours| *ours - next < TimeDelta::minutes(1))
            .unwrap_or(next)
    }

    /// AWS's time of the next opening and ours, if they differ by a minute or more; ours is none if by its schedule it never opens again.
    pub fn disputed(&self, now: DateTime<Utc>) -> Option<(DateTime<Utc>, Option<DateTime<Utc>>)> {
        let next = self
            .state
            .next
            .filter(|next| now < *next && !self.schedule.is_rate())?;
        let ours = self.by_schedule(now);
        let same = ours.is_some_and(|ours| (ours - next).abs() < TimeDelta::minutes(1));
        (!same && !self.state.is_disabled).then_some((next, ours))
    }

    /// The opening that a time lies in; of several the last one.
    pub fn open_at(&self, now: DateTime<Utc>) -> Option<Opening> {
        let begun_at = self.schedule.last_before(self.zone, now)?;
        let begun = self.state.from.is_none_or(|from| from <= begun_at);
        let ended = self.state.until.is_some_and(|until| until <= begun_at);
        if self.state.is_disabled || !begun || ended {
            return None;
        }
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
