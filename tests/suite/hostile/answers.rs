//! AWS's answers with a field missing, or with nonsense in it: a look reports a fault rather than
//! inventing a value, and a run ends as without it, or with a restore.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use asg_patch::aws::{Aws, Instances, Question, Refreshes, describe_account, observe};
use asg_patch::group::seen::{Need, Seen};
use asg_patch::ids::GroupName;
use asg_patch::request::OptInTag;
use asg_patch::sim::Account;
use proptest::prelude::*;
use proptest::sample::Index;

use super::spoiler::{Spoiled, Spoiler};
use super::{in_time, runs};
use crate::common::{Scenario, drive_in, end, in_virtual_time, restore_all};
use crate::crash::{self, Stage};

const SCENARIOS: [&str; 5] = [
    "before-document",
    "sleeping-latest",
    "running-behind-load-balancer",
    "mixed-override-templates",
    "morning-scheduled-action",
];

/// Fields that AWS may leave out, by operation: what is seen without them may differ.
const OPTIONAL: [(&str, &[&str]); 12] = [
    // Without a start, the time is that of the phase.
    (
        "DescribeAutomationExecutions",
        &[
            "ExecutionStartTime",
            "ExecutionEndTime",
            "FailureMessage",
            "Outputs",
        ],
    ),
    // A specification without a version means the default one.
    (
        "DescribeAutoScalingGroups",
        &["Version", "Status", "HealthCheckType"],
    ),
    (
        "DescribeScheduledActions",
        &[
            "Recurrence",
            "TimeZone",
            "StartTime",
            "EndTime",
            "MinSize",
            "MaxSize",
            "DesiredCapacity",
        ],
    ),
    (
        "DescribeScalingActivities",
        &["Description", "StatusMessage", "Cause"],
    ),
    ("DescribeInstances", &["platform"]),
    // Without a status it has not passed yet.
    ("DescribeInstanceStatus", &["status"]),
    (
        "DescribeInstanceInformation",
        &["LastPingDateTime", "PlatformType"],
    ),
    (
        "ListCommandInvocations",
        &["Comment", "StatusDetails", "Output", "ResponseCode"],
    ),
    ("DescribeLaunchTemplateVersions", &["versionDescription"]),
    // Without source and time an image is not taken for ours, unless AWS has named it.
    (
        "DescribeImages",
        &["message", "platform", "sourceInstanceId", "creationDate"],
    ),
    // Not every operating system's repositories name CVEs.
    ("DescribeInstancePatches", &["CVEIds"]),
    // AWS's own time of a record.
    ("GetParameters", &["LastModifiedDate"]),
];

/// Where the SDK itself puts a value for a missing one, so that nobody can tell.
const FILLED_BY_THE_SDK: [(&str, &[&str]); 2] = [
    (
        "DescribeInstancePatchStates",
        &["InstalledPendingRebootCount", "BaselineId"],
    ),
    // Names and facts are evidence, not a gate.
    (
        "DescribeInstancePatches",
        &["Title", "InstalledTime", "Classification", "Severity"],
    ),
];

/// The run of a scenario, stage by stage.
fn stages(name: &str) -> (Scenario, Vec<Stage>) {
    let scenario = Scenario::load(name);
    let stages = in_virtual_time(scenario.fleet.seed(), async {
        crash::record(&scenario).await.1
    });
    (scenario, stages)
}

async fn look(account: &Account, aws: &Aws, stage: &Stage) -> Vec<(GroupName, Seen)> {
    let needs = Need::ALL.iter().copied().collect::<BTreeSet<Need>>();
    let questions = stage.jobs.iter().map(|job| Question {
        job,
        needs: needs.clone(),
        known: None,
    });
    let questions: Vec<Question<'_>> = questions.collect();
    let tag = OptInTag::default();
    let seen = tokio::select! {
        seen = observe(&aws.clients, &tag, &questions) => seen,
        () = account.clock().wait(Duration::from_secs(3600)) => panic!("a look takes an hour"),
    };
    let groups = stage.jobs.iter().map(|j| j.group().clone());
    groups.zip(seen).collect()
}

/// The values seen, read by read; `None` where the read failed.
fn reads(seen: &Seen) -> Vec<(&'static str, Option<String>)> {
    macro_rules! reads {
        ($($field:ident)*) => {{
            let Seen { asked: _, clock_offset: _, $($field),* } = seen;
            vec![$((stringify!($field), match $field {
                asg_patch::group::fault::Read::Failed(_) => None,
                read => Some(format!("{read:?}")),
            })),*]
        }};
    }
    reads!(group record instances agents automations checks targets commands patches packages console image templates versions
        activities hooks refresh actions users)
}

