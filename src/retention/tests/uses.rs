//! Everything that keeps an image because it uses it.

use super::*;

#[test]
fn a_group_that_launches_from_it() {
    stays(
        |f| {
            let groups = f.uses.groups.as_mut().unwrap();
            groups.insert("asleep".into(), group("asleep", "2"));
        },
        &["group asleep launches from it (web:2)"],
    );
    stays(
        |f| {
            template(f).mark.default = 2;
            let groups = f.uses.groups.as_mut().unwrap();
            groups.insert("default".into(), group("default", ""));
        },
        &["group default launches from it (web:no version)"],
    );
    stays(
        |f| {
            let mut mixed = group("mixed", "1");
            mixed.image_overrides.insert("ami-2".into());
            let groups = f.uses.groups.as_mut().unwrap();
            groups.insert("mixed".into(), mixed);
        },
        &["group mixed launches from it (an override)"],
    );
}

#[test]
fn a_launch_configuration_that_names_it() {
    let configuration = ConfigurationFound {
        image: Some("ami-2".into()),
        snapshots: BTreeSet::new(),
    };
    stays(
        |f| f.uses.configurations = Ok([("old".to_owned(), configuration)].into()),
        &["launch configuration old names it"],
    );
}

#[test]
fn a_version_that_stays() {
    let text = "version 2 of web names it, ";
    let stays = |change: &dyn Fn(&mut Found), expected: &str| {
        stays(change, &[&format!("{text}{expected}")]);
    };
    stays(&|f| template(f).mark.default = 2, "the template's default");
    stays(
        &|f| {
            f.uses.groups = Ok(BTreeMap::new());
            template(f).mark.latest = 2;
            template(f).versions.retain(|n, _| *n <= 2);
            // Else it is the newest, too.
            let over = (KEEP_TAG.to_owned(), "2026-11-01T00:00:00Z".to_owned());
            old(f).tags.extend([over]);
        },
        "the template's latest",
    );
    for description in [
        None,
        Some("the owner's"),
        Some("asg-patch run-3 0123456789ab"),
    ] {
        stays(
            &|f| {
                let version = template(f).versions.get_mut(&2).unwrap();
                version.description = description.map(str::to_owned);
            },
            "which its run did not make",
        );
    }
    stays(
        &|f| template(f).tags.clear(),
        "and the template has not opted in",
    );
}

#[test]
fn a_version_of_another_template() {
    stays(
        |f| {
            let other = TemplateFound {
                name: "other".into(),
                mark: TemplateMark {
                    default: 1,
                    latest: 2,
                },
                ..template(f).clone()
            };
            let templates = f.uses.templates.as_mut().unwrap();
            templates.insert("lt-2".into(), other);
        },
        &["version 2 of other names it, the template's latest"],
    );
}

#[test]
fn instances_that_were_launched_from_it() {
    stays(
        |f| f.uses.instances = Ok([(id(2), ["i-9".into()].into())].into()),
        &["i-9 was launched from it"],
    );
}

#[test]
fn others_with_whom_it_is_shared() {
    stays(|f| old(f).public = true, &["it is public"]);
    let with = |f: &mut Found| {
        let with = ["111122223333".to_owned()].into();
        f.sharing.insert(id(2), Ok(Sharing { with }));
    };
    stays(with, &["it is shared with 111122223333"]);
    // It is asked for only of what would go, and what was not asked for is no absence.
    let mut found = found();
    found.sharing.clear();
    assert_eq!(unasked(&found, &policy(), &[]), [id(2), id(3)].into());
    assert!(
        reasons(&found)[0].starts_with("the accounts with which it is shared could not be read")
    );
}

#[test]
fn a_parameter_that_a_template_names() {
    stays(
        |f| f.uses.aliases = Ok([("/golden".to_owned(), "ami-2".to_owned())].into()),
        &["SSM parameter /golden holds it, which a launch template names"],
    );
}

#[test]
fn an_image_that_a_run_has_published() {
    let name = "/asg-patch/images/web";
    stays(
        |f| f.uses.published = Ok([(name.to_owned(), "ami-2".to_owned())].into()),
        &["parameter /asg-patch/images/web publishes it"],
    );
}

fn record(change: impl FnOnce(&mut Record)) -> RecordSeen {
    let mut record = Record {
        schema: SCHEMA,
        group: "web-nightly".into(),
        run_id: run(9),
        owner: "cli:host:1".into(),
        written_at: now(),
        deadline: now(),
        capacity: group("web", "1").capacity,
        suspended: BTreeSet::new(),
        guarded: BTreeSet::new(),
        pins: Vec::new(),
        templates: BTreeMap::new(),
        actions: Vec::new(),
        image_name: image(9).name,
        bake_key: BAKE.into(),
        members: None,
        automates: false,
        signature: None,
    };
    change(&mut record);
    RecordSeen::Readable(StoredRecord {
        record: Box::new(record),
        stored_at: None,
    })
}

#[test]
fn an_open_record_that_names_it() {
    let of = |record: RecordSeen| {
        move |f: &mut Found| f.uses.records = Ok([("p".to_owned(), record)].into())
    };
    let expected = ["the open record of group web-nightly names it"];
    stays(of(record(|r| r.image_name = image(2).name)), &expected);
    let marked = |r: &mut Record| {
        let mark = TemplateMark {
            default: 1,
            latest: 2,
        };
        r.templates = [("lt-1".into(), mark)].into();
    };
    stays(of(record(marked)), &expected);
    let unreadable = RecordSeen::Unreadable {
        raw: "?".into(),
        problem: Failure::new(Code::RecordUnreadable, "no record"),
    };
    stays(
        of(unreadable),
        &["an open record could not be read: p: no record"],
    );
}

#[test]
fn a_mapping_that_names_its_snapshot() {
    stays(
        |f| {
            let version = template(f).versions.get_mut(&1).unwrap();
            version.snapshots.insert(snapshot_id(2));
        },
        &["version 1 of web names its snapshot snap-2"],
    );
}
