//! Errors about the tables `[[channel]]`, `[[route]]` and `[notices]`.

use std::fmt;

/// A table that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: expected {expected}, found {found}")]
pub struct ConfigError {
    /// The table and key.
    pub place: TableKey,
    /// The values that it can have.
    pub expected: String,
    /// Its value; never a secret.
    pub found: String,
}

/// A key of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableKey {
    /// Of `[[channel]]`.
    Channel {
        /// Its number in the file, from 1.
        number: usize,
        /// Its name.
        name: String,
        /// The key, with those below it: `words.begun.title`.
        key: String,
    },
    /// Of `[[route]]`.
    Route {
        /// Its number in the file, from 1.
        number: usize,
        /// The key.
        key: String,
    },
    /// Of `[notices]`.
    Notices {
        /// The key.
        key: String,
    },
}

impl fmt::Display for TableKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Channel { name, key, .. } => write!(f, "[[channel]] '{name}' {key}"),
            Self::Route { number, key } => write!(f, "[[route]] {number} {key}"),
            Self::Notices { key } => write!(f, "[notices] {key}"),
        }
    }
}

/// A value that a key cannot have.
pub(super) fn error(
    place: TableKey,
    expected: impl Into<String>,
    found: impl Into<String>,
) -> ConfigError {
    ConfigError {
        place,
        expected: expected.into(),
        found: found.into(),
    }
}
