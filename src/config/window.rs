//! The patch windows of a file: `[[window]]`, each with a name, a schedule, and settings of a run that count in it.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::entry::Entry;
use super::kind::{Kind, Unfit};
use crate::toml_file::{Fault, Place};
use crate::windows::{WindowError, WindowText};

/// A patch window as the file has it. Its selection and its lengths are among its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowEntry {
    /// Its name and schedule.
    pub text: WindowText,
    /// Whether nothing is wrong with its own keys: of others, the text is not all that is written.
    pub is_whole: bool,
    /// The settings of a run that it sets: these count for more than those in `[run]`.
    pub entries: Vec<Entry>,
    /// The place of its first line.
    pub place: Place,
    /// The places of its keys.
    pub keys: BTreeMap<String, Place>,
}

impl WindowEntry {
    /// The fault of a window that cannot be one, at the key that is to blame.
    pub fn fault(&self, wrong: &WindowError) -> Fault {
        let place = self.keys.get(wrong.key()).copied();
        let path = format!("window {}", self.text.name);
        Fault::new(place.unwrap_or(self.place), path, &wrong.to_string())
    }
}

/// The keys that only a window has.
#[rustfmt::skip]
pub(super) const OWN_KEYS: [(&str, Kind, &str); 13] = [
    ("name", Kind::Text, "Its name: letters, digits, -, _ and ."),
    ("schedule", Kind::Text, "When it opens: cron(...) with six fields, rate(...) or at(...), as AWS reads them."),
    ("time-zone", Kind::Text, "IANA name of the zone in which the schedule is read; UTC if none is named."),
    ("maintenance-window", Kind::Switch, "Whether Systems Manager reads the schedule, as a maintenance window, and not EventBridge Scheduler."),
    ("flexible-minutes", Kind::Number, "EventBridge Scheduler may open it this much later."),
    ("owner", Kind::Text, "The people who answer for it."),
    ("ahead", Kind::List, "Times before it begins at which notices are sent, such as 24h: the longest announces it, the others remind."),
    ("after", Kind::Text, "Name of the window that goes before: only applications that came through it without a failure are patched."),
    ("after-days", Kind::Number, "How many days ago that may have been, 1 to 31; 7 if nothing is said."),
    ("notice", Kind::Choice(&["optional", "required"]), "Whether a run begins in it that was not announced."),
    ("approval", Kind::Choice(&["optional", "required"]), "Whether a run begins in it that nobody approved."),
    ("approval-within", Kind::Text, "So long after its opening a run still waits for that, such as 30m, and until the cutoff at most; 0s if nothing is said."),
    ("approvers", Kind::List, "ARNs of the roles and users that may approve, * and ? being wildcards; without it, all that may run the document AsgPatch-Approve."),
];

/// Takes one of a window's own keys into its text; false if it is none.
pub(super) fn own(
    text: &mut WindowText,
    key: &str,
    value: &Spanned<DeValue<'_>>,
) -> Result<bool, Unfit> {
    let Some((_, kind, _)) = OWN_KEYS.iter().find(|(name, _, _)| *name == key) else {
        return Ok(false);
    };
    let words = kind.words(value)?;
    match key {
        "ahead" => text.ahead = Some(words),
        "approvers" => text.approvers = words,
        _ => own_word(text, key, words.into_iter().next().unwrap_or_default()),
    }
    Ok(true)
}

/// The same for a key of one word.
fn own_word(text: &mut WindowText, key: &str, word: String) {
    match key {
        "name" => text.name = word,
        "schedule" => text.schedule = word,
        "time-zone" => text.time_zone = Some(word),
        "maintenance-window" => text.is_maintenance_window = word == "true",
        "after" => text.after = Some(word),
        "after-days" => text.after_days = word.parse().ok(),
        "notice" => text.is_notice_required = word == "required",
        "approval" => text.is_approval_required = word == "required",
        "approval-within" => text.approval_within = Some(word),
        "flexible-minutes" => text.flexible_minutes = word.parse().unwrap_or(i64::MAX),
        _ => text.owner = Some(word),
    }
}

/// The tables of `[[window]]`, if the value is a list of tables.
pub(super) fn tables<'t, 'i>(
    value: &'t Spanned<DeValue<'i>>,
) -> Option<Vec<(usize, &'t DeTable<'i>)>> {
    let DeValue::Array(items) = value.get_ref() else {
        return None;
    };
    let table = |item: &'t Spanned<DeValue<'i>>| match item.get_ref() {
        DeValue::Table(table) => Some((item.span().start, table)),
        _ => None,
    };
    items.iter().map(table).collect()
}
