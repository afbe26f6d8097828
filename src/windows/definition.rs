//! The definition of a patch window.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::WindowSource;
use super::ahead::{AheadError, ahead};
use super::approval::ApprovalDemand;
use crate::ids::GroupName;
use crate::schedule::{AwsSchedule, Dialect, ScheduleError, Window};
use crate::tag_filter::TagFilters;

/// A patch window: when it opens, for how long, and which of the opted-in groups it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchWindow {
    /// Its name.
    pub name: String,
    /// When it opens.
    pub schedule: AwsSchedule,
    /// The expression, as it was written.
    pub expression: String,
    /// The schedule's time zone.
    pub zone: Tz,
    /// It may open this much later than the schedule says.
    pub flexible: TimeDelta,
    /// Its length.
    pub duration: TimeDelta,
    /// Nothing new is started this long before its end.
    pub cutoff: TimeDelta,
    /// The groups that it takes of those that opted in.
    pub filters: TagFilters,
    /// Only these of them; empty for all.
    pub groups: Vec<GroupName>,
    /// The people who answer for it.
    pub owner: Option<String>,
    /// Where it is set up.
    pub source: WindowSource,
    /// Whether it opens at all.
    pub state: WindowState,
    /// Its notices.
    pub notices: WindowNotices,
}

/// The state of a window in AWS, beside its schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WindowState {
    /// It is disabled: it never opens.
    pub is_disabled: bool,
    /// It does not open before.
    pub from: Option<DateTime<Utc>>,
    /// It does not open from then on.
    pub until: Option<DateTime<Utc>>,
    /// When it opens next, by AWS's own reckoning, as far as AWS shows it: to the minute at least.
    pub next: Option<DateTime<Utc>>,
}

/// The notices of a window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WindowNotices {
    /// How long before its begin it is announced and reminded of, the longest first; none: as usual.
    pub ahead: Option<Vec<TimeDelta>>,
    /// Whether no run begins in it that was not announced.
    pub is_required: bool,
    /// The window that goes before it.
    pub after: Option<After>,
    /// The approval that it demands before its runs begin.
    pub approval: Option<ApprovalDemand>,
}

/// A window that goes before another: only what came through it without a failure is patched in the later one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    /// Its name.
    pub window: String,
    /// How many days ago it may have been.
    pub days: u16,
}

impl After {
    /// Days if none are named.
    pub const USUAL_DAYS: u16 = 7;
    /// The most: ends of runs are remembered for a month.
    pub const MOST_DAYS: u16 = 31;
}

/// A window as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WindowText {
    /// Its name.
    pub name: String,
    /// `cron(...)`, `rate(...)` or `at(...)`.
    pub schedule: String,
    /// An IANA time zone; UTC if none is named.
    pub time_zone: Option<String>,
    /// Whether Systems Manager reads the schedule, as a maintenance window; else EventBridge Scheduler does.
    pub is_maintenance_window: bool,
    /// Minutes by which Scheduler may be late.
    pub flexible_minutes: i64,
    /// Its length, and how long before its end nothing new is started.
    pub lengths: Option<(TimeDelta, TimeDelta)>,
    /// Days between a maintenance window's cron day and its opening, 1 to 6.
    pub offset_days: Option<i32>,
    /// The groups that it takes.
    pub filters: TagFilters,
    /// Only these of them; empty for all.
    pub groups: Vec<GroupName>,
    /// The people who answer for it.
    pub owner: Option<String>,
    /// Where it is set up.
    pub source: WindowSource,
    /// Its state in AWS.
    pub state: WindowState,
    /// Times before its begin, such as 24h, at which notices are sent.
    pub ahead: Option<Vec<String>>,
    /// Whether no run begins in it that was not announced.
    pub is_notice_required: bool,
    /// Name of the window that goes before it.
    pub after: Option<String>,
    /// How many days ago that may have been.
    pub after_days: Option<u64>,
    /// Whether a person must approve each of its runs.
    pub is_approval_required: bool,
    /// So long after its opening a run still waits for that, such as 30m.
    pub approval_within: Option<String>,
    /// ARNs of those who may decide.
    pub approvers: Vec<String>,
}

/// A window that cannot be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// Its schedule, zone or lengths.
    #[error("{0}")]
    Schedule(#[from] ScheduleError),
    /// Its name.
    #[error(
        "expected a name of 1 to {MOST_NAME} letters, digits, '-', '_' and '.', found '{found}'"
    )]
    Name {
        /// As given.
        found: String,
    },
    /// The minutes by which it may be late.
    #[error(
        "expected flexible minutes from 0 to {MOST_FLEXIBLE}, and 0 for a maintenance window, found {found}"
    )]
    Flexible {
        /// As given.
        found: i64,
    },
    /// The times at which notices are sent.
    #[error("{0}")]
    Ahead(#[from] AheadError),
    /// The approval that it demands.
    #[error("expected {expected}, found {found}")]
    Approval {
        /// Values that can be.
        expected: String,
        /// This one.
        found: String,
    },
    /// The window that goes before.
    #[error("expected {expected}, found {found}")]
    After {
        /// Values that can be.
        expected: String,
        /// This one.
        found: String,
    },
}

