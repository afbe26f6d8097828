//! The input that people, schedules and maintenance windows' tasks start an execution with.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::cause::time;
use super::prune_input::{GRACE_DAYS, KEEP, OLDER_THAN_DAYS};
use super::{Asked, Cause, PruneInput, RunInput, TriggerError, shown};
use crate::ids::{GroupName, names};
use crate::request::{
    AfterFailure, AtDeadline, BeforeFailure, DocumentName, FailureLimit, KeepDays, Operation,
    OwnersDocuments,
};
use crate::tag_filter::TagFilters;
use crate::text::shortened;

/// Hours that a window lasts at most (SSM: CreateMaintenanceWindow, Duration).
const WINDOW_LIMIT_HOURS: u32 = 24;
/// Characters of a window's name: infra/window.yaml allows 48.
const WINDOW_NAME_LIMIT: usize = 64;
/// Characters of a group's name (Auto Scaling: CreateAutoScalingGroup, AutoScalingGroupName).
const NAME_LIMIT: usize = 255;
/// Newest images that a prune may be told to keep: a launch template has 10,000 versions at most (EC2 quotas).
const KEEP_LIMIT: usize = 10_000;
/// EC2 takes no time of deprecation that is further away than ten years (EnableImageDeprecation, DeprecateAt).
const DAYS_LIMIT: u32 = 3_650;
/// Characters of an execution's id (SSM: GetAutomationExecution, AutomationExecutionId).
const AUTOMATION_ID_LENGTH: usize = 36;
/// Characters of a group's name that an error shows.
const NAME_SHOWN: usize = 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct Input {
    mode: Mode,
    trigger: Option<Trigger>,
    schedule: Option<String>,
    scheduled_time: Option<String>,
    #[serde(rename = "window_id")]
    _window_id: Option<String>,
    window_execution_id: Option<String>,
    groups: Vec<GroupName>,
    filters: BTreeMap<String, Values>,
    window: Option<String>,
    #[serde(deserialize_with = "parsed")]
    operation: Option<Operation>,
    duration_hours: Option<u32>,
    cutoff_hours: Option<u32>,
    max_in_flight: Option<usize>,
    #[serde(deserialize_with = "parsed")]
    max_failures: Option<FailureLimit>,
    #[serde(deserialize_with = "parsed")]
    at_deadline: Option<AtDeadline>,
    #[serde(deserialize_with = "parsed")]
    keep_failed_days: Option<KeepDays>,
    #[serde(deserialize_with = "parsed")]
    before_document: Option<DocumentName>,
    #[serde(deserialize_with = "parsed")]
    after_document: Option<DocumentName>,
    #[serde(deserialize_with = "parsed")]
    before_failure: Option<BeforeFailure>,
    #[serde(deserialize_with = "parsed")]
    after_failure: Option<AfterFailure>,
    reason: Option<String>,
    force: bool,
    apply: bool,
    keep: Option<usize>,
    older_than_days: Option<u32>,
    grace_days: Option<u32>,
    automation: Option<String>,
}

/// A value, or a list of them.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a text or a list of texts")]
enum Values {
    One(String),
    Many(Vec<String>),
}

impl From<Values> for Vec<String> {
    fn from(values: Values) -> Self {
        match values {
            Values::One(value) => vec![value],
            Values::Many(values) => values,
        }
    }
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Run,
    Plan,
    Prune,
    Approve,
    Restore,
    Sweep,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Trigger {
    Schedule,
    MaintenanceWindow,
}

pub(super) fn read(event: &Value) -> Result<Asked, TriggerError> {
    let input: Input =
        serde_json::from_value(event.clone()).map_err(|e| TriggerError::Malformed {
            place: "input",
            found: shown(event),
            problem: e.to_string(),
        })?;
    input.asked()
}

/// Text, or a number where a text may be one, as the command line takes it.
fn parsed<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let text = match Option::<Value>::deserialize(from)? {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
    };
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

impl Input {
    fn asked(self) -> Result<Asked, TriggerError> {
        if self.force && self.mode != Mode::Restore {
            let expected = "none but with the mode restore";
            return Err(TriggerError::field("force", expected, "true"));
        }
        if let Some(field) = self.of_prune().filter(|_| self.mode != Mode::Prune) {
            let expected = "none but with the mode prune";
            return Err(TriggerError::field(field, expected, "a value"));
        }
        if self.automation.is_some() && self.mode != Mode::Approve {
            let expected = "none but with the mode approve";
            return Err(TriggerError::field("automation", expected, "a value"));
        }
        match self.mode {
            Mode::Approve => self.approve(),
            Mode::Prune => Ok(Asked::Prune(Box::new(self.prune()?))),
            Mode::Run => Ok(Asked::Run(Box::new(self.run()?))),
            Mode::Plan => Ok(Asked::Plan(Box::new(self.run()?))),
            Mode::Restore => {
                let force = self.force;
                match self.only_groups()? {
                    groups if groups.is_empty() && force => Err(TriggerError::field(
                        "force",
                        "names of groups with it",
                        "none",
                    )),
                    groups => Ok(Asked::Restore { groups, force }),
                }
            }
            Mode::Sweep => match self.only_groups()? {
                groups if groups.is_empty() => Ok(Asked::Sweep),
                groups => Err(TriggerError::field(
                    "groups",
                    "none with the mode sweep (the mode restore takes some)",
                    names(&groups),
                )),
            },
        }
    }

