//! A notice: the facts about one window of one application and environment, whatever channel shows them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::event::NoticeEvent;
use crate::group::{Code, Outcome};
use crate::ids::{GroupName, RunId};
use crate::place::Place;
use crate::report::{GroupReport, RunReport, more_about};
use crate::schedule::Capacity;
use crate::text::{hash_hex, plain_text};

/// A window's planned time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Its begin.
    pub start: DateTime<Utc>,
    /// Its end, by which every group is restored.
    pub end: DateTime<Utc>,
    /// The zone in which its readers live.
    pub zone: Tz,
}

impl Planned {
    /// For people: in their zone, and in UTC if that differs.
    pub fn words(&self) -> String {
        let (start, end) = (
            self.start.with_timezone(&self.zone),
            self.end.with_timezone(&self.zone),
        );
        let is_one_day = start.date_naive() == end.date_naive();
        let until = if is_one_day {
            "%H:%M"
        } else {
            "%-d %B %Y %H:%M"
        };
        let local = format!(
            "{} to {}",
            start.format("%-d %B %Y %H:%M"),
            end.format(&format!("{until} %Z"))
        );
        if start.format("%Z").to_string() == "UTC" {
            return local;
        }
        let utc = |at: DateTime<Utc>| at.format("%H:%M").to_string();
        format!("{local} ({} to {} UTC)", utc(self.start), utc(self.end))
    }
}

/// The times of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// As planned now.
    pub planned: Planned,
    /// As planned before, if it was moved.
    pub before: Option<Planned>,
}

/// One group in a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupNote {
    /// Its name.
    pub group: GroupName,
    /// How it ended, if it did.
    pub outcome: Option<Outcome>,
    /// The code of its failure or refusal.
    pub code: Option<Code>,
    /// Why, in a sentence; may be empty.
    pub reason: String,
    /// Its size: minimum, maximum and desired capacity.
    pub size: Option<Capacity>,
    /// The size of the volumes of the image that it made, GiB.
    pub image_gib: Option<u32>,
    /// Whether it is not restored yet.
    pub left_open: bool,
}

impl GroupNote {
    /// A group of which no more is known than its name.
    pub fn named(group: GroupName) -> Self {
        Self {
            group,
            outcome: None,
            code: None,
            reason: String::new(),
            size: None,
            image_gib: None,
            left_open: false,
        }
    }
}

impl From<&GroupReport> for GroupNote {
    fn from(report: &GroupReport) -> Self {
        Self {
            group: report.group.clone(),
            outcome: Some(report.outcome),
            code: report.code,
            reason: report.reason.clone(),
            size: report.capacity_after.or(report.capacity_before),
            image_gib: report.image_gib,
            left_open: report.left_open,
        }
    }
}

/// A notice about one window of one application and environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its occasion.
    pub event: NoticeEvent,
    /// Whether someone asked for it to see that it arrives.
    pub is_test: bool,
    /// The window's id: the same for all notices about it, whatever its times. One that was withdrawn does not come again
    /// under it: its notices are marked as sent.
    pub window_id: String,
    /// The window's name, for people.
    pub window: String,
    /// The application, as the groups' tag says it.
    pub application: String,
    /// The environment, as the groups' tag says it.
    pub environment: String,
    /// Its times.
    pub times: Windows,
    /// Of a reminder: how long before the begin it is due, minutes; 0 of every other notice.
    pub lead_minutes: u32,
    /// Of a move: which of the window's moves it is, from 1; 0 of every other notice.
    pub move_number: u32,
    /// The groups that it is about.
    pub groups: Vec<GroupNote>,
    /// How many groups ended in each way.
    pub outcomes: BTreeMap<Outcome, usize>,
    /// Names of the packages that were installed.
    pub packages: Vec<String>,
    /// Why it is as it is, for occasions that have a reason; may be empty.
    pub reason: String,
    /// How it stands with the approval that its window demands, or how to give it; none if it demands none.
    pub approval: Option<String>,
    /// Steps for the readers, if there are any.
    pub what_to_do: Vec<String>,
    /// The run.
    pub run_id: Option<RunId>,
    /// Where the whole report is.
    pub report_url: Option<String>,
    /// Where the pages about codes are published.
    pub pages_url: Option<String>,
}

impl Notice {
    /// A notice that says no more than this: the window's name is its id's.
    pub fn new(event: NoticeEvent, window_id: String, place: &Place, planned: Planned) -> Self {
        Self {
            event,
            is_test: false,
            window: window_id.clone(),
            window_id,
            application: place.application().to_owned(),
            environment: place.environment().to_owned(),
            times: Windows {
                planned,
                before: None,
            },
            lead_minutes: 0,
            move_number: 0,
            groups: Vec::new(),
            outcomes: BTreeMap::new(),
            packages: Vec::new(),
            reason: String::new(),
            approval: None,
            what_to_do: Vec::new(),
            run_id: None,
            report_url: None,
            pages_url: None,
        }
    }

