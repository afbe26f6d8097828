//! Approvals of the deployed stack: a person lets a run begin, or not, ahead of its time or while it waits.

use std::collections::BTreeSet;

use asg_patch::aws::{claim_mark, decisions};
use asg_patch::sim::faults::{FaultRule, InjectedFault};
use asg_patch::sim::wire::ApiError;
use asg_patch::sim::world::automations::{self, Start};
use asg_patch::windows::{Approval, Decision};
use expect_test::expect;
use serde_json::{Value, json};

use super::machine::{End, Loss, Machine};
use super::miscounted;
use super::told::{FILE, FLEET, Stage};
use crate::common::{self, in_virtual_time};

const MARA: &str = "arn:aws:sts::123456789012:assumed-role/Approvers/mara";
const EVE: &str = "arn:aws:sts::123456789012:assumed-role/Developers/eve";
const DEMAND: &str = r#"
    [[window]]
    name = "default"
    schedule = "cron(0 6 ? * WED#2 *)"
    approval = "required"
    approval-within = "30m"
    approvers = ["arn:aws:iam::123456789012:role/Approvers"]
"#;
const AT: &str = "2026-10-14T04:00:00Z";

async fn stage() -> Stage {
    let stage = Stage::new(FLEET, &(FILE.to_owned() + DEMAND)).await;
    stage.account.with_world(|w| {
        let content = include_str!("../../../runbooks/documents/AsgPatch-Approve.yaml");
        let course = automations::Course::default();
        for name in ["AsgPatch-Approve", "Others-Approve"] {
            let runbook = automations::Runbook::new(name, content, course.clone());
            w.ssm.runbooks.insert(name.to_owned(), runbook);
        }
    });
    stage
}

/// The answer of the state machine.
fn answer(end: End) -> Value {
    match end {
        End::Succeeded(output) => output,
        End::Failed { error, cause } => json!({"status": error, "summary": cause}),
    }
}

/// Does what the runbook does when someone has started it.
async fn decide(stage: &Stage, by: &str, document: &str, asked: &[(&str, &str)]) -> Value {
    decide_losing(stage, by, document, asked, |_, _| None).await
}

async fn decide_losing(
    stage: &Stage,
    by: &str,
    document: &str,
    asked: &[(&str, &str)],
    lost: impl Fn(u64, &str) -> Option<Loss>,
) -> Value {
    let mut parameters = std::collections::BTreeMap::from([
        ("Window".to_owned(), vec!["default".to_owned()]),
        ("Opening".to_owned(), vec!["Next".to_owned()]),
        ("Decision".to_owned(), vec!["Approve".to_owned()]),
        ("Reason".to_owned(), vec!["CHG-17".to_owned()]),
    ]);
    for (name, value) in asked {
        parameters.insert((*name).to_owned(), vec![(*value).to_owned()]);
    }
    let start = Start {
        document: document.to_owned(),
        parameters,
        executed_by: by.to_owned(),
        ..Start::default()
    };
    let id = stage
        .account
        .with_world(|w| automations::start(w, start).expect("an execution"));
    let taken = take_losing(stage, &id, lost).await;
    stage
        .account
        .with_world(|w| automations::end(w, &id, "Success", "", Default::default()));
    taken
}

async fn take(stage: &Stage, automation: &str) -> Value {
    take_losing(stage, automation, |_, _| None).await
}

async fn take_losing(
    stage: &Stage,
    automation: &str,
    lost: impl Fn(u64, &str) -> Option<Loss>,
) -> Value {
    let function = || stage.function();
    let mut machine = Machine::new(
        &function,
        &stage.account,
        &format!(
            "automation-{automation}-{}",
            stage.account.clock().now().timestamp()
        ),
    );
    machine.lost = Box::new(lost);
    let input = json!({"mode": "approve", "automation": automation});
    answer(machine.execute(input).await)
}

async fn approve(stage: &Stage) -> Value {
    decide(stage, MARA, "AsgPatch-Approve", &[]).await
}

async fn run(stage: &Stage) -> Value {
    run_losing(stage, |_, _| None).await
}

async fn run_at(stage: &Stage, name: &str, at: &str) -> Value {
    let function = || stage.function();
    let machine = Machine::new(&function, &stage.account, name);
    let input = json!({"trigger": "schedule", "schedule": "nightly", "scheduled_time": at});
    answer(machine.execute(input).await)
}

