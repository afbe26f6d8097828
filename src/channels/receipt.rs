//! How a notice was taken.

use serde::Serialize;

use crate::notices::ChannelKind;

/// The effect of a notice on its channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Done {
    /// A message was posted.
    Posted,
    /// The message about the window was edited.
    Edited,
    /// The service took it, and shows it later or not: Teams says no more.
    Accepted,
    /// A maintenance was made.
    Made,
    /// A maintenance was changed.
    Changed,
    /// A maintenance was ended.
    Ended,
    /// A maintenance was removed.
    Removed,
    /// It was there already as it must be.
    AlreadyThere,
    /// Such a notice changes nothing on this service.
    NotNeeded,
    /// It was sent before, or its answer was lost: it is not sent again.
    ToldBefore,
}

impl Done {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Posted => "posted",
            Self::Edited => "edited",
            Self::Accepted => "accepted",
            Self::Made => "made",
            Self::Changed => "changed",
            Self::Ended => "ended",
            Self::Removed => "removed",
            Self::AlreadyThere => "already there",
            Self::NotNeeded => "not needed",
            Self::ToldBefore => "sent before",
        }
    }
}

/// A channel took a notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// The channel's name.
    pub channel: String,
    /// Its kind.
    pub kind: ChannelKind,
    /// The effect.
    pub done: Done,
    /// The service's own answer, without secrets, shortened.
    pub said: String,
    /// Anything else that the operator must know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}
