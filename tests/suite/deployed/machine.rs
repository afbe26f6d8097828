//! Step Functions, as far as the state machine uses it: reads `infra/state-machine.asl.json` and calls the
//! function. What it does not know makes the test fail rather than be passed over.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::Path;

use asg_patch::aws::Aws;
use asg_patch::clock::Clock;
use asg_patch::lambda::Function;
use asg_patch::signature::{FIELD, Purpose};
use asg_patch::sim::Account;
use asg_patch::sim::world::executions::{Execution as Shown, WaitingTask};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::LocalBoxFuture;
use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};

use super::bucket::{self, Bucket};
use super::language::{at, catcher, is_chosen, is_for, known, put, text, whole_numbers};

/// Step Functions: "Service quotas", input or output of a state.
pub(super) const PAYLOAD_LIMIT_BYTES: usize = 256 * 1024;
/// The state machine of the stack.
pub(crate) const STATE_MACHINE: &str =
    "arn:aws:states:eu-west-1:123456789012:stateMachine:AsgPatch";
/// The HMAC key of the simulated account.
pub(crate) const MAC_KEY: &str = "alias/asg-patch";
/// The token of a task that waits.
const TASK_TOKEN: &str = "$$.Task.Token";
/// The function's own time limit in the template.
const FUNCTION_SECONDS: i64 = 300;

/// How an execution ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum End {
    Succeeded(Value),
    Failed { error: String, cause: String },
}

/// The costs of an execution.
#[derive(Clone, Debug, Default)]
pub(crate) struct Costs {
    /// State transitions, which are paid for; of all executions.
    pub(crate) transitions: u64,
    /// Calls of the function, retries counted.
    pub(crate) invocations: u64,
    /// History events of the execution that had most.
    pub(crate) most_events: u64,
    /// The largest state that was passed along.
    pub(crate) most_bytes: usize,
    /// The same for each state of the state machine, by its name.
    pub(crate) bytes: BTreeMap<String, usize>,
    /// Times at which invocations ended, and what they were for.
    pub(crate) seconds: BTreeMap<String, (u64, f64)>,
}

/// A state machine with its function.
pub(crate) struct Machine<'a> {
    definition: Value,
    /// Makes an execution environment.
    new_environment: &'a dyn Fn() -> Function,
    /// Environments without an invocation: like Lambda's, each works on one at a time and is kept for the next.
    idle: RefCell<Vec<Function>>,
    pub(crate) clock: Clock,
    account: Account,
    pub(crate) execution: String,
    pub(crate) costs: RefCell<Costs>,
    /// The invocations to be lost, by number: their effects may have taken place.
    pub(crate) lost: Box<Losses<'a>>,
    /// The bucket of reports.
    pub(crate) bucket: Bucket,
    invocation: Cell<u64>,
    stopped: Cell<bool>,
    last_state: RefCell<Value>,
}

/// How an invocation is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// It never began.
    Before,
    /// It was killed after this many milliseconds.
    After(u64),
    /// It did all of its work, and its answer was lost.
    Answer,
    /// It is another version of the program, and understands nothing of what was passed along.
    Version,
}

/// Whether, and how, an invocation is lost, by its number and action.
type Losses<'a> = dyn Fn(u64, &str) -> Option<Loss> + 'a;

struct Execution<'m> {
    machine: &'m Machine<'m>,
    states: &'m Value,
    input: Value,
    events: u64,
}

pub(super) type StateResult = Result<Value, (String, String)>;

