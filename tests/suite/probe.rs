//! The probe on the simulated account: all that it checks holds, and each belief that is flipped is noticed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use asg_patch::aws::Aws;
use asg_patch::clock::Clock;
use asg_patch::probe::{
    Cleaned, Expected, Finding, Settings, Tap, Verdict, beliefs, clean_until_gone, default_subnets,
    run,
};
use asg_patch::sim::beliefs::{self as simulated, Source};
use asg_patch::sim::world::Image;
use asg_patch::sim::world::World;
use asg_patch::sim::world::guest::Guest;
use asg_patch::sim::{Account, sdk::sdk_config};

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
        instance_profile: None,
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
fn every_belief_that_can_be_flipped_is_checked_but_the_guests() {
    let unchecked: Vec<&str> = simulated::table()
        .filter(|row| !row.variants.is_empty())
        .map(|row| row.id)
        .filter(|id| beliefs().all(|b| b.id != *id))
        .collect();
    assert_eq!(unchecked, ["agent-and-first-boot", "installed-time"]);
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
