//! The Lambda function: what the state machine asks of it and what it answers. No decisions: these are the
//! run's ([`crate::run::relay`]) and the triggers' ([`crate::trigger`]).

mod answer;
mod metrics;
mod settings;
mod sweep;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;

use crate::aws::Clients;
use crate::group::{Code, Failure};
use crate::notify::{self, Beginning, Message};
use crate::report::{RunKind, RunReport};
use crate::run::relay::{self, Batch, Begun, Course, Errand, How};
use crate::run::{self, Env, Pick, RunError};
use crate::trigger::{self, Asked, RunInput, RunRequest};

pub use metrics::{Unit, line as metrics_line};
pub use settings::Settings;

/// The answer is given so long before the invocation's deadline at the latest.
const MARGIN_SECONDS: i64 = 20;
/// How long a restore that somebody asked for, or that follows an execution's death, goes on.
const RESTORE_MINUTES: i64 = 60;
/// A sweep ends before the next one but one begins.
const SWEEP_MINUTES: i64 = 14;
/// So often Step Functions asks again before a run that cannot be planned is refused; see the state
/// machine's `Begin`.
const BEGIN_RETRIES: u64 = 5;

/// The function, between its invocations.
pub struct Function {
    env: Env,
    settings: Settings,
    region: String,
    measured: Box<dyn Fn(&str) + Send + Sync>,
}

/// What the state machine asks for.
#[derive(Debug, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
enum Task {
    /// Begin with what the execution was started with.
    Begin {
        input: Value,
        execution: String,
        #[serde(default)]
        retries: u64,
    },
    /// Make a pass of a batch.
    Advance {
        state: Value,
        #[serde(default)]
        retries: u64,
    },
    /// As above, on the way back.
    HandBack {
        state: Value,
        #[serde(default)]
        retries: u64,
    },
    /// Go on to the next step.
    Gather { state: Value },
    /// End the run.
    Report { state: Value },
}

