use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::*;
use crate::group::facts::GroupFacts;
use crate::group::fault::{Fault, FaultClass};
use crate::group::names::{
    BAKE_TAG, FAILED_TAG, KEEP_TAG, RUN_TAG, SOURCE_TAG, image_name, version_description,
};
use crate::group::pin::{Pin, Slot, TemplateMark};
use crate::group::record::SCHEMA;
use crate::group::seen::{RecordSeen, StoredRecord};
use crate::group::{Code, Failure, Record};
use crate::ids::{ImageId, RunId, SnapshotId};
use crate::request::OptInTag;

mod uses;

const BAKE: &str = "0123456789ab";

fn now() -> DateTime<Utc> {
    "2026-11-20T04:00:00Z".parse().unwrap()
}

fn policy() -> Policy {
    Policy {
        keep: 2,
        older_than: TimeDelta::days(30),
        grace: TimeDelta::days(7),
        tag: OptInTag::default(),
        untagged_templates: false,
    }
}

fn run(n: u64) -> RunId {
    format!("run-{n}").into()
}

fn id(n: u64) -> ImageId {
    format!("ami-{n}").into()
}

fn snapshot_id(n: u64) -> SnapshotId {
    format!("snap-{n}").into()
}

fn tags(n: u64) -> BTreeMap<String, String> {
    let name = image_name("web", &run(n), &BAKE.into());
    let pairs = [
        ("Name", name),
        (RUN_TAG, run(n).into()),
        (BAKE_TAG, BAKE.to_owned()),
        (SOURCE_TAG, id(n - 1).into()),
    ];
    pairs.map(|(key, value)| (key.to_owned(), value)).into()
}

fn image(n: u64) -> ImageFound {
    ImageFound {
        name: image_name("web", &run(n), &BAKE.into()),
        state: ImageState::Available,
        created_at: Some(now() - TimeDelta::days(200 - 30 * n as i64)),
        deprecated_from: None,
        launched_at: None,
        public: false,
        source_instance: Some("i-1".into()),
        source_image: Some(id(n - 1)),
        tags: tags(n),
        volumes: vec![VolumeFound {
            snapshot: Some(snapshot_id(n)),
            gib: Some(8),
        }],
    }
}

fn snapshot(n: u64) -> SnapshotFound {
    SnapshotFound {
        description: format!("Created by CreateImage(i-1) for ami-{n}"),
        started_at: image(n).created_at,
        gib: Some(8),
        tags: tags(n),
    }
}

fn version(n: u64) -> VersionFound {
    VersionFound {
        image: Some(id(n).into()),
        description: Some(version_description(&run(n), &BAKE.into())),
        snapshots: BTreeSet::new(),
    }
}

/// A template with the owner's version 1 and four of runs, `ami-2` to `ami-5`; nobody uses `ami-2` and `ami-3`.
fn found() -> Found {
    let owners = VersionFound {
        image: Some(id(1).into()),
        ..VersionFound::default()
    };
    let ours = (2..=5).map(|n| (n, version(n)));
    let template = TemplateFound {
        name: "web".into(),
        tags: opted_in(),
        mark: TemplateMark {
            default: 1,
            latest: 5,
        },
        versions: [(1, owners)].into_iter().chain(ours).collect(),
    };
    Found {
        at: now(),
        images: (2..=5).map(|n| (id(n), image(n))).collect(),
        snapshots: (2..=5).map(|n| (snapshot_id(n), snapshot(n))).collect(),
        uses: UsesFound {
            groups: Ok([("web".into(), group("web", "$Latest"))].into()),
            templates: Ok([("lt-1".into(), template)].into()),
            configurations: Ok(BTreeMap::new()),
            instances: Ok(BTreeMap::new()),
            aliases: Ok(BTreeMap::new()),
            published: Ok(BTreeMap::new()),
            records: Ok(BTreeMap::new()),
        },
        sharing: (2..=5).map(|n| (id(n), Ok(Sharing::default()))).collect(),
    }
}

