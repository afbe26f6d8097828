//! More groups than AWS's request rates bring through the window: the plan says how many will, and a run starts no
//! more than it brings to their end.

use crate::common::{Scenario, aws, drive_in, end, in_virtual_time};
use asg_patch::group::{Code, Outcome};
use asg_patch::run::planned;
use asg_patch::schedule::Window;
use asg_patch::sim::fleet;
use chrono::TimeDelta;

const GROUPS: usize = 60;

#[test]
fn no_more_groups_are_started_than_the_rates_bring_through() {
    let fifty = include_str!("../../benches/fleet-50.toml");
    let text = fifty.replace("count = 50", &format!("count = {GROUPS}"));
    let mut scenario = Scenario::of_fleet(fleet::parse(&text).expect("a fleet"));
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
