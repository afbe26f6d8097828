//! Approvals: a person's decision about an opening of a window is written down, and a run that waits for it goes on.
//!
//! Who decided is AWS's word, not the sender's: a decision is an execution of the runbook `AsgPatch-Approve`, and Systems Manager
//! says who started it, and with which parameters. It is written down under that execution, so that one execution decides once,
//! however often it is taken.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::notices::WindowSetup;
use crate::aws::{
    Automation, Aws, claim_mark, decisions, find_automation, find_execution, forget_marks,
    list_marks, read_mark, wake_task,
};
use crate::group::fault::{Fault, FaultClass};
use crate::group::names::{APPROVAL_PREFIX, WAITING_PREFIX};
use crate::request::{Operation, RunRequest};
use crate::text::{legal_name, moment, plain_text, short_hash, shortened};
use crate::windows::{Approval, Decision, Due, PatchWindow, Standing, standing};

/// The runbook by which people decide.
pub const APPROVE_DOCUMENT: &str = "AsgPatch-Approve";
/// In the place of an opening's time: the one that waits or is open, or else the next.
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

/// Where a run stands whose window demands an approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Stage {
    /// It is going to wait.
    Planned,
    /// Its task waits, and is woken by this token.
    Waits(String),
    /// It has begun, or ended without beginning: there is nothing to decide any more.
    Past,
}

/// A run whose window demands an approval, as a parameter holds it (JSON).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    /// Its execution.
    execution: String,
    /// Its window.
    window: String,
    /// The begin of its window.
    start: DateTime<Utc>,
    /// The end.
    end: DateTime<Utc>,
    /// Where it stands.
    stage: Stage,
}

impl Run {
    fn of(execution: &str, due: &Due<'_>, request: &RunRequest, stage: Stage) -> Self {
        Self {
            execution: execution.to_owned(),
            window: due.window.to_owned(),
            start: due.start,
            end: request.window.deadline,
            stage,
        }
    }

    fn name(&self) -> String {
        let stage = match &self.stage {
            Stage::Planned => "planned".to_owned(),
            Stage::Waits(token) => short_hash(token),
            Stage::Past => "past".to_owned(),
        };
        format!("{}{stage}", folder(&self.execution))
    }

    /// Whether a decision is about it. A maintenance window's run begins a little after its opening.
    fn is_of(&self, decision: &Approval) -> bool {
        let due = |is_exact| Due {
            window: &self.window,
            start: self.start,
            cutoff: self.end,
            is_exact,
        };
        decision.is_of(&due(true)) || decision.is_of(&due(false))
    }
}

fn folder(execution: &str) -> String {
    format!("{WAITING_PREFIX}{}/", short_hash(execution))
}

/// How it stands with the approval of a run; none if its window demands none. A Scan changes nothing that lasts, and waits for
/// nobody.
///
/// # Errors
/// The decisions could not be read.
pub async fn approval(
    aws: &Aws,
    setup: &WindowSetup,
    due: &Due<'_>,
    operation: Operation,
) -> Result<Option<Standing>, Fault> {
    let demand = setup.approval(due.window);
    let Some(demand) = demand.filter(|_| operation == Operation::Install) else {
        return Ok(None);
    };
    let decisions = decisions(&aws.clients).await?;
    Ok(Some(standing(demand, &decisions, due, aws.clock.now())))
}

/// Writes down that an execution is going to wait.
///
/// # Errors
/// A call that failed.
pub async fn will_wait(
    aws: &Aws,
    execution: &str,
    due: &Due<'_>,
    request: &RunRequest,
) -> Result<(), Fault> {
    let run = Run::of(execution, due, request, Stage::Planned);
    claim_mark(&aws.clients, &run.name(), &run).await.map(drop)
}

/// Writes down that nothing is to be decided about a run any more.
///
/// # Errors
/// A call that failed.
pub async fn is_past(
    aws: &Aws,
    execution: &str,
    due: &Due<'_>,
    request: &RunRequest,
) -> Result<(), Fault> {
    let run = Run::of(execution, due, request, Stage::Past);
    claim_mark(&aws.clients, &run.name(), &run).await.map(drop)
}

/// Writes down by which token the task of an execution is woken that said it would wait; wakes it at once if a decision came in
/// between.
///
/// # Errors
/// A call that failed, or the execution has not said so as far as can be seen.
pub async fn waits(aws: &Aws, execution: &str, token: &str) -> Result<(), Fault> {
    let planned: Option<Run> =
        read_mark(&aws.clients, &format!("{}planned", folder(execution))).await?;
    let planned = planned.ok_or_else(|| Fault {
        operation: "ssm:GetParameters".into(),
        code: "NotWaiting".into(),
        message: format!("expected that {execution} has said that it waits, found nothing"),
        class: FaultClass::Contention,
    })?;
    let waiting = Run {
        stage: Stage::Waits(token.to_owned()),
        ..planned
    };
    claim_mark(&aws.clients, &waiting.name(), &waiting).await?;
    let decisions = decisions(&aws.clients).await?;
    if decisions.iter().any(|d| waiting.is_of(d)) {
        wake_task(&aws.clients, token).await?;
    }
    Ok(())
}

