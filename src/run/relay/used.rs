//! The part of the stack that a run uses itself, as far as its invocations know it. Pure.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// The part of the stack itself that a run has used so far, of its function and of its state machine.
///
/// It travels as four numbers, with each batch: there is little room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[u64; 4]", into = "[u64; 4]")]
pub struct Used {
    /// Invocations of the function, those without an answer included.
    pub invocations: u64,
    /// How many of them had no answer: for how long they worked is not known.
    pub unanswered: u64,
    /// For how long the others worked, milliseconds.
    pub milliseconds: u64,
    /// State transitions.
    pub transitions: u64,
}

impl Used {
    /// Of a part of the run of which nothing is known: that there was something.
    pub const UNKNOWN: Self = Self {
        invocations: 1,
        unanswered: 1,
        milliseconds: 0,
        transitions: 0,
    };

    /// Of the pass that was given up before a batch began to restore.
    pub const ABANDONED: Self = Self {
        transitions: 1,
        ..Self::UNKNOWN
    };

    /// Whether nothing was counted: by an older version, nothing is.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl AddAssign for Used {
    fn add_assign(&mut self, other: Self) {
        self.invocations = self.invocations.saturating_add(other.invocations);
        self.unanswered = self.unanswered.saturating_add(other.unanswered);
        self.milliseconds = self.milliseconds.saturating_add(other.milliseconds);
        self.transitions = self.transitions.saturating_add(other.transitions);
    }
}

impl From<[u64; 4]> for Used {
    fn from([invocations, unanswered, milliseconds, transitions]: [u64; 4]) -> Self {
        Self {
            invocations,
            unanswered,
            milliseconds,
            transitions,
        }
    }
}

impl From<Used> for [u64; 4] {
    fn from(used: Used) -> Self {
        let Used {
            invocations,
            unanswered,
            milliseconds,
            transitions,
        } = used;
        [invocations, unanswered, milliseconds, transitions]
    }
}
