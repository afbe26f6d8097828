//! Pruning on the simulated account: months of patches, and what becomes of their images.

use std::collections::BTreeSet;
use std::time::Duration;

use asg_patch::group::Outcome;
use asg_patch::group::names::RUN_TAG;
use asg_patch::report::{PruneAction, PruneReport, prune_table};
use asg_patch::request::{OptInTag, RunRequest};
use asg_patch::retention::Policy;
use asg_patch::run::{PruneRequest, RunError, prune};
use asg_patch::schedule::Window;
use asg_patch::sim::faults::{FaultRule, InjectedFault};
use asg_patch::sim::wire::ApiError;
use asg_patch::sim::world::World;
use asg_patch::sim::world::groups::{LaunchSource, TemplateSpec};
use asg_patch::sim::world::templates::{Template, TemplateData};
use asg_patch::sim::{Account, sdk};
use chrono::TimeDelta;

use crate::common::{Scenario, aws, drive, in_virtual_time};

pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// As many runs as there are months in this story.
const MONTHS: u64 = 5;

/// One group follows `$Latest`, one names its version by number; a third one, which did not opt in, is asleep at the
/// second one's first image.
pub(crate) const FLEET: &str = r#"
start = 2026-01-14T04:00:00Z

[[images]]
name = "base"
missing = 3

[[templates]]
name = "web"
versions = [{ image = "base", instance_type = "t3.small" }]

[[templates]]
name = "batch"
versions = [{ image = "base", instance_type = "t3.small" }]

[[groups]]
name = "web-nightly"
max = 4
template = "web"
version = "$Latest"
tags = { "ep:asg:patch" = "true" }

[[groups]]
name = "batch-nightly"
max = 4
template = "batch"
version = 1
tags = { "ep:asg:patch" = "true" }

[[groups]]
name = "forgotten"
max = 1
template = "batch"
version = 1
"#;

fn request(apply: bool) -> PruneRequest {
    PruneRequest {
        policy: Policy {
            keep: 2,
            older_than: TimeDelta::days(30),
            grace: TimeDelta::days(7),
            tag: OptInTag::default(),
            untagged_templates: true,
        },
        groups: Vec::new(),
        apply,
        stop_at: None,
    }
}

async fn pruned(account: &Account, apply: bool) -> PruneReport {
    let pruned = prune(&aws(account, "prune"), &request(apply), &mut |_| ()).await;
    pruned.expect("a report")
}

/// Runs once a month: each month brings a new patch.
async fn months_of_patches(account: &Account) {
    let scenario = Scenario::parse(FLEET).expect("a fleet");
    for month in 1..=MONTHS {
        let window = Window::lasting(
            account.clock().now(),
            TimeDelta::hours(3),
            TimeDelta::hours(1),
        );
        let request = RunRequest {
            run_id: format!("run-{month}").into(),
            window: window.expect("a window"),
            ..scenario.request.clone()
        };
        let (report, _) = drive(account, &request, None).await.expect("a report");
        assert_eq!(report.count(Outcome::Patched), 2, "{report:?}");
        account.with_world(|w| {
            for image in w.images.values_mut() {
                image.guest.missing.push(format!("patch-{month}"));
            }
            if month == 1 {
                let batch = w.groups["batch-nightly"].launch.clone();
                let group = w.groups.get_mut("forgotten").expect("it is there");
                group.launch = batch;
            }
        });
        account.clock().wait(31 * DAY).await;
    }
}

/// The account after these months, and with the first removal waiting if `deprecated`.
pub(crate) fn on_account<T>(deprecated: bool, test: impl AsyncFnOnce(Account) -> T) -> T {
    let scenario = Scenario::parse(FLEET).expect("a fleet");
    in_virtual_time(1, async {
        let account = scenario.fleet.account(1);
        Box::pin(months_of_patches(&account)).await;
        if deprecated {
            pruned(&account, true).await;
            account.clock().wait(8 * DAY).await;
        }
        Box::pin(test(account)).await
    })
}

/// The template and the month of each image of a run, e.g. `web 2`.
pub(crate) fn images(account: &Account) -> BTreeSet<String> {
    account.with_world(|w| {
        let ours = w.images.values().filter(|i| i.tags.contains_key(RUN_TAG));
        ours.map(|i| label(&i.name)).collect()
    })
}

/// `asg-patch/web/run-2-0123` as `web 2`.
fn label(name: &str) -> String {
    let parts: Vec<&str> = name.split(['/', '-']).collect();
    format!("{} {}", parts[2], parts[4])
}

pub(crate) fn changes(account: &Account) -> Vec<String> {
    let calls = account.calls();
    calls.changes().map(|c| c.name.clone()).collect()
}

