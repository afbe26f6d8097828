//! An entry of a file.

use super::settings::Setting;
use crate::toml_file::Place;

/// A setting that a file sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The setting.
    pub setting: &'static Setting,
    /// Its value as words of a command line: one, or for a list any number.
    pub words: Vec<String>,
    /// The place of its value.
    pub place: Place,
}
