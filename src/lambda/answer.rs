//! Answers to the state machine: `next` says where it goes on.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::aws::Claim;
use crate::clock::Clock;
use crate::group::Failure;
use crate::ids::RunId;
use crate::report::{PlanReport, RunReport, fit};
use crate::text::{counted, moment, shortened};

/// Bytes of an output for people: well below the 256 KiB that Step Functions passes along.
const OUTPUT_LIMIT_BYTES: usize = 200 * 1024;
/// Sentences are cut: the cause of an execution's end has 32,768 characters at most.
const REASON_LIMIT: usize = 1_000;
/// Step Functions waits by whole seconds.
const WHOLE_SECONDS: TimeDelta = TimeDelta::milliseconds(999);

/// Come again then, by the machine's clock.
pub(super) fn later(at: DateTime<Utc>, clock: &Clock) -> Value {
    json!({"next": "Later", "wake_at": wake_at(at, clock)})
}

/// A time by the machine's clock, by which Step Functions waits. Rounded up: a pass that comes early finds nothing
/// to do and has to come again.
pub(super) fn wake_at(at: DateTime<Utc>, clock: &Clock) -> String {
    let real = clock.to_real(at) + WHOLE_SECONDS;
    real.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

pub(super) fn refused(failure: &Failure) -> Value {
    let reason = shortened(&failure.reason, REASON_LIMIT);
    json!({
        "next": "Refused",
        "status": "Refused",
        "code": failure.code,
        "reason": format!("{}: {reason}", failure.code),
    })
}

pub(super) fn duplicate(claim: &Claim) -> Value {
    let summary = format!(
        "run {} was begun at {} by {}; nothing was done here",
        claim.run_id,
        moment(claim.at),
        claim.owner
    );
    let output = json!({"status": "Duplicate", "run_id": claim.run_id, "summary": summary});
    json!({"next": "Duplicate", "output": output})
}

pub(super) fn nothing_to_do(summary: &str) -> Value {
    json!({"next": "Ended", "output": {"status": "NothingToDo", "summary": summary}})
}

/// A freeze is no failure: nobody is alarmed.
pub(super) fn frozen(run_id: &RunId, failure: &Failure) -> Value {
    let summary = format!(
        "{}: {}",
        failure.code,
        shortened(&failure.reason, REASON_LIMIT)
    );
    json!({"next": "Ended", "output": {
        "status": "Frozen",
        "run_id": run_id,
        "code": failure.code,
        "summary": summary,
    }})
}

pub(super) fn planned(plan: &PlanReport) -> Value {
    let tried = plan.groups.iter().filter(|g| g.refusal.is_none()).count();
    let summary = format!(
        "{} would be tried, {} would not",
        counted(tried, "group"),
        plan.groups.len() - tried
    );
    let mut document = json!(plan);
    // The estimate sums the budget up.
    shorten(&mut document, &["budget", "notes"]);
    let output = json!({"status": "Planned", "summary": summary, "plan": document});
    json!({"next": "Ended", "output": output})
}

/// A sweep that leaves something open has not failed for it: the next one goes on, and an alarm is raised by
/// the metrics.
pub(super) fn ended(report: &RunReport, summary: &str, is_sweep: bool) -> Value {
    let is_open = report.left_open().next().is_some();
    let status = if is_open { "LeftOpen" } else { "Done" };
    let next = if is_open && !is_sweep {
        "LeftOpen"
    } else {
        "Done"
    };
    let mut document = json!(report);
    shorten(
        &mut document,
        &["console", "installed", "missing", "phases", "notes"],
    );
    let output = json!({
        "status": status,
        "run_id": report.run_id,
        "summary": summary,
        "report": document,
    });
    let mut answer = json!({"next": next, "output": output});
    if is_open {
        answer["reason"] = json!(shortened(summary, REASON_LIMIT));
    }
    answer
}

/// Leaves out these fields of the groups, one after the other, and then groups from the end, until it fits. The
/// document names the fields and counts the groups that it lacks.
fn shorten(document: &mut Value, fields: &[&str]) {
    let Some(groups) = document["groups"].as_array_mut() else {
        return;
    };
    let bytes = |groups: &[Value]| {
        groups
            .iter()
            .map(|g| g.to_string().len() + 1)
            .sum::<usize>()
    };
    let steps = fields.iter().map(|field| without(field));
    let steps: Vec<_> = steps.collect();
    let taken = fit::give_up(groups, &steps, |g| bytes(g) <= OUTPUT_LIMIT_BYTES);
    let all = groups.len();
    let fits = fit::most(all, |n| bytes(&groups[..n]) <= OUTPUT_LIMIT_BYTES);
    groups.truncate(fits);
    if taken > 0 {
        document["fields_left_out"] = json!(fields[..taken]);
    }
    if fits < all {
        document["groups_left_out"] = json!(all - fits);
    }
}

/// Leaves out a field of the groups. A list becomes empty: it is still the document that its readers know.
fn without(field: &str) -> impl Fn(&mut Vec<Value>) {
    move |groups| {
        for group in groups.iter_mut().filter_map(Value::as_object_mut) {
            match group.get_mut(field) {
                Some(Value::Array(values)) => values.clear(),
                Some(_) => _ = group.remove(field),
                None => {}
            }
        }
    }
}

/// The execution's page in the AWS console.
pub(super) fn link(execution: &str) -> Option<String> {
    let mut parts = execution.split(':').skip(1);
    let (partition, service, region) = (parts.next()?, parts.next()?, parts.next()?);
    let domain = match partition {
        "aws-cn" => "console.amazonaws.cn",
        "aws-us-gov" => "console.amazonaws-us-gov.com",
        _ => "console.aws.amazon.com",
    };
    (service == "states").then(|| {
        format!("https://{region}.{domain}/states/home?region={region}#/v2/executions/details/{execution}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_document_loses_details_first_and_groups_last() {
        let document = |groups: usize, phases: usize| {
            let group = json!({"group": "web", "installed": ["p".repeat(500)], "budget": "x".repeat(phases)});
            let mut document = json!({"groups": vec![group; groups]});
            shorten(&mut document, &["installed", "budget"]);
            let left = document["groups"].as_array().map_or(0, Vec::len);
            (
                left,
                document["fields_left_out"].clone(),
                document["groups_left_out"].clone(),
            )
        };
        assert_eq!(document(100, 500), (100, Value::Null, Value::Null));
        assert_eq!(document(300, 500), (300, json!(["installed"]), Value::Null));
        assert_eq!(
            document(3_000, 500),
            (3_000, json!(["installed", "budget"]), Value::Null)
        );
        let (left, _, out) = document(20_000, 500);
        assert!(left > 5_000 && out == json!(20_000 - left), "{left} {out}");
    }
}
