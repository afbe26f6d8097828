//! A window's life, told by the tick of a sweep.

use std::collections::BTreeMap;

use super::*;
use crate::notices::config::{ChannelTable, RouteTable};
use crate::notices::{Mark, unsaid};

const ZONE: chrono_tz::Tz = chrono_tz::Tz::Europe__Berlin;

fn at(text: &str) -> DateTime<Utc> {
    format!("2026-{text}:00Z").parse().unwrap()
}

fn place(application: &str) -> Place {
    Place {
        application: Some(application.into()),
        environment: Some("Production".into()),
    }
}

fn coming(start: &str, applications: &[&str]) -> Coming {
    let start = at(start);
    let group = |a: &&str| {
        (
            place(a),
            BTreeSet::from([GroupName::from(format!("{a}-web"))]),
        )
    };
    Coming {
        window: "nightly".into(),
        planned: Planned {
            start,
            end: start + TimeDelta::hours(3),
            zone: ZONE,
        },
        ahead: vec![TimeDelta::hours(24), TimeDelta::hours(1)],
        frozen: None,
        places: applications.iter().map(group).collect(),
    }
}

/// Marks, as sweeps and runs make them.
#[derive(Default)]
struct Book {
    marks: Vec<Mark>,
    told: Vec<String>,
}

impl Book {
    fn known(&self) -> Vec<Known> {
        Known::of(self.marks.iter().cloned())
    }

    fn fact(&mut self, notice: &Notice, now: DateTime<Utc>) {
        self.marks.push(Mark::of(notice, None, now, 0));
    }

    /// A tick: new facts, then everything that is not said yet.
    fn tick(&mut self, now: &str, coming: &[Coming]) {
        let text = now;
        let now = at(now);
        for notice in happens(now, coming, &self.known(), |_| TimeDelta::zero()) {
            self.fact(&notice, now);
        }
        let channels: Vec<ChannelTable> = vec![
            toml::from_str("name='ops'\nkind='teams'\nsecret='/asg-patch/secrets/a'").unwrap(),
        ];
        let routes: Vec<RouteTable> = vec![toml::from_str("channels=['ops']").unwrap()];
        for (notice, target) in unsaid(now, &self.known(), |_| Vec::new(), &channels, &routes) {
            let channel = &target.channel.name;
            self.marks.push(Mark::of(&notice, Some(channel), now, 0));
            let times = notice.times.planned.start.format("%d %H:%M");
            self.told.push(format!(
                "{text} {} {} {times} {} {}",
                notice.occasion(),
                notice.application,
                notice.window_id,
                notice.reason
            ));
        }
    }

    fn told(&mut self) -> String {
        let told = std::mem::take(&mut self.told);
        told.iter()
            .map(|line| format!("{}\n", line.trim_end()))
            .collect()
    }

    fn run(&mut self, event: NoticeEvent, now: &str) {
        let now = at(now);
        for known in self.known() {
            let outcomes = BTreeMap::from([(crate::group::Outcome::Patched, 1)]);
            let notice = Notice {
                run_id: Some("run-1".into()),
                outcomes,
                ..about(&known, event)
            };
            self.fact(&notice, now);
        }
    }
}

