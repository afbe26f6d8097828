//! The things that an owner wants kept although nobody uses them. Plain data.

use chrono::TimeDelta;

use crate::request::OptInTag;

/// The newest images that are kept of each template: the present one, and one to roll back to.
pub const KEPT_VERSIONS: usize = 2;

/// The things that an owner wants kept although nobody uses them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The newest images of each launch template, this many.
    pub keep: usize,
    /// Everything that was made less than this ago.
    pub older_than: TimeDelta,
    /// How long an image is deprecated before it goes.
    pub grace: TimeDelta,
    /// The opt-in tag.
    pub tag: OptInTag,
    /// Whether versions of launch templates without the tag may be deleted.
    pub untagged_templates: bool,
}
