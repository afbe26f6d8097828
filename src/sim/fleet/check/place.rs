//! The place of a problem in a fleet file, and checks that several kinds of table share.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::super::{FleetError, Placed};
use crate::sim::wire::Service;

pub(super) type Checked = Result<(), FleetError>;

/// Far above any account; a number beyond it would only fill the memory.
pub(super) const MANY: u64 = 100_000;

/// About thirty years: times further off are not meant.
pub(super) const LONGEST_SECONDS: i64 = 1_000_000_000;

/// A table that is being checked.
pub(super) struct Table {
    pub(super) line: usize,
    pub(super) name: String,
}

impl Table {
    pub(super) fn wrong(
        &self,
        key: impl Display,
        expected: impl Display,
        found: impl Display,
    ) -> FleetError {
        FleetError::Wrong {
            line: self.line,
            place: format!("{}, {key}", self.name),
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }

    /// An error unless it holds.
    pub(super) fn must(
        &self,
        holds: bool,
        key: impl Display,
        expected: impl Display,
        found: impl Display,
    ) -> Checked {
        if holds {
            Ok(())
        } else {
            Err(self.wrong(key, expected, found))
        }
    }
}

pub(super) fn table<T>(kind: &str, placed: &Placed<T>, name: &str) -> Table {
    Table {
        line: placed.line,
        name: format!("{kind} '{name}'"),
    }
}

pub(super) fn id(place: &Table, id: Option<&str>, prefix: &str) -> Checked {
    let Some(id) = id else {
        return Ok(());
    };
    let good = id
        .strip_prefix(prefix)
        .is_some_and(|hex| hex.len() == 17 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
    let expected = format!("{prefix} and 17 hexadecimal digits");
    place.must(good, "id", expected, id)
}

pub(super) fn image_name(place: &Table, key: &str, name: &str, images: &BTreeSet<&str>) -> Checked {
    let known =
        images.contains(name) || name.starts_with("ami-") || name.starts_with("resolve:ssm:");
    let expected = "the name of an image of this file, an ami- id or resolve:ssm:";
    place.must(known, key, expected, format!("'{name}'"))
}

pub(super) fn operation(place: &Table, key: &str, name: &str) -> Checked {
    let good = name.split_once(':').is_some_and(|(service, operation)| {
        Service::ALL.iter().any(|s| s.name() == service)
            && operation.starts_with(|c: char| c.is_ascii_uppercase())
    });
    place.must(good, key, "an operation such as ssm:SendCommand", name)
}
