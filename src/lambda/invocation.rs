//! The part of the stack that an invocation uses: itself, its time, and the transitions of the state machine around it.

use chrono::{DateTime, TimeDelta, Utc};

use super::answer::LOOK_AGAIN;
use crate::clock::Clock;
use crate::run::relay::Used;

/// Transitions around each task of `infra/state-machine.asl.json`, without repeated attempts: each state that is entered is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// `Begin` or `Begin late`, and `How it begins`.
    Begins,
    /// `Announce`, and `How it begins`.
    Announces,
    /// `Advance` or `Restore`, the choice after it, and the wait or the end.
    Passes,
    /// `Batches` before it, `Gather`, and `What comes next`.
    Gathers,
    /// `Report`, and the states up to the end, which are one more where the report is stored.
    Reports {
        /// Whether `Store` is among them.
        stores: bool,
    },
}

impl Way {
    fn transitions(self) -> u64 {
        match self {
            Self::Begins | Self::Announces => 2,
            Self::Passes | Self::Gathers => 3,
            Self::Reports { stores } => 4 + u64::from(stores),
        }
    }
}

/// An invocation that works.
#[derive(Clone, Copy, Debug)]
pub(super) struct Invocation {
    /// When it began.
    pub began: DateTime<Utc>,
    /// Attempts at the same task that brought no answer.
    pub retries: u64,
    /// The transitions around it.
    pub way: Way,
    /// The part of the stack that was used before, and that nothing has passed along.
    pub before: Used,
}

impl Invocation {
    /// All that was used up to now, from the first attempt at its task on.
    pub(super) fn used(self, clock: &Clock) -> Used {
        let worked = clock.now() - self.began;
        let worked = worked.num_microseconds().unwrap_or_default().max(0);
        let mut used = Used {
            invocations: self.retries.saturating_add(1),
            unanswered: self.retries,
            // Lambda bills begun milliseconds.
            milliseconds: worked.unsigned_abs().div_ceil(1_000),
            transitions: self.way.transitions().saturating_add(self.retries),
        };
        used += self.before;
        used
    }

    /// The same, of an execution that has waited for an approval for so long before.
    pub(super) fn after_waiting(self, waited: TimeDelta) -> Self {
        // Each round is the wait with the task that notes its token, and another begin. An execution that waits passes nothing
        // along, so that this is an estimate.
        let seconds = waited.num_seconds().max(0).unsigned_abs();
        let rounds = 1 + seconds / LOOK_AGAIN.num_seconds().unsigned_abs();
        let before = Used {
            invocations: 2 * rounds,
            unanswered: 2 * rounds,
            milliseconds: 0,
            transitions: 3 * rounds,
        };
        Self { before, ..self }
    }

    /// The same, of an execution that has waited for the last invocation of another before.
    pub(super) fn after_the_dead(self) -> Self {
        let before = Used {
            invocations: 1,
            unanswered: 1,
            milliseconds: 0,
            transitions: 3,
        };
        Self { before, ..self }
    }
}
