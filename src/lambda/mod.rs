//! The Lambda function: what the state machine asks of it and what it answers. No decisions: these are the
//! run's ([`crate::run::relay`]) and the triggers' ([`crate::trigger`]).

mod answer;
mod metrics;
mod notifier;
mod settings;
mod sweep;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;

use self::notifier::Notifier;
use crate::clock::Clock;
use crate::group::{Code, Failure};
use crate::ids::{GroupName, RunId};
use crate::notify::{self, Beginning};
use crate::request::RunRequest;
use crate::run::relay::{self, Batch, Begun, BegunRestore, PassOptions, RunState, Work};
use crate::run::{self, Env, RecordFilter, RunError};
use crate::trigger::{self, Asked, RunInput, TriggerError};

pub use metrics::{Unit, line as metrics_line};
pub use settings::Settings;

/// A pass is cut off so long before the invocation's deadline; what it has to tell comes afterwards.
const PASS_MARGIN_SECONDS: i64 = 60;
/// The answer is given so long before the invocation's deadline at the latest.
const ANSWER_MARGIN_SECONDS: i64 = 15;
/// How long a restore that somebody asked for, or that follows an execution's death, goes on.
const RESTORE_MINUTES: i64 = 60;
/// A sweep ends before the next one begins.
const SWEEP_MINUTES: i64 = 14;
/// So often the state machine's `Begin` is asked again at least before it gives up.
const BEGIN_RETRIES: u64 = 5;

/// The function, between its invocations.
pub struct Function {
    env: Env,
    settings: Settings,
    region: String,
    notifier: Notifier,
}

/// What the state machine asks for.
#[derive(Debug, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
enum Task {
    /// Begin with what the execution was started with.
    Begin(Begin),
    /// Make a pass of a batch.
    Advance {
        state: Value,
        #[serde(default)]
        retries: u64,
    },
    /// As above, on the way back.
    Restore {
        state: Value,
        #[serde(default)]
        retries: u64,
    },
    /// Go on to the next step.
    Gather { state: Value, execution: String },
    /// End the run.
    Report { state: Value, execution: String },
}

#[derive(Debug, Deserialize)]
struct Begin {
    /// The execution's input.
    input: Value,
    /// The execution's ARN.
    execution: String,
    #[serde(default)]
    retries: u64,
    /// Whether it was asked to come again later, and does.
    #[serde(default)]
    waited: bool,
}

/// Why an invocation has no answer. Step Functions asks again, and restores in the end.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// What was asked for cannot be understood.
    #[error(
        "{}: expected a task of the state machine, found {found}: {problem}",
        Code::EventMalformed
    )]
    Task {
        /// What was sent, shortened.
        found: String,
        /// What is wrong with it.
        problem: String,
    },
    /// What was passed along cannot be understood.
    #[error("{}: {problem}", Code::OtherVersion)]
    State {
        /// What is wrong with it.
        problem: String,
    },
    /// AWS.
    #[error("{0}")]
    Run(#[from] RunError),
}

impl FunctionError {
    /// What `Retry` and `Catch` of a state machine may go by.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Task { .. } => "AsgPatch.Task",
            Self::State { .. } => "AsgPatch.State",
            Self::Run(_) => "AsgPatch.Run",
        }
    }
}

