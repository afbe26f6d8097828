//! The probe on the simulated account: all that it checks holds, and each belief that is flipped is noticed.

use std::path::PathBuf;
use std::time::Duration;

use asg_patch::aws::Aws;
use asg_patch::clock::Clock;
use asg_patch::probe::{
    Expected, Finding, PREFIX, ProbeReport, Settings, TAG, Tap, Verdict, beliefs, clean_until_gone,
    default_subnets, run,
};
use asg_patch::sim::beliefs::{self as simulated, Source};
use asg_patch::sim::world::groups::{GroupTag, LaunchSource, TemplateSpec};
use asg_patch::sim::world::guest::Guest;
use asg_patch::sim::world::templates::TemplateData;
use asg_patch::sim::world::{Group, Image, Template, World};
use asg_patch::sim::{Account, sdk::sdk_config};

use self::replay::Replay;

#[path = "probe/replay.rs"]
mod replay;

const START: &str = "2026-03-07T01:00:00Z";

/// An account with one image and nothing else, with these variants.
fn account(variants: &[(&str, &str)]) -> Account {
    let clock = Clock::simulated(START.parse().unwrap(), 1);
    let mut world = World::new(clock.now(), 7);
    world.put_image(Image::new("ami-1", "base", Guest::default()));
    for (belief, variant) in variants {
        world.beliefs.choose(belief, variant).unwrap();
    }
    Account::new(world, clock)
}

/// The program's way to an account, tapped.
fn tapped(account: &Account, recording: Option<PathBuf>) -> (Aws, Tap) {
    let sdk = sdk_config(account, "probe");
    let tap = Tap::new(
        sdk.http_client().unwrap(),
        account.clock().clone(),
        recording,
    );
    let sdk = sdk.into_builder().http_client(tap.clone()).build();
    (Aws::new(account.clock().clone(), sdk), tap)
}

fn settings(only: &[&str]) -> Settings {
    Settings {
        id: "test".into(),
        image: "ami-1".into(),
        instance_type: "t3.micro".into(),
        subnets: vec!["subnet-0a".into(), "subnet-0b".into()],
        instance_profile: Some("ssm".into()),
        only: only.iter().map(|id| (*id).to_owned()).collect(),
    }
}

/// The findings of a probe of these beliefs (of all: an empty list) on an account with these variants.
async fn probed(only: &[&str], variants: &[(&str, &str)]) -> Vec<Finding> {
    let (aws, tap) = tapped(&account(variants), None);
    run(&aws, &settings(only), &tap, |_| ()).await
}