async fn run_losing(stage: &Stage, lost: impl Fn(u64, &str) -> Option<Loss>) -> Value {
    let function = || stage.function();
    let mut machine = Machine::new(&function, &stage.account, "scheduled");
    machine.lost = Box::new(lost);
    let input = json!({"trigger": "schedule", "schedule": "nightly", "scheduled_time": AT});
    let output = answer(machine.execute(input).await);
    if output["report"].is_object() {
        assert_eq!(
            miscounted(&output["report"], &machine.costs.borrow()),
            [""; 0]
        );
    }
    output
}

/// Whether a message in the room has this text, beside its sentence.
fn shows(stage: &Stage, text: &str) -> bool {
    stage.outsiders.parties.with(|p| {
        let posts = &p.slack.channels["C0SIMULATED"].posts;
        posts.iter().any(|p| p.blocks.to_string().contains(text))
    })
}

fn of_shop(seen: &str) -> String {
    let lines = seen.lines().filter(|l| l.contains("shop"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_run_that_was_approved_ahead_begins_at_its_time() {
    let (taken, output, seen) = in_virtual_time(7, async {
        let stage = stage().await;
        stage.sweep_until("2026-10-13T06:00:00Z").await;
        assert!(shows(
            &stage,
            "needed by 14 October 2026 06:00 CEST (its run waits 30 min for it): asg-patch approve --window default --opening 2026-10-14T04:00:00Z --why REASON"
        ));
        let taken = approve(&stage).await;
        stage.sweep_until(AT).await;
        assert!(shows(
            &stage,
            "by arn:aws:sts::123456789012:assumed-role/Approvers/mara on"
        ));
        let output = run(&stage).await;
        assert_eq!(stage.unsent(), 0);
        (taken, output, stage.seen())
    });
    expect!["the opening of default on 2026-10-14 04:00:00 UTC is approved by arn:aws:sts::123456789012:assumed-role/Approvers/mara on 2026-10-13 06:00:00 UTC: CHG-17"]
        .assert_eq(taken["summary"].as_str().unwrap_or_default());
    assert_eq!(output["status"], "Done", "{output}");
    expect![
        "arn:aws:sts::123456789012:assumed-role/Approvers/mara on 2026-10-13 06:00:00 UTC: CHG-17"
    ]
    .assert_eq(output["report"]["approved"].as_str().unwrap_or_default());
    expect![[r#"
        Slack: Patching has ended: shop (Production). Patching of shop (Production) has ended: 1 patched. [edited 3 times]
          in its thread: Patching scheduled: shop (Production). shop (Production) is patched on 14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC).
          in its thread: Patching begins soon: shop (Production). Patching of shop (Production) begins at 06:00 CEST.
          in its thread: Patching has begun: shop (Production). shop (Production) is being patched, until 09:00 CEST at the latest.
          in its thread: Patching has ended: shop (Production). Patching of shop (Production) has ended: 1 patched.
        Page: "Scheduled maintenance: shop (Production)", completed
          scheduled: shop (Production) is patched on 14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC).
          in_progress: shop (Production) is being patched, until 09:00 CEST at the latest.
          completed: Patching of shop (Production) has ended."#]].assert_eq(&of_shop(&seen));
}

#[test]
fn a_run_waits_for_its_approval_and_goes_on_at_once() {
    let (output, began, leftover, seen) = in_virtual_time(7, async {
        let stage = stage().await;
        stage.sweep_until("2026-10-14T03:59:00Z").await;
        stage.wait_until(AT).await;
        let late = async {
            stage.wait_until("2026-10-14T04:20:00Z").await;
            approve(&stage).await
        };
        let (output, taken) = tokio::join!(Box::pin(run(&stage)), Box::pin(late));
        let summary = taken["summary"].as_str().unwrap_or_default();
        assert!(
            summary.ends_with("CHG-17; its run waited, and goes on now"),
            "{taken}"
        );
        let began = output["report"]["groups"][0]["phases"][0]["entered_at"].clone();
        (output, began, waiting(&stage), stage.seen())
    });
    assert_eq!(
        (output["status"].as_str(), leftover),
        (Some("Done"), 1),
        "{output}"
    );
    let began = began.as_str().unwrap_or_default();
    assert!(began < "2026-10-14T04:21:00Z", "{began}");
    // Its window is still that of its schedule.
    assert_eq!(output["report"]["deadline"], "2026-10-14T07:00:00Z");
    expect![[r#"
        Slack: Patching has ended: shop (Production). Patching of shop (Production) has ended: 1 patched. [edited 4 times]
          in its thread: Patching scheduled: shop (Production). shop (Production) is patched on 14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC).
          in its thread: Patching begins soon: shop (Production). Patching of shop (Production) begins at 06:00 CEST.
          in its thread: Patching waits for an approval: shop (Production). shop (Production) is to be patched on 14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC), and waits for an approval: it is given up at 06:30 CEST.
          in its thread: Patching has begun: shop (Production). shop (Production) is being patched, until 09:00 CEST at the latest.
          in its thread: Patching has ended: shop (Production). Patching of shop (Production) has ended: 1 patched.
        Page: "Scheduled maintenance: shop (Production)", completed
          scheduled: shop (Production) is patched on 14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC).
          in_progress: shop (Production) is being patched, until 09:00 CEST at the latest.
          completed: Patching of shop (Production) has ended."#]].assert_eq(&of_shop(&seen));
}

fn waiting(stage: &Stage) -> usize {
    stage.account.with_world(|w| {
        let names = w.ssm.parameters.by_name.keys();
        names
            .filter(|n| n.starts_with("/asg-patch/waiting/"))
            .count()
    })
}

#[test]
fn a_run_that_nobody_approves_ends_and_alarms_nobody() {
    let (output, ended, seen) = in_virtual_time(7, async {
        let stage = stage().await;
        stage.sweep_until("2026-10-14T03:59:00Z").await;
        stage.wait_until(AT).await;
        let before = stage.account.calls().counts;
        let output = run(&stage).await;
        let ended = stage.account.clock().now();
        let after = stage.account.calls().counts;
        let is_change = |call: &String| {
            ["autoscaling:Update", "ssm:SendCommand"]
                .iter()
                .any(|c| call.starts_with(c))
        };
        let changes = |counts: &std::collections::BTreeMap<String, u64>| -> u64 {
            counts
                .iter()
                .filter(|(c, _)| is_change(c))
                .map(|(_, n)| n)
                .sum()
        };
        assert_eq!(changes(&before), changes(&after));
        stage.sweep_until("2026-10-14T08:00:00Z").await;
        (output, ended, stage.seen())
    });
    assert_eq!(output["status"], "NotApproved", "{output}");
    expect!["AP-0810: nobody had decided by 2026-10-14 04:30:00 UTC"]
        .assert_eq(output["summary"].as_str().unwrap_or_default());
    let late = ended - AT.parse::<chrono::DateTime<chrono::Utc>>().expect("a time");
    assert!((30..32).contains(&late.num_minutes()), "{late}");
    expect![[r#"
        Slack: Patching was not approved: shop (Production). shop (Production) is not patched on 14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC), as it was not approved: nobody had decided by 2026-10-14 04:30:00 UTC. [edited 3 times]
          in its thread: Patching scheduled: shop (Production). shop (Production) is patched on 14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC).
          in its thread: Patching begins soon: shop (Production). Patching of shop (Production) begins at 06:00 CEST.
          in its thread: Patching waits for an approval: shop (Production). shop (Production) is to be patched on 14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC), and waits for an approval: it is given up at 06:30 CEST.
          in its thread: Patching was not approved: shop (Production). shop (Production) is not patched on 14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC), as it was not approved: nobody had decided by 2026-10-14 04:30:00 UTC.
        Page: "Scheduled maintenance: shop (Production)", completed
          scheduled: shop (Production) is patched on 14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC).
          completed: shop (Production) is not patched on 14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC), as it was not approved."#]].assert_eq(&of_shop(&seen));
}

