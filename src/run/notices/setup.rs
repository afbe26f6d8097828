//! The part of a file of settings that is about windows: their notices, and freezes.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use crate::config::{self, Origin};
use crate::notices::NoticesFile;
use crate::toml_file::{self, Fault, TablePlace};
use crate::windows::{After, ApprovalDemand, DEFAULT_WINDOW, Freeze, FreezeTable, WindowNotices};

/// Channels, routes, the notices of each window, and freezes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WindowSetup {
    /// Channels and routes.
    pub file: NoticesFile,
    /// Times before a window at which notices are sent, the longest first, unless the window names others.
    ahead: Vec<TimeDelta>,
    /// The notices of the windows that the file has, by their names.
    windows: BTreeMap<String, WindowNotices>,
    /// Times in which nothing is patched.
    pub freezes: Vec<Freeze>,
}

/// A file of settings that cannot be used, with everything that is wrong with it, in its order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", first_of(.0))]
pub struct SetupError(pub Vec<Fault>);

/// The first of the faults, and the number of the others.
fn first_of(faults: &[Fault]) -> String {
    let Some((first, others)) = faults.split_first() else {
        return "nothing is wrong".into();
    };
    let key = first.key.as_ref().map(|key| format!("{key}: "));
    let (line, key) = (first.place.line, key.unwrap_or_default());
    let others = match others.len() {
        0 => String::new(),
        n => format!(" ({n} more: asg-patch config check)"),
    };
    format!("line {line}: {key}{}{others}", first.message)
}

/// Channels, routes and freezes: those tables of the file that are no settings of a command.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SetupTables {
    /// Channels and routes.
    pub file: NoticesFile,
    /// Times in which nothing is patched.
    pub freezes: Vec<Freeze>,
}

impl SetupTables {
    /// Reads these tables of a text that is TOML.
    ///
    /// # Errors
    /// What is wrong with them: the first thing of each table.
    pub fn read(text: &str) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut freezes = Vec::new();
        let tables: Vec<(usize, TablePlace, FreezeTable)> =
            toml_file::tables(text, "freeze", &mut faults);
        for (number, place, table) in tables {
            match Freeze::read(number, &table) {
                Ok(freeze) => freezes.push(freeze),
                Err(e) => {
                    let key = e.key.map_or(String::new(), |key| format!(" {key}"));
                    let message = format!("expected {}, found {}", e.expected, e.found);
                    let place = place.of_key(e.key.unwrap_or_default());
                    faults.push(Fault::new(
                        place,
                        format!("[[freeze]] {number}{key}"),
                        &message,
                    ));
                }
            }
        }
        match NoticesFile::read(text) {
            Ok(file) if faults.is_empty() => Ok(Self { file, freezes }),
            Ok(_) => Err(faults),
            Err(of_notices) => {
                faults.extend(of_notices);
                Err(faults)
            }
        }
    }
}

/// A window that is named though the file does not have it, nor the stack by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnknownWindow {
    /// The table and key that name it.
    pub place: String,
    /// Its name.
    pub name: String,
    /// The window of the file that may be meant.
    pub meant: Option<String>,
}

impl UnknownWindow {
    /// A sentence for the owner of the file.
    pub fn note(&self) -> String {
        let Self { place, name, meant } = self;
        let hint = meant.as_ref().map(|m| format!(" Did you mean '{m}'?"));
        format!(
            "{place}: the file has no [[window]] '{name}', and it counts only if AWS opens a window of this name.{}",
            hint.unwrap_or_default()
        )
    }
}

impl WindowSetup {
    /// The part of a file's text that is about windows.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(text: &str) -> Result<Self, SetupError> {
        let parsed = config::parse(text, Origin::Named);
        let mut faults = parsed.faults;
        let mut windows = BTreeMap::new();
        for entry in parsed.windows {
            match entry.text.notices() {
                Ok(notices) => _ = windows.insert(entry.text.name, notices),
                Err(wrong) if entry.is_whole => faults.push(entry.fault(&wrong)),
                Err(_) => {}
            }
        }
        let tables = SetupTables::read(text).unwrap_or_else(|of_tables| {
            faults.extend(of_tables);
            SetupTables::default()
        });
        if !faults.is_empty() {
            faults.sort_by_key(|f| f.place);
            return Err(SetupError(faults));
        }
        Ok(Self {
            // Checked when the tables were read.
            ahead: tables.file.notices.ahead().unwrap_or_default(),
            windows,
            file: tables.file,
            freezes: tables.freezes,
        })
    }

    /// Whether there is nobody to tell.
    pub fn is_silent(&self) -> bool {
        self.file.channels.is_empty() || self.file.routes.is_empty()
    }

    /// Times before a window of this name at which notices are sent, the longest first.
    pub fn ahead_of(&self, window: &str) -> &[TimeDelta] {
        let own = self.windows.get(window).and_then(|w| w.ahead.as_deref());
        own.unwrap_or(&self.ahead)
    }

    /// Windows that freezes and other windows name and that the file has not, nor the stack by itself.
    pub fn unknown_windows(&self) -> Vec<UnknownWindow> {
        let of_freezes = (1..).zip(&self.freezes).flat_map(|(number, freeze)| {
            let place = format!("[[freeze]] {number} windows");
            freeze.windows.iter().map(move |name| (place.clone(), name))
        });
        let after = self.windows.iter().filter_map(|(window, notices)| {
            let place = format!("[[window]] '{window}' after");
            Some((place, &notices.after.as_ref()?.window))
        });
        let is_unknown = |name: &str| name != DEFAULT_WINDOW && !self.windows.contains_key(name);
        let unknown = of_freezes.chain(after).filter(|(_, name)| is_unknown(name));
        let known = || self.windows.keys().map(String::as_str);
        unknown
            .map(|(place, name)| UnknownWindow {
                place,
                name: name.clone(),
                meant: toml_file::meant(name, known()).map(str::to_owned),
            })
            .collect()
    }

    /// Whether marks are kept though there may be nobody to tell: a window comes after another.
    pub fn remembers(&self) -> bool {
        !self.is_silent() || self.windows.values().any(|w| w.after.is_some())
    }

    /// The window that a window of this name comes after.
    pub fn after(&self, window: &str) -> Option<&After> {
        self.windows.get(window)?.after.as_ref()
    }

    /// Whether another window comes after the one of this name.
    pub fn is_awaited(&self, window: &str) -> bool {
        let after = self.windows.values().filter_map(|w| w.after.as_ref());
        after.into_iter().any(|a| a.window == window)
    }

    /// The demands of a window of this name; none if the file does not have it.
    pub fn demands(&self, window: &str) -> Option<&WindowNotices> {
        self.windows.get(window)
    }

    /// The approval that a window of this name demands before its runs begin.
    pub fn approval(&self, window: &str) -> Option<&ApprovalDemand> {
        self.windows.get(window)?.approval.as_ref()
    }

    /// Names of the windows that demand one.
    pub fn demanding(&self) -> impl Iterator<Item = &str> {
        let demanding = self.windows.iter().filter(|(_, w)| w.approval.is_some());
        demanding.map(|(name, _)| name.as_str())
    }

    /// Whether no run begins in a window of this name that was not announced.
    pub fn is_required_for(&self, window: &str) -> bool {
        self.windows.get(window).is_some_and(|w| w.is_required)
    }
}
