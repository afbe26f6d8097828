//! Reads the expressions of AWS's schedules.

use chrono::{NaiveDateTime, TimeDelta, Timelike};

use super::{Dialect, Form, WINDOW_INTERVAL, days};
use crate::schedule::calendar::{Calendar, FIRST_YEAR, LAST_YEAR};
use crate::schedule::days::Days;
use crate::schedule::error::ScheduleError;
use crate::schedule::field::{
    Descending, FieldKind, FieldText, HOUR, MINUTE, MONTH, SECOND, number,
};

const YEAR: FieldKind = FieldKind {
    name: "year",
    min: FIRST_YEAR,
    max: LAST_YEAR,
    names: &[],
    descending: Descending::Refused,
};

/// The format of the time in `at(...)`.
const AT: &str = "%Y-%m-%dT%H:%M:%S";
/// The units of `rate(...)`.
const UNITS: [(&str, TimeDelta); 3] = [
    ("minute", TimeDelta::minutes(1)),
    ("hour", TimeDelta::hours(1)),
    ("day", TimeDelta::days(1)),
];

/// An expression that is being read.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) dialect: Dialect,
    pub(super) expression: &'a str,
}

impl<'a> Source<'a> {
    /// Reads the whole expression.
    ///
    /// # Errors
    /// The first thing that is wrong, with what was expected and found.
    pub(super) fn form(self) -> Result<Form, ScheduleError> {
        let unwrapped = self.expression.strip_suffix(')');
        match unwrapped.and_then(|text| text.split_once('(')) {
            Some(("cron", fields)) => self.cron(fields).map(Form::Cron),
            Some(("rate", rate)) => self.check_rate(rate).map(|()| Form::Rate),
            Some(("at", at)) => self.at(at).map(Form::At),
            _ => Err(self.error("cron(...), rate(...) or at(...)", self.expression)),
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
                    Dialect::Scheduler => "6",
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
        let is_any = |text| text == "?" || is_window && text == "*";
        match (is_any(day), is_any(weekday)) {
            (true, true) if is_window => Ok(Days::Any),
            (true, false) => days::of_week(self.field(weekday), is_window),
            (false, true) => days::of_month(self.field(day)),
            (true, true) | (false, false) => Err(ScheduleError::Field {
                expression: self.expression.into(),
                field: "day of month and day of week",
                expected: "`?` in exactly one of them".into(),
                found: format!("{day} and {weekday}"),
            }),
        }
    }

    fn check_rate(self, rate: &str) -> Result<(), ScheduleError> {
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
        self.check_interval(Some(interval))
    }

    fn at(self, at: &str) -> Result<NaiveDateTime, ScheduleError> {
        NaiveDateTime::parse_from_str(at, AT)
            .ok()
            // chrono accepts `+2026`, `2026-1-1` and leap seconds, too.
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
