//! A launch of ours: the group as it was just before, and what we asked it for. Outside its launches and its
//! promotion a group is as its owner left it.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::effect::Role;
use super::processes::{self, SCHEDULE};
use super::record::Record;
use super::seen::GroupSeen;
use crate::ids::InstanceId;
use crate::schedule::{Capacity, ScheduledAction, missed};

/// Scheduled actions may run up to two minutes late (Auto Scaling User Guide, scheduled scaling): one that
/// was due this long before a launch may not have run yet.
pub const ACTIONS_LATE: TimeDelta = TimeDelta::minutes(3);

/// Whether a launch of ours is under way in the group, as far as the job knows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LaunchState {
    /// None is: the group is as its owner left it, but for its pins.
    #[default]
    None,
    /// The driver before may have begun one: the next look at the group tells.
    Unknown,
    /// One is.
    Open(Box<Launch>),
}

/// A launch, from the first look before it until the group is read back as its owner wants it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Launch {
    /// The instance that it is for.
    pub role: Role,
    /// When the group was looked at last before the launch, by AWS's clock.
    pub since: DateTime<Utc>,
    /// The capacity before it.
    pub capacity: Capacity,
    /// The instances that the group had before it: none of them is ours.
    pub members: BTreeSet<InstanceId>,
    /// The processes that it suspends.
    pub suspends: BTreeSet<String>,
    /// Whether they may be suspended by us already.
    pub has_suspended: bool,
    /// The capacity that was asked for, once it was.
    pub asked: Option<Capacity>,
    /// A desired capacity that someone else set while it counted our instance.
    pub wish: Option<i32>,
    /// Made from the record, because the driver that began the launch took its memory with it.
    pub is_recovered: bool,
}

impl Launch {
    /// A launch that begins with this look at the group. `at` is AWS's time; a scheduled action that falls due
    /// within `limit` could disturb it.
    pub fn begin(
        record: &Record,
        group: &GroupSeen,
        role: Role,
        at: DateTime<Utc>,
        limit: TimeDelta,
    ) -> Self {
        let suspends = processes::disturbing(record, group, may_meet_action(record, at, limit));
        Self {
            role,
            since: at,
            capacity: group.capacity,
            members: group.members.keys().cloned().collect(),
            suspends,
            has_suspended: false,
            asked: None,
            wish: None,
            is_recovered: false,
        }
    }

    /// The capacity to ask for: one instance more than before. Absolute, so that asking twice asks for the
    /// same.
    pub fn one_more(&self) -> Capacity {
        one_more(self.capacity)
    }

    /// Whether nothing has been asked for yet: the look before the launch may be taken again.
    pub fn is_untouched(&self) -> bool {
        !self.has_suspended && self.asked.is_none()
    }

    /// The capacity that the group must have once our instance is out of it.
    ///
    /// Three-way: a value that is as it was, as we set it, or as the schedule would have had it meanwhile
    /// becomes the target; any other was set by someone else, and stands. `present` are the scheduled actions
    /// as they are now, `at` is AWS's time.
    pub fn target(
        &self,
        record: &Record,
        group: &GroupSeen,
        present: &[ScheduledAction],
        at: DateTime<Utc>,
    ) -> Capacity {
        let course = if self.suspends.contains(SCHEDULE) {
            let since = self.since - ACTIONS_LATE;
            course(self.capacity, &record.actions, present, since, at)
        } else {
            vec![self.capacity]
        };
        let last = course.last().copied().unwrap_or(self.capacity);
        let asked = self.asked.into_iter();
        let recorded = self.is_recovered.then_some(record.capacity);
        let ours: Vec<Capacity> = course.into_iter().chain(asked).chain(recorded).collect();
        let found = group.capacity;
        let keep = |of: fn(&Capacity) -> i32| {
            if ours.iter().any(|capacity| of(capacity) == of(&found)) {
                of(&last)
            } else {
                of(&found)
            }
        };
        let min = keep(|c| c.min);
        let max = keep(|c| c.max).max(min);
        let desired = match self.wish {
            // It was theirs, less the instance of ours that it counted.
            Some(wish) if found.desired == wish || found.desired == wish.saturating_sub(1) => wish,
            Some(_) | None => keep(|c| c.desired),
        };
        Capacity {
            min,
            max,
            desired: desired.clamp(min, max),
        }
    }
}

/// One instance more: the maximum makes room for it where it must.
pub fn one_more(capacity: Capacity) -> Capacity {
    let desired = capacity.desired.saturating_add(1);
    Capacity {
        min: capacity.min,
        max: capacity.max.max(desired),
        desired,
    }
}

/// The capacities that the schedule leads through, the present one last.
pub(super) fn course(
    capacity: Capacity,
    recorded: &[ScheduledAction],
    present: &[ScheduledAction],
    after: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Vec<Capacity> {
    missed::course(
        capacity,
        missed::Listings { recorded, present },
        after,
        until,
    )
}

/// Whether a scheduled action may run during a launch that begins now. One that cannot be read may.
pub(super) fn may_meet_action(record: &Record, at: DateTime<Utc>, limit: TimeDelta) -> bool {
    let (after, until) = (at - ACTIONS_LATE, at + limit);
    let due = |a: &ScheduledAction| a.may_run_between(after, until).unwrap_or(true);
    record.actions.iter().any(due)
}
