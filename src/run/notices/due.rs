//! A sweep's part: what time brings to windows, what channels lack, and which marks may go.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::super::freeze::frozen;
use super::announcer::{Announcer, Said};
use super::of_run::Places;
use super::setup::WindowSetup;
use crate::aws::{Aws, find_groups, forget_marks};
use crate::group::fault::Fault;
use crate::ids::GroupName;
use crate::notices::{Coming, GroupNote, Known, Mark, NoticeEvent, Planned, happens, unsaid};
use crate::place::Place;
use crate::request::{OptInTag, RunRequest};
use crate::windows::PatchWindow;

/// So far ahead openings are looked at beyond the first notice: an announced one may have moved there.
const BEYOND: TimeDelta = TimeDelta::hours(48);
/// So long it is remembered how a run ended that another window waits for: `after-days` is 31 at most.
const AWAITED: TimeDelta = TimeDelta::days(32);
/// Openings of a window that are looked at: one that opens every hour is a mistake.
const MOST_OPENINGS: usize = 100;

/// The windows and the groups that a sweep looks at.
#[derive(Clone, Copy, Debug)]
pub struct Watched<'a> {
    /// The windows.
    pub windows: &'a [PatchWindow],
    /// Whether these are all that there are: of others that were announced nothing is known then.
    pub are_all: bool,
    /// The groups that opted in, with their tags.
    pub groups: &'a BTreeMap<GroupName, BTreeMap<String, String>>,
}

/// The groups that opted in, with their tags.
///
/// # Errors
/// A call that failed.
pub async fn opted_in(
    aws: &Aws,
    tag: &OptInTag,
) -> Result<BTreeMap<GroupName, BTreeMap<String, String>>, Fault> {
    let groups = find_groups(&aws.clients).await?;
    let groups = groups.into_iter().filter(|(_, g)| tag.is_on(&g.tags));
    Ok(groups.map(|(name, g)| (name, g.tags)).collect())
}

/// The places that these groups of a run serve, by their tags. One that is gone serves none.
///
/// # Errors
/// A call that failed.
pub async fn places(
    aws: &Aws,
    request: &RunRequest,
    groups: &BTreeSet<GroupName>,
) -> Result<Places, Fault> {
    let mut places = Places::new();
    for (name, tags) in opted_in(aws, &request.selection.tag).await? {
        if groups.contains(&name) {
            let place = request.place_tags.place(&tags);
            places.entry(place).or_default().insert(name);
        }
    }
    Ok(places)
}

impl Watched<'_> {
    /// The openings to come that have to be known now: those that are near, and all until the last that was announced.
    pub fn coming(
        &self,
        setup: &WindowSetup,
        now: DateTime<Utc>,
        last: Option<DateTime<Utc>>,
    ) -> Vec<Coming> {
        let mut coming = Vec::new();
        for window in self.windows {
            let ahead = setup.ahead_of(&window.name);
            let near = now + ahead.first().copied().unwrap_or_default();
            let until = last.map_or(near, |last| last.max(near)) + BEYOND;
            let places = self.places(window, setup);
            let openings = window.openings(now).take(MOST_OPENINGS);
            for opening in openings.take_while(|o| o.window.start <= until) {
                coming.push(Coming {
                    window: window.name.clone(),
                    planned: Planned {
                        start: opening.window.start,
                        end: opening.window.deadline,
                        zone: window.zone,
                    },
                    ahead: ahead.to_vec(),
                    frozen: None,
                    places: places.clone(),
                });
            }
        }
        coming
    }

    fn places(
        &self,
        window: &PatchWindow,
        setup: &WindowSetup,
    ) -> BTreeMap<Place, BTreeSet<GroupName>> {
        let tags = setup.file.notices.place_tags();
        let mut places: BTreeMap<Place, BTreeSet<GroupName>> = BTreeMap::new();
        let taken = self
            .groups
            .iter()
            .filter(|(name, tags)| window.takes(name, tags));
        for (name, group_tags) in taken {
            let place = tags.place(group_tags).in_words();
            places.entry(place).or_default().insert(name.clone());
        }
        places
    }

    fn has(&self, window: &str) -> bool {
        self.windows.iter().any(|w| w.name == window)
    }

    fn lateness(&self, window: &str) -> TimeDelta {
        let window = self.windows.iter().find(|w| w.name == window);
        window.map(|w| w.flexible).unwrap_or_default()
    }
}

