//! The schedules of EventBridge rules, EventBridge Scheduler and maintenance windows:
//! `cron(...)`, `rate(...)` and `at(...)`.
//!
//! Their cron is Quartz's: `minute hour day-of-month month day-of-week year`, Sunday is 1 (**not**
//! as in [`super::unix`]: `2` is Monday here, Tuesday there), and one day field is `?`. AWS tells of
//! ranges that run over the end of their field for hours only (`20-2`); here as in Quartz every
//! field's may, except the year's. `at(...)`, too, is a time on the zone's wall clock.

mod calendar;
mod days;
#[cfg(test)]
mod tests;

use std::{fmt, iter};

use chrono::{DateTime, NaiveDateTime, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;

use super::error::ScheduleError;
use super::field::{Descending, FieldKind, FieldText, HOUR, MINUTE, MONTH, SECOND, number};
use super::wall::Span;
use calendar::Calendar;
use days::Days;

const YEAR: FieldKind = FieldKind {
    name: "year",
    min: 1970,
    max: 2199,
    names: &[],
    descending: Descending::Refused,
};

/// How far back the latest fire is looked for. Nothing that recurs is rarer: 40 years lie between
/// the Februaries of 2088 and 2128 with five Sundays.
pub const LOOK_BACK: TimeDelta = TimeDelta::days(40 * 366);
/// Maintenance windows do not open more often.
pub const WINDOW_INTERVAL: TimeDelta = TimeDelta::minutes(5);

/// What `at(...)` contains.
const AT: &str = "%Y-%m-%dT%H:%M:%S";
/// What `rate(...)` counts.
const UNITS: [(&str, TimeDelta); 3] = [
    ("minute", TimeDelta::minutes(1)),
    ("hour", TimeDelta::hours(1)),
    ("day", TimeDelta::days(1)),
];

/// Whose schedule it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// A rule of EventBridge: always UTC, no `at(...)`.
    Rule,
    /// A schedule of EventBridge Scheduler, in a zone of its own.
    Scheduler,
    /// A maintenance window of Systems Manager, in a zone of its own: an optional field of seconds
    /// leads, `*` in a day field is as good as `?`, days of the week may have steps, and 5 minutes
    /// lie between two openings.
    MaintenanceWindow,
}

/// A schedule such as `cron(0 3 ? * TUE#2 *)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsSchedule {
    dialect: Dialect,
    expression: String,
    form: Form,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    Cron(Calendar),
    Rate(TimeDelta),
    At(NaiveDateTime),
}

impl AwsSchedule {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong first, with what was expected and found.
    pub fn parse(dialect: Dialect, expression: &str) -> Result<Self, ScheduleError> {
        let source = Source {
            dialect,
            expression,
        };
        Ok(Self {
            dialect,
            expression: expression.into(),
            form: source.form()?,
        })
    }

    /// The same, so many days later on the wall clock: a maintenance window's ScheduleOffset.
    ///
    /// A window that AWS is told of after its cron day but before its offset day opens a period
    /// later; that is not known here.
    ///
    /// # Errors
    /// Not 1 to 6 days, or not the cron expression of a maintenance window.
    pub fn with_offset(mut self, days: i32) -> Result<Self, ScheduleError> {
        let refused = |expected: &str| ScheduleError::Expression {
            expression: self.expression.clone(),
            expected: expected.into(),
            found: format!("an offset of {days} days"),
        };
        let offset = u8::try_from(days).ok().filter(|n| (1..=6).contains(n));
        let offset = offset.ok_or_else(|| refused("an offset of 1 to 6 days"))?;
        match &mut self.form {
            Form::Cron(calendar) if self.dialect == Dialect::MaintenanceWindow => {
                calendar.offset = TimeDelta::days(offset.into());
            }
            _ => return Err(refused("an offset with a maintenance window's cron only")),
        }
        Ok(self)
    }

    /// The first time that it fires after `after`; `None` for a date that never comes, and for
    /// `rate(...)`, of which nobody says when it began ([`AwsSchedule::interval`] tells the rest).
    ///
    /// As documented for EventBridge Scheduler, a local time that does not exist is skipped, and one
    /// that occurs twice counts once, the first time; of maintenance windows AWS does not say.
    pub fn next_after(&self, zone: Tz, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let (zone, span) = (self.zone(zone), Span::after(after));
        let wall_clocks = span.wall_clocks();
        match &self.form {
            Form::Cron(calendar) => span.instants(zone, calendar.within(wall_clocks)).next(),
            Form::At(at) => span.instants(zone, iter::once(*at)).next(),
            Form::Rate(_) => None,
        }
    }

    /// The last time that it fired, at `now` or before; `None` if it did not within [`LOOK_BACK`],
    /// and for `rate(...)`, as in [`AwsSchedule::next_after`].
    pub fn last_before(&self, zone: Tz, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let earliest = now.checked_sub_signed(LOOK_BACK);
        let span = Span {
            after: earliest.unwrap_or(DateTime::<Utc>::MIN_UTC),
            until: now,
        };
        let (zone, wall_clocks) = (self.zone(zone), span.wall_clocks());
        match &self.form {
            Form::Cron(calendar) => {
                let latest_first = calendar.within(wall_clocks).rev();
                span.instants(zone, latest_first).next()
            }
            Form::At(at) => span.instants(zone, iter::once(*at)).next(),
            Form::Rate(_) => None,
        }
    }

    /// What lies between two fires of a `rate(...)`; a day is 24 hours.
    pub fn interval(&self) -> Option<TimeDelta> {
        match self.form {
            Form::Rate(interval) => Some(interval),
            Form::Cron(_) | Form::At(_) => None,
        }
    }