/// All that runs have made is whole: no version names an image that is gone, no image lacks its snapshots, and no snapshot
/// its image.
pub(crate) fn assert_whole(account: &Account) {
    account.with_world(|w| {
        for template in w.templates.values() {
            for (number, version) in &template.versions {
                let image = version.data.image().expect("an image");
                let is_alias = image.starts_with("resolve:ssm:");
                assert!(
                    is_alias || w.images.contains_key(image),
                    "{} {number}: {image}",
                    template.name
                );
            }
        }
        let of_images: BTreeSet<&str> = w.images.values().flat_map(|i| i.snapshots()).collect();
        let there: BTreeSet<&str> = w.snapshots.keys().map(String::as_str).collect();
        assert_eq!(
            of_images.intersection(&there).count(),
            there.len(),
            "{there:?} {of_images:?}"
        );
    });
}

pub(crate) fn all_but(gone: &[&str]) -> BTreeSet<String> {
    let all = (1..=MONTHS).flat_map(|n| [format!("web {n}"), format!("batch {n}")]);
    all.filter(|image| !gone.contains(&image.as_str()))
        .collect()
}

/// Of five images each two are kept as the newest, and the first of `batch` for the group that was forgotten.
pub(crate) const GONE: [&str; 5] = ["web 1", "web 2", "web 3", "batch 2", "batch 3"];

#[test]
fn what_nobody_uses_is_deprecated_and_later_removed() {
    on_account(false, async |account| {
        let before = changes(&account).len();
        let plan = pruned(&account, false).await;
        assert_eq!(changes(&account).len(), before, "a plan changes nothing");
        assert_eq!(plan.of(PruneAction::Deprecate).count(), GONE.len());
        assert_eq!(plan.of(PruneAction::Remove).count(), 0);

        let first = pruned(&account, true).await;
        let made = changes(&account).split_off(before);
        assert_eq!(made, vec!["ec2:EnableImageDeprecation"; GONE.len()]);
        assert!(first.entries.iter().all(|e| e.done != Some(false)));
        assert_eq!(images(&account), all_but(&[]));

        // Before its time, nothing more happens.
        let again = pruned(&account, true).await;
        assert_eq!(again.of(PruneAction::Wait).count(), GONE.len());
        assert_eq!(changes(&account).len(), before + GONE.len());

        account.clock().wait(8 * DAY).await;
        let second = pruned(&account, true).await;
        assert_eq!(second.of(PruneAction::Remove).count(), GONE.len());
        assert_eq!(second.gib(PruneAction::Remove), 8 * GONE.len() as u32);
        assert_eq!(images(&account), all_but(&GONE));
        assert_whole(&account);
        let kept: BTreeSet<String> = second
            .of(PruneAction::Keep)
            .map(|e| label(&e.name))
            .collect();
        assert_eq!(kept, all_but(&GONE));

        let third = pruned(&account, true).await;
        assert_eq!(third.of(PruneAction::Keep).count(), third.entries.len());
    });
}

#[test]
fn the_table_says_what_goes_and_why_the_rest_stays() {
    on_account(true, async |account| {
        // Ids are the account's own: only their form is of interest.
        let plan = prune_table(&pruned(&account, false).await, 160);
        expect_test::expect_file!["../prune.expected"].assert_eq(&plan);
    });
}

