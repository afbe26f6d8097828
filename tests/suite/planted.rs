//! Things that others put where a run looks for its own: they are never taken for the run's.

use asg_patch::group::{Code, Outcome};
use asg_patch::sim::Account;
use asg_patch::sim::faults::{FaultRule, InjectedFault};
use asg_patch::sim::wire::ApiError;
use asg_patch::sim::world::images::Image;
use asg_patch::sim::world::rivals::{Action, Trigger, plan};
use asg_patch::sim::world::templates::TemplateVersion;

use crate::common::{Ran, Scenario, end, invariants};

const RUN_TAG: &str = "asg-patch:run";
const MAKE_VERSION: &str = "ec2:CreateLaunchTemplateVersion";
const READ_VERSIONS: &str = "ec2:DescribeLaunchTemplateVersions";
/// The SDK's, until it says that no answer came. Before them comes the question for the permission.
const ATTEMPTS: u64 = 3;

/// The image that a run of this scenario makes.
fn image_of(ran: &Ran) -> Image {
    ran.account.with_world(|world| {
        let mut baked = world.images.values().filter(|i| i.is_baked());
        baked.next().expect("the run makes an image").clone()
    })
}

/// An image with the name and the tags of the run's, made by someone else of another instance.
fn plant(account: &Account, like: &Image, source: Option<&str>) {
    account.with_world(|world| {
        let own = world
            .images
            .values()
            .find(|i| i.own)
            .expect("an image")
            .clone();
        let image = Image {
            id: "ami-0badbadbadbadbad0".into(),
            name: like.name.clone(),
            tags: like.tags.clone(),
            source_instance: source.map(str::to_owned),
            created_at: world.now,
            ..own
        };
        assert!(image.tags.contains_key(RUN_TAG));
        world.put_image(image);
    });
}

#[test]
fn an_image_with_our_name_and_our_tags_is_not_promoted() {
    let scenario = Scenario::load("sleeping-latest");
    let ours = image_of(&scenario.run());
    for source in [None, Some("i-0badbadbadbadbad0")] {
        let ran = scenario.run_with(|account| plant(account, &ours, source));
        let group = &ran.report.groups[0];
        assert_eq!(group.outcome, Outcome::RolledBack, "{group:?}");
        assert_eq!(group.code, Some(Code::ImageFailed), "{group:?}");
        assert!(
            group.reason.contains("which this run did not make"),
            "{group:?}"
        );
        assert_eq!(group.version_after, group.version_before);
        assert!(end::open_groups(&ran.account).is_empty());
    }
}

/// The newest version of the scenario's template, and its number.
fn newest(account: &Account) -> (u64, TemplateVersion) {
    account.with_world(|world| {
        let template = world.templates.values().next().expect("a template");
        let newest = template.versions.last_key_value().expect("a version");
        (*newest.0, newest.1.clone())
    })
}

/// Someone makes a version with the run's description, just before the run makes its own or just after, and all answers to
/// that are lost.
#[test]
fn a_version_with_our_description_is_not_promoted() {
    for (name, call, is_after) in [
        ("numbered-pin", "ec2:CreateImage", false),
        ("default-pin", "ec2:CreateImage", false),
        ("numbered-pin", MAKE_VERSION, true),
        ("default-pin", MAKE_VERSION, true),
    ] {
        let scenario = Scenario::load(name);
        let (number, ours) = newest(&scenario.run().account);
        let ran = scenario.run_with(|account| {
            let lost = FaultRule::at(MAKE_VERSION, 1, ATTEMPTS, InjectedFault::ReplyLost);
            account.with_faults(|faults| faults.add(lost));
            account.with_world(|world| {
                let group = world.groups.keys().next().expect("a group").clone();
                let image = world.images.keys().next().expect("an image").clone();
                let description = ours.description.clone().expect("a description");
                let then = Trigger::OnCall {
                    operation: call.into(),
                    nth: 1,
                    mentions: None,
                };
                let made = Action::NewTemplateVersion(group, image, description);
                plan(world, then, made);
            });
        });
        invariants::check(name, &ran);
        let refused = ran.account.with_world(|w| w.rivals.done[0].refused.clone());
        assert_eq!(refused, None, "{name}");
        assert_eq!(
            newest(&ran.account).0,
            number + 1,
            "{name}: theirs and ours"
        );
        let group = &ran.report.groups[0];
        assert_eq!(group.outcome, Outcome::Patched, "{name}: {group:?}");
        assert_ne!(group.image_after, group.image_before, "{name}: {group:?}");
        let expected = if is_after { number } else { number + 1 };
        let after = group.version_after.as_deref().unwrap_or_default();
        let is_expected = after.contains(&expected.to_string());
        assert!(is_expected, "{name} {call}: {after}, not {expected}");
        let image = ran.account.with_world(|world| {
            let template = world.templates.values().next().expect("a template");
            template.versions[&expected].data.0["ImageId"].clone()
        });
        assert_eq!(image, image_of(&ran).id.as_str(), "{name}");
    }
}