    fn zone(&self, zone: Tz) -> Tz {
        match self.dialect {
            Dialect::Rule => Tz::UTC,
            Dialect::Scheduler | Dialect::MaintenanceWindow => zone,
        }
    }
}

impl fmt::Display for AwsSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.expression)
    }
}

/// An expression while it is read.
#[derive(Clone, Copy)]
struct Source<'a> {
    dialect: Dialect,
    expression: &'a str,
}

impl<'a> Source<'a> {
    fn form(self) -> Result<Form, ScheduleError> {
        let unwrapped = self.expression.strip_suffix(')');
        match unwrapped.and_then(|text| text.split_once('(')) {
            Some(("cron", fields)) => self.cron(fields).map(Form::Cron),
            Some(("rate", rate)) => self.rate(rate).map(Form::Rate),
            Some(("at", at)) if self.dialect != Dialect::Rule => self.at(at).map(Form::At),
            _ => {
                let expected = match self.dialect {
                    Dialect::Rule => "cron(...) or rate(...)",
                    Dialect::Scheduler | Dialect::MaintenanceWindow => {
                        "cron(...), rate(...) or at(...)"
                    }
                };
                Err(self.error(expected, self.expression))
            }
        }
    }

    fn cron(self, fields: &'a str) -> Result<Calendar, ScheduleError> {
        let texts: Vec<&str> = fields.split_whitespace().collect();
        let (second, rest) = match texts.as_slice() {
            [second, rest @ ..]
                if rest.len() == 6 && self.dialect == Dialect::MaintenanceWindow =>
            {
                (*second, rest)
            }
            all => ("0", all),
        };
        let &[minute, hour, day, month, weekday, year] = rest else {
            return Err(ScheduleError::FieldCount {
                expression: self.expression.into(),
                expected: match self.dialect {
                    Dialect::Rule | Dialect::Scheduler => "6",
                    Dialect::MaintenanceWindow => "6 or 7",
                },
                found: texts.len(),
            });
        };
        let parse = |kind: FieldKind, text| kind.parse(self.field(text));
        let calendar = Calendar {
            seconds: parse(SECOND.wrapping(), second)?,
            minutes: parse(MINUTE.wrapping(), minute)?,
            hours: parse(HOUR.wrapping(), hour)?,
            days: self.days(day, weekday)?,
            months: parse(MONTH.wrapping(), month)?,
            years: parse(YEAR, year)?,
            offset: TimeDelta::zero(),
        };
        self.check_interval(calendar.shortest_interval())?;
        Ok(calendar)
    }

    fn days(self, day: &'a str, weekday: &'a str) -> Result<Days, ScheduleError> {
        let is_window = self.dialect == Dialect::MaintenanceWindow;
        let is_open = |text| text == "?" || is_window && text == "*";
        match (is_open(day), is_open(weekday)) {
            (true, true) if is_window => Ok(Days::Any),
            (true, false) => Days::of_week(self.field(weekday), is_window),
            (false, true) => Days::of_month(self.field(day)),
            (true, true) | (false, false) => Err(ScheduleError::Field {
                expression: self.expression.into(),
                field: "day of month and day of week",
                expected: "`?` in exactly one of them".into(),
                found: format!("{day} and {weekday}"),
            }),
        }
    }

    fn rate(self, rate: &str) -> Result<TimeDelta, ScheduleError> {
        let texts: Vec<&str> = rate.split_whitespace().collect();
        let &[value, unit] = texts.as_slice() else {
            return Err(self.error("a value and a unit, such as `5 minutes`", rate));
        };
        let value = number(value)
            .filter(|value| *value > 0)
            .ok_or_else(|| self.error("a whole number from 1 on", value))?;
        let (ending, units) = match value {
            1 => ("", "minute, hour or day after 1"),
            _ => ("s", "minutes, hours or days after a value above 1"),
        };
        let (_, length) = UNITS
            .into_iter()
            .find(|(name, _)| unit.strip_prefix(name) == Some(ending))
            .ok_or_else(|| self.error(units, unit))?;
        let interval = TimeDelta::seconds(i64::from(value) * length.num_seconds());
        self.check_interval(Some(interval))?;
        Ok(interval)
    }

    fn at(self, at: &str) -> Result<NaiveDateTime, ScheduleError> {
        NaiveDateTime::parse_from_str(at, AT)
            .ok()
            // chrono takes `+2026`, `2026-1-1` and leap seconds, too.
            .filter(|time| time.nanosecond() == 0 && time.format(AT).to_string() == at)
            .ok_or_else(|| self.error("a time such as `2026-10-06T02:00:00`", at))
    }

    fn check_interval(self, shortest: Option<TimeDelta>) -> Result<(), ScheduleError> {
        match shortest {
            Some(found)
                if self.dialect == Dialect::MaintenanceWindow && found < WINDOW_INTERVAL =>
            {
                let expected = format!("at least {} s apart", WINDOW_INTERVAL.num_seconds());
                Err(self.error(&expected, &format!("{} s", found.num_seconds())))
            }
            _ => Ok(()),
        }
    }

    fn field(self, text: &'a str) -> FieldText<'a> {
        FieldText {
            expression: self.expression,
            text,
        }
    }

    fn error(self, expected: &str, found: &str) -> ScheduleError {
        ScheduleError::Expression {
            expression: self.expression.into(),
            expected: expected.into(),
            found: found.into(),
        }
    }
}