/// Between the deprecation and its time an owner may need an image again.
#[test]
fn what_is_used_again_is_kept() {
    on_account(true, async |account| {
        let image = |label_of: &str| account.with_world(|w| image_of(w, label_of));
        // An instance that was launched from it and stopped.
        let ec2 = aws_sdk_ec2::Client::new(&sdk::sdk_config(&account, "owner"));
        let launched = ec2.run_instances().image_id(image("web 1"));
        let launched = launched.min_count(1).max_count(1);
        let launched = launched
            .instance_type("t3.small".into())
            .send()
            .await
            .expect("an instance");
        let instance = launched.instances()[0].instance_id().expect("an id");
        account.clock().wait(Duration::from_secs(120)).await;
        let stop = ec2.stop_instances().instance_ids(instance);
        stop.send().await.expect("it stops");
        account.clock().wait(Duration::from_secs(120)).await;
        // A group that was put back to an old version.
        account.with_world(|w| {
            let launch = LaunchSource::Template(version_of(w, "web 2"));
            w.groups.get_mut("forgotten").expect("a group").launch = launch;
            // A parameter of an owner's template.
            let shared = image_of(w, "batch 3");
            let image = w.images.get_mut(&shared).expect("an image");
            image.shared_with.insert("111122223333".into());
            let golden = TemplateData::of_image("resolve:ssm:/golden", "t3.small");
            w.put_template(Template::new("lt-0123456789abcdef0", "golden", golden));
        });
        let ssm = aws_sdk_ssm::Client::new(&sdk::sdk_config(&account, "owner"));
        let put = ssm.put_parameter().name("/golden").value(image("web 3"));
        put.r#type("String".into())
            .send()
            .await
            .expect("a parameter");

        let report = pruned(&account, true).await;
        let reason = |of: &str| {
            let entry = report.entries.iter().find(|e| label(&e.name) == of);
            let reasons = &entry.expect("an entry").reasons;
            reasons.iter().map(|r| r.code.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(reason("web 1"), ["instances"]);
        assert_eq!(reason("web 2"), ["group"]);
        assert_eq!(reason("web 3"), ["parameter"]);
        assert_eq!(reason("batch 3"), ["shared"]);
        // The forgotten group had kept the first of batch, and does not now.
        assert_eq!(images(&account), all_but(&["batch 2"]));
        assert_eq!(report.of(PruneAction::Deprecate).count(), 1);
        assert_whole(&account);
    });
}

/// The version of `web` that names the image of this template and month.
fn version_of(world: &World, label_of: &str) -> TemplateSpec {
    let template = world.templates.values().find(|t| t.name == "web");
    let template = template.expect("it is there");
    let wanted = image_of(world, label_of);
    let mut versions = template.versions.iter();
    let version = versions.find(|(_, v)| v.data.image() == Some(wanted.as_str()));
    TemplateSpec {
        id: template.id.clone(),
        name: template.name.clone(),
        version: Some(version.expect("it names it").0.to_string()),
    }
}

/// The id of the image of this template and month.
fn image_of(world: &World, label_of: &str) -> String {
    let mut images = world.images.values();
    let image = images.find(|i| i.name.contains('/') && label(&i.name) == label_of);
    image.expect("it is there").id.clone()
}

/// The driver dies before or after each of its changing calls takes effect: the next prune ends as if it had not.
#[test]
fn a_driver_that_dies_leaves_nothing_that_the_next_prune_does_not_find() {
    on_account(true, async |account| {
        let frozen = account.freeze();
        let whole = frozen.thaw();
        let before = changes(&whole).len();
        pruned(&whole, true).await;
        let made = changes(&whole).split_off(before);
        assert_eq!(made.len(), 3 * GONE.len(), "{made:?}");
        for (n, operation) in made.iter().enumerate() {
            let nth = made[..n].iter().filter(|o| *o == operation).count() as u64;
            for fault in [InjectedFault::Hang, InjectedFault::EffectThenHang] {
                let account = frozen.thaw();
                let rule = FaultRule::at(operation, nth, u64::MAX, fault.clone());
                account.with_faults(|faults| faults.add(rule));
                // It hangs there, and is killed.
                let dies = tokio::time::timeout(Duration::from_secs(25), pruned(&account, true));
                assert!(dies.await.is_err(), "{operation} {nth}");
                account.with_faults(|faults| faults.clear());
                let report = pruned(&account, true).await;
                assert!(!report.has_failed(), "{report:?}");
                assert_eq!(
                    images(&account),
                    all_but(&GONE),
                    "{operation} {nth} {fault:?}"
                );
                assert_whole(&account);
            }
        }
    });
}

/// A read that failed is not an absence.
#[test]
fn what_cannot_be_read_keeps_everything() {
    let uses = [
        "autoscaling:DescribeAutoScalingGroups",
        "autoscaling:DescribeLaunchConfigurations",
        "ec2:DescribeImageAttribute",
        "ec2:DescribeInstances",
        "ec2:DescribeLaunchTemplateVersions",
        "ec2:DescribeLaunchTemplates",
        "ssm:GetParametersByPath",
    ];
    let refusals = [
        ApiError::with_status(403, "UnauthorizedOperation", "no"),
        ApiError::with_status(503, "RequestLimitExceeded", "too often"),
    ];
    on_account(true, async |account| {
        let frozen = account.freeze();
        for refusal in refusals {
            for operation in uses {
                let (account, before) = (frozen.thaw(), changes(&account).len());
                refuse(&account, operation, &refusal);
                let report = pruned(&account, true).await;
                assert!(report.is_unread(), "{operation}");
                assert_eq!(changes(&account).len(), before, "{operation}");
            }
            for operation in ["ec2:DescribeImages", "ec2:DescribeSnapshots"] {
                let (account, before) = (frozen.thaw(), changes(&account).len());
                refuse(&account, operation, &refusal);
                let pruned = prune(&aws(&account, "prune"), &request(true), &mut |_| ()).await;
                assert!(matches!(pruned, Err(RunError::Aws { .. })), "{operation}");
                assert_eq!(changes(&account).len(), before, "{operation}");
            }
        }
    });
}

pub(crate) fn refuse(account: &Account, operation: &str, refusal: &ApiError) {
    let fault = InjectedFault::Error(refusal.clone());
    let rule = FaultRule::at(operation, 0, u64::MAX, fault);
    account.with_faults(|faults| faults.add(rule));
}

/// A removal that AWS refuses ends with what was done before it, and nothing after it.
#[test]
fn an_image_stays_if_its_version_cannot_be_deleted() {
    on_account(true, async |account| {
        let refusal = ApiError::with_status(400, "OperationNotPermitted", "held");
        refuse(&account, "ec2:DeleteLaunchTemplateVersions", &refusal);
        let report = pruned(&account, true).await;
        assert!(report.has_failed());
        assert_eq!(report.of(PruneAction::Remove).count(), 0);
        assert_eq!(images(&account), all_but(&[]));
        let mut problems = report.entries.iter().filter_map(|e| e.problem.as_deref());
        assert!(problems.all(|p| p.contains("OperationNotPermitted")));
    });
}

/// Every call takes long, so that the prune outlasts its look: an owner goes back to an old version meanwhile.
#[test]
fn what_is_used_meanwhile_is_kept() {
    on_account(true, async |account| {
        for operation in [
            "ec2:DeleteLaunchTemplateVersions",
            "ec2:DeregisterImage",
            "ec2:DeleteSnapshot",
        ] {
            let slow = InjectedFault::Slow(Duration::from_secs(25));
            let rule = FaultRule::at(operation, 0, u64::MAX, slow);
            account.with_faults(|faults| faults.add(rule));
        }
        let back = async {
            account.clock().wait(Duration::from_secs(60)).await;
            account.with_world(|w| {
                let launch = LaunchSource::Template(version_of(w, "web 3"));
                w.groups.get_mut("forgotten").expect("a group").launch = launch;
            });
        };
        let (report, ()) = tokio::join!(pruned(&account, true), back);
        let entry = report.entries.iter().find(|e| label(&e.name) == "web 3");
        let entry = entry.expect("an entry");
        assert_eq!(entry.action, PruneAction::Keep, "{entry:?}");
        assert_eq!(entry.reasons[0].code, "group");
        let others: Vec<&str> = GONE.into_iter().filter(|i| *i != "web 3").collect();
        assert_eq!(images(&account), all_but(&others));
        assert_whole(&account);
    });
}

/// EC2 learns with a delay that an image is gone, and a permission may be missing.
#[test]
fn a_snapshot_in_use_is_asked_for_again_and_a_missing_permission_ends_it() {
    on_account(true, async |account| {
        let frozen = account.freeze();
        let in_use = ApiError::with_status(400, "InvalidSnapshot.InUse", "not yet");
        let rule = FaultRule::at("ec2:DeleteSnapshot", 0, 3, InjectedFault::Error(in_use));
        account.with_faults(|faults| faults.add(rule));
        assert!(!pruned(&account, true).await.has_failed());
        assert_whole(&account);

        let account = frozen.thaw();
        let denied = ApiError::with_status(403, "UnauthorizedOperation", "no");
        refuse(&account, "ec2:DeregisterImage", &denied);
        let report = pruned(&account, true).await;
        let failed = report.entries.iter().filter(|e| e.done == Some(false));
        assert_eq!(
            (failed.count(), report.untried().count()),
            (1, GONE.len() - 1)
        );
        assert_eq!(report.of(PruneAction::Remove).count(), 0);
        assert_eq!(images(&account), all_but(&[]));
    });
}

/// There is no time to read the account: what was not read may use anything.
#[test]
fn what_is_not_read_in_time_is_no_reason_to_remove() {
    on_account(true, async |account| {
        let slow = InjectedFault::Slow(Duration::from_secs(25));
        let rule = FaultRule::at("ec2:DescribeLaunchTemplateVersions", 0, u64::MAX, slow);
        account.with_faults(|faults| faults.add(rule));
        let before = changes(&account).len();
        let request = PruneRequest {
            stop_at: Some(account.clock().now() + TimeDelta::seconds(20)),
            ..request(true)
        };
        let pruned = prune(&aws(&account, "prune"), &request, &mut |_| ()).await;
        let error = pruned.expect_err("no time").to_string();
        assert!(error.contains("nothing was changed"), "{error}");
        assert_eq!(changes(&account).len(), before);
    });
}
