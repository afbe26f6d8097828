//! Slack's error words.
//!
//! Sources: slack-ruby/slack-api-ref, methods/chat.postMessage.json and chat.update.json (2026-08-20);
//! api.slack.com/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks.

use super::fault::{FaultKind, Judged, by_status};
use super::outside::Answer;
use serde_json::Value;

/// The judgement of an answer of the Web API: `200 {"ok":false,"error":...}` is a refusal.
pub(super) fn of_api(answer: &Answer) -> Option<Judged> {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    match (body["ok"].as_bool(), body["error"].as_str()) {
        (Some(true), _) if answer.status == 200 => None,
        (Some(false), Some(word)) => Some(of_word(word, answer.status)),
        // A page of something in between.
        _ => by_status(answer.status).or_else(|| {
            let remedy = "Look in the channel whether the notice arrived";
            Some(Judged::new(FaultKind::Unknown, "no JSON", remedy))
        }),
    }
}

/// The judgement of an answer of an incoming webhook: the body is a bare word. The word counts, not the status.
pub(super) fn of_hook(answer: &Answer) -> Option<Judged> {
    let word = answer.body.trim();
    let is_word = !word.is_empty()
        && word.len() < 64
        && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    match (answer.status, is_word) {
        (200, true) if word == "ok" => None,
        (_, true) => Some(of_word(word, answer.status)),
        (status, false) => by_status(status),
    }
}

/// The words after which a message cannot be edited (any more), but a new one can be posted.
pub(super) fn is_uneditable(word: &str) -> bool {
    [
        "message_not_found",
        "cant_update_message",
        "edit_window_closed",
        "update_failed",
    ]
    .contains(&word)
}

fn of_word(word: &str, status: u16) -> Judged {
    use FaultKind::{Again, Final, SlowDown, Unknown};
    let (class, remedy) = match word {
        "ratelimited" | "rate_limited" | "message_limit_exceeded" => (
            SlowDown,
            "Slack wants fewer messages; the next notice may pass",
        ),
        "channel_not_found" | "user_not_found" => (
            Final,
            "Name the channel's id (C...) as its details in Slack show it, and invite the bot",
        ),
        "not_in_channel" => (Final, "Invite the bot: /invite @BOT in the channel"),
        "is_archived" | "channel_is_archived" => (Final, "Unarchive the channel, or name another"),
        "invalid_auth" | "not_authed" | "token_revoked" | "token_expired" | "account_inactive" => (
            Final,
            "Install the app anew, and store its bot token in the channel's secret parameter",
        ),
        "invalid_token" | "no_service" | "no_service_id" | "no_active_hooks" | "no_team"
        | "team_disabled" => (
            Final,
            "The webhook is gone: make a new one, and store its address in the channel's secret parameter",
        ),
        "missing_scope" => (
            Final,
            "Give the app the scope chat:write, and install it anew",
        ),
        "action_prohibited"
        | "restricted_action"
        | "posting_to_general_channel_denied"
        | "ekm_access_denied" => (
            Final,
            "An administrator of the workspace restricts posting there: ask them, or name another channel",
        ),
        w if w.starts_with("restricted_action") => (
            Final,
            "An administrator of the workspace restricts posting there: ask them",
        ),
        "msg_blocks_too_long"
        | "msg_too_long"
        | "invalid_blocks"
        | "invalid_blocks_format"
        | "no_text"
        | "metadata_too_large"
        | "invalid_payload"
        | "invalid_json"
        | "too_many_attachments" => (
            Final,
            "Shorten the channel's own words; if it has none, report it as a bug",
        ),
        "message_not_found"
        | "cant_update_message"
        | "edit_window_closed"
        | "update_failed"
        | "thread_not_found" => (Final, "Nothing: the next notice posts anew"),
        "rollup_error" | "service_unavailable" | "request_timeout" => (
            Again,
            "Slack has trouble of its own: look at slack-status.com",
        ),
        // Their documentation says that some part of the request may have succeeded.
        "fatal_error" | "internal_error" => {
            (Unknown, "Look in the channel whether the notice arrived")
        }
        _ if status == 429 => (
            SlowDown,
            "Slack wants fewer messages; the next notice may pass",
        ),
        _ if status >= 500 => (
            Again,
            "Slack has trouble of its own: look at slack-status.com",
        ),
        _ => (
            Final,
            "Look the word up in Slack's reference of chat.postMessage",
        ),
    };
    Judged::new(class, word, remedy)
}
