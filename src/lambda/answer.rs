//! Answers to the state machine: `next` says where it goes on.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::store::{Storing, console};
use crate::aws::Claim;
use crate::clock::Clock;
use crate::group::{Code, Failure};
use crate::ids::RunId;
use crate::report::{PlanReport, PruneAction, PruneReport, RunReport, fit};
use crate::text::{counted, moment, plain_text, shortened};
use crate::windows::{Approval, Decision};

/// Bytes of a report. Step Functions passes 256 KiB along: with what an answer has besides, with what Lambda says of the
/// invocation, and with S3's words if the report cannot be stored. Beyond it an execution ends, and nothing can catch that.
const OUTPUT_LIMIT_BYTES: usize = 228 * 1024;
/// Sentences are cut: the cause of an execution's end has 32,768 characters at most.
const REASON_LIMIT: usize = 1_000;
/// Sentences about what could not be read.
const UNREAD_LIMIT: usize = 5;
/// Step Functions waits by whole seconds.
const WHOLE_SECONDS: TimeDelta = TimeDelta::milliseconds(999);

/// A run that waits looks for its approval this often by itself: a word that did not wake it is made up for.
pub(super) const LOOK_AGAIN: TimeDelta = TimeDelta::minutes(30);

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

/// The run is planned, and channels hear that it begins. Where that is required, the reason stands by for an execution that cannot
/// even ask the function.
pub(super) fn announce(state: Value, is_required: bool) -> Value {
    let mut answer = json!({"next": "Announce", "state": state});
    if is_required {
        let code = Code::NoticeNotSent;
        answer["reason"] = json!(format!("{code}: channels could not be told that it begins"));
    }
    answer
}

/// The run is planned, and waits for a person until then.
pub(super) fn wait_for_approval(until: DateTime<Utc>, clock: &Clock) -> Value {
    let left = (until - clock.now() + WHOLE_SECONDS).min(LOOK_AGAIN);
    json!({"next": "Approval", "wait_seconds": left.num_seconds().max(1)})
}

/// Of a task whose answer nobody reads.
pub(super) fn empty() -> Value {
    json!({})
}

/// A decision about an opening.
pub(super) fn decided(approval: &Approval, has_waited: bool) -> Value {
    let (status, word) = match approval.decision {
        Decision::Approved => ("Approved", "approved"),
        Decision::Rejected => ("Rejected", "rejected"),
    };
    let then = match has_waited {
        true => "; its run waited, and goes on now",
        false => "",
    };
    let summary = format!(
        "the opening of {} on {} is {word} by {}{then}",
        plain_text(&approval.window),
        moment(approval.start),
        approval.words(),
    );
    let output = json!({"status": status, "summary": summary, "approval": approval});
    json!({"next": "Ended", "output": output})
}