    /// A field that only a prune takes, if there is one.
    fn of_prune(&self) -> Option<&'static str> {
        let fields = [
            ("apply", self.apply),
            (KEEP, self.keep.is_some()),
            (OLDER_THAN_DAYS, self.older_than_days.is_some()),
            (GRACE_DAYS, self.grace_days.is_some()),
        ];
        let mut given = fields.into_iter().filter(|(_, is_given)| *is_given);
        given.next().map(|(field, _)| field)
    }

    /// A prune takes none of a run's settings but the groups.
    fn prune(self) -> Result<PruneInput, TriggerError> {
        let (apply, keep) = (self.apply, self.keep);
        let older_than = days(OLDER_THAN_DAYS, self.older_than_days)?;
        let grace = days(GRACE_DAYS, self.grace_days)?;
        if let Some(found) = keep.filter(|n| *n > KEEP_LIMIT) {
            let expected = format!("at most {KEEP_LIMIT}");
            return Err(TriggerError::field(KEEP, expected, found.to_string()));
        }
        let run = self.run()?;
        let bare = RunInput {
            cause: run.cause.clone(),
            groups: run.groups.clone(),
            reason: run.reason.clone(),
            ..RunInput::default()
        };
        if run != bare {
            return Err(TriggerError::field(
                "mode",
                "nothing but mode, apply, keep, older_than_days, grace_days, groups and reason for a prune",
                "settings of a run",
            ));
        }
        Ok(PruneInput {
            cause: run.cause,
            groups: run.groups,
            apply,
            keep,
            older_than,
            grace,
            reason: run.reason,
        })
    }

    /// An approval takes nothing but the execution in which a person asked for it.
    fn approve(mut self) -> Result<Asked, TriggerError> {
        let automation = self.automation.take().unwrap_or_default();
        if self.run()? != RunInput::default() {
            let expected = "nothing but mode and automation for an approval";
            return Err(TriggerError::field("mode", expected, "settings of a run"));
        }
        let is_id = |c: char| c.is_ascii_hexdigit() || c == '-';
        if automation.len() != AUTOMATION_ID_LENGTH || !automation.chars().all(is_id) {
            let expected = "the id of an execution of the document AsgPatch-Approve";
            let found = format!("'{}'", shortened(&automation, NAME_SHOWN));
            return Err(TriggerError::field("automation", expected, found));
        }
        Ok(Asked::Approve { automation })
    }

    /// A restore takes nothing but groups: any other setting would be lost.
    fn only_groups(self) -> Result<Vec<GroupName>, TriggerError> {
        let run = self.run()?;
        let bare = RunInput {
            groups: run.groups.clone(),
            reason: run.reason.clone(),
            ..RunInput::default()
        };
        if run != bare {
            return Err(TriggerError::field(
                "mode",
                "nothing but mode, groups and reason for a restore",
                "settings of a run",
            ));
        }
        Ok(run.groups)
    }

