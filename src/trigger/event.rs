//! What EventBridge, a maintenance window or a person sends: from JSON to what is asked for.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::TriggerError;
use crate::ids::{GroupName, RunId};
use crate::request::{
    AtDeadline, FailureLimit, Operation, OptInTag, RequestError, RunRequest, Selection,
};
use crate::schedule::Window;
use crate::text::{legal_name, short_hash, shortened};

/// A run's id has at most so many characters: images are named after it.
const RUN_ID_LIMIT: usize = 48;
/// A window lasts so many hours at most (SSM: CreateMaintenanceWindow, Duration).
const WINDOW_LIMIT_HOURS: u32 = 24;

/// What somebody wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// Patch.
    Run(Box<RunInput>),
    /// Say what a run would do.
    Plan(Box<RunInput>),
    /// Restore: the groups that are named, or all whose deadline has passed.
    Restore {
        /// Names; empty for all that are due.
        groups: Vec<GroupName>,
    },
    /// As [`Asked::Restore`] of all that are due; comes round again soon.
    Sweep,
    /// An execution ended badly: restore what it owned.
    Dead {
        /// Its ARN.
        execution: String,
        /// Step Functions' word for its end.
        status: String,
        /// What it had been started with, if that was told and can be understood.
        input: Option<Box<Asked>>,
    },
}

/// A run as it was asked for: what is not said is as the stack's settings have it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunInput {
    /// Where it comes from.
    pub cause: Cause,
    /// Only these of the opted-in groups; empty for all.
    pub groups: Vec<GroupName>,
    /// Install or Scan.
    pub operation: Option<Operation>,
    /// The window's length.
    pub duration: Option<TimeDelta>,
    /// How long before its end nothing new is started.
    pub cutoff: Option<TimeDelta>,
    /// At most so many build instances at once.
    pub max_in_flight: Option<usize>,
    /// How many groups may fail.
    pub max_failures: Option<FailureLimit>,
    /// What becomes of groups that are not done in time.
    pub at_deadline: Option<AtDeadline>,
    /// Why, in the words of who started it.
    pub reason: Option<String>,
}

/// What caused a run. The same cause yields the same run id, so that a second delivery is recognised.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Cause {
    /// Somebody, by hand; each execution is a cause of its own.
    #[default]
    Hand,
    /// A schedule's time.
    Schedule {
        /// The schedule's or rule's ARN.
        schedule: String,
        /// The time that it was due.
        at: DateTime<Utc>,
    },
    /// A maintenance window's execution.
    Window {
        /// `WINDOW_EXECUTION_ID`.
        execution: String,
        /// When it began, if that was told.
        at: Option<DateTime<Utc>>,
    },
}

/// What a run is like unless its input says otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Defaults {
    /// The opt-in tag.
    pub tag: OptInTag,
    /// Install or Scan.
    pub operation: Operation,
    /// The window's length.
    pub duration: TimeDelta,
    /// How long before its end nothing new is started.
    pub cutoff: TimeDelta,
    /// At most so many build instances at once.
    pub max_in_flight: Option<usize>,
    /// How many groups may fail.
    pub max_failures: FailureLimit,
    /// What becomes of groups that are not done in time.
    pub at_deadline: AtDeadline,
    /// Where the report goes.
    pub topic_arn: Option<String>,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            tag: OptInTag::default(),
            operation: Operation::default(),
            duration: TimeDelta::hours(3),
            cutoff: TimeDelta::hours(1),
            max_in_flight: None,
            max_failures: FailureLimit::Percent(100),
            at_deadline: AtDeadline::default(),
            topic_arn: None,
        }
    }
}