fn may_differ(operation: &str, field: &str) -> bool {
    let mut listed = OPTIONAL.iter().chain(&FILLED_BY_THE_SDK);
    listed.any(|(o, fields)| *o == operation && fields.contains(&field))
}

/// A read with a missing field must yield the same as with it, or a fault.
fn invented(
    before: &[(GroupName, Seen)],
    after: &[(GroupName, Seen)],
    (operation, field): &(String, String),
) -> Vec<String> {
    let mut problems = Vec::new();
    for ((group, clean), (_, spoiled)) in before.iter().zip(after) {
        let (clean, spoiled) = (reads(clean), reads(spoiled));
        // Without its group nothing is decided for a job.
        if spoiled[0].1.is_none() {
            continue;
        }
        for ((name, clean), (_, spoiled)) in clean.iter().zip(&spoiled) {
            let is_same = spoiled.is_none() || clean == spoiled;
            if !is_same && !may_differ(operation, field) {
                problems.push(format!(
                    "{operation} without {field}: {name} of {group} was {clean:?}, is {spoiled:?}"
                ));
            }
        }
    }
    problems
}

fn spoiled(
    answers: usize,
    value: impl Strategy<Value = Option<String>>,
) -> impl Strategy<Value = Spoiled> {
    (0..answers, any::<Index>(), value).prop_map(|(answer, field, value)| Spoiled {
        answer,
        field,
        value,
    })
}

fn odd() -> impl Strategy<Value = Option<String>> {
    let known = proptest::sample::select(vec![
        "",
        " ",
        "-1",
        "0",
        "2147483647",
        "-2147483648",
        "2147483648",
        "9223372036854775807",
        "99999999999999999999",
        "1e308",
        "NaN",
        "true",
        "null",
        "[]",
        "{}",
        "9999-12-31T23:59:59Z",
        "-0001-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z",
        "$Latest",
        "terminated",
        "Terminating:Wait",
        "available",
        "lt-0",
        "i-0",
        "\u{0}",
        "日本🦀",
        "a,b;c=d",
    ]);
    prop_oneof![
        6 => known.prop_map(|s| Some(s.to_owned())),
        1 => any::<i64>().prop_map(|n| Some(n.to_string())),
        1 => "\\PC{0,40}".prop_map(Some),
        1 => Just(Some("x".repeat(100_000))),
    ]
}

/// Each look of each stage, with one field spoiled.
#[test]
fn a_look_does_not_invent_what_is_missing() {
    let all: Vec<(Scenario, Vec<Stage>)> = SCENARIOS.map(stages).into();
    let strategy = (
        any::<Index>(),
        any::<Index>(),
        spoiled(17, prop_oneof![3 => Just(None), 1 => odd()]),
    );
    let mut runner = proptest::test_runner::TestRunner::new(super::cases(400));
    let outcome = runner.run(&strategy, |(story, stage, spoiled)| {
        let (scenario, stages) = &all[story.index(all.len())];
        let stage = &stages[stage.index(stages.len())];
        let problems = in_time("a look", || {
            in_virtual_time(scenario.fleet.seed(), async {
                let account = stage.account.thaw();
                let clean = look(&account, &crate::common::aws(&account, "hostile"), stage).await;
                let account = stage.account.thaw();
                let spoiler = Spoiler::new(&account, spoiled.clone());
                let seen = look(&account, &spoiler.aws(&account), stage).await;
                match (spoiler.done.get(), &spoiled.value) {
                    (Some(done), None) => invented(&clean, &seen, done),
                    _ => Vec::new(),
                }
            })
        });
        prop_assert!(problems.is_empty(), "{}", problems.join("\n"));
        Ok(())
    });
    outcome.unwrap_or_else(|e| panic!("{e}"));
}

/// Planning yields a plan, or a fault.
#[test]
fn planning_takes_any_answer() {
    let scenarios: Vec<Scenario> = SCENARIOS.map(Scenario::load).into();
    let strategy = (
        any::<Index>(),
        spoiled(9, prop_oneof![1 => Just(None), 3 => odd()]),
    );
    let mut runner = proptest::test_runner::TestRunner::new(super::cases(200));
    let outcome = runner.run(&strategy, |(story, spoiled)| {
        let scenario = &scenarios[story.index(scenarios.len())];
        in_time("planning", || {
            in_virtual_time(scenario.fleet.seed(), async {
                let account = scenario.fleet.account(1);
                let spoiler = Spoiler::new(&account, spoiled.clone());
                let aws = spoiler.aws(&account);
                let _ =
                    describe_account(&aws.clients, Instances::Without, Refreshes::Sought, |_| {
                        true
                    })
                    .await;
                let _ = asg_patch::run::planned(&aws, &scenario.request).await;
            })
        });
        Ok(())
    });
    outcome.unwrap_or_else(|e| panic!("{e}"));
}

