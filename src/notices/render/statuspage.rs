//! Scheduled maintenances of Atlassian Statuspage. A page is public: no names of groups, no reasons, no packages.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::escape;
use crate::notices::{ChannelKind, Notice, NoticeEvent, OwnWords, story};

/// Characters of a name and of a body. Source: Statuspage's OpenAPI, `Incident`.
const NAME_CHARS: usize = 255;
const BODY_CHARS: usize = 25_000;

const KIND: ChannelKind = ChannelKind::Statuspage;

/// Times are sent in UTC: the page shows them in its own zone.
fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The mark by which a maintenance is found again in the page's lists.
pub fn metadata(notice: &Notice) -> Value {
    json!({"asg_patch": {"window": notice.window_id, "app": notice.application, "env": notice.environment}})
}

/// Makes the maintenance. It begins by itself; only we complete it, so that it does not say so while work is under way.
/// States of components are not sent here: they might apply a day early.
pub fn create(notice: &Notice, words: &OwnWords, components: &[String]) -> Value {
    let planned = notice.times.planned;
    let tells = !notice.is_test;
    json!({"incident": {
        "name": name(notice),
        "status": "scheduled",
        "impact_override": "maintenance",
        "scheduled_for": time(planned.start),
        "scheduled_until": time(planned.end),
        "scheduled_remind_prior": tells,
        "scheduled_auto_in_progress": true,
        "scheduled_auto_completed": false,
        "auto_transition_to_maintenance_state": true,
        "auto_transition_to_operational_state": true,
        "auto_transition_deliver_notifications_at_start": tells,
        "auto_transition_deliver_notifications_at_end": tells,
        "deliver_notifications": tells,
        "body": body(notice, words),
        "component_ids": components,
        "metadata": metadata(notice),
    }})
}

/// The maintenance is under way.
pub fn in_progress(notice: &Notice, words: &OwnWords, components: &[String]) -> Value {
    with_states(
        notice,
        words,
        "in_progress",
        "under_maintenance",
        components,
    )
}

/// The maintenance is over. While a group is not restored, it is not: the page then says that the end is being verified.
pub fn over(notice: &Notice, words: &OwnWords, components: &[String]) -> Value {
    match notice.has_open_group() {
        true => with_states(notice, words, "verifying", "under_maintenance", components),
        false => with_states(notice, words, "completed", "operational", components),
    }
}

fn with_states(
    notice: &Notice,
    words: &OwnWords,
    status: &str,
    state: &str,
    components: &[String],
) -> Value {
    let states: Map<String, Value> = components
        .iter()
        .map(|id| (id.clone(), state.into()))
        .collect();
    json!({"incident": {
        "status": status, "body": body(notice, words), "components": states, "deliver_notifications": !notice.is_test,
    }})
}

/// Other times.
pub fn moved(notice: &Notice, words: &OwnWords) -> Value {
    let planned = notice.times.planned;
    json!({"incident": {
        "scheduled_for": time(planned.start),
        "scheduled_until": time(planned.end),
        "body": body(notice, words),
        "deliver_notifications": !notice.is_test,
    }})
}

/// A later end of what is under way.
pub fn overrun(notice: &Notice, words: &OwnWords) -> Value {
    json!({"incident": {"scheduled_until": time(notice.times.planned.end), "body": body(notice, words)}})
}

fn name(notice: &Notice) -> String {
    let test = if notice.is_test { "TEST - " } else { "" };
    escape::plain(
        &format!("{test}Scheduled maintenance: {}", notice.place()),
        NAME_CHARS,
    )
}

fn body(notice: &Notice, words: &OwnWords) -> String {
    let (_, own) = words.told(notice);
    match own {
        Some(own) => escape::cut(&own, BODY_CHARS),
        None => escape::fitted(KIND, &public(notice), BODY_CHARS),
    }
}

/// Reasons, outcomes and what is left to do are the owners' business.
fn public(notice: &Notice) -> String {
    if notice.event == NoticeEvent::Ended && notice.has_open_group() {
        return format!(
            "Maintenance of {} has ended and is being verified.",
            notice.place()
        );
    }
    let silent = Notice {
        reason: String::new(),
        outcomes: BTreeMap::new(),
        groups: Vec::new(),
        ..notice.clone()
    };
    story(&silent).sentence
}
