//! AWS's request rates. Where they do not bring all groups through the window, the plan says how many will, and a run
//! starts no more than it brings to their end. A call that waited long for its turn goes by what is seen then.

use std::collections::BTreeMap;

use crate::common::{Scenario, aws, drive_in, end, in_virtual_time};
use asg_patch::aws::ApiShare;
use asg_patch::group::{Code, Outcome};
use asg_patch::report::{GroupReport, RunReport};
use asg_patch::run::planned;
use asg_patch::schedule::Window;
use asg_patch::sim::calls::CallRecord;
use asg_patch::sim::{Account, fleet};
use chrono::TimeDelta;

const GROUPS: usize = 60;

/// As many sleeping groups, with changes by others.
fn fleet_of(groups: usize, events: &str) -> Scenario {
    let fifty = include_str!("../../benches/fleet-50.toml");
    let text = fifty.replace("count = 50", &format!("count = {groups}"));
    Scenario::of_fleet(fleet::parse(&(text + events)).expect("a fleet"))
}

#[test]
fn no_more_groups_are_started_than_the_rates_bring_through() {
    let mut scenario = fleet_of(GROUPS, "");
    let (length, cutoff) = (TimeDelta::minutes(50), TimeDelta::minutes(10));
    scenario.request.window =
        Window::lasting(scenario.fleet.start(), length, cutoff).expect("a window");
    let request = &scenario.request;
    in_virtual_time(1, async {
        let share = "5%".parse().expect("a share");
        let planning = scenario.fleet.account(1);
        let planning = aws(&planning, &request.run_id).at_share(share);
        let plan = planned(&planning, request).await.expect("a plan").report;
        let fit = plan.groups.iter().filter(|g| g.misfit.is_none()).count();
        assert!(fit > 10 && fit < GROUPS, "{fit}");
        let expected = format!("bring {fit} of {GROUPS} groups through the window");
        assert!(plan.warnings[0].ends_with(&expected), "{:?}", plan.warnings);

        // At so small a share the plan itself takes minutes: the run begins where the plan began.
        let account = scenario.fleet.account(1);
        let aws = aws(&account, &request.run_id).at_share(share);
        let run = drive_in(&aws, &account, request, None).await;
        let (report, _) = run.expect("a report");
        let with = |outcome| report.groups.iter().filter(move |g| g.outcome == outcome);
        let patched = with(Outcome::Patched).count();
        let skipped: Vec<_> = with(Outcome::Skipped).map(|g| g.code).collect();
        assert_eq!(patched + skipped.len(), GROUPS, "{report:?}");
        assert_eq!(patched, fit);
        assert!(skipped.iter().all(|c| *c == Some(Code::DoesNotFit)));
        assert!(report.finished_at <= request.window.deadline);
        assert!(end::open_groups(&account).is_empty());
    });
}

/// So small that the last of the groups waits for minutes until its record is stored.
const SMALL_SHARE: &str = "5%";
const WAITING: usize = 30;

async fn driven(
    scenario: &Scenario,
    account: &Account,
    stop_on: Option<&str>,
) -> (RunReport, Vec<CallRecord>) {
    let aws =
        aws(account, &scenario.request.run_id).at_share(SMALL_SHARE.parse().expect("a share"));
    let run = drive_in(&aws, account, &scenario.request, stop_on).await;
    let (report, _) = run.expect("a report");
    let changes = account.calls().changes().cloned().collect();
    (report, changes)
}

