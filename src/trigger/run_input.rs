//! A run as it was asked for, and the stack's defaults for the rest.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Cause, TriggerError};
use crate::ids::{GroupName, RunId};
use crate::place::PlaceTags;
use crate::request::{
    About, AtDeadline, DEFAULT_IN_FLIGHT, FailureLimit, KeepDays, Operation, OptInTag,
    OwnersDocuments, RunRequest, Selection,
};
use crate::schedule::Window;
use crate::tag_filter::TagFilters;
use crate::text::{moment, short_hash};

/// A window lasts a night's quiet hours.
const DEFAULT_DURATION: TimeDelta = TimeDelta::hours(3);
/// A group takes about half an hour; twice that leaves room for slow ones.
const DEFAULT_CUTOFF: TimeDelta = TimeDelta::hours(1);
/// A window too short for the default cutoff starts nothing in its last third.
const CUTOFF_SHARE: i32 = 3;

/// Clocks differ, but a time that is to come would take the run of that time from it.
const EARLY: TimeDelta = TimeDelta::minutes(5);

/// A run as it was asked for: what it leaves out is as the stack's settings have it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunInput {
    /// Where it comes from.
    pub cause: Cause,
    /// Only these of the opted-in groups; empty for all.
    pub groups: Vec<GroupName>,
    /// Only opted-in groups whose tags match, besides.
    pub filters: TagFilters,
    /// The name of the patch window that it is of.
    pub window: Option<String>,
    /// Install or Scan.
    pub operation: Option<Operation>,
    /// The window's length.
    pub duration: Option<TimeDelta>,
    /// How long before its end nothing new is started.
    pub cutoff: Option<TimeDelta>,
    /// At most this many build instances at once.
    pub max_in_flight: Option<usize>,
    /// How many groups may fail.
    pub max_failures: Option<FailureLimit>,
    /// How groups end that are not done in time.
    pub at_deadline: Option<AtDeadline>,
    /// For how long an image is kept that was not proved.
    pub keep_failed: Option<KeepDays>,
    /// The owner's own documents.
    pub documents: OwnersDocuments,
    /// Why, in the words of the person who started it.
    pub reason: Option<String>,
}

/// A run's settings unless its input says otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Defaults {
    /// The opt-in tag.
    pub tag: OptInTag,
    /// Install or Scan.
    pub operation: Operation,
    /// The window's length.
    pub duration: TimeDelta,
    /// How long before its end nothing new is started.
    pub cutoff: TimeDelta,
    /// At most this many build instances at once.
    pub max_in_flight: Option<usize>,
    /// How many groups may fail.
    pub max_failures: FailureLimit,
    /// How groups end that are not done in time.
    pub at_deadline: AtDeadline,
    /// For how long an image is kept that was not proved.
    pub keep_failed: Option<KeepDays>,
    /// Tags that say which application and environment a group serves.
    pub place_tags: PlaceTags,
    /// Where the report goes.
    pub topic_arn: Option<String>,
    /// Where the pages about the codes are published.
    pub pages_url: Option<String>,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            tag: OptInTag::default(),
            operation: Operation::default(),
            duration: DEFAULT_DURATION,
            cutoff: DEFAULT_CUTOFF,
            max_in_flight: Some(DEFAULT_IN_FLIGHT),
            max_failures: FailureLimit::default(),
            at_deadline: AtDeadline::default(),
            keep_failed: None,
            place_tags: PlaceTags::default(),
            topic_arn: None,
            pages_url: None,
        }
    }
}

impl RunInput {
    /// The run's id. The same time of a schedule, or execution of a window, with another input is another run: else a run of
    /// one group would keep the schedule's own from beginning.
    fn run_id(&self, owner: &str) -> RunId {
        let plain = Self {
            cause: self.cause.clone(),
            reason: self.reason.clone(),
            ..Self::default()
        };
        if *self == plain {
            return self.cause.run_id(owner);
        }
        let rest = Self {
            cause: Cause::Hand,
            reason: None,
            ..self.clone()
        };
        let cause = match self.cause.clone() {
            Cause::Hand => Cause::Hand,
            Cause::Schedule { schedule, at } => Cause::Schedule {
                schedule: format!("{schedule} {rest:?}"),
                at,
            },
            Cause::Window { execution, at } => Cause::Window {
                execution: format!("{execution}-{}", short_hash(&format!("{rest:?}"))),
                at,
            },
        };
        cause.run_id(owner)
    }

    /// The request of a run that the execution `owner` drives.
    ///
    /// # Errors
    /// A cutoff that leaves no time.
    pub fn request(
        &self,
        defaults: &Defaults,
        owner: &str,
        now: DateTime<Utc>,
    ) -> Result<RunRequest, TriggerError> {
        let duration = self.duration.unwrap_or(defaults.duration);
        // A stack's cutoff may be too long for a shorter window that an input asks for.
        let cutoff = match self.cutoff {
            Some(cutoff) => cutoff,
            None if defaults.cutoff < duration => defaults.cutoff,
            None => duration / CUTOFF_SHARE,
        };
        let start = match &self.cause {
            Cause::Hand | Cause::Window { at: None, .. } => now,
            Cause::Schedule { at, .. } if *at > now + EARLY => {
                return Err(TriggerError::field(
                    "scheduled_time",
                    format!("a time that has come; it is {}", moment(now)),
                    moment(*at),
                ));
            }
            Cause::Schedule { at, .. } | Cause::Window { at: Some(at), .. } => now.min(*at),
        };
        Ok(RunRequest {
            run_id: self.run_id(owner),
            owner: owner.to_owned(),
            window: Window::lasting(start, duration, cutoff).map_err(TriggerError::Window)?,
            selection: Selection {
                tag: defaults.tag.clone(),
                groups: self.groups.clone(),
                filters: self.filters.clone(),
            },
            operation: self.operation.unwrap_or(defaults.operation),
            max_in_flight: self.max_in_flight.or(defaults.max_in_flight),
            max_failures: self.max_failures.unwrap_or(defaults.max_failures),
            topic_arn: defaults.topic_arn.clone(),
            at_deadline: self.at_deadline.unwrap_or(defaults.at_deadline),
            keep_failed: self.keep_failed.or(defaults.keep_failed),
            documents: self.documents.clone(),
            place_tags: defaults.place_tags.clone(),
            ring: None,
            about: Box::new(About {
                why: self.reason.clone(),
                window: self.window.clone(),
                pages_url: defaults.pages_url.clone(),
                ..About::default()
            }),
        })
    }
}
