//! The window over more than one run: what one night measures, the next one plans with; and who finishes
//! past the deadline is left to it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::common::{RUN_ID, Scenario, aws, drive, in_virtual_time, invariants};
use asg_patch::group::budget::Basis;
use asg_patch::group::names::SECONDS_TAG;
use asg_patch::group::{Code, Outcome, Phase};
use asg_patch::ids::GroupName;
use asg_patch::report::PlannedGroup;
use asg_patch::report::{RunReport, plan_table};
use asg_patch::request::{OptInTag, RunRequest};
use asg_patch::run::{RecordFilter, RestoreRequest, Stop, plan, restore};
use asg_patch::schedule::Window;
use asg_patch::sim::Account;
use asg_patch::sim::faults::{FaultRule, InjectedFault};
use asg_patch::sim::fleet;
use asg_patch::sim::wire::ApiError;
use chrono::{DateTime, TimeDelta, Utc};

/// The same request for a window of this many minutes that begins now.
fn now_for(request: &RunRequest, account: &Account, id: &str, minutes: i64) -> RunRequest {
    let length = TimeDelta::minutes(minutes);
    RunRequest {
        run_id: id.into(),
        window: Window::lasting(account.clock().now(), length, TimeDelta::minutes(10))
            .expect("a window"),
        ..request.clone()
    }
}

async fn planned(
    account: &Account,
    request: &RunRequest,
) -> (BTreeMap<GroupName, PlannedGroup>, String) {
    let plan = plan(&aws(account, "plan"), request).await.expect("a plan");
    let text = plan_table(&plan, 120);
    let groups = plan.groups.into_iter().map(|g| (g.group.clone(), g));
    (groups.collect(), text)
}

#[test]
fn the_second_night_plans_with_what_the_first_one_measured() {
    let scenario = Scenario::load("measured-short");
    in_virtual_time(1, async {
        let account = scenario.fleet.account(1);
        // Wide enough for the defaults of both.
        let first = now_for(&scenario.request, &account, RUN_ID, 180);
        let (before, text) = planned(&account, &first).await;
        assert!(!before["new"].budget.is_measured(), "{before:?}");
        assert!(text.contains("Times with * were measured"), "{text}");
        let (report, _) = drive(&account, &first, None).await.expect("a report");
        assert_eq!(report.count(Outcome::Patched), 2, "{report:?}");
        account
            .clock()
            .wait(Duration::from_secs(24 * 60 * 60))
            .await;

        // Too narrow for the defaults.
        let second = now_for(&scenario.request, &account, "run-second", 70);
        let (after, text) = planned(&account, &second).await;
        for group in after.values() {
            assert_eq!(group.misfit, None);
            for part in &group.budget.0 {
                let measured = part.phase != Phase::Restoring;
                assert_eq!(part.from == Basis::Measured, measured, "{group:?}");
            }
        }
        assert!(text.contains("m*"), "{text}");
        let took: u64 = report.groups[1].phases.iter().map(|p| p.seconds).sum();
        let plans = after["new"].estimate_seconds;
        assert!(
            took < plans && plans < 2 * took,
            "took {took} s, plans {plans} s"
        );
        assert!(before["new"].estimate_seconds > plans);
        let (report, _) = drive(&account, &second, None).await.expect("a report");
        assert!(
            report.groups.iter().all(|g| g.outcome != Outcome::Skipped),
            "{report:?}"
        );
    });
}

#[test]
fn a_plan_says_what_does_not_fit() {
    let scenario = Scenario::load("measured-long");
    in_virtual_time(1, async {
        let account = scenario.fleet.account(1);
        let (plan, text) = planned(&account, &scenario.request).await;
        assert_eq!(plan["fresh"].misfit, None);
        let misfit = plan["slow"].misfit.as_ref().expect("it does not fit");
        assert_eq!(misfit.code, Code::DoesNotFit);
        assert!(
            misfit.reason.contains("as measured by an earlier run"),
            "{misfit:?}"
        );
        assert!(text.contains("no time"), "{text}");
    });
}

