//! Runs of very many groups, within Step Functions' limits.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use asg_patch::schedule::Window;
use chrono::TimeDelta;

use super::machine::{Costs, End};
use super::{Deployed, deploy};
use crate::common::{Scenario, invariants};

/// Memory of the function in the template, GB.
const FUNCTION_GB: f64 = 0.25;
const FIFTY: &str = include_str!("../../../benches/fleet-50.toml");

/// The costs of the run, for people.
fn show(groups: usize, costs: &Costs, summary: &str) {
    let seconds: f64 = costs.seconds.values().map(|(_, s)| s).sum();
    let each = seconds * FUNCTION_GB / groups as f64;
    println!("{summary}; {each:.2} GB s of the function a group; {costs:?}");
}

/// The arithmetic of the README: many groups over several batches, within Step Functions' limits.
#[test]
fn a_large_fleet_stays_within_step_functions_limits() {
    let groups: usize =
        std::env::var("DEPLOYED_GROUPS").map_or(120, |n| n.parse().expect("a number"));
    let text = FIFTY.replace("count = 50", &format!("count = {groups}"));
    let fleet = asg_patch::sim::fleet::parse(&text).expect("a fleet");
    let mut scenario = Scenario::of_fleet(fleet);
    // At half of AWS's rates a group takes 1.8 s of them.
    let hours = 3 + i64::try_from(groups / 1_000).expect("few");
    let window = Window::lasting(
        scenario.request.window.start,
        TimeDelta::hours(hours),
        TimeDelta::hours(1),
    );
    scenario.request.window = window.expect("a window");
    let deployed = deploy(&scenario, |_, _| None).expect("a run");
    invariants::check("large", &deployed.ran);
    let Deployed {
        ran,
        costs,
        end,
        problems,
        stored,
    } = deployed;
    assert!(problems.is_empty(), "{problems:?}");
    let End::Succeeded(output) = end else {
        panic!("{end:?}");
    };
    show(groups, &costs, &output["summary"].to_string());
    let took = ran.report.finished_at - ran.report.started_at;
    println!("{} s from its begin to its end", took.num_seconds());
    let expected = format!("asg-patch run eu-west-1: {groups} groups: {groups} patched");
    assert_eq!(output["summary"], expected);
    let left_out = output["report"]["groups_left_out"].as_u64();
    let [(_, stored)] = stored.as_slice() else {
        panic!("{stored:?}");
    };
    assert_eq!(*stored, output["report"].to_string(), "the same report");
    let listed = ran.report.groups.len();
    assert_eq!(listed + left_out.unwrap_or_default() as usize, groups);
    assert!(
        costs.most_events < 25_000 && costs.most_bytes < 256 * 1024,
        "{costs:?}"
    );
}

/// Independent groups that are called as CloudFormation calls them, in names of 60 characters.
fn named_by_cloudformation(groups: usize) -> String {
    const DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let (mut text, _) = FIFTY
        .split_once("[[templates]]")
        .map(|(head, rest)| (head.to_owned(), rest))
        .expect("templates");
    let mut random = fastrand::Rng::with_seed(7);
    for n in 0..groups {
        let digits = (0..13).map(|_| char::from(DIGITS[random.usize(..DIGITS.len())]));
        let digits: String = digits.collect();
        let name = format!(
            "payments-settlement-eu-{:02}-NightlyWorkerFleetGr-{digits}",
            n % 40
        );
        assert_eq!(name.len(), 60);
        let tags = "tags = { \"ep:asg:patch\" = \"true\" }";
        writeln!(
            text,
            "[[templates]]\nname = \"t-{n}\"\n{tags}\nversions = [{{ image = \"node\", instance_type = \"t3.small\" }}]\n\
             [[groups]]\nname = \"{name}\"\nmax = 4\ntemplate = \"t-{n}\"\nversion = \"$Latest\"\n{tags}\n"
        )
        .expect("memory");
    }
    text
}

/// All of their names travel to the batches, and all of their outcomes to the report: of groups of which none fits into the
/// window any more, so that the test is quick.
#[test]
fn long_names_of_thousands_of_groups_are_passed_along() {
    let groups: usize =
        std::env::var("DEPLOYED_NAMES").map_or(3_100, |n| n.parse().expect("a number"));
    let fleet = asg_patch::sim::fleet::parse(&named_by_cloudformation(groups)).expect("a fleet");
    let names: BTreeSet<String> = fleet.group_names().map(|n| n.to_string()).collect();
    let mut scenario = Scenario::of_fleet(fleet);
    let start = scenario.request.window.start;
    let window = Window::lasting(start, TimeDelta::minutes(10), TimeDelta::minutes(1));
    scenario.request.window = window.expect("a window");
    let deployed = deploy(&scenario, |_, _| None).expect("a run");
    let problems = deployed.problems;
    assert!(problems.is_empty(), "{problems:?}");
    let End::Succeeded(output) = deployed.end else {
        panic!("{:?}", deployed.end);
    };
    let (costs, report) = (deployed.costs, deployed.ran.report);
    show(groups, &costs, &output["summary"].to_string());
    let expected = format!("asg-patch run eu-west-1: {groups} groups: {groups} skipped");
    assert_eq!(output["summary"], expected);
    assert!(costs.most_bytes < 256 * 1024, "{costs:?}");
    let strange = report
        .groups
        .iter()
        .find(|g| !names.contains(g.group.as_str()));
    assert_eq!(strange.map(|g| &g.group), None);
    let codes: BTreeSet<Option<String>> = report
        .groups
        .iter()
        .map(|g| g.code.map(|c| c.to_string()))
        .collect();
    assert_eq!(codes.len(), 1, "{codes:?}");
    assert!(
        !report.groups.is_empty() && report.warnings.is_empty(),
        "{:?}",
        report.warnings
    );
}