impl RunInput {
    /// The request of a run that the execution `owner` drives.
    ///
    /// # Errors
    /// A cutoff that leaves no time.
    pub fn request(
        &self,
        defaults: &Defaults,
        owner: &str,
        now: DateTime<Utc>,
    ) -> Result<RunRequest, TriggerError> {
        let duration = self.duration.unwrap_or(defaults.duration);
        // A stack's cutoff may be too long for a shorter window that somebody asks for: a third then.
        let cutoff = match self.cutoff {
            Some(cutoff) => cutoff,
            None if defaults.cutoff < duration => defaults.cutoff,
            None => duration / 3,
        };
        let start = match &self.cause {
            Cause::Hand | Cause::Window { at: None, .. } => now,
            Cause::Schedule { at, .. } | Cause::Window { at: Some(at), .. } => now.min(*at),
        };
        Ok(RunRequest {
            run_id: self.cause.run_id(owner),
            owner: owner.to_owned(),
            window: Window::lasting(start, duration, cutoff).map_err(TriggerError::Window)?,
            selection: Selection {
                tag: defaults.tag.clone(),
                groups: self.groups.clone(),
            },
            operation: self.operation.unwrap_or(defaults.operation),
            max_in_flight: self.max_in_flight.or(defaults.max_in_flight),
            max_failures: self.max_failures.unwrap_or(defaults.max_failures),
            topic_arn: defaults.topic_arn.clone(),
            at_deadline: self.at_deadline.unwrap_or(defaults.at_deadline),
        })
    }
}

impl Cause {
    /// The run's id: letters, digits, `-`, `.` and `_`, at most 48 of them.
    pub fn run_id(&self, owner: &str) -> RunId {
        let id = match self {
            Self::Schedule { schedule, at } => {
                let which = short_hash(schedule);
                format!("sched-{}-{which}", at.format("%Y%m%dT%H%M%SZ"))
            }
            Self::Window { execution, .. } => format!("mw-{execution}"),
            Self::Hand => format!("exec-{}", owner.rsplit(':').next().unwrap_or(owner)),
        };
        let legal = legal_name(&id);
        if legal == id && id.len() <= RUN_ID_LIMIT {
            return id.into();
        }
        let head: String = legal.chars().take(RUN_ID_LIMIT - 9).collect();
        format!("{head}-{}", short_hash(&id)).into()
    }
}

/// Understands what somebody sent.
///
/// # Errors
/// What was expected and what was found.
pub fn read(event: &Value) -> Result<Asked, TriggerError> {
    let Some(fields) = event.as_object() else {
        return Err(wrong(format!(
            "expected a JSON object, found {}",
            shown(event)
        )));
    };
    if fields.contains_key("detail-type") {
        return aws_event(event);
    }
    let input: Input = serde_json::from_value(event.clone())
        .map_err(|e| wrong(format!("in the input {}: {e}", shown(event))))?;
    input.asked()
}

fn wrong(problem: String) -> TriggerError {
    TriggerError::Event { problem }
}

/// Long events are cut in messages.
fn shown(event: &Value) -> String {
    shortened(&event.to_string(), 300)
}

/// An event of one of AWS's services, as EventBridge delivers it.
#[derive(Deserialize)]
struct AwsEvent {
    source: String,
    #[serde(rename = "detail-type")]
    detail_type: String,
    time: Option<DateTime<Utc>>,
    #[serde(default)]
    resources: Vec<String>,
    /// An object; the Scheduler's default event has it as text.
    #[serde(default)]
    detail: Value,
}

