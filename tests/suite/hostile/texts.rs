//! Texts: fleet files, records, tags, names.

use std::collections::BTreeMap;

use asg_patch::group::budget::{self, Budget};
use asg_patch::group::job::{Devices, Forward};
use asg_patch::group::launch::one_more;
use asg_patch::group::lineage::Lineage;
use asg_patch::group::measured::Measured;
use asg_patch::group::names::{group_of_parameter, record_parameter};
use asg_patch::group::record::{RECORD_LIMIT_BYTES, Record, RecordError, SCHEMA};
use asg_patch::group::{Code, options};
use asg_patch::request::Operation;
use asg_patch::schedule::missed;
use asg_patch::sim::fleet;
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::mutation::{changed, changes, odd};
use super::{cases, in_time};

/// A fleet file without its comments, in which most changes would be lost.
fn bare(text: &str) -> String {
    let code = text
        .lines()
        .map(|l| l.split(" #").next().unwrap_or_default());
    let lines = code.filter(|l| !l.starts_with('#') && !l.trim().is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

/// A fleet file is rejected, or yields a world that can be built.
fn fleet_is_read(text: &str) -> Result<(), TestCaseError> {
    match in_time("a fleet file", || fleet::parse(text)) {
        Ok(fleet) => {
            in_time("building a fleet", || fleet.build());
        }
        Err(error) => {
            let said = error.to_string();
            prop_assert!(said.starts_with("line "), "no place in: {said}");
        }
    }
    Ok(())
}

fn record() -> Record {
    let text = r#"{"schema":1,"group":"web nightly","run_id":"run-1","owner":"cli:1","written_at":"2026-10-14T04:00:00Z",
        "deadline":"2026-10-14T07:00:00Z","capacity":{"min":0,"max":4,"desired":1},"suspended":["AZRebalance"],
        "guarded":["HealthCheck","ScheduledActions"],
        "pins":[{"slot":"Base","template":"lt-1","version":"$Latest"},{"slot":{"Override":1},"template":"lt-2","version":"3"}],
        "templates":{"lt-1":{"default":1,"latest":2},"lt-2":{"default":1,"latest":3}},
        "actions":[{"name":"morning","recurrence":"0 7 * * MON-FRI","time_zone":"Europe/Berlin","desired":2}],
        "image_name":"asg-patch/web","bake_key":"b1"}"#;
    Record::from_text(text).expect("a record")
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn fleet_files(changes in changes(), sample in any::<bool>()) {
        let text = bare(if sample { fleet::SAMPLE } else { fleet::EXAMPLE });
        fleet_is_read(&changed(&text, &changes))?;
    }

    #[test]
    fn records(changes in changes()) {
        let text = changed(&record().to_text(), &changes);
        match in_time("a record", || Record::from_text(&text)) {
            Ok(record) => {
                prop_assert_eq!(record.schema, SCHEMA);
                let again = Record::from_text(&record.to_text());
                prop_assert_eq!(again.as_ref(), Ok(&record));
                let woken = one_more(record.capacity);
                prop_assert!(woken.max >= woken.desired && woken.desired >= record.capacity.desired);
                let now = record.written_at.checked_add_signed(TimeDelta::hours(3)).unwrap_or(record.written_at);
                for until in [now, DateTime::<Utc>::MAX_UTC] {
                    for (recorded, present) in [(&*record.actions, &[][..]), (&[][..], &*record.actions)] {
                        let listings = missed::Listings { recorded, present };
                        let _ = in_time("the actions of a record", || {
                            missed::overlay(record.capacity, listings, record.written_at, until)
                        });
                    }
                }
            }
            Err(RecordError::Schema(found)) => prop_assert_ne!(found, SCHEMA),
            Err(RecordError::Malformed(why) | RecordError::Packing(why)) => prop_assert!(!why.is_empty()),
            Err(RecordError::Signature(why)) => prop_assert!(false, "no key: {}", why),
        }
    }

    /// Also of any size: what is written fits what is read.
    #[test]
    fn records_of_any_group(group in "\\PC{1,255}", owner in "\\PC{0,80}", pins in 0..40_usize) {
        let mut record = Record { group: group.into(), owner, ..record() };
        record.pins = record.pins.iter().cycle().take(pins).cloned().collect();
        let text = record.to_text();
        prop_assert_eq!(Record::from_text(&text), Ok(record));
        prop_assert!(pins < 20 || text.len() > RECORD_LIMIT_BYTES / 4);
    }

    #[test]
    fn tags(
        name in prop_oneof![
            6 => proptest::sample::select(vec![
                "wave", "image", "seal", "canary", "document", "parameters", "tolerate-missing",
            ]).prop_map(str::to_owned),
            1 => "\\PC{0,120}",
        ],
        value in prop_oneof![3 => odd(), 2 => "\\PC{0,256}", 1 => "(\\PC{0,9}[=;]){0,20}"],
    ) {
        let tags = BTreeMap::from([(format!("p:{name}"), value.clone())]);
        let reading = in_time("tags", || options::read(&tags, "p"));
        if let Some(refusal) = reading.refusal {
            prop_assert_eq!(refusal.code, Code::OptionInvalid);
            prop_assert!(refusal.reason.contains(&format!("tag p:{name}: expected ")), "{}", refusal.reason);
        }
        in_time("the bake key's text", || reading.options.bake_text());
    }

    /// Whatever the tag of an image says, a group is planned with a time that a run can take.
    #[test]
    fn measured_times(
        value in prop_oneof![
            1 => "\\PC{0,256}",
            4 => proptest::collection::vec(
                (
                    proptest::sample::select(vec!["launching", "patching", "baking", "proving", "restoring", "x"]),
                    odd(),
                ),
                0..8,
            ).prop_map(|pairs| pairs.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" ")),
        ],
        windows: bool,
    ) {
        let mut forward = Forward {
            operation: Operation::Install,
            options: options::Options::default(),
            image: "ami-1".into(),
            windows,
            bakes: true,
            measured: Measured::default(),
            devices: Devices::default(),
            lineage: Lineage::default(),
            image_created_at: None,
            reverted_from: None,
            runbooks: Default::default(),
            place: Default::default(),
        };
        let (measured, note) = in_time("measured times", || budget::read_tag(&forward, &value));
        prop_assert!(measured != Measured::default() || note.is_some());
        forward.measured = measured;
        let seconds = Budget::of(&forward, true).seconds();
        prop_assert!((300..=8 * 3600).contains(&seconds), "{} s", seconds);
    }

    /// Auto Scaling takes 1 to 255 characters from nearly all of Unicode.
    #[test]
    fn group_names(name in proptest::collection::vec(any::<char>(), 1..=255).prop_map(String::from_iter)) {
        let parameter = record_parameter(&name.as_str().into());
        prop_assert!(parameter.len() <= 1011, "{} characters", parameter.len());
        prop_assert!(parameter.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c)), "{}", parameter);
        prop_assert_eq!(parameter.matches('/').count(), 3);
        match group_of_parameter(&parameter) {
            Some(group) => prop_assert_eq!(group, name),
            // Too long to stand for itself: the record tells.
            None => prop_assert!(name.len() > 255, "{} bytes", name.len()),
        }
    }

    #[test]
    fn parameters_of_others(text in prop_oneof!["\\PC{0,60}", "/asg-patch/records/[_0-9a-fx.]{0,40}"]) {
        if let Some(group) = group_of_parameter(&text) {
            prop_assert_eq!(group_of_parameter(&record_parameter(&group)), Some(group));
        }
    }
}

#[test]
fn what_is_nested_deeply_does_not_overflow_the_stack() {
    for open in ["[", "{\"schema\":1,\"a\":", "a = [", "[[a.", "a={b="] {
        let text = open.repeat(100_000);
        assert!(Record::from_text(&text).is_err());
        assert!(fleet::parse(&text).is_err());
    }
}
