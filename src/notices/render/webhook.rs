//! Notices for programs: JSON, as Standard Webhooks 1.0.0 wants it; and the detail of events, which has the same.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::notices::{GroupNote, Notice, OwnWords, Planned};
use crate::report::fit;
use crate::text::{hash_hex, shortened};

/// Bytes of a body. Source: Standard Webhooks, "Payload size": below 20 KB.
const BODY_BYTES: usize = 19 * 1024;
/// Characters of a reason of one group.
const REASON_CHARS: usize = 200;

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The message's id: the same for all attempts at this notice, so that a receiver knows a repetition. It has no dot.
pub fn id(notice: &Notice, channel: &str) -> String {
    let parts = [
        &notice.window_id,
        notice.application.as_str(),
        &notice.environment,
        channel,
        &notice.occasion(),
    ];
    format!("msg_{}", hash_hex(&parts, 16))
}

/// The word for its occasion: `patching.begun`.
pub fn kind(notice: &Notice) -> String {
    format!("patching.{}", notice.event.name())
}

/// The body. Packages and groups beyond its limit are left out, and counted.
pub fn body(notice: &Notice, words: &OwnWords, at: DateTime<Utc>) -> String {
    fitting(notice, |groups, packages| {
        document(notice, words, at, groups, packages).to_string()
    })
}

/// The detail of an event: the data of the body, and the id by which a receiver knows a repetition.
pub fn detail(notice: &Notice, words: &OwnWords, channel: &str, at: DateTime<Utc>) -> String {
    let id = id(notice, channel);
    fitting(notice, |groups, packages| {
        let mut data = document(notice, words, at, groups, packages)["data"].take();
        data["id"] = id.as_str().into();
        data.to_string()
    })
}

fn fitting(notice: &Notice, text: impl Fn(usize, usize) -> String) -> String {
    let packages = fit::most(notice.packages.len(), |n| {
        text(notice.groups.len(), n).len() <= BODY_BYTES
    });
    let groups = fit::most(notice.groups.len(), |n| {
        text(n, packages).len() <= BODY_BYTES
    });
    text(groups, packages)
}

fn document(
    notice: &Notice,
    words: &OwnWords,
    at: DateTime<Utc>,
    groups: usize,
    packages: usize,
) -> Value {
    let (story, own) = words.told(notice);
    let times =
        |p: Planned| json!({"start": time(p.start), "end": time(p.end), "zone": p.zone.name()});
    let (steps, _) = fit::first(&notice.what_to_do, 20);
    json!({
        "type": kind(notice),
        "timestamp": time(at),
        "data": {
            "test": notice.is_test,
            "window": notice.window_id,
            "window_name": notice.window,
            "application": notice.application,
            "environment": notice.environment,
            "planned": times(notice.times.planned),
            "planned_before": notice.times.before.map(times),
            "title": shortened(&story.title, 300),
            "text": shortened(own.as_deref().unwrap_or(&story.sentence), 2_000),
            "reason": shortened(&notice.reason, 1_000),
            "groups": notice.groups[..groups].iter().map(group).collect::<Vec<Value>>(),
            "groups_left_out": notice.groups.len() - groups,
            "outcomes": notice.outcomes,
            "packages": notice.packages[..packages],
            "packages_left_out": notice.packages.len() - packages,
            "what_to_do": steps.iter().map(|s| shortened(s, 300)).collect::<Vec<String>>(),
            "run_id": notice.run_id,
            "report_url": notice.report_url,
            "pages_url": notice.pages_url,
        },
    })
}

fn group(note: &GroupNote) -> Value {
    json!({
        "group": note.group, "outcome": note.outcome, "code": note.code, "left_open": note.left_open, "size": note.size,
        "image_gib": note.image_gib, "reason": shortened(&note.reason, REASON_CHARS),
    })
}
