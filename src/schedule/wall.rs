//! From wall-clock times to instants: the one home of daylight saving time.
//!
//! The `cron` crate walks the calendar on wall-clock times without a zone; each is then looked up
//! in the zone. A time that does not exist is skipped, one that occurs twice counts once, the first
//! time (documented for EventBridge Scheduler; AWS does not say for scheduled actions).

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::str::FromStr;

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use cron::Schedule;

use super::error::ScheduleError;

/// No zone is or ever was further from UTC than this, and no clock change is longer.
const WIDEST_OFFSET: TimeDelta = TimeDelta::hours(26);

/// The sets of one cron expression, seconds and years left open. Weekdays count from Sunday = 0.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    pub minutes: BTreeSet<u32>,
    pub hours: BTreeSet<u32>,
    pub days: BTreeSet<u32>,
    pub months: BTreeSet<u32>,
    pub weekdays: BTreeSet<u32>,
}

/// When wall clocks show a time of one set of fields (all of them must match).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WallSchedule(Schedule);

impl WallSchedule {
    pub fn new(fields: &Fields, expression: &str) -> Result<Self, ScheduleError> {
        // The cron crate counts weekdays from Sunday = 1.
        let weekdays = fields.weekdays.iter().map(|day| day + 1).collect();
        let canonical = format!(
            "0 {} {} {} {} {}",
            list(&fields.minutes),
            list(&fields.hours),
            list(&fields.days),
            list(&fields.months),
            list(&weekdays),
        );
        Schedule::from_str(&canonical)
            .map(Self)
            .map_err(|error| ScheduleError::Calendar {
                expression: expression.into(),
                reason: error.to_string(),
            })
    }

    /// When it fires within the span, in order.
    pub fn within(&self, span: Span, zone: Tz) -> impl Iterator<Item = DateTime<Utc>> + '_ {
        let (from, to) = span.wall_clocks().into_inner();
        let wall_clocks = self.0.after(&from.and_utc()).map(|at| at.naive_utc());
        span.instants(zone, wall_clocks.take_while(move |at| *at <= to))
    }
}

/// The time after `after` and up to `until`, both taken literally.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub after: DateTime<Utc>,
    pub until: DateTime<Utc>,
}

impl Span {
    /// All the time after `after`.
    pub fn after(after: DateTime<Utc>) -> Self {
        Self {
            after,
            until: DateTime::<Utc>::MAX_UTC,
        }
    }

    /// What wall clocks show then, wherever they hang.
    pub fn wall_clocks(self) -> RangeInclusive<NaiveDateTime> {
        let from = wall_clock(self.after.naive_utc(), -WIDEST_OFFSET);
        let to = wall_clock(self.until.naive_utc(), WIDEST_OFFSET);
        from..=to
    }

    /// When wall clocks in `zone` show these times within the span.
    pub fn instants(
        self,
        zone: Tz,
        wall_clocks: impl Iterator<Item = NaiveDateTime>,
    ) -> impl Iterator<Item = DateTime<Utc>> {
        wall_clocks
            .filter_map(move |at| instant(zone, at))
            .filter(move |at| self.after < *at && *at <= self.until)
    }
}

fn wall_clock(at: NaiveDateTime, offset: TimeDelta) -> NaiveDateTime {
    at.checked_add_signed(offset).unwrap_or(at)
}

fn instant(zone: Tz, wall_clock: NaiveDateTime) -> Option<DateTime<Utc>> {
    match zone.from_local_datetime(&wall_clock) {
        MappedLocalTime::Single(at) => Some(at.to_utc()),
        MappedLocalTime::Ambiguous(first, second) => Some(first.to_utc().min(second.to_utc())),
        MappedLocalTime::None => None,
    }
}

fn list(values: &BTreeSet<u32>) -> String {
    let texts: Vec<String> = values.iter().map(u32::to_string).collect();
    texts.join(",")
}
