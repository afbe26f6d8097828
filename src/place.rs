//! The application and environment that a group serves, as its tags say.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Keys of the tags that name a group's application and environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceTags {
    /// Of the application.
    pub application: String,
    /// Of the environment.
    pub environment: String,
}

impl Default for PlaceTags {
    fn default() -> Self {
        Self {
            application: "AppName".into(),
            environment: "Environment".into(),
        }
    }
}

impl PlaceTags {
    /// Whether these are the usual keys.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// The place of a group with these tags. An empty value says nothing.
    pub fn place(&self, tags: &BTreeMap<String, String>) -> Place {
        let value = |key: &String| tags.get(key).filter(|v| !v.trim().is_empty()).cloned();
        Place {
            application: value(&self.application),
            environment: value(&self.environment),
        }
    }
}

/// An application in an environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The application; none if the group's tags do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// The environment; none if the group's tags do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
}

impl Place {
    /// Whether nothing is known.
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }

    /// The same in words for people, where nothing is said too.
    pub fn in_words(&self) -> Self {
        Self {
            application: Some(self.application().to_owned()),
            environment: Some(self.environment().to_owned()),
        }
    }

    /// The application for people.
    pub fn application(&self) -> &str {
        self.application.as_deref().unwrap_or("everything else")
    }

    /// The environment for people.
    pub fn environment(&self) -> &str {
        self.environment.as_deref().unwrap_or("no environment")
    }
}

/// `shop (Production)`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.application(), self.environment())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_where_its_tags_say() {
        let tags = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            let pair = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
            pairs.iter().map(pair).collect()
        };
        let of = |pairs: &[(&str, &str)]| PlaceTags::default().place(&tags(pairs)).to_string();
        assert_eq!(
            of(&[("AppName", "shop"), ("Environment", "Test")]),
            "shop (Test)"
        );
        assert_eq!(
            of(&[("appname", "shop")]),
            "everything else (no environment)"
        );
        assert_eq!(of(&[("AppName", " ")]), "everything else (no environment)");
    }
}
