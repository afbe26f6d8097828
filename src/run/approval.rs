//! Approvals: a person's decision about an opening of a window is written down, and a run that waits for it goes on.
//!
//! Who decided is AWS's word, not the sender's: a decision is an execution of the runbook `AsgPatch-Approve`, and Systems Manager
//! says who started it, and with which parameters.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::notices::WindowSetup;
use crate::aws::{
    Automation, Aws, claim_mark, decisions, find_automation, forget_marks, list_marks, wake_task,
};
use crate::group::fault::Fault;
use crate::group::names::{APPROVAL_PREFIX, WAITING_PREFIX};
use crate::notices::window_id;
use crate::request::{Operation, RunRequest};
use crate::text::{legal_name, moment, plain_text, short_hash, shortened};
use crate::windows::{Approval, Decision, PatchWindow, Standing, chosen, standing};

/// The runbook by which people decide.
pub const APPROVE_DOCUMENT: &str = "AsgPatch-Approve";
/// In the place of an opening's time: the one that waits, or else the next.
pub const NEXT: &str = "Next";
/// Openings further ahead are not decided upon: notices begin a month ahead at most.
const AHEAD: TimeDelta = TimeDelta::days(32);
/// Openings of a window that are looked at: one that opens every hour is a mistake.
const MOST_OPENINGS: usize = 100;
/// Decisions are kept this long after their opening, as claims of runs are.
const KEPT: TimeDelta = TimeDelta::days(35);
/// Characters of a reason.
const REASON_CHARS: usize = 256;
/// Openings that a refusal names.
const OPENINGS_SHOWN: usize = 3;

/// A run that waits for an approval, as a parameter holds it (JSON).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Waiting {
    /// The execution that waits.
    execution: String,
    /// Its window.
    window: String,
    /// The begin of its window.
    start: DateTime<Utc>,
    /// The end.
    end: DateTime<Utc>,
    /// By which its task is woken; none before the task waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl Waiting {
    fn name(&self) -> String {
        let execution = short_hash(&self.execution);
        match &self.token {
            None => format!("{WAITING_PREFIX}{execution}/run"),
            Some(token) => format!("{WAITING_PREFIX}{execution}/{}", short_hash(token)),
        }
    }
}

/// How it stands with the approval of a run; none if its window demands none. A Scan changes nothing that lasts, and waits for
/// nobody.
///
/// # Errors
/// The decisions could not be read.
pub async fn approval(
    aws: &Aws,
    setup: &WindowSetup,
    window: &str,
    request: &RunRequest,
) -> Result<Option<Standing>, Fault> {
    let Some(demand) = setup
        .approval(window)
        .filter(|_| request.operation == Operation::Install)
    else {
        return Ok(None);
    };
    let decisions = decisions(&aws.clients).await?;
    let span = (request.window.start, request.window.cutoff);
    let now = aws.clock.now();
    Ok(Some(standing(demand, &decisions, window, span, now)))
}

/// Writes down that an execution is going to wait.
///
/// # Errors
/// A call that failed.
pub async fn will_wait(
    aws: &Aws,
    execution: &str,
    window: &str,
    request: &RunRequest,
) -> Result<(), Fault> {
    let waiting = Waiting {
        execution: execution.to_owned(),
        window: window.to_owned(),
        start: request.window.start,
        end: request.window.deadline,
        token: None,
    };
    claim_mark(&aws.clients, &waiting.name(), &waiting).await?;
    Ok(())
}

/// Writes down by which token the task of an execution is woken that said it would wait; wakes it at once if a decision came in
/// between.
///
/// # Errors
/// A call that failed.
pub async fn waits(aws: &Aws, execution: &str, token: &str) -> Result<(), Fault> {
    let all = list_marks::<Waiting>(&aws.clients, WAITING_PREFIX).await?;
    let said = all.into_values().flatten();
    let Some(said) = said.into_iter().find(|w| w.execution == execution) else {
        tracing::error!(execution, "no run of this execution has said that it waits");
        return Ok(());
    };
    let waiting = Waiting {
        token: Some(token.to_owned()),
        ..said
    };
    claim_mark(&aws.clients, &waiting.name(), &waiting).await?;
    let is_of = |d: &Approval| d.window == waiting.window && d.start == waiting.start;
    if decisions(&aws.clients).await?.iter().any(is_of) {
        wake_task(&aws.clients, token).await?;
    }
    Ok(())
}