impl<'a> Machine<'a> {
    pub(crate) fn new(
        new_environment: &'a dyn Fn() -> Function,
        account: &Account,
        name: &str,
    ) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("infra/state-machine.asl.json");
        let text = std::fs::read_to_string(path).expect("the definition");
        Self {
            definition: serde_json::from_str(&text).expect("JSON"),
            new_environment,
            idle: RefCell::default(),
            clock: account.clock().clone(),
            account: account.clone(),
            execution: format!("arn:aws:states:eu-west-1:123456789012:execution:AsgPatch:{name}"),
            costs: RefCell::default(),
            lost: Box::new(|_, _| None),
            bucket: Bucket::default(),
            invocation: Cell::new(0),
            stopped: Cell::new(false),
            last_state: RefCell::default(),
        }
    }

    /// Stops all that it executes: no state is entered any more, but an invocation that is under way goes on
    /// to its end.
    pub(crate) fn stop(&self) {
        self.stopped.set(true);
        self.show("ABORTED", None);
    }

    /// Runs an execution to its end.
    pub(crate) async fn execute(&self, input: Value) -> End {
        self.show("RUNNING", Some(&input));
        let end = self.run(&self.definition, input).await;
        match end {
            End::Succeeded(_) => self.show("SUCCEEDED", None),
            End::Failed { .. } => self.show("FAILED", None),
        }
        end
    }

    /// The batch that the last pass answered.
    pub(crate) fn last_state(&self) -> Value {
        self.last_state.borrow().clone()
    }

    /// Has Step Functions show the execution in this state.
    fn show(&self, status: &str, input: Option<&Value>) {
        let now = self.account.now();
        self.account.with_world(|world| {
            let shown = world
                .executions
                .entry(self.execution.clone())
                .or_insert_with(|| Shown {
                    state_machine: STATE_MACHINE.into(),
                    status: String::new(),
                    input: input.map(Value::to_string).unwrap_or_default(),
                    started_at: now,
                    stopped_at: None,
                });
            shown.status = status.into();
            shown.stopped_at = (status != "RUNNING").then_some(now);
        });
    }

    fn run<'m>(&'m self, definition: &'m Value, input: Value) -> LocalBoxFuture<'m, End> {
        let mut execution = Execution {
            machine: self,
            states: &definition["States"],
            input: input.clone(),
            events: 1,
        };
        Box::pin(async move {
            let mut name = text(&definition["StartAt"]).to_owned();
            let mut state = input;
            loop {
                self.costs.borrow_mut().transitions += 1;
                match execution.step(&name, state).await {
                    Step::Go(next, output) => (name, state) = (next, output),
                    Step::End(end) => {
                        let mut costs = self.costs.borrow_mut();
                        costs.most_events = costs.most_events.max(execution.events + 1);
                        return end;
                    }
                }
            }
        })
    }
}

enum Step {
    Go(String, Value),
    End(End),
}

