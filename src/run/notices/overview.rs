//! Notices of windows, past and to come.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::super::account_windows::account_windows;
use super::announcer::Announcer;
use super::due::{Watched, opted_in};
use crate::group::fault::Fault;
use crate::notices::{Coming, Known, Mark, Notice, NoticeEvent, about, targets, window_id};
use crate::place::Place;
use crate::request::OptInTag;
use crate::trigger::Defaults;
use crate::windows::PatchWindow;

/// A notice that was or will be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Overviewed {
    /// When it happened, or is due.
    pub at: DateTime<Utc>,
    /// Whether it has happened.
    pub has_happened: bool,
    /// The window's name.
    pub window: String,
    /// The window's begin, as it was planned then.
    pub start: DateTime<Utc>,
    /// The application and environment.
    pub place: Place,
    /// Its occasion.
    pub event: NoticeEvent,
    /// Why it is as it is; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The channels that its route names, and whether each was told.
    pub channels: Vec<OverviewedChannel>,
}

/// A channel of a notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OverviewedChannel {
    /// Its name.
    pub channel: String,
    /// Whether it was told.
    pub was_told: bool,
}

impl Announcer<'_> {
    /// All that is known of windows, and all that is to come within the longest time ahead, in order of time; and windows
    /// that are not known, in words.
    ///
    /// # Errors
    /// Marks, windows or groups could not be read.
    pub async fn overview(&self, tag: &OptInTag) -> Result<(Vec<Overviewed>, Vec<String>), Fault> {
        let now = self.aws.clock.now();
        let defaults = Defaults {
            tag: tag.clone(),
            ..Defaults::default()
        };
        let found = account_windows(self.aws, None, &defaults).await?;
        let unreadable = found.unreadable.iter().map(ToString::to_string);
        let problems = found.unread.iter().cloned().chain(unreadable).collect();
        let windows: Vec<PatchWindow> = found.windows.into_iter().map(|w| w.window).collect();
        let groups = opted_in(self.aws, tag).await?;
        let watched = Watched {
            windows: &windows,
            are_all: true,
            groups: &groups,
        };
        let known = self.known().await?;
        let mut all: Vec<Overviewed> = known
            .iter()
            .flat_map(|k| k.facts().map(move |fact| (k, fact)))
            .map(|(known, fact)| self.happened_before(known, fact))
            .collect();
        let mut upcoming = watched.coming(self.setup, now, None);
        self.ask_for_freezes(&mut upcoming, now).await?;
        for coming in upcoming {
            for place in coming.places.keys() {
                all.extend(self.upcoming(&coming, place, &known, now));
            }
        }
        all.sort_by(|a, b| (a.at, &a.window, &a.place).cmp(&(b.at, &b.window, &b.place)));
        Ok((all, problems))
    }

    fn happened_before(&self, known: &Known, fact: &Mark) -> Overviewed {
        let notice = fact.notice();
        let was_told = |channel: &str| known.has_told(channel, &fact.occasion);
        self.overviewed(&notice, fact.at, true, was_told)
    }

    /// The notices of an opening that are not due yet.
    fn upcoming(
        &self,
        coming: &Coming,
        place: &Place,
        known: &[Known],
        now: DateTime<Utc>,
    ) -> Vec<Overviewed> {
        let start = coming.planned.start;
        let is_frozen = |k: &Known| k.fact(NoticeEvent::Frozen).is_some();
        let is_it = |k: &&Known| {
            k.window() == coming.window && k.place() == place && k.planned().start == start
        };
        let announced = known.iter().find(is_it);
        let notice = |event| match announced {
            Some(known) => about(known, event),
            None => Notice {
                window: coming.window.clone(),
                ..Notice::new(
                    event,
                    window_id(&coming.window, start),
                    place,
                    coming.planned,
                )
            },
        };
        let ahead = coming.ahead.iter().enumerate().map(|(number, ahead)| {
            let event = match number {
                0 => NoticeEvent::Scheduled,
                _ => NoticeEvent::BeginsSoon,
            };
            (start - *ahead, event)
        });
        let all = ahead.chain([(start, NoticeEvent::Begun)]);
        if let Some(why) = &coming.frozen {
            let frozen = Notice {
                reason: why.clone(),
                ..notice(NoticeEvent::Frozen)
            };
            let is_said = announced.is_some_and(is_frozen);
            let row = (!is_said).then(|| self.overviewed(&frozen, now, false, |_| false));
            return row.into_iter().collect();
        }
        let later = all.filter(|(at, _)| *at > now);
        later
            .map(|(at, event)| self.overviewed(&notice(event), at, false, |_| false))
            .collect()
    }

    fn overviewed(
        &self,
        notice: &Notice,
        at: DateTime<Utc>,
        has_happened: bool,
        was_told: impl Fn(&str) -> bool,
    ) -> Overviewed {
        let file = &self.setup.file;
        let targets = targets(notice, &file.channels, &file.routes);
        let channels = targets.into_iter().map(|t| OverviewedChannel {
            channel: t.channel.name.clone(),
            was_told: was_told(&t.channel.name),
        });
        Overviewed {
            at,
            has_happened,
            window: notice.window.clone(),
            start: notice.times.planned.start,
            place: notice.of_place(),
            event: notice.event,
            reason: notice.reason.clone(),
            channels: channels.collect(),
        }
    }
}
