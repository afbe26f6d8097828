use std::collections::BTreeSet;

use super::*;
use crate::sim::world::World;
use crate::sim::world::images::{self, NewImage};
use crate::sim::world::instance::InstanceState;
use crate::sim::world::rivals::{self, Action, Trigger};
use crate::sim::world::scaling::capacity::{self, CapacityChange};

fn error(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

const HEAD: &str = "start = 2026-10-14T04:00:00Z\n\
    [[images]]\nname = \"a\"\n\
    [[templates]]\nname = \"t\"\nversions = [{ image = \"a\", instance_type = \"t3.small\" }]\n";

#[test]
fn the_sample_fleet_is_at_rest_when_it_begins() {
    let fleet = parse(SAMPLE).unwrap();
    let world = fleet.build();
    assert_eq!(world.now, fleet.start());
    assert_eq!(fleet.group_names().count(), 15);
    for (name, group) in &world.groups {
        assert_eq!(group.members.len() as i64, group.desired, "{name}");
    }
    let running: Vec<_> = world.instances.values().collect();
    assert_eq!(running.len(), 2);
    for instance in running {
        assert_eq!(instance.state, InstanceState::Running);
        let member = instance.membership.as_ref().unwrap();
        assert_eq!(
            (member.group.as_str(), member.lifecycle.as_str()),
            ("api-live", "InService")
        );
        assert_eq!(
            instance.agent.as_ref().unwrap().ping_status(world.now),
            "Online"
        );
        assert_eq!(instance.guest.missing.len(), 6);
    }
    let next = world.groups["desk-morning"].scheduled["open"].next_run;
    assert_eq!(next.unwrap().to_rfc3339(), "2026-10-14T04:05:00+00:00");
}

#[test]
fn the_example_parses_builds_and_multiplies() {
    let fleet = parse(EXAMPLE).unwrap();
    let world = fleet.build();
    assert_eq!(fleet.fault_rules().len(), 2);
    let copies: BTreeSet<_> = fleet
        .group_names()
        .filter(|n| n.starts_with("shop-copy-"))
        .collect();
    assert_eq!(copies.len(), 12);
    assert!(copies.contains("shop-copy-01"));
    let templates: BTreeSet<_> = world.templates.values().map(|t| &t.name).collect();
    assert!(templates.contains(&"shop-12".to_owned()), "{templates:?}");
    assert_eq!(
        world.groups["doomed"].status.as_deref(),
        Some("Delete in progress")
    );
    assert!(world.groups["reports"].active_refresh().is_some());
    let alias = &world.ssm.parameters.by_name["/images/shop"];
    assert_eq!(alias.value, "ami-0123456789abcdef0");
}

#[test]
fn same_seed_same_world() {
    let fleet = parse(SAMPLE).unwrap();
    let print = |f: &Fleet| format!("{:?}", f.build());
    assert_eq!(print(&fleet), print(&fleet));
    assert_ne!(print(&fleet), print(&fleet.clone().with_seed(8)));
}

#[test]
fn the_example_shows_every_key() {
    // A key in a comment shows no value, and may have gone since.
    let lines = EXAMPLE
        .lines()
        .map(|l| l.split("# ").next().unwrap_or_default());
    let shown = lines.collect::<Vec<_>>().join("\n");
    let mut keys = 0;
    let mut check = |table: &str, fields: &[&'static str]| {
        for field in fields {
            keys += 1;
            assert!(
                sets(&shown, field),
                "{table}: {field} is not in the example"
            );
        }
    };
    check("file", fields::of::<FleetFile>());
    check("image", fields::of::<ImageFile>());
    check("template", fields::of::<TemplateFile>());
    check("version", fields::of::<file::VersionFile>());
    check("block device", fields::of::<file::BlockDeviceFile>());
    check("group", fields::of::<GroupFile>());
    check("mixed", fields::of::<file_group::MixedFile>());
    check("override", fields::of::<file_group::OverrideFile>());
    check(
        "configuration",
        fields::of::<file_group::ConfigurationFile>(),
    );
    check("action", fields::of::<file_group::ActionFile>());
    check("hook", fields::of::<file_group::HookFile>());
    check("warm pool", fields::of::<file_group::WarmPoolFile>());
    check("refresh", fields::of::<file_group::RefreshFile>());
    check("alarm", fields::of::<file_group::AlarmFile>());
    check("behaviour", fields::of::<file_group::BehaviourFile>());
    check("topic", fields::of::<TopicFile>());
    check("parameter", fields::of::<ParameterFile>());
    check("document", fields::of::<DocumentFile>());
    check("event", fields::of::<EventFile>());
    check("fault", fields::of::<FaultFile>());
    assert!(keys > 100, "{keys}");
}

#[test]
fn errors_name_place_expectation_and_finding() {
    let group = |body: &str| error(&format!("{HEAD}[[groups]]\nname = \"g\"\n{body}\n"));
    for (body, wanted) in [
        (
            "template = \"u\"",
            "line 7, group 'g', template: expected the name of a template of this file, found 'u'",
        ),
        (
            "template = \"t\"\nversion = 2",
            "version: expected $Latest, $Default or a version of 't' from 1 to 1, found 2",
        ),
        (
            "template = \"t\"\nmin = 2\nmax = 1",
            "max: expected min (2) or more, found 1",
        ),
        (
            "template = \"t\"\nmax = 1\ndesired = 2",
            "desired: expected 0 to 1, found 2",
        ),
        (
            "template = \"t\"\nmaximum = 1",
            "line 10, column 1: unknown field `maximum`, expected one of `name`",
        ),
        (
            "max = 1",
            "expected one of template, mixed and launch_configuration, found 0",
        ),
        ("template = \"t\"\nsuspended = [\"Sleep\"]", "found Sleep"),
        (
            "template = \"t\"\nbehaviour = { failure = \"tired\" }",
            "unknown variant `tired`, expected one of",
        ),
        (
            "template = \"t\"\nscheduled_actions = [{ name = \"x\", min = 1, recurrence = \"0 25 * * *\" }]",
            "scheduled action 'x', recurrence: expected five cron fields",
        ),
        (
            "template = \"t\"\n[[groups]]\nname = \"g\"\ntemplate = \"t\"",
            "line 10, group 'g', name: expected a name of its own, found the name of line 7",
        ),
        (
            "template = \"t\"\ncount = 3",
            "name: expected {n} in the name of a group with a count, found g",
        ),
        (
            "template = \"t\"\n[[events]]\nat_seconds = 1\naction = \"remove-tag\"\ngroup = \"g\"",
            "event, key: expected it, for this action, found nothing",
        ),
        (
            "template = \"t\"\n[[faults]]\nfault = \"slow\"\noperation = \"ec2\"",
            "fault, operation: expected an operation such as ssm:SendCommand, found ec2",
        ),
    ] {
        let message = group(body);
        assert!(
            message.contains(wanted),
            "{body}:\n  wanted {wanted}\n  found  {message}"
        );
    }
    assert!(
        error("start = \"soon\"").contains("line 1"),
        "{}",
        error("start = \"soon\"")
    );
    assert!(error("start = 2026-10-14T04:00:00Z\nx = [").starts_with("line 2, column"));
}

#[test]
fn others_act_at_their_time() {
    let text = format!(
        "{HEAD}[[groups]]\nname = \"g\"\nmax = 2\ntemplate = \"t\"\n\
         [[events]]\nat_seconds = 60\naction = \"set-capacity\"\ngroup = \"g\"\ndesired = 1\n\
         [[events]]\nat_seconds = 30\naction = \"set-capacity\"\ngroup = \"g\"\ndesired = 9\n"
    );
    let mut world = parse(&text).unwrap().build();
    world.advance_to(world.now + chrono::TimeDelta::seconds(59));
    assert_eq!(world.groups["g"].desired, 0);
    assert!(
        world.rivals.done[0].refused.is_some(),
        "9 is above the maximum"
    );
    world.advance_to(world.now + chrono::TimeDelta::seconds(2));
    assert_eq!(world.groups["g"].desired, 1);
    let expected = Action::SetCapacity("g".into(), None, None, Some(1));
    assert_eq!(world.rivals.done[1].action, expected);
}

#[tokio::test(start_paused = true)]
async fn others_act_right_after_a_call() {
    let text = format!(
        "{HEAD}[[groups]]\nname = \"g\"\nmax = 2\ntemplate = \"t\"\n\
         [[events]]\non_call = \"ssm:PutParameter\"\nmentions = \"/mark\"\nnth = 2\n\
         action = \"new-template-version\"\ngroup = \"g\"\nimage = \"a\"\n"
    );
    let account = parse(&text).unwrap().account(1);
    let ssm = aws_sdk_ssm::Client::new(&crate::sim::sdk::sdk_config(&account, "rivals"));
    for (name, latest) in [
        ("/mark/1", 1),
        ("/other", 1),
        ("/mark/2", 2),
        ("/mark/3", 2),
    ] {
        let put = ssm.put_parameter().name(name).value("v");
        let put = put.r#type(aws_sdk_ssm::types::ParameterType::String);
        put.send().await.unwrap();
        let found = account.with_world(|w| w.templates.values().next().unwrap().latest);
        assert_eq!(found, latest, "{name}");
    }
}

/// The sample's group whose canary never comes up: its old image boots well, patched too.
#[test]
fn what_is_baked_carries_its_patches_and_its_canary_fails() {
    let mut world = parse(SAMPLE).unwrap().build();
    let name = "edge-cache";
    let later = |world: &mut World, minutes| {
        world.advance_to(world.now + chrono::TimeDelta::minutes(minutes));
    };
    let one = CapacityChange {
        desired: Some(1),
        ..CapacityChange::default()
    };
    capacity::set(&mut world, name, one, "").unwrap();
    later(&mut world, 5);
    let build = world.groups[name].members.keys().next().unwrap().clone();
    assert!(world.instances[&build].agent.is_some());
    let missing = std::mem::take(&mut world.instances.get_mut(&build).unwrap().guest.missing);
    assert_eq!(missing.len(), 7);
    let new = NewImage {
        instance: build.clone(),
        name: "baked".into(),
        no_reboot: true,
        ..NewImage::default()
    };
    let image = images::create(&mut world, new).unwrap();
    later(&mut world, 15);
    let now = Trigger::At(world.now);
    let deploy = Action::NewTemplateVersion(name.into(), image, "theirs".into());
    rivals::plan(&mut world, now.clone(), deploy);
    let point = Action::PointAtVersion(name.into(), "2".into());
    rivals::plan(&mut world, now.clone(), point);
    let end = Action::TerminateInstances(name.into(), None);
    rivals::plan(&mut world, now, end);
    later(&mut world, 15);
    assert!(world.rivals.done.iter().all(|d| d.refused.is_none()));
    let canary = world.groups[name].members.keys().next().unwrap();
    let canary = &world.instances[canary];
    assert_eq!(canary.state, InstanceState::Running);
    assert!(canary.guest.missing.is_empty() && canary.agent.is_none());
}

/// The keys of a table, asked of serde.
mod fields {
    use serde::de::value::Error;
    use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
    use serde::forward_to_deserialize_any;

    struct Ask<'a>(&'a mut &'static [&'static str]);

    impl<'de> Deserializer<'de> for Ask<'_> {
        type Error = Error;

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
            Err(Error::custom("not a table"))
        }

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, Error> {
            *self.0 = fields;
            Err(Error::custom("asked"))
        }

        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
            option unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier
            ignored_any
        }
    }

    pub(super) fn of<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
        let mut fields: &'static [&'static str] = &[];
        let _ = T::deserialize(Ask(&mut fields));
        assert!(!fields.is_empty());
        fields
    }
}

/// Whether a text sets the key somewhere.
fn sets(text: &str, key: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    text.match_indices(key).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + key.len()..].trim_start_matches(['"', ' ']);
        before.is_none_or(|c| !is_name(c))
            && (after.starts_with('=') || text[..at].ends_with(['[', '.']))
    })
}
