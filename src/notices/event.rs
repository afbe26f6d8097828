//! The occasions of notices.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! events {
    ($( $name:ident = $text:literal, $title:literal, $doc:literal; )+) => {
        /// The occasion of a notice.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum NoticeEvent {
            $( #[doc = $doc] $name, )+
        }

        impl NoticeEvent {
            /// All of them, in the order of a window's life.
            pub const ALL: &'static [Self] = &[ $( Self::$name ),+ ];

            /// As configuration and programs write it.
            pub fn name(self) -> &'static str {
                match self { $( Self::$name => $text, )+ }
            }

            /// For people.
            pub fn title(self) -> &'static str {
                match self { $( Self::$name => $title, )+ }
            }
        }
    };
}

events! {
    Scheduled = "scheduled", "Patching scheduled", "A window is planned.";
    BeginsSoon = "begins-soon", "Patching begins soon", "A reminder: it begins soon.";
    AwaitsApproval = "awaits-approval", "Patching waits for an approval", "Its run waits for a person to approve it.";
    Begun = "begun", "Patching has begun", "Its run has begun.";
    GroupFailed = "group-failed", "A group was not patched", "Groups have failed; the run goes on.";
    Ended = "ended", "Patching has ended", "Its run has ended.";
    Moved = "moved", "Patching was moved", "It has other times now.";
    Withdrawn = "withdrawn", "Patching was withdrawn", "It will not take place.";
    Frozen = "frozen", "Patching is frozen", "A freeze lies over it: nothing is patched.";
    NotApproved = "not-approved", "Patching was not approved", "It was not approved in time: nothing is patched.";
    Missed = "missed", "Patching was missed", "Its time has passed and no run has begun.";
}

impl NoticeEvent {
    /// Whether a service that shows windows as such, or keeps silent for them, has something to do.
    pub fn concerns_the_window(self) -> bool {
        match self {
            Self::BeginsSoon | Self::AwaitsApproval | Self::GroupFailed => false,
            Self::Scheduled | Self::Begun | Self::Ended | Self::Moved => true,
            Self::Withdrawn | Self::Frozen | Self::NotApproved | Self::Missed => true,
        }
    }

    /// Whether a run tells it, with its own times.
    pub fn is_of_a_run(self) -> bool {
        match self {
            Self::AwaitsApproval | Self::Begun | Self::GroupFailed | Self::Ended => true,
            Self::NotApproved => true,
            Self::Scheduled | Self::BeginsSoon | Self::Moved => false,
            Self::Withdrawn | Self::Frozen | Self::Missed => false,
        }
    }

    /// Whether it says how it stands with the approval that its window demands.
    pub fn tells_of_approval(self) -> bool {
        match self {
            Self::Scheduled | Self::BeginsSoon | Self::AwaitsApproval => true,
            Self::Begun | Self::Moved => true,
            Self::GroupFailed | Self::Ended | Self::Withdrawn | Self::Frozen => false,
            Self::NotApproved | Self::Missed => false,
        }
    }

    /// Whether a window that was announced will not come.
    pub fn is_off(self) -> bool {
        match self {
            Self::Withdrawn | Self::Frozen | Self::NotApproved | Self::Missed => true,
            Self::Scheduled | Self::BeginsSoon | Self::AwaitsApproval | Self::Begun => false,
            Self::GroupFailed | Self::Ended | Self::Moved => false,
        }
    }
}

impl fmt::Display for NoticeEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
