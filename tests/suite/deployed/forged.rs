//! Records, claims and tasks that do not come from the program are left alone, and raise the alarm.

use std::sync::{Arc, Mutex};

use asg_patch::lambda::Function;
use asg_patch::sim::Account;
use asg_patch::sim::world::World;
use asg_patch::sim::world::parameters::Put;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::machine::{End, Machine};
use super::measuring;
use crate::common::{self, Scenario, in_virtual_time};

const RECORD: &str = "/asg-patch/records/web-nightly";

/// A stack over the simulated account, and the lines of metrics that it writes.
struct Stack {
    scenario: Scenario,
    account: Account,
    lines: Arc<Mutex<Vec<Value>>>,
}

impl Stack {
    fn new() -> Self {
        let scenario = Scenario::load("sleeping-latest");
        Self {
            account: scenario.fleet.account(1),
            scenario,
            lines: Arc::default(),
        }
    }

    fn function(&self) -> Function {
        let lines = Arc::clone(&self.lines);
        measuring(&self.scenario, &self.account, move |line| {
            let line = serde_json::from_str(line).expect("JSON");
            lines.lock().expect("lines").push(line);
        })
    }

    async fn execute(&self, name: &str, input: Value) -> End {
        let function = || self.function();
        Machine::new(&function, &self.account, name)
            .execute(input)
            .await
    }

    /// The answer of a function that is invoked by itself.
    async fn invoke(&self, payload: Value) -> Result<Value, String> {
        let deadline = self.account.clock().now() + TimeDelta::minutes(5);
        let answer = self.function().answer(payload, deadline).await;
        answer.map_err(|e| format!("{}: {e}", e.kind()))
    }

    /// How often something that is not ours was counted since the last time.
    fn not_ours(&self) -> u64 {
        let lines = std::mem::take(&mut *self.lines.lock().expect("lines"));
        lines.iter().filter_map(|l| l["NotOurs"].as_u64()).sum()
    }

    fn put(&self, name: &str, value: &str) {
        let put = Put {
            name: name.into(),
            value: value.into(),
            kind: Some("String".into()),
            overwrite: true,
            ..Put::default()
        };
        self.account.with_world(|w| {
            let now = w.now;
            w.ssm.parameters.put(put, now).expect("a parameter")
        });
    }

    fn value(&self, name: &str) -> Option<String> {
        self.account.with_world(|w: &mut World| {
            let parameter = w.ssm.parameters.by_name.get(name)?;
            Some(parameter.value.clone())
        })
    }

    /// The changes to groups, templates, instances and images so far.
    fn changes(&self) -> usize {
        let calls = self.account.calls();
        let changes = calls.changes();
        changes.filter(|c| !c.name.starts_with("ssm:")).count()
    }

    /// The record that a run has just stored, with its execution stopped there.
    async fn stored_record(&self, name: &str) -> String {
        let function = || self.function();
        let machine = Machine::new(&function, &self.account, name);
        let stored = async {
            while self.value(RECORD).is_none() {
                self.wait(TimeDelta::seconds(1)).await;
            }
            machine.stop();
        };
        tokio::select! {
            biased;
            end = machine.execute(json!({})) => panic!("{end:?}"),
            () = stored => {}
        }
        self.value(RECORD).expect("a record")
    }

    async fn wait(&self, time: TimeDelta) {
        let clock = self.account.clock();
        clock.wait_until(clock.now() + time).await;
    }
}

fn summary(end: &End) -> String {
    match end {
        End::Succeeded(output) => output["status"].as_str().unwrap_or_default().to_owned(),
        End::Failed { error, cause } => format!("{error}: {cause}"),
    }
}

/// A record that says other sizes, processes and an earlier deadline, written by hand or changed in one value.
#[test]
fn a_forged_record_is_left_alone_by_every_driver() {
    in_virtual_time(7, async {
        let stack = Stack::new();
        let genuine = stack.stored_record("nightly").await;
        let mut forged: Value = serde_json::from_str(&genuine).expect("JSON");
        forged["deadline"] = json!("2020-01-01T00:00:00Z");
        forged["capacity"] = json!({"min": 3, "max": 9, "desired": 3});
        let changed = forged.to_string();
        forged
            .as_object_mut()
            .expect("a record")
            .remove("signature");
        for text in [changed, forged.to_string()] {
            stack.put(RECORD, &text);
            let before = stack.changes();
            stack.not_ours();
            let swept = stack.execute("sweep", json!({"mode": "sweep"})).await;
            assert_eq!(summary(&swept), "NothingToDo");
            assert_eq!(stack.not_ours(), 1);
            let named = json!({"mode": "restore", "groups": ["web-nightly"]});
            let restored = summary(&stack.execute("by-hand", named).await);
            assert!(restored.contains("AP-0605"), "{restored}");
            let run = summary(&stack.execute("again", json!({})).await);
            assert!(run.starts_with("LeftOpen") || run == "Done", "{run}");
            assert_eq!(stack.changes(), before, "something was changed");
            assert_eq!(stack.value(RECORD).as_deref(), Some(text.as_str()));
        }
        // The genuine one is restored, long before its deadline: its execution has ended.
        stack.put(RECORD, &genuine);
        stack.wait(TimeDelta::minutes(6)).await;
        let swept = stack.execute("sweep-2", json!({"mode": "sweep"})).await;
        assert_eq!(summary(&swept), "Done");
        assert_eq!(stack.value(RECORD), None);
    });
}

