//! Maintenance windows of Systems Manager. They open for the reader alone: what runs state machines is outside the account.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::Value;

use super::World;
use super::quartz::Quartz;
use crate::sim::beliefs::SkippedOpening;
use crate::sim::wire::ApiError;

/// Maintenance windows of an account and region (General Reference, Systems Manager).
const WINDOWS: usize = 50;
/// Tasks of a window (General Reference, Systems Manager).
const TASKS: usize = 20;
/// Bytes of the input of a STEP_FUNCTIONS task (MaintenanceWindowStepFunctionsInput).
const INPUT_BYTES: usize = 4096;

/// A maintenance window.
#[derive(Clone, Debug, PartialEq)]
pub struct MaintenanceWindow {
    /// `mw-...`.
    pub id: String,
    /// Its name; several windows may have the same.
    pub name: String,
    /// Its description.
    pub description: Option<String>,
    /// `cron(...)`, `rate(...)` or `at(...)`.
    pub schedule: String,
    /// The IANA zone in which the schedule is read.
    pub zone: Option<String>,
    /// Days between the cron day and the opening, 1 to 6.
    pub offset: Option<u32>,
    /// Hours.
    pub duration: i64,
    /// Hours before the end from which no task starts.
    pub cutoff: i64,
    /// Whether tasks may run without registered targets.
    pub unassociated_targets: bool,
    /// Whether it opens.
    pub enabled: bool,
    /// It opens from then on, as given.
    pub from: Option<String>,
    /// It opens until then, as given.
    pub until: Option<String>,
    /// When it was made or its schedule changed.
    pub begun_at: DateTime<Utc>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was changed.
    pub modified_at: DateTime<Utc>,
    /// Its tasks, in the order in which they were registered.
    pub tasks: Vec<Task>,
}

/// A task of a maintenance window.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// `STEP_FUNCTIONS`, `LAMBDA`, `AUTOMATION` or `RUN_COMMAND`.
    pub kind: String,
    /// The ARN of the thing that it starts.
    pub arn: String,
    /// Lower ones go first.
    pub priority: i64,
    /// The role in which it starts.
    pub role: Option<String>,
    /// Its parameters, by kind, as given.
    pub parameters: Value,
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}

/// The answer to a window or a task that is not there.
pub(in crate::sim) fn no_window(id: &str) -> ApiError {
    ApiError::new(
        "DoesNotExistException",
        format!("Maintenance window {id} does not exist"),
    )
}

/// A time as a window takes it: ISO 8601, with an offset or in UTC.
pub(in crate::sim) fn time(text: &str) -> Option<DateTime<Utc>> {
    let zoned = DateTime::parse_from_rfc3339(text).ok().map(|t| t.to_utc());
    let short = || {
        DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M%:z")
            .ok()
            .map(|t| t.to_utc())
    };
    zoned
        .or_else(short)
        .or_else(|| format!("{text}Z").parse().ok())
}

impl MaintenanceWindow {
    fn check(&self) -> Result<(), ApiError> {
        let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if !(3..=128).contains(&self.name.len()) || !self.name.chars().all(legal) {
            return Err(invalid(format!(
                "1 validation error detected: Value '{}' at 'name' failed to satisfy constraint: Member must satisfy regular \
                 expression pattern: ^[a-zA-Z0-9_\\-.]{{3,128}}$",
                self.name
            )));
        }
        if !(1..=24).contains(&self.duration) || !(0..=23).contains(&self.cutoff) {
            let (duration, cutoff) = (self.duration, self.cutoff);
            return Err(invalid(format!(
                "expected a duration of 1 to 24 and a cutoff of 0 to 23 hours, found {duration} and {cutoff}"
            )));
        }
        if self.cutoff >= self.duration {
            return Err(invalid("The cutoff must be less than the duration."));
        }
        if let Some(zone) = &self.zone
            && zone.parse::<Tz>().is_err()
        {
            return Err(invalid(format!("Invalid time zone: {zone}")));
        }
        let Some(quartz) = Quartz::parse(&self.schedule, true) else {
            return Err(invalid(format!("Invalid schedule: {}", self.schedule)));
        };
        if self.offset.is_some() && !matches!(quartz, Quartz::Cron(_)) {
            return Err(invalid("A schedule offset needs a cron expression."));
        }
        if self.offset.is_some_and(|days| !(1..=6).contains(&days)) {
            return Err(invalid("expected a schedule offset of 1 to 6 days"));
        }
        for date in [&self.from, &self.until].into_iter().flatten() {
            time(date).ok_or_else(|| invalid(format!("Invalid date: {date}")))?;
        }
        Ok(())
    }

