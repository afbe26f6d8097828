//! The calendar walk that all cron dialects share: from sets to wall-clock times, in both directions.
//!
//! The walk goes by days, so that a date that never comes (30 February) is known after a few
//! thousand days and not after millions of minutes.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::days::Days;
use super::wall::Span;

/// The years that AWS documents for its own cron dialects. They also end the walk of a date that
/// never comes.
pub(super) const FIRST_YEAR: u32 = 1970;
pub(super) const LAST_YEAR: u32 = 2199;

/// The sets of one cron expression; all must match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Calendar {
    pub(super) seconds: BTreeSet<u32>,
    pub(super) minutes: BTreeSet<u32>,
    pub(super) hours: BTreeSet<u32>,
    pub(super) days: Days,
    pub(super) months: BTreeSet<u32>,
    pub(super) years: BTreeSet<u32>,
    /// Whole days by which it fires later.
    pub(super) offset: TimeDelta,
}

impl Calendar {
    /// When it fires within the span, by wall clocks in `zone`, in order.
    pub(super) fn fires(
        &self,
        span: Span,
        zone: Tz,
    ) -> impl DoubleEndedIterator<Item = DateTime<Utc>> {
        span.instants(zone, self.within(span.wall_clocks()))
    }

    /// The shortest time between two of its times of day; `None` if there is only one.
    pub(super) fn shortest_interval(&self) -> Option<TimeDelta> {
        let later = self.times().skip(1);
        self.times().zip(later).map(|(a, b)| b - a).min()
    }

    fn within(
        &self,
        range: RangeInclusive<NaiveDateTime>,
    ) -> impl DoubleEndedIterator<Item = NaiveDateTime> {
        let dates = range.start().date()..=range.end().date();
        self.dates(dates)
            .flat_map(|date| self.times().map(move |time| date.and_time(time)))
            .filter(move |at| range.contains(at))
    }

    fn dates(
        &self,
        range: RangeInclusive<NaiveDate>,
    ) -> impl DoubleEndedIterator<Item = NaiveDate> {
        // The offset may lead from one month into the next.
        let first = range.start().checked_sub_signed(self.offset);
        let first = month_index(first.unwrap_or(*range.start()));
        let last = month_index(*range.end());
        let years = self.years.iter().map(|year| *year as i32);
        years
            .flat_map(|year| self.months.iter().map(move |month| (year, *month)))
            .filter(move |(year, month)| (first..=last).contains(&(year * 12 + *month as i32)))
            .flat_map(|(year, month)| {
                (1..=31).filter_map(move |day| NaiveDate::from_ymd_opt(year, month, day))
            })
            .filter(|date| self.days.contain(*date))
            .filter_map(|date| date.checked_add_signed(self.offset))
            .filter(move |date| range.contains(date))
    }

    fn times(&self) -> impl DoubleEndedIterator<Item = NaiveTime> {
        let minutes = self
            .hours
            .iter()
            .flat_map(|hour| self.minutes.iter().map(move |minute| (*hour, *minute)));
        minutes.flat_map(|(hour, minute)| {
            self.seconds
                .iter()
                .filter_map(move |second| NaiveTime::from_hms_opt(hour, minute, *second))
        })
    }
}

/// Consecutive months have consecutive numbers.
fn month_index(date: NaiveDate) -> i32 {
    date.year() * 12 + date.month() as i32
}
