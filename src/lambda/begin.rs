//! The first task of an execution: a run, a plan, a prune, a restore or a sweep begins, or is refused.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use tracing::Instrument;

use super::halt::Halt;
use super::invocation::Invocation;
use super::notifier::NOT_OURS;
use super::task::{Begin, FunctionError};
use super::{BEGIN_RETRIES, Function, answer, malformed, sweep};
use crate::aws::{Execution, find_execution};
use crate::group::{Code, Failure};
use crate::request::{About, RunRequest};
use crate::run::relay::{self, Begun, BegunRestore, RESTORE_LIMIT, Work};
use crate::run::{self, RecordFilter, RunError, run_span};
use crate::signature::is_same;
use crate::trigger::{self, Asked, Cause, RunInput, TriggerError};
use crate::windows::Standing;

/// So long a sweep tells channels before it restores: what they lack then, the next one sends.
const TELLING: TimeDelta = TimeDelta::minutes(2);

/// A sweep gives up after this long: before the next one begins, 15 min later by the template.
const SWEEP_LIMIT: TimeDelta = TimeDelta::minutes(14);

impl Function {
    pub(super) async fn begin(
        &self,
        task: &Begin,
        invocation: Invocation,
        pass_by: DateTime<Utc>,
        by: DateTime<Utc>,
    ) -> Result<Value, FunctionError> {
        let execution = task.execution.as_str();
        let began_at = self.check_execution(task).await?;
        let asked = match trigger::read(&task.input) {
            Ok(asked) => asked,
            Err(error) => return Ok(self.refuse(execution, &malformed(&error), by).await),
        };
        match asked {
            Asked::Run(input) => self.begin_run(&input, task, invocation, began_at, by).await,
            Asked::Plan(input) => self.plan(&input, execution, began_at, task.retries).await,
            Asked::Prune(input) => Box::pin(self.prune(&input, task, pass_by, by)).await,
            Asked::Approve { automation } => Box::pin(self.approve(&automation, task)).await,
            Asked::Restore { groups, force } => {
                let filter = RecordFilter::named_or_due(groups, force);
                let work = self.restoring(execution, RESTORE_LIMIT, false);
                self.begin_restore(work, &filter, invocation, by).await
            }
            Asked::Sweep => {
                self.look_around().await;
                self.tell_due(by.min(self.aws.clock.now() + TELLING)).await;
                let work = self.restoring(execution, SWEEP_LIMIT, true);
                self.begin_restore(work, &RecordFilter::Due, invocation, by)
                    .await
            }
            Asked::Dead {
                execution: dead,
                status,
                input,
            } => {
                let left = sweep::left_by(dead, &status, input.as_deref());
                self.begin_cleanup(left, task, invocation, by).await
            }
        }
    }

    /// Only an execution of the state machine that runs begins something, and with its own input: to invoke the function is
    /// not enough. Answers when it began: that of a run whose trigger names no time, however late it is planned.
    async fn check_execution(&self, task: &Begin) -> Result<DateTime<Utc>, FunctionError> {
        self.check_running(&task.execution, Some(&task.input), task.retries)
            .await
    }

    /// The same, where its input may be of no interest.
    pub(super) async fn check_running(
        &self,
        execution: &str,
        input: Option<&Value>,
        retries: u64,
    ) -> Result<DateTime<Utc>, FunctionError> {
        let now = self.aws.clock.now();
        let Some(state_machine) = &self.settings.state_machine else {
            return Ok(now);
        };
        let found = find_execution(&self.aws.clients, execution).await;
        let found = found.map_err(|fault| FunctionError::Run(fault.into()))?;
        let is_its_own = |found: &Execution| match (input, &found.input) {
            (None, _) => true,
            (Some(input), Some(own)) => is_same(own, input),
            (Some(_), None) => false,
        };
        let found = match found {
            // It may have begun a moment ago.
            None => format!("no execution {execution}"),
            Some(e) if e.state_machine != *state_machine => format!("one of {}", e.state_machine),
            Some(e) if !e.is_running => format!("{execution}, which has ended"),
            Some(e) if is_its_own(&e) => return Ok(now.min(e.started_at)),
            Some(_) => format!("{execution} with another input"),
        };
        if retries > 0 {
            self.notifier.measure_one(NOT_OURS);
        }
        Err(FunctionError::Execution {
            state_machine: state_machine.clone(),
            found,
        })
    }

