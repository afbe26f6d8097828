//! Schedules of EventBridge Scheduler. They start nothing here: what runs state machines is outside the account.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::quartz::Quartz;
use crate::sim::wire::ApiError;

/// The group that every account has.
pub const DEFAULT_GROUP: &str = "default";
/// The longest name (Name, ScheduleGroupName).
const NAME_CHARS: usize = 64;
/// The longest expression (ScheduleExpression).
const EXPRESSION_CHARS: usize = 256;
/// The longest input of a target, bytes (Scheduler User Guide, quotas).
const INPUT_BYTES: usize = 256 * 1024;
/// Minutes by which a schedule may be late at most (MaximumWindowInMinutes).
const LATEST_MINUTES: i64 = 1440;

/// The schedules of the account and region, with their groups.
#[derive(Clone, Debug)]
pub struct Schedules {
    /// By group and name.
    pub by_name: BTreeMap<(String, String), Schedule>,
    /// Names of groups.
    pub groups: BTreeSet<String>,
}

impl Default for Schedules {
    fn default() -> Self {
        Self {
            by_name: BTreeMap::new(),
            groups: [DEFAULT_GROUP.to_owned()].into(),
        }
    }
}

/// A schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// Its name, unique in its group.
    pub name: String,
    /// Its group.
    pub group: String,
    /// `cron(...)`, `rate(...)` or `at(...)`.
    pub expression: String,
    /// The IANA zone in which the expression is read.
    pub zone: String,
    /// The minutes by which it may be late; none: `OFF`.
    pub flexible_minutes: Option<i64>,
    /// `ENABLED` or `DISABLED`.
    pub state: String,
    /// It fires from then on.
    pub from: Option<DateTime<Utc>>,
    /// It fires until then.
    pub until: Option<DateTime<Utc>>,
    /// Its description.
    pub description: Option<String>,
    /// Its target as it was given: `Arn`, `RoleArn`, `Input` and more.
    pub target: Value,
    /// `NONE` or `DELETE`.
    pub after: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was changed.
    pub modified_at: DateTime<Utc>,
}

pub(in crate::sim) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}

/// The answer to a name that a schedule or a group cannot have.
///
/// # Errors
/// That answer.
pub(in crate::sim) fn check_name(field: &str, name: &str) -> Result<(), ApiError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if (1..=NAME_CHARS).contains(&name.len()) && name.chars().all(legal) {
        return Ok(());
    }
    Err(invalid(format!(
        "1 validation error detected: Value '{name}' at '{field}' failed to satisfy constraint: Member must satisfy regular \
         expression pattern: ^[0-9a-zA-Z-_.]+$"
    )))
}

impl Schedules {
    /// A schedule, or the answer that there is none.
    pub(in crate::sim) fn find(&self, group: &str, name: &str) -> Result<&Schedule, ApiError> {
        let found = self.by_name.get(&(group.to_owned(), name.to_owned()));
        found.ok_or_else(|| no_schedule(name))
    }

    /// Makes a schedule, or replaces one.
    pub(in crate::sim) fn put(&mut self, schedule: Schedule, is_new: bool) -> Result<(), ApiError> {
        schedule.check()?;
        if !self.groups.contains(&schedule.group) {
            let text = format!("Schedule Group {} does not exist.", schedule.group);
            return Err(ApiError::with_status(
                404,
                "ResourceNotFoundException",
                text,
            ));
        }
        let key = (schedule.group.clone(), schedule.name.clone());
        match (self.by_name.contains_key(&key), is_new) {
            (true, true) => {
                let text = format!("Schedule {} already exists.", schedule.name);
                return Err(ApiError::with_status(409, "ConflictException", text));
            }
            (false, false) => return Err(no_schedule(&schedule.name)),
            (true, false) | (false, true) => {}
        }
        self.by_name.insert(key, schedule);
        Ok(())
    }
}

/// The answer to a schedule that is not there.
pub(in crate::sim) fn no_schedule(name: &str) -> ApiError {
    let text = format!("Schedule {name} does not exist.");
    ApiError::with_status(404, "ResourceNotFoundException", text)
}

impl Schedule {
    fn check(&self) -> Result<(), ApiError> {
        check_name("name", &self.name)?;
        check_name("groupName", &self.group)?;
        let expression = &self.expression;
        if expression.len() > EXPRESSION_CHARS || Quartz::parse(expression, false).is_none() {
            return Err(invalid(format!(
                "Invalid Schedule Expression {expression}."
            )));
        }
        if self.zone.parse::<chrono_tz::Tz>().is_err() {
            return Err(invalid(format!(
                "Invalid Schedule Expression Timezone {}.",
                self.zone
            )));
        }
        if let Some(minutes) = self.flexible_minutes
            && !(1..=LATEST_MINUTES).contains(&minutes)
        {
            return Err(invalid(format!(
                "1 validation error detected: Value '{minutes}' at 'flexibleTimeWindow.maximumWindowInMinutes' failed to satisfy \
                 constraint: Member must have value less than or equal to {LATEST_MINUTES}"
            )));
        }
        let text = |field: &str| self.target.get(field).and_then(Value::as_str);
        let (Some(arn), Some(_)) = (text("Arn"), text("RoleArn")) else {
            return Err(invalid("expected Arn and RoleArn of the target"));
        };
        let Some(input) = text("Input") else {
            return Ok(());
        };
        if input.is_empty() || input.len() > INPUT_BYTES {
            return Err(invalid(format!(
                "expected an input of 1 to {INPUT_BYTES} bytes"
            )));
        }
        if arn.contains(":states:") && serde_json::from_str::<Value>(input).is_err() {
            return Err(invalid(
                "Invalid Input: expected well-formed JSON for this target",
            ));
        }
        Ok(())
    }
}