/// The last groups in the queue for `PutParameter`, changed by their owners while they wait.
#[test]
fn what_others_do_while_a_call_waits_for_its_turn_is_seen() {
    let scenario = fleet_of(
        WAITING,
        r#"
[[events]]
at_seconds = 90
action = "remove-tag"
group = "node-30"
key = "ep:asg:patch"

[[events]]
at_seconds = 90
action = "set-capacity"
group = "node-29"
min = 0
max = 7
desired = 0
"#,
    );
    in_virtual_time(1, async {
        let account = scenario.fleet.account(1);
        let (report, changes) = driven(&scenario, &account, None).await;
        let of = |name: &str| report.groups.iter().find(|g| g.group == name).expect("it");
        let opted_out = of("node-30");
        assert_eq!(opted_out.outcome, Outcome::Skipped, "{opted_out:?}");
        assert_eq!(opted_out.code, Some(Code::OptedOut));
        let touches = |c: &&CallRecord| c.params.to_string().contains("node-30\"");
        let touching: Vec<&CallRecord> = changes.iter().filter(touches).collect();
        assert!(touching.is_empty(), "{touching:#?}");
        let changed = of("node-29");
        assert_eq!(changed.outcome, Outcome::Patched, "{changed:?}");
        let is_record = |c: &&CallRecord| {
            c.name == "ssm:PutParameter" && c.params.to_string().contains("records/node-29\"")
        };
        let stored = changes.iter().find(is_record).expect("a record");
        assert!(stored.at - scenario.fleet.start() > TimeDelta::seconds(90));
        let value = stored.params["Value"].as_str().unwrap_or_default();
        assert!(value.contains(r#""max":7"#), "{value}");
        assert!(end::open_groups(&account).is_empty());
    });
}

#[test]
fn what_waits_for_its_turn_is_not_begun_once_the_operator_stops() {
    let scenario = fleet_of(WAITING, "");
    in_virtual_time(1, async {
        let account = scenario.fleet.account(1);
        let (report, changes) = driven(&scenario, &account, Some("ssm:PutParameter")).await;
        let records = changes.iter().filter(|c| c.name == "ssm:PutParameter");
        assert_eq!(records.count(), 1);
        let interrupted = report
            .groups
            .iter()
            .filter(|g| g.outcome == Outcome::Skipped && g.code == Some(Code::Interrupted));
        assert_eq!(interrupted.count(), WAITING, "{report:?}");
        assert!(end::open_groups(&account).is_empty());
    });
}

/// An answer that still holds is not asked for again, but for a group that is about to launch: that is looked at just before.
#[test]
fn a_run_asks_little_and_looks_before_it_raises_a_capacity() {
    for (groups, most_calls, most_changes) in [(1, 104.0, 23.0), (50, 31.0, 17.0)] {
        let scenario = fleet_of(groups, "");
        in_virtual_time(1, async {
            let account = scenario.fleet.account(1);
            let aws = aws(&account, &scenario.request.run_id).at_share(ApiShare::ALL);
            let run = drive_in(&aws, &account, &scenario.request, None).await;
            let (report, _) = run.expect("a report");
            let patched = |g: &&GroupReport| g.outcome == Outcome::Patched;
            assert_eq!(report.groups.iter().filter(patched).count(), groups);
            let calls = account.calls();
            let share = |n: u64| n as f64 / groups as f64;
            let all = share(calls.counts.values().sum());
            let changes = share(calls.changing);
            assert!(all <= most_calls, "{all} calls for each of {groups} groups");
            assert!(
                changes <= most_changes,
                "{changes} of them change something"
            );
            let mut raises = 0;
            let mut looked_at = BTreeMap::new();
            for call in &calls.log {
                if call.name == "autoscaling:DescribeAutoScalingGroups" {
                    let names = call.params["AutoScalingGroupNames"].as_array();
                    let names = names.into_iter().flatten().filter_map(|n| n.as_str());
                    looked_at.extend(names.map(|name| (name.to_owned(), call.at)));
                }
                let name = call.params["AutoScalingGroupName"].as_str();
                if call.params.get("DesiredCapacity").is_some_and(|d| d == "1") {
                    raises += 1;
                    let age = call.at - looked_at[name.expect("a name")];
                    assert!(age <= TimeDelta::seconds(1), "{name:?}: {age}");
                }
            }
            assert_eq!(raises, 2 * groups, "a build instance and a canary each");
        });
    }
}

/// In an account of very many scheduled actions, a look at a few groups on their way back reads those of these groups.
#[test]
fn a_few_groups_on_their_way_back_do_not_read_the_actions_of_all() {
    const OTHERS: usize = 1_500;
    const PAGES: u64 = 60;
    let others = format!(
        r#"
[[groups]]
name = "other-{{n}}"
count = {OTHERS}
max = 4
template = "node"
version = 1
scheduled_actions = [
    {{ name = "a", recurrence = "0 7 * * 1-5", min = 2 }},
    {{ name = "b", recurrence = "0 12 * * 1-5", min = 3 }},
    {{ name = "c", recurrence = "0 17 * * 1-5", min = 2 }},
    {{ name = "d", recurrence = "0 19 * * 1-5", min = 0, desired = 0 }},
]
"#
    );
    for groups in [3, 12] {
        let scenario = fleet_of(groups, &others);
        in_virtual_time(1, async {
            let account = scenario.fleet.account(1);
            let aws = aws(&account, &scenario.request.run_id);
            let run = drive_in(&aws, &account, &scenario.request, None).await;
            let (report, _) = run.expect("a report");
            let patched = |g: &&GroupReport| g.outcome == Outcome::Patched;
            assert_eq!(report.groups.iter().filter(patched).count(), groups);
            let read = account.calls().counts["autoscaling:DescribeScheduledActions"];
            // One look at all of the account would take all of its pages.
            assert!(read < PAGES, "{groups} groups: {read}");
        });
    }
}
