//! All notices of a rehearsed window, from its announcement until its end.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::of_run::Places;
use super::setup::WindowSetup;
use crate::group::Outcome;
use crate::notices::{
    GroupNote, Notice, NoticeEvent, OwnWords, Planned, Story, Windows, approval_words, targets,
    window_id,
};
use crate::place::Place;
use crate::report::{GroupReport, RunReport};
use crate::schedule::Window;
use crate::windows::{Due, standing};

/// A notice as one channel would get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scripted {
    /// When.
    pub at: DateTime<Utc>,
    /// Its occasion.
    pub event: NoticeEvent,
    /// The channel.
    pub channel: String,
    /// The story, with the owner's title if there is one.
    pub story: Story,
    /// The owner's own text, in the channel's markup.
    pub own_text: Option<String>,
}

/// The notices of the window of a run that was rehearsed, in order of time.
pub fn script(
    report: &RunReport,
    window: Window,
    name: &str,
    setup: &WindowSetup,
) -> Vec<Scripted> {
    let planned = Planned {
        start: window.start,
        end: window.deadline,
        zone: chrono_tz::Tz::UTC,
    };
    let mut places: Places = BTreeMap::new();
    for group in &report.groups {
        let place = group.place.in_words();
        places.entry(place).or_default().insert(group.group.clone());
    }
    let mut notices: Vec<(DateTime<Utc>, Notice)> = Vec::new();
    for (place, groups) in &places {
        let notice = |event| Notice {
            window: name.to_owned(),
            run_id: Some(report.run_id.clone()),
            ..Notice::new(event, window_id(name, window.start), place, planned)
        };
        let of_groups = |event| Notice {
            groups: groups.iter().cloned().map(GroupNote::named).collect(),
            ..notice(event)
        };
        for (number, ahead) in setup.ahead_of(name).iter().enumerate() {
            let before = match number {
                0 => of_groups(NoticeEvent::Scheduled),
                _ => Notice {
                    lead_minutes: u32::try_from(ahead.num_minutes()).unwrap_or_default(),
                    ..notice(NoticeEvent::BeginsSoon)
                },
            };
            notices.push((
                window.start - *ahead,
                Notice {
                    run_id: None,
                    ..before
                },
            ));
        }
        notices.push((report.started_at, of_groups(NoticeEvent::Begun)));
        let of_place = |g: &GroupReport| g.place.in_words() == *place;
        notices.extend(failures(report, place).into_iter().map(|(at, groups)| {
            let failed = Notice {
                groups,
                times: Windows {
                    planned,
                    before: None,
                },
                ..notice(NoticeEvent::GroupFailed)
            };
            (at, failed)
        }));
        let ended = notice(NoticeEvent::Ended).with_report(report, of_place);
        notices.push((report.finished_at, ended));
    }
    if let Some(demand) = setup.approval(name) {
        let telling = notices
            .iter_mut()
            .filter(|(_, n)| n.event.tells_of_approval());
        for (at, notice) in telling {
            let due = Due {
                window: name,
                start: window.start,
                cutoff: window.cutoff,
                is_exact: true,
            };
            let standing = standing(demand, &[], &due, *at);
            notice.approval = approval_words(&standing, notice, demand);
        }
    }
    notices.sort_by_key(|(at, _)| *at);
    let told = notices
        .into_iter()
        .flat_map(|(at, notice)| told(at, &notice, setup));
    told.collect()
}

/// The failed groups of a place, each when it failed.
fn failures(report: &RunReport, place: &Place) -> Vec<(DateTime<Utc>, Vec<GroupNote>)> {
    let is_failed = |g: &&GroupReport| matches!(g.outcome, Outcome::Failed | Outcome::RolledBack);
    let here = report
        .groups
        .iter()
        .filter(|g| g.place.in_words() == *place);
    let mut by_time: BTreeMap<DateTime<Utc>, Vec<GroupNote>> = BTreeMap::new();
    for group in here.filter(is_failed) {
        let at = group
            .phases
            .last()
            .map_or(report.finished_at, |p| p.entered_at);
        by_time.entry(at).or_default().push(GroupNote::from(group));
    }
    by_time.into_iter().collect()
}

fn told(at: DateTime<Utc>, notice: &Notice, setup: &WindowSetup) -> Vec<Scripted> {
    let targets = targets(notice, &setup.file.channels, &setup.file.routes);
    let names: BTreeSet<&str> = targets.iter().map(|t| t.channel.name.as_str()).collect();
    let channels = setup
        .file
        .channels
        .iter()
        .filter(|c| names.contains(c.name.as_str()));
    let scripted = channels.map(|channel| {
        // Checked when the file was read.
        let words = OwnWords::new(channel).unwrap_or_default();
        let (story, own_text) = words.told(notice);
        Scripted {
            at,
            event: notice.event,
            channel: channel.name.clone(),
            story,
            own_text,
        }
    });
    scripted.collect()
}