/// If AWS did not know a repetition by its token, each lost answer would leave a version: all of them are removed again,
/// so that `$Latest` means what it meant.
#[test]
fn versions_that_aws_made_twice_are_all_removed_again() {
    let scenario = Scenario::load("canary-never-up");
    let mut templates = 0;
    let ran = scenario.run_with(|account| {
        let lost = FaultRule::at(MAKE_VERSION, 1, ATTEMPTS, InjectedFault::ReplyLost);
        account.with_faults(|faults| faults.add(lost));
        account
            .with_world(|w| w.beliefs.choose("token-makes-once", "contrary"))
            .expect("a belief");
    });
    invariants::check("made twice", &ran);
    ran.account.with_world(|world| {
        for (id, template) in &ran.before.templates {
            templates += 1;
            let left = &world.templates[id].versions;
            assert!(left.keys().eq(template.versions.keys()), "{id}: {left:?}");
        }
    });
    // One deletion for each template, and one that only asks for the permission.
    let deleted = ran.account.calls().counts["ec2:DeleteLaunchTemplateVersions"];
    assert!(deleted > templates + 1, "{deleted}");
}

/// The group that made the version opts out before it knows the number; the other group of the bake goes on, and someone has
/// made a version with the run's description meanwhile.
#[test]
fn another_group_of_the_bake_does_not_promote_it_either() {
    let scenario = Scenario::load("shared-bake-by-number");
    let (number, ours) = newest(&scenario.run().account);
    let ran = scenario.run_with(|account| {
        let lost = FaultRule::at(MAKE_VERSION, 1, 3 * ATTEMPTS, InjectedFault::ReplyLost);
        account.with_faults(|faults| faults.add(lost));
        account.with_world(|world| {
            let maker = world.groups.keys().next().expect("a group").clone();
            let image = world.images.keys().next().expect("an image").clone();
            let description = ours.description.clone().expect("a description");
            let made = Action::NewTemplateVersion(maker.clone(), image, description);
            let out = Action::RemoveTag(maker, "ep:asg:patch".into());
            // Until the third time the other group has come as far.
            for (nth, action) in [(1, made), (2 * ATTEMPTS + 1, out)] {
                let then = Trigger::OnCall {
                    operation: MAKE_VERSION.into(),
                    nth,
                    mentions: None,
                };
                plan(world, then, action);
            }
        });
    });
    let [maker, other] = ran.report.groups.as_slice() else {
        panic!("{:?}", ran.report.groups);
    };
    assert_eq!(maker.code, Some(Code::OptedOut), "{maker:?}");
    assert_eq!(other.outcome, Outcome::Patched, "{other:?}");
    assert_eq!(newest(&ran.account).0, number + 1, "ours, and theirs");
    let after = other.version_after.as_deref().unwrap_or_default();
    assert!(after.contains(&number.to_string()), "{other:?}");
    let image = ran.account.with_world(|world| {
        let template = world.templates.values().next().expect("a template");
        template.versions[&number].data.0["ImageId"].clone()
    });
    assert_eq!(image, image_of(&ran).id.as_str());
}

/// Groups that follow `$Latest` do not take the version for another's deployment while no answer says whose it is.
#[test]
fn a_lost_answer_is_no_deployment_by_someone_else() {
    let scenario = Scenario::load("shared-template-latest");
    let ran = scenario.run_with(|account| {
        let lost = FaultRule::at(MAKE_VERSION, 1, 2 * ATTEMPTS, InjectedFault::ReplyLost);
        account.with_faults(|faults| faults.add(lost));
    });
    invariants::check("lost answers", &ran);
    for group in &ran.report.groups {
        assert_eq!(group.outcome, Outcome::Patched, "{group:?}");
    }
}

/// AWS makes the version and answers that it was asked too often; then for minutes it does not say which versions there are.
#[test]
fn versions_that_cannot_be_read_are_not_taken_for_another_s() {
    for name in ["sleeping-latest", "shared-template-latest"] {
        let scenario = Scenario::load(name);
        let ran = scenario.run_with(|account| {
            let often = ApiError::with_status(503, "RequestLimitExceeded", "too often");
            let made = InjectedFault::EffectThenError(often);
            let unread = InjectedFault::Error(ApiError::with_status(500, "InternalError", "no"));
            account.with_faults(|faults| {
                faults.add(FaultRule::at(MAKE_VERSION, 1, 4 * ATTEMPTS, made));
                // The first is read by the plan.
                faults.add(FaultRule::at(READ_VERSIONS, 1, 4 * ATTEMPTS, unread));
            });
        });
        invariants::check(name, &ran);
        let calls = ran.account.calls();
        let read = calls.log.iter().filter(|c| c.name == READ_VERSIONS).count();
        assert!(read as u64 > 4 * ATTEMPTS, "{name}: {read} reads");
        for group in &ran.report.groups {
            assert_eq!(group.outcome, Outcome::Patched, "{name}: {group:?}");
        }
    }
}
