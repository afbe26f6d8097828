//! The schedules of EventBridge Scheduler and of maintenance windows, `cron(...)`, `rate(...)` and `at(...)`, as the account
//! reads them: day by day, independently of the program's own reader.

use std::collections::BTreeSet;
use std::str::FromStr;

use chrono::{
    DateTime, Datelike, LocalResult, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc, Weekday,
};
use chrono_tz::Tz;

/// A schedule that does not fire within this number of days never does.
const DAYS_AHEAD: usize = 12 * 366;
const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
/// Sunday is 1.
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
/// Years of a schedule (Scheduler User Guide, cron-based schedules).
const YEARS: (u32, u32) = (1970, 2199);

/// A schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Quartz {
    /// `cron(...)`.
    Cron(Box<Cron>),
    /// `rate(...)`: its interval.
    Rate(TimeDelta),
    /// `at(...)`: a time of the clock.
    At(NaiveDateTime),
}

/// The fields of `cron(...)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cron {
    second: u32,
    minutes: BTreeSet<u32>,
    hours: BTreeSet<u32>,
    months: BTreeSet<u32>,
    years: BTreeSet<u32>,
    day: Day,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Day {
    OfMonth(BTreeSet<u32>),
    Last,
    LastWorkday,
    WorkdayNear(u32),
    OfWeek(BTreeSet<u32>),
    LastOfWeek(u32),
    Nth(u32, u32),
}

impl Quartz {
    /// Reads an expression; `with_seconds` says whether a seventh field in front is allowed. None if it is none.
    pub(super) fn parse(text: &str, with_seconds: bool) -> Option<Self> {
        let (kind, inner) = text.strip_suffix(')')?.split_once('(')?;
        match kind {
            "cron" => Cron::parse(inner, with_seconds).map(|c| Self::Cron(Box::new(c))),
            "rate" => rate(inner).map(Self::Rate),
            "at" => NaiveDateTime::parse_from_str(inner, "%Y-%m-%dT%H:%M:%S")
                .ok()
                .map(Self::At),
            _ => None,
        }
    }

    /// The first time after `after`, each `offset` days later than its fields say; `begun` is when a rate began, and no cron
    /// day counts before it. `resolve` says what becomes of a time that the clock skips.
    pub(super) fn next(
        &self,
        zone: Tz,
        (begun, after): (DateTime<Utc>, DateTime<Utc>),
        offset: u32,
        skipped_counts: bool,
    ) -> Option<DateTime<Utc>> {
        let instant = |local: NaiveDateTime| instant(zone, local, skipped_counts);
        match self {
            Self::Rate(every) => {
                let past = (after - begun).num_seconds().max(0) / every.num_seconds().max(1);
                let times = i32::try_from(past + 1).ok()?;
                Some(begun + *every * times)
            }
            Self::At(local) => instant(*local).filter(|at| *at > after),
            Self::Cron(cron) => {
                let shift = TimeDelta::days(offset.into());
                let first = after.with_timezone(&zone).date_naive() - shift - TimeDelta::days(1);
                let days = first.iter_days().take(DAYS_AHEAD).filter(|d| cron.has(*d));
                let mut times = days.flat_map(|day| cron.times(day));
                times.find_map(|local| {
                    let cron_time = instant(local).unwrap_or(begun);
                    let at = instant(local + shift)?;
                    (at > after && (offset == 0 || cron_time >= begun)).then_some(at)
                })
            }
        }
    }
}

fn instant(zone: Tz, local: NaiveDateTime, skipped_counts: bool) -> Option<DateTime<Utc>> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Some(at.to_utc()),
        LocalResult::None if skipped_counts => {
            let later = (1..=180).map(|minutes| local + TimeDelta::minutes(minutes));
            let mut later = later.filter_map(|l| zone.from_local_datetime(&l).earliest());
            later.next().map(|at| at.to_utc())
        }
        LocalResult::None => None,
    }
}

