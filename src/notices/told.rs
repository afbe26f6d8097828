//! Which notices a channel has had, as marks say.

use serde::{Deserialize, Serialize};

use super::notice::Notice;
use crate::group::names::MARK_PREFIX;
use crate::text::{hash_hex, legal_name};

/// Characters of a readable part of a mark's name.
const PART_CHARS: usize = 60;

/// A message in Slack, as it is edited and answered in its thread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlackMessage {
    /// The channel's id.
    pub channel: String,
    /// The message's time stamp, which is its id there.
    pub ts: String,
}

/// The past of a notice on a channel. On one without a list its mark is made **before** it is sent, and never made twice: where
/// the mark was there already, the notice was sent, or its answer was lost, and nobody can be asked which. On one with a list
/// the mark is made when the notice was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Whether the mark of this very notice was there before.
    pub is_marked: bool,
    /// The message about the window, on a channel that edits it.
    pub message: Option<SlackMessage>,
}

/// The mark's parameter of a notice on a channel. `part` is the notice's occasion, or the word of another fact about the window.
pub fn mark_name(notice: &Notice, channel: &str, part: &str) -> String {
    let readable = |text: &str| -> String { legal_name(text).chars().take(PART_CHARS).collect() };
    // Names that differ in one illegal character are different marks.
    let exact = [
        &notice.window_id,
        &notice.application,
        &notice.environment,
        channel,
    ];
    format!(
        "{MARK_PREFIX}{}/{}-{}/{}",
        readable(&notice.window_id),
        readable(channel),
        hash_hex(&exact, 6),
        readable(part)
    )
}

/// The parameter of a fact about a window: it lies where the marks of channels lie, and no channel's mark has its name.
pub fn fact_name(notice: &Notice) -> String {
    mark_name(notice, "", &notice.occasion())
}

#[cfg(test)]
mod tests {
    use super::mark_name;
    use crate::notices::{NoticeEvent, sample};

    #[test]
    fn marks_of_different_channels_windows_and_places_differ() {
        let notice = sample(NoticeEvent::Begun);
        let name = mark_name(&notice, "ops chat", &notice.occasion());
        assert_eq!(
            name,
            "/asg-patch/notices/nightly-20261014T040000Z/ops-chat-eeca48787ee1/begun"
        );
        assert_ne!(mark_name(&notice, "ops-chat", "begun"), name);
        let mut other = notice.clone();
        other.application = "shop (Production)".into();
        assert_ne!(mark_name(&other, "ops chat", "begun"), name);
    }
}