impl Function {
    /// A function that works on this account, and tells each line of embedded metrics to `measured`.
    pub fn new(
        env: Env,
        settings: Settings,
        measured: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        let region = env.sdk.region().map(ToString::to_string);
        Self {
            region: region.unwrap_or_default(),
            notifier: Notifier::new(env.clone(), &settings, measured),
            env,
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
        let before = |seconds| {
            let at = deadline - TimeDelta::seconds(seconds);
            self.env.clock.from_real(at)
        };
        let (pass_by, by) = (before(PASS_MARGIN_SECONDS), before(ANSWER_MARGIN_SECONDS));
        if payload.get("action").is_none() {
            return self.answer_by_hand(&payload).await;
        }
        let found = crate::text::shortened(&payload.to_string(), 300);
        let task = serde_json::from_value(payload).map_err(|e| FunctionError::Task {
            found,
            problem: e.to_string(),
        })?;
        let options = |restore, retries| PassOptions {
            restore,
            retried: retries > 0,
            stop_at: pass_by,
        };
        let answer = match task {
            Task::Begin(task) => Box::pin(self.begin(&task, by)).await,
            Task::Advance { state, retries } => {
                Box::pin(self.advance(state, options(false, retries), by)).await
            }
            Task::Restore { state, retries } => {
                Box::pin(self.advance(state, options(true, retries), by)).await
            }
            Task::Gather { state, execution } => {
                let run_state = Box::pin(self.run_state(state, &execution, by)).await?;
                let run_state = relay::gather(run_state, self.env.clock.now());
                Ok(answer::of_run_state(&run_state))
            }
            Task::Report { state, execution } => {
                let run_state = Box::pin(self.run_state(state, &execution, by)).await?;
                Ok(Box::pin(self.report(run_state, by)).await)
            }
        };
        let ms = u64::try_from(stopwatch().as_millis()).unwrap_or(u64::MAX);
        self.notifier
            .measure(&[("PassMilliseconds", Unit::Milliseconds, ms)]);
        answer
    }

    /// Without the state machine there is nobody to go on with a run: only a plan can be had.
    async fn answer_by_hand(&self, event: &Value) -> Result<Value, FunctionError> {
        match trigger::read(event) {
            Ok(Asked::Plan(input)) => self.plan(&input, "lambda:by-hand", BEGIN_RETRIES).await,
            Ok(_) => {
                let reason = "expected {\"mode\":\"plan\"} where the function is invoked by itself; \
                    start an execution of the state machine with this input instead";
                Ok(answer::refused(&Failure::new(Code::EventMalformed, reason)))
            }
            Err(error) => Ok(answer::refused(&malformed(&error))),
        }
    }

    async fn begin(&self, task: &Begin, by: DateTime<Utc>) -> Result<Value, FunctionError> {
        let execution = task.execution.as_str();
        let asked = match trigger::read(&task.input) {
            Ok(asked) => asked,
            Err(error) => return Ok(self.refuse(execution, &malformed(&error), by).await),
        };
        let restore = |minutes, quiet| Work::Restore {
            run_id: trigger::Cause::Hand.run_id(execution),
            owner: execution.to_owned(),
            give_up_at: self.env.clock.now() + TimeDelta::minutes(minutes),
            quiet,
        };
        match asked {
            Asked::Run(input) => self.begin_run(&input, task, by).await,
            Asked::Plan(input) => self.plan(&input, execution, task.retries).await,
            Asked::Restore { groups } => {
                let filter = RecordFilter::named_or_due(groups);
                self.begin_restore(restore(RESTORE_MINUTES, false), &filter, by)
                    .await
            }
            Asked::Sweep => {
                self.look_around().await;
                self.begin_restore(restore(SWEEP_MINUTES, true), &RecordFilter::Due, by)
                    .await
            }
            Asked::Dead {
                execution: dead,
                status,
                input,
            } => match sweep::left_by(dead, &status, input.as_deref()) {
                // Stopping an execution stops no invocation: what is under way may still change groups.
                Some(_) if !task.waited => {
                    let until =
                        self.env.clock.now() + TimeDelta::seconds(relay::INVOCATION_SECONDS);
                    Ok(answer::later(until, &self.env.clock))
                }
                Some(filter) => {
                    self.begin_restore(restore(RESTORE_MINUTES, false), &filter, by)
                        .await
                }
                None => Ok(answer::nothing_to_do(
                    "what ended had no groups of its own; sweeps go on with open records",
                )),
            },
        }
    }

    async fn begin_run(
        &self,
        input: &RunInput,
        task: &Begin,
        by: DateTime<Utc>,
    ) -> Result<Value, FunctionError> {
        let execution = task.execution.as_str();
        let request = match self.request(input, execution) {
            Ok(request) => request,
            Err(error) => return Ok(self.refuse(execution, &malformed(&error), by).await),
        };
        let begun = match relay::begin_run(&self.env, &request).await {
            // There may be no other attempt: say so, rather than end without a word.
            Err(error) if task.retries >= BEGIN_RETRIES => {
                Begun::Refused(relay::not_planned(&error))
            }
            begun => begun?,
        };
        match begun {
            Begun::Refused(failure) => Ok(self
                .refuse_run(&request.run_id, execution, &failure, by)
                .await),
            Begun::Duplicate(claim) => {
                self.notifier.measure(&[("RunsDuplicate", Unit::Count, 1)]);
                Ok(answer::duplicate(&claim))
            }
            Begun::RunState(run_state) => {
                self.notifier.measure(&[("RunsBegun", Unit::Count, 1)]);
                self.tell_beginning(&request, input, &run_state, by).await;
                Ok(answer::of_run_state(&run_state))
            }
        }
    }

    fn request(&self, input: &RunInput, execution: &str) -> Result<RunRequest, TriggerError> {
        match &self.settings.problem {
            Some(problem) => Err(problem.clone()),
            None => input.request(&self.settings.defaults, execution, self.env.clock.now()),
        }
    }

    async fn tell_beginning(
        &self,
        request: &RunRequest,
        input: &RunInput,
        run_state: &RunState,
        by: DateTime<Utc>,
    ) {
        let groups: Vec<&GroupName> = run_state.groups().collect();
        // Of a run that has nothing to do, its report tells.
        if groups.is_empty() {
            return;
        }
        let beginning = Beginning {
            request,
            region: &self.region,
            groups,
            refused: run_state.reports.0.iter().collect(),
            reason: input.reason.as_deref(),
        };
        let link = answer::link(&request.owner);
        let message = notify::begins(&beginning, link.as_deref());
        self.notifier.tell(&message, by).await;
    }

    async fn plan(
        &self,
        input: &RunInput,
        execution: &str,
        retries: u64,
    ) -> Result<Value, FunctionError> {
        let request = match self.request(input, execution) {
            Ok(request) => request,
            Err(error) => return Ok(answer::refused(&malformed(&error))),
        };
        Ok(match run::plan(&self.env, &request).await {
            Ok(plan) => answer::planned(&plan),
            Err(RunError::Request(reason)) => {
                answer::refused(&Failure::new(Code::NotOptedIn, reason))
            }
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
        by: DateTime<Utc>,
    ) -> Result<Value, FunctionError> {
        let owner = work.owner().to_owned();
        match relay::begin_restore(&self.env, work, filter).await? {
            BegunRestore::RunState(run_state) => Ok(answer::of_run_state(&run_state)),
            BegunRestore::Nothing(why) => Ok(answer::nothing_to_do(&why)),
            BegunRestore::Refused(failure) => Ok(self.refuse(&owner, &failure, by).await),
        }
    }

    async fn advance(
        &self,
        state: Value,
        options: PassOptions,
        by: DateTime<Utc>,
    ) -> Result<Value, FunctionError> {
        let batch = self.batch(state)?;
        let advanced = relay::advance(&self.env, batch, options).await?;
        let batch = advanced.batch;
        let link = answer::link(batch.work.owner());
        for group in advanced.failed.iter().filter(|_| !batch.work.is_quiet()) {
            let (run_id, kind) = (batch.work.run_id(), batch.work.report_kind());
            let message = notify::group_failed(run_id, &self.region, kind, group, link.as_deref());
            self.notifier.tell(&message, by).await;
        }
        Ok(answer::of_batch(&batch, &self.env.clock))
    }

    /// What another version passed along is not understood by guessing: its groups go back from their
    /// records.
    fn batch(&self, state: Value) -> Result<Batch, FunctionError> {
        let part = |path: &str| state.pointer(path).cloned().unwrap_or_default();
        let text = |path: &str| part(path).as_str().unwrap_or("unknown").to_owned();
        let (groups, records) = (part("/groups"), part("/records"));
        let (run_id, owner) = (text("/work/run_id").into(), text("/work/owner"));
        let problem = match version_problem(&state) {
            Some(problem) => problem,
            None => match serde_json::from_value(state) {
                Ok(batch) => return Ok(batch),
                Err(error) => error.to_string(),
            },
        };
        let groups: Vec<GroupName> =
            serde_json::from_value(groups).map_err(|e| FunctionError::State {
                problem: format!("{problem}; groups: {e}"),
            })?;
        tracing::error!(code = %Code::OtherVersion, problem, "restoring from records");
        let work = Work::Restore {
            run_id,
            owner,
            give_up_at: self.env.clock.now() + TimeDelta::minutes(RESTORE_MINUTES),
            quiet: false,
        };
        Ok(Batch {
            records: serde_json::from_value(records).unwrap_or_default(),
            warnings: vec![format!("{}: {problem}", Code::OtherVersion)],
            ..Batch::new(&work, groups)
        })
    }

    /// As [`Function::batch`], of a run between two steps: what the execution still holds goes back.
    async fn run_state(
        &self,
        state: Value,
        execution: &str,
        by: DateTime<Utc>,
    ) -> Result<RunState, FunctionError> {
        let problem = match version_problem(&state) {
            Some(problem) => problem,
            None => match serde_json::from_value(state) {
                Ok(run_state) => return Ok(run_state),
                Err(error) => error.to_string(),
            },
        };
        let failure = Failure::new(Code::OtherVersion, problem);
        tracing::error!(code = %failure.code, problem = failure.reason, "restoring from records");
        self.refuse(execution, &failure, by).await;
        let work = Work::Restore {
            run_id: trigger::Cause::Hand.run_id(execution),
            owner: execution.to_owned(),
            give_up_at: self.env.clock.now() + TimeDelta::minutes(RESTORE_MINUTES),
            quiet: false,
        };
        let filter = RecordFilter::OwnedBy(execution.to_owned());
        let restoring = relay::begin_restore(&self.env, work.clone(), &filter).await?;
        Ok(match restoring {
            BegunRestore::RunState(run_state) => *run_state,
            BegunRestore::Nothing(_) | BegunRestore::Refused(_) => {
                RunState::empty(work, self.env.clock.now())
            }
        })
    }

    async fn report(&self, run_state: RunState, by: DateTime<Utc>) -> Value {
        let link = answer::link(run_state.work.owner());
        let (passes, quiet) = (run_state.passes, run_state.work.is_quiet());
        let mut report = relay::report(&self.env, run_state);
        self.notifier.measure_report(&report);
        let is_news = |g: &crate::report::GroupReport| g.code == Some(Code::RestoredFromRecord);
        if !quiet || report.groups.iter().any(is_news) {
            let message = notify::message(&report, link.as_deref());
            if !self.notifier.tell(&message, by).await {
                report.warnings.push("the report was not sent".into());
            }
        }
        let summary = notify::message(&report, None).default;
        tracing::info!(
            run_id = report.run_id.as_str(),
            passes,
            api_calls = report.api_calls.values().sum::<u64>(),
            "{summary}"
        );
        answer::ended(&report, &summary, quiet)
    }

    /// What only a sweep sees: records past their deadline, windows that went by without a run.
    async fn look_around(&self) {
        if let Err(problem) = &self.settings.schedule {
            tracing::error!(%problem, "nobody notices a window without a run");
        }
        match sweep::look_around(&self.env, &self.settings).await {
            Ok(around) => self.notifier.measure(&[
                (
                    "RecordsPastDeadline",
                    Unit::Count,
                    around.records_past_deadline,
                ),
                ("WindowMissed", Unit::Count, around.window_missed.into()),
            ]),
            Err(fault) => tracing::warn!("no look around: {}", fault.to_failure().reason),
        }
    }

    /// Refuses what is not even a run.
    async fn refuse(&self, execution: &str, failure: &Failure, by: DateTime<Utc>) -> Value {
        let run_id = trigger::Cause::Hand.run_id(execution);
        self.refuse_run(&run_id, execution, failure, by).await
    }

    async fn refuse_run(
        &self,
        run_id: &RunId,
        execution: &str,
        failure: &Failure,
        by: DateTime<Utc>,
    ) -> Value {
        self.notifier.measure(&[("RunsRefused", Unit::Count, 1)]);
        let link = answer::link(execution);
        let message = notify::refused(run_id, &self.region, failure, link.as_deref());
        self.notifier.tell(&message, by).await;
        answer::refused(failure)
    }
}

fn malformed(error: &TriggerError) -> Failure {
    Failure::new(Code::EventMalformed, error.to_string())
}

fn version_problem(state: &Value) -> Option<String> {
    let found = state.get("version").cloned().unwrap_or_default();
    (found != relay::VERSION).then(|| {
        format!(
            "expected the state of a run of version {}, found version {found}",
            relay::VERSION
        )
    })
}
