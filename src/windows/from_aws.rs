//! Windows of what AWS has: the one home of that conversion.
//!
//! A schedule of EventBridge Scheduler, or a task of a maintenance window, is a window of ours if it starts a run: its target
//! is the state machine, and its input is one of [`crate::trigger`]. The window's name, its groups and its lengths are in the input.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::{PatchWindow, WindowSource, WindowText};
use crate::request::RunRequest;
use crate::trigger::{self, Asked, Cause, Defaults, RunInput};

/// The name of a window whose input names none: the one of the stack itself.
pub const DEFAULT_WINDOW: &str = "default";
/// The name of a stack's state machine (`infra/template.yaml`).
const STATE_MACHINE: &str = "AsgPatch";

/// A schedule, or a task of a maintenance window, as AWS has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its schedule, zone, state and source; the rest is in the input. A maintenance window's own lengths count where the input names none.
    pub text: WindowText,
    /// The ARN of what it starts.
    pub target: String,
    /// The input that it gives, if any.
    pub input: Option<String>,
}

/// A window that AWS opens.
#[derive(Clone, Debug, PartialEq)]
pub struct AwsWindow {
    /// When it opens, and what it takes.
    pub window: PatchWindow,
    /// The run that it starts, as if it began now.
    pub request: RunRequest,
    /// Whether its lengths are those of its input or of its maintenance window; else they are the defaults, and its stack may have others.
    pub is_length_known: bool,
}

/// A window of ours that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Where it is set up.
    pub source: WindowSource,
    /// Why: expected and found.
    pub reason: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not understood: {}", self.source, self.reason)
    }
}

/// The stack whose windows they are, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    /// The ARN of its state machine; if it is not known, one of the stack's name counts, and any that is given an input of ours.
    pub state_machine: Option<&'a str>,
    /// The settings that an input leaves out.
    pub defaults: &'a Defaults,
    /// The owner of the requests that are made.
    pub owner: &'a str,
    /// The present.
    pub now: DateTime<Utc>,
}

impl Reader<'_> {
    /// Makes a window of what AWS has; none if it is no window of ours.
    ///
    /// # Errors
    /// It is one, and makes no sense.
    pub fn read(&self, found: Found) -> Option<Result<AwsWindow, Unreadable>> {
        let text = found.input.as_deref().filter(|t| !t.trim().is_empty());
        let input = text.map(serde_json::from_str::<Value>).transpose();
        if !self.is_ours(&found.target, &input) {
            return None;
        }
        let source = found.text.source.clone();
        let window = match self.asked(input) {
            Ok(Some(input)) => self.window(found.text, input),
            // It starts a plan, a restore or a sweep.
            Ok(None) => return None,
            Err(reason) => Err(reason),
        };
        Some(window.map_err(|reason| Unreadable { source, reason }))
    }

    fn is_ours(&self, target: &str, input: &Result<Option<Value>, serde_json::Error>) -> bool {
        if !may_start(target, self.state_machine) {
            return false;
        }
        match self.state_machine {
            Some(_) => true,
            None => {
                let named = target.split(':').nth(6) == Some(STATE_MACHINE);
                let input = input.as_ref().ok().and_then(Option::as_ref);
                let triggers = input.is_some_and(|i| i.get("trigger").is_some());
                named || triggers && input.is_some_and(|i| trigger::read(i).is_ok())
            }
        }
    }

    fn asked(
        &self,
        input: Result<Option<Value>, serde_json::Error>,
    ) -> Result<Option<RunInput>, String> {
        let Some(input) = input.map_err(|e| format!("expected an input in JSON: {e}"))? else {
            // Without one, AWS gives an event of its own.
            return Ok(Some(RunInput::default()));
        };
        match trigger::read(&input).map_err(|e| e.to_string())? {
            // Neither rings nor approvals would hold for its runs.
            Asked::Run(_) if ["trigger", "detail-type"].iter().all(|k| input.get(k).is_none()) => Err(
                "expected \"trigger\" beside the placeholders that AWS fills in, found none: its runs count as started by hand".into(),
            ),
            Asked::Run(input) => Ok(Some(*input)),
            Asked::Plan(_)
            | Asked::Prune(_)
            | Asked::Approve { .. }
            | Asked::Restore { .. }
            | Asked::Sweep
            | Asked::Dead { .. } => Ok(None),
        }
    }

    fn window(&self, text: WindowText, input: RunInput) -> Result<AwsWindow, String> {
        let is_fixed = |what: &str| {
            format!(
                "expected a placeholder for {what}, which AWS fills in, found a value: each run after the first is a duplicate"
            )
        };
        match &input.cause {
            Cause::Hand => {}
            Cause::Schedule { .. } => return Err(is_fixed("scheduled_time")),
            Cause::Window { .. } => return Err(is_fixed("window_execution_id")),
        }
        let defaults = match text.lengths {
            Some((duration, cutoff)) => Defaults {
                duration,
                cutoff,
                ..self.defaults.clone()
            },
            None => self.defaults.clone(),
        };
        let request = input.request(&defaults, self.owner, self.now);
        let request = request.map_err(|e| e.to_string())?;
        let span = request.window;
        let is_length_known = text.lengths.is_some() || input.duration.is_some();
        let lengths: (TimeDelta, TimeDelta) =
            (span.deadline - span.start, span.deadline - span.cutoff);
        let window = PatchWindow::read(WindowText {
            name: input.window.unwrap_or_else(|| DEFAULT_WINDOW.to_owned()),
            lengths: Some(lengths),
            filters: input.filters,
            groups: input.groups,
            ..text
        });
        Ok(AwsWindow {
            window: window.map_err(|e| e.to_string())?,
            request,
            is_length_known,
        })
    }
}

