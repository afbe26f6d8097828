//! The tables of a configuration file that are about notices, checked.

use serde::Deserialize;

use super::config::{ChannelTable, ConfigError, NoticesTable, RouteTable, check};
use super::words::OwnWords;
use crate::toml_file;

/// The tables of a file that are about notices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct NoticesFile {
    /// Somewhere that notices go.
    #[serde(default, rename = "channel")]
    pub channels: Vec<ChannelTable>,
    /// Where each notice goes.
    #[serde(default, rename = "route")]
    pub routes: Vec<RouteTable>,
    /// All notices.
    #[serde(default)]
    pub notices: NoticesTable,
}

impl NoticesFile {
    /// Reads these tables of a file; other tables are others' to read.
    ///
    /// # Errors
    /// The first thing that is wrong with them.
    pub fn read(text: &str) -> Result<Self, ConfigError> {
        let file: Self = toml_file::read(text).map_err(|wrong| {
            let place = format!("{}:{}", wrong.place.line, wrong.place.column);
            wrong_at(
                place,
                "tables [[channel]], [[route]] and [notices]",
                wrong.message,
            )
        })?;
        check(&file.channels, &file.routes)?;
        let ahead = file.notices.ahead();
        ahead.map_err(|e| {
            wrong_at(
                "[notices] ahead".into(),
                "times of 15m to 31d, such as 24h",
                format!("'{}'", e.found),
            )
        })?;
        for channel in &file.channels {
            OwnWords::new(channel).map_err(|e| {
                let place = format!("[[channel]] '{}' words.{}.{}", e.channel, e.event, e.key);
                wrong_at(place, "a template that can be filled", e.found)
            })?;
        }
        Ok(file)
    }
}

fn wrong_at(place: String, expected: &str, found: String) -> ConfigError {
    ConfigError {
        place,
        expected: expected.into(),
        found,
    }
}