fn opted_in() -> BTreeMap<String, String> {
    [("ep:asg:patch".to_owned(), "true".to_owned())].into()
}

fn group(name: &str, version: &str) -> GroupFacts {
    GroupFacts {
        name: name.into(),
        capacity: serde_json::from_str(r#"{"min":0,"max":4,"desired":0}"#).unwrap(),
        tags: BTreeMap::new(),
        propagated: BTreeSet::new(),
        pins: vec![Pin {
            slot: Slot::Override(1),
            template: "lt-1".into(),
            version: version.into(),
        }],
        launch_configuration: None,
        image_overrides: BTreeSet::new(),
        overrides: false,
        weighted: false,
        capacity_unit: None,
        suspended: BTreeSet::new(),
        operator: None,
        deleting: false,
        warm_pool: false,
        load_balanced: false,
        balancers: BTreeSet::new(),
        other_load_balancer: None,
        odd: None,
        named_only: BTreeSet::new(),
        members: Default::default(),
    }
}

fn denied<T>() -> Result<T, Fault> {
    Err(Fault {
        operation: "x:Describe".into(),
        code: "AccessDenied".into(),
        message: "no".into(),
        class: FaultClass::Denied,
    })
}

fn verdicts(found: &Found) -> BTreeMap<ImageId, Verdict> {
    let plan = decide(found, &policy(), &[]);
    let items = plan.images.into_iter();
    items.map(|item| (item.image, item.verdict)).collect()
}

/// Why `ami-2` stays.
fn reasons(found: &Found) -> Vec<String> {
    match &verdicts(found)[&id(2)] {
        Verdict::Keep(reasons) => reasons.iter().map(ToString::to_string).collect(),
        Verdict::Deprecate(_) | Verdict::Wait(_) | Verdict::Remove => Vec::new(),
    }
}

fn template(found: &mut Found) -> &mut TemplateFound {
    let templates = found.uses.templates.as_mut().unwrap();
    templates.get_mut("lt-1").unwrap()
}

fn old(found: &mut Found) -> &mut ImageFound {
    found.images.get_mut("ami-2").unwrap()
}

/// Changes the account, and compares why `ami-2` stays.
fn stays(change: impl FnOnce(&mut Found), expected: &[&str]) {
    let mut found = found();
    assert_eq!(reasons(&found), Vec::<String>::new());
    change(&mut found);
    assert_eq!(reasons(&found), expected);
}

#[test]
fn what_nobody_uses_goes_in_two_steps() {
    let mut found = found();
    let plan = decide(&found, &policy(), &[]);
    let by = now() + TimeDelta::days(7);
    assert_eq!(plan.images[0].verdict, Verdict::Deprecate(by));
    assert_eq!(plan.images[0].steps(), [Step::Deprecate(id(2), by)]);
    assert!(matches!(&plan.images[2].verdict, Verdict::Keep(r) if r.len() == 1));
    assert!(matches!(&plan.images[3].verdict, Verdict::Keep(r) if r.len() == 2));
    old(&mut found).deprecated_from = Some(by);
    assert_eq!(verdicts(&found)[&id(2)], Verdict::Wait(by));
    found.at = by;
    let plan = decide(&found, &policy(), &[]);
    assert_eq!(plan.images[0].verdict, Verdict::Remove);
    let expected = [
        Step::DeleteVersion("lt-1".into(), 2),
        Step::Deregister(id(2)),
        Step::DeleteSnapshot(snapshot_id(2)),
    ];
    assert_eq!(plan.images[0].steps(), expected);
    // One from which nothing can be launched has nothing to take back.
    old(&mut found).deprecated_from = None;
    old(&mut found).state = ImageState::Failed;
    assert_eq!(verdicts(&found)[&id(2)], Verdict::Remove);
}

#[test]
fn the_newest_and_the_young() {
    let mut found = found();
    // The image that failed is none to roll back to: two others are kept.
    let tag = (KEEP_TAG.to_owned(), "2026-12-01T00:00:00Z".to_owned());
    found.images.get_mut("ami-4").unwrap().tags.extend([tag]);
    let verdicts = verdicts(&found);
    let texts = |n: u64| match &verdicts[&id(n)] {
        Verdict::Keep(reasons) => reasons.iter().map(ToString::to_string).collect(),
        Verdict::Deprecate(_) | Verdict::Wait(_) | Verdict::Remove => Vec::new(),
    };
    assert_eq!(texts(2), Vec::<String>::new());
    assert_eq!(texts(3), ["it is one of the 2 newest images of web"]);
    assert_eq!(
        texts(4),
        ["it is kept for inspection until 2026-12-01 00:00:00 UTC"]
    );
    stays(
        |f| old(f).created_at = Some(now() - TimeDelta::days(29)),
        &["it was made at 2026-10-22 04:00:00 UTC, less than 30 days ago"],
    );
    stays(
        |f| old(f).created_at = None,
        &["AWS does not say when it was made"],
    );
    stays(
        |f| old(f).launched_at = Some(now() - TimeDelta::days(1)),
        &["an instance was launched from it at 2026-11-19 04:00:00 UTC, less than 30 days ago"],
    );
}

#[test]
fn one_whose_inspection_is_over_does_not_wait_for_its_age() {
    let mut found = found();
    let image = found.images.get_mut("ami-4").unwrap();
    image.created_at = Some(now());
    let tag = |text: &str| (KEEP_TAG.to_owned(), text.to_owned());
    image.tags.extend([tag("2026-11-20T03:59:59+00:00")]);
    let by = now() + TimeDelta::days(7);
    assert_eq!(verdicts(&found)[&id(4)], Verdict::Deprecate(by));
    stays(
        |f| old(f).tags.extend([tag("next week")]),
        &["its tag asg-patch:keep-until does not say a time: 'next week'"],
    );
}

#[test]
fn one_that_is_being_made_or_was_put_away() {
    stays(
        |f| old(f).state = ImageState::Pending,
        &["it is being made"],
    );
    stays(
        |f| old(f).state = ImageState::Other("disabled".into()),
        &["it was put into the state disabled"],
    );
}

/// A permission to tag images gives nobody the role's power over other images.
#[test]
fn tags_alone_make_no_image_of_a_run() {
    let is_foreign = |change: &dyn Fn(&mut ImageFound)| {
        let mut found = found();
        change(old(&mut found));
        let reasons = reasons(&found);
        assert!(
            reasons.len() == 1 && reasons[0].starts_with("no run made it"),
            "{reasons:?}"
        );
    };
    is_foreign(&|i| i.name = "golden-2026".into());
    is_foreign(&|i| i.name = "asg-patch/web/run-3-0123456789ab".into());
    is_foreign(&|i| i.name = "asg-patch/we b/run-2-0123456789ab".into());
    is_foreign(&|i| i.source_instance = None);
    is_foreign(&|i| _ = i.tags.insert(SOURCE_TAG.into(), "ami-9".into()));
    is_foreign(&|i| _ = i.tags.remove(BAKE_TAG));
    is_foreign(&|i| _ = i.tags.insert(RUN_TAG.into(), "other".into()));
    // Without the tag it is nobody's business.
    let mut found = found();
    old(&mut found).tags.remove(RUN_TAG);
    assert!(!verdicts(&found).contains_key("ami-2"));
}

#[test]
fn what_cannot_be_read_keeps_everything() {
    let changes: [fn(&mut UsesFound); 6] = [
        |u| u.groups = denied(),
        |u| u.templates = denied(),
        |u| u.configurations = denied(),
        |u| u.instances = denied(),
        |u| u.aliases = denied(),
        |u| u.records = denied(),
    ];
    for change in changes {
        let mut found = found();
        change(&mut found.uses);
        let reasons = reasons(&found);
        assert!(
            reasons
                .iter()
                .any(|r| r.contains("could not be read: x:Describe: AccessDenied: no")),
            "{reasons:?}"
        );
    }
    let mut found = found();
    found.sharing.insert(id(2), denied());
    assert_eq!(reasons(&found).len(), 1);
    let groups = found.uses.groups.as_mut().unwrap();
    groups.get_mut("web").unwrap().odd = Some("its pins make no sense".into());
    assert!(reasons(&found)[0].starts_with("a group could not be read"));
}

#[test]
fn snapshots_go_with_their_image_only_if_they_are_its_own() {
    let snapshots = |found: &Found| decide(found, &policy(), &[]).images[0].snapshots.clone();
    let mut found = found();
    let volume = VolumeFound {
        snapshot: Some("snap-owner".into()),
        gib: Some(1),
    };
    old(&mut found).volumes.push(volume);
    assert_eq!(snapshots(&found), [snapshot_id(2)], "one is not tagged");
    let copy = ImageFound {
        tags: BTreeMap::new(),
        name: "copy".into(),
        ..image(2)
    };
    found.images.insert("ami-copy".into(), copy);
    assert!(snapshots(&found).is_empty(), "another image has it");
}

#[test]
fn a_snapshot_without_an_image_goes_once_it_is_old() {
    let verdict = |change: &dyn Fn(&mut Found)| {
        let mut found = found();
        found.images.remove("ami-2");
        template(&mut found).versions.remove(&2);
        change(&mut found);
        let plan = decide(&found, &policy(), &[]);
        let mut items = plan.snapshots.into_iter();
        let item = items.next().unwrap();
        assert_eq!((item.snapshot, items.next()), (snapshot_id(2), None));
        item.verdict
    };
    let own = |f: &mut Found| f.snapshots.get_mut("snap-2").unwrap().clone();
    assert_eq!(verdict(&|_| ()), Verdict::Remove);
    let changes: [fn(&mut SnapshotFound); 4] = [
        |s| s.started_at = Some(now()),
        |s| s.description = "backup of ami-2".into(),
        |s| _ = s.tags.insert("Name".into(), "backup".into()),
        |s| s.description = "Created by CreateImage(i-1) for ami-3".into(),
    ];
    for change in changes {
        let kept = verdict(&|f| {
            let mut snapshot = own(f);
            change(&mut snapshot);
            f.snapshots.insert(snapshot_id(2), snapshot);
        });
        assert!(
            matches!(&kept, Verdict::Keep(r) if r.len() == 1),
            "{kept:?}"
        );
    }
    let failed = verdict(&|f| {
        let snapshot = f.snapshots.get_mut("snap-2").unwrap();
        let marks = [
            ("Name", "asg-patch FAILED AP-0361"),
            (FAILED_TAG, "AP-0361"),
        ];
        let marks = marks.map(|(key, value)| (key.to_owned(), value.to_owned()));
        snapshot.tags.extend(marks);
    });
    assert_eq!(failed, Verdict::Remove, "marked as failed by its run");
    let unread = verdict(&|f| f.uses.templates = denied());
    assert!(matches!(unread, Verdict::Keep(_)));
}

#[test]
fn only_what_was_made_for_the_templates_of_some_groups() {
    let mut found = found();
    // Its versions are gone already: a prune was ended between two calls.
    template(&mut found).versions.remove(&2);
    let of = |found: &Found, group: &str| decide(found, &policy(), &[group.into()]).images.len();
    assert_eq!(of(&found, "web"), 4);
    let groups = found.uses.groups.as_mut().unwrap();
    let mut other = group("other", "1");
    other.pins[0].template = "lt-2".into();
    groups.insert("other".into(), other);
    assert_eq!(of(&found, "other"), 0);
}
