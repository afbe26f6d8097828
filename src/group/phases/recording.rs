//! Recording: done when our record is stored and read back, and the group is still as planned.

use super::super::decision::{Context, Decided, Decision, failed, go};
use super::super::effect::Effect;
use super::super::fault::Read;
use super::super::seen::{GroupSeen, RecordSeen};
use super::super::{Code, Phase, limits};
use super::versioning;

pub(super) fn decide(cx: &Context<'_>) -> Decided {
    let record = cx.record();
    match &cx.seen.record {
        Read::Present(RecordSeen::Readable(stored)) if stored.is_same_record(record) => {
            check_group(cx, cx.group()?)
        }
        Read::Present(RecordSeen::Readable(stored)) => Ok(failed(
            Code::Locked,
            format!(
                "run {} ({}) holds the group's record until {}",
                stored.run_id, stored.owner, stored.deadline
            ),
        )),
        Read::Present(RecordSeen::Unreadable { problem, .. }) => Ok(failed(
            Code::RecordUnreadable,
            format!("a record of the group exists and cannot be read: {problem}"),
        )),
        Read::Absent => Ok(store(cx)),
        other @ (Read::Failed(_) | Read::Unread) => {
            cx.read(other, "the record")?;
            Ok(store(cx))
        }
    }
}

fn store(cx: &Context<'_>) -> Decision {
    let mut record = cx.record().clone();
    record.written_at = cx.now;
    let effect = Effect::StoreRecord(Box::new(record));
    if cx.is_fresh(&effect) {
        return cx.wait(
            limits::RECORD_SHOWS_PAUSE,
            "the record is stored, not readable yet",
        );
    }
    if cx.job.done_at(&effect).is_some() {
        return failed(
            Code::RecordLost,
            "the group's record was stored and is gone",
        );
    }
    cx.act(
        effect,
        limits::NO_PAUSE,
        "storing the record before the first change",
    )
}

/// A group that changed between plan and record is not started.
fn check_group(cx: &Context<'_>, group: &GroupSeen) -> Decided {
    let record = cx.record();
    let changed = |what: &str, planned: String, found: String| {
        Ok(failed(
            Code::ChangedSincePlan,
            format!("{what}: expected {planned} as planned, found {found}"),
        ))
    };
    if group.capacity != record.capacity {
        return changed(
            "capacity",
            record.capacity.to_string(),
            group.capacity.to_string(),
        );
    }
    if group.pins != record.pins {
        let text = |pins: &[super::super::pin::Pin]| {
            let pins: Vec<String> = pins.iter().map(ToString::to_string).collect();
            pins.join(", ")
        };
        return changed("launch template", text(&record.pins), text(&group.pins));
    }
    if group.suspended != record.suspended {
        return changed(
            "suspended processes",
            format!("{:?}", record.suspended),
            format!("{:?}", group.suspended),
        );
    }
    let templates = cx.read(&cx.seen.templates, "the launch templates")?;
    versioning::drift(cx, templates, &versioning::versions(cx))?;
    Ok(go(Phase::Guarding, "the record is stored"))
}
