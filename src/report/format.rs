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

/// `before` and `after` over each other; one line if nothing changed.
pub(super) fn stacked(before: Option<&str>, after: Option<&str>) -> String {
    match (before, after) {
        (Some(b), Some(a)) if a != b => format!("{b}\n{a}"),
        (Some(b), _) => b.to_owned(),
        (None, Some(a)) => a.to_owned(),
        (None, None) => "-".to_owned(),
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
pub(super) fn counted(n: usize, noun: &str) -> String {
    if n == 1 {
        format!("1 {noun}")
    } else {
        format!("{n} {noun}s")
    }
}

#[cfg(test)]
mod tests {
    use super::{duration, plain_text, shortened};

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
}
