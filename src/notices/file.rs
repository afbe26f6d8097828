//! The tables of a configuration file that are about notices, checked.

use std::collections::BTreeMap;

use super::config::{ChannelTable, NoticesTable, RouteTable, check};
use super::config_error::{ConfigError, TableKey};
use super::words::OwnWords;
use crate::toml_file::{Fault, Place, TablePlace, table, tables};

/// The tables of a file that are about notices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoticesFile {
    /// Somewhere that notices go.
    pub channels: Vec<ChannelTable>,
    /// Where each notice goes.
    pub routes: Vec<RouteTable>,
    /// All notices.
    pub notices: NoticesTable,
}

impl NoticesFile {
    /// Reads these tables of a file that is TOML; other tables are others' to read.
    ///
    /// # Errors
    /// What is wrong with them: the first thing of each table.
    pub fn read(text: &str) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let (channel_places, channels) = parted(tables(text, "channel", &mut faults));
        // A route is not wrong because a channel that it names cannot be read.
        let are_whole = faults.is_empty();
        let (route_places, routes) = parted(tables(text, "route", &mut faults));
        let notices: Option<(TablePlace, NoticesTable)> = table(text, "notices", &mut faults);
        let mut wrong = match are_whole {
            true => check(&channels, &routes),
            false => check(&channels, &[]),
        };
        for (number, channel) in &channels {
            wrong.extend(OwnWords::new(channel).err().map(|e| ConfigError {
                place: TableKey::Channel {
                    number: *number,
                    name: e.channel.clone(),
                    key: format!("words.{}.{}", e.event, e.key),
                },
                expected: "a template that can be filled".into(),
                found: e.found,
            }));
        }
        let ahead = notices.as_ref().and_then(|(_, table)| table.ahead().err());
        wrong.extend(ahead.map(|e| ConfigError {
            place: TableKey::Notices {
                key: "ahead".into(),
            },
            expected: "times of 15m to 31d, such as 24h".into(),
            found: format!("'{}'", e.found),
        }));
        let (notices_place, notices) = notices.unzip();
        let first_key = |key: &str| key.split('.').next().unwrap_or_default().to_owned();
        let place = |key: &TableKey| match key {
            TableKey::Channel { number, key, .. } => {
                of_key(channel_places.get(number), &first_key(key))
            }
            TableKey::Route { number, key } => of_key(route_places.get(number), key),
            TableKey::Notices { key } => of_key(notices_place.as_ref(), key),
        };
        faults.extend(wrong.iter().map(|e| {
            let message = format!("expected {}, found {}", e.expected, e.found);
            Fault::new(place(&e.place), e.place.to_string(), &message)
        }));
        faults.sort_by_key(|f| f.place);
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self {
            channels: channels.into_iter().map(|(_, table)| table).collect(),
            routes: routes.into_iter().map(|(_, table)| table).collect(),
            notices: notices.unwrap_or_default(),
        })
    }
}

/// Tables by their numbers, and their places.
type Parted<T> = (BTreeMap<usize, TablePlace>, Vec<(usize, T)>);

fn parted<T>(tables: Vec<(usize, TablePlace, T)>) -> Parted<T> {
    let parted = tables.into_iter();
    parted
        .map(|(n, place, table)| ((n, place), (n, table)))
        .unzip()
}

fn of_key(table: Option<&TablePlace>, key: &str) -> Place {
    let start = Place { line: 1, column: 1 };
    table.map_or(start, |table| table.of_key(key))
}