    fn restoring(&self, execution: &str, limit: TimeDelta, quiet: bool) -> Work {
        Work::Restore {
            run_id: Cause::Hand.run_id(execution),
            owner: execution.to_owned(),
            give_up_at: self.aws.clock.now() + limit,
            quiet,
        }
    }

    /// After the death of an execution: restores what it has left, if anything.
    async fn begin_cleanup(
        &self,
        left: Option<RecordFilter>,
        task: &Begin,
        invocation: Invocation,
        by: DateTime<Utc>,
    ) -> Result<Value, FunctionError> {
        let invocation = match task.waited {
            true => invocation.after_the_dead(),
            false => invocation,
        };
        match left {
            // Stopping an execution stops no invocation: what is under way may still change groups.
            Some(_) if !task.waited => {
                let until = self.aws.clock.now() + relay::INVOCATION_LIMIT;
                Ok(answer::later(until, &self.aws.clock))
            }
            Some(RecordFilter::OwnedBy(owner)) if self.is_running(&owner).await? => Ok(
                answer::nothing_to_do(&format!("{owner} runs: its groups are its own")),
            ),
            Some(filter) => {
                let work = self.restoring(&task.execution, RESTORE_LIMIT, false);
                self.begin_restore(work, &filter, invocation, by).await
            }
            None => Ok(answer::nothing_to_do(
                "what ended had no groups of its own; sweeps go on with open records",
            )),
        }
    }

    /// Whether an execution runs; of one that the function may not look at nothing is known.
    async fn is_running(&self, owner: &str) -> Result<bool, FunctionError> {
        if self.settings.state_machine.is_none() {
            return Ok(false);
        }
        let found = find_execution(&self.aws.clients, owner).await;
        let found = found.map_err(|fault| FunctionError::Run(fault.into()))?;
        Ok(found.is_some_and(|e| e.is_running))
    }

    async fn begin_run(
        &self,
        input: &RunInput,
        task: &Begin,
        invocation: Invocation,
        began_at: DateTime<Utc>,
        by: DateTime<Utc>,
    ) -> Result<Value, FunctionError> {
        let invocation = match task.waited {
            true => invocation.after_waiting(invocation.began - began_at),
            false => invocation,
        };
        let execution = task.execution.as_str();
        match self.request(input, execution, began_at) {
            Ok(request) => {
                let span = run_span(&request.run_id);
                let run_id = request.run_id.clone();
                let begun = Box::pin(self.begin_request(request, input, task, invocation, by));
                match begun.instrument(span).await {
                    // There may be no other attempt: refuse, rather than end without a word.
                    Err(FunctionError::Run(error)) if task.retries >= BEGIN_RETRIES => {
                        let failure = relay::not_planned(&error);
                        Ok(self.refuse_run(&run_id, execution, &failure, by).await)
                    }
                    begun => begun,
                }
            }
            Err(error) => Ok(self.refuse(execution, &malformed(&error), by).await),
        }
    }

