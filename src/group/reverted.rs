//! Groups whose patched image was taken from them again: something set an older one, as a deployment does that does not
//! know of the run. Pure.

use super::facts::{AccountFacts, ImageFacts};
use super::names;
use crate::ids::ImageId;

/// The newest image that a run made and proved under this label, from the same image of its owner's, if the group launches
/// from an older one.
pub(super) fn reverted_from<'a>(
    label: &str,
    image: &ImageId,
    account: &'a AccountFacts,
) -> Option<&'a ImageId> {
    let present = account.images.get(image)?;
    let made_for = names::image_name_start(label);
    let is_its = |facts: &ImageFacts| {
        let ancestor = present.lineage.first_ancestor.as_ref().unwrap_or(image);
        facts.lineage.first_ancestor.as_ref() == Some(ancestor)
            && facts.name.starts_with(&made_for)
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
