//! Small pieces that all renderings share.

use crate::group::{Outcome, Phase};
use crate::report::GroupReport;

/// A duration in its two largest units: `45s`, `12m 05s`, `1h 12m`, `2d 03h`.
pub fn duration(seconds: u64) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    match seconds {
        s if s < MINUTE => format!("{s}s"),
        s if s < HOUR => format!("{}m {:02}s", s / MINUTE, s % MINUTE),
        s if s < DAY => format!("{}h {:02}m", s / HOUR, s % HOUR / MINUTE),
        s => format!("{}d {:02}h", s / DAY, s % DAY / HOUR),
    }
}

/// `text` with at most `limit` characters; what is cut off is replaced by ` ...`.
pub fn shortened(text: &str, limit: usize) -> String {
    const MARK: &str = " ...";
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let kept: String = text
        .chars()
        .take(limit.saturating_sub(MARK.len()))
        .collect();
    format!("{}{MARK}", kept.trim_end())
}

/// `text` on one line and without control characters: error texts of AWS can hold any.
pub fn plain_text(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        if !plain.is_empty() {
            plain.push(' ');
        }
        plain.push_str(word);
    }
    plain
}

/// The outcome for human eyes.
pub(super) fn outcome_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Patched => "patched",
        Outcome::AlreadyCurrent => "already current",
        Outcome::Skipped => "skipped",
        Outcome::RolledBack => "rolled back",
        Outcome::Failed => "failed",
    }
}

/// `before` and `after` as one cell; just the one if nothing changed. What both have around their
/// numbers is said once: `$Latest (3 → 4)`.
pub(super) fn transition(before: Option<&str>, after: Option<&str>, stacked: bool) -> String {
    let (before, after) = match (before, after) {
        (Some(b), Some(a)) if a != b => (b, a),
        (Some(one), _) | (None, Some(one)) => return one.to_owned(),
        (None, None) => return "-".to_owned(),
    };
    if stacked {
        return format!("{before}\n{after}");
    }
    let inner = |text: &'_ str| -> Option<(String, String)> {
        let (head, rest) = text.split_once(" (")?;
        Some((head.to_owned(), rest.strip_suffix(')')?.to_owned()))
    };
    match (inner(before), inner(after)) {
        (Some((head, b)), Some((same, a))) if head == same => format!("{head} ({b} → {a})"),
        _ => format!("{before} → {after}"),
    }
}

/// An id of AWS's that is long enough to be recognised by its ends: `ami-0383…8859`.
pub(super) fn short_id(id: &str) -> String {
    const KEPT: usize = 4;
    match id.split_once('-') {
        Some((kind, hex)) if hex.len() > 3 * KEPT && hex.is_ascii() => {
            format!("{kind}-{}…{}", &hex[..KEPT], &hex[hex.len() - KEPT..])
        }
        _ => id.to_owned(),
    }
}

/// `before -> after`, or the one value there is if nothing changed.
pub(super) fn change(before: Option<&str>, after: Option<&str>) -> Option<String> {
    match (before, after) {
        (Some(b), Some(a)) if a != b => Some(format!("{b} -> {a}")),
        (Some(one), _) | (None, Some(one)) => Some(one.to_owned()),
        (None, None) => None,
    }
}

/// Seconds that a group was worked on: the time in the queue does not count.
pub(super) fn worked_seconds(group: &GroupReport) -> u64 {
    group
        .phases
        .iter()
        .filter(|p| p.phase != Phase::Queued)
        .map(|p| p.seconds)
        .sum()
}

/// `1 group`, `2 groups`.
pub(crate) fn counted(n: usize, noun: &str) -> String {
    if n == 1 {
        format!("1 {noun}")
    } else {
        format!("{n} {noun}s")
    }
}

#[cfg(test)]
mod tests {
    use super::{duration, plain_text, short_id, shortened, transition};

    #[test]
    fn durations_show_their_two_largest_units() {
        let shown: Vec<String> = [0, 59, 60, 725, 3600, 4320, 97_200]
            .map(duration)
            .into_iter()
            .collect();
        assert_eq!(
            shown,
            [
                "0s", "59s", "1m 00s", "12m 05s", "1h 00m", "1h 12m", "1d 03h"
            ]
        );
    }

    #[test]
    fn shortening_counts_characters_not_bytes() {
        assert_eq!(shortened("äöü", 3), "äöü");
        assert_eq!(shortened("ä word and more", 10), "ä word ...");
    }

    #[test]
    fn error_texts_lose_line_breaks_and_control_characters() {
        assert_eq!(plain_text(" a\r\n\tb\u{7}c "), "a b c");
    }

    #[test]
    fn transitions_say_what_both_sides_share_once() {
        let of = |b, a| transition(Some(b), Some(a), false);
        assert_eq!(of("3", "4"), "3 → 4");
        assert_eq!(of("$Latest (3)", "$Latest (4)"), "$Latest (3 → 4)");
        assert_eq!(
            of("$Latest (3)", "$Default (3)"),
            "$Latest (3) → $Default (3)"
        );
        assert_eq!(of("0-4-0", "0-4-0"), "0-4-0");
        assert_eq!(transition(Some("3"), Some("4"), true), "3\n4");
        assert_eq!(transition(None, None, false), "-");
    }

    #[test]
    fn ids_are_known_by_their_ends() {
        assert_eq!(short_id("ami-0a1b2c3d4e5f60718"), "ami-0a1b…0718");
        for whole in ["ami-1a2b3c4d", "resolve-me", "none"] {
            assert_eq!(short_id(whole), whole);
        }
    }
}