/// Whether something with this target may be a window of ours: it starts a state machine, and this one if it is known.
pub fn may_start(target: &str, state_machine: Option<&str>) -> bool {
    is_state_machine(target) && state_machine.is_none_or(|ours| is_same(ours, target))
}

/// Whether an ARN is of a state machine, or of a version or an alias of one.
fn is_state_machine(arn: &str) -> bool {
    let mut parts = arn.split(':');
    parts.nth(2) == Some("states") && parts.nth(2) == Some("stateMachine")
}

/// Whether an ARN is the state machine's own, or of one of its versions or aliases.
fn is_same(state_machine: &str, arn: &str) -> bool {
    let rest = arn.strip_prefix(state_machine);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::windows::WindowState;

    /// The least that a schedule's input says.
    const PLAIN: &str = r#"{"trigger":"schedule","schedule":"<aws.scheduler.schedule-arn>","scheduled_time":"<aws.scheduler.scheduled-time>"}"#;
    const OURS: &str = "arn:aws:states:eu-west-1:123456789012:stateMachine:AsgPatch";
    const OTHER: &str = "arn:aws:states:eu-west-1:123456789012:stateMachine:Nightly";

    fn now() -> DateTime<Utc> {
        "2026-10-14T04:00:00Z".parse().unwrap()
    }

    fn found(target: &str, input: Option<&str>) -> Found {
        Found {
            text: WindowText {
                schedule: "cron(0 23 ? * THU#3 *)".into(),
                source: WindowSource::Schedule {
                    name: "default/s".into(),
                    arn: "arn:s".into(),
                },
                ..WindowText::default()
            },
            target: target.into(),
            input: input.map(str::to_owned),
        }
    }

    /// A reader's answer: the window's name, `not ours`, or the reason why it is not understood.
    fn said(state_machine: Option<&str>, found: Found) -> String {
        let defaults = Defaults::default();
        let reader = Reader {
            state_machine,
            defaults: &defaults,
            owner: "test",
            now: now(),
        };
        match reader.read(found) {
            None => "not ours".into(),
            Some(Ok(found)) => found.window.name,
            Some(Err(unreadable)) => unreadable.reason,
        }
    }

    #[test]
    fn a_window_is_known_by_its_target_and_its_input() {
        let named = r#"{"trigger":"schedule","schedule":"<aws.scheduler.schedule-arn>","scheduled_time":"<aws.scheduler.scheduled-time>","window":"w"}"#;
        let version = format!("{OURS}:7");
        let longer = format!("{OURS}2");
        let function = "arn:aws:lambda:eu-west-1:123456789012:function:AsgPatch";
        let rows = [
            (None, OURS, Some(named), "w"),
            (None, OURS, Some(PLAIN), "default"),
            // Neither rings nor approvals would hold for its runs.
            (None, OURS, Some("{}"), "expected \"trigger\""),
            (
                None,
                OURS,
                Some(r#"{"window":"w"}"#),
                "expected \"trigger\"",
            ),
            // AWS gives an event of its own, which starts a run.
            (None, OURS, None, "default"),
            (None, OURS, Some(r#"{"mode":"sweep"}"#), "not ours"),
            (None, OURS, Some(r#"{"mode":"plan"}"#), "not ours"),
            (None, OURS, Some(r#"{"mode":"restore"}"#), "not ours"),
            (None, OURS, Some("nightly"), "expected an input in JSON"),
            (
                None,
                OURS,
                Some(r#"{"windw":"w"}"#),
                "unknown field `windw`",
            ),
            // Another name: its input tells.
            (None, OTHER, Some(named), "w"),
            (None, OTHER, Some("{}"), "not ours"),
            (None, OTHER, Some(r#"{"trigger":"hourly"}"#), "not ours"),
            (None, function, Some(named), "not ours"),
            // The stack's own is known: no other counts, whatever its input.
            (Some(OURS), &version, Some(named), "w"),
            (Some(OURS), &longer, Some(named), "not ours"),
            (Some(OURS), OTHER, Some(named), "not ours"),
            (Some(OTHER), OTHER, Some(PLAIN), "default"),
        ];
        for (state_machine, target, input, expected) in rows {
            let said = said(state_machine, found(target, input));
            assert!(said.contains(expected), "{target} {input:?}: {said}");
        }
    }

    #[test]
    fn what_aws_does_not_fill_in_or_would_refuse_is_said() {
        let rows = [
            (
                r#"{"trigger":"schedule","schedule":"s","scheduled_time":"2026-10-14T04:00:00Z"}"#,
                "placeholder for scheduled_time",
            ),
            (
                r#"{"trigger":"maintenance-window","window_execution_id":"14bea65d"}"#,
                "placeholder for window_execution_id",
            ),
            (
                r#"{"trigger":"schedule","schedule":"<aws.scheduler.schedule-arn>","scheduled_time":"<aws.scheduler.scheduled-time>","duration_hours":2,"cutoff_hours":2}"#,
                "a cutoff of at least",
            ),
        ];
        for (input, expected) in rows {
            let said = said(None, found(OURS, Some(input)));
            assert!(said.contains(expected), "{input}: {said}");
        }
        let mut once_a_minute = found(OURS, Some(PLAIN));
        once_a_minute.text.schedule = "cron(* * * * *)".into();
        let said = said(None, once_a_minute);
        assert!(said.contains("expected 6 fields, found 5"), "{said}");
    }

    #[test]
    fn lengths_are_the_inputs_then_the_windows_own_then_the_defaults() {
        let defaults = Defaults::default();
        let reader = Reader {
            state_machine: None,
            defaults: &defaults,
            owner: "test",
            now: now(),
        };
        let of = |lengths: Option<(i64, i64)>, input: &str| {
            let mut found = found(OURS, Some(input));
            let hours = |(a, b)| (TimeDelta::hours(a), TimeDelta::hours(b));
            found.text.lengths = lengths.map(hours);
            found.text.is_maintenance_window = lengths.is_some();
            found.text.state = WindowState {
                is_disabled: true,
                ..WindowState::default()
            };
            let read = reader.read(found).unwrap().unwrap();
            assert!(read.window.state.is_disabled);
            assert_eq!(read.request.window.deadline - now(), read.window.duration);
            let hours = (
                read.window.duration.num_hours(),
                read.window.cutoff.num_hours(),
            );
            (hours, read.is_length_known)
        };
        let named = r#"{"trigger":"schedule","schedule":"<aws.scheduler.schedule-arn>","scheduled_time":"<aws.scheduler.scheduled-time>","duration_hours":5,"cutoff_hours":2,"groups":["web"]}"#;
        assert_eq!(of(None, named), ((5, 2), true));
        assert_eq!(of(Some((8, 3)), named), ((5, 2), true));
        assert_eq!(of(Some((8, 3)), PLAIN), ((8, 3), true));
        assert_eq!(of(None, PLAIN), ((3, 1), false));
    }
}
