//! The request for a run, from whatever trigger: [`RunRequest`], and the one place that says whether a group has
//! opted in. Pure.

mod documents;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::{GroupName, RunId};
use crate::place::PlaceTags;
use crate::schedule::Window;
use crate::tag_filter::TagFilters;

pub use documents::{AfterFailure, BeforeFailure, DocumentName, NotExpected, OwnersDocuments};

/// With `--at-deadline finish`, a group that was started may go on this long past the deadline, the reserve
/// included: one phase that takes as long as its own limit lets it (the longest is an install, 2 h and
/// some minutes, of which the window had its part) still comes to its end; anything longer is no longer
/// finishing but hanging, and is rolled back.
pub const OVERRUN_LIMIT: TimeDelta = TimeDelta::hours(2);

/// One asked-for pass over the groups of an account and region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRequest {
    /// Derived from what caused the run: the same cause yields the same id.
    pub run_id: RunId,
    /// The execution or process that drives it, as records name it.
    pub owner: String,
    /// When groups may be touched.
    pub window: Window,
    /// Which groups.
    pub selection: Selection,
    /// Install or Scan.
    pub operation: Operation,
    /// At most this many build instances at once; `None` for no limit.
    pub max_in_flight: Option<usize>,
    /// Nothing more is started once more groups than this have failed.
    pub max_failures: FailureLimit,
    /// Where the report goes.
    pub topic_arn: Option<String>,
    /// How groups end that are not done when the deadline comes near.
    #[serde(default)]
    pub at_deadline: AtDeadline,
    /// For how long an image is kept that its canary did not prove, unless a group's tag says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_failed: Option<KeepDays>,
    /// The owner's own documents, unless a group's tags say otherwise.
    #[serde(default, skip_serializing_if = "OwnersDocuments::is_empty")]
    pub documents: OwnersDocuments,
    /// Tags that say which application and environment a group serves.
    #[serde(default, skip_serializing_if = "PlaceTags::is_usual")]
    pub place_tags: PlaceTags,
    /// The window that goes before it, and which applications that one has brought through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ring: Option<Ring>,
    /// For the readers of its report; nothing depends on it.
    #[serde(default, skip_serializing_if = "About::is_empty")]
    pub about: Box<About>,
}

/// The window that goes before: an application's groups are patched only once it has come through there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ring {
    /// That window's name.
    pub after: String,
    /// How many days ago it may have been.
    pub days: u16,
    /// Applications that came through it without a failure.
    pub passed: BTreeSet<String>,
    /// How the others fared in it: in words.
    pub fared: BTreeMap<String, String>,
}

impl Ring {
    /// Why an application's groups have to wait; none if they need not.
    pub fn holds_back(&self, application: &str) -> Option<String> {
        if self.passed.contains(application) {
            return None;
        }
        let Self { after, days, .. } = self;
        Some(match self.fared.get(application) {
            Some(fared) => format!("it comes after window {after}, in which {application} {fared}"),
            None => format!(
                "it comes after window {after}, of which no run for {application} has ended within {days} days"
            ),
        })
    }
}

/// Facts about a run that only the readers of its report need.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The person or system that asked for it, if the owner does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<String>,
    /// The reason that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Where the pages about the codes are published, without a slash at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages_url: Option<String>,
    /// The name of the patch window that it is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    /// The version of the stack's file of settings that it works by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_version: Option<i64>,
    /// The person who approved it, when and why: in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<String>,
}

impl About {
    /// Whether nothing is known.
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl RunRequest {
    /// When every group is restored at the latest, whatever happens: the deadline, or as long after it
    /// as a started group may go on. Records name it, so that no sweep takes a group from a live driver.
    pub fn restore_by(&self) -> DateTime<Utc> {
        match self.at_deadline {
            AtDeadline::RollBack => self.window.deadline,
            AtDeadline::Finish => {
                let by = self.window.deadline.checked_add_signed(OVERRUN_LIMIT);
                by.unwrap_or(self.window.deadline)
            }
        }
    }
}

/// How groups end that are not done at the latest moment at which a restore still fits before the
/// deadline. Nothing new is started either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AtDeadline {
    /// They are rolled back, so that they are back by the deadline.
    #[default]
    RollBack,
    /// They go on to their end past the deadline, [`OVERRUN_LIMIT`] at most.
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
    type Err = RequestError;

    fn from_str(text: &str) -> Result<Self, RequestError> {
        match text {
            "roll-back" => Ok(Self::RollBack),
            "finish" => Ok(Self::Finish),
            _ => Err(RequestError::AtDeadline { found: text.into() }),
        }
    }
}

/// For how many days an image is kept that failed: 1 to [`KeepDays::MOST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct KeepDays(u16);

impl KeepDays {
    /// The most. An image that nobody has looked at for three months will not be looked at.
    pub const MOST: u16 = 90;
    /// The values that it can have, for people.
    pub const EXPECTED: &str = "a number of days, 1 to 90";

