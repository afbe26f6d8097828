//! The part of a file of settings that is about windows: their notices, and freezes.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use serde::Deserialize;

use crate::config::{self, Origin};
use crate::notices::NoticesFile;
use crate::notices::config::ConfigError;
use crate::toml_file;
use crate::windows::{
    After, ApprovalDemand, DEFAULT_WINDOW, Freeze, FreezeError, FreezeTable, WindowError,
    WindowNotices,
};

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

/// A file of settings that says nothing that can be used about notices.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// A key or value that is none.
    #[error("line {line}: {message}")]
    Fault {
        /// Its line.
        line: usize,
        /// Expected, and found.
        message: String,
    },
    /// The tables about notices.
    #[error(transparent)]
    Notices(#[from] ConfigError),
    /// A window's notices, or the window that goes before.
    #[error("[[window]] '{window}': {problem}")]
    Window {
        /// The window.
        window: String,
        /// Its fault.
        problem: WindowError,
    },
    /// A freeze.
    #[error(transparent)]
    Freeze(#[from] FreezeError),
}

/// The tables of freezes; other tables are others' to read.
#[derive(Deserialize)]
struct Freezes {
    #[serde(default)]
    freeze: Vec<FreezeTable>,
}

fn freezes(text: &str) -> Result<Vec<Freeze>, SetupError> {
    let freezes: Freezes = toml_file::read(text).map_err(|wrong| SetupError::Fault {
        line: wrong.place.line,
        message: wrong.message,
    })?;
    Ok(Freeze::read(&freezes.freeze)?)
}

impl WindowSetup {
    /// The part of a file's text that is about windows.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn read(text: &str) -> Result<Self, SetupError> {
        let parsed = config::parse(text, Origin::Named);
        if let Some(fault) = parsed.faults.first() {
            return Err(SetupError::Fault {
                line: fault.place.line,
                message: fault.message.clone(),
            });
        }
        let file = NoticesFile::read(text)?;
        let windows = parsed.windows.into_iter().map(|entry| {
            let notices = entry.text.notices();
            let window = entry.text.name;
            match notices {
                Ok(notices) => Ok((window, notices)),
                Err(problem) => Err(SetupError::Window { window, problem }),
            }
        });
        Ok(Self {
            // Checked when the tables were read.
            ahead: file.notices.ahead().unwrap_or_default(),
            windows: windows.collect::<Result<_, SetupError>>()?,
            file,
            freezes: freezes(text)?,
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
    pub fn unknown_windows(&self) -> BTreeSet<&str> {
        let of_freezes = self.freezes.iter().flat_map(|f| &f.windows);
        let after = self.windows.values().filter_map(|w| w.after.as_ref());
        let named = of_freezes
            .chain(after.map(|a| &a.window))
            .map(String::as_str);
        named
            .filter(|name| *name != DEFAULT_WINDOW && !self.windows.contains_key(*name))
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