/// Forgets that an execution waited.
///
/// # Errors
/// A call that failed.
pub async fn waits_no_more(aws: &Aws, execution: &str) -> Result<(), Fault> {
    let marks = list_marks::<Waiting>(&aws.clients, WAITING_PREFIX).await?;
    let is_of = |w: &Option<Waiting>| w.as_ref().is_some_and(|w| w.execution == execution);
    let names = marks.iter().filter(|(_, w)| is_of(w));
    let names: Vec<String> = names.map(|(name, _)| name.clone()).collect();
    forget_marks(&aws.clients, &names).await
}

/// Why nothing was decided.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApproveError {
    /// What was asked for cannot be done: expected, and found.
    #[error("expected {expected}, found {found}")]
    Asked {
        /// What would do.
        expected: String,
        /// What there is.
        found: String,
    },
    /// A call failed.
    #[error("{}: {} ({})", .0.operation, .0.message, .0.code)]
    Fault(Fault),
}

impl From<Fault> for ApproveError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

fn asked(expected: impl Into<String>, found: impl Into<String>) -> ApproveError {
    ApproveError::Asked {
        expected: expected.into(),
        found: found.into(),
    }
}

/// Takes the decision of a person, which is an execution of the runbook that is in progress: writes it down, and wakes the run that
/// waits for it. The same again changes nothing. Answers the decision, and whether a run has waited.
///
/// # Errors
/// The execution is none, its principal may not decide, or there is no such opening; or a call failed.
pub async fn decide(
    aws: &Aws,
    setup: &WindowSetup,
    windows: &[PatchWindow],
    automation: &str,
) -> Result<(Approval, bool), ApproveError> {
    let asked_for = format!("an execution of {APPROVE_DOCUMENT} in progress");
    let found = find_automation(&aws.clients, automation).await?;
    let execution = match found {
        Some(execution) if execution.document != APPROVE_DOCUMENT => {
            return Err(asked(asked_for, format!("one of {}", execution.document)));
        }
        Some(execution) if !execution.is_running() => {
            return Err(asked(
                asked_for,
                format!("one that is {}", execution.status),
            ));
        }
        Some(execution) => execution,
        None => return Err(asked(asked_for, format!("none with the id '{automation}'"))),
    };
    let now = aws.clock.now();
    let waiting = list_marks::<Waiting>(&aws.clients, WAITING_PREFIX).await?;
    let waiting: Vec<Waiting> = waiting.into_values().flatten().collect();
    let approval = read(&execution, setup, windows, &waiting, now)?;
    let id = legal_name(&window_id(&approval.window, approval.start));
    let name = format!("{APPROVAL_PREFIX}{id}/{}", legal_name(automation));
    claim_mark(&aws.clients, &name, &approval).await?;
    let is_of = |w: &&Waiting| w.window == approval.window && w.start == approval.start;
    let mut has_waited = false;
    for token in waiting
        .iter()
        .filter(is_of)
        .filter_map(|w| w.token.as_ref())
    {
        has_waited |= wake_task(&aws.clients, token).await?;
    }
    if let Err(fault) = forget_old(aws, now).await {
        tracing::warn!(code = fault.code, "old decisions stay: {}", fault.message);
    }
    Ok((approval, has_waited))
}

