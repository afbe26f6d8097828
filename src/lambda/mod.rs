//! The Lambda function: what the state machine asks of it and what it answers. No decisions: these are the
//! run's ([`crate::run::relay`]) and the triggers' ([`crate::trigger`]).

mod answer;
mod metrics;
mod settings;
mod sweep;
mod tell;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;

use self::tell::Teller;
use crate::clock::Clock;
use crate::group::{Code, Failure};
use crate::notify::{self, Beginning};
use crate::run::relay::{self, Batch, Begun, Course, Errand, How, Restoring};
use crate::run::{self, Env, Pick, RunError};
use crate::trigger::{self, Asked, RunInput, RunRequest, TriggerError};

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
    teller: Teller,
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
    HandBack {
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
            region: region.unwrap_or_default(),
            teller: Teller::new(env.clone(), &settings, measured),
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
        let found = crate::report::shortened(&payload.to_string(), 300);
        let task = serde_json::from_value(payload).map_err(|e| FunctionError::Task {
            found,
            problem: e.to_string(),
        })?;
        let how = |hand_back, retries| How {
            hand_back,
            retried: retries > 0,
            stop_at: pass_by,
        };
        let answer = match task {
            Task::Begin(task) => Box::pin(self.begin(&task, by)).await,
            Task::Advance { state, retries } => {
                Box::pin(self.advance(state, how(false, retries), by)).await
            }
            Task::HandBack { state, retries } => {
                Box::pin(self.advance(state, how(true, retries), by)).await
            }
            Task::Gather { state, execution } => {
                let course = Box::pin(self.course(state, &execution, by)).await?;
                let course = relay::gather(course, self.env.clock.now());
                Ok(answer::of_course(&course))
            }
            Task::Report { state, execution } => {
                let course = Box::pin(self.course(state, &execution, by)).await?;
                Ok(Box::pin(self.report(course, by)).await)
            }
        };
        let ms = u64::try_from(stopwatch().as_millis()).unwrap_or(u64::MAX);
        self.teller
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
        let restore = |minutes, quiet| Errand::Restore {
            run_id: trigger::Cause::Hand.run_id(execution),
            owner: execution.to_owned(),
            give_up_at: self.env.clock.now() + TimeDelta::minutes(minutes),
            quiet,
        };
        match asked {
            Asked::Run(input) => self.begin_run(&input, task, by).await,
            Asked::Plan(input) => self.plan(&input, execution, task.retries).await,
            Asked::Restore { groups } => {
                let pick = Pick::named_or_due(groups);
                self.begin_restore(restore(RESTORE_MINUTES, false), &pick, by)
                    .await
            }
            Asked::Sweep => {
                self.look_around().await;
                self.begin_restore(restore(SWEEP_MINUTES, true), &Pick::Due, by)
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
                Some(pick) => {
                    self.begin_restore(restore(RESTORE_MINUTES, false), &pick, by)
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
                self.teller.measure(&[("RunsDuplicate", Unit::Count, 1)]);
                Ok(answer::duplicate(&claim))
            }
            Begun::Course(course) => {
                self.teller.measure(&[("RunsBegun", Unit::Count, 1)]);
                self.tell_beginning(&request, input, &course, by).await;
                Ok(answer::of_course(&course))
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
        course: &Course,
        by: DateTime<Utc>,
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
        let link = answer::link(&request.owner);
        let message = notify::begins(&beginning, link.as_deref());
        self.teller.tell(&message, by).await;
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
        errand: Errand,
        pick: &Pick,
        by: DateTime<Utc>,
    ) -> Result<Value, FunctionError> {
        let owner = errand.owner().to_owned();
        match relay::begin_restore(&self.env, errand, pick).await? {
            Restoring::Course(course) => Ok(answer::of_course(&course)),
            Restoring::Nothing(why) => Ok(answer::nothing_to_do(&why)),
            Restoring::Refused(failure) => Ok(self.refuse(&owner, &failure, by).await),
        }
    }

    async fn advance(
        &self,
        state: Value,
        how: How,
        by: DateTime<Utc>,
    ) -> Result<Value, FunctionError> {
        let batch = self.batch(state)?;
        let advanced = relay::advance(&self.env, batch, how).await?;
        let batch = advanced.batch;
        let link = answer::link(batch.errand.owner());
        for group in advanced.failed.iter().filter(|_| !batch.errand.is_quiet()) {
            let (run_id, kind) = (batch.errand.run_id(), batch.errand.report_kind());
            let message = notify::group_failed(run_id, &self.region, kind, group, link.as_deref());
            self.teller.tell(&message, by).await;
        }
        Ok(answer::of_batch(&batch, &self.env.clock))
    }

    /// What another version passed along is not understood by guessing: its groups go back from their
    /// records.
    fn batch(&self, state: Value) -> Result<Batch, FunctionError> {
        let part = |path: &str| state.pointer(path).cloned().unwrap_or_default();
        let text = |path: &str| part(path).as_str().unwrap_or("unknown").to_owned();
        let (groups, records) = (part("/groups"), part("/records"));
        let (run_id, owner) = (text("/errand/run_id"), text("/errand/owner"));
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
            quiet: false,
        };
        Ok(Batch {
            records: serde_json::from_value(records).unwrap_or_default(),
            warnings: vec![format!("{}: {problem}", Code::OtherVersion)],
            ..Batch::new(&errand, groups)
        })
    }

    /// As [`Function::batch`], of a run between two steps: what the execution still holds goes back.
    async fn course(
        &self,
        state: Value,
        execution: &str,
        by: DateTime<Utc>,
    ) -> Result<Course, FunctionError> {
        let problem = match version_problem(&state) {
            Some(problem) => problem,
            None => match serde_json::from_value(state) {
                Ok(course) => return Ok(course),
                Err(error) => error.to_string(),
            },
        };
        let failure = Failure::new(Code::OtherVersion, problem);
        tracing::error!(code = %failure.code, problem = failure.reason, "handing back from records");
        self.refuse(execution, &failure, by).await;
        let errand = Errand::Restore {
            run_id: trigger::Cause::Hand.run_id(execution),
            owner: execution.to_owned(),
            give_up_at: self.env.clock.now() + TimeDelta::minutes(RESTORE_MINUTES),
            quiet: false,
        };
        let pick = Pick::OwnedBy(execution.to_owned());
        let restoring = relay::begin_restore(&self.env, errand.clone(), &pick).await?;
        Ok(match restoring {
            Restoring::Course(course) => *course,
            Restoring::Nothing(_) | Restoring::Refused(_) => {
                Course::empty(errand, self.env.clock.now())
            }
        })
    }

    async fn report(&self, course: Course, by: DateTime<Utc>) -> Value {
        let link = answer::link(course.errand.owner());
        let (passes, quiet) = (course.passes, course.errand.is_quiet());
        let mut report = relay::report(&self.env, course);
        self.teller.measure_report(&report);
        let is_news = |g: &crate::report::GroupReport| g.code == Some(Code::Restored);
        if !quiet || report.groups.iter().any(is_news) {
            let message = notify::message(&report, link.as_deref());
            if !self.teller.tell(&message, by).await {
                report.warnings.push("the report was not sent".into());
            }
        }
        let summary = notify::message(&report, None).default;
        tracing::info!(
            run_id = report.run_id,
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
            Ok(around) => self.teller.measure(&[
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
        run_id: &str,
        execution: &str,
        failure: &Failure,
        by: DateTime<Utc>,
    ) -> Value {
        self.teller.measure(&[("RunsRefused", Unit::Count, 1)]);
        let link = answer::link(execution);
        let message = notify::refused(run_id, &self.region, failure, link.as_deref());
        self.teller.tell(&message, by).await;
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