    /// As a span of time.
    pub fn span(self) -> TimeDelta {
        TimeDelta::days(self.0.into())
    }
}

impl TryFrom<u16> for KeepDays {
    type Error = RequestError;

    fn try_from(days: u16) -> Result<Self, RequestError> {
        match days {
            1..=Self::MOST => Ok(Self(days)),
            _ => Err(RequestError::KeepDays {
                found: days.to_string(),
            }),
        }
    }
}

impl From<KeepDays> for u16 {
    fn from(days: KeepDays) -> u16 {
        days.0
    }
}

impl fmt::Display for KeepDays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for KeepDays {
    type Err = RequestError;

    fn from_str(text: &str) -> Result<Self, RequestError> {
        let found = || RequestError::KeepDays { found: text.into() };
        text.parse::<u16>()
            .ok()
            .and_then(|days| Self::try_from(days).ok())
            .ok_or_else(found)
    }
}

/// The tag by which a group opts in. Option tags begin with its key and a colon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptInTag {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
}

impl Default for OptInTag {
    fn default() -> Self {
        Self {
            key: "ep:asg:patch".into(),
            value: "true".into(),
        }
    }
}

impl OptInTag {
    /// Whether a group with these tags has opted in: key and value exactly, in this letter case.
    pub fn is_on(&self, tags: &BTreeMap<String, String>) -> bool {
        tags.get(&self.key) == Some(&self.value)
    }

    /// A tag in its place, for a refusal: `KEY=VALUE`, or that there is no such tag.
    pub fn found(&self, value: Option<&str>) -> String {
        match value {
            Some(value) => format!("{}={value}", self.key),
            None => format!("no tag {}", self.key),
        }
    }
}

/// As on the command line: `KEY=VALUE`.
impl fmt::Display for OptInTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

impl FromStr for OptInTag {
    type Err = RequestError;

    fn from_str(text: &str) -> Result<Self, RequestError> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() && key.len() <= 128 && value.len() <= 256 => {
                Ok(Self {
                    key: key.into(),
                    value: value.into(),
                })
            }
            _ => Err(RequestError::Tag { found: text.into() }),
        }
    }
}

/// Which groups a run is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// The opt-in tag.
    pub tag: OptInTag,
    /// Only these of the opted-in groups; empty for all.
    pub groups: Vec<GroupName>,
    /// Only opted-in groups whose tags match, besides.
    #[serde(default, skip_serializing_if = "TagFilters::is_empty")]
    pub filters: TagFilters,
}

impl Selection {
    /// Whether a run with this selection works on the group of this name and with these tags.
    pub fn wants(&self, name: &GroupName, tags: &BTreeMap<String, String>) -> bool {
        self.tag.is_on(tags)
            && (self.groups.is_empty() || self.groups.contains(name))
            && self.filters.match_tags(tags)
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
    type Err = RequestError;

    fn from_str(text: &str) -> Result<Self, RequestError> {
        match text.to_ascii_lowercase().as_str() {
            "install" => Ok(Self::Install),
            "scan" => Ok(Self::Scan),
            _ => Err(RequestError::Operation { found: text.into() }),
        }
    }
}

/// Groups that are worked on at once unless asked otherwise: few enough that a quota, an exhausted zone or a bad patch is
/// noticed while most of the fleet is untouched, and enough for hundreds of groups in a window.
pub const DEFAULT_IN_FLIGHT: usize = 25;

/// How many groups may fail before nothing more is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureLimit {
    /// This many groups.
    Count(u32),
    /// This share of all planned groups, 0 to 100.
    Percent(u32),
}

/// A fifth of the groups: when more have failed, the cause is hardly one group's own.
impl Default for FailureLimit {
    fn default() -> Self {
        Self::Percent(20)
    }
}

/// As on the command line: `N` or `N%`.
impl fmt::Display for FailureLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(n) => write!(f, "{n}"),
            Self::Percent(p) => write!(f, "{p}%"),
        }
    }
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
    type Err = RequestError;

    fn from_str(text: &str) -> Result<Self, RequestError> {
        let wrong = || RequestError::FailureLimit { found: text.into() };
        match text.strip_suffix('%') {
            Some(percent) => match percent.parse() {
                Ok(p) if p <= 100 => Ok(Self::Percent(p)),
                _ => Err(wrong()),
            },
            None => text.parse().map(Self::Count).map_err(|_| wrong()),
        }
    }
}

/// Why a part of a request cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
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
    /// Not a number of days for which an image is kept.
    #[error("expected a number of days, 1 to 90, found '{found}'")]
    KeepDays {
        /// As given.
        found: String,
    },
    /// Not a failure limit.
    #[error("expected a number of groups or a percentage from 0% to 100%, found '{found}'")]
    FailureLimit {
        /// As given.
        found: String,
    },
    /// Not a tag.
    #[error(
        "expected KEY=VALUE (key of 1 to 128, value of at most 256 characters), found '{found}'"
    )]
    Tag {
        /// As given.
        found: String,
    },
}
