//! Sizes of a group.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A group's sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Capacity {
    /// `MinSize`
    pub min: i32,
    /// `MaxSize`
    pub max: i32,
    /// `DesiredCapacity`
    pub desired: i32,
}

impl fmt::Display for Capacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}-{}-{}", self.min, self.max, self.desired))
    }
}
