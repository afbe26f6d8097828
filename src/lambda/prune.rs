//! The task of a prune: looks, and does what it was asked for within one invocation.

use chrono::{DateTime, Utc};
use serde_json::Value;
use tracing::Instrument;

use super::task::{Begin, FunctionError};
use super::{BEGIN_RETRIES, Function, answer, malformed};
use crate::ids::RunId;
use crate::notify;
use crate::report::{PruneAction, PruneReport};
use crate::retention::Policy;
use crate::run::relay;
use crate::run::{self, PruneRequest, RunError, run_span};
use crate::trigger::{Cause, PruneInput, TriggerError};

impl Function {
    /// Nothing is begun after `stop_at`; what is left then is found by the next prune.
    pub(super) async fn prune(
        &self,
        input: &PruneInput,
        task: &Begin,
        stop_at: DateTime<Utc>,
        by: DateTime<Utc>,
    ) -> Result<Value, FunctionError> {
        // By the execution, whatever its trigger: no other prune has its report.
        let run_id = Cause::Hand.run_id(&task.execution);
        let pruned = self.try_prune(input, task, stop_at, &run_id);
        let failure = match pruned.instrument(run_span(&run_id)).await {
            Ok(report) => return Ok(self.tell_pruned(&report, input, task, &run_id, by).await),
            Err(Unpruned::Input(error)) => malformed(&error),
            Err(Unpruned::Run(RunError::Refused(failure))) => failure,
            Err(Unpruned::Run(RunError::Request(error))) => relay::not_selected(&error),
            Err(Unpruned::Run(error @ RunError::Aws { passing: true, .. }))
                if task.retries < BEGIN_RETRIES =>
            {
                return Err(error.into());
            }
            Err(Unpruned::Run(error)) => relay::not_planned(&error),
        };
        let execution = task.execution.as_str();
        Ok(self.refuse_run(&run_id, execution, &failure, by).await)
    }

    async fn try_prune(
        &self,
        input: &PruneInput,
        task: &Begin,
        stop_at: DateTime<Utc>,
        run_id: &RunId,
    ) -> Result<PruneReport, Unpruned> {
        let request = self.prune_request(input, stop_at)?;
        let apply = request.apply;
        tracing::info!(run_id = run_id.as_str(), execution = task.execution, apply, policy = ?request.policy, "prune begins");
        Ok(Box::pin(run::prune(&self.aws, &request, &mut |_| ())).await?)
    }

    /// The stack's own bounds: an input cannot make it keep less.
    fn prune_request(
        &self,
        input: &PruneInput,
        stop_at: DateTime<Utc>,
    ) -> Result<PruneRequest, TriggerError> {
        let settings = &self.settings;
        if let Some(problem) = &settings.problem {
            return Err(problem.clone());
        }
        let kept = input.kept(settings.kept.clone()?)?;
        Ok(PruneRequest {
            policy: Policy {
                keep: kept.keep,
                older_than: kept.older_than,
                grace: kept.grace,
                tag: settings.defaults.tag.clone(),
                untagged_templates: settings.allowed.untagged_templates,
            },
            groups: input.groups.clone(),
            apply: input.apply,
            stop_at: Some(stop_at),
        })
    }

    async fn tell_pruned(
        &self,
        report: &PruneReport,
        input: &PruneInput,
        task: &Begin,
        run_id: &RunId,
        by: DateTime<Utc>,
    ) -> Value {
        let execution = task.execution.as_str();
        let document = answer::prune_document(report);
        let name = format!("prune-{run_id}");
        let storing = self.storing(execution, report.read_at, &name, &document);
        let shown = storing.as_ref().map(|p| &p.stored_at);
        let link = answer::link(execution);
        let reason = input.reason.as_deref();
        let message = notify::pruned(run_id, report, reason, shown, link.as_deref());
        let mut is_unsent = false;
        if is_news(report, &input.cause) {
            is_unsent = !self.notifier.notify(&message, by).await;
        }
        tracing::info!("{}", message.default);
        let answer = answer::pruned(report, run_id, document, &message.default, is_unsent);
        answer::stored(answer, storing.as_ref())
    }
}

/// Whether a prune that nobody asked for has something to tell.
fn is_news(report: &PruneReport, cause: &Cause) -> bool {
    let goes = [PruneAction::Deprecate, PruneAction::Remove];
    *cause == Cause::Hand
        || goes.into_iter().any(|a| report.of(a).next().is_some())
        || report.has_failed()
        || report.untried().next().is_some()
        || report.is_held_up()
}

/// Why there is no report.
enum Unpruned {
    Input(TriggerError),
    Run(RunError),
}

impl From<TriggerError> for Unpruned {
    fn from(error: TriggerError) -> Self {
        Self::Input(error)
    }
}

impl From<RunError> for Unpruned {
    fn from(error: RunError) -> Self {
        Self::Run(error)
    }
}