/// The decision that a person has asked for.
fn read(
    execution: &Automation,
    setup: &WindowSetup,
    windows: &[PatchWindow],
    waiting: &[Waiting],
    now: DateTime<Utc>,
) -> Result<Approval, ApproveError> {
    let parameter = |name: &str| {
        let values = execution.parameters.get(name);
        let value = values.and_then(|v| v.first()).map(String::as_str);
        value.unwrap_or_default().trim().to_owned()
    };
    let window = parameter("Window");
    let why = shortened(&plain_text(&parameter("Reason")), REASON_CHARS);
    let decision = match parameter("Decision").as_str() {
        "Approve" => Decision::Approved,
        "Reject" => Decision::Rejected,
        other => return Err(asked("Decision: Approve or Reject", format!("'{other}'"))),
    };
    if why.is_empty() {
        return Err(asked("a Reason, which the report tells", "none"));
    }
    let Some(demand) = setup.approval(&window) else {
        let all = setup.demanding().collect::<Vec<&str>>().join(", ");
        let all = if all.is_empty() {
            "none".to_owned()
        } else {
            all
        };
        let expected = format!("a window that demands an approval in the stack's file ({all})");
        return Err(asked(expected, format!("'{}'", plain_text(&window))));
    };
    let by = match &execution.by {
        Some(by) if demand.admits(by) => by.clone(),
        Some(by) => {
            let expected = format!("one of the approvers: {}", demand.approvers.join(", "));
            return Err(asked(expected, by));
        }
        None => return Err(asked("the principal in the execution (ExecutedBy)", "none")),
    };
    let openings = openings(&window, windows, waiting, now);
    let at = opening(&parameter("Opening"))?;
    let Some((start, end)) = chosen(&openings, at) else {
        let shown = openings
            .iter()
            .take(OPENINGS_SHOWN)
            .map(|(start, _)| moment(*start));
        let shown = shown.collect::<Vec<String>>().join(", ");
        let days = AHEAD.num_days();
        let expected = match shown.is_empty() {
            true => format!("an opening of {window} within {days} days"),
            false => format!("an opening of {window}, such as {shown}"),
        };
        return Err(asked(expected, at.map_or("none".to_owned(), moment)));
    };
    Ok(Approval {
        window,
        start,
        end,
        decision,
        by,
        why,
        at: now,
    })
}

fn opening(text: &str) -> Result<Option<DateTime<Utc>>, ApproveError> {
    if text.is_empty() || text == NEXT {
        return Ok(None);
    }
    let at = DateTime::parse_from_rfc3339(text).map(|at| at.with_timezone(&Utc));
    let expected = "Opening: Next, or a time such as 2026-10-14T04:00:00Z";
    at.map(Some)
        .map_err(|_| asked(expected, format!("'{}'", plain_text(text))))
}

/// Begin and end of the openings that can be decided upon: those whose runs wait, and then those to come.
fn openings(
    name: &str,
    windows: &[PatchWindow],
    waiting: &[Waiting],
    now: DateTime<Utc>,
) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
    let waits = waiting.iter().filter(|w| w.window == name && now < w.end);
    let mut all: Vec<_> = waits.map(|w| (w.start, w.end)).collect();
    let mut coming: Vec<_> = windows
        .iter()
        .filter(|w| w.name == name)
        .flat_map(|w| {
            let openings = w.openings(now).take(MOST_OPENINGS);
            openings.map(|o| (o.window.start, o.window.deadline + w.flexible))
        })
        .filter(|(start, _)| *start < now + AHEAD)
        .collect();
    all.sort();
    coming.sort();
    all.extend(coming);
    all
}

async fn forget_old(aws: &Aws, now: DateTime<Utc>) -> Result<(), Fault> {
    let decisions: BTreeMap<String, Option<Approval>> =
        list_marks(&aws.clients, APPROVAL_PREFIX).await?;
    let waiting: BTreeMap<String, Option<Waiting>> =
        list_marks(&aws.clients, WAITING_PREFIX).await?;
    let is_old = |end: DateTime<Utc>| end + KEPT < now;
    let decided = decisions
        .into_iter()
        .filter(|(_, d)| d.as_ref().is_some_and(|d| is_old(d.end)));
    let waited = waiting
        .into_iter()
        .filter(|(_, w)| w.as_ref().is_some_and(|w| is_old(w.end)));
    let old: Vec<String> = decided
        .map(|(n, _)| n)
        .chain(waited.map(|(n, _)| n))
        .collect();
    forget_marks(&aws.clients, &old).await
}