impl Execution<'_> {
    async fn step(&mut self, name: &str, input: Value) -> Step {
        let state = self
            .states
            .get(name)
            .unwrap_or_else(|| panic!("no state {name}"));
        let bytes = input.to_string().len();
        {
            let mut costs = self.machine.costs.borrow_mut();
            costs.most_bytes = costs.most_bytes.max(bytes);
            let most = costs.bytes.entry(name.to_owned()).or_default();
            *most = bytes.max(*most);
        }
        assert!(
            bytes <= PAYLOAD_LIMIT_BYTES,
            "States.DataLimitExceeded at {name}: {bytes}"
        );
        if self.machine.stopped.get() {
            std::future::pending::<()>().await;
        }
        whole_numbers(&input);
        self.events += 2;
        let next = || text(&state["Next"]).to_owned();
        match text(&state["Type"]) {
            "Succeed" => {
                known(state, name, &["OutputPath"]);
                Step::End(End::Succeeded(
                    at(&input, text(&state["OutputPath"])).clone(),
                ))
            }
            "Fail" => {
                known(state, name, &["Error", "CausePath"]);
                Step::End(End::Failed {
                    error: text(&state["Error"]).to_owned(),
                    cause: text(at(&input, text(&state["CausePath"]))).to_owned(),
                })
            }
            "Choice" => {
                known(state, name, &["Choices", "Default"]);
                let choices = state["Choices"].as_array().expect("choices");
                let chosen = choices.iter().find(|c| is_chosen(c, &input));
                let next = chosen.map_or(&state["Default"], |c| &c["Next"]);
                Step::Go(text(next).to_owned(), input)
            }
            "Pass" => {
                known(state, name, &["InputPath"]);
                Step::Go(next(), at(&input, text(&state["InputPath"])).clone())
            }
            "Wait" => {
                known(state, name, &["Seconds", "TimestampPath"]);
                self.wait(state, &input).await;
                Step::Go(next(), input)
            }
            "Task" => {
                let fields = [
                    "Resource",
                    "Parameters",
                    "OutputPath",
                    "ResultPath",
                    "TimeoutSeconds",
                    "TimeoutSecondsPath",
                    "Retry",
                    "Catch",
                ];
                known(state, name, &fields);
                let result = self.task(state, &input).await;
                self.caught(state, input, result)
            }
            "Map" => {
                let fields = [
                    "Label",
                    "ItemsPath",
                    "MaxConcurrencyPath",
                    "ToleratedFailurePercentage",
                    "ItemProcessor",
                    "ResultPath",
                    "Catch",
                ];
                known(state, name, &fields);
                let results = self.map(state, &input).await;
                let output = put(input, text(&state["ResultPath"]), results);
                Step::Go(next(), output)
            }
            other => panic!("{name}: this machine does not know {other}"),
        }
    }

    fn caught(&self, state: &Value, input: Value, result: StateResult) -> Step {
        match result {
            Ok(result) => {
                // Without the one, or with null for the other, as the language has it.
                let output = match (state.get("OutputPath"), state.get("ResultPath")) {
                    (Some(path), None) => at(&result, text(path)).clone(),
                    (None, Some(Value::Null)) => input,
                    paths => panic!("this machine does not know {paths:?}"),
                };
                Step::Go(text(&state["Next"]).to_owned(), output)
            }
            Err((error, cause)) => match catcher(state, &error) {
                Some(catch) => {
                    let info = json!({"Error": error, "Cause": cause});
                    let output = put(input, text(&catch["ResultPath"]), info);
                    Step::Go(text(&catch["Next"]).to_owned(), output)
                }
                None => Step::End(End::Failed { error, cause }),
            },
        }
    }

    async fn wait(&self, state: &Value, input: &Value) {
        let clock = &self.machine.clock;
        match state.get("Seconds") {
            Some(seconds) => {
                let seconds = seconds.as_u64().expect("seconds");
                clock.wait(std::time::Duration::from_secs(seconds)).await;
            }
            None => {
                let until = text(at(input, text(&state["TimestampPath"])));
                let until: DateTime<Utc> = until.parse().expect("RFC 3339");
                clock.wait_until(clock.from_real(until)).await;
            }
        }
    }

    /// Asks again as `Retry` says: each of its entries counts its own attempts.
    async fn task(&mut self, state: &Value, input: &Value) -> StateResult {
        let entries = state["Retry"].as_array().expect("every task has its Retry");
        let mut attempts = vec![0_u64; entries.len()];
        loop {
            let retries = attempts.iter().sum();
            self.events += 3;
            let result = self.called(state, input, retries).await;
            let Err((error, _)) = &result else {
                return result;
            };
            if self.machine.stopped.get() {
                std::future::pending::<()>().await;
            }
            let index = entries
                .iter()
                .position(|e| is_for(e, error))
                .expect("the last is for all");
            let number = |name: &str| entries[index][name].as_f64();
            if attempts[index] >= number("MaxAttempts").expect("a number") as u64 {
                return result;
            }
            self.machine.costs.borrow_mut().transitions += 1;
            let backoff = number("BackoffRate").expect("a number");
            let pause = number("IntervalSeconds").expect("a number")
                * backoff.powi(i32::try_from(attempts[index]).expect("few"));
            let pause = pause.min(number("MaxDelaySeconds").unwrap_or(f64::MAX));
            let pause = std::time::Duration::from_secs_f64(pause);
            self.machine.clock.wait(pause).await;
            attempts[index] += 1;
        }
    }

    async fn called(&self, state: &Value, input: &Value, retries: u64) -> StateResult {
        let parameters = &state["Parameters"];
        match text(&state["Resource"]) {
            "arn:aws:states:::lambda:invoke" => {
                let payload = self.filled(&parameters["Payload"], input, retries);
                let answer = self.machine.call(payload).await;
                answer.map(|payload| json!({"Payload": payload}))
            }
            "arn:aws:states:::lambda:invoke.waitForTaskToken" => {
                self.until_woken(state, input, retries).await
            }
            bucket::PUT_OBJECT => {
                let put = self.filled(parameters, input, retries);
                self.machine.bucket.put(&put)
            }
            other => panic!("this machine does not know {other}"),
        }
    }

    /// Gives a token away, and goes on once it comes back.
    async fn until_woken(&self, state: &Value, input: &Value, retries: u64) -> StateResult {
        let machine = self.machine;
        let token = format!("{}#{}", machine.execution, machine.invocation.get());
        machine
            .account
            .with_world(|w| w.waiting_tasks.insert(token.clone(), WaitingTask::Waits));
        let seconds = at(input, text(&state["TimeoutSecondsPath"]));
        let seconds = seconds.as_i64().filter(|s| *s > 0).expect("seconds");
        let until = machine.clock.now() + TimeDelta::seconds(seconds);
        let mut payload = self.filled(&state["Parameters"]["Payload"], input, retries);
        for value in payload.as_object_mut().expect("a payload").values_mut() {
            if value == TASK_TOKEN {
                *value = json!(token);
            }
        }
        machine.call(payload).await?;
        loop {
            let task = machine.account.with_world(|w| w.waiting_tasks[&token]);
            if task == WaitingTask::Done {
                return Ok(json!({}));
            }
            if machine.clock.now() >= until {
                machine
                    .account
                    .with_world(|w| w.waiting_tasks.insert(token, WaitingTask::TimedOut));
                return Err(("States.Timeout".into(), String::new()));
            }
            machine.clock.wait(std::time::Duration::from_secs(1)).await;
        }
    }

    fn filled(&self, template: &Value, input: &Value, retries: u64) -> Value {
        let fields = template.as_object().expect("a payload").iter();
        let filled = fields.map(|(key, value)| match key.strip_suffix(".$") {
            None => (key.clone(), value.clone()),
            Some(key) => {
                let value = match text(value) {
                    "$$.Execution.Input" => self.input.clone(),
                    "$$.Execution.Id" => json!(self.machine.execution),
                    "$$.State.RetryCount" => json!(retries),
                    TASK_TOKEN => json!(TASK_TOKEN),
                    path => at(input, path).clone(),
                };
                (key.to_owned(), value)
            }
        });
        Value::Object(filled.collect())
    }

    async fn map(&mut self, state: &Value, input: &Value) -> Value {
        let items = at(input, text(&state["ItemsPath"]))
            .as_array()
            .expect("items")
            .clone();
        let at_once = at(input, text(&state["MaxConcurrencyPath"]))
            .as_u64()
            .expect("a number");
        let machine = self.machine;
        let processor = &state["ItemProcessor"];
        let ends: Vec<End> = stream::iter(items)
            .map(|item| machine.run(processor, item))
            .buffered(usize::try_from(at_once).expect("small"))
            .collect()
            .await;
        // A child that failed brings nothing.
        let outputs = ends.into_iter().map(|end| match end {
            End::Succeeded(output) => output,
            End::Failed { .. } => Value::Null,
        });
        Value::Array(outputs.collect())
    }
}

