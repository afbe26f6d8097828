//! The schedules of EventBridge Scheduler and of maintenance windows: `cron(...)`, `rate(...)` and
//! `at(...)`.
//!
//! Their cron is Quartz's: `minute hour day-of-month month day-of-week year`. One of the day fields
//! is `?`, and Sunday is 1: `2` is Monday here, but Tuesday in [`super::unix`]. AWS documents
//! ranges that wrap around (`20-2`) for hours only; here, as in Quartz, those of every field but the
//! year may. The time of `at(...)` is wall-clock time in the schedule's zone.

mod days;
mod source;
#[cfg(test)]
mod tests;

use std::iter;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::calendar::Calendar;
use super::error::ScheduleError;
use super::wall::Span;
use source::Source;

/// How far back the latest fire is looked for. Nothing that recurs is rarer than a February with five
/// Sundays, and none of those comes in the 40 years between 2088 and 2128.
const LOOK_BACK: TimeDelta = TimeDelta::days(40 * 366);
/// Maintenance windows do not open more often. Source: Systems Manager, CreateMaintenanceWindow.
const WINDOW_INTERVAL: TimeDelta = TimeDelta::minutes(5);

/// Which of AWS's services reads the expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// A schedule of EventBridge Scheduler.
    Scheduler,
    /// A maintenance window of Systems Manager: a seventh field in front may name the second, `*` in
    /// a day field means the same as `?`, days of the week may have steps, and two openings are at
    /// least 5 minutes apart.
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
    /// Fires at intervals from a beginning that AWS does not report: when it fired is unknown.
    Rate,
    At(NaiveDateTime),
}

impl AwsSchedule {
    /// Reads an expression.
    ///
    /// # Errors
    /// The first thing that is wrong, with what was expected and found.
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

    /// The same schedule, `days` later on the wall clock: a maintenance window's ScheduleOffset.
    ///
    /// A window that is created between its cron day and its offset day first opens a period later;
    /// the expression alone does not show that.
    ///
    /// # Errors
    /// The offset is not 1 to 6 days, or the schedule is not the cron expression of a maintenance
    /// window.
    pub fn with_offset(mut self, days: i32) -> Result<Self, ScheduleError> {
        let refused = |expected: &str| ScheduleError::Expression {
            expression: self.expression.clone(),
            expected: expected.into(),
            found: format!("an offset of {days} days"),
        };
        let offset = u8::try_from(days).ok().filter(|n| (1..=6).contains(n));
        let offset = offset.ok_or_else(|| refused("an offset of 1 to 6 days"))?;
        match (&mut self.form, self.dialect) {
            (Form::Cron(calendar), Dialect::MaintenanceWindow) => {
                calendar.offset = TimeDelta::days(offset.into());
            }
            (Form::Cron(_), Dialect::Scheduler)
            | (Form::Rate | Form::At(_), Dialect::Scheduler | Dialect::MaintenanceWindow) => {
                return Err(refused("an offset with a maintenance window's cron only"));
            }
        }
        Ok(self)
    }

    /// The first time that it fires after `after`; `None` if it never does again, and for `rate(...)`, whose beginning
    /// AWS does not report.
    pub fn next_after(&self, zone: Tz, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let span = Span::after(after);
        match &self.form {
            Form::Cron(calendar) => calendar.fires(span, zone).next(),
            Form::At(at) => span.instants(zone, iter::once(*at)).next(),
            Form::Rate => None,
        }
    }

    /// Whether it is `rate(...)`.
    pub fn is_rate(&self) -> bool {
        self.form == Form::Rate
    }

    /// Whether Systems Manager reads it.
    pub fn is_maintenance_window(&self) -> bool {
        self.dialect == Dialect::MaintenanceWindow
    }

    /// The last time that it fired, at `now` or before; `None` if it did not within the last 40
    /// years, and for `rate(...)`, whose beginning AWS does not report.
    pub fn last_before(&self, zone: Tz, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let earliest = now.checked_sub_signed(LOOK_BACK);
        let span = Span {
            after: earliest.unwrap_or(DateTime::<Utc>::MIN_UTC),
            until: now,
        };
        match &self.form {
            Form::Cron(calendar) => calendar.fires(span, zone).next_back(),
            Form::At(at) => span.instants(zone, iter::once(*at)).next(),
            Form::Rate => None,
        }
    }
}
