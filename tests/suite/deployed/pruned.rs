//! A prune as an execution of the state machine: what the command does, within one invocation and the stack's bounds.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use asg_patch::sim::Account;
use asg_patch::sim::faults::{FaultRule, InjectedFault};
use asg_patch::sim::wire::ApiError;
use asg_patch::sim::world::templates::{Template, TemplateData};
use asg_patch::sim::world::topics::Topic;
use serde_json::{Value, json};

use super::machine::{End, Loss, Machine};
use super::{TOPIC, function};
use crate::common::Scenario;
use crate::prune::{self, DAY, FLEET, GONE, all_but, assert_whole, changes, images, refuse};

/// The function's own time limit, less what it keeps for its answer.
const LONGEST_SECONDS: f64 = 285.0;

/// A stack over an account with months of patches behind it.
struct Stack {
    scenario: Scenario,
    account: Account,
    count: RefCell<u32>,
}

/// An execution that has ended.
struct Pruned {
    end: End,
    /// The objects in the bucket, by key.
    stored: Vec<(String, Value)>,
    seconds: f64,
    made: Vec<String>,
    /// Subjects of messages.
    told: Vec<String>,
}

impl Stack {
    fn new(account: &Account) -> Self {
        let mut scenario = Scenario::parse(FLEET).expect("a fleet");
        scenario.request.topic_arn = Some(TOPIC.into());
        account.with_world(|w| w.sns.topics.insert(TOPIC.into(), Topic::default()));
        Self {
            scenario,
            account: account.clone(),
            count: RefCell::default(),
        }
    }

    async fn execute(&self, input: Value) -> Pruned {
        Box::pin(self.losing(input, None)).await
    }

    async fn losing(&self, input: Value, loss: Option<Loss>) -> Pruned {
        let function = || function(&self.scenario, &self.account);
        let n = self.count.replace_with(|n| *n + 1);
        let mut machine = Machine::new(&function, &self.account, &format!("prune-{n}"));
        machine.lost = Box::new(move |n, _| loss.filter(|_| n == 0));
        let (made, told) = (changes(&self.account).len(), self.published().len());
        let end = Box::pin(machine.execute(input)).await;
        let objects = machine.bucket.objects().into_iter();
        let stored = objects.map(|(k, o)| (k, serde_json::from_str(&o).expect("JSON")));
        let (count, seconds) = machine.costs.borrow().seconds["begin"];
        let made = changes(&self.account).split_off(made);
        Pruned {
            end,
            stored: stored.collect(),
            seconds: seconds / count as f64,
            made: made.into_iter().filter(|c| c != "sns:Publish").collect(),
            told: self.published().split_off(told),
        }
    }

    fn published(&self) -> Vec<String> {
        self.account.with_world(|w| {
            let published = w.sns.published.iter();
            published.map(|p| p.message.clone()).collect()
        })
    }
}

impl Pruned {
    fn output(&self) -> &Value {
        match &self.end {
            End::Succeeded(output) => output,
            End::Failed { error, cause } => panic!("{error}: {cause}"),
        }
    }

    fn cause(&self) -> &str {
        match &self.end {
            End::Succeeded(output) => panic!("{output}"),
            End::Failed { cause, .. } => cause,
        }
    }

    fn count(&self, of: &str) -> u64 {
        self.output()["counts"][of].as_u64().expect("a number")
    }
}

const PLAN: &str = r#"{"mode":"prune"}"#;
const APPLY: &str = r#"{"mode":"prune","apply":true}"#;

