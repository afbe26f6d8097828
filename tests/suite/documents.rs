//! The owner's documents before and after: each is started once, in the version that was checked, and nothing of them
//! runs on when the run is over, whatever became of its driver.

use asg_patch::group::{Code, Outcome};
use asg_patch::sim::Account;
use asg_patch::sim::beliefs::Beliefs;
use asg_patch::sim::faults::{FaultRule, InjectedFault};
use asg_patch::sim::wire::ApiError;
use asg_patch::sim::world::automations::Automation;

use crate::common::{Ran, Scenario, drive, in_virtual_time, invariants, restore_all};

const START: &str = "ssm:StartAutomationExecution";
const STOP: &str = "ssm:StopAutomationExecution";
const LOOK: &str = "ssm:DescribeAutomationExecutions";

/// All executions, in the order in which they were started.
fn executions(account: &Account) -> Vec<Automation> {
    let all = account.with_world(|w| w.ssm.automations.clone());
    let mut all: Vec<Automation> = all.into_values().collect();
    all.sort_by_key(|a| a.sequence);
    all
}

fn run_with(scenario: &Scenario, variant: &str, rule: FaultRule) -> Ran {
    let mut beliefs = Beliefs::default();
    beliefs.choose("automation-token-again", variant).unwrap();
    let scenario = Scenario {
        fleet: scenario.fleet.clone().with_beliefs(beliefs),
        ..scenario.clone()
    };
    scenario.run_with(|account| account.with_faults(|faults| faults.add(rule.clone())))
}

/// The answer is lost: the execution is found by its tag, and there is no second one, whatever AWS says of a token that is
/// sent again.
#[test]
fn a_start_without_an_answer_is_found_again() {
    let scenario = Scenario::load("before-document");
    for variant in ["same", "refused"] {
        for fault in [
            InjectedFault::ReplyLost,
            InjectedFault::EffectThenHang,
            InjectedFault::NeverArrived,
        ] {
            let name = format!("{variant} {fault:?}");
            let ran = run_with(&scenario, variant, FaultRule::at(START, 0, 1, fault));
            invariants::check(&name, &ran);
            assert_eq!(executions(&ran.account).len(), 5, "{name}");
            assert_eq!(ran.report.count(Outcome::Patched), 2, "{name}");
        }
    }
}

/// A start that AWS refuses for good is a failure of the document, and its owner's policy decides.
#[test]
fn a_start_that_is_refused_is_the_documents_failure() {
    let refusal = || {
        let error = ApiError::new("AccessDeniedException", "iam:PassRole is not allowed");
        FaultRule::at(START, 0, u64::MAX, InjectedFault::Error(error))
    };
    let before = run_with(&Scenario::load("before-document"), "same", refusal());
    let codes = |ran: &Ran| -> Vec<(String, Outcome, Option<Code>)> {
        let groups = ran.report.groups.iter();
        let row = groups.map(|g| (g.group.to_string(), g.outcome, g.code));
        row.collect()
    };
    let failed = (Outcome::RolledBack, Some(Code::BeforeFailed));
    // books goes on; then the run's own after-document cannot be started either.
    let expected = [
        ("books", Outcome::RolledBack, Some(Code::AfterFailed)),
        ("desk", failed.0, failed.1),
        ("shop", failed.0, failed.1),
    ];
    let expected = expected.map(|(name, outcome, code)| (name.to_owned(), outcome, code));
    assert_eq!(codes(&before), expected);
    let after = run_with(&Scenario::load("after-document"), "same", refusal());
    let kept = ("desk".to_owned(), Outcome::Patched, None);
    assert!(codes(&after).contains(&kept), "{:?}", codes(&after));
    assert_eq!(executions(&after.account), []);
}

/// The version that was checked runs: one that comes later, and would run with the run's own permissions, does not.
#[test]
fn the_version_that_was_checked_is_started() {
    let scenario = Scenario::load("before-document");
    let ran = in_virtual_time(scenario.fleet.seed(), async {
        let account = scenario.fleet.account(1);
        let rival = account.clone();
        let change = async {
            let has_recorded = || {
                let calls = rival.calls();
                calls.log.iter().any(|c| c.name == "ssm:PutParameter")
            };
            while !has_recorded() {
                let soon = std::time::Duration::from_millis(20);
                rival.clock().wait(soon).await;
            }
            rival.with_world(|w| {
                for runbook in w.ssm.runbooks.values_mut() {
                    runbook.change(r#"{"schemaVersion":"0.3","mainSteps":[]}"#);
                }
            });
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ran = scenario.run_on(&account) => ran.expect("a report"),
            () = change => unreachable!("it never ends"),
        }
    });
    let started = executions(&ran.account);
    assert_eq!(started.len(), 5);
    assert!(started.iter().all(|a| a.version == 1), "{started:?}");
}

/// The driver dies while a runbook runs: who restores the group by its record stops it, and starts none.
#[test]
fn a_restore_stops_what_a_dead_run_has_started() {
    for (name, group) in [
        ("documents-that-hang", "desk"),
        ("documents-that-hang", "books"),
        ("before-document", "shop"),
    ] {
        let mut scenario = Scenario::load(name);
        scenario.request.selection.groups = vec![group.into()];
        in_virtual_time(scenario.fleet.seed(), async {
            let account = scenario.fleet.account(1);
            account.with_faults(|f| f.add(FaultRule::at(LOOK, 0, 1, InjectedFault::Hang)));
            tokio::select! {
                _ = drive(&account, &scenario.request, None) => unreachable!("it hangs"),
                () = account.silenced() => {}
            }
            assert_eq!(executions(&account).len(), 1, "{group}");
            let report = restore_all(&account).await;
            assert_eq!(report.left_open().count(), 0, "{group}");
            let ended = executions(&account);
            assert_eq!(ended.len(), 1, "{group}: {ended:?}");
            assert_eq!(ended[0].status, "Cancelled", "{group}");
        });
    }
}

/// A group is restored although the execution cannot be looked at or stopped; its report says what to look at.
#[test]
fn a_restore_does_not_hang_on_a_runbook() {
    let mut scenario = Scenario::load("documents-that-hang");
    scenario.request.selection.groups = vec!["books".into()];
    let denied = || ApiError::new("AccessDeniedException", "not allowed");
    let rule = FaultRule::at(STOP, 0, u64::MAX, InjectedFault::Error(denied()));
    let ran = run_with(&scenario, "same", rule);
    let books = &ran.report.groups[0];
    assert_eq!(books.outcome, Outcome::RolledBack);
    let note = books
        .notes
        .iter()
        .any(|n| n.contains("was not seen to end"));
    assert!(note, "{:?}", books.notes);
    assert!(ran.report.finished_at <= ran.restore_by);
}