impl Announcer<'_> {
    /// Writes down what has happened since the last sweep, tells channels what they lack, and forgets what is long past.
    ///
    /// # Errors
    /// Marks could not be read or made: nothing is lost, and the next sweep goes on.
    pub async fn keep_up(&self, watched: Watched<'_>) -> Result<Said, Fault> {
        let now = self.aws.clock.now();
        let marks = self.marks().await?;
        let known = Known::of(marks.values().flatten().cloned());
        let mut old = old(&marks, &known, now);
        old.retain(|name| !self.is_awaited(marks.get(name), now));
        // First: where the account is full of parameters, nothing new could be written.
        if let Err(fault) = forget_marks(&self.aws.clients, &old).await {
            tracing::warn!(code = fault.code, "old marks stay: {}", fault.message);
        }
        let announced = known.iter().filter(|k| k.is_to_come());
        let last = announced.map(|k| k.planned().start).max();
        let mut coming = watched.coming(self.setup, now, last);
        self.ask_for_freezes(&mut coming, now).await?;
        let is_watched = |k: &&Known| watched.are_all || watched.has(k.window()) || !k.is_to_come();
        let watched_known: Vec<Known> = known.iter().filter(is_watched).cloned().collect();
        let happened = happens(now, &coming, &watched_known, |window| {
            let waits = self.setup.approval(window).map(|demand| demand.within);
            watched.lateness(window) + waits.unwrap_or_default()
        });
        let (new, written) = self.write_down(&happened).await;
        let all: Vec<Mark> = marks.values().flatten().cloned().chain(new).collect();
        let (channels, routes) = (&self.setup.file.channels, &self.setup.file.routes);
        let groups = |known: &Known| groups_of(known, &coming);
        let unsaid = unsaid(now, &Known::of(all), groups, channels, routes);
        let said = self.send(unsaid).await;
        written?;
        Ok(said)
    }
}

impl Announcer<'_> {
    /// Whether a mark says how a run ended, for which another window still waits.
    fn is_awaited(&self, mark: Option<&Option<Mark>>, now: DateTime<Utc>) -> bool {
        let fact = mark
            .and_then(Option::as_ref)
            .filter(|m| m.channel.is_none());
        fact.is_some_and(|fact| {
            let is_end = fact.event == NoticeEvent::Ended;
            is_end && now < fact.at + AWAITED && self.setup.is_awaited(&fact.window)
        })
    }

    /// Finds out which of the openings that are near a freeze lies over.
    pub(super) async fn ask_for_freezes(
        &self,
        coming: &mut [Coming],
        now: DateTime<Utc>,
    ) -> Result<(), Fault> {
        let near = coming
            .iter_mut()
            .filter(|c| c.is_near(now) && !c.places.is_empty());
        for opening in near {
            let span = (opening.planned.start, opening.planned.end);
            let freezes = &self.setup.freezes;
            opening.frozen = frozen(self.aws, freezes, &opening.window, span).await?;
        }
        Ok(())
    }
}

fn groups_of(known: &Known, coming: &[Coming]) -> Vec<GroupNote> {
    let planned = known.planned();
    let same = |c: &&Coming| c.window == known.window() && c.planned.start == planned.start;
    let coming = coming.iter().find(same);
    let groups = coming.and_then(|c| c.places.get(known.place()));
    let groups = groups.into_iter().flatten().cloned();
    groups.map(GroupNote::named).collect()
}

/// The parameters of marks that may go: those of old windows, and what else lies in these windows' folders.
fn old(marks: &BTreeMap<String, Option<Mark>>, known: &[Known], now: DateTime<Utc>) -> Vec<String> {
    let folder = |name: &str| name.rsplit_once('/').map(|(folder, _)| folder.to_owned());
    let is_old = |mark: &Mark| {
        let window = |k: &&Known| k.window_id() == mark.window_id && *k.place() == mark.place;
        known.iter().find(window).is_some_and(|k| k.is_old(now))
    };
    let of_old = marks
        .iter()
        .filter(|(_, mark)| mark.as_ref().is_some_and(is_old));
    let folders: BTreeSet<String> = of_old.filter_map(|(name, _)| folder(name)).collect();
    let names = marks
        .keys()
        .filter(|n| folder(n).is_some_and(|f| folders.contains(&f)));
    names.cloned().collect()
}
