//! Maintenance windows of Pingdom.

use serde_json::{Value, json};

use super::escape;
use crate::notices::Notice;
use crate::text::hash_hex;

/// Characters of a description: no limit is documented, and the list shows one line.
const DESCRIPTION_CHARS: usize = 200;
/// This time stands for now. Source: Pingdom's OpenAPI, `maintenance`, `from` and `to`.
pub const NOW: i64 = 1;

/// The mark at the start of a description, by which a window is found again: for people, and a hash that no other window, application
/// or environment has.
pub fn mark(notice: &Notice) -> String {
    let parts = [
        notice.window_id.as_str(),
        &notice.application,
        &notice.environment,
    ];
    let [window, application, environment] = parts;
    let readable = escape::plain(
        &format!("{window} {application}/{environment}"),
        DESCRIPTION_CHARS / 2,
    );
    format!("[asg-patch {readable} {}]", hash_hex(&parts, 4))
}

/// The description: the mark, then words.
pub fn description(notice: &Notice) -> String {
    let test = if notice.is_test { "TEST " } else { "" };
    escape::plain(
        &format!("{} {test}patching", mark(notice)),
        DESCRIPTION_CHARS,
    )
}

/// Makes the window, from `from` on (UNIX seconds, or [`NOW`]). `as_text`: ids as a quoted list, as old servers want them.
pub fn create(notice: &Notice, from: i64, checks: &[u64], as_text: bool) -> Value {
    let to = notice.times.planned.end.timestamp();
    json!({
        "description": description(notice), "from": from, "to": to, "recurrencetype": "none", "repeatevery": 0, "effectiveto": to,
        "uptimeids": ids(checks, as_text),
    })
}

fn ids(checks: &[u64], as_text: bool) -> Value {
    if as_text {
        let ids: Vec<String> = checks.iter().map(u64::to_string).collect();
        return ids.join(",").into();
    }
    json!(checks)
}

/// Other times.
pub fn moved(from: Option<i64>, to: i64) -> Value {
    match from {
        Some(from) => json!({"from": from, "to": to, "effectiveto": to}),
        None => json!({"to": to, "effectiveto": to}),
    }
}

/// Ends it now.
pub fn over() -> Value {
    json!({"to": NOW})
}