/// The sample fleet's plan, group by group, with the template that the group names; `None` if there is no plan.
async fn plan_of_sample(sample: &Scenario, spoiled: Option<&Spoiled>) -> Option<SamplePlan> {
    let account = sample.fleet.account(1);
    let (aws, done) = match spoiled {
        None => (crate::common::aws(&account, "hostile"), None),
        Some(spoiled) => {
            let spoiler = Spoiler::new(&account, spoiled.clone());
            (spoiler.aws(&account), Some(spoiler.done))
        }
    };
    let planned = asg_patch::run::planned(&aws, &sample.request).await.ok()?;
    let groups = planned.report.groups.into_iter();
    Some(SamplePlan {
        groups: groups
            .map(|mut g| {
                // When its turn comes depends on the others.
                (g.starts_at, g.ends_at) = (None, None);
                (g.group.clone(), (g.pins.clone(), format!("{g:?}")))
            })
            .collect(),
        spoiled: done.and_then(|d| d.get().cloned()),
    })
}

struct SamplePlan {
    groups: BTreeMap<GroupName, (Vec<String>, String)>,
    spoiled: Option<(String, String)>,
}

/// A field that an answer about many groups lacks for one of them changes the plans of those only that name its template.
#[test]
fn planning_goes_on_without_the_group_of_which_something_is_missing() {
    let sample = Scenario::parse(asg_patch::sim::fleet::SAMPLE).unwrap();
    let seed = sample.fleet.seed();
    let clean = in_virtual_time(seed, plan_of_sample(&sample, None)).unwrap();
    assert!(clean.groups.len() > 10);
    let strategy = spoiled(45, Just(None));
    let mut runner = proptest::test_runner::TestRunner::new(super::cases(150));
    let outcome = runner.run(&strategy, |spoiled| {
        let plan = in_virtual_time(seed, plan_of_sample(&sample, Some(&spoiled)));
        let plan = plan.ok_or_else(|| TestCaseError::fail("no plan at all"))?;
        let changed = clean.groups.iter();
        let changed = changed.filter(|(name, clean)| plan.groups.get(*name) != Some(clean));
        let pins: BTreeSet<&Vec<String>> = changed.map(|(_, (pins, _))| pins).collect();
        prop_assert!(pins.len() <= 1, "{:?} changed {pins:?}", plan.spoiled);
        Ok(())
    });
    outcome.unwrap_or_else(|e| panic!("{e}"));
}

/// A whole run in which one answer is spoiled: it ends; and if something was missing, every group ends as
/// it must, with the help of `restore` if need be.
#[test]
fn a_run_ends_well_whatever_one_answer_lacks() {
    let scenarios: Vec<Scenario> = SCENARIOS.map(Scenario::load).into();
    let strategy = (
        any::<Index>(),
        spoiled(140, prop_oneof![3 => Just(None), 2 => odd()]),
    );
    let mut runner = proptest::test_runner::TestRunner::new(runs(30));
    let outcome = runner.run(&strategy, |(story, spoiled)| {
        let scenario = &scenarios[story.index(scenarios.len())];
        let problems = in_time("a run", || in_virtual_time(scenario.fleet.seed(), async {
            let account = scenario.fleet.account(1);
            let untouched = account.freeze();
            let spoiler = Spoiler::new(&account, spoiled.clone());
            let aws = spoiler.aws(&account);
            tokio::select! {
                _ = drive_in(&aws, &account, &scenario.request, None) => {}
                () = account.clock().wait(Duration::from_secs(12 * 3600)) => panic!("it does not end"),
            }
            if spoiled.value.is_some() {
                return Vec::new();
            }
            if !end::open_groups(&account).is_empty() {
                restore_all(&account).await;
            }
            let mut problems = end::problems(&account, &untouched).await;
            if let (Some((operation, field)), false) = (spoiler.done.get(), problems.is_empty()) {
                problems.push(format!("{operation} without {field}"));
            }
            problems
        }));
        prop_assert!(problems.is_empty(), "{}", problems.join("\n"));
        Ok(())
    });
    outcome.unwrap_or_else(|e| panic!("{e}"));
}
