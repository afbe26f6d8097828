//! Pieces that all renderings share.

use crate::group::{Outcome, Phase};
use crate::report::GroupReport;

/// The outcomes, worst first.
pub(super) const WORST_FIRST: [Outcome; 6] = [
    Outcome::Failed,
    Outcome::RolledBack,
    Outcome::Skipped,
    Outcome::Scanned,
    Outcome::Patched,
    Outcome::AlreadyCurrent,
];

/// A region, and its account where that is known.
pub(super) fn place(region: &str, account: Option<&str>) -> String {
    match account {
        Some(account) => format!("{region} of account {account}"),
        None => region.to_owned(),
    }
}

/// `before` and `after` as one cell; only one of them if nothing changed. The text that both have
/// around their numbers appears once: `$Latest (3 → 4)`.
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

/// An id shortened to its ends: `ami-0383…8859`. Ids that are short already stay whole.
pub(super) fn short_id(id: &str) -> String {
    const KEPT: usize = 4;
    match id.split_once('-') {
        Some((kind, hex)) if hex.len() > 3 * KEPT && hex.is_ascii() => {
            format!("{kind}-{}…{}", &hex[..KEPT], &hex[hex.len() - KEPT..])
        }
        _ => id.to_owned(),
    }
}

/// `before -> after`, or the only value if nothing changed.
pub(super) fn change(before: Option<&str>, after: Option<&str>) -> Option<String> {
    match (before, after) {
        (Some(b), Some(a)) if a != b => Some(format!("{b} -> {a}")),
        (Some(one), _) | (None, Some(one)) => Some(one.to_owned()),
        (None, None) => None,
    }
}

/// Seconds of work on the group; the time in the queue does not count.
pub(super) fn worked_seconds(group: &GroupReport) -> u64 {
    group
        .phases
        .iter()
        .filter(|p| p.phase != Phase::Queued)
        .map(|p| p.seconds)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::{short_id, transition};

    #[test]
    fn transitions_show_common_text_once() {
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
    fn long_ids_are_shortened_to_their_ends() {
        assert_eq!(short_id("ami-0a1b2c3d4e5f60718"), "ami-0a1b…0718");
        for whole in ["ami-1a2b3c4d", "resolve-me", "none"] {
            assert_eq!(short_id(whole), whole);
        }
    }
}
