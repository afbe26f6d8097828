//! What a job must know of the other jobs that share its bake or its template.

use std::collections::BTreeMap;

use super::Failure;
use crate::ids::{GroupName, ImageId, TemplateId};

/// The run's image for a bake key, as far as the jobs have brought it.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum SharedImage {
    /// Nobody has made it yet.
    #[default]
    NotYet,
    /// It is available.
    Ready(ImageId),
}

/// A job's view of its unit: the jobs of one bake key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unit {
    /// The image.
    pub image: SharedImage,
    /// The versions made from it, by template.
    pub versions: BTreeMap<TemplateId, u64>,
    /// Members other than this one that use the image and its versions: between Versioning and
    /// Promoting, or failed since and not off them yet.
    pub others_at_work: bool,
    /// Members other than this one that launch from the new image for good.
    pub others_patched: bool,
    /// Whether the unit is bound: some member follows a template by `$Latest` or `$Default`, so that
    /// the version is taken by all members or by none.
    pub bound: bool,
    /// A `$Latest` member (other than this one) that is not held at its recorded number yet.
    pub unheld: Option<GroupName>,
    /// A member that has not proved the version yet.
    pub unproved: Option<GroupName>,
    /// A member that failed after it was started, and why.
    pub failed: Option<(GroupName, Failure)>,
    /// Whether it is this job that makes the versions: exactly one of those at work.
    pub makes_versions: bool,
}
