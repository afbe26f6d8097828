//! The tasks of a run under way: pass after pass of its batches, step after step, and its report.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use tracing::Instrument;

use super::invocation::Invocation;
use super::task::FunctionError;
use super::{Function, answer};
use crate::group::{Code, Failure};
use crate::notify;
use crate::report::{Cost, GroupReport, StackUse};
use crate::run::relay::{self, Advanced, PassOptions, RunState, Used, WireError};
use crate::run::{publish_images, run_span};
use crate::trigger::Cause;

/// Is kept for the notices and messages of a run's end when images are published before them.
const MESSAGES: TimeDelta = TimeDelta::minutes(1);

impl Function {
    pub(super) async fn advance(
        &self,
        state: Value,
        options: PassOptions,
        invocation: Invocation,
        by: DateTime<Utc>,
    ) -> Result<Value, FunctionError> {
        let key = self.signing_key().await?;
        let read = relay::read_batch(state, self.aws.clock.now(), key);
        let batch = read.map_err(|e| self.not_ours(e))?;
        let span = run_span(batch.assignment.work.run_id());
        let pass = async {
            let mut advanced = relay::advance(&self.aws, batch, options).await?;
            self.notify_failures(&advanced, by).await;
            self.tell_failures(&advanced, by).await;
            let clock = &self.aws.clock;
            let wake_at = advanced.wake_at.map(|at| answer::wake_at(at, clock));
            advanced.batch.count(invocation.used(clock));
            Ok(relay::write_batch(advanced.batch, wake_at, key))
        };
        Box::pin(pass.instrument(span)).await
    }

    async fn notify_failures(&self, advanced: &Advanced, by: DateTime<Utc>) {
        let work = &advanced.batch.assignment.work;
        if work.is_quiet() {
            return;
        }
        let link = answer::link(work.owner());
        let (run_id, kind) = (work.run_id(), work.report_kind());
        let region = &self.aws.region;
        let failed = &advanced.failed;
        let message = notify::groups_failed(
            run_id,
            region,
            kind,
            failed,
            self.pages_url(),
            link.as_deref(),
        );
        if let Some(message) = message {
            self.notifier.notify(&message, by).await;
        }
    }

    async fn tell_failures(&self, advanced: &Advanced, by: DateTime<Utc>) {
        let failed: Vec<&GroupReport> = advanced.failed.iter().collect();
        if !failed.is_empty() {
            let run_id = advanced.batch.assignment.work.run_id();
            self.tell_failed(run_id, &failed, by).await;
        }
    }

    pub(super) async fn gather(
        &self,
        state: Value,
        execution: &str,
        invocation: Invocation,
        by: DateTime<Utc>,
    ) -> Result<Value, FunctionError> {
        let run_state = self.run_state(state, execution, by).await?;
        let run_state = relay::gather(run_state, self.aws.clock.now());
        self.passed_on(run_state, invocation).await
    }

    pub(super) async fn report(
        &self,
        state: Value,
        execution: &str,
        invocation: Invocation,
        by: DateTime<Utc>,
    ) -> Result<Value, FunctionError> {
        let run_state = self.run_state(state, execution, by).await?;
        let span = run_span(run_state.work.run_id());
        let sent = self.send_report(run_state, invocation, by);
        Ok(sent.instrument(span).await)
    }

    /// The run between two steps. One that cannot be read is refused with a message, and what the execution
    /// still holds is restored.
    pub(super) async fn run_state(
        &self,
        state: Value,
        execution: &str,
        by: DateTime<Utc>,
    ) -> Result<RunState, FunctionError> {
        let problem = match relay::read_run_state(state, self.signing_key().await?) {
            Ok(run_state) => return Ok(run_state),
            Err(problem @ WireError::Unsigned(_)) => return Err(self.not_ours(problem)),
            Err(problem) => problem,
        };
        let run_id = Cause::Hand.run_id(execution);
        let span = run_span(&run_id);
        let rescue = async {
            let failure = Failure::new(Code::OtherVersion, problem.to_string());
            tracing::error!(code = %failure.code, %problem, "restoring from records");
            self.refuse(execution, &failure, by).await;
            Ok(relay::rescue_run(&self.aws, run_id, execution).await?)
        };
        rescue.instrument(span).await
    }

    async fn send_report(
        &self,
        run_state: RunState,
        invocation: Invocation,
        by: DateTime<Utc>,
    ) -> Value {
        let owner = run_state.work.owner().to_owned();
        let link = answer::link(&owner);
        let (passes, quiet) = (run_state.passes, run_state.work.is_quiet());
        let is_whole = !run_state.work.names_groups();
        let mut used = run_state.used;
        let mut report = relay::report(&self.aws, run_state);
        // A restore has no request to bring it.
        report.pages_url = self.pages_url().map(str::to_owned);
        if self.settings.publish_images {
            Box::pin(publish_images(&self.aws, &mut report, by - MESSAGES)).await;
        }
        let unsent = Box::pin(self.tell_ended(&report, &owner, by)).await;
        report.warnings.extend(unsent);
        self.notifier.measure_report(&report, is_whole);
        used += invocation.used(&self.aws.clock);
        report.cost = Some(Cost::of_run(&report, None).with_stack(self.stack_use(used)));
        let mut document = answer::run_document(&report);
        let (at, name) = (report.started_at, report.run_id.clone());
        let storing = self.storing(&owner, at, &name, &document);
        let is_news = |g: &GroupReport| g.code == Some(Code::RestoredFromRecord);
        if !quiet || report.groups.iter().any(is_news) {
            let shown = storing.as_ref().map(|p| &p.stored_at);
            let message = notify::stored_message(&report, link.as_deref(), shown);
            if !self.notifier.notify(&message, by).await {
                answer::warn(&mut document, "the report was not sent");
            }
        }
        let summary = notify::message(&report, None).default;
        let api_calls = report.api_calls.values().sum::<u64>();
        tracing::info!(passes, api_calls, "{summary}");
        let answer = answer::ended(&report, document, &summary, quiet);
        answer::stored(answer, storing.as_ref())
    }

    /// The part of the stack that a run has used, as its report has it.
    fn stack_use(&self, used: Used) -> StackUse {
        let seconds = used.milliseconds as f64 / 1_000.0;
        let memory_gb = self.settings.memory_mb.map(|mb| f64::from(mb) / 1_024.0);
        StackUse {
            invocations: used.invocations,
            gb_seconds: memory_gb.map(|gb| seconds * gb),
            transitions: used.transitions,
            incomplete: used.unanswered > 0,
        }
    }
}
