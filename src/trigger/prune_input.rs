//! A prune as it was asked for, within what the stack keeps.

use chrono::TimeDelta;

use super::{Cause, TriggerError};
use crate::ids::GroupName;
use crate::text::counted;

/// The fields of the input by which a prune keeps more.
pub(super) const KEEP: &str = "keep";
pub(super) const OLDER_THAN_DAYS: &str = "older_than_days";
pub(super) const GRACE_DAYS: &str = "grace_days";

/// The things that a prune keeps although nobody uses them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The newest images of each launch template, this many.
    pub keep: usize,
    /// Everything that was made less than this ago.
    pub older_than: TimeDelta,
    /// How long an image is deprecated before it goes.
    pub grace: TimeDelta,
}

/// A prune as it was asked for: what it leaves out is as the stack's settings have it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PruneInput {
    /// Where it comes from.
    pub cause: Cause,
    /// Only what was made for the launch templates of these opted-in groups; empty for everything.
    pub groups: Vec<GroupName>,
    /// Do it. Otherwise it is only a plan.
    pub apply: bool,
    /// Keep this many of the newest images of each launch template.
    pub keep: Option<usize>,
    /// Keep everything that was made less than this ago.
    pub older_than: Option<TimeDelta>,
    /// Deprecate an image for this long before it goes.
    pub grace: Option<TimeDelta>,
    /// Why, in the words of the person who started it.
    pub reason: Option<String>,
}

impl PruneInput {
    /// The things that it keeps: more than the stack does, never less, because a permission to start executions is none to
    /// decide about what may be removed.
    ///
    /// # Errors
    /// A value below the stack's.
    pub fn kept(&self, stack: Kept) -> Result<Kept, TriggerError> {
        let keep = self.keep.unwrap_or(stack.keep);
        if keep < stack.keep {
            let found = keep.to_string();
            return Err(less(KEEP, stack.keep.to_string(), found, "PruneKeep"));
        }
        Ok(Kept {
            keep,
            older_than: days(
                OLDER_THAN_DAYS,
                self.older_than,
                stack.older_than,
                "PruneOlderThanDays",
            )?,
            grace: days(GRACE_DAYS, self.grace, stack.grace, "PruneGraceDays")?,
        })
    }
}

fn days(
    field: &str,
    given: Option<TimeDelta>,
    least: TimeDelta,
    parameter: &str,
) -> Result<TimeDelta, TriggerError> {
    let text = |time: TimeDelta| {
        let days = usize::try_from(time.num_days()).unwrap_or_default();
        counted(days, "day")
    };
    match given {
        Some(time) if time < least => Err(less(field, text(least), text(time), parameter)),
        given => Ok(given.unwrap_or(least)),
    }
}

fn less(field: &str, least: String, found: String, parameter: &str) -> TriggerError {
    let expected = format!("at least {least}, as the stack keeps ({parameter})");
    TriggerError::field(field, expected, found)
}
