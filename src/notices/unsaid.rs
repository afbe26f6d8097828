//! The notices that channels still lack.

use chrono::{DateTime, TimeDelta, Utc};

use super::config::{ChannelTable, RouteTable};
use super::event::NoticeEvent;
use super::known::Known;
use super::mark::Mark;
use super::notice::{GroupNote, Notice, Windows};
use super::route::{Target, targets};

/// After this long nothing more is said of a window that is past.
const STALE: TimeDelta = TimeDelta::hours(24);

/// So long a run may be at telling what it has written down: an invocation of the function takes 5 min at most.
const BY_ITSELF: TimeDelta = TimeDelta::minutes(6);

/// The notices about windows that channels still lack, each with its channel. `groups` says which groups a window takes, as
/// far as that is known.
pub fn unsaid<'c>(
    now: DateTime<Utc>,
    known: &[Known],
    groups: impl Fn(&Known) -> Vec<GroupNote>,
    channels: &'c [ChannelTable],
    routes: &[RouteTable],
) -> Vec<(Notice, Target<'c>)> {
    let mut unsaid = Vec::new();
    for known in known.iter().filter(|k| now < k.planned().end + STALE) {
        let mut facts: Vec<&Mark> = known.facts().filter(|f| is_news(f, known, now)).collect();
        facts.reverse();
        for fact in facts {
            let notice = notice(fact, known, &groups);
            let lacking = targets(&notice, channels, routes);
            let lacking = lacking
                .into_iter()
                .filter(|t| lacks(&t.channel.name, fact, known));
            unsaid.extend(lacking.map(|target| (notice.clone(), target)));
        }
    }
    unsaid
}

/// An announcement that is sent late says the times of now.
fn notice(fact: &Mark, known: &Known, groups: impl Fn(&Known) -> Vec<GroupNote>) -> Notice {
    let notice = fact.notice();
    let is_announcement = fact.event == NoticeEvent::Scheduled;
    let planned = match is_announcement {
        true => known.planned(),
        false => notice.times.planned,
    };
    Notice {
        groups: match is_announcement {
            true => groups(known),
            false => notice.groups.clone(),
        },
        times: Windows {
            planned,
            ..notice.times
        },
        ..notice
    }
}

/// Whether a fact is still worth a notice.
fn is_news(fact: &Mark, known: &Known, now: DateTime<Utc>) -> bool {
    // The run that wrote it tells it, with more than the fact knows.
    let is_of_run = match fact.event {
        NoticeEvent::Begun | NoticeEvent::AwaitsApproval => true,
        // Without outcomes a sweep has ended it.
        NoticeEvent::Ended => !fact.outcomes.is_empty(),
        NoticeEvent::Scheduled | NoticeEvent::BeginsSoon | NoticeEvent::Moved => false,
        NoticeEvent::GroupFailed | NoticeEvent::Withdrawn | NoticeEvent::Frozen => false,
        NoticeEvent::NotApproved | NoticeEvent::Missed => false,
    };
    if is_of_run && now < fact.at + BY_ITSELF {
        return false;
    }
    match fact.event {
        NoticeEvent::Scheduled => known.is_to_come() && now < known.planned().start,
        NoticeEvent::BeginsSoon => {
            let is_last = known.fact(fact.event) == Some(fact);
            is_last && known.is_to_come() && now < known.planned().start
        }
        NoticeEvent::AwaitsApproval => known.fact(NoticeEvent::Begun).is_none() && !known.is_over(),
        NoticeEvent::Moved => known.fact(fact.event) == Some(fact) && !known.is_over(),
        NoticeEvent::Begun => !known.is_over(),
        NoticeEvent::GroupFailed => false,
        NoticeEvent::Ended | NoticeEvent::Withdrawn | NoticeEvent::Frozen => true,
        NoticeEvent::NotApproved | NoticeEvent::Missed => true,
    }
}

fn lacks(channel: &str, fact: &Mark, known: &Known) -> bool {
    let is_change = match fact.event {
        NoticeEvent::Moved | NoticeEvent::Withdrawn => true,
        NoticeEvent::Scheduled | NoticeEvent::BeginsSoon | NoticeEvent::Begun => false,
        NoticeEvent::AwaitsApproval => false,
        NoticeEvent::GroupFailed | NoticeEvent::Ended | NoticeEvent::Frozen => false,
        NoticeEvent::NotApproved | NoticeEvent::Missed => false,
    };
    // Who never heard of a window need not hear that it changed.
    let is_for_it = !is_change || known.has_told_anything(channel);
    is_for_it && !known.has_told(channel, &fact.occasion)
}
