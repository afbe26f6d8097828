//! Between a run's plan and its first batch: channels hear that it begins. It is a task of its own, and is asked again until it is
//! done: a begin of many places takes longer than one invocation.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use tracing::Instrument;

use super::invocation::Invocation;
use super::notices::{StackFile, Telling};
use super::task::{Announce, FunctionError};
use super::{BEGIN_RETRIES, Function, answer};
use crate::group::{Code, Failure};
use crate::ids::GroupName;
use crate::notices::NoticeEvent;
use crate::notify::{self, Beginning};
use crate::request::RunRequest;
use crate::run::relay::{RunState, Work};
use crate::run::{self, run_span};
use crate::trigger::{self, Asked, RunInput};

/// So long after its begin a run tells channels before it goes on; what they lack then, sweeps send.
const ANNOUNCING: TimeDelta = TimeDelta::minutes(15);

impl Function {
    /// The answer for a run that has been planned: channels hear of it first, if there are any.
    pub(super) async fn planned(
        &self,
        file: &StackFile,
        run_state: RunState,
        request: &RunRequest,
        input: &RunInput,
        invocation: Invocation,
        by: DateTime<Utc>,
    ) -> Result<Value, FunctionError> {
        if !file.setup.remembers() {
            return self.begun(run_state, request, input, invocation, by).await;
        }
        let is_required = self.is_notice_required(file, request, input);
        // The topic hears of it now, unless it may still be refused.
        if !is_required {
            self.say_begun(&run_state, request, input, by).await;
        }
        let state = self.passed_on(run_state, invocation).await?;
        Ok(answer::announce(state, is_required))
    }

    pub(super) async fn announce(
        &self,
        task: Announce,
        invocation: Invocation,
        by: DateTime<Utc>,
    ) -> Result<Value, FunctionError> {
        self.check_running(&task.execution, Some(&task.input), task.retries)
            .await?;
        let run_state = self
            .run_state(task.state.clone(), &task.execution, by)
            .await?;
        match (run_state.work.clone(), trigger::read(&task.input)) {
            (Work::Run(request), Ok(Asked::Run(input))) if request.owner == task.execution => {
                let span = run_span(&request.run_id);
                let asked = (request.as_ref(), input.as_ref());
                let announced = self.announce_run(&task, run_state, asked, invocation, by);
                Box::pin(announced.instrument(span)).await
            }
            // It was planned by another version, and is restored from its records; or it is another execution's.
            _ => self.passed_on(run_state, invocation).await,
        }
    }

    async fn announce_run(
        &self,
        task: &Announce,
        mut run_state: RunState,
        (request, input): (&RunRequest, &RunInput),
        invocation: Invocation,
        by: DateTime<Utc>,
    ) -> Result<Value, FunctionError> {
        let file = self.stack_file().await;
        if let (Some(fault), true) = (&file.fault, task.retries < BEGIN_RETRIES) {
            return Err(FunctionError::Run(fault.clone().into()));
        }
        if let Some(problem) = &file.problem {
            let failure = Failure::new(Code::SettingsUnusable, problem.clone());
            return Ok(self.called_off(&file, request, input, &failure, by).await);
        }
        let groups: BTreeSet<GroupName> = run_state.groups().cloned().collect();
        let places = run::places(&self.aws, request, &groups).await;
        let places = places.map_err(|fault| FunctionError::Run(fault.into()))?;
        let told = self.tell_begun(&file, request, input, &places, by).await;
        let is_required = self.is_notice_required(&file, request, input);
        let is_time_left = self.aws.clock.now() < run_state.started_at + ANNOUNCING;
        let lacking = match told {
            Telling::Failed(fault) if task.retries < BEGIN_RETRIES => {
                return Err(FunctionError::Run(fault.into()));
            }
            Telling::Cut(_) if is_time_left => {
                let state = self.passed_on(run_state, invocation).await?;
                return Ok(answer::announce(state, is_required));
            }
            Telling::Failed(fault) if is_required => fault.to_failure().reason,
            Telling::Cut(_) if is_required => "channels did not answer in time".to_owned(),
            Telling::Lacking(why) => why,
            Telling::Failed(fault) => {
                run_state.warnings.extend(self.counted(Err(fault)));
                return self
                    .told(run_state, (request, input), is_required, invocation, by)
                    .await;
            }
            Telling::All(said) | Telling::Cut(said) => {
                run_state.warnings.extend(self.counted(Ok(said)));
                return self
                    .told(run_state, (request, input), is_required, invocation, by)
                    .await;
            }
        };
        let failure = Failure::new(Code::NoticeNotSent, lacking);
        Ok(self.called_off(&file, request, input, &failure, by).await)
    }

    /// Refuses a run that was announced: its readers hear that it does not take place.
    pub(super) async fn called_off(
        &self,
        file: &StackFile,
        request: &RunRequest,
        input: &RunInput,
        failure: &Failure,
        by: DateTime<Utc>,
    ) -> Value {
        let why = format!("{}: {}", failure.code, failure.reason);
        let off = (NoticeEvent::Missed, why.as_str());
        self.tell_off(file, request, input, off, by).await;
        self.refuse_run(&request.run_id, &request.owner, failure, by)
            .await
    }

    /// The run goes on to its first batch.
    async fn begun(
        &self,
        run_state: RunState,
        request: &RunRequest,
        input: &RunInput,
        invocation: Invocation,
        by: DateTime<Utc>,
    ) -> Result<Value, FunctionError> {
        self.say_begun(&run_state, request, input, by).await;
        self.passed_on(run_state, invocation).await
    }

    /// The same once channels have heard of it; the topic has heard before unless it might have been refused.
    async fn told(
        &self,
        run_state: RunState,
        (request, input): (&RunRequest, &RunInput),
        was_required: bool,
        invocation: Invocation,
        by: DateTime<Utc>,
    ) -> Result<Value, FunctionError> {
        if was_required {
            return self.begun(run_state, request, input, invocation, by).await;
        }
        self.passed_on(run_state, invocation).await
    }

    async fn say_begun(
        &self,
        run_state: &RunState,
        request: &RunRequest,
        input: &RunInput,
        by: DateTime<Utc>,
    ) {
        self.notifier.measure_one("RunsBegun");
        self.notify_beginning(request, input, run_state, by).await;
    }

    async fn notify_beginning(
        &self,
        request: &RunRequest,
        input: &RunInput,
        run_state: &RunState,
        by: DateTime<Utc>,
    ) {
        let groups: Vec<&GroupName> = run_state.groups().collect();
        // A run that has nothing to do sends its report in a moment.
        if groups.is_empty() {
            return;
        }
        let beginning = Beginning {
            request,
            region: &self.aws.region,
            groups,
            refused: run_state.reports.iter().collect(),
            reason: input.reason.as_deref(),
        };
        let link = answer::link(&request.owner);
        let message = notify::begins(&beginning, link.as_deref());
        self.notifier.notify(&message, by).await;
    }
}
