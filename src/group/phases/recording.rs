//! Recording: done when our record is stored and read back, and the group is still as planned.

use std::collections::BTreeSet;

use super::super::decision::{Context, Decided, Decision, failed, go};
use super::super::effect::Effect;
use super::super::fault::Read;
use super::super::job::Job;
use super::super::launch::LaunchState;
use super::super::seen::{GroupSeen, Need, RecordSeen, Seen};
use super::super::unsuitable::refresh_under_way;
use super::super::{Code, Phase, limits};
use super::versioning;
use crate::text::moment;

pub(super) fn needs(job: &Job) -> BTreeSet<Need> {
    let mut needs = BTreeSet::from([Need::Record, Need::Group, Need::Templates]);
    if !job.evidence.no_refresh {
        needs.insert(Need::Refresh);
    }
    if job.launch == LaunchState::Unknown {
        needs.insert(Need::Instances);
    }
    needs
}

/// Takes down that no instance refresh was under way: before the first change that is looked at once.
pub(super) fn learn(job: &mut Job, seen: &Seen) {
    job.evidence.no_refresh |= seen.refresh == Read::Absent;
}

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
                stored.run_id,
                stored.owner,
                moment(stored.deadline)
            ),
        )),
        Read::Present(RecordSeen::Unreadable { problem, .. }) => Ok(failed(
            problem.code,
            format!("the group has a record already: {}", problem.reason),
        )),
        Read::Absent => store(cx),
        other @ (Read::Failed(_) | Read::Unread) => {
            cx.read(other, "the record")?;
            store(cx)
        }
    }
}

/// The group as it is now: it may have waited in the queue while its schedule changed it.
fn store(cx: &Context<'_>) -> Decided {
    if let Read::Present(id) = &cx.seen.refresh {
        return Ok(Decision::Fail(refresh_under_way(id)));
    }
    if !cx.job.evidence.no_refresh {
        cx.read(&cx.seen.refresh, "the group's instance refreshes")?;
    }
    let group = cx.group()?;
    let mut record = cx.record().clone();
    // By AWS's clock: it is compared with the time at which AWS stores it.
    let offset = cx.job.clock_offset;
    record.written_at = cx.now.checked_add_signed(offset).unwrap_or(cx.now);
    record.capacity = group.capacity;
    record.suspended.clone_from(&group.suspended);
    record
        .guarded
        .retain(|process| !group.suspended.contains(process));
    let record = record.listing(group.members.keys());
    let effect = Effect::StoreRecord(Box::new(record));
    Ok(store_once(cx, effect))
}

fn store_once(cx: &Context<'_>, effect: Effect) -> Decision {
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

/// A group that changed between record and start is not started, nor one that names other versions than planned.
fn check_group(cx: &Context<'_>, group: &GroupSeen) -> Decided {
    let record = cx.record();
    if cx.job.open_launch().is_some() {
        // The driver before had come further.
        return Ok(go(next(cx)?, "the record is stored"));
    }
    let changed = |what: &str, planned: String, found: String| {
        Ok(failed(
            Code::ChangedSincePlan,
            format!("{what}: expected {planned}, found {found}"),
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
    Ok(go(next(cx)?, "the record is stored"))
}

/// A launch that was begun goes on: its group is changed already.
fn next(cx: &Context<'_>) -> Result<Phase, Decision> {
    let has_document = cx.forward()?.runbooks.before.is_some();
    if has_document && cx.job.open_launch().is_none() {
        return Ok(Phase::RunningBefore);
    }
    first(cx)
}

/// The phase that first changes the group.
pub(super) fn first(cx: &Context<'_>) -> Result<Phase, Decision> {
    Ok(if cx.forward()?.bakes {
        Phase::Launching
    } else {
        Phase::Versioning
    })
}
