//! Lineage: how many runs an image descends from, and the image that its owner had named first. Pure.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::ImageId;

/// The descent of an image, as its tags say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    /// 0 for an image that no run has made.
    pub generation: u32,
    /// The image that the owner's template named before the first run.
    pub first_ancestor: Option<ImageId>,
    /// The image that its build instance was launched from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<ImageId>,
}

/// The tags of an image that tell its descent.
#[derive(Clone, Copy, Debug, Default)]
pub struct LineageTags<'a> {
    /// Whether a run has made it.
    pub ours: bool,
    /// Its generation.
    pub generation: Option<&'a str>,
    /// Its first ancestor.
    pub first_ancestor: Option<&'a str>,
    /// The image that its build instance was launched from.
    pub source: Option<&'a str>,
}

impl Lineage {
    /// Reads it. An image of a run that wrote no generation yet is of the first, and its source the ancestor; so is
    /// one whose tag was edited to be no number.
    pub fn read(tags: LineageTags<'_>) -> Self {
        if !tags.ours {
            return Self::default();
        }
        let generation = tags.generation.and_then(|text| text.trim().parse().ok());
        let ancestor = tags.first_ancestor.or(tags.source);
        Self {
            generation: generation.unwrap_or(1).max(1),
            first_ancestor: ancestor.map(ImageId::from),
            source: tags.source.map(ImageId::from),
        }
    }

    /// That of an image made from an instance of this one, whose id is `image`.
    pub fn next(&self, image: &ImageId) -> Self {
        let first = self.first_ancestor.as_ref().unwrap_or(image);
        Self {
            generation: self.generation.saturating_add(1),
            first_ancestor: Some(first.clone()),
            source: Some(image.clone()),
        }
    }
}

/// `generation 3 since ami-1`
impl fmt::Display for Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "generation {}", self.generation)?;
        match &self.first_ancestor {
            Some(image) => write!(f, " since {image}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_count_from_the_owners_image() {
        let own = Lineage::read(LineageTags {
            generation: Some("7"),
            ..LineageTags::default()
        });
        assert_eq!(own, Lineage::default(), "not ours");
        let first = own.next(&"ami-0".into());
        assert_eq!(first.to_string(), "generation 1 since ami-0");
        let second = first.next(&"ami-1".into());
        assert_eq!(second.to_string(), "generation 2 since ami-0");
    }

    #[test]
    fn an_image_without_a_readable_generation_is_of_the_first() {
        for generation in [None, Some("many"), Some("-3"), Some("0")] {
            let read = Lineage::read(LineageTags {
                ours: true,
                generation,
                first_ancestor: None,
                source: Some("ami-0"),
            });
            assert_eq!(read.to_string(), "generation 1 since ami-0");
        }
    }
}
