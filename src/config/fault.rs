//! Something wrong in a file of settings.

use std::fmt;

use crate::text::plain_text;
use crate::toml_file::{Misread, Place};

/// Something wrong in a file, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// The key as `table.key`; none if the text is not TOML.
    pub key: Option<String>,
    /// The expected and the found value, on one line.
    pub message: String,
}

impl Fault {
    /// A value that the key cannot have.
    pub fn new(place: Place, key: impl Into<String>, message: &str) -> Self {
        Self {
            place,
            key: Some(key.into()),
            message: plain_text(message),
        }
    }
}

impl From<Misread> for Fault {
    fn from(misread: Misread) -> Self {
        Self {
            place: misread.place,
            key: None,
            message: plain_text(&misread.message),
        }
    }
}

/// `LINE:COLUMN: KEY: expected ..., found ...`, to stand behind the file's name.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.place.line, self.place.column)?;
        match &self.key {
            Some(key) => write!(f, "{}: {}", plain_text(key), self.message),
            None => f.write_str(&self.message),
        }
    }
}
