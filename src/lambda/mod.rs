//! The Lambda function: the tasks that the state machine sets, and their answers. No decisions: these are the
//! run's ([`crate::run::relay`]) and the triggers' ([`crate::trigger`]).

mod advance;
mod announce;
mod answer;
mod approval;
mod begin;
mod halt;
mod invocation;
mod kept;
mod metrics;
mod notices;
mod notifier;
mod prune;
mod settings;
mod store;
mod sweep;
mod task;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use self::invocation::{Invocation, Way};
use self::notifier::{NOT_OURS, Notifier};
use self::store::Storing;
use self::task::Task;
use crate::aws::Aws;
use crate::channels::Outside;
use crate::clock::Clock;
use crate::group::{Code, Failure};
use crate::ids::RunId;
use crate::notify;
use crate::run::relay::{self, PassOptions, RunState, Used, WireError};
use crate::signature::SigningKey;
use crate::text::shortened;
use crate::trigger::{self, Asked, Cause, TriggerError};

pub use settings::Settings;
pub use task::FunctionError;

/// A pass is cut off this long before the invocation's deadline: messages and the answer come after it.
const PASS_MARGIN: TimeDelta = TimeDelta::seconds(60);
/// The answer is given this long before the invocation's deadline at the latest: Lambda takes it within
/// seconds.
const ANSWER_MARGIN: TimeDelta = TimeDelta::seconds(15);
/// The state machine asks for `Begin` at least this often again before it gives up.
const BEGIN_RETRIES: u64 = 5;

/// Characters that the log shows of why a report was not stored.
const STORED_SHOWN_LIMIT: usize = 1_000;

/// The function, between its invocations.
pub struct Function {
    aws: Aws,
    settings: Settings,
    notifier: Notifier,
    /// The way to channels.
    outside: Outside,
}

impl Function {
    /// A function that works on this account, reaches channels by this way, and passes each line of embedded metrics to `measured`.
    pub fn new(
        aws: Aws,
        outside: Outside,
        settings: Settings,
        measured: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        let aws = aws
            .allowing(settings.allowed.clone())
            .signing_by(settings.mac_key.as_deref());
        Self {
            notifier: Notifier::new(aws.clone(), &settings, measured),
            aws,
            outside,
            settings,
        }
    }

    /// Answers one invocation, which ends at `deadline` of the machine's clock.
    ///
    /// # Errors
    /// See [`FunctionError`].
    pub async fn answer(
        &self,
        payload: Value,
        deadline: DateTime<Utc>,
    ) -> Result<Value, FunctionError> {
        let stopwatch = Clock::stopwatch();
        if payload.get("action").is_none() {
            return Box::pin(self.answer_by_hand(&payload)).await;
        }
        let answer = Box::pin(self.perform(Task::read(payload)?, deadline)).await;
        let ms = u64::try_from(stopwatch().as_millis()).unwrap_or(u64::MAX);
        self.notifier.measure_pass(ms);
        answer
    }

    async fn perform(&self, task: Task, deadline: DateTime<Utc>) -> Result<Value, FunctionError> {
        let before = |margin| self.aws.clock.from_real(deadline - margin);
        let (pass_by, by) = (before(PASS_MARGIN), before(ANSWER_MARGIN));
        let invocation = Invocation {
            began: self.aws.clock.now(),
            retries: task.retries(),
            way: self.way(&task),
            before: Used::default(),
        };
        let options = |restore, retries| PassOptions {
            restore,
            retried: retries > 0,
            stop_at: pass_by,
        };
        match task {
            Task::Begin(task) => Box::pin(self.begin(&task, invocation, pass_by, by)).await,
            Task::Announce(task) => Box::pin(self.announce(task, invocation, by)).await,
            Task::AwaitApproval { execution, token } => {
                self.await_approval(&execution, &token).await
            }
            Task::Advance { state, retries } => {
                Box::pin(self.advance(state, options(false, retries), invocation, by)).await
            }
            Task::Restore { state, retries } => {
                Box::pin(self.advance(state, options(true, retries), invocation, by)).await
            }
            Task::Gather {
                state, execution, ..
            } => Box::pin(self.gather(state, &execution, invocation, by)).await,
            Task::Report {
                state, execution, ..
            } => Box::pin(self.report(state, &execution, invocation, by)).await,
            Task::NotStored { key, error } => Ok(self.not_stored(&key, &error)),
        }
    }