/// Four waves of two groups that take 36 minutes each: by itself each fits into the window, one after the other the
/// last wave does not. The plan says so before the run shows it, and when each wave starts and ends.
#[test]
fn a_plan_is_the_timeline_of_its_run() {
    let scenario = Scenario::load("waves-beyond-the-window");
    in_virtual_time(1, async {
        let account = scenario.fleet.account(1);
        let (plan, text) = planned(&account, &scenario.request).await;
        let (report, _) = drive(&account, &scenario.request, None)
            .await
            .expect("a report");
        let start = scenario.request.window.start;
        for group in &report.groups {
            let foretold = &plan[&group.group];
            let is_late = group.code == Some(Code::DoesNotFit);
            assert_eq!(
                foretold.misfit.as_ref().map(|f| f.code),
                group.code,
                "{group:?}\n{text}"
            );
            assert_eq!(is_late, foretold.wave == 3, "{foretold:?}");
            if is_late {
                assert_eq!((foretold.starts_at, foretold.ends_at), (None, None));
                continue;
            }
            let seconds = |at: Option<DateTime<Utc>>| (at.expect("a time") - start).num_seconds();
            // Side by side; each wave begins when the one before is expected to end.
            let before = i64::from(foretold.wave) * seconds(plan["wave-0-b"].ends_at);
            assert_eq!(seconds(foretold.starts_at), before, "{text}");
            let began = group.phases.first().expect("a phase").entered_at;
            let late = began - foretold.starts_at.expect("a time");
            assert!(
                late < TimeDelta::seconds(30),
                "it starts no later than foretold"
            );
            assert!(group.phases.last().map(|p| p.entered_at) <= foretold.ends_at);
        }
        assert!(
            text.contains("8 groups: 6 to work on, 0 refused, 2 without time."),
            "{text}"
        );
    });
}

#[test]
fn a_plan_says_which_permission_a_run_would_lack() {
    let scenario = Scenario::load("sleeping-latest");
    in_virtual_time(1, async {
        let account = scenario.fleet.account(1);
        let denied = ApiError::with_status(403, "UnauthorizedOperation", "no");
        let rule = FaultRule::at("ec2:CreateImage", 0, u64::MAX, InjectedFault::Error(denied));
        account.with_faults(|faults| faults.add(rule));
        let plan = plan(&aws(&account, "plan"), &scenario.request)
            .await
            .expect("a plan");
        let [warning] = plan.warnings.as_slice() else {
            panic!("{:?}", plan.warnings);
        };
        assert!(warning.starts_with("AP-0401: ec2:CreateImage"), "{warning}");
        assert!(account.calls().changes().next().is_none());
    });
}

#[test]
fn what_cannot_be_written_to_the_image_fails_nobody() {
    let ran = Scenario::load("numbered-pin").run_with(|account| {
        let denied = ApiError::with_status(403, "UnauthorizedOperation", "no");
        // The dry run, the build instance and the canary come before.
        let rule = FaultRule::at("ec2:CreateTags", 3, u64::MAX, InjectedFault::Error(denied));
        account.with_faults(|faults| faults.add(rule));
    });
    invariants::check("tags are denied", &ran);
    let group = &ran.report.groups[0];
    assert_eq!(group.outcome, Outcome::Patched, "{group:?}");
    assert!(group.notes[0].contains("could not be written"), "{group:?}");
    let tried = ran
        .changes()
        .iter()
        .filter(|c| c.params.to_string().contains(SECONDS_TAG))
        .count();
    assert_eq!(tried, 1, "evidence is not worth a second try");
}

async fn sweep(account: &Account) -> RunReport {
    let aws = aws(account, "sweep");
    let request = RestoreRequest {
        owner: "sweeper".into(),
        filter: RecordFilter::Due,
        tag: OptInTag::default(),
        give_up_at: aws.clock.now() + TimeDelta::minutes(20),
    };
    let (_keep, stop) = tokio::sync::watch::channel(Stop::Continue);
    restore(&aws, &request, stop, &mut |_| {})
        .await
        .expect("a report")
}

/// A sweep between the deadline and the end of a run that finishes: the record still names a live owner.
#[test]
fn no_sweep_takes_a_group_that_is_being_finished() {
    let scenario = Scenario::load("out-of-time-finish");
    in_virtual_time(1, async {
        let account = scenario.fleet.account(1);
        let later = async {
            account.clock().wait(Duration::from_secs(80 * 60)).await;
            sweep(&account).await
        };
        let (run, swept) = tokio::join!(drive(&account, &scenario.request, None), later);
        let codes: Vec<Option<Code>> = swept.groups.iter().map(|g| g.code).collect();
        assert_eq!(codes, [Some(Code::StillOwned)]);
        let report = run.expect("a report").0;
        assert_eq!(report.groups[1].outcome, Outcome::Patched, "{report:?}");
    });
}

/// Finishing has an end: what hangs is rolled back in time for the record's deadline.
#[test]
fn what_does_not_come_to_an_end_is_not_waited_for_for_ever() {
    // No phase exceeds its own limit; together they take too long.
    let slow = "install = { seconds = 5400 }, image_base = { seconds = 5300 }";
    let text = crate::common::scenario_text("out-of-time-finish");
    let hangs = text.replace("install = { seconds = 5400 }", slow);
    let mut scenario = Scenario::load("out-of-time-finish");
    scenario.fleet = fleet::parse(&hangs).expect("a fleet");
    let ran = scenario.run();
    invariants::check("a hanging install", &ran);
    let slow = &ran.report.groups[1];
    assert_eq!(slow.code, Some(Code::OutOfTime), "{slow:?}");
    assert_eq!(slow.outcome, Outcome::RolledBack);
    assert!(ran.report.finished_at <= ran.restore_by);
}
