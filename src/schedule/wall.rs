//! From wall-clock times to instants: the only place that knows daylight saving time.
//!
//! A wall-clock time that does not exist is skipped; one that occurs twice counts once, the first
//! time. EventBridge Scheduler documents this; for scheduled actions and maintenance windows AWS's
//! documentation says nothing.

use std::ops::RangeInclusive;

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// No zone is or ever was further from UTC than this, and no clock change is longer.
const WIDEST_OFFSET: TimeDelta = TimeDelta::hours(26);

/// The time after `after`, up to and including `until`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) after: DateTime<Utc>,
    pub(super) until: DateTime<Utc>,
}

impl Span {
    /// All the time after `after`.
    pub(super) fn after(after: DateTime<Utc>) -> Self {
        Self {
            after,
            until: DateTime::<Utc>::MAX_UTC,
        }
    }

    /// Every wall-clock time that some zone may show within the span.
    pub(super) fn wall_clocks(self) -> RangeInclusive<NaiveDateTime> {
        let from = shifted(self.after.naive_utc(), -WIDEST_OFFSET);
        let to = shifted(self.until.naive_utc(), WIDEST_OFFSET);
        from..=to
    }

    /// The instants within the span at which wall clocks in `zone` show these times.
    pub(super) fn instants(
        self,
        zone: Tz,
        wall_clocks: impl DoubleEndedIterator<Item = NaiveDateTime>,
    ) -> impl DoubleEndedIterator<Item = DateTime<Utc>> {
        wall_clocks
            .filter_map(move |at| instant(zone, at))
            .filter(move |at| self.after < *at && *at <= self.until)
    }
}

/// `at` itself where the calendar ends before the shifted time.
fn shifted(at: NaiveDateTime, offset: TimeDelta) -> NaiveDateTime {
    at.checked_add_signed(offset).unwrap_or(at)
}

fn instant(zone: Tz, wall_clock: NaiveDateTime) -> Option<DateTime<Utc>> {
    match zone.from_local_datetime(&wall_clock) {
        MappedLocalTime::Single(at) => Some(at.to_utc()),
        MappedLocalTime::Ambiguous(first, second) => Some(first.to_utc().min(second.to_utc())),
        MappedLocalTime::None => None,
    }
}
