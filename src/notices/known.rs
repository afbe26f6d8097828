//! Each window at each place, as marks say.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::event::NoticeEvent;
use super::mark::Mark;
use super::notice::Planned;
use crate::ids::RunId;
use crate::place::Place;

/// Marks are kept so long after the end of their window: a run may go on for two hours, and people look back.
const KEPT: TimeDelta = TimeDelta::days(3);

/// A window at a place, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Facts, in order of time, but for the last.
    earlier: Vec<Mark>,
    /// The last fact.
    last: Mark,
    /// Channels with the occasions of which they were told.
    told: BTreeSet<(String, String)>,
}

impl Known {
    /// The windows that these marks are about, in order. A channel's mark without a fact tells nothing.
    pub fn of(marks: impl IntoIterator<Item = Mark>) -> Vec<Self> {
        let mut facts: BTreeMap<(String, Place), Vec<Mark>> = BTreeMap::new();
        let mut told: BTreeMap<(String, Place), BTreeSet<(String, String)>> = BTreeMap::new();
        for mark in marks {
            let key = (mark.window_id.clone(), mark.place.clone());
            match mark.channel.clone() {
                Some(channel) => {
                    let told = told.entry(key).or_default();
                    told.insert((channel, mark.occasion));
                }
                None => facts.entry(key).or_default().push(mark),
            }
        }
        let known = facts.into_iter().filter_map(|(key, mut facts)| {
            facts.sort_by_key(|f| (f.at, f.event));
            let last = facts.pop()?;
            Some(Self {
                earlier: facts,
                last,
                told: told.remove(&key).unwrap_or_default(),
            })
        });
        known.collect()
    }

    /// The fact that came last, with the window's times as they were said last.
    pub fn last(&self) -> &Mark {
        &self.last
    }

    /// The facts, the last one first.
    pub fn facts(&self) -> impl Iterator<Item = &Mark> {
        std::iter::once(&self.last).chain(self.earlier.iter().rev())
    }

    /// The window's id.
    pub fn window_id(&self) -> &str {
        &self.last.window_id
    }

    /// The window's name.
    pub fn window(&self) -> &str {
        &self.last.window
    }

    /// The application and environment.
    pub fn place(&self) -> &Place {
        &self.last.place
    }

    /// The window's times, as they were said last.
    pub fn planned(&self) -> Planned {
        self.last.planned()
    }

    /// The fact of this event, if there is one; of several the last.
    pub fn fact(&self, event: NoticeEvent) -> Option<&Mark> {
        self.facts().find(|f| f.event == event)
    }

    /// Whether there is the fact of this occasion.
    pub fn has(&self, occasion: &str) -> bool {
        self.facts().any(|f| f.occasion == occasion)
    }

    /// Whether a channel was told of this occasion.
    pub fn has_told(&self, channel: &str, occasion: &str) -> bool {
        self.told
            .contains(&(channel.to_owned(), occasion.to_owned()))
    }

    /// Whether a channel was told of anything.
    pub fn has_told_anything(&self, channel: &str) -> bool {
        self.told.iter().any(|(name, _)| name == channel)
    }

    /// Whether it is over: ended, or not to come.
    pub fn is_over(&self) -> bool {
        self.facts()
            .any(|f| f.event == NoticeEvent::Ended || f.event.is_off())
    }

    /// Whether it was announced, is not over, and no run of it has begun.
    pub fn is_to_come(&self) -> bool {
        let is_announced = self.fact(NoticeEvent::Scheduled).is_some();
        is_announced && self.fact(NoticeEvent::Begun).is_none() && !self.is_over()
    }

    /// Whether a run of it has begun, and has not ended as far as is known.
    pub fn is_under_way(&self) -> bool {
        self.fact(NoticeEvent::Begun).is_some() && !self.is_over()
    }

    /// Whether it is of this run.
    pub fn is_of(&self, run: &RunId) -> bool {
        self.facts().any(|f| f.run_id.as_ref() == Some(run))
    }

    /// Whether its marks may be forgotten.
    pub fn is_old(&self, now: DateTime<Utc>) -> bool {
        self.planned().end + KEPT < now
    }
}
