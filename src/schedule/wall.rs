//! From wall-clock times to instants: the one home of daylight saving time.
//!
//! The `cron` crate walks the calendar on wall-clock times without a zone; each is then looked up
//! in the zone. A time that does not exist is skipped, one that occurs twice counts once, the first
//! time (documented for EventBridge Scheduler; AWS does not say for scheduled actions).

use std::collections::BTreeSet;
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

    /// The instants in `zone` after `after` and up to `until`, both taken literally.
    pub fn between(
        &self,
        zone: Tz,
        after: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> impl Iterator<Item = DateTime<Utc>> + '_ {
        let from = wall_clock(after.naive_utc(), -WIDEST_OFFSET);
        let to = wall_clock(until.naive_utc(), WIDEST_OFFSET);
        self.0
            .after(&from.and_utc())
            .map(|at| at.naive_utc())
            .take_while(move |at| *at <= to)
            .filter_map(move |at| instant(zone, at))
            .filter(move |at| after < *at && *at <= until)
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
