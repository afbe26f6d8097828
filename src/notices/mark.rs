//! The memory of a window: one mark for each fact about it at a place, and one for each notice of it that a channel had.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::event::NoticeEvent;
use super::notice::{GroupNote, Notice, Planned, Windows};
use crate::group::Outcome;
use crate::ids::{GroupName, RunId};
use crate::place::Place;
use crate::text::{plain_text, shortened};

/// Characters of a reason: a parameter has 4 KB.
const REASON_CHARS: usize = 200;
/// Groups that a mark names.
const OPEN_SHOWN: usize = 5;

/// A mark, as its parameter holds it (JSON).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The window's id, the same whatever its times.
    pub window_id: String,
    /// The window's name.
    pub window: String,
    /// The application and environment.
    pub place: Place,
    /// The window's begin, as it was planned then.
    pub start: DateTime<Utc>,
    /// Its end.
    pub end: DateTime<Utc>,
    /// The zone of its readers.
    pub zone: Tz,
    /// The occasion.
    pub event: NoticeEvent,
    /// Distinguishes it from all other notices about the window.
    pub occasion: String,
    /// The channel that was told; none for the fact itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// For a reminder, how long before the begin it is due, minutes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lead_minutes: u32,
    /// For a move, which of the window's moves it is, from 1.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub move_number: u32,
    /// The times before, if it was moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// The run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    /// How many groups ended in each way.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outcomes: BTreeMap<Outcome, usize>,
    /// Why it is as it is; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Groups that are not restored yet, the first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<GroupName>,
    /// Unlike that of every other mark: it tells whose mark is there after an answer was lost.
    #[serde(default)]
    pub by: u64,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Mark {
    /// Of a notice: that a channel was told, or without one the fact.
    pub fn of(notice: &Notice, channel: Option<&str>, at: DateTime<Utc>, by: u64) -> Self {
        let Windows { planned, before } = notice.times;
        Self {
            window_id: notice.window_id.clone(),
            window: notice.window.clone(),
            place: notice.of_place(),
            start: planned.start,
            end: planned.end,
            zone: planned.zone,
            event: notice.event,
            occasion: notice.occasion(),
            channel: channel.map(str::to_owned),
            at,
            lead_minutes: notice.lead_minutes,
            move_number: notice.move_number,
            before: before.map(|b| (b.start, b.end)),
            run_id: notice.run_id.clone(),
            outcomes: notice.outcomes.clone(),
            reason: shortened(&plain_text(&notice.reason), REASON_CHARS),
            open: notice
                .groups
                .iter()
                .filter(|g| g.left_open)
                .map(|g| g.group.clone())
                .take(OPEN_SHOWN)
                .collect(),
            by,
        }
    }

    /// The times that it says.
    pub fn planned(&self) -> Planned {
        Planned {
            start: self.start,
            end: self.end,
            zone: self.zone,
        }
    }

    /// The notice that it is of, as far as it knows it.
    pub fn notice(&self) -> Notice {
        let planned = self.planned();
        let before = |(start, end)| Planned {
            start,
            end,
            ..planned
        };
        let notice = Notice::new(self.event, self.window_id.clone(), &self.place, planned);
        Notice {
            window: self.window.clone(),
            times: Windows {
                before: self.before.map(before),
                ..notice.times
            },
            lead_minutes: self.lead_minutes,
            move_number: self.move_number,
            outcomes: self.outcomes.clone(),
            reason: self.reason.clone(),
            groups: self
                .open
                .iter()
                .map(|group| GroupNote {
                    left_open: true,
                    ..GroupNote::named(group.clone())
                })
                .collect(),
            run_id: self.run_id.clone(),
            ..notice
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notices::sample;

    /// A process that dies leaves marks alone: the next one must be able to say the same.
    #[test]
    fn a_notice_comes_back_from_its_mark() {
        // Failures of groups are sent as they come, and not again.
        let facts = NoticeEvent::ALL
            .iter()
            .filter(|e| **e != NoticeEvent::GroupFailed);
        for event in facts {
            let mut notice = sample(*event);
            notice.lead_minutes = 60;
            notice.move_number = 2;
            let mark = Mark::of(&notice, None, notice.times.planned.start, 7);
            let text = serde_json::to_string(&mark).unwrap();
            let back: Mark = serde_json::from_str(&text).unwrap();
            assert_eq!(back, mark);
            let back = back.notice();
            assert_eq!(back.occasion(), notice.occasion());
            let known = Notice {
                groups: Vec::new(),
                packages: Vec::new(),
                what_to_do: Vec::new(),
                report_url: None,
                ..notice
            };
            assert_eq!(back, known);
        }
    }
}
