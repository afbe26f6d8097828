//! The settings of the command line, and the file that holds them. Pure.
//!
//! [`SETTINGS`] is the one list of settings: the reader of files, the names of the variables, the schema for editors and
//! the page in the docs are all made from it. The command line puts what is set in the place of its flags' defaults.

mod entry;
mod kind;
mod read;
mod schema;
mod settings;
mod window;

pub use entry::Entry;
pub use kind::Kind;
pub use read::{Origin, Parsed, parse};
pub use schema::schema;
pub use settings::{SETTINGS, Setting, Table, Trust};
pub use window::WindowEntry;

pub use crate::toml_file::Fault;

/// Tables of the file that are no settings of a command: where notices go, and freezes. They are read where they are used.
pub const TABLES: [&str; 4] = ["channel", "route", "notices", "freeze"];
/// The file's name, by which it is found.
pub const FILE_NAME: &str = "asg-patch.toml";
/// The beginning of the settings' variables.
pub const PREFIX: &str = "ASG_PATCH_";
/// The variable that names a file, as `--config` does.
pub const FILE_VARIABLE: &str = "ASG_PATCH_CONFIG";

#[cfg(test)]
mod tests;
