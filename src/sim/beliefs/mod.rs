//! Beliefs: each behaviour of AWS or of a guest that a patch pipeline relies on, in one table.
//!
//! A belief has its source, or none: then it has variants, and the simulated account behaves as the
//! variant says that its [`Beliefs`] hold. The first variant is the default. `docs/beliefs.md` is made
//! of this table.

mod open;
mod page;
mod sourced;
#[cfg(test)]
mod tests;

pub use open::{
    AgentOnline, AnswerOrder, AutoScalingReads, AutomationToken, Beliefs, DateHeader, DeadCommand,
    DryRun, ImageNames, InstalledTime, LateActions, LaunchTime, MemberShown, MinVersion,
    NewResources, OPEN, RecurringStart, ScheduledDelay, SkippedOpening, StandbyAgainstMax,
    StandbyEnded, StandbyMove, StandbyTermination, StandbyWeight,
};
pub use page::page;
pub use sourced::{Flip, SOURCED};

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name: lower case, with `-`.
    pub id: &'static str,
    /// The behaviour.
    pub sentence: &'static str,
    /// Where it is written.
    pub source: Source,
    /// Name and meaning of each variant, the default first; empty: there is only one. A sourced
    /// belief's are `holds` and `contrary`, and only a fleet file chooses the latter.
    pub variants: &'static [(&'static str, &'static str)],
}

/// The ground of a belief.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// No source was found: each variant may be true.
    Unconfirmed,
    /// AWS says that it may be either way, here.
    Open(&'static str),
    /// It is written here.
    Said(&'static str),
}

/// A belief or a variant that is not in the table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found '{found}'")]
pub struct UnknownBelief {
    /// The names that there are.
    pub expected: String,
    /// The name given.
    pub found: String,
}

impl UnknownBelief {
    fn among<'n>(names: impl Iterator<Item = &'n str>, found: &str) -> Self {
        Self {
            expected: format!("one of {}", names.collect::<Vec<_>>().join(", ")),
            found: found.to_owned(),
        }
    }
}

/// All rows: the open beliefs, then the sourced ones.
pub fn table() -> impl Iterator<Item = &'static Row> {
    OPEN.iter().chain(SOURCED)
}