/// Forgets that an execution waited.
///
/// # Errors
/// A call that failed.
pub async fn waits_no_more(aws: &Aws, execution: &str) -> Result<(), Fault> {
    let runs = list_marks::<Run>(&aws.clients, WAITING_PREFIX).await?;
    let waits = |r: &Run| r.execution == execution && r.stage != Stage::Past;
    let names = runs.iter().filter(|(_, r)| r.as_ref().is_some_and(waits));
    let names: Vec<String> = names.map(|(name, _)| name.clone()).collect();
    forget_marks(&aws.clients, &names).await
}

/// Forgets decisions and runs of openings that are long past.
///
/// # Errors
/// A call that failed.
pub async fn forget_decisions(aws: &Aws) -> Result<(), Fault> {
    let before = aws.clock.now() - KEPT;
    let decided = list_marks::<Approval>(&aws.clients, APPROVAL_PREFIX).await?;
    let runs = list_marks::<Run>(&aws.clients, WAITING_PREFIX).await?;
    let ends = decided.into_iter().map(|(n, d)| (n, d.map(|d| d.end)));
    let ends = ends.chain(runs.into_iter().map(|(n, r)| (n, r.map(|r| r.end))));
    let old = ends.filter(|(_, end)| end.is_some_and(|end| end < before));
    let old: Vec<String> = old.map(|(name, _)| name).collect();
    forget_marks(&aws.clients, &old).await
}

/// The windows that AWS opens, as far as they could be read.
#[derive(Clone, Debug)]
pub struct OpenedWindows {
    /// Those that are understood.
    pub windows: Vec<PatchWindow>,
    /// A sentence for each service that could not be read, or not to its end.
    pub unread: Vec<String>,
    /// Whether these are all: others are neither unread nor not understood.
    pub are_all: bool,
}

/// Why nothing was decided.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApproveError {
    /// The decision cannot be taken as asked for: expected, and found.
    #[error("expected {expected}, found {found}")]
    Asked {
        /// Something that would do.
        expected: String,
        /// The thing that there is.
        found: String,
    },
    /// There is no such execution, or it does not show yet.
    #[error(
        "expected an execution of {APPROVE_DOCUMENT} in progress, found none with the id '{0}'"
    )]
    Unknown(String),
    /// Not all windows of AWS could be read: the one that is meant may be among the others.
    #[error("expected to read all windows that AWS opens, found: {0}")]
    Unread(String),
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
    windows: &OpenedWindows,
    automation: &str,
) -> Result<(Approval, bool), ApproveError> {
    let name = format!("{APPROVAL_PREFIX}{}", legal_name(automation));
    let decision = match read_mark::<Approval>(&aws.clients, &name).await? {
        Some(decided) => decided,
        None => {
            let read = new_decision(aws, setup, windows, automation).await?;
            claim_mark(&aws.clients, &name, &read).await?;
            read
        }
    };
    // Only now: a run that begins to wait meanwhile looks for decisions after it has written down its token.
    let runs = runs(aws).await?;
    let mut has_waited = false;
    for run in runs.iter().filter(|r| r.is_of(&decision)) {
        if let Stage::Waits(token) = &run.stage {
            has_waited |= wake_task(&aws.clients, token).await?;
        }
    }
    Ok((decision, has_waited))
}

async fn runs(aws: &Aws) -> Result<Vec<Run>, Fault> {
    let runs = list_marks::<Run>(&aws.clients, WAITING_PREFIX).await?;
    Ok(runs.into_values().flatten().collect())
}

async fn new_decision(
    aws: &Aws,
    setup: &WindowSetup,
    windows: &OpenedWindows,
    automation: &str,
) -> Result<Approval, ApproveError> {
    if let Some(unread) = windows.unread.first() {
        return Err(ApproveError::Unread(unread.clone()));
    }
    let expected = format!("an execution of {APPROVE_DOCUMENT} in progress");
    let execution = match find_automation(&aws.clients, automation).await? {
        Some(execution) if execution.document != APPROVE_DOCUMENT => {
            return Err(asked(expected, format!("one of {}", execution.document)));
        }
        Some(execution) if !execution.is_at_work() => {
            return Err(asked(expected, format!("one that is {}", execution.status)));
        }
        Some(execution) => execution,
        None => return Err(ApproveError::Unknown(automation.to_owned())),
    };
    let now = aws.clock.now();
    let mut runs = runs(aws).await?;
    runs.retain(|r| r.end > now);
    let mut alive = Vec::new();
    for run in runs {
        // One that was stopped while it waited does so no more.
        let found = match run.stage {
            Stage::Past => None,
            Stage::Planned | Stage::Waits(_) => {
                find_execution(&aws.clients, &run.execution).await?
            }
        };
        if run.stage == Stage::Past || found.is_some_and(|e| e.is_running) {
            alive.push(run);
        }
    }
    read(&execution, setup, &windows.windows, &alive, now)
}

