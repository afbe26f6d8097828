//! The facts about windows that time brings: one is announced, comes near, was moved, goes, is missed, or outlives its run.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::event::NoticeEvent;
use super::known::Known;
use super::notice::{GroupNote, Notice, Planned, Windows};
use crate::ids::GroupName;
use crate::place::Place;
use crate::request::OVERRUN_LIMIT;

/// A run begins within minutes of its time; an hour leaves room for retries.
pub const LATE: TimeDelta = TimeDelta::hours(1);
/// An opening that is no farther than this from an announced one that is gone is that one, moved.
const MOVED_WITHIN: TimeDelta = TimeDelta::hours(36);

/// An opening of a window that is to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coming {
    /// The window's name.
    pub window: String,
    /// Its times.
    pub planned: Planned,
    /// How long before its begin it is announced and reminded of, the longest first.
    pub ahead: Vec<TimeDelta>,
    /// Why nothing will be patched in it, if a freeze lies over it.
    pub frozen: Option<String>,
    /// The groups that it takes, by place.
    pub places: BTreeMap<Place, BTreeSet<GroupName>>,
}

impl Coming {
    /// Whether it is time to announce it.
    pub fn is_near(&self, now: DateTime<Utc>) -> bool {
        let first = self.ahead.first();
        now < self.planned.start && first.is_some_and(|first| now >= self.planned.start - *first)
    }

    fn is_at(&self, planned: Planned) -> bool {
        (self.planned.start, self.planned.end) == (planned.start, planned.end)
    }
}

/// The id of a window by its name and begin.
pub fn window_id(window: &str, start: DateTime<Utc>) -> String {
    format!("{window}-{}", start.format("%Y%m%dT%H%M%SZ"))
}

/// New facts, each as the notice that tells it. `lateness` says how much later than planned a window of this name may begin.
pub fn happens(
    now: DateTime<Utc>,
    coming: &[Coming],
    known: &[Known],
    lateness: impl Fn(&str) -> TimeDelta,
) -> Vec<Notice> {
    let mut facts = Vec::new();
    for known in known {
        if known.is_under_way() {
            facts.extend(of_run(known, now));
        } else if known.is_to_come()
            && now >= known.planned().start + LATE + lateness(known.window())
        {
            facts.push(about(known, NoticeEvent::Missed));
        }
    }
    let coming_to = coming
        .iter()
        .flat_map(|c| c.places.keys().map(|place| (c.window.as_str(), place)));
    let announced = known.iter().map(|k| (k.window(), k.place()));
    for (window, place) in coming_to.chain(announced).collect::<BTreeSet<_>>() {
        let known = known
            .iter()
            .filter(|k| k.window() == window && k.place() == place);
        let coming = coming
            .iter()
            .filter(|c| c.window == window && c.planned.start > now);
        facts.extend(at_place(
            now,
            place,
            &coming.collect::<Vec<_>>(),
            &known.collect::<Vec<_>>(),
        ));
    }
    facts
}

/// The same for one window at one place: announced openings are found again among those that are to come now.
fn at_place(
    now: DateTime<Utc>,
    place: &Place,
    coming: &[&Coming],
    known: &[&Known],
) -> Vec<Notice> {
    let has_groups = |c: &&Coming| c.places.contains_key(place);
    let is_told = |c: &Coming| {
        let is_frozen = |k: &&Known| k.fact(NoticeEvent::Frozen).is_some() && c.is_at(k.planned());
        c.frozen.is_some() && known.iter().any(is_frozen)
    };
    let is_free = |c: &&Coming| has_groups(c) && !is_told(c);
    let mut free: Vec<&Coming> = coming.iter().copied().filter(is_free).collect();
    let mut facts = Vec::new();
    let mut gone = Vec::new();
    for known in known
        .iter()
        .filter(|k| k.is_to_come() && k.planned().start > now)
    {
        match free.iter().position(|c| c.is_at(known.planned())) {
            Some(at) => facts.extend(found_again(known, free.swap_remove(at), now)),
            None => gone.push(*known),
        }
    }
    for known in gone {
        let before = known.planned();
        let distance = |c: &Coming| (c.planned.start - before.start).abs();
        let near = free
            .iter()
            .enumerate()
            .filter(|(_, c)| distance(c) <= MOVED_WITHIN);
        match near.min_by_key(|(_, c)| distance(c)).map(|(at, _)| at) {
            Some(at) => facts.push(moved(known, free.swap_remove(at).planned)),
            None => {
                let opens_still = coming.iter().any(|c| c.is_at(before));
                facts.push(withdrawn(known, opens_still));
            }
        }
    }
    let near = free.into_iter().filter(|c| c.is_near(now));
    facts.extend(near.map(|c| announcement(c, place, known)));
    facts
}

