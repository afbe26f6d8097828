//! The cause of a run, and the run's id, which follows from it.

use chrono::{DateTime, Utc};

use crate::ids::RunId;
use crate::text::{legal_name, short_hash};

/// Characters of a run's id: images are named after it.
const RUN_ID_LIMIT: usize = 48;
/// Characters of `-` and the hash that stands for the rest of a long id.
const HASH_LENGTH: usize = 9;

/// The cause of a run. The same cause yields the same run id, so that a second delivery is recognised.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Cause {
    /// A person, by hand; each execution is a cause of its own.
    #[default]
    Hand,
    /// A schedule's time.
    Schedule {
        /// The schedule's or rule's ARN.
        schedule: String,
        /// The time that it was due.
        at: DateTime<Utc>,
    },
    /// A maintenance window's execution.
    Window {
        /// `WINDOW_EXECUTION_ID`.
        execution: String,
        /// When it began, if known.
        at: Option<DateTime<Utc>>,
    },
}

/// Ids of runs that were started by hand begin so.
pub const BY_HAND: &str = "exec-";

impl Cause {
    /// The run's id: letters, digits, `-`, `.` and `_`, at most 48 of them.
    pub fn run_id(&self, owner: &str) -> RunId {
        let id = match self {
            Self::Schedule { schedule, at } => {
                let which = short_hash(schedule);
                format!("sched-{}-{which}", at.format("%Y%m%dT%H%M%SZ"))
            }
            Self::Window { execution, .. } => format!("mw-{execution}"),
            Self::Hand => format!("{BY_HAND}{}", owner.rsplit(':').next().unwrap_or(owner)),
        };
        let legal = legal_name(&id);
        if legal == id && id.len() <= RUN_ID_LIMIT {
            return id.into();
        }
        let head: String = legal.chars().take(RUN_ID_LIMIT - HASH_LENGTH).collect();
        format!("{head}-{}", short_hash(&id)).into()
    }
}

/// A time as AWS writes it: with or without fractions and zone.
pub(super) fn time(text: &str) -> Option<DateTime<Utc>> {
    let zoned = text.parse().ok();
    zoned.or_else(|| format!("{text}Z").parse().ok())
}