/// The decision that a person has asked for.
fn read(
    execution: &Automation,
    setup: &WindowSetup,
    windows: &[PatchWindow],
    runs: &[Run],
    now: DateTime<Utc>,
) -> Result<Approval, ApproveError> {
    // Without a value the runbook's own default counts, which AWS may show or not.
    let parameter = |name: &str, default: &str| {
        let values = execution.parameters.get(name);
        let value = values.and_then(|v| v.first()).map(|v| v.trim());
        value
            .filter(|v| !v.is_empty())
            .unwrap_or(default)
            .to_owned()
    };
    let window = parameter("Window", "default");
    let why = shortened(&plain_text(&parameter("Reason", "")), REASON_CHARS);
    let decision = match parameter("Decision", "Approve").as_str() {
        "Approve" => Decision::Approved,
        "Reject" => Decision::Rejected,
        other => return Err(asked("Decision: Approve or Reject", format!("'{other}'"))),
    };
    if why.is_empty() {
        return Err(asked("a Reason, which the report tells", "none"));
    }
    let Some(demand) = setup.approval(&window) else {
        let all = setup.demanding().collect::<Vec<&str>>().join(", ");
        let all = if all.is_empty() { "none" } else { &all };
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
    let at = opening(&parameter("Opening", NEXT))?;
    let (start, end) = chosen(&window, windows, runs, (decision, at), now)?;
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
    if text == NEXT {
        return Ok(None);
    }
    let at = DateTime::parse_from_rfc3339(text).map(|at| at.with_timezone(&Utc));
    let expected = "Opening: Next, or a time such as 2026-10-14T04:00:00Z";
    at.map(Some)
        .map_err(|_| asked(expected, format!("'{}'", plain_text(text))))
}

type Span = (DateTime<Utc>, DateTime<Utc>);

/// Begin and end of the opening that a decision is about: the one that begins at this time; without a time the one whose run waits, or
/// that is open, or else the next. Who approves the next one means no run that is past; who rejects it may mean just that one.
fn chosen(
    window: &str,
    windows: &[PatchWindow],
    runs: &[Run],
    (decision, at): (Decision, Option<DateTime<Utc>>),
    now: DateTime<Utc>,
) -> Result<Span, ApproveError> {
    let of_window = |r: &&Run| r.window == window;
    let is_past = |r: &&Run| r.stage == Stage::Past;
    let (past, waiting): (Vec<&Run>, Vec<&Run>) = runs.iter().filter(of_window).partition(is_past);
    let mut all: Vec<Span> = waiting.iter().map(|r| (r.start, r.end)).collect();
    let mut planned = planned(window, windows, now);
    all.sort();
    planned.sort();
    all.extend(planned);
    let past_run = |span: &Span| {
        // A maintenance window's run begins a little after its opening.
        let is_of = |r: &&&Run| span.0 <= r.start && r.start < span.0 + Due::LATE;
        past.iter().find(is_of).map(|r| r.execution.as_str())
    };
    let skips = decision == Decision::Approved && at.is_none();
    let is_it = |span: &&Span| match at {
        Some(at) => span.0 == at,
        None => !skips || past_run(span).is_none(),
    };
    let Some(span) = all.iter().find(is_it) else {
        let shown = all.iter().take(OPENINGS_SHOWN).map(|s| moment(s.0));
        let shown = shown.collect::<Vec<String>>().join(", ");
        let days = AHEAD.num_days();
        let expected = match shown.is_empty() {
            true => format!("an opening of {window} within {days} days whose time AWS tells"),
            false => format!("an opening of {window}, such as {shown}"),
        };
        return Err(asked(expected, at.map_or("none".to_owned(), moment)));
    };
    match past_run(span) {
        Some(execution) => {
            let expected = format!("an opening of {window} whose run has neither begun nor ended");
            let found = format!(
                "that of {}, which was the run of {execution}",
                moment(span.0)
            );
            Err(asked(expected, found))
        }
        None => Ok(*span),
    }
}

/// The openings of a window: the one that it is in, and those to come.
fn planned(window: &str, windows: &[PatchWindow], now: DateTime<Utc>) -> Vec<Span> {
    let defined = windows.iter().filter(|w| w.name == window);
    let spans = defined.flat_map(|w| {
        let open = w.open_at(now).into_iter();
        let openings = open.chain(w.openings(now).take(MOST_OPENINGS));
        openings.map(|o| (o.window.start, o.window.deadline + w.flexible))
    });
    spans.filter(|(start, _)| *start < now + AHEAD).collect()
}
