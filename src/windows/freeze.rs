//! Freezes: times in which nothing is patched.

use chrono::{DateTime, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use serde::Deserialize;

use crate::text::{moment, plain_text};

/// A table `[[freeze]]` of a configuration file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct FreezeTable {
    /// Its begin: a date and time, with an offset or in `time-zone`.
    from: Option<String>,
    /// Its end.
    until: Option<String>,
    /// IANA name of the zone in which `from` and `until` are read; UTC if none is named.
    time_zone: Option<String>,
    /// In the place of times: name or ARN of a Change Calendar of Systems Manager.
    calendar: Option<String>,
    /// Names of the windows that it is for; all if none is named.
    windows: Vec<String>,
    /// The reason.
    why: Option<String>,
}

/// A freeze.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// When.
    pub when: FreezeTime,
    /// The windows that it is for; all if none is named.
    pub windows: Vec<String>,
    /// The reason; may be empty.
    pub why: String,
}

/// When a freeze is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FreezeTime {
    /// From a time until another.
    Dates {
        /// Its begin.
        from: DateTime<Utc>,
        /// Its end.
        until: DateTime<Utc>,
    },
    /// While a Change Calendar is closed.
    Calendar(String),
}

/// A freeze that cannot be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("[[freeze]] {number}: expected {expected}, found {found}")]
pub struct FreezeError {
    /// Its number in the file, from 1.
    pub number: usize,
    /// The key that is wrong; none if several are.
    pub key: Option<&'static str>,
    /// Values that can be.
    pub expected: String,
    /// This one.
    pub found: String,
}

impl Freeze {
    /// Reads the table of this number, from 1.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn read(number: usize, table: &FreezeTable) -> Result<Self, FreezeError> {
        table.read().map_err(|wrong| FreezeError {
            number,
            key: wrong.key,
            expected: wrong.expected,
            found: wrong.found,
        })
    }

    /// Whether it is for this window.
    pub fn is_for(&self, window: &str) -> bool {
        self.windows.is_empty() || self.windows.iter().any(|w| w == window)
    }

    /// Why nothing is patched between two times, if that is known without asking for a calendar.
    pub fn over(&self, start: DateTime<Utc>, end: DateTime<Utc>) -> Option<String> {
        match &self.when {
            FreezeTime::Dates { from, until } if *from < end && start < *until => {
                let span = format!("from {} until {}", moment(*from), moment(*until));
                Some(self.because(&span))
            }
            FreezeTime::Dates { .. } | FreezeTime::Calendar(_) => None,
        }
    }

    /// The freeze in words, with its reason.
    pub fn because(&self, when: &str) -> String {
        match plain_text(&self.why) {
            why if why.is_empty() => when.to_owned(),
            why => format!("{why} ({when})"),
        }
    }
}

/// Why a table is no freeze.
struct Wrong {
    key: Option<&'static str>,
    expected: String,
    found: String,
}

impl FreezeTable {
    fn read(&self) -> Result<Freeze, Wrong> {
        let when = match (&self.from, &self.until, &self.calendar) {
            (Some(from), Some(until), None) => {
                let from = self.time("from", from, false)?;
                let until = self.time("until", until, true)?;
                if until <= from {
                    return Err(Wrong {
                        key: Some("until"),
                        expected: "an end after its begin".into(),
                        found: format!("{} until {}", moment(from), moment(until)),
                    });
                }
                FreezeTime::Dates { from, until }
            }
            (None, None, Some(calendar)) if !calendar.trim().is_empty() => {
                FreezeTime::Calendar(calendar.clone())
            }
            (_, _, _) => {
                let keys = [
                    ("from", self.from.is_some()),
                    ("until", self.until.is_some()),
                    ("calendar", self.calendar.is_some()),
                ];
                let given: Vec<&str> = keys.iter().filter(|k| k.1).map(|k| k.0).collect();
                let found = match given.is_empty() {
                    true => "none of them".into(),
                    false => given.join(" and "),
                };
                return Err(Wrong {
                    key: None,
                    expected: "from and until, or calendar".into(),
                    found,
                });
            }
        };
        Ok(Freeze {
            when,
            windows: self.windows.clone(),
            why: self.why.clone().unwrap_or_default(),
        })
    }

    fn time(&self, key: &'static str, text: &str, is_end: bool) -> Result<DateTime<Utc>, Wrong> {
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Ok(time.with_timezone(&Utc));
        }
        let zone = self.time_zone.as_deref().unwrap_or("UTC");
        let zone: Tz = zone.parse().map_err(|_| Wrong {
            key: Some("time-zone"),
            expected: "an IANA time zone such as Europe/Berlin".into(),
            found: format!("time-zone '{zone}'"),
        })?;
        let formats = ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
        let local = formats
            .iter()
            .find_map(|f| NaiveDateTime::parse_from_str(text, f).ok());
        // Of an hour that comes twice, the whole is in the freeze.
        let time = local.and_then(|local| {
            let times = zone.from_local_datetime(&local);
            if is_end {
                times.latest()
            } else {
                times.earliest()
            }
        });
        time.map(|t| t.with_timezone(&Utc)).ok_or_else(|| {
            let expected =
                "a time such as 2026-12-20T00:00, or with an offset 2026-12-20T00:00:00+01:00";
            Wrong {
                key: Some(key),
                expected: expected.into(),
                found: format!("'{text}'"),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Freeze, String> {
        let table: FreezeTable = toml::from_str(text).map_err(|e| e.to_string())?;
        Freeze::read(1, &table).map_err(|e| e.to_string())
    }

    #[test]
    fn a_freeze_lies_over_what_it_touches() {
        let freeze = read(
            "from='2026-12-20T00:00'\nuntil='2027-01-04T00:00:00+01:00'\ntime-zone='Europe/Berlin'\nwhy='holidays'",
        );
        let freeze = freeze.unwrap();
        let over =
            |start: &str, end: &str| freeze.over(start.parse().unwrap(), end.parse().unwrap());
        assert_eq!(over("2026-12-19T20:00:00Z", "2026-12-19T23:00:00Z"), None);
        assert_eq!(over("2027-01-03T23:00:00Z", "2027-01-04T02:00:00Z"), None);
        let within = over("2026-12-19T20:00:00Z", "2026-12-19T23:00:01Z").unwrap();
        assert_eq!(
            within,
            "holidays (from 2026-12-19 23:00:00 UTC until 2027-01-03 23:00:00 UTC)"
        );
        assert!(freeze.is_for("any"));
    }

    #[test]
    fn mistakes_are_told() {
        for (text, said) in [
            ("why='x'", "from and until, or calendar, found none of them"),
            ("from='2026-12-20T00:00'", "found from"),
            (
                "from='2026-12-20T00:00'\nuntil='2026-12-20T00:00'",
                "an end after its begin",
            ),
            (
                "from='20 December'\nuntil='2026-12-20T00:00'",
                "found '20 December'",
            ),
            (
                "from='2026-12-20T00:00'\nuntil='2026-12-21T00:00'\ntime-zone='Berlin'",
                "time-zone 'Berlin'",
            ),
            (
                "from='2026-12-20T00:00'\nuntil='2026-12-21T00:00'\ncalendar='x'",
                "from and until and calendar",
            ),
            ("form='x'", "unknown field"),
        ] {
            let found = read(text).unwrap_err();
            assert!(found.contains(said), "{found}");
        }
    }
}
