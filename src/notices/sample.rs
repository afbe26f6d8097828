//! Notices to try words and channels with.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::event::NoticeEvent;
use super::notice::{GroupNote, Notice, Planned, Windows};
use crate::group::{Code, Outcome};
use crate::place::Place;
use crate::schedule::Capacity;

/// 14 October 2026, 04:00 UTC.
const SAMPLE_START_SECONDS: i64 = 1_791_950_400;
/// A test on a service that shows windows is about one a week away: nobody takes it for one that is near.
const TEST_IN: TimeDelta = TimeDelta::days(7);

fn planned(start: DateTime<Utc>, zone: Tz) -> Planned {
    Planned {
        start,
        end: start + TimeDelta::hours(3),
        zone,
    }
}

/// A notice in which everything is known: the application shop in Production, with two groups.
pub fn sample(event: NoticeEvent) -> Notice {
    let start = DateTime::from_timestamp(SAMPLE_START_SECONDS, 0).unwrap_or_default();
    let planned = planned(start, Tz::Europe__Berlin);
    let before = Planned {
        start: planned.start - TimeDelta::days(1),
        end: planned.end - TimeDelta::days(1),
        ..planned
    };
    let size = |min, max, desired| Some(Capacity { min, max, desired });
    let web = GroupNote {
        outcome: Some(Outcome::Patched),
        size: size(0, 4, 0),
        image_gib: Some(16),
        ..GroupNote::named("shop-web".into())
    };
    let batch = GroupNote {
        outcome: Some(Outcome::RolledBack),
        code: Some(Code::PatchFailed),
        reason: "the patch command ended as Failed".into(),
        size: size(0, 2, 0),
        ..GroupNote::named("shop-batch".into())
    };
    let code = Code::PatchFailed;
    Notice {
        event,
        is_test: false,
        window_id: "nightly-20261014T040000Z".into(),
        window: "nightly".into(),
        application: "shop".into(),
        environment: "Production".into(),
        times: Windows {
            planned,
            before: Some(before),
        },
        lead_minutes: 0,
        move_number: 0,
        groups: vec![web, batch],
        outcomes: [(Outcome::Patched, 1), (Outcome::RolledBack, 1)].into(),
        packages: ["kernel-6.1.112", "openssl-3.0.8", "zlib-1.2.11"]
            .map(str::to_owned)
            .into(),
        reason: "the freeze of the quarter's end".into(),
        approval: None,
        what_to_do: vec![format!("{code}: {}", code.remedy())],
        run_id: Some("sched-20261014T040000Z-ab12".into()),
        report_url: Some("https://example.org/reports/sched-20261014T040000Z-ab12".into()),
        pages_url: None,
    }
}

/// A notice in which nothing is known that may be unknown.
pub fn bare(event: NoticeEvent) -> Notice {
    Notice {
        groups: Vec::new(),
        outcomes: Default::default(),
        packages: Vec::new(),
        reason: String::new(),
        what_to_do: Vec::new(),
        run_id: None,
        report_url: None,
        ..sample(event)
    }
}

/// The notice of `notify --test`: marked as a test, about no window that there is.
pub fn test_notice(now: DateTime<Utc>, zone: Tz) -> Notice {
    let window_id = format!("test-{}", now.format("%Y%m%dT%H%M%SZ"));
    let place = Place {
        application: Some("asg-patch".into()),
        environment: Some("test".into()),
    };
    let planned = planned(now + TEST_IN, zone);
    Notice {
        is_test: true,
        window: "test".into(),
        reason: "someone asked for a test: there is no such window".into(),
        ..Notice::new(NoticeEvent::Scheduled, window_id, &place, planned)
    }
}