impl Cron {
    fn parse(text: &str, with_seconds: bool) -> Option<Self> {
        let mut fields: Vec<&str> = text.split_whitespace().collect();
        let second = match fields.len() {
            6 => 0,
            7 if with_seconds => u32::from_str(fields.remove(0)).ok().filter(|s| *s < 60)?,
            _ => return None,
        };
        let [minute, hour, day, month, weekday, year] = fields[..] else {
            return None;
        };
        Some(Self {
            second,
            minutes: field(minute, (0, 59), &[])?,
            hours: field(hour, (0, 23), &[])?,
            months: field(month, (1, 12), &MONTHS)?,
            years: field(year, YEARS, &[])?,
            day: Day::parse(day, weekday, with_seconds)?,
        })
    }

    fn has(&self, date: NaiveDate) -> bool {
        let year = u32::try_from(date.year()).unwrap_or_default();
        self.years.contains(&year) && self.months.contains(&date.month()) && self.day.has(date)
    }

    fn times(&self, date: NaiveDate) -> impl Iterator<Item = NaiveDateTime> + '_ {
        let hours = self.hours.iter();
        let times = hours.flat_map(|hour| self.minutes.iter().map(|minute| (*hour, *minute)));
        times.filter_map(move |(hour, minute)| date.and_hms_opt(hour, minute, self.second))
    }
}

impl Day {
    fn parse(day: &str, weekday: &str, is_window: bool) -> Option<Self> {
        let is_any = |text: &str| text == "?" || is_window && text == "*";
        match (is_any(day), is_any(weekday)) {
            (true, true) if is_window => field("*", (1, 31), &[]).map(Self::OfMonth),
            (false, true) => match day {
                "L" => Some(Self::Last),
                "LW" => Some(Self::LastWorkday),
                day => match day.strip_suffix('W') {
                    Some(near) => value(near, (1, 31), &[]).map(Self::WorkdayNear),
                    None => field(day, (1, 31), &[]).map(Self::OfMonth),
                },
            },
            (true, false) => match (weekday.split_once('#'), weekday.strip_suffix('L')) {
                (Some((weekday, nth)), _) => Some(Self::Nth(
                    value(weekday, (1, 7), &WEEKDAYS)?,
                    value(nth, (1, 5), &[])?,
                )),
                (None, Some("")) => Some(Self::OfWeek([7].into())),
                (None, Some(weekday)) => value(weekday, (1, 7), &WEEKDAYS).map(Self::LastOfWeek),
                (None, None) => field(weekday, (1, 7), &WEEKDAYS).map(Self::OfWeek),
            },
            (true, true) | (false, false) => None,
        }
    }

    fn has(&self, date: NaiveDate) -> bool {
        let weekday = date.weekday().number_from_sunday();
        let is_last = |days| (date + TimeDelta::days(days)).month() != date.month();
        match self {
            Self::OfMonth(days) => days.contains(&date.day()),
            Self::Last => is_last(1),
            Self::LastWorkday => workday_near(date, 31) == Some(date),
            Self::WorkdayNear(day) => workday_near(date, *day) == Some(date),
            Self::OfWeek(days) => days.contains(&weekday),
            Self::LastOfWeek(day) => *day == weekday && is_last(7),
            Self::Nth(day, nth) => *day == weekday && (date.day() - 1) / 7 + 1 == *nth,
        }
    }
}

/// The working day nearest to a day of the month of `date`, within that month; 31 is the month's last day.
fn workday_near(date: NaiveDate, day: u32) -> Option<NaiveDate> {
    let last = (28..=31).filter_map(|d| date.with_day(d)).next_back()?;
    let wanted = match day {
        31 => last,
        day => date.with_day(day)?,
    };
    let moved = match wanted.weekday() {
        Weekday::Sat if wanted.day() == 1 => TimeDelta::days(2),
        Weekday::Sat => TimeDelta::days(-1),
        Weekday::Sun if wanted == last => TimeDelta::days(-2),
        Weekday::Sun => TimeDelta::days(1),
        Weekday::Mon | Weekday::Tue | Weekday::Wed | Weekday::Thu | Weekday::Fri => {
            TimeDelta::zero()
        }
    };
    Some(wanted + moved)
}

