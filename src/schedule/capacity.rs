//! A group's capacity: minimum, maximum and desired.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::action::ScheduledAction;

/// A group's capacity, in the group's own units (instances, or weights).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// MinSize.
    pub min: i32,
    /// MaxSize.
    pub max: i32,
    /// DesiredCapacity.
    pub desired: i32,
}

impl Capacity {
    /// The capacity after this action has run. A value that the action omits stays; a desired capacity
    /// outside the new bounds moves to the nearer bound. AWS refuses an action whose minimum would lie
    /// above the maximum: it changes nothing.
    #[must_use]
    pub fn apply(self, action: &ScheduledAction) -> Self {
        let min = action.min.unwrap_or(self.min);
        let max = action.max.unwrap_or(self.max);
        if min > max {
            return self;
        }
        let desired = action.desired.unwrap_or(self.desired).clamp(min, max);
        Self { min, max, desired }
    }
}

impl fmt::Display for Capacity {
    /// `min-max-desired`, e.g. `0-4-0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}-{}-{}", self.min, self.max, self.desired))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(min: Option<i32>, max: Option<i32>, desired: Option<i32>) -> ScheduledAction {
        ScheduledAction {
            name: "a".into(),
            min,
            max,
            desired,
            ..ScheduledAction::default()
        }
    }

    const NOW: Capacity = Capacity {
        min: 1,
        max: 4,
        desired: 2,
    };

    #[test]
    fn omitted_values_stay_and_desired_moves_into_the_bounds() {
        let rows = [
            (action(None, None, Some(3)), "1-4-3"),
            (action(Some(3), None, None), "3-4-3"),
            (action(Some(0), Some(1), None), "0-1-1"),
            (action(Some(0), Some(0), Some(0)), "0-0-0"),
            (action(None, None, Some(9)), "1-4-4"),
            (action(None, None, Some(0)), "1-4-1"),
            // The minimum is above the present maximum: AWS refuses, nothing changes.
            (action(Some(5), None, Some(5)), "1-4-2"),
        ];
        for (action, expected) in rows {
            assert_eq!(NOW.apply(&action).to_string(), expected, "{action:?}");
        }
    }
}
