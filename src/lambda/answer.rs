//! What the state machine reads: `next` says where it goes on.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use crate::aws::Claim;
use crate::clock::Clock;
use crate::group::Failure;
use crate::report::PlanReport;
use crate::report::RunReport;
use crate::run::relay::{Batch, RunState};

/// Step Functions passes 256 KiB along; what is for people stays well below.
const OUTPUT_LIMIT_BYTES: usize = 200 * 1024;
/// Sentences are cut: the cause of an execution's end has 32,768 characters at most.
const REASON_LIMIT: usize = 1_000;

/// A run between two steps, as it is passed along.
pub(super) fn of_run_state(run_state: &RunState) -> Value {
    passed(run_state)
}

/// A batch between two passes, as it is passed along. Step Functions waits by the machine's clock.
pub(super) fn of_batch(batch: &Batch, clock: &Clock) -> Value {
    let mut answer = passed(batch);
    if let Some(at) = batch.wake_at {
        answer["wake_at"] = json!(wake_at(at, clock));
    }
    answer
}

/// These types have no keys that are not strings, the only way in which this can fail.
fn passed(state: &impl Serialize) -> Value {
    serde_json::to_value(state).unwrap_or_default()
}

/// Come again then, by the machine's clock.
pub(super) fn later(at: DateTime<Utc>, clock: &Clock) -> Value {
    json!({"next": "Later", "wake_at": wake_at(at, clock)})
}

/// Rounded up: who comes early finds nothing to do and comes again.
fn wake_at(at: DateTime<Utc>, clock: &Clock) -> String {
    let real = clock.to_real(at) + TimeDelta::milliseconds(999);
    real.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

pub(super) fn refused(failure: &Failure) -> Value {
    let reason = crate::text::shortened(&failure.reason, REASON_LIMIT);
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
        claim.run_id, claim.at, claim.owner
    );
    let output = json!({"status": "Duplicate", "run_id": claim.run_id, "summary": summary});
    json!({"next": "Duplicate", "output": output})
}

pub(super) fn nothing_to_do(summary: &str) -> Value {
    json!({"next": "Ended", "output": {"status": "NothingToDo", "summary": summary}})
}

pub(super) fn planned(plan: &PlanReport) -> Value {
    let tried = plan.groups.iter().filter(|g| g.refusal.is_none()).count();
    let summary = format!(
        "{} would be tried, {} would not",
        crate::text::counted(tried, "group"),
        plan.groups.len() - tried
    );
    let mut document = json!(plan);
    // The estimate says it all.
    shorten(&mut document, &["budget", "notes"]);
    let output = json!({"status": "Planned", "summary": summary, "plan": document});
    json!({"next": "Ended", "output": output})
}

/// A sweep that leaves something open has not failed for it: the next one goes on, and an alarm tells.
pub(super) fn ended(report: &RunReport, summary: &str, is_sweep: bool) -> Value {
    let is_open = report.left_open().next().is_some();
    let status = if is_open { "LeftOpen" } else { "Done" };
    let next = if is_open && !is_sweep {
        "LeftOpen"
    } else {
        "Done"
    };
    let mut document = json!(report);
    shorten(&mut document, &["installed", "phases", "notes"]);
    let output = json!({
        "status": status,
        "run_id": report.run_id,
        "summary": summary,
        "report": document,
    });
    let mut answer = json!({"next": next, "output": output});
    if is_open {
        answer["reason"] = json!(crate::text::shortened(summary, REASON_LIMIT));
    }
    answer
}

/// Leaves out these fields of the groups, one after the other, and then groups from the end, until it fits; says
/// what it left out.
fn shorten(document: &mut Value, fields: &[&str]) {
    let Some(groups) = document["groups"].as_array_mut() else {
        return;
    };
    let mut left_out = Vec::new();
    for field in fields {
        let bytes: usize = groups.iter().map(|g| g.to_string().len() + 1).sum();
        if bytes <= OUTPUT_LIMIT_BYTES {
            break;
        }
        for group in groups.iter_mut().filter_map(Value::as_object_mut) {
            match group.get_mut(*field) {
                // Still the document that its readers know.
                Some(Value::Array(values)) => values.clear(),
                Some(_) => _ = group.remove(*field),
                None => {}
            }
        }
        left_out.push(*field);
    }
    let all = groups.len();
    let mut bytes = 0;
    let fits = groups.iter().take_while(|g| {
        bytes += g.to_string().len() + 1;
        bytes <= OUTPUT_LIMIT_BYTES
    });
    let fits = fits.count();
    groups.truncate(fits);
    if !left_out.is_empty() {
        document["fields_left_out"] = json!(left_out);
    }
    if fits < all {
        document["groups_left_out"] = json!(all - fits);
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
    fn what_is_too_long_loses_details_first_and_groups_last() {
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