#[test]
fn a_window_is_announced_reminded_of_and_told_to_its_end() {
    let mut book = Book::default();
    let window = [coming("10-14T04:00", &["shop", "blog"])];
    for tick in [
        "13T03:45", "13T04:00", "13T04:15", "14T02:45", "14T03:00", "14T03:15", "14T03:45",
    ] {
        book.tick(&format!("10-{tick}"), &window);
    }
    book.run(NoticeEvent::Begun, "10-14T04:01");
    book.tick("10-14T04:15", &[]);
    book.run(NoticeEvent::Ended, "10-14T05:01");
    for tick in ["14T05:15", "14T07:00", "14T12:00"] {
        book.tick(&format!("10-{tick}"), &[]);
    }
    expect_test::expect![[r#"
        10-13T04:00 scheduled blog 14 04:00 nightly-20261014T040000Z
        10-13T04:00 scheduled shop 14 04:00 nightly-20261014T040000Z
        10-14T03:00 begins-soon-60 blog 14 04:00 nightly-20261014T040000Z
        10-14T03:00 begins-soon-60 shop 14 04:00 nightly-20261014T040000Z
        10-14T04:15 begun blog 14 04:00 nightly-20261014T040000Z
        10-14T04:15 begun shop 14 04:00 nightly-20261014T040000Z
        10-14T05:15 ended blog 14 04:00 nightly-20261014T040000Z
        10-14T05:15 ended shop 14 04:00 nightly-20261014T040000Z
    "#]]
    .assert_eq(&book.told());
}

#[test]
fn late_is_better_than_never_and_once_is_enough() {
    let mut book = Book::default();
    // Half an hour before: the announcement says it all.
    let window = [coming("10-14T04:00", &["shop"])];
    for tick in ["03:30", "03:45"] {
        book.tick(&format!("10-14T{tick}"), &window);
    }
    // A group of another application has opted in since; the first has opted out.
    book.tick("10-14T03:50", &[coming("10-14T04:00", &["blog"])]);
    // No run came.
    for tick in ["04:15", "04:59", "05:00", "05:15"] {
        book.tick(&format!("10-14T{tick}"), &[]);
    }
    expect_test::expect![[r#"
        10-14T03:30 scheduled shop 14 04:00 nightly-20261014T040000Z
        10-14T03:50 scheduled blog 14 04:00 nightly-20261014T040000Z
        10-14T03:50 withdrawn shop 14 04:00 nightly-20261014T040000Z the window takes none of its groups any more
        10-14T05:00 missed blog 14 04:00 nightly-20261014T040000Z
    "#]]
    .assert_eq(&book.told());
}

#[test]
fn a_window_that_moves_keeps_its_id_and_one_that_goes_is_withdrawn() {
    let mut book = Book::default();
    book.tick("10-13T05:00", &[coming("10-14T04:00", &["shop"])]);
    book.tick(
        "10-13T06:00",
        &[
            coming("10-14T05:30", &["shop"]),
            coming("10-21T05:30", &["shop"]),
        ],
    );
    book.tick("10-13T07:00", &[coming("10-21T05:30", &["shop"])]);
    // It was taken back, and comes again.
    book.tick("10-13T08:00", &[coming("10-14T04:00", &["shop"])]);
    book.tick("10-14T03:00", &[coming("10-14T04:00", &["shop"])]);
    expect_test::expect![[r#"
        10-13T05:00 scheduled shop 14 04:00 nightly-20261014T040000Z
        10-13T06:00 moved-1 shop 14 05:30 nightly-20261014T040000Z
        10-13T07:00 withdrawn shop 14 05:30 nightly-20261014T040000Z the window does not open then any more
        10-13T08:00 scheduled shop 14 04:00 nightly-20261014T040000Z-2
        10-14T03:00 begins-soon-60 shop 14 04:00 nightly-20261014T040000Z-2
    "#]]
    .assert_eq(&book.told());
}

#[test]
fn a_window_that_moves_to_and_fro_is_told_of_each_time() {
    let mut book = Book::default();
    for (tick, start) in [
        ("05", "04:00"),
        ("06", "05:30"),
        ("07", "04:00"),
        ("08", "05:30"),
    ] {
        let opening = coming(&format!("10-14T{start}"), &["shop"]);
        book.tick(&format!("10-13T{tick}:00"), std::slice::from_ref(&opening));
        book.tick(&format!("10-13T{tick}:15"), &[opening]);
    }
    expect_test::expect![[r#"
        10-13T05:00 scheduled shop 14 04:00 nightly-20261014T040000Z
        10-13T06:00 moved-1 shop 14 05:30 nightly-20261014T040000Z
        10-13T07:00 moved-2 shop 14 04:00 nightly-20261014T040000Z
        10-13T08:00 moved-3 shop 14 05:30 nightly-20261014T040000Z
    "#]]
    .assert_eq(&book.told());
}

#[test]
fn a_run_without_an_end_is_told_of_too() {
    let mut book = Book::default();
    book.tick("10-13T05:00", &[coming("10-14T04:00", &["shop"])]);
    book.run(NoticeEvent::Begun, "10-14T04:01");
    for tick in [
        "04:15", "06:45", "07:00", "07:15", "09:45", "10:00", "10:15",
    ] {
        book.tick(&format!("10-14T{tick}"), &[]);
    }
    expect_test::expect![[r#"
        10-13T05:00 scheduled shop 14 04:00 nightly-20261014T040000Z
        10-14T04:15 begun shop 14 04:00 nightly-20261014T040000Z
        10-14T07:00 moved-1 shop 14 04:00 nightly-20261014T040000Z it takes longer than planned
        10-14T10:00 ended shop 14 04:00 nightly-20261014T040000Z no report of its run came, and sweeps restore its groups
    "#]]
    .assert_eq(&book.told());
}

#[test]
fn a_freeze_is_told_once_and_its_end_is_too() {
    let mut book = Book::default();
    let open = coming("10-14T04:00", &["shop"]);
    let frozen = Coming {
        frozen: Some("holidays".into()),
        ..open.clone()
    };
    book.tick("10-13T05:00", std::slice::from_ref(&open));
    book.tick("10-13T06:00", std::slice::from_ref(&frozen));
    book.tick("10-13T06:15", std::slice::from_ref(&frozen));
    book.tick("10-13T07:00", &[open]);
    // Never announced, because it lay in the freeze from the beginning.
    let mut other = Book::default();
    other.tick("10-13T05:00", std::slice::from_ref(&frozen));
    other.tick("10-14T03:30", &[frozen]);
    other.tick("10-14T05:30", &[]);
    expect_test::expect![[r#"
        10-13T05:00 scheduled shop 14 04:00 nightly-20261014T040000Z
        10-13T06:00 frozen shop 14 04:00 nightly-20261014T040000Z holidays
        10-13T07:00 scheduled shop 14 04:00 nightly-20261014T040000Z-2
        10-13T05:00 frozen shop 14 04:00 nightly-20261014T040000Z holidays
    "#]]
    .assert_eq(&format!("{}{}", book.told(), other.told()));
}