fn shown(findings: &[Finding]) -> String {
    let line = |f: &Finding| format!("{}: {:?} {:?}: {}", f.belief, f.verdict, f.variant, f.found);
    findings.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_belief_that_is_checked_is_in_the_table() {
    for belief in beliefs() {
        let row = simulated::table().find(|row| row.id == belief.id);
        let row = row.unwrap_or_else(|| panic!("{} is not in src/sim/beliefs", belief.id));
        let is_open = !matches!(row.source, Source::Said(_));
        match belief.expected {
            Expected::This(_) => assert!(!is_open, "{} has variants", row.id),
            Expected::OneOf(variants) => {
                let known: Vec<&str> = row.variants.iter().map(|(name, _)| *name).collect();
                assert_eq!(variants, known, "{}", row.id);
                assert!(is_open, "{} has no variants", row.id);
            }
        }
    }
}

/// Beliefs with a contrary or with variants that the probe does not check: the guest's.
#[test]
fn every_belief_that_can_be_flipped_is_checked_but_those_of_guests_and_clocks() {
    let unchecked: Vec<&str> = simulated::table()
        .filter(|row| !row.variants.is_empty())
        .map(|row| row.id)
        .filter(|id| beliefs().all(|b| b.id != *id))
        .collect();
    // A clock that skips an hour is not to be had on demand; a runbook is not the probe's to make.
    let expected = [
        "agent-and-first-boot",
        "automation-token-again",
        "installed-time",
        "window-at-skipped-time",
    ];
    assert_eq!(unchecked, expected);
}

#[tokio::test(start_paused = true)]
async fn all_beliefs_hold_on_the_simulated_account() {
    let needs = [("scheduled-action-delay", "two-minutes")];
    let findings = probed(&[], &needs).await;
    assert_eq!(findings.len(), beliefs().count());
    let odd: Vec<Finding> = findings
        .into_iter()
        .filter(|f| f.verdict != Verdict::Holds)
        .collect();
    assert!(odd.is_empty(), "{}", shown(&odd));
}

#[tokio::test(start_paused = true)]
async fn every_flip_is_noticed() {
    let mut missed = Vec::new();
    for belief in beliefs() {
        let row = simulated::table().find(|row| row.id == belief.id).unwrap();
        for (variant, _) in row.variants {
            let mut variants = vec![(belief.id, *variant)];
            if belief.id == "late-action-and-suspension" {
                variants.push(("scheduled-action-delay", "two-minutes"));
            }
            let found = probed(&[belief.id], &variants).await;
            let noticed = found.iter().any(|f| match belief.expected {
                Expected::This(_) => {
                    let expected = match *variant {
                        "contrary" => Verdict::Differs,
                        _ => Verdict::Holds,
                    };
                    f.verdict == expected
                }
                Expected::OneOf(_) => {
                    f.verdict == Verdict::Holds && f.variant.as_deref() == Some(*variant)
                }
            });
            if !noticed {
                missed.push(format!("{variant} of {}", shown(&found)));
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// Groups of the account's owner: one has a probe's tag, the other one's name.
const OWNERS: [&str; 2] = ["web", "asg-patch-probe-test-web"];

/// Adds the owner's groups, with an instance each.
fn with_owner(account: &Account) {
    account.with_world(|world| {
        let data = TemplateData::of_image("ami-1", "t3.small");
        world.put_template(Template::new("lt-1", "web", data));
        let source = |name: &str| {
            LaunchSource::Template(TemplateSpec {
                id: "lt-1".into(),
                name: name.into(),
                version: Some("1".into()),
            })
        };
        for (name, key) in OWNERS.into_iter().zip([TAG, "other"]) {
            let mut group = Group::new(name, source("web"));
            let tag = GroupTag {
                value: "test".into(),
                propagate: true,
            };
            group.tags.insert(key.into(), tag);
            (group.max, group.desired) = (1, 1);
            world.put_group(group);
        }
    });
}

/// Everything in the account that was not there before, and that is missing.
fn changed(account: &Account) -> Vec<String> {
    account.with_world(|w| {
        let groups = w.groups.keys();
        let groups = groups.filter(|n| !OWNERS.contains(&n.as_str()));
        let templates = w.templates.keys().filter(|id| *id != "lt-1");
        let images = w.images.keys().filter(|id| *id != "ami-1");
        let instances = w.instances.values().filter(|i| {
            let group = i.tags.get("aws:autoscaling:groupName");
            let owners = group.is_some_and(|g| OWNERS.contains(&g.as_str()));
            !owners && !i.state.is_ending()
        });
        let all = groups
            .chain(templates)
            .chain(images)
            .chain(w.snapshots.keys());
        let all = all.chain(w.ssm.parameters.by_name.keys());
        let mut all: Vec<String> = all.cloned().collect();
        all.extend(instances.map(|i| i.id.clone()));
        for name in OWNERS {
            let group = w.groups.get(name);
            if group.is_none_or(|g| g.members.len() != 1 || g.desired != 1) {
                all.push(format!("{name} was changed"));
            }
        }
        all
    })
}

/// A probe that is stopped at any moment leaves nothing, and others' groups are never touched.
#[tokio::test(start_paused = true)]
async fn nothing_is_left_whenever_it_is_stopped() {
    for seconds in [1, 3, 20, 70, 150, 300, 100_000] {
        let account = account(&[]);
        with_owner(&account);
        let (aws, tap) = tapped(&account, None);
        account.clock().wait(Duration::from_secs(60)).await;
        let settings = settings(&[]);
        tokio::select! {
            _ = run(&aws, &settings, &tap, |_| ()) => (),
            () = account.clock().wait(Duration::from_secs(seconds)) => (),
        }
        let owners = of_owners(&account);
        if seconds > 1 {
            assert!(
                !changed(&account).is_empty(),
                "stopped too early: {seconds}"
            );
        }
        // `--clean` finds by name and tag what a probe that died has left.
        let id = (seconds % 2 == 0).then_some("test");
        let cleaned = clean_until_gone(&aws, id).await.unwrap();
        assert_eq!(cleaned.left, [""; 0], "after {seconds} s");
        assert_eq!(changed(&account), [""; 0], "after {seconds} s");
        assert_eq!(of_owners(&account), owners, "after {seconds} s");
    }
}

/// Members of the owner's groups.
fn of_owners(account: &Account) -> Vec<String> {
    account.with_world(|w| {
        let members = OWNERS
            .into_iter()
            .flat_map(|name| w.groups[name].members.keys());
        members.cloned().collect()
    })
}

/// Every changing call of a probe names something of its own, and its page has the permission for each.
#[tokio::test(start_paused = true)]
async fn only_its_own_groups_are_changed() {
    let account = account(&[]);
    with_owner(&account);
    let (aws, tap) = tapped(&account, None);
    run(&aws, &settings(&[]), &tap, |_| ()).await;
    default_subnets(&aws).await.unwrap();
    clean_until_gone(&aws, None).await.unwrap();
    let page = include_str!("../../docs/probe.md");
    for operation in account.calls().counts.keys() {
        let read = operation
            .split_once(":Describe")
            .map(|(s, _)| format!("\"{s}:Describe*\""));
        let named = page.contains(&format!("\"{operation}\""));
        assert!(
            named || read.is_some_and(|read| page.contains(&read)),
            "docs/probe.md does not name the permission {operation}"
        );
    }
    let own = format!("{PREFIX}test-");
    for call in account.calls().changes() {
        let named = call.params["AutoScalingGroupName"].as_str();
        if let Some(name) = named {
            assert!(name.starts_with(&own), "{call:?}");
            assert!(!OWNERS.contains(&name), "{call:?}");
        }
    }
}

/// Where nothing can be launched, the beliefs that need an instance are not checked, with AWS's reason.
#[tokio::test(start_paused = true)]
async fn a_launch_that_fails_says_why() {
    let account = account(&[]);
    let (aws, tap) = tapped(&account, None);
    let settings = Settings {
        image: "ami-2".into(),
        ..settings(&["standby-decrement", "min-version"])
    };
    let found = run(&aws, &settings, &tap, |_| ()).await;
    let verdicts: Vec<Verdict> = found.iter().map(|f| f.verdict).collect();
    let expected = [Verdict::NotChecked, Verdict::Holds];
    assert_eq!(verdicts, expected, "{}", shown(&found));
    assert!(found[0].found.contains("ami-2"), "{}", shown(&found));
}

#[tokio::test(start_paused = true)]
async fn the_default_subnets_are_found() {
    let (aws, _) = tapped(&account(&[]), None);
    let found = default_subnets(&aws).await.unwrap();
    assert_eq!(found, ["subnet-0a", "subnet-0b"]);
}

/// A recording names no account, and played back it gives the same findings.
#[tokio::test(start_paused = true)]
async fn a_recording_can_be_replayed() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("probe-recording");
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).unwrap();
    let first = account(&[]);
    let (aws, tap) = tapped(&first, Some(directory.clone()));
    let recorded = run(&aws, &settings(&[]), &tap, |_| ()).await;
    assert_eq!(tap.failure(), None);
    let number = first.with_world(|w| w.account.clone());
    for entry in std::fs::read_dir(&directory).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains(&number), "{text}");
    }
    let clock = Clock::simulated(START.parse().unwrap(), 1);
    let replay = Replay::new(&directory, clock.clone());
    let sdk = sdk_config(&first, "probe").into_builder();
    let tap = Tap::new(
        aws_smithy_runtime_api::shared::IntoShared::into_shared(replay.clone()),
        clock.clone(),
        None,
    );
    let sdk = sdk.http_client(tap.clone()).build();
    let aws = Aws::new(clock, sdk);
    let replayed = run(&aws, &settings(&[]), &tap, |_| ()).await;
    assert_eq!(replayed, recorded, "{}", shown(&replayed));
    assert_eq!(replay.left(), 0);
}

#[test]
fn the_text_says_what_differs_and_what_is_left() {
    let finding = |belief: &str, verdict, variant: Option<&str>| Finding {
        belief: belief.into(),
        expected: "no or yes".into(),
        found: "seen".into(),
        variant: variant.map(Into::into),
        verdict,
    };
    let report = ProbeReport {
        probe: "test".into(),
        findings: vec![
            finding("one", Verdict::Holds, Some("yes")),
            finding("two", Verdict::Differs, None),
            finding("three", Verdict::NotChecked, None),
        ],
        left: vec!["ami-1".into()],
    };
    expect_test::expect![[r#"
        one: holds
            expected: no or yes
            found: variant yes: seen
        two: DIFFERS
            expected: no or yes
            found: seen
        three: not checked
            expected: no or yes
            found: seen

        3 beliefs: 1 hold, 1 differ, 1 not checked.
        Not removed: ami-1. Remove it with: asg-patch probe --clean
    "#]]
    .assert_eq(&report.to_text());
}