    /// The transitions that the state machine makes around a task.
    fn way(&self, task: &Task) -> Way {
        match task {
            // Of the last two nothing is counted.
            Task::Begin(_) | Task::AwaitApproval { .. } | Task::NotStored { .. } => Way::Begins,
            Task::Announce(_) => Way::Announces,
            Task::Advance { .. } | Task::Restore { .. } => Way::Passes,
            Task::Gather { .. } => Way::Gathers,
            Task::Report { .. } => Way::Reports {
                stores: self.settings.report_bucket.is_some(),
            },
        }
    }

    /// A run that goes on, with what it has used up to now.
    async fn passed_on(
        &self,
        mut run_state: RunState,
        invocation: Invocation,
    ) -> Result<Value, FunctionError> {
        let key = self.signing_key().await?;
        run_state.used += invocation.used(&self.aws.clock);
        Ok(relay::write_run_state(run_state, key))
    }

    /// The key of signatures; none if the stack has none.
    async fn signing_key(&self) -> Result<Option<&SigningKey>, FunctionError> {
        let key = self.aws.clients.signing_key().await;
        key.map_err(|fault| FunctionError::Run(fault.into()))
    }

    /// Where the pages about the codes are published.
    fn pages_url(&self) -> Option<&str> {
        self.settings.defaults.pages_url.as_deref()
    }

    /// Where a report will be stored, if the stack has a bucket.
    fn storing(
        &self,
        execution: &str,
        at: DateTime<Utc>,
        name: &str,
        document: &Value,
    ) -> Option<Storing> {
        let bucket = self.settings.report_bucket.as_deref()?;
        let mut storing = store::storing(bucket, execution, &self.aws.region, at, name);
        storing.stored_at.is_shortened = answer::is_shortened(document);
        Some(storing)
    }

    /// Nothing is lost but the copy: the report is the execution's output, and was sent.
    fn not_stored(&self, key: &str, error: &Value) -> Value {
        let key = shortened(key, STORED_SHOWN_LIMIT);
        let error = shortened(&error.to_string(), STORED_SHOWN_LIMIT);
        tracing::error!(key, error, "a report was not stored");
        self.notifier.measure_one("ReportsUnstored");
        json!({})
    }

    /// A state that cannot be read. One that this function did not write raises an alarm.
    fn not_ours(&self, problem: WireError) -> FunctionError {
        if matches!(problem, WireError::Unsigned(_)) {
            self.notifier.measure_one(NOT_OURS);
        }
        problem.into()
    }

    /// Without the state machine nothing goes on with a run: only a plan can be had.
    async fn answer_by_hand(&self, event: &Value) -> Result<Value, FunctionError> {
        match trigger::read(event) {
            Ok(Asked::Plan(input)) => {
                let now = self.aws.clock.now();
                self.plan(&input, "lambda:by-hand", now, BEGIN_RETRIES)
                    .await
            }
            Ok(_) => {
                let reason = "expected {\"mode\":\"plan\"} where the function is invoked by itself; \
                    start an execution of the state machine with this input instead";
                Ok(answer::refused(&Failure::new(Code::EventMalformed, reason)))
            }
            Err(error) => Ok(answer::refused(&malformed(&error))),
        }
    }

    /// Refuses an input that is not even a run's.
    async fn refuse(&self, execution: &str, failure: &Failure, by: DateTime<Utc>) -> Value {
        let run_id = Cause::Hand.run_id(execution);
        self.refuse_run(&run_id, execution, failure, by).await
    }

    async fn refuse_run(
        &self,
        run_id: &RunId,
        execution: &str,
        failure: &Failure,
        by: DateTime<Utc>,
    ) -> Value {
        self.notifier.measure_one("RunsRefused");
        let link = answer::link(execution);
        let message = notify::refused(
            run_id,
            &self.aws.region,
            failure,
            self.pages_url(),
            link.as_deref(),
        );
        self.notifier.notify(&message, by).await;
        answer::refused(failure)
    }
}

fn malformed(error: &TriggerError) -> Failure {
    Failure::new(Code::EventMalformed, error.to_string())
}
