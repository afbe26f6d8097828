//! Groups whose patched image was taken from them again: something set an older one, as a deployment does that does not
//! know of the run. Pure.

use super::facts::{AccountFacts, ImageFacts};
use crate::ids::{GroupName, ImageId};

/// The newest image that a run made for a group and proved, if the group launches from an older one of the same descent. An
/// owner's new image is a new descent. Of groups that share an image only the one is known on whose
/// instance it was made.
pub(super) fn reverted_from<'a>(
    group: &GroupName,
    image: &ImageId,
    account: &'a AccountFacts,
) -> Option<&'a ImageId> {
    let present = account.images.get(image)?;
    let ancestor = present.lineage.first_ancestor.as_ref().unwrap_or(image);
    let is_its = |facts: &ImageFacts| {
        facts.made_for.as_ref() == Some(group)
            && facts.lineage.first_ancestor.as_ref() == Some(ancestor)
            && facts.available
            && facts.created_at > present.created_at
    };
    let newer = account.proved.iter().filter(|(_, facts)| is_its(facts));
    let (newest, _) = newer.max_by_key(|(_, facts)| facts.created_at)?;
    Some(newest)
}

/// That it was, for its owner.
pub(super) fn note(image: &ImageId, newest: &ImageId) -> String {
    format!(
        "it launches from {image} again, although a run had deployed the newer {newest}: something sets the old image, for \
         instance a deployment from a template that names it"
    )
}