impl WindowError {
    /// The key of a file's window that is to blame.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Schedule(ScheduleError::TimeZone { .. }) => "time-zone",
            Self::Schedule(
                ScheduleError::Duration { .. }
                | ScheduleError::Cutoff { .. }
                | ScheduleError::OutOfRange { .. },
            ) => "duration",
            Self::Schedule(
                ScheduleError::FieldCount { .. }
                | ScheduleError::Field { .. }
                | ScheduleError::Expression { .. }
                | ScheduleError::Action { .. },
            ) => "schedule",
            Self::Name { .. } => "name",
            Self::Flexible { .. } => "flexible-minutes",
            Self::Ahead(_) => "ahead",
            Self::Approval { .. } => "approval",
            Self::After { .. } => "after",
        }
    }
}

/// Names of EventBridge schedules have at most 64 characters; a run's id has a time beside it.
const MOST_NAME: usize = 48;
/// Source: EventBridge Scheduler, FlexibleTimeWindow.
const MOST_FLEXIBLE: i64 = 1440;
/// As a run without a window: three hours, of which the last starts nothing.
const USUAL: (TimeDelta, TimeDelta) = (TimeDelta::hours(3), TimeDelta::hours(1));

impl PatchWindow {
    /// Reads it.
    ///
    /// # Errors
    /// The first thing that is wrong, with what was expected and found.
    pub fn read(text: WindowText) -> Result<Self, WindowError> {
        let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let is_legal = (1..=MOST_NAME).contains(&text.name.len()) && text.name.chars().all(legal);
        // AWS opens a window whatever it is called.
        if !is_legal && !text.source.is_aws() {
            return Err(WindowError::Name { found: text.name });
        }
        let (dialect, latest) = match text.is_maintenance_window {
            true => (Dialect::MaintenanceWindow, 0),
            false => (Dialect::Scheduler, MOST_FLEXIBLE),
        };
        if !(0..=latest).contains(&text.flexible_minutes) {
            return Err(WindowError::Flexible {
                found: text.flexible_minutes,
            });
        }
        let zone = text.time_zone.as_deref().unwrap_or("UTC");
        let zone = zone.parse::<Tz>().map_err(|_| ScheduleError::TimeZone {
            found: zone.to_owned(),
        })?;
        let (duration, cutoff) = text.lengths.unwrap_or(USUAL);
        // Whether they can be a window's at all.
        Window::lasting(chrono::DateTime::UNIX_EPOCH, duration, cutoff)?;
        let mut schedule = AwsSchedule::parse(dialect, &text.schedule)?;
        if let Some(days) = text.offset_days {
            schedule = schedule.with_offset(days)?;
        }
        let notices = text.notices()?;
        Ok(Self {
            schedule,
            name: text.name,
            expression: text.schedule,
            zone,
            flexible: TimeDelta::minutes(text.flexible_minutes),
            duration,
            cutoff,
            filters: text.filters,
            groups: text.groups,
            owner: text.owner,
            source: text.source,
            state: text.state,
            notices,
        })
    }

    /// Whether it takes a group that opted in.
    pub fn takes(&self, name: &GroupName, tags: &BTreeMap<String, String>) -> bool {
        (self.groups.is_empty() || self.groups.contains(name)) && self.filters.match_tags(tags)
    }
}

impl WindowText {
    /// Its notices, and the window that goes before.
    ///
    /// # Errors
    /// The first that is wrong.
    pub fn notices(&self) -> Result<WindowNotices, WindowError> {
        let after = match (&self.after, self.after_days) {
            (None, None) => None,
            (None, Some(days)) => {
                return Err(WindowError::After {
                    expected: "after-days beside after".into(),
                    found: format!("after-days = {days} alone"),
                });
            }
            (Some(window), _) if *window == self.name => {
                return Err(WindowError::After {
                    expected: "after = another window".into(),
                    found: format!("'{window}' itself"),
                });
            }
            (Some(window), days) => {
                let days = days.unwrap_or(After::USUAL_DAYS.into());
                let fits = u16::try_from(days)
                    .ok()
                    .filter(|d| (1..=After::MOST_DAYS).contains(d));
                let days = fits.ok_or_else(|| WindowError::After {
                    expected: format!("after-days from 1 to {}", After::MOST_DAYS),
                    found: days.to_string(),
                })?;
                Some(After {
                    window: window.clone(),
                    days,
                })
            }
        };
        Ok(WindowNotices {
            ahead: self.ahead.as_deref().map(ahead).transpose()?,
            is_required: self.is_notice_required,
            after,
            approval: self.approval()?,
        })
    }

    fn approval(&self) -> Result<Option<ApprovalDemand>, WindowError> {
        let within = self.approval_within.as_deref();
        if !self.is_approval_required && (within.is_some() || !self.approvers.is_empty()) {
            return Err(WindowError::Approval {
                expected: "approval-within and approvers beside approval = \"required\"".into(),
                found: "them without it".into(),
            });
        }
        let demand = || ApprovalDemand::read(within, &self.approvers);
        self.is_approval_required.then(demand).transpose()
    }
}