fn aws_event(event: &Value) -> Result<Asked, TriggerError> {
    let problem = |e| wrong(format!("in the event {}: {e}", shown(event)));
    let parsed: AwsEvent = serde_json::from_value(event.clone()).map_err(problem)?;
    match (parsed.source.as_str(), parsed.detail_type.as_str()) {
        ("aws.events" | "aws.scheduler", "Scheduled Event") => {
            let cause = match (parsed.time, parsed.resources.first()) {
                (Some(at), Some(schedule)) => Cause::Schedule {
                    schedule: schedule.clone(),
                    at,
                },
                _ => return Err(wrong("expected an event with time and resources".into())),
            };
            Ok(Asked::run(cause))
        }
        ("aws.ssm", "Maintenance Window Execution State-change Notification") => {
            let detail: WindowDetail =
                serde_json::from_value(parsed.detail.clone()).map_err(problem)?;
            if detail.status != "IN_PROGRESS" {
                return Err(wrong(format!(
                    "expected a maintenance window's execution that begins (IN_PROGRESS), found {}",
                    detail.status
                )));
            }
            Ok(Asked::run(Cause::Window {
                execution: detail.window_execution_id,
                at: detail.start_time.as_deref().and_then(time),
            }))
        }
        ("aws.states", "Step Functions Execution Status Change") => {
            let detail: ExecutionDetail =
                serde_json::from_value(parsed.detail.clone()).map_err(problem)?;
            let input = detail.input.as_deref().map(serde_json::from_str::<Value>);
            let input = input.and_then(Result::ok).and_then(|i| read(&i).ok());
            Ok(Asked::Dead {
                execution: detail.execution_arn,
                status: detail.status,
                input: input.map(Box::new),
            })
        }
        (source, kind) => Err(wrong(format!(
            "expected an event of EventBridge Scheduler, of a rule's schedule, of a maintenance window's \
             execution or of a Step Functions execution, found '{kind}' of {source}"
        ))),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct WindowDetail {
    window_execution_id: String,
    status: String,
    start_time: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecutionDetail {
    execution_arn: String,
    status: String,
    input: Option<String>,
}

/// A time as AWS writes it: with or without fractions and zone.
fn time(text: &str) -> Option<DateTime<Utc>> {
    let zoned = text.parse().ok();
    zoned.or_else(|| format!("{text}Z").parse().ok())
}

/// What people, schedules and window tasks send.
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
    #[serde(deserialize_with = "parsed")]
    operation: Option<Operation>,
    duration_hours: Option<u32>,
    cutoff_hours: Option<u32>,
    max_in_flight: Option<usize>,
    #[serde(deserialize_with = "parsed")]
    max_failures: Option<FailureLimit>,
    #[serde(deserialize_with = "parsed")]
    at_deadline: Option<AtDeadline>,
    reason: Option<String>,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Run,
    Plan,
    Restore,
    Sweep,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Trigger {
    Schedule,
    MaintenanceWindow,
}

/// Text, or a number where a text may be one, as the command line takes it.
fn parsed<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err = RequestError>,
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
        let mode = self.mode;
        match mode {
            Mode::Run => Ok(Asked::Run(Box::new(self.run()?))),
            Mode::Plan => Ok(Asked::Plan(Box::new(self.run()?))),
            Mode::Restore | Mode::Sweep => {
                let groups = self.only_groups()?;
                match mode {
                    Mode::Sweep if groups.is_empty() => Ok(Asked::Sweep),
                    Mode::Sweep => Err(wrong(
                        "expected no groups with the mode sweep; the mode restore takes some"
                            .into(),
                    )),
                    Mode::Run | Mode::Plan | Mode::Restore => Ok(Asked::Restore { groups }),
                }
            }
        }
    }

    /// A restore knows nothing but groups: what else is said would be lost.
    fn only_groups(self) -> Result<Vec<GroupName>, TriggerError> {
        let run = self.run()?;
        let bare = RunInput {
            groups: run.groups.clone(),
            reason: run.reason.clone(),
            ..RunInput::default()
        };
        if run != bare {
            return Err(wrong(
                "expected nothing but mode, groups and reason for a restore, found settings of a run".into(),
            ));
        }
        Ok(run.groups)
    }

    fn run(self) -> Result<RunInput, TriggerError> {
        let cause = self.cause()?;
        if let Some(name) = self
            .groups
            .iter()
            .find(|g| !(1..=255).contains(&g.as_str().chars().count()))
        {
            return Err(wrong(format!(
                "groups: expected names of 1 to 255 characters, found '{}'",
                shortened(name.as_str(), 60)
            )));
        }
        if self.max_in_flight == Some(0) {
            return Err(wrong("max_in_flight: expected at least 1, found 0".into()));
        }
        let hours = |name: &str, given: Option<u32>, least: u32| match given {
            Some(n) if n < least || n > WINDOW_LIMIT_HOURS => Err(wrong(format!(
                "{name}: expected {least} to {WINDOW_LIMIT_HOURS}, found {n}"
            ))),
            n => Ok(n.map(|n| TimeDelta::hours(n.into()))),
        };
        Ok(RunInput {
            cause,
            duration: hours("duration_hours", self.duration_hours, 1)?,
            cutoff: hours("cutoff_hours", self.cutoff_hours, 0)?,
            groups: self.groups,
            operation: self.operation,
            max_in_flight: self.max_in_flight,
            max_failures: self.max_failures,
            at_deadline: self.at_deadline,
            reason: self.reason,
        })
    }

    fn cause(&self) -> Result<Cause, TriggerError> {
        match self.trigger {
            None if self.schedule.is_some()
                || self.scheduled_time.is_some()
                || self.window_execution_id.is_some() =>
            {
                Err(wrong(
                    "expected the trigger that the time or execution belongs to, found none".into(),
                ))
            }
            None => Ok(Cause::Hand),
            Some(Trigger::Schedule) => {
                let schedule = filled("schedule", self.schedule.as_ref())?;
                let text = filled("scheduled_time", self.scheduled_time.as_ref())?;
                let (Some(schedule), Some(text)) = (schedule, text) else {
                    return Ok(Cause::Hand);
                };
                let at = time(&text).ok_or_else(|| {
                    wrong(format!(
                        "scheduled_time: expected a time such as 2026-10-14T04:00:00Z, found '{text}'"
                    ))
                })?;
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

/// A value that the trigger was to fill in. Where it was not (somebody started the execution with the
/// schedule's own input, or an emulator that fills nothing in), the cause is that execution.
fn filled(name: &str, value: Option<&String>) -> Result<Option<String>, TriggerError> {
    match value {
        None => Err(wrong(format!(
            "{name}: expected a value with this trigger, found none"
        ))),
        Some(v) if v.starts_with("<aws.scheduler.") || v.starts_with("{{") => Ok(None),
        Some(v) => Ok(Some(v.clone())),
    }
}

impl Asked {
    fn run(cause: Cause) -> Self {
        Self::Run(Box::new(RunInput {
            cause,
            ..RunInput::default()
        }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const EXECUTION: &str = "arn:aws:states:eu-west-1:123456789012:execution:AsgPatch:by-hand";

    fn id(event: Value) -> RunId {
        match read(&event) {
            Ok(Asked::Run(input)) => input.cause.run_id(EXECUTION),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_trigger_names_its_run() {
        let schedule = "arn:aws:scheduler:eu-west-1:123456789012:schedule/default/asg-patch";
        let scheduled = json!({"trigger": "schedule", "schedule": schedule, "scheduled_time": "2026-10-14T04:00:00Z"});
        assert_eq!(id(scheduled.clone()), id(scheduled));
        let rule = |time: &str| {
            json!({"version": "0", "source": "aws.events", "detail-type": "Scheduled Event",
            "time": time, "resources": ["arn:aws:events:eu-west-1:123456789012:rule/nightly"], "detail": {}})
        };
        assert_eq!(
            id(rule("2026-10-14T04:00:00Z")),
            "sched-20261014T040000Z-f2f3bf8a"
        );
        assert_ne!(
            id(rule("2026-10-14T04:00:00Z")),
            id(rule("2026-10-15T04:00:00Z"))
        );
        let detail = json!({"window-id": "mw-0c50858d01EXAMPLE", "window-execution-id": "b60fb56e-776c-4e5c-84ff-000000000001",
            "start-time": "2026-10-14T04:00:02.123Z", "status": "IN_PROGRESS"});
        let event = json!({"source": "aws.ssm", "time": "2026-10-14T04:00:02Z", "resources": [], "detail": detail,
            "detail-type": "Maintenance Window Execution State-change Notification"});
        let task = json!({"trigger": "maintenance-window", "window_id": "mw-0c50858d01EXAMPLE",
            "window_execution_id": "b60fb56e-776c-4e5c-84ff-000000000001"});
        assert_eq!(id(event), "mw-b60fb56e-776c-4e5c-84ff-000000000001");
        assert_eq!(id(task), "mw-b60fb56e-776c-4e5c-84ff-000000000001");
        assert_eq!(id(json!({})), "exec-by-hand");
        let unfilled = json!({"trigger": "schedule", "schedule": "<aws.scheduler.schedule-arn>",
            "scheduled_time": "<aws.scheduler.scheduled-time>"});
        assert_eq!(id(unfilled), "exec-by-hand");
        let long = Cause::Hand.run_id(&format!("x:{}", "n".repeat(80)));
        assert_eq!(long.len(), 48, "{long}");
    }

    #[test]
    fn what_is_not_said_is_as_the_settings_have_it() {
        let now = "2026-10-14T04:00:00Z".parse().expect("a time");
        let request = |event: Value| match read(&event) {
            Ok(Asked::Run(input)) => input
                .request(&Defaults::default(), EXECUTION, now)
                .expect("valid"),
            other => panic!("{other:?}"),
        };
        let bare = request(json!({"groups": ["web-nightly"]}));
        assert_eq!(bare.selection.groups, ["web-nightly"]);
        assert_eq!(bare.selection.tag.key, "ep:asg:patch");
        assert_eq!(
            bare.window.deadline.to_rfc3339(),
            "2026-10-14T07:00:00+00:00"
        );
        let full = request(
            json!({"operation": "scan", "duration_hours": 1, "max_failures": 2,
            "at_deadline": "finish", "max_in_flight": 3, "reason": "CVE-2026-1"}),
        );
        assert_eq!(full.operation, Operation::Scan);
        assert_eq!(full.max_failures, FailureLimit::Count(2));
        assert_eq!(
            (full.window.deadline - full.window.cutoff).num_minutes(),
            20
        );
        let late = json!({"trigger": "schedule", "schedule": "s", "scheduled_time": "2026-10-14T01:00:00Z"});
        assert!(request(late).window.is_over(now));
    }

    #[test]
    fn an_execution_that_died_names_what_it_was_to_do() {
        let event = |input: &str| {
            let detail = json!({"executionArn": EXECUTION, "status": "ABORTED", "input": input, "name": "by-hand"});
            read(
                &json!({"source": "aws.states", "detail-type": "Step Functions Execution Status Change", "detail": detail}),
            )
        };
        let restore = Asked::Restore {
            groups: vec!["web".into()],
        };
        for (input, expected) in [
            (
                "{\"mode\":\"restore\",\"groups\":[\"web\"]}",
                Some(Box::new(restore)),
            ),
            ("no JSON", None),
            ("{\"mode\":\"sweep\"}", Some(Box::new(Asked::Sweep))),
        ] {
            let dead = Asked::Dead {
                execution: EXECUTION.into(),
                status: "ABORTED".into(),
                input: expected,
            };
            assert_eq!(event(input), Ok(dead));
        }
    }

    #[test]
    fn nonsense_is_refused_with_a_sentence() {
        let rows = [
            (json!([]), "expected a JSON object, found []"),
            (
                json!({"mode": "patch"}),
                "unknown variant `patch`, expected one of",
            ),
            (json!({"group": ["web"]}), "unknown field `group`"),
            (json!({"groups": "web"}), "expected a sequence"),
            (
                json!({"groups": [""]}),
                "expected names of 1 to 255 characters, found ''",
            ),
            (
                json!({"operation": "Reboot"}),
                "expected the operation Install or Scan, found 'Reboot'",
            ),
            (
                json!({"duration_hours": 0}),
                "duration_hours: expected 1 to 24, found 0",
            ),
            (
                json!({"max_failures": "200%"}),
                "expected a number of groups or a percentage",
            ),
            (
                json!({"mode": "restore", "operation": "Scan"}),
                "expected nothing but mode, groups and reason",
            ),
            (
                json!({"mode": "sweep", "groups": ["web"]}),
                "the mode restore takes some",
            ),
            (
                json!({"scheduled_time": "2026-10-14T04:00:00Z"}),
                "expected the trigger",
            ),
            (
                json!({"trigger": "schedule"}),
                "schedule: expected a value with this trigger",
            ),
            (
                json!({"trigger": "schedule", "schedule": "s", "scheduled_time": "at four"}),
                "found 'at four'",
            ),
            (
                json!({"source": "aws.ec2", "detail-type": "EC2 Instance State-change Notification"}),
                "found 'EC2 Instance",
            ),
            (json!({"detail-type": 5}), "in the event"),
        ];
        for (event, expected) in rows {
            let error = read(&event).expect_err("nonsense").to_string();
            assert!(error.contains(expected), "{event}: {error}");
        }
    }
}