fn input(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// As the stack's schedule starts it.
fn scheduled(account: &Account, apply: bool) -> Value {
    let at = account.clock().now().to_rfc3339();
    json!({"mode": "prune", "apply": apply, "trigger": "schedule", "schedule": "arn:x", "scheduled_time": at})
}

/// The operations that a plan and a prune call.
pub(super) fn calls() -> BTreeSet<String> {
    prune::on_account(false, async |account| {
        let before = account.calls().counts;
        let stack = Stack::new(&account);
        stack.execute(input(APPLY)).await;
        account.clock().wait(8 * DAY).await;
        stack.execute(input(APPLY)).await;
        assert_eq!(images(&account), all_but(&GONE));
        let now = account.calls().counts.into_iter();
        let made = now.filter(|(name, n)| before.get(name) != Some(n));
        made.map(|(name, _)| name).collect()
    })
}

#[test]
fn a_prune_by_execution_does_what_the_command_does() {
    prune::on_account(false, async |account| {
        let stack = Stack::new(&account);
        let plan = stack.execute(input(PLAN)).await;
        assert_eq!(plan.made, Vec::<String>::new());
        assert_eq!(plan.output()["status"], "PrunePlanned");
        assert_eq!(plan.count("deprecate"), 5);
        let text = &plan.told[0];
        assert!(text.contains("Nothing was changed. To do it"), "{text}");

        let first = stack.execute(input(APPLY)).await;
        assert_eq!(first.made, vec!["ec2:EnableImageDeprecation"; GONE.len()]);
        assert_eq!(first.output()["status"], "Pruned");
        expect_test::expect!["asg-patch prune eu-west-1: 5 deprecated (40 GiB), 5 kept"]
            .assert_eq(first.output()["summary"].as_str().expect("text"));
        // It waits for its time, whatever is asked.
        let again = stack.execute(input(APPLY)).await;
        assert_eq!((again.count("wait"), again.made.len()), (5, 0));
        assert_eq!(again.told.len(), 1, "it was asked for by hand");

        account.clock().wait(8 * DAY).await;
        let second = stack
            .execute(json!({"mode": "prune", "apply": true, "reason": "CHG-7"}))
            .await;
        assert_eq!((second.count("remove"), second.count("keep")), (5, 5));
        assert_eq!(images(&account), all_but(&GONE));
        assert_whole(&account);
        assert!(
            second.told[0].contains("Reason: CHG-7"),
            "{:?}",
            second.told
        );
        // The report is stored, and everybody knows where.
        let [(key, stored)] = second.stored.as_slice() else {
            panic!("{:?}", second.stored);
        };
        assert_eq!(key, "reports/2026/06/prune-exec-prune-3.json");
        assert_eq!(*stored, second.output()["report"]);
        let uri = format!("s3://asg-patch-reports/{key}");
        assert_eq!(second.output()["stored_at"], uri);
        assert!(second.told[0].contains(&format!("will be stored at {uri}")));
        let report: asg_patch::report::PruneReport =
            serde_json::from_value(stored.clone()).expect("a report");
        assert_eq!(report.entries.len(), 10);
    });
}

/// The schedule's own prunes speak when there is something to say.
#[test]
fn a_scheduled_prune_is_silent_if_there_is_nothing_to_tell() {
    prune::on_account(true, async |account| {
        let stack = Stack::new(&account);
        let plan = stack.execute(scheduled(&account, false)).await;
        assert_eq!((plan.told.len(), plan.count("remove")), (1, 5));
        let done = stack.execute(scheduled(&account, true)).await;
        assert_eq!((done.told.len(), done.count("remove")), (1, 5));
        for apply in [false, true] {
            let nothing = stack.execute(scheduled(&account, apply)).await;
            assert_eq!((nothing.told.len(), nothing.count("keep")), (0, 5));
        }
        let by_hand = stack.execute(input(PLAN)).await;
        assert_eq!(by_hand.told.len(), 1);
    });
}

/// A permission to start executions is none to have images removed that the stack keeps.
#[test]
fn an_input_can_keep_more_than_the_stack_and_never_less() {
    prune::on_account(true, async |account| {
        let stack = Stack::new(&account);
        for (less, expected) in [
            (
                json!({"keep": 1}),
                "keep: expected at least 2, as the stack keeps (PruneKeep), found 1",
            ),
            (
                json!({"older_than_days": 0}),
                "older_than_days: expected at least 30 days",
            ),
            (
                json!({"grace_days": 6}),
                "grace_days: expected at least 7 days",
            ),
            (json!({"older_than_days": 3651}), "expected 0 to 3650"),
            (json!({"groups": ["forgotten"]}), "expected the opt-in tag"),
            (json!({"operation": "Scan"}), "nothing but mode, apply,"),
            (json!({"only_tagged_templates": false}), "unknown field"),
            (json!({"tag": "Name=x"}), "unknown field"),
            (
                json!({"mode": "run"}),
                "apply: expected none but with the mode prune",
            ),
            (
                json!({"mode": "restore"}),
                "apply: expected none but with the mode prune",
            ),
        ] {
            let mut asked = input(APPLY);
            for (key, value) in less.as_object().expect("fields") {
                asked[key] = value.clone();
            }
            let refused = stack.execute(asked).await;
            assert!(refused.cause().contains(expected), "{}", refused.cause());
            assert_eq!(refused.made, Vec::<String>::new(), "{less}");
            assert!(refused.stored.is_empty(), "there is no report");
        }
        assert_eq!(images(&account), all_but(&[]));
        let more = json!({"mode": "prune", "apply": true, "keep": 4, "groups": ["web-nightly"]});
        let pruned = stack.execute(more).await;
        assert_eq!(pruned.count("remove"), 1);
        assert_eq!(images(&account), all_but(&["web 1"]));
    });
}

/// The stack's role reads no parameters but its own; so an image that a template takes from one may be any.
#[test]
fn where_a_parameter_cannot_be_read_everything_is_kept_and_the_texts_say_so() {
    prune::on_account(true, async |account| {
        let stack = Stack::new(&account);
        account.with_world(|w| {
            let golden = TemplateData::of_image("resolve:ssm:/golden", "t3.small");
            w.put_template(Template::new("lt-0123456789abcdef0", "golden", golden));
        });
        let denied = ApiError::with_status(400, "AccessDeniedException", "no");
        refuse(&account, "ssm:GetParameters", &denied);
        let pruned = stack.execute(scheduled(&account, true)).await;
        assert_eq!((pruned.made.len(), pruned.count("keep")), (0, 10));
        let warning = pruned.output()["warnings"][0].as_str().expect("a warning");
        assert!(
            warning.starts_with(
                "what it may use is kept: SSM parameters of launch templates could not be read"
            ),
            "{warning}"
        );
        let [text] = pruned.told.as_slice() else {
            panic!("{:?}", pruned.told);
        };
        assert!(
            text.contains("the stack's role reads no parameters but its own"),
            "{text}"
        );
    });
}

/// Every call takes long: an invocation does what it can, says what is left, and the next one goes on.
#[test]
fn a_prune_ends_within_its_invocation_and_the_next_one_goes_on() {
    prune::on_account(true, async |account| {
        let stack = Stack::new(&account);
        for operation in [
            "ec2:DeleteLaunchTemplateVersions",
            "ec2:DeregisterImage",
            "ec2:DeleteSnapshot",
        ] {
            let slow = InjectedFault::Slow(Duration::from_secs(25));
            let rule = FaultRule::at(operation, 0, u64::MAX, slow);
            account.with_faults(|faults| faults.add(rule));
        }
        let mut left = Vec::new();
        for _ in 0..GONE.len() {
            let pruned = stack.execute(scheduled(&account, true)).await;
            assert!(pruned.seconds < LONGEST_SECONDS, "{}", pruned.seconds);
            left.push(pruned.count("left"));
            if pruned.count("left") == 0 {
                break;
            }
            let summary = pruned.output()["summary"].as_str().expect("text");
            assert!(summary.contains("left for the next time"), "{summary}");
            assert!(
                pruned.told[0].contains("the next prune goes on"),
                "{:?}",
                pruned.told
            );
            assert_eq!(pruned.stored[0].1["out_of_time"], true);
        }
        assert_eq!(left, [2, 0]);
        assert_eq!(images(&account), all_but(&GONE));
        assert_whole(&account);
    });
}

/// A call never returns, or the invocation is killed, or its answer is lost.
#[test]
fn a_prune_that_is_cut_off_loses_nothing() {
    prune::on_account(true, async |account| {
        let frozen = account.freeze();
        for fault in [InjectedFault::Hang, InjectedFault::EffectThenHang] {
            let account = frozen.thaw();
            let stack = Stack::new(&account);
            let rule = FaultRule::at("ec2:DeregisterImage", 1, u64::MAX, fault);
            account.with_faults(|faults| faults.add(rule));
            let pruned = stack.execute(input(APPLY)).await;
            assert!(pruned.seconds < LONGEST_SECONDS, "{}", pruned.seconds);
            assert_eq!(pruned.count("remove"), 1, "{}", pruned.output()["summary"]);
            account.with_faults(|faults| faults.clear());
            stack.execute(input(APPLY)).await;
            assert_eq!(images(&account), all_but(&GONE));
            assert_whole(&account);
        }
        for loss in [
            Loss::Before,
            Loss::After(700),
            Loss::After(3_000),
            Loss::Answer,
        ] {
            let account = frozen.thaw();
            let stack = Stack::new(&account);
            let pruned = Box::pin(stack.losing(input(APPLY), Some(loss))).await;
            assert_eq!(pruned.count("left"), 0, "{loss:?}");
            assert_eq!(images(&account), all_but(&GONE), "{loss:?}");
            assert_whole(&account);
        }
    });
}