    async fn begin_request(
        &self,
        request: RunRequest,
        input: &RunInput,
        task: &Begin,
        invocation: Invocation,
        by: DateTime<Utc>,
    ) -> Result<Value, FunctionError> {
        // Its task is over: no token of it wakes anything any more.
        if task.waited {
            self.waited(&task.execution).await;
        }
        let file = self.stack_file().await;
        if let (Some(fault), true) = (&file.fault, task.retries < BEGIN_RETRIES) {
            return Err(FunctionError::Run(fault.clone().into()));
        }
        // Its freezes are not known.
        if let Some(problem) = &file.problem {
            let failure = Failure::new(Code::SettingsUnusable, problem.clone());
            let run_id = &request.run_id;
            return Ok(self.refuse_run(run_id, &task.execution, &failure, by).await);
        }
        let ring = self.ring(&file, &request, input).await?;
        let standing = self.standing(&file, &request, input).await?;
        let request = RunRequest {
            ring,
            place_tags: file.setup.file.notices.place_tags(),
            about: Box::new(About {
                file_version: file.version,
                approved: standing.as_ref().and_then(Standing::approved),
                ..*request.about
            }),
            ..request
        };
        let begun = match relay::begin_run(&self.aws, &request).await {
            // Its readers hear of it.
            Err(error) if task.retries >= BEGIN_RETRIES => {
                Begun::Refused(relay::not_planned(&error))
            }
            begun => begun?,
        };
        let failure = match begun {
            Begun::Refused(failure) => failure,
            Begun::Duplicate(claim) => {
                self.notifier.measure_one("RunsDuplicate");
                return Ok(answer::duplicate(&claim));
            }
            Begun::RunState(run_state) => {
                if let Some(why) = self.frozen(&file, &request, input).await? {
                    let asked = (&request, input);
                    return Ok(self.halt(Halt::Frozen, &file, asked, why, by).await);
                }
                if let Some(Standing::Awaited(until)) = standing {
                    let asked = (&request, input);
                    return Box::pin(
                        self.wait_for_approval(&file, &run_state, asked, task, until, by),
                    )
                    .await;
                }
                if standing.is_some() {
                    self.is_past(&request, input).await?;
                }
                if let Some(why) = standing.and_then(Self::disapproval) {
                    let asked = (&request, input);
                    return Ok(self.halt(Halt::NotApproved, &file, asked, why, by).await);
                }
                return self
                    .planned(&file, *run_state, &request, input, invocation, by)
                    .await;
            }
        };
        Ok(self.called_off(&file, &request, input, &failure, by).await)
    }

    fn request(
        &self,
        input: &RunInput,
        execution: &str,
        began_at: DateTime<Utc>,
    ) -> Result<RunRequest, TriggerError> {
        match &self.settings.problem {
            Some(problem) => Err(problem.clone()),
            None => input.request(&self.settings.defaults, execution, began_at),
        }
    }

    pub(super) async fn plan(
        &self,
        input: &RunInput,
        execution: &str,
        began_at: DateTime<Utc>,
        retries: u64,
    ) -> Result<Value, FunctionError> {
        let request = match self.request(input, execution, began_at) {
            Ok(request) => request,
            Err(error) => return Ok(answer::refused(&malformed(&error))),
        };
        let plan = run::plan(&self.aws, &request);
        Ok(match plan.instrument(run_span(&request.run_id)).await {
            Ok(plan) => answer::planned(&plan),
            Err(RunError::Request(error)) => answer::refused(&relay::not_selected(&error)),
            Err(error @ RunError::Aws { passing: true, .. }) if retries < BEGIN_RETRIES => {
                return Err(error.into());
            }
            Err(error) => answer::refused(&relay::not_planned(&error)),
        })
    }

    async fn begin_restore(
        &self,
        work: Work,
        filter: &RecordFilter,
        invocation: Invocation,
        by: DateTime<Utc>,
    ) -> Result<Value, FunctionError> {
        let owner = work.owner().to_owned();
        let span = run_span(work.run_id());
        let begun = relay::begin_restore(&self.aws, work, filter);
        match begun.instrument(span).await? {
            BegunRestore::RunState(run_state) => self.passed_on(*run_state, invocation).await,
            BegunRestore::Nothing(why) => Ok(answer::nothing_to_do(&why)),
            BegunRestore::Refused(failure) => Ok(self.refuse(&owner, &failure, by).await),
        }
    }

    /// Notices what only a sweep sees: records past their deadline, windows that went by without a run.
    async fn look_around(&self) {
        if let Err(problem) = &self.settings.schedule {
            tracing::error!(%problem, "a window without a run would go unnoticed");
        }
        match sweep::look_around(&self.aws, &self.settings).await {
            Ok(around) => self.notifier.measure_around(&around),
            Err(fault) => tracing::warn!("no look around: {}", fault.to_failure().reason),
        }
    }
}