fn rate(text: &str) -> Option<TimeDelta> {
    let (value, unit) = text.split_once(' ')?;
    let value = i32::from_str(value).ok().filter(|v| *v > 0)?;
    let unit = match value {
        1 => unit,
        _ => unit.strip_suffix('s')?,
    };
    let unit = match unit {
        "minute" => TimeDelta::minutes(1),
        "hour" => TimeDelta::hours(1),
        "day" => TimeDelta::days(1),
        _ => return None,
    };
    Some(unit * value)
}

fn value(text: &str, range: (u32, u32), names: &[&str]) -> Option<u32> {
    let named = names.iter().zip(range.0..).find(|(name, _)| **name == text);
    let number = named.map(|(_, n)| n).or_else(|| text.parse().ok())?;
    (range.0..=range.1).contains(&number).then_some(number)
}

fn field(text: &str, range: (u32, u32), names: &[&str]) -> Option<BTreeSet<u32>> {
    let mut all = BTreeSet::new();
    for part in text.split(',') {
        let (span, step) = match part.split_once('/') {
            Some((span, step)) => (span, Some(u32::from_str(step).ok().filter(|s| *s > 0)?)),
            None => (part, None),
        };
        let (from, to) = match span.split_once('-') {
            Some((from, to)) => (value(from, range, names)?, value(to, range, names)?),
            None if span == "*" => range,
            None => {
                let from = value(span, range, names)?;
                (from, step.map_or(from, |_| range.1))
            }
        };
        // A range may wrap around: 20-2.
        let size = range.1 - range.0 + 1;
        let length = (to + size - from) % size;
        let steps = (0..=length).step_by(step.unwrap_or(1) as usize);
        all.extend(steps.map(|n| range.0 + (from - range.0 + n) % size));
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{AwsSchedule, Dialect};

    /// The account and the program read a schedule alike, though neither knows the other.
    #[test]
    fn the_account_reads_schedules_as_the_program_does() {
        let now: DateTime<Utc> = "2026-10-05T12:00:00Z".parse().unwrap();
        let rows = [
            "cron(0 10 * * ? *)",
            "cron(0/15 * * * ? *)",
            "cron(0 2 ? * SUN *)",
            "cron(0 18 ? * MON-FRI *)",
            "cron(0 2 L * ? *)",
            "cron(15 10 ? * 6L *)",
            "cron(30 23 ? * TUE#3 *)",
            "cron(0 9 3W * ? *)",
            "cron(0 9 1W * ? *)",
            "cron(0 12 LW * ? *)",
            "cron(0 4 29 2 ? *)",
            "cron(0 22 ? * SAT 2026-2027)",
            "cron(0/30 20-2 ? * MON-FRI *)",
            "cron(30 2 * * ? *)",
            "at(2026-12-24T02:00:00)",
        ];
        for text in rows {
            for zone in [
                Tz::UTC,
                chrono_tz::Europe::Berlin,
                chrono_tz::America::New_York,
            ] {
                let ours = AwsSchedule::parse(Dialect::Scheduler, text).expect(text);
                let quartz = Quartz::parse(text, false).expect(text);
                let (mut a, mut b) = (Some(now), Some(now));
                for _ in 0..200 {
                    a = a.and_then(|at| ours.next_after(zone, at));
                    b = b.and_then(|at| quartz.next(zone, (now, at), 0, false));
                    assert_eq!(a, b, "{text} {zone}");
                }
            }
        }
        for wrong in [
            "cron(0 10 * * * *)",
            "cron(0 10 ? * ? *)",
            "rate(5 hour)",
            "0 10 * * ? *",
        ] {
            assert_eq!(Quartz::parse(wrong, false), None, "{wrong}");
        }
    }
}
