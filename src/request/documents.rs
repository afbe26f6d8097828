//! The owner's own documents of a group or a run: Automation runbooks that are run before the first change to a group,
//! and after the new version is deployed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The name or the ARN of an Automation runbook: 3 to 128 letters, digits and `-_.:/` (StartAutomationExecution,
/// DocumentName).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DocumentName(String);

impl DocumentName {
    /// The values that it can have, for people.
    pub const EXPECTED: &str =
        "the name or ARN of an Automation runbook: 3 to 128 letters, digits and -_.:/";

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DocumentName {
    type Err = NotExpected;

    fn from_str(text: &str) -> Result<Self, NotExpected> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_.:/".contains(c);
        if (3..=128).contains(&text.len()) && text.chars().all(is_allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err(NotExpected::new(Self::EXPECTED, text))
    }
}

impl TryFrom<String> for DocumentName {
    type Error = NotExpected;

    fn try_from(text: String) -> Result<Self, NotExpected> {
        text.parse()
    }
}

impl From<DocumentName> for String {
    fn from(name: DocumentName) -> Self {
        name.0
    }
}

impl fmt::Display for DocumentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A text that is none of the values that were expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found '{found}'")]
pub struct NotExpected {
    /// The values, for people.
    pub expected: &'static str,
    /// As given.
    pub found: String,
}

impl NotExpected {
    fn new(expected: &'static str, found: &str) -> Self {
        Self {
            expected,
            found: found.to_owned(),
        }
    }
}

macro_rules! policy {
    ($(#[doc = $doc:literal])+ $name:ident, $expected:literal {
        $(#[doc = $first_doc:literal])+ $first:ident = $first_text:literal,
        $(#[doc = $second_doc:literal])+ $second:ident = $second_text:literal,
    }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name {
            $(#[doc = $first_doc])+
            #[default]
            $first,
            $(#[doc = $second_doc])+
            $second,
        }

        impl $name {
            /// The values that it can have, for people.
            pub const EXPECTED: &str = $expected;
        }

        impl FromStr for $name {
            type Err = NotExpected;

            fn from_str(text: &str) -> Result<Self, NotExpected> {
                match text.to_ascii_lowercase().as_str() {
                    $first_text => Ok(Self::$first),
                    $second_text => Ok(Self::$second),
                    _ => Err(NotExpected::new(Self::EXPECTED, text)),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self {
                    Self::$first => $first_text,
                    Self::$second => $second_text,
                })
            }
        }
    };
}

policy! {
    /// The end of a group whose before-document fails.
    BeforeFailure, "'stop' or 'go-on'" {
        /// The group is not changed.
        Stop = "stop",
        /// It is patched all the same, and the report says so.
        GoOn = "go-on",
    }
}

policy! {
    /// The end of a group whose after-document fails.
    AfterFailure, "'roll-back' or 'keep'" {
        /// The old version is named again.
        RollBack = "roll-back",
        /// The new version stays, and the report says so.
        Keep = "keep",
    }
}

/// The owner's own documents, and what follows when one fails, as far as that is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnersDocuments {
    /// Run before the first change to a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<DocumentName>,
    /// Run once the new version is deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<DocumentName>,
    /// If the first fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_failure: Option<BeforeFailure>,
    /// If the second fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_failure: Option<AfterFailure>,
}

impl OwnersDocuments {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// These, and the others' where these say nothing.
    #[must_use]
    pub fn or(&self, others: &Self) -> Self {
        Self {
            before: self.before.clone().or_else(|| others.before.clone()),
            after: self.after.clone().or_else(|| others.after.clone()),
            before_failure: self.before_failure.or(others.before_failure),
            after_failure: self.after_failure.or(others.after_failure),
        }
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &DocumentName> {
        self.before.iter().chain(&self.after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_first_counts() {
        let tags = OwnersDocuments {
            before: "Acme-Drain".parse().ok(),
            after_failure: Some(AfterFailure::Keep),
            ..OwnersDocuments::default()
        };
        let run = OwnersDocuments {
            before: "Acme-Other".parse().ok(),
            after: "Acme-Tell".parse().ok(),
            before_failure: Some(BeforeFailure::GoOn),
            after_failure: Some(AfterFailure::RollBack),
        };
        let both = tags.or(&run);
        let names: Vec<&str> = both.names().map(DocumentName::as_str).collect();
        assert_eq!(names, ["Acme-Drain", "Acme-Tell"]);
        assert_eq!(both.before_failure, Some(BeforeFailure::GoOn));
        assert_eq!(both.after_failure, Some(AfterFailure::Keep));
        assert!(OwnersDocuments::default().is_empty() && !both.is_empty());
    }

    #[test]
    fn texts_that_are_none_are_refused() {
        for name in [
            "ab",
            "Acme Drain",
            "Acme;Drain",
            "",
            &"a".repeat(129),
            "日本語",
        ] {
            assert!(name.parse::<DocumentName>().is_err(), "{name}");
        }
        let error = "ignore".parse::<BeforeFailure>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected 'stop' or 'go-on', found 'ignore'"
        );
        assert_eq!("KEEP".parse(), Ok(AfterFailure::Keep));
        assert_eq!(
            AfterFailure::RollBack.to_string().parse(),
            Ok(AfterFailure::RollBack)
        );
    }
}