/// Each night's record looks alike: one of an earlier night would bring back that night's sizes.
#[test]
fn a_genuine_record_that_was_put_back_is_left_alone() {
    in_virtual_time(7, async {
        let stack = Stack::new();
        let genuine = stack.stored_record("nightly").await;
        stack.wait(TimeDelta::minutes(6)).await;
        stack.execute("sweep", json!({"mode": "sweep"})).await;
        assert_eq!(stack.value(RECORD), None);
        stack.wait(TimeDelta::days(3)).await;
        stack.put(RECORD, &genuine);
        let before = stack.changes();
        stack.not_ours();
        let swept = stack.execute("sweep-2", json!({"mode": "sweep"})).await;
        assert_eq!(summary(&swept), "NothingToDo");
        assert_eq!((stack.not_ours(), stack.changes()), (1, before));
        assert_eq!(stack.value(RECORD), Some(genuine));
    });
}

fn scheduled(at: DateTime<Utc>) -> Value {
    json!({"trigger": "schedule", "schedule": "arn:x", "scheduled_time": at.to_rfc3339()})
}

/// A claim is found by nobody without the key; one that is overwritten refuses the run, and loudly.
#[test]
fn a_forged_claim_takes_no_run() {
    in_virtual_time(7, async {
        let stack = Stack::new();
        let now = stack.account.now();
        let run_id = asg_patch::trigger::Cause::Schedule {
            schedule: "arn:x".into(),
            at: now,
        }
        .run_id("");
        let plain = format!("/asg-patch/runs/{run_id}");
        let claim = json!({"run_id": run_id, "owner": "arn:mine", "at": now}).to_string();
        stack.put(&plain, &claim);
        assert_eq!(
            summary(&stack.execute("first", scheduled(now)).await),
            "Done"
        );
        stack.not_ours();
        stack.execute("sweep", json!({"mode": "sweep"})).await;
        assert_eq!(stack.not_ours(), 1, "the claim that nobody needs");
        let claims = stack.account.with_world(|w| {
            let names = w.ssm.parameters.by_name.keys();
            let claims = names.filter(|n| n.starts_with(&format!("{plain}-")));
            claims.cloned().collect::<Vec<String>>()
        });
        let [genuine] = claims.as_slice() else {
            panic!("{claims:?}");
        };
        assert_eq!(
            summary(&stack.execute("second", scheduled(now)).await),
            "Duplicate"
        );
        stack.put(genuine, &claim);
        let refused = summary(&stack.execute("third", scheduled(now)).await);
        assert!(refused.starts_with("Refused: AP-0605"), "{refused}");
    });
}

/// To invoke the function is not to have its role: it goes on only with what it wrote itself.
#[test]
fn a_task_that_no_execution_set_is_refused() {
    in_virtual_time(7, async {
        let stack = Stack::new();
        let execution = "arn:aws:states:eu-west-1:123456789012:execution:AsgPatch:mine";
        let begin = json!({"action": "begin", "input": {}, "execution": execution, "retries": 1});
        let refused = stack.invoke(begin.clone()).await.expect_err("refused");
        assert!(
            refused.starts_with("AsgPatch.Execution: AP-0605"),
            "{refused}"
        );
        // Of an execution that runs, with another input.
        let function = || stack.function();
        let machine = Machine::new(&function, &stack.account, "mine");
        let seen = Arc::new(Mutex::new(None));
        let spy = Arc::clone(&seen);
        let meddle = async {
            stack.wait(TimeDelta::seconds(90)).await;
            let mut other = begin;
            other["input"] = json!({"groups": ["web-nightly"]});
            let refused = stack.invoke(other).await.expect_err("refused");
            assert!(refused.contains("with another input"), "{refused}");
            let state = machine.last_state();
            *spy.lock().expect("state") = Some(state);
            machine.stop();
        };
        tokio::select! {
            biased;
            end = machine.execute(json!({})) => panic!("{end:?}"),
            () = meddle => {}
        }
        let genuine = seen.lock().expect("state").take().expect("a state");
        stack.not_ours();
        let before = stack.changes();
        for (field, value) in [
            ("groups", json!(["someone-elses"])),
            (
                "limits",
                json!({"concurrent_batches": 1.0, "result_bytes": 1}),
            ),
            ("version", json!(1)),
            ("signature", Value::Null),
        ] {
            for action in ["advance", "restore", "gather", "report"] {
                let mut state = genuine.clone();
                state[field] = value.clone();
                let task = json!({"action": action, "state": state, "execution": execution});
                let refused = stack.invoke(task).await.expect_err("refused");
                assert!(
                    refused.starts_with("AsgPatch.NotOurs: AP-0605"),
                    "{refused}"
                );
            }
        }
        // A batch is no run.
        let task = json!({"action": "report", "state": genuine, "execution": execution});
        assert!(stack.invoke(task).await.is_err());
        assert_eq!((stack.not_ours(), stack.changes()), (17, before));
        let published = stack.account.with_world(|w| w.sns.published.len());
        assert_eq!(published, 0);
        // The state itself goes on where it was.
        let task = json!({"action": "advance", "state": genuine});
        stack.invoke(task).await.expect("its own");
        assert_eq!(common::end::open_groups(&stack.account).len(), 1);
    });
}