impl Machine<'_> {
    /// Signs a state as a function with the same key would have.
    async fn sign(&self, action: &str, state: &mut Value) {
        let sdk = asg_patch::sim::sdk::sdk_config(&self.account, "signing");
        let aws = Aws::new(self.clock.clone(), sdk).signing_by(Some(MAC_KEY));
        let key = aws.clients.signing_key().await.expect("KMS answers");
        let mut signed = state.clone();
        let fields = signed.as_object_mut().expect("a state");
        fields.remove("error");
        let place = match action {
            "advance" | "restore" => "batch",
            _ => {
                if let Some(step) = fields.get_mut("step").and_then(Value::as_object_mut) {
                    step.remove("results");
                }
                "run"
            }
        };
        let signature = key.expect("a key").sign(Purpose::State, place, &signed);
        state[FIELD] = signature.into();
    }

    async fn call(&self, mut payload: Value) -> StateResult {
        let number = self.invocation.get();
        self.invocation.set(number + 1);
        let action = payload["action"].as_str().unwrap_or_default().to_owned();
        let began = self.clock.now();
        let deadline = self
            .clock
            .to_real(began + TimeDelta::seconds(FUNCTION_SECONDS));
        let error = |e: &str| Err((e.to_owned(), format!("invocation {number}")));
        let loss = (self.lost)(number, &action);
        if let (Some(Loss::Version), Some(state)) = (loss, payload.get_mut("state")) {
            state["version"] = json!(0);
            self.sign(&action, state).await;
        }
        let idle = self.idle.borrow_mut().pop();
        let function = idle.unwrap_or_else(self.new_environment);
        let result = {
            let answer = function.answer(payload, deadline);
            match loss {
                Some(Loss::Before) => error("Lambda.TooManyRequestsException"),
                Some(Loss::After(ms)) => {
                    tokio::select! {
                        biased;
                        answer = answer => answer.map_err(|e| (e.kind().to_owned(), e.to_string())),
                        () = self.clock.wait(std::time::Duration::from_millis(ms)) => error("Sandbox.Timedout"),
                    }
                }
                Some(Loss::Answer) => {
                    let _ = answer.await;
                    error("Lambda.SdkClientException")
                }
                Some(Loss::Version) | None => answer
                    .await
                    .map_err(|e| (e.kind().to_owned(), e.to_string())),
            }
        };
        // An environment whose invocation was killed is gone.
        if !matches!(loss, Some(Loss::After(_))) {
            self.idle.borrow_mut().push(function);
        }
        if let ("advance", Ok(state)) = (action.as_str(), &result) {
            self.last_state.replace(state.clone());
        }
        let seconds = (self.clock.now() - began).as_seconds_f64();
        let mut costs = self.costs.borrow_mut();
        costs.invocations += 1;
        let entry = costs.seconds.entry(action).or_default();
        *entry = (entry.0 + 1, entry.1 + seconds);
        result
    }
}