    fn run(self) -> Result<RunInput, TriggerError> {
        let cause = self.cause()?;
        self.check_limits()?;
        let filters = self
            .filters
            .into_iter()
            .map(|(key, values)| (key, values.into()));
        let filters = TagFilters::of(filters)
            .map_err(|wrong| TriggerError::field("filters", "keys with values", wrong.found))?;
        Ok(RunInput {
            cause,
            duration: hours("duration_hours", self.duration_hours, 1)?,
            cutoff: hours("cutoff_hours", self.cutoff_hours, 0)?,
            groups: self.groups,
            filters,
            window: self.window,
            operation: self.operation,
            max_in_flight: self.max_in_flight,
            max_failures: self.max_failures,
            at_deadline: self.at_deadline,
            keep_failed: self.keep_failed_days,
            documents: OwnersDocuments {
                before: self.before_document,
                after: self.after_document,
                before_failure: self.before_failure,
                after_failure: self.after_failure,
            },
            reason: self.reason,
        })
    }

    fn check_limits(&self) -> Result<(), TriggerError> {
        let fits = |g: &GroupName| (1..=NAME_LIMIT).contains(&g.as_str().chars().count());
        if let Some(name) = self.groups.iter().find(|g| !fits(g)) {
            return Err(TriggerError::field(
                "groups",
                format!("names of 1 to {NAME_LIMIT} characters"),
                format!("'{}'", shortened(name.as_str(), NAME_SHOWN)),
            ));
        }
        if let Some(name) = &self.window
            && !(1..=WINDOW_NAME_LIMIT).contains(&name.chars().count())
        {
            return Err(TriggerError::field(
                "window",
                format!("a name of 1 to {WINDOW_NAME_LIMIT} characters"),
                format!("'{}'", shortened(name, NAME_SHOWN)),
            ));
        }
        if self.max_in_flight == Some(0) {
            return Err(TriggerError::field("max_in_flight", "at least 1", "0"));
        }
        Ok(())
    }

    fn cause(&self) -> Result<Cause, TriggerError> {
        match self.trigger {
            None if self.schedule.is_some()
                || self.scheduled_time.is_some()
                || self.window_execution_id.is_some() =>
            {
                Err(TriggerError::field(
                    "trigger",
                    "the trigger that the time or execution belongs to",
                    "none",
                ))
            }
            None => Ok(Cause::Hand),
            Some(Trigger::Schedule) => {
                let schedule = filled("schedule", self.schedule.as_ref())?;
                let text = filled("scheduled_time", self.scheduled_time.as_ref())?;
                let (Some(schedule), Some(text)) = (schedule, text) else {
                    return Ok(Cause::Hand);
                };
                let expected = "a time such as 2026-10-14T04:00:00Z";
                let found = || TriggerError::field("scheduled_time", expected, format!("'{text}'"));
                let at = time(&text).ok_or_else(found)?;
                Ok(Cause::Schedule { schedule, at })
            }
            Some(Trigger::MaintenanceWindow) => {
                let execution = filled("window_execution_id", self.window_execution_id.as_ref())?;
                Ok(execution.map_or(Cause::Hand, |execution| Cause::Window {
                    execution,
                    at: None,
                }))
            }
        }
    }
}

fn days(field: &str, given: Option<u32>) -> Result<Option<TimeDelta>, TriggerError> {
    match given {
        Some(n) if n > DAYS_LIMIT => Err(TriggerError::field(
            field,
            format!("0 to {DAYS_LIMIT}"),
            n.to_string(),
        )),
        n => Ok(n.map(|n| TimeDelta::days(n.into()))),
    }
}

fn hours(field: &str, given: Option<u32>, least: u32) -> Result<Option<TimeDelta>, TriggerError> {
    match given {
        Some(n) if n < least || n > WINDOW_LIMIT_HOURS => Err(TriggerError::field(
            field,
            format!("{least} to {WINDOW_LIMIT_HOURS}"),
            n.to_string(),
        )),
        n => Ok(n.map(|n| TimeDelta::hours(n.into()))),
    }
}

/// A value that the trigger was to fill in. Where it did not (a person started the execution with the
/// schedule's own input, or an emulator fills nothing in), the cause is that execution.
fn filled(field: &str, value: Option<&String>) -> Result<Option<String>, TriggerError> {
    match value {
        None => Err(TriggerError::field(
            field,
            "a value with this trigger",
            "none",
        )),
        Some(v) if v.starts_with("<aws.scheduler.") || v.starts_with("{{") => Ok(None),
        Some(v) => Ok(Some(v.clone())),
    }
}