/// News of an announced opening that comes as it was announced.
fn found_again(known: &Known, coming: &Coming, now: DateTime<Utc>) -> Option<Notice> {
    match &coming.frozen {
        Some(why) => Some(Notice {
            reason: why.clone(),
            ..about(known, NoticeEvent::Frozen)
        }),
        None => reminder(known, coming, now),
    }
}

/// For one over which a freeze lies, the news of that takes the place of its announcement.
fn announcement(coming: &Coming, place: &Place, known: &[&Known]) -> Notice {
    let base = window_id(&coming.window, coming.planned.start);
    // One that was withdrawn and comes again is another.
    let is_free = |id: &String| known.iter().all(|k| k.window_id() != id);
    let more = (2..).map(|n| format!("{base}-{n}"));
    let window_id = std::iter::once(base.clone()).chain(more).find(is_free);
    let groups = coming.places.get(place).into_iter().flatten();
    let event = match coming.frozen {
        Some(_) => NoticeEvent::Frozen,
        None => NoticeEvent::Scheduled,
    };
    Notice {
        window: coming.window.clone(),
        groups: groups.cloned().map(GroupNote::named).collect(),
        reason: coming.frozen.clone().unwrap_or_default(),
        ..Notice::new(event, window_id.unwrap_or(base), place, coming.planned)
    }
}

/// The reminder that is due, if there is one after the announcement: of several the last.
fn reminder(known: &Known, coming: &Coming, now: DateTime<Utc>) -> Option<Notice> {
    let start = coming.planned.start;
    let announced_at = known.fact(NoticeEvent::Scheduled)?.at;
    let later = coming.ahead.iter().skip(1);
    let due = later.filter(|a| announced_at < start - **a && start - **a <= now);
    let lead_minutes = u32::try_from(due.min()?.num_minutes()).ok()?;
    let notice = Notice {
        lead_minutes,
        ..about(known, NoticeEvent::BeginsSoon)
    };
    (!known.has(&notice.occasion())).then_some(notice)
}

fn withdrawn(known: &Known, opens_still: bool) -> Notice {
    let reason = match opens_still {
        true => "the window takes none of its groups any more",
        false => "the window does not open then any more",
    };
    Notice {
        reason: reason.into(),
        ..about(known, NoticeEvent::Withdrawn)
    }
}

fn moved(known: &Known, planned: Planned) -> Notice {
    let before = known.facts().map(|f| f.move_number).max();
    Notice {
        // By its number: a window may move to where it was before.
        move_number: before.unwrap_or_default() + 1,
        times: Windows {
            planned,
            before: Some(known.planned()),
        },
        ..about(known, NoticeEvent::Moved)
    }
}

/// A run that is not over when its window is takes longer; one that no report has ended long after is dead.
fn of_run(known: &Known, now: DateTime<Utc>) -> Option<Notice> {
    let planned = known.planned();
    let latest = known.fact(NoticeEvent::Begun)?.end + OVERRUN_LIMIT;
    if now >= latest + LATE {
        return Some(Notice {
            reason: "no report of its run came, and sweeps restore its groups".into(),
            ..about(known, NoticeEvent::Ended)
        });
    }
    (now >= planned.end && planned.end < latest).then(|| Notice {
        reason: "it takes longer than planned".into(),
        ..moved(
            known,
            Planned {
                end: latest,
                ..planned
            },
        )
    })
}

/// A notice about a window that is known, with its times as they were said last.
pub fn about(known: &Known, event: NoticeEvent) -> Notice {
    let last = known.last();
    Notice {
        window: last.window.clone(),
        run_id: known.facts().find_map(|f| f.run_id.clone()),
        ..Notice::new(event, last.window_id.clone(), &last.place, last.planned())
    }
}

#[cfg(test)]
mod tests;
