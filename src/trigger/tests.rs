//! Every trigger there is, and what is refused.

use serde_json::json;

use super::*;
use crate::ids::RunId;
use crate::request::{
    AfterFailure, BeforeFailure, FailureLimit, Operation, OwnersDocuments, RunRequest,
};

const EXECUTION: &str = "arn:aws:states:eu-west-1:123456789012:execution:AsgPatch:by-hand";

fn id(event: Value) -> RunId {
    match read(&event) {
        Ok(Asked::Run(input)) => input.cause.run_id(EXECUTION),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_trigger_names_its_run() {
    let schedule = "arn:aws:scheduler:eu-west-1:123456789012:schedule/default/asg-patch";
    let scheduled = json!({"trigger": "schedule", "schedule": schedule, "scheduled_time": "2026-10-14T04:00:00Z"});
    assert_eq!(id(scheduled.clone()), id(scheduled));
    let rule = |time: &str| {
        json!({"version": "0", "source": "aws.events", "detail-type": "Scheduled Event",
        "time": time, "resources": ["arn:aws:events:eu-west-1:123456789012:rule/nightly"], "detail": {}})
    };
    assert_eq!(
        id(rule("2026-10-14T04:00:00Z")),
        "sched-20261014T040000Z-f2f3bf8a"
    );
    assert_ne!(
        id(rule("2026-10-14T04:00:00Z")),
        id(rule("2026-10-15T04:00:00Z"))
    );
    let detail = json!({"window-id": "mw-0c50858d01EXAMPLE", "window-execution-id": "b60fb56e-776c-4e5c-84ff-000000000001",
        "start-time": "2026-10-14T04:00:02.123Z", "status": "IN_PROGRESS"});
    let event = json!({"source": "aws.ssm", "time": "2026-10-14T04:00:02Z", "resources": [], "detail": detail,
        "detail-type": "Maintenance Window Execution State-change Notification"});
    let task = json!({"trigger": "maintenance-window", "window_id": "mw-0c50858d01EXAMPLE",
        "window_execution_id": "b60fb56e-776c-4e5c-84ff-000000000001"});
    assert_eq!(id(event), "mw-b60fb56e-776c-4e5c-84ff-000000000001");
    assert_eq!(id(task), "mw-b60fb56e-776c-4e5c-84ff-000000000001");
    assert_eq!(id(json!({})), "exec-by-hand");
    let unfilled = json!({"trigger": "schedule", "schedule": "<aws.scheduler.schedule-arn>",
        "scheduled_time": "<aws.scheduler.scheduled-time>"});
    assert_eq!(id(unfilled), "exec-by-hand");
    let long = Cause::Hand.run_id(&format!("x:{}", "n".repeat(80)));
    assert_eq!(long.len(), 48, "{long}");
}

/// Otherwise a run of one group, started beside the schedule, would make the schedule's own a duplicate.
#[test]
fn another_input_with_the_same_time_is_another_run() {
    let now = "2026-10-14T04:00:00Z".parse().expect("a time");
    let ask = |more: Value| {
        let mut event = json!({"trigger": "schedule", "schedule": "arn:x", "scheduled_time": "2026-10-14T04:00:00Z"});
        for (key, value) in more.as_object().into_iter().flatten() {
            event[key] = value.clone();
        }
        match read(&event) {
            Ok(Asked::Run(input)) => input.request(&Defaults::default(), EXECUTION, now),
            other => panic!("{other:?}"),
        }
    };
    let id = |more| ask(more).expect("valid").run_id;
    assert_eq!(id(json!({})), id(json!({"reason": "again"})));
    assert_ne!(id(json!({})), id(json!({"groups": ["web"]})));
    assert_ne!(
        id(json!({"groups": ["db"]})),
        id(json!({"groups": ["web"]}))
    );
    let early = ask(json!({"scheduled_time": "2026-10-14T04:06:00Z"})).expect_err("to come");
    assert_eq!(
        early.to_string(),
        "scheduled_time: expected a time that has come; it is 2026-10-14 04:00:00 UTC, found 2026-10-14 04:06:00 UTC"
    );
}

/// The request that an input makes at four o'clock.
fn requested(event: Value) -> RunRequest {
    let now = "2026-10-14T04:00:00Z".parse().expect("a time");
    match read(&event) {
        Ok(Asked::Run(input)) => input
            .request(&Defaults::default(), EXECUTION, now)
            .expect("valid"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn settings_that_are_left_out_are_the_defaults() {
    let now = "2026-10-14T04:00:00Z".parse().expect("a time");
    let bare = requested(json!({"groups": ["web-nightly"]}));
    assert_eq!(bare.selection.groups, ["web-nightly"]);
    assert_eq!(bare.selection.tag.key, "ep:asg:patch");
    assert_eq!(
        bare.window.deadline.to_rfc3339(),
        "2026-10-14T07:00:00+00:00"
    );
    let full = requested(
        json!({"operation": "scan", "duration_hours": 1, "window": "acceptance",
        "filters": {"Environment": "Acc*", "Patch Group": ["Web", "App"]}, "max_failures": 2,
        "at_deadline": "finish", "after_document": "Acme-Tell", "keep_failed_days": 7, "max_in_flight": 3, "reason": "CVE-2026-1"}),
    );
    assert_eq!(full.operation, Operation::Scan);
    assert_eq!(full.documents.names().count(), 1);
    assert_eq!(full.about.why.as_deref(), Some("CVE-2026-1"));
    assert_eq!(
        full.selection.filters.to_string(),
        "Environment=Acc* Patch Group=App,Web"
    );
    assert_eq!(full.about.window.as_deref(), Some("acceptance"));
    assert_eq!(full.max_failures, FailureLimit::Count(2));
    assert_eq!(
        (full.window.deadline - full.window.cutoff).num_minutes(),
        20
    );
    let late =
        json!({"trigger": "schedule", "schedule": "s", "scheduled_time": "2026-10-14T01:00:00Z"});
    assert!(requested(late).window.is_over(now));
}

/// The inputs of `infra/window.yaml`, with values in the place of its parameters.
#[test]
fn a_windows_stack_gives_an_input_that_is_read() {
    let template = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/infra/window.yaml"));
    let inputs = template.lines().filter_map(|line| {
        let input = line.trim().strip_prefix("- '{\"trigger\"")?;
        Some(format!("{{\"trigger\"{}", input.strip_suffix('\'')?))
    });
    // What is put in where a document is named.
    let named = |of: &str| {
        let mut lines = template.lines().map(|l| l.trim().trim_start_matches("- "));
        let begin = format!("{of}: !If [Has{of}, !Sub '");
        let value = lines.find_map(|line| line.strip_prefix(&begin)?.strip_suffix("', '']"));
        value.expect("it is there").to_owned()
    };
    let values = [
        ("WindowName", "acceptance"),
        (
            "Filters",
            r#"{"Environment":"Acc*","Patch Group":["Web Server"]}"#,
        ),
        ("Operation", "Install"),
        ("DurationHours", "6"),
        ("CutoffHours", "2"),
        ("MaxInFlight", "20"),
        ("MaxFailures", "10%"),
        ("AtDeadline", "finish"),
        ("Before", &named("Before")),
        ("After", ""),
        ("BeforeDocument", "Acme-Drain"),
        ("BeforeFailure", "go-on"),
        ("AfterFailure", "keep"),
    ];
    let mut seen = 0;
    for input in inputs {
        let mut input = input
            .replace(
                "<aws.scheduler.schedule-arn>",
                "arn:aws:scheduler:eu-west-1:1:schedule/default/w",
            )
            .replace("<aws.scheduler.scheduled-time>", "2026-10-14T04:00:00Z")
            .replace("{{WINDOW_ID}}", "mw-0c50858d01EXAMPLE")
            .replace(
                "{{WINDOW_EXECUTION_ID}}",
                "14bea65d-5ccc-462d-a2f3-e99c8EXAMPLE",
            );
        for (name, value) in values {
            input = input.replace(&format!("${{{name}}}"), value);
        }
        let request = requested(serde_json::from_str(&input).expect(&input));
        assert_eq!(request.about.window.as_deref(), Some("acceptance"));
        let filters = request.selection.filters.to_string();
        assert_eq!(filters, "Environment=Acc* Patch Group=Web Server");
        assert_eq!(
            (request.window.deadline - request.window.start).num_hours(),
            6
        );
        assert_eq!(request.max_in_flight, Some(20));
        let documents = OwnersDocuments {
            before: "Acme-Drain".parse().ok(),
            after: None,
            before_failure: Some(BeforeFailure::GoOn),
            after_failure: Some(AfterFailure::Keep),
        };
        assert_eq!(request.documents, documents);
        seen += 1;
    }
    assert_eq!(seen, 2);
}

#[test]
fn a_dead_execution_names_its_input() {
    let event = |input: &str| {
        let detail = json!({"executionArn": EXECUTION, "status": "ABORTED", "input": input, "name": "by-hand"});
        read(
            &json!({"source": "aws.states", "detail-type": "Step Functions Execution Status Change", "detail": detail}),
        )
    };
    let restore = Asked::Restore {
        groups: vec!["web".into()],
        force: false,
    };
    for (input, expected) in [
        (
            "{\"mode\":\"restore\",\"groups\":[\"web\"]}",
            Some(Box::new(restore)),
        ),
        ("no JSON", None),
        ("{\"mode\":\"sweep\"}", Some(Box::new(Asked::Sweep))),
    ] {
        let dead = Asked::Dead {
            execution: EXECUTION.into(),
            status: "ABORTED".into(),
            input: expected,
        };
        assert_eq!(event(input), Ok(dead));
    }
}

#[test]
fn a_prune_keeps_at_least_what_the_stack_keeps() {
    let stack = Kept {
        keep: 2,
        older_than: chrono::TimeDelta::days(30),
        grace: chrono::TimeDelta::days(7),
    };
    let prune = |event: Value| match read(&event) {
        Ok(Asked::Prune(input)) => *input,
        other => panic!("{other:?}"),
    };
    let plain = prune(json!({"mode": "prune"}));
    assert_eq!((plain.apply, plain.kept(stack)), (false, Ok(stack)));
    let more = prune(
        json!({"mode": "prune", "apply": true, "keep": 5, "older_than_days": 90,
        "grace_days": 14, "groups": ["web"], "reason": "CHG-7"}),
    );
    assert!(more.apply && more.groups == ["web"], "{more:?}");
    let kept = more.kept(stack).expect("more than the stack");
    let days = (kept.older_than.num_days(), kept.grace.num_days());
    assert_eq!((kept.keep, days), (5, (90, 14)));
    for (field, expected) in [
        (
            "keep",
            "keep: expected at least 2, as the stack keeps (PruneKeep), found 1",
        ),
        (
            "older_than_days",
            "older_than_days: expected at least 30 days, as the stack keeps (PruneOlderThanDays), found 1 day",
        ),
        (
            "grace_days",
            "grace_days: expected at least 7 days, as the stack keeps (PruneGraceDays), found 1 day",
        ),
    ] {
        let mut event = json!({"mode": "prune"});
        event[field] = json!(1);
        let less = prune(event).kept(stack).expect_err("less than the stack");
        assert_eq!(less.to_string(), expected);
    }
}

#[test]
fn nonsense_is_refused_with_expected_and_found() {
    let rows = [
        (json!([]), "expected a JSON object, found []"),
        (
            json!({"mode": "patch"}),
            "unknown variant `patch`, expected one of",
        ),
        (json!({"group": ["web"]}), "unknown field `group`"),
        (json!({"groups": "web"}), "expected a sequence"),
        (
            json!({"groups": [""]}),
            "expected names of 1 to 255 characters, found ''",
        ),
        (
            json!({"operation": "Reboot"}),
            "expected the operation Install or Scan, found 'Reboot'",
        ),
        (
            json!({"duration_hours": 0}),
            "duration_hours: expected 1 to 24, found 0",
        ),
        (
            json!({"filters": {"Environment": []}}),
            "filters: expected keys with values",
        ),
        (
            json!({"filters": {"Environment": 3}}),
            "a text or a list of texts",
        ),
        (json!({"window": ""}), "window: expected a name"),
        (json!({"keep_failed_days": 0}), "a number of days, 1 to 90"),
        (
            json!({"before_document": "no name"}),
            "the name or ARN of an Automation runbook",
        ),
        (json!({"after_failure": "shrug"}), "'roll-back' or 'keep'"),
        (
            json!({"max_failures": "200%"}),
            "expected a number of groups or a percentage",
        ),
        (
            json!({"mode": "restore", "operation": "Scan"}),
            "expected nothing but mode, groups and reason",
        ),
        (json!({"grace_days": 9}), "none but with the mode prune"),
        (
            json!({"mode": "prune", "keep": 10_001}),
            "keep: expected at most 10000",
        ),
        (
            json!({"mode": "prune", "force": true}),
            "none but with the mode restore",
        ),
        (
            json!({"mode": "sweep", "groups": ["web"]}),
            "the mode restore takes some",
        ),
        (
            json!({"scheduled_time": "2026-10-14T04:00:00Z"}),
            "expected the trigger",
        ),
        (
            json!({"trigger": "schedule"}),
            "schedule: expected a value with this trigger",
        ),
        (
            json!({"trigger": "schedule", "schedule": "s", "scheduled_time": "at four"}),
            "found 'at four'",
        ),
        (
            json!({"source": "aws.ec2", "detail-type": "EC2 Instance State-change Notification"}),
            "found 'EC2 Instance",
        ),
        (json!({"detail-type": 5}), "in the event"),
    ];
    for (event, expected) in rows {
        let error = read(&event).expect_err("nonsense").to_string();
        assert!(error.contains(expected), "{event}: {error}");
    }
}
