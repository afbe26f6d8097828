//! Approvals: a run whose window demands one begins, waits or ends by what a person has decided.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use tracing::Instrument;

use super::notices::{StackFile, Telling, window};
use super::task::{Begin, FunctionError};
use super::{BEGIN_RETRIES, Function, answer};
use crate::group::{Code, Failure};
use crate::ids::GroupName;
use crate::notify::{self, Beginning};
use crate::request::RunRequest;
use crate::run::relay::RunState;
use crate::run::{self, ApproveError, RunError};
use crate::text::moment;
use crate::trigger::{Cause, RunInput};
use crate::windows::{Decision, Due, Standing};

/// The run that is due. A schedule tells its time, also to a clock that is behind; a maintenance window's run begins with its
/// execution.
fn due<'a>(request: &'a RunRequest, input: &RunInput) -> Due<'a> {
    let (start, is_exact) = match &input.cause {
        Cause::Schedule { at, .. } => (*at, true),
        Cause::Window { .. } | Cause::Hand => (request.window.start, false),
    };
    Due {
        window: window(request, input).window,
        start,
        cutoff: request.window.cutoff,
        is_exact,
    }
}

/// After this many retries, some seconds apart, an execution that was just started shows.
const SHOWS_WITHIN: u64 = 2;
/// An invocation gives channels this much of its time to hear that a run waits: Begin ends soon.
const TELLING: TimeDelta = TimeDelta::minutes(2);

impl Function {
    /// How it stands with the approval of a run; none if it needs none. One that a person starts needs none.
    pub(super) async fn standing(
        &self,
        file: &StackFile,
        request: &RunRequest,
        input: &RunInput,
    ) -> Result<Option<Standing>, FunctionError> {
        if window(request, input).is_by_hand {
            return Ok(None);
        }
        let due = due(request, input);
        let standing = run::approval(&self.aws, &file.setup, &due, request.operation).await;
        standing.map_err(|fault| FunctionError::Run(fault.into()))
    }

    /// There is nothing to decide about this run any more.
    pub(super) async fn is_past(
        &self,
        request: &RunRequest,
        input: &RunInput,
    ) -> Result<(), FunctionError> {
        let due = due(request, input);
        let is_past = run::is_past(&self.aws, &request.owner, &due, request).await;
        is_past.map_err(|fault| FunctionError::Run(fault.into()))
    }

    /// Has the execution wait until someone decides, or until then. It was planned, so that its readers see what waits.
    pub(super) async fn wait_for_approval(
        &self,
        file: &StackFile,
        run_state: &RunState,
        (request, input): (&RunRequest, &RunInput),
        task: &Begin,
        until: DateTime<Utc>,
        by: DateTime<Utc>,
    ) -> Result<Value, FunctionError> {
        let due = due(request, input);
        let will_wait = run::will_wait(&self.aws, &task.execution, &due, request).await;
        will_wait.map_err(|fault| FunctionError::Run(fault.into()))?;
        // Who came back early has said it.
        if !task.waited {
            self.ask_for_approval(file, run_state, (request, input), until, by)
                .await;
        }
        Ok(answer::wait_for_approval(until, &self.aws.clock))
    }

    async fn ask_for_approval(
        &self,
        file: &StackFile,
        run_state: &RunState,
        (request, input): (&RunRequest, &RunInput),
        until: DateTime<Utc>,
        by: DateTime<Utc>,
    ) {
        let window = window(request, input).window;
        tracing::info!(%until, window, "waits for an approval");
        let groups: Vec<&GroupName> = run_state.groups().collect();
        let beginning = Beginning {
            request,
            region: &self.aws.region,
            groups,
            refused: run_state.reports.iter().collect(),
            reason: input.reason.as_deref(),
        };
        let link = answer::link(&request.owner);
        let message = notify::awaits_approval(&beginning, window, until, link.as_deref());
        self.notifier.notify(&message, by).await;
        let groups = run_state.groups().cloned().collect();
        let told = match run::places(&self.aws, request, &groups).await {
            Ok(places) => {
                let by = by.min(self.aws.clock.now() + TELLING);
                self.tell_awaiting(file, request, input, &places, until, by)
                    .await
            }
            Err(fault) => Telling::Failed(fault),
        };
        match told {
            Telling::All(said) | Telling::Cut(said) => _ = self.counted(Ok(said)),
            Telling::Failed(fault) => _ = self.counted(Err(fault)),
            // Asking for it demands nothing.
            Telling::Lacking(_) => {}
        }
    }

    /// Why a run that nobody has approved does not begin.
    pub(super) fn disapproval(standing: Standing) -> Option<String> {
        match standing {
            Standing::Approved(_) | Standing::Awaited(_) => None,
            Standing::Rejected(decision) => Some(format!("rejected by {}", decision.words())),
            Standing::Lacking(until) => Some(format!("nobody had decided by {}", moment(until))),
        }
    }

    /// The task of an execution that waits: its token is written down.
    pub(super) async fn await_approval(
        &self,
        execution: &str,
        token: &str,
    ) -> Result<Value, FunctionError> {
        self.check_running(execution, None, 0).await?;
        let waits = run::waits(&self.aws, execution, token).await;
        waits.map_err(|fault| FunctionError::Run(fault.into()))?;
        Ok(answer::empty())
    }

    /// It waits no more, whatever came of it. That it waited is no secret, and goes with the next decision at the latest.
    pub(super) async fn waited(&self, execution: &str) {
        if let Err(fault) = run::waits_no_more(&self.aws, execution).await {
            tracing::warn!(
                code = fault.code,
                "a run still looks waiting: {}",
                fault.message
            );
        }
    }

    /// Takes the decision of a person. A refusal is that person's to see: nobody else gets a message.
    pub(super) async fn approve(
        &self,
        automation: &str,
        task: &Begin,
    ) -> Result<Value, FunctionError> {
        let span = tracing::info_span!("approve", automation);
        self.decide(automation, task).instrument(span).await
    }

    async fn decide(&self, automation: &str, task: &Begin) -> Result<Value, FunctionError> {
        let file = self.stack_file().await;
        if let (Some(fault), true) = (&file.fault, task.retries < BEGIN_RETRIES) {
            return Err(FunctionError::Run(fault.clone().into()));
        }
        if let Some(problem) = file.problem {
            let failure = Failure::new(Code::SettingsUnusable, problem);
            return Ok(answer::not_decided(&failure));
        }
        let windows = self.windows().await.map_err(RunError::from)?;
        let decided = Box::pin(run::decide(&self.aws, &file.setup, &windows, automation)).await;
        match decided {
            Ok((approval, has_waited)) => {
                let window = approval.window.as_str();
                let approved = approval.decision == Decision::Approved;
                tracing::info!(window, start = %approval.start, approved, by = approval.by, "decided");
                Ok(answer::decided(&approval, has_waited))
            }
            Err(ApproveError::Fault(fault)) if task.retries < BEGIN_RETRIES => {
                Err(FunctionError::Run(fault.into()))
            }
            // It may not show yet, and windows may be read later.
            Err(unknown @ (ApproveError::Unknown(_) | ApproveError::Unread(_)))
                if task.retries < SHOWS_WITHIN =>
            {
                Err(FunctionError::Unknown(unknown.to_string()))
            }
            Err(problem) => {
                tracing::error!(code = %Code::NotDecided, "nothing was decided: {problem}");
                let failure = Failure::new(Code::NotDecided, problem.to_string());
                Ok(answer::not_decided(&failure))
            }
        }
    }
}
