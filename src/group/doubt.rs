//! Doubts about a new image: it is kept, to be looked at, although its run failed. Plain data.

use chrono::{DateTime, Utc};

use super::Code;
use crate::ids::GroupName;
use crate::text::shortened;

/// A tag's value has at most this many characters.
const TAG_LIMIT: usize = 256;

/// A failure for which the new image may be the cause, and which is to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// The group whose canary did not prove the image.
    pub group: GroupName,
    /// How it failed.
    pub code: Code,
    /// Until when the image is kept.
    pub until: DateTime<Utc>,
}

impl Doubt {
    /// The name under which the image is shown.
    pub fn name(&self) -> String {
        let text = format!(
            "asg-patch FAILED {} in {}, kept until {}",
            self.code,
            self.group,
            self.until.format("%F")
        );
        shortened(&text, TAG_LIMIT)
    }
}