/// Why an invocation has no answer. Step Functions asks again, and hands back in the end.
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
            env,
            settings,
            region: region.unwrap_or_default(),
            measured: Box::new(measured),
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
        let stopwatch = crate::clock::Clock::stopwatch();
        let stop_at = self
            .env
            .clock
            .from_real(deadline - TimeDelta::seconds(MARGIN_SECONDS));
        if payload.get("action").is_none() {
            return self.answer_by_hand(&payload).await;
        }
        let found = crate::report::shortened(&payload.to_string(), 300);
        let task = serde_json::from_value(payload).map_err(|e| FunctionError::Task {
            found,
            problem: e.to_string(),
        })?;
        let answer = match task {
            Task::Begin {
                input,
                execution,
                retries,
            } => Box::pin(self.begin(&input, &execution, retries)).await,
            Task::Advance { state, retries } => {
                let how = How {
                    hand_back: false,
                    retried: retries > 0,
                    stop_at,
                };
                Box::pin(self.advance(state, how)).await
            }
            Task::HandBack { state, retries } => {
                let how = How {
                    hand_back: true,
                    retried: retries > 0,
                    stop_at,
                };
                Box::pin(self.advance(state, how)).await
            }
            Task::Gather { state } => {
                let course = relay::gather(course(state)?, self.env.clock.now());
                Ok(answer::of_course(&course))
            }
            Task::Report { state } => Box::pin(self.report(state)).await,
        };
        let ms = u64::try_from(stopwatch().as_millis()).unwrap_or(u64::MAX);
        self.measure(&[("PassMilliseconds", Unit::Milliseconds, ms)]);
        answer
    }

    /// Without the state machine there is nobody to go on with a run: only a plan can be had.
    async fn answer_by_hand(&self, event: &Value) -> Result<Value, FunctionError> {
        match trigger::read(event) {
            Ok(Asked::Plan(input)) => Ok(self.plan(&input, "lambda:by-hand").await),
            Ok(_) => {
                let reason = "expected {\"mode\":\"plan\"} where the function is invoked by itself; \
                    start an execution of the state machine with this input instead";
                Ok(answer::refused(&Failure::new(Code::EventMalformed, reason)))
            }
            Err(error) => {
                let failure = Failure::new(Code::EventMalformed, error.to_string());
                Ok(answer::refused(&failure))
            }
        }
    }

    async fn begin(
        &self,
        input: &Value,
        execution: &str,
        retries: u64,
    ) -> Result<Value, FunctionError> {
        let asked = match trigger::read(input) {
            Ok(asked) => asked,
            Err(error) => {
                let failure = Failure::new(Code::EventMalformed, error.to_string());
                return Ok(self.refuse(execution, &failure).await);
            }
        };
        match asked {
            Asked::Run(input) => self.begin_run(&input, execution, retries).await,
            Asked::Plan(input) => Ok(self.plan(&input, execution).await),
            Asked::Restore { groups } => {
                let pick = Pick::named_or_due(groups);
                self.begin_restore(execution, &pick, RESTORE_MINUTES).await
            }
            Asked::Sweep => {
                self.look_around().await;
                self.begin_restore(execution, &Pick::Due, SWEEP_MINUTES)
                    .await
            }
            Asked::Dead {
                execution: dead,
                status,
                input,
            } => match sweep::left_by(dead, &status, input.as_deref()) {
                Some(pick) => self.begin_restore(execution, &pick, RESTORE_MINUTES).await,
                None => Ok(answer::nothing_to_do(
                    "what ended had no groups of its own; sweeps go on with open records",
                )),
            },
        }
    }

    async fn begin_run(
        &self,
        input: &RunInput,
        execution: &str,
        retries: u64,
    ) -> Result<Value, FunctionError> {
        let now = self.env.clock.now();
        let request = match input.request(&self.settings.defaults, execution, now) {
            Ok(request) => request,
            Err(error) => {
                let failure = Failure::new(Code::EventMalformed, error.to_string());
                return Ok(self.refuse(execution, &failure).await);
            }
        };
        let begun = match relay::begin_run(&self.env, &request).await {
            // There will be no other attempt: say so, rather than end without a word.
            Err(error) if retries >= BEGIN_RETRIES => Begun::Refused(relay::not_planned(&error)),
            begun => begun?,
        };
        match begun {
            Begun::Refused(failure) => {
                self.measure(&[("RunsRefused", Unit::Count, 1)]);
                let link = answer::link(execution);
                let message =
                    notify::refused(&request.run_id, &self.region, &failure, link.as_deref());
                self.tell(&message).await;
                Ok(answer::refused(&failure))
            }
            Begun::Duplicate(claim) => {
                self.measure(&[("RunsDuplicate", Unit::Count, 1)]);
                Ok(answer::duplicate(&claim))
            }
            Begun::Course(course) => {
                self.measure(&[("RunsBegun", Unit::Count, 1)]);
                self.tell_beginning(&request, input, &course, execution)
                    .await;
                Ok(answer::of_course(&course))
            }
        }
    }

    async fn tell_beginning(
        &self,
        request: &RunRequest,
        input: &RunInput,
        course: &Course,
        execution: &str,
    ) {
        let groups: Vec<&str> = course.groups().collect();
        // Of a run that has nothing to do, its report tells.
        if groups.is_empty() {
            return;
        }
        let beginning = Beginning {
            request,
            region: &self.region,
            groups,
            refused: course.reports.0.iter().collect(),
            reason: input.reason.as_deref(),
        };
        let link = answer::link(execution);
        self.tell(&notify::begins(&beginning, link.as_deref()))
            .await;
    }

    async fn plan(&self, input: &RunInput, execution: &str) -> Value {
        let now = self.env.clock.now();
        let failed = |code, reason: String| answer::refused(&Failure::new(code, reason));
        let request = match input.request(&self.settings.defaults, execution, now) {
            Ok(request) => request,
            Err(error) => return failed(Code::EventMalformed, error.to_string()),
        };
        match run::plan(&self.env, &request).await {
            Ok(plan) => answer::planned(&plan),
            Err(RunError::Request(reason)) => failed(Code::NotOptedIn, reason),
            Err(error) => answer::refused(&relay::not_planned(&error)),
        }
    }

    async fn begin_restore(
        &self,
        execution: &str,
        pick: &Pick,
        minutes: i64,
    ) -> Result<Value, FunctionError> {
        let give_up_at = self.env.clock.now() + TimeDelta::minutes(minutes);
        let run_id = trigger::Cause::Hand.run_id(execution);
        match relay::begin_restore(&self.env, &run_id, execution, pick, give_up_at).await {
            Ok(Some(course)) => Ok(answer::of_course(&course)),
            Ok(None) => Ok(answer::nothing_to_do("no open record is to be handed back")),
            Err(RunError::Request(reason)) => Ok(answer::nothing_to_do(&reason)),
            Err(error) => Err(error.into()),
        }
    }

    async fn advance(&self, state: Value, how: How) -> Result<Value, FunctionError> {
        let batch = self.batch(state)?;
        let advanced = relay::advance(&self.env, batch, how).await?;
        let batch = advanced.batch;
        let link = answer::link(batch.errand.owner());
        for group in &advanced.failed {
            let (run_id, kind) = (batch.errand.run_id(), batch.errand.report_kind());
            let message = notify::group_failed(run_id, &self.region, kind, group, link.as_deref());
            self.tell(&message).await;
        }
        Ok(answer::of_batch(&batch, &self.env.clock))
    }

    /// What another version passed along is not understood by guessing: its groups go back from their
    /// records.
    fn batch(&self, state: Value) -> Result<Batch, FunctionError> {
        let groups = state.get("groups").cloned().unwrap_or_default();
        let text = |path: &str| state.pointer(path).and_then(Value::as_str);
        let run_id = text("/errand/run_id").unwrap_or("unknown").to_owned();
        let owner = text("/errand/owner").unwrap_or("unknown").to_owned();
        let problem = match version_problem(&state) {
            Some(problem) => problem,
            None => match serde_json::from_value(state) {
                Ok(batch) => return Ok(batch),
                Err(error) => error.to_string(),
            },
        };
        let groups: Vec<String> =
            serde_json::from_value(groups).map_err(|e| FunctionError::State {
                problem: format!("{problem}; groups: {e}"),
            })?;
        tracing::error!(code = %Code::OtherVersion, problem, "handing back from records");
        let errand = Errand::Restore {
            run_id,
            owner,
            give_up_at: self.env.clock.now() + TimeDelta::minutes(RESTORE_MINUTES),
        };
        Ok(Batch::new(errand, groups, 1))
    }

    async fn report(&self, state: Value) -> Result<Value, FunctionError> {
        let course = course(state)?;
        let passes = course.passes;
        let link = answer::link(course.errand.owner());
        let report = relay::report(&self.env, course);
        self.measure_report(&report);
        let message = notify::message(&report, link.as_deref());
        self.tell(&message).await;
        tracing::info!(
            run_id = report.run_id,
            passes,
            api_calls = report.api_calls.values().sum::<u64>(),
            "{}",
            message.default
        );
        Ok(answer::ended(&report, &message))
    }

    fn measure_report(&self, report: &RunReport) {
        use crate::group::Outcome;
        let seconds = (report.finished_at - report.started_at).num_seconds();
        let count = |outcome| report.count(outcome) as u64;
        let instance_seconds = report.groups.iter().map(|g| g.instance_seconds).sum();
        let ended = match report.kind {
            RunKind::Run | RunKind::Rehearse => 1,
            RunKind::Restore => 0,
        };
        self.measure(&[
            ("RunsEnded", Unit::Count, ended),
            ("GroupsPatched", Unit::Count, count(Outcome::Patched)),
            (
                "GroupsAlreadyCurrent",
                Unit::Count,
                count(Outcome::AlreadyCurrent),
            ),
            ("GroupsSkipped", Unit::Count, count(Outcome::Skipped)),
            ("GroupsRolledBack", Unit::Count, count(Outcome::RolledBack)),
            ("GroupsFailed", Unit::Count, count(Outcome::Failed)),
            (
                "GroupsLeftOpen",
                Unit::Count,
                report.left_open().count() as u64,
            ),
            ("RunSeconds", Unit::Seconds, seconds.unsigned_abs()),
            ("InstanceSeconds", Unit::Seconds, instance_seconds),
            ("ApiCalls", Unit::Count, report.api_calls.values().sum()),
        ]);
    }

    /// What only a sweep sees: records past their deadline, windows that went by without a run.
    async fn look_around(&self) {
        match sweep::look_around(&self.env, &self.settings).await {
            Ok(around) => self.measure(&[
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
    async fn refuse(&self, execution: &str, failure: &Failure) -> Value {
        self.measure(&[("RunsRefused", Unit::Count, 1)]);
        let link = answer::link(execution);
        let run_id = trigger::Cause::Hand.run_id(execution);
        let message = notify::refused(&run_id, &self.region, failure, link.as_deref());
        self.tell(&message).await;
        answer::refused(failure)
    }

    async fn tell(&self, message: &Message) {
        let clients = Clients::new(&self.env.sdk, self.env.clock.clone());
        let (topic, chat) = (
            &self.settings.defaults.topic_arn,
            &self.settings.chat_topic_arn,
        );
        if let Some(topic) = topic
            && let Err(fault) = run::send(&clients, topic, message).await
        {
            tracing::error!(topic, "not sent: {}", fault.to_failure().reason);
        }
        if let Some(topic) = chat
            && let Err(fault) = run::send_to_chat(&clients, topic, message).await
        {
            tracing::error!(topic, "not sent: {}", fault.to_failure().reason);
        }
    }

    fn measure(&self, metrics: &[(&str, Unit, u64)]) {
        let now = self.env.clock.now();
        (self.measured)(&metrics_line(&self.settings.stack, now, metrics));
    }
}

fn course(state: Value) -> Result<Course, FunctionError> {
    if let Some(problem) = version_problem(&state) {
        return Err(FunctionError::State { problem });
    }
    serde_json::from_value(state).map_err(|e| FunctionError::State {
        problem: e.to_string(),
    })
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
