//! Anything that can start a run becomes a [`RunRequest`].

mod event;

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::group::limits::OVERRUN_LIMIT_SECONDS;
use crate::schedule::{ScheduleError, Window};

pub use event::{Asked, Cause, Defaults, RunInput, read, short_hash};

/// The opt-in tag's key and value unless told otherwise.
pub const DEFAULT_TAG: (&str, &str) = ("ep:asg:patch", "true");

/// One asked-for pass over the groups of an account and region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRequest {
    /// Derived from what caused the run: the same cause yields the same id.
    pub run_id: String,
    /// Who drives it (execution or process), as records name it.
    pub owner: String,
    /// When groups may be touched.
    pub window: Window,
    /// Which groups.
    pub selection: Selection,
    /// What to do with them.
    pub operation: Operation,
    /// At most this many build instances at once; `None` for no limit.
    pub max_in_flight: Option<usize>,
    /// Nothing more is started once more groups than this have failed.
    pub max_failures: FailureLimit,
    /// Where the report goes.
    pub topic_arn: Option<String>,
    /// What becomes of groups that are not done when the deadline comes near.
    #[serde(default)]
    pub at_deadline: AtDeadline,
}

impl RunRequest {
    /// When every group is handed back at the latest, whatever happens: the deadline, or as long after it
    /// as a started group may go on. Records name it, so that no sweep takes a group from a live driver.
    pub fn hand_back_by(&self) -> DateTime<Utc> {
        match self.at_deadline {
            AtDeadline::RollBack => self.window.deadline,
            AtDeadline::Finish => {
                let overrun = TimeDelta::seconds(OVERRUN_LIMIT_SECONDS);
                let by = self.window.deadline.checked_add_signed(overrun);
                by.unwrap_or(self.window.deadline)
            }
        }
    }
}

/// What becomes of groups that are not done at the latest moment at which a hand-back still fits before
/// the deadline. Nothing new is started either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AtDeadline {
    /// They are rolled back, so that they are back by the deadline.
    #[default]
    RollBack,
    /// They go on to their end past the deadline, [`OVERRUN_LIMIT_SECONDS`] at most.
    Finish,
}

impl fmt::Display for AtDeadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::RollBack => "roll-back",
            Self::Finish => "finish",
        })
    }
}

impl FromStr for AtDeadline {
    type Err = TriggerError;

    fn from_str(text: &str) -> Result<Self, TriggerError> {
        match text {
            "roll-back" => Ok(Self::RollBack),
            "finish" => Ok(Self::Finish),
            _ => Err(TriggerError::AtDeadline { found: text.into() }),
        }
    }
}

/// Which groups a run is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Key of the opt-in tag; option tags begin with it and a colon.
    pub tag_key: String,
    /// Value of the opt-in tag.
    pub tag_value: String,
    /// Only these of the opted-in groups; empty for all.
    pub groups: Vec<String>,
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            tag_key: DEFAULT_TAG.0.into(),
            tag_value: DEFAULT_TAG.1.into(),
            groups: Vec::new(),
        }
    }
}

/// `AWS-RunPatchBaseline`'s operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operation {
    /// Patch, bake, prove, deploy.
    #[default]
    Install,
    /// Only say what is missing.
    Scan,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Install => "Install",
            Self::Scan => "Scan",
        })
    }
}

impl FromStr for Operation {
    type Err = TriggerError;

    fn from_str(text: &str) -> Result<Self, TriggerError> {
        match text.to_ascii_lowercase().as_str() {
            "install" => Ok(Self::Install),
            "scan" => Ok(Self::Scan),
            _ => Err(TriggerError::Operation { found: text.into() }),
        }
    }
}

/// How many groups may fail before nothing more is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureLimit {
    /// This many groups.
    Count(u32),
    /// This share of all planned groups, 0 to 100.
    Percent(u32),
}

impl FailureLimit {
    /// The limit as a number of groups out of `planned`, rounded down.
    pub fn groups(self, planned: usize) -> usize {
        match self {
            Self::Count(n) => n as usize,
            Self::Percent(p) => planned * p as usize / 100,
        }
    }
}

impl FromStr for FailureLimit {
    type Err = TriggerError;

    fn from_str(text: &str) -> Result<Self, TriggerError> {
        let wrong = || TriggerError::FailureLimit { found: text.into() };
        match text.strip_suffix('%') {
            Some(percent) => match percent.parse() {
                Ok(p) if p <= 100 => Ok(Self::Percent(p)),
                _ => Err(wrong()),
            },
            None => text.parse().map(Self::Count).map_err(|_| wrong()),
        }
    }
}

/// A tag given as `KEY=VALUE`.
pub fn parse_tag(text: &str) -> Result<(String, String), TriggerError> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() && key.len() <= 128 && value.len() <= 256 => {
            Ok((key.into(), value.into()))
        }
        _ => Err(TriggerError::Tag { found: text.into() }),
    }
}

/// What was wrong with what should start a run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TriggerError {
    /// Not an operation.
    #[error("expected the operation Install or Scan, found '{found}'")]
    Operation {
        /// As given.
        found: String,
    },
    /// Not a policy for the deadline.
    #[error("expected finish or roll-back, found '{found}'")]
    AtDeadline {
        /// As given.
        found: String,
    },
    /// Not a failure limit.
    #[error("expected a number of groups or a percentage from 0% to 100%, found '{found}'")]
    FailureLimit {
        /// As given.
        found: String,
    },
    /// An event that nobody understands.
    #[error("{problem}")]
    Event {
        /// Where, what was expected and what was found.
        problem: String,
    },
    /// A window that cannot be.
    #[error("{0}")]
    Window(ScheduleError),
    /// A schedule that cannot be.
    #[error("ASG_PATCH_SCHEDULE: {0}")]
    Schedule(ScheduleError),
    /// Not a tag.
    #[error(
        "expected KEY=VALUE (key of 1 to 128, value of at most 256 characters), found '{found}'"
    )]
    Tag {
        /// As given.
        found: String,
    },
}