/// A rejection ends a run that waits; the last decision counts.
#[test]
fn the_last_decision_counts() {
    let (rejected, waited, again) = in_virtual_time(7, async {
        let stage = stage().await;
        stage.sweep_until("2026-10-13T06:00:00Z").await;
        approve(&stage).await;
        stage.wait_until("2026-10-13T07:00:00Z").await;
        decide(
            &stage,
            MARA,
            "AsgPatch-Approve",
            &[("Decision", "Reject"), ("Reason", "too risky")],
        )
        .await;
        stage.wait_until(AT).await;
        let rejected = run(&stage).await;
        let second = self::stage().await;
        second.wait_until(AT).await;
        let late = async {
            second.wait_until("2026-10-14T04:10:00Z").await;
            decide(
                &second,
                MARA,
                "AsgPatch-Approve",
                &[("Decision", "Reject"), ("Reason", "too risky")],
            )
            .await;
        };
        let (waited, ()) = tokio::join!(Box::pin(run(&second)), Box::pin(late));
        let ended = second.account.clock().now();
        (rejected, waited, ended)
    });
    let text = |v: &Value| format!("{}: {}", v["status"], v["summary"]);
    expect![[r#""NotApproved": "AP-0810: rejected by arn:aws:sts::123456789012:assumed-role/Approvers/mara on 2026-10-13 07:00:00 UTC: too risky""#]].assert_eq(&text(&rejected));
    expect![[r#""NotApproved": "AP-0810: rejected by arn:aws:sts::123456789012:assumed-role/Approvers/mara on 2026-10-14 04:10:00 UTC: too risky""#]].assert_eq(&text(&waited));
    assert!(
        again.to_rfc3339().as_str() < "2026-10-14T04:12:00",
        "{again}"
    );
}

/// Principals that may not decide, openings that cannot be decided upon, and decisions that no person made.
#[test]
fn a_decision_that_is_none_is_refused_and_counts_nothing() {
    let (refusals, output) = in_virtual_time(7, async {
        let stage = stage().await;
        stage.sweep_until("2026-10-13T06:00:00Z").await;
        let mut refusals = Vec::new();
        let document = "AsgPatch-Approve";
        for (by, document, asked) in [
            (EVE, document, [("Reason", "please")]),
            (MARA, "Others-Approve", [("Reason", "please")]),
            (MARA, document, [("Window", "acceptance")]),
            (MARA, document, [("Opening", "2026-10-14T05:00:00Z")]),
            (MARA, document, [("Opening", "soon")]),
            (MARA, document, [("Reason", "  ")]),
        ] {
            refusals.push(decide(&stage, by, document, &asked).await);
        }
        // An execution of the day before, which has ended, decides nothing today.
        let old = stage.account.with_world(|w| {
            let start = Start {
                document: document.into(),
                executed_by: MARA.into(),
                ..Start::default()
            };
            let id = automations::start(w, start).expect("an execution");
            automations::end(w, &id, "Success", "", Default::default());
            id
        });
        refusals.push(take(&stage, &old).await);
        refusals.push(take(&stage, "00000000-0000-0000-0000-000000000000").await);
        refusals.push(take(&stage, "no id").await);
        // One who may write parameters, and has no key.
        let stranger = common::aws(&stage.account, "stranger");
        let forged = Approval {
            window: "default".into(),
            start: AT.parse().expect("a time"),
            end: "2026-10-14T07:00:00Z".parse().expect("a time"),
            decision: Decision::Approved,
            by: MARA.into(),
            why: "forged".into(),
            at: stage.account.clock().now(),
        };
        let name = "/asg-patch/approvals/x";
        claim_mark(&stranger.clients, name, &forged)
            .await
            .expect("a parameter");
        stage.wait_until(AT).await;
        (refusals, run(&stage).await)
    });
    let lines = refusals
        .iter()
        .map(|r| format!("{}: {}", r["status"], r["summary"]));
    expect![[r#"
        "NotDecided": "AP-0811: expected one of the approvers: arn:aws:iam::123456789012:role/Approvers, found arn:aws:sts::123456789012:assumed-role/Developers/eve"
        "NotDecided": "AP-0811: expected an execution of AsgPatch-Approve in progress, found one of Others-Approve"
        "NotDecided": "AP-0811: expected a window that demands an approval in the stack's file (default), found 'acceptance'"
        "NotDecided": "AP-0811: expected an opening of default, such as 2026-10-14 04:00:00 UTC, 2026-11-11 05:00:00 UTC, found 2026-10-14 05:00:00 UTC"
        "NotDecided": "AP-0811: expected Opening: Next, or a time such as 2026-10-14T04:00:00Z, found 'soon'"
        "NotDecided": "AP-0811: expected a Reason, which the report tells, found none"
        "NotDecided": "AP-0811: expected an execution of AsgPatch-Approve in progress, found one that is Success"
        "NotDecided": "AP-0811: ssm:GetAutomationExecution: Automation execution 00000000-0000-0000-0000-000000000000 does not exist. (AutomationExecutionNotFoundException)"
        "Refused": "AP-0801: automation: expected the id of an execution of the document AsgPatch-Approve, found 'no id'""#]].assert_eq(&lines.collect::<Vec<_>>().join("\n"));
    assert_eq!(output["status"], "NotApproved", "{output}");
}

/// A read that failed is not an absence: neither of windows nor of decisions.
#[test]
fn what_could_not_be_read_is_not_decided_upon() {
    let (taken, shown, run_ended) = in_virtual_time(7, async {
        let stage = stage().await;
        let refuse =
            || InjectedFault::Error(ApiError::with_status(400, "AccessDeniedException", "no"));
        let fail = |operation: &str, skip, times| {
            let rule = FaultRule::at(operation, skip, times, refuse());
            stage.account.with_faults(|faults| faults.add(rule));
        };
        fail("ssm:DescribeMaintenanceWindows", 0, u64::MAX);
        let taken = approve(&stage).await;
        stage.account.with_faults(|faults| faults.clear());
        // The sweep that announces the window lists records, claims, decisions, runs and marks, and then decisions for its notice.
        stage.wait_until(&AT.replace("10-14", "10-13")).await;
        fail("ssm:GetParametersByPath", 5, 1);
        stage.sweep_until("2026-10-13T04:15:00Z").await;
        assert!(shows(&stage, "is patched on 14 October"));
        let shown = shows(&stage, "needed by");
        stage.wait_until(AT).await;
        (taken, shown, run(&stage).await)
    });
    expect!["AP-0811: expected to read all windows that AWS opens, found: maintenance windows of Systems Manager may not be read: ssm:DescribeMaintenanceWindows: AccessDeniedException: no"].assert_eq(taken["summary"].as_str().unwrap_or_default());
    assert!(!shown, "what is not known looks undecided");
    expect![[r#""NotApproved": "AP-0810: nobody had decided by 2026-10-14 04:30:00 UTC""#]]
        .assert_eq(&format!(
            "{}: {}",
            run_ended["status"], run_ended["summary"]
        ));
}

/// An approval of one opening is none of the next, nor of the window at another time.
#[test]
fn a_window_that_moved_needs_another_approval() {
    let (moved, later) = in_virtual_time(7, async {
        let stage = stage().await;
        stage.sweep_until("2026-10-13T06:00:00Z").await;
        let taken = approve(&stage).await;
        assert_eq!(taken["status"], "Approved", "{taken}");
        let moved = "2026-10-14T05:00:00Z";
        stage.wait_until(moved).await;
        let moved = run_at(&stage, "moved", moved).await;
        let later = "2026-11-11T05:00:00Z";
        stage.wait_until(later).await;
        (moved, run_at(&stage, "later", later).await)
    });
    assert_eq!(moved["status"], "NotApproved", "{moved}");
    assert_eq!(later["status"], "NotApproved", "{later}");
}

/// The function's clock is behind that of the schedule: the opening is the one that was approved.
#[test]
fn a_clock_that_is_behind_misses_no_approval() {
    let output = in_virtual_time(7, async {
        let stage = stage().await;
        stage.sweep_until("2026-10-13T06:00:00Z").await;
        approve(&stage).await;
        stage.wait_until("2026-10-14T03:59:58.600Z").await;
        run(&stage).await
    });
    assert_eq!(output["status"], "Done", "{output}");
}

/// The same execution decides once, whatever has become of the run meanwhile; and what is past is decided no more.
#[test]
fn an_execution_decides_once() {
    let (first, again, next, rejected) = in_virtual_time(7, async {
        let stage = stage().await;
        stage.sweep_until("2026-10-13T06:00:00Z").await;
        let start = Start {
            document: "AsgPatch-Approve".into(),
            executed_by: MARA.into(),
            parameters: [("Reason".to_owned(), vec!["CHG-17".to_owned()])].into(),
            ..Start::default()
        };
        let id = stage
            .account
            .with_world(|w| automations::start(w, start).expect("an execution"));
        let first = take(&stage, &id).await;
        stage.wait_until(AT).await;
        let output = run(&stage).await;
        assert_eq!(output["status"], "Done", "{output}");
        // Its answer was lost, or someone starts it again while it is in progress.
        let again = take(&stage, &id).await;
        let next = approve(&stage).await;
        let asked = [("Decision", "Reject")];
        let rejected = decide(&stage, MARA, "AsgPatch-Approve", &asked).await;
        (first, again, next, rejected)
    });
    assert_eq!(first["approval"], again["approval"]);
    let start = |v: &Value| v["approval"]["start"].to_string();
    assert_eq!(
        (start(&first), start(&next)),
        (
            "\"2026-10-14T04:00:00Z\"".into(),
            "\"2026-11-11T05:00:00Z\"".into()
        )
    );
    expect!["AP-0811: expected an opening of default whose run has neither begun nor ended, found that of 2026-10-14 04:00:00 UTC, which was the run of arn:aws:states:eu-west-1:123456789012:execution:AsgPatch:scheduled"].assert_eq(rejected["summary"].as_str().unwrap_or_default());
}

/// One who is late decides about the opening of now, not about the next.
#[test]
fn an_opening_that_has_come_is_still_the_next() {
    let (taken, output) = in_virtual_time(7, async {
        let stage = stage().await;
        stage.wait_until("2026-10-14T04:00:20Z").await;
        let asked = [("Decision", "Reject"), ("Reason", "too risky")];
        let taken = decide(&stage, MARA, "AsgPatch-Approve", &asked).await;
        (taken, run(&stage).await)
    });
    assert_eq!(taken["approval"]["start"], AT, "{taken}");
    assert_eq!(output["status"], "NotApproved", "{output}");
}

/// One who may invoke the function wakes nothing with a token of their own, and announces nothing.
#[test]
fn a_task_of_no_running_execution_is_refused() {
    let errors = in_virtual_time(7, async {
        let stage = stage().await;
        stage.wait_until(AT).await;
        run(&stage).await;
        let ended = "arn:aws:states:eu-west-1:123456789012:execution:AsgPatch:scheduled";
        let mut errors = Vec::new();
        for payload in [
            json!({"action": "await-approval", "execution": ended, "token": "of-others"}),
            json!({"action": "announce", "execution": ended, "input": {}, "state": {}}),
        ] {
            let deadline = stage.account.clock().now() + chrono::TimeDelta::minutes(5);
            let answer = stage.function().answer(payload, deadline).await;
            errors.push(answer.expect_err("no answer").kind());
        }
        assert_eq!(waiting(&stage), 1, "that it is past");
        errors
    });
    assert_eq!(errors, ["AsgPatch.Execution"; 2]);
}

/// Whichever invocation is lost, of the run or of the decision, a run that waits is woken, begins once, and no other is approved.
#[test]
fn whichever_invocation_is_lost_a_run_that_waits_begins() {
    let losses = [
        Loss::Before,
        Loss::After(400),
        Loss::After(3_000),
        Loss::Answer,
    ];
    let of_run = (0..8_u64).flat_map(|n| losses.map(|l| (Some(n), None, l)));
    let of_decision = losses.map(|l| (None, Some(0_u64), l));
    let tried = of_run.chain(of_decision).collect();
    let wrong: Vec<String> = common::on_all_cores(tried, |(of_run, of_decision, loss)| {
        let (output, late, decided) = in_virtual_time(7, async {
            let stage = stage().await;
            stage.wait_until(AT).await;
            let late = async {
                stage.wait_until("2026-10-14T04:20:00Z").await;
                let lost = move |n: u64, _: &str| (Some(n) == of_decision).then_some(loss);
                decide_losing(&stage, MARA, "AsgPatch-Approve", &[], lost).await
            };
            let lost = move |n: u64, _: &str| (Some(n) == of_run).then_some(loss);
            let (output, late) = tokio::join!(Box::pin(run_losing(&stage, lost)), Box::pin(late));
            let decided = decisions(&stage.aws.clients).await.expect("decisions");
            (output, late, decided.len())
        });
        let is_well = output["status"] == "Done" && late["status"] == "Approved" && decided == 1;
        let text = format!("{of_run:?} {of_decision:?} {loss:?}: {output} {late} {decided}");
        if is_well { Vec::new() } else { vec![text] }
    })
    .concat();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The calls for approvals, beside those that set the stage.
pub(super) fn calls() -> BTreeSet<String> {
    in_virtual_time(7, async {
        let stage = stage().await;
        stage.wait_until(AT).await;
        let late = async {
            stage.wait_until("2026-10-14T04:20:00Z").await;
            approve(&stage).await
        };
        tokio::join!(Box::pin(run(&stage)), Box::pin(late));
        let mine = ["ssm:GetAutomationExecution", "states:SendTaskSuccess"];
        let all = stage.account.calls().counts.into_keys();
        all.filter(|call| mine.contains(&call.as_str())).collect()
    })
}
