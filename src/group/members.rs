//! The instances that a group had, as its record lists them. Pure.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ids::InstanceId;

/// Hexadecimal digits of an id that are kept.
const DIGITS: usize = 8;

/// Instances by the last 8 hexadecimal digits of their ids, so that hundreds of them fit into a record. An instance of
/// ours that ends like one of 500 members, and is overlooked for that, is one in millions. In the text, one line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Members(BTreeSet<String>);

impl Members {
    /// Whether an instance is one of them.
    pub fn has(&self, id: &InstanceId) -> bool {
        self.0.contains(end(id))
    }
}

/// The end of an id: `89abcdef` of `i-0123456789abcdef`.
fn end(id: &InstanceId) -> &str {
    let id = id.as_str();
    let at = id.len().saturating_sub(DIGITS);
    id.get(at..).unwrap_or(id)
}

impl<'a> FromIterator<&'a InstanceId> for Members {
    fn from_iter<I: IntoIterator<Item = &'a InstanceId>>(ids: I) -> Self {
        Self(ids.into_iter().map(|id| end(id).to_owned()).collect())
    }
}

impl From<String> for Members {
    fn from(text: String) -> Self {
        Self(text.split_whitespace().map(str::to_owned).collect())
    }
}

impl From<Members> for String {
    fn from(members: Members) -> Self {
        let ends: Vec<String> = members.0.into_iter().collect();
        ends.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_known_by_the_end_of_its_id() {
        let ids = ["i-0123456789abcdef", "i-0fedcba987654321", "i-1"].map(InstanceId::from);
        let members: Members = ids.iter().collect();
        let text = serde_json::to_string(&members).unwrap();
        assert_eq!(text, r#""87654321 89abcdef i-1""#);
        let read: Members = serde_json::from_str(&text).unwrap();
        assert_eq!(read, members);
        assert!(ids.iter().all(|id| read.has(id)));
        for other in ["i-0123456789abcdee", "i-2", "", "日本語🦀"] {
            assert!(!read.has(&other.into()), "{other}");
        }
    }
}