    /// The same with what a run's report says of these groups. Those of other applications are left out by the caller.
    #[must_use]
    pub fn with_report(self, report: &RunReport, is_of_it: impl Fn(&GroupReport) -> bool) -> Self {
        let groups: Vec<&GroupReport> = report.groups.iter().filter(|g| is_of_it(g)).collect();
        let mut outcomes = BTreeMap::new();
        for group in &groups {
            *outcomes.entry(group.outcome).or_default() += 1;
        }
        let mut packages: Vec<String> = groups.iter().flat_map(|g| g.installed.clone()).collect();
        packages.sort();
        packages.dedup();
        let mut codes: Vec<Code> = groups.iter().filter_map(|g| g.code).collect();
        codes.sort();
        codes.dedup();
        let pages_url = report.pages_url.clone().or(self.pages_url);
        let step = |code: &Code| {
            format!(
                "{code}: {} ({})",
                code.remedy(),
                more_about(*code, pages_url.as_deref())
            )
        };
        Self {
            groups: groups.iter().map(|g| GroupNote::from(*g)).collect(),
            outcomes,
            packages,
            what_to_do: codes.iter().map(step).collect(),
            run_id: Some(report.run_id.clone()),
            pages_url: pages_url.clone(),
            ..self
        }
    }

    /// Whether a group of it is not restored yet.
    pub fn has_open_group(&self) -> bool {
        self.groups.iter().any(|g| g.left_open)
    }

    /// `shop (Production)`, on one line.
    pub fn place(&self) -> String {
        format!(
            "{} ({})",
            plain_text(&self.application),
            plain_text(&self.environment)
        )
    }

    /// The application and environment.
    pub fn of_place(&self) -> Place {
        Place {
            application: Some(self.application.clone()),
            environment: Some(self.environment.clone()),
        }
    }

    /// Distinguishes it from all other notices about the window. Moves and failures may come more than once.
    pub fn occasion(&self) -> String {
        let event = self.event.name();
        match self.event {
            NoticeEvent::Moved => format!("{event}-{}", self.move_number),
            NoticeEvent::GroupFailed => {
                let names: Vec<&str> = self.groups.iter().map(|g| g.group.as_str()).collect();
                format!("{event}-{}", hash_hex(&names, 6))
            }
            NoticeEvent::BeginsSoon => format!("{event}-{}", self.lead_minutes),
            NoticeEvent::Scheduled | NoticeEvent::AwaitsApproval => event.into(),
            NoticeEvent::Begun => event.into(),
            NoticeEvent::Ended | NoticeEvent::Withdrawn | NoticeEvent::Frozen => event.into(),
            NoticeEvent::NotApproved | NoticeEvent::Missed => event.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notices::sample;
    use crate::report;

    #[test]
    fn times_are_those_of_the_readers_zone() {
        let mut planned = sample(NoticeEvent::Scheduled).times.planned;
        assert_eq!(
            planned.words(),
            "14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC)"
        );
        planned.zone = Tz::UTC;
        assert_eq!(planned.words(), "14 October 2026 04:00 to 07:00 UTC");
        planned.zone = chrono_tz::America::Los_Angeles;
        assert_eq!(
            planned.words(),
            "13 October 2026 21:00 to 14 October 2026 00:00 PDT (04:00 to 07:00 UTC)"
        );
    }

    #[test]
    fn a_report_fills_in_what_became_of_the_groups() {
        let run = report::sample::run();
        let notice = sample(NoticeEvent::Ended).with_report(&run, |g| !g.group.contains("batch"));
        assert!(notice.groups.len() < run.groups.len() && !notice.groups.is_empty());
        assert_eq!(notice.outcomes.values().sum::<usize>(), notice.groups.len());
        assert!(notice.what_to_do.iter().all(|step| step.starts_with("AP-")));
        assert_eq!(notice.run_id.as_ref(), Some(&run.run_id));
    }

    #[test]
    fn another_move_and_another_failure_are_other_notices() {
        let mut notice = sample(NoticeEvent::Moved);
        let first = notice.occasion();
        notice.move_number += 1;
        assert_ne!(notice.occasion(), first);
        notice.event = NoticeEvent::GroupFailed;
        let first = notice.occasion();
        notice.groups.push(GroupNote::named("another".into()));
        assert_ne!(notice.occasion(), first);
    }
}