/// A decision was not taken: its runbook fails, and nobody is alarmed.
pub(super) fn not_decided(failure: &Failure) -> Value {
    let reason = shortened(&failure.reason, REASON_LIMIT);
    json!({"next": "Ended", "output": {
        "status": "NotDecided",
        "code": failure.code,
        "summary": format!("{}: {reason}", failure.code),
    }})
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

/// That people keep a run from beginning is no failure: nobody is alarmed.
pub(super) fn not_begun(status: &str, run_id: &RunId, failure: &Failure) -> Value {
    let summary = format!(
        "{}: {}",
        failure.code,
        shortened(&failure.reason, REASON_LIMIT)
    );
    json!({"next": "Ended", "output": {
        "status": status,
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
    shorten(&mut document, "groups", &["budget", "notes"]);
    let output = json!({"status": "Planned", "summary": summary, "plan": document});
    json!({"next": "Ended", "output": output})
}

/// A run's report, shortened to what can be passed along.
pub(super) fn run_document(report: &RunReport) -> Value {
    let mut document = json!(report);
    let fields = [
        "evidence",
        "console",
        "installed",
        "missing",
        "phases",
        "notes",
    ];
    shorten(&mut document, "groups", &fields);
    if is_shortened(&document) {
        // The log keeps what the document lacks.
        for group in report.groups.iter().filter(|g| g.evidence.is_some()) {
            let evidence = serde_json::to_string(&group.evidence).ok();
            tracing::info!(
                group = group.group.as_str(),
                evidence,
                "evidence of patches"
            );
        }
    }
    document
}

/// A prune's report, shortened to what can be passed along. What stays comes last, so that it is given up first.
pub(super) fn prune_document(report: &PruneReport) -> Value {
    let mut report = report.clone();
    report.entries.sort_by_key(|e| match e.action {
        PruneAction::Remove | PruneAction::Deprecate => 0,
        PruneAction::Wait | PruneAction::Keep => 1,
    });
    let mut document = json!(report);
    shorten(
        &mut document,
        "entries",
        &["snapshots", "versions", "reasons"],
    );
    document
}

/// Adds a warning to a run's document.
pub(super) fn warn(document: &mut Value, warning: &str) {
    if let Some(warnings) = document["warnings"].as_array_mut() {
        warnings.push(warning.into());
    }
}

/// A sweep that leaves something open has not failed for it: the next one goes on, and an alarm is raised by
/// the metrics.
pub(super) fn ended(report: &RunReport, document: Value, summary: &str, is_sweep: bool) -> Value {
    let is_open = report.left_open().next().is_some();
    let status = if is_open { "LeftOpen" } else { "Done" };
    let next = if is_open && !is_sweep {
        "LeftOpen"
    } else {
        "Done"
    };
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

pub(super) fn pruned(
    report: &PruneReport,
    run_id: &RunId,
    document: Value,
    summary: &str,
    is_unsent: bool,
) -> Value {
    let status = if report.applied {
        "Pruned"
    } else {
        "PrunePlanned"
    };
    let unread = report.unread().into_iter();
    let unread = unread
        .take(UNREAD_LIMIT)
        .map(|t| shortened(t, REASON_LIMIT));
    let mut warnings: Vec<String> = unread
        .map(|text| format!("what it may use is kept: {text}"))
        .collect();
    if is_unsent {
        warnings.push("the message was not sent".into());
    }
    let output = json!({
        "status": status,
        "run_id": run_id,
        "summary": summary,
        "counts": report.counts(),
        "warnings": warnings,
        "report": document,
    });
    json!({"next": "Done", "output": output})
}

/// Says where the state machine is to store the answer's report, and its readers where it will be.
pub(super) fn stored(mut answer: Value, storing: Option<&Storing>) -> Value {
    if let Some(storing) = storing {
        answer["output"]["stored_at"] = json!(storing.stored_at.uri);
        answer["store"] = json!({"key": storing.key});
    }
    answer
}

/// Ends the names of the fields in which a document says what it lacks.
const LEFT_OUT: &str = "_left_out";

/// Whether a document lacks something.
pub(super) fn is_shortened(document: &Value) -> bool {
    let mut fields = document.as_object().into_iter().flat_map(Map::keys);
    fields.any(|field| field.ends_with(LEFT_OUT))
}

/// Leaves out these fields of the entries of a list, one after the other, and then entries from the end, those without a code first,
/// until the whole fits. The document names the fields and counts the entries that it lacks.
fn shorten(document: &mut Value, list: &str, fields: &[&str]) {
    let Some(Value::Array(mut entries)) = document.get_mut(list).map(Value::take) else {
        return;
    };
    let rest = document.to_string().len();
    let bytes = |entries: &[Value]| {
        let each = entries.iter().map(|e| e.to_string().len() + 1);
        rest + each.sum::<usize>()
    };
    let steps = fields.iter().map(|field| without(field));
    let steps: Vec<_> = steps.collect();
    let taken = fit::give_up(&mut entries, &steps, |e| bytes(e) <= OUTPUT_LIMIT_BYTES);
    let all = entries.len();
    if bytes(&entries) > OUTPUT_LIMIT_BYTES {
        entries.sort_by_key(|e| e["code"].is_null());
    }
    let fits = fit::most(all, |n| bytes(&entries[..n]) <= OUTPUT_LIMIT_BYTES);
    entries.truncate(fits);
    document[list] = entries.into();
    if taken > 0 {
        document[format!("fields{LEFT_OUT}")] = json!(fields[..taken]);
    }
    if fits < all {
        document[format!("{list}{LEFT_OUT}")] = json!(all - fits);
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
    let domain = console(execution)?;
    let region = execution.split(':').nth(3)?;
    Some(format!(
        "https://{region}.{domain}/states/home?region={region}#/v2/executions/details/{execution}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_document_loses_details_first_and_groups_last() {
        let document = |groups: usize, phases: usize| {
            let group = json!({"group": "web", "installed": ["p".repeat(500)], "budget": "x".repeat(phases)});
            let mut document = json!({"groups": vec![group; groups]});
            shorten(&mut document, "groups", &["installed", "budget"]);
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
        // A failure at the end is not what goes.
        let group = |n| json!({"group": n, "code": (n == 19_999).then_some("AP-0301")});
        let mut document = json!({"groups": (0..20_000).map(group).collect::<Vec<_>>()});
        shorten(&mut document, "groups", &[]);
        assert_eq!(document["groups"][0]["group"], 19_999);
        assert_eq!(document["groups"][1]["group"], 0);
    }
}
