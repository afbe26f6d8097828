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

/// What is known of the stack whose windows they are.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    /// The ARN of its state machine; if it is not known, one of the stack's name counts, and any that is given an input of ours.
    pub state_machine: Option<&'a str>,
    /// What an input leaves out.
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
            Asked::Run(input) => Ok(Some(*input)),
            Asked::Plan(_) | Asked::Restore { .. } | Asked::Sweep | Asked::Dead { .. } => Ok(None),
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