    fn zone(&self) -> Tz {
        let zone = self.zone.as_deref().map(str::parse::<Tz>);
        zone.and_then(Result::ok).unwrap_or(Tz::UTC)
    }

    /// When it opens next, if it does.
    fn next(&self, now: DateTime<Utc>, skipped: SkippedOpening) -> Option<DateTime<Utc>> {
        let quartz = Quartz::parse(&self.schedule, true).filter(|_| self.enabled)?;
        let from = self.from.as_deref().and_then(time);
        let after = from.map_or(now, |from| now.max(from - TimeDelta::seconds(1)));
        let spans = (self.begun_at, after);
        let counts = skipped == SkippedOpening::Later;
        let next = quartz.next(self.zone(), spans, self.offset.unwrap_or(0), counts)?;
        let until = self.until.as_deref().and_then(time);
        until.is_none_or(|until| next < until).then_some(next)
    }

    /// NextExecutionTime: in the window's zone, without seconds; in UTC with them where it has none.
    pub fn shown_next(&self, world: &World) -> Option<String> {
        let next = self.next(world.now, world.beliefs.skipped_opening)?;
        Some(match &self.zone {
            Some(_) => next
                .with_timezone(&self.zone())
                .format("%Y-%m-%dT%H:%M%:z")
                .to_string(),
            None => next.to_rfc3339_opts(SecondsFormat::Millis, true),
        })
    }
}

impl World {
    /// A maintenance window, or the answer that there is none.
    pub fn maintenance_window(&self, id: &str) -> Result<&MaintenanceWindow, ApiError> {
        self.maintenance_windows
            .get(id)
            .ok_or_else(|| no_window(id))
    }

    /// Puts a maintenance window into the account, new or changed.
    pub(in crate::sim) fn put_maintenance_window(
        &mut self,
        window: MaintenanceWindow,
    ) -> Result<(), ApiError> {
        window.check()?;
        let is_new = !self.maintenance_windows.contains_key(&window.id);
        if is_new && self.maintenance_windows.len() >= WINDOWS {
            let text = format!("The account has {WINDOWS} maintenance windows already.");
            return Err(ApiError::new("ResourceLimitExceededException", text));
        }
        self.maintenance_windows.insert(window.id.clone(), window);
        Ok(())
    }

    /// Registers a task with a maintenance window.
    pub(in crate::sim) fn register_task(&mut self, id: &str, task: Task) -> Result<(), ApiError> {
        let window = self.maintenance_windows.get_mut(id);
        let window = window.ok_or_else(|| no_window(id))?;
        if window.tasks.len() >= TASKS {
            let text = format!("The maintenance window has {TASKS} tasks already.");
            return Err(ApiError::new("ResourceLimitExceededException", text));
        }
        let input = task.parameters.pointer("/StepFunctions/Input");
        let input = input.and_then(Value::as_str).unwrap_or_default();
        if input.len() > INPUT_BYTES {
            return Err(invalid(format!(
                "1 validation error detected: Value at 'taskInvocationParameters.stepFunctions.input' failed to satisfy constraint: \
                 Member must have length less than or equal to {INPUT_BYTES}"
            )));
        }
        window.tasks.push(task);
        Ok(())
    }
}
