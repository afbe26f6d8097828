//! The present state of groups: which images their instances run, and their last run.

use asg_patch::report::{RunKind, StatusReport};
use asg_patch::request::Selection;
use asg_patch::sim::faults::{FaultRule, InjectedFault};
use asg_patch::sim::wire::ApiError;

use crate::common::{Scenario, aws, in_virtual_time};

/// A group that runs, and one that sleeps.
const FLEET: &str = r#"
    start = 2026-10-14T04:00:00Z
    [[images]]
    name = "base"
    missing = 3
    [[templates]]
    name = "app"
    versions = [{ image = "base", instance_type = "t3.small" }]
    [[groups]]
    name = "serves"
    min = 2
    max = 4
    desired = 2
    template = "app"
    version = "$Latest"
    tags = { "ep:asg:patch" = "true" }
    [[groups]]
    name = "sleeps"
    max = 4
    template = "app"
    version = "$Latest"
    tags = { "ep:asg:patch" = "true" }
"#;

/// How many instances of each group run, and how many of them an older image.
fn running(status: &StatusReport) -> Vec<(Option<usize>, Option<usize>)> {
    let groups = status.groups.iter();
    groups.map(|g| (g.running, g.running_older)).collect()
}

#[test]
fn after_a_run_the_instances_that_ran_before_run_an_older_image() {
    let scenario = Scenario::parse(FLEET).unwrap();
    in_virtual_time(1, async {
        let account = scenario.fleet.account(1);
        let aws = aws(&account, "status");
        let status = async || {
            asg_patch::run::status(&aws, &Selection::default())
                .await
                .unwrap()
        };
        account
            .clock()
            .wait(std::time::Duration::from_secs(600))
            .await;
        let before = status().await;
        assert_eq!(running(&before), [(Some(2), Some(0)), (Some(0), Some(0))]);

        let ran = scenario.run_on(&account).await.unwrap();
        let after = status().await;
        assert_eq!(running(&after), [(Some(2), Some(2)), (Some(0), Some(0))]);
        let [serves, _] = after.groups.as_slice() else {
            panic!("{after:?}");
        };
        assert_eq!(serves.image_age_days, Some(0));
        assert_eq!(serves.oldest_image_days, before.groups[0].image_age_days);

        // A rehearsal, a run elsewhere and an older one are not its last run.
        let mut reports = vec![ran.report.clone(); 4];
        reports[1].kind = RunKind::Rehearse;
        reports[2].region = "us-east-1".into();
        reports[3].started_at -= chrono::TimeDelta::days(30);
        for (n, report) in reports.iter_mut().enumerate() {
            report.run_id = format!("run-{n}").into();
        }
        let last = after.with_last_runs(&reports).groups[0]
            .last_run
            .clone()
            .unwrap();
        assert_eq!(
            (last.run_id.as_str(), last.outcome.words()),
            ("run-0", "patched")
        );
    });
}

/// Not everyone who may see groups may see instances.
#[test]
fn what_may_not_be_read_is_not_shown_as_nothing() {
    let scenario = Scenario::parse(FLEET).unwrap();
    in_virtual_time(1, async {
        let account = scenario.fleet.account(1);
        let denied = ApiError::new("UnauthorizedOperation", "no");
        let rule = FaultRule::at("ec2:DescribeInstances", 0, 9, InjectedFault::Error(denied));
        account.with_faults(|f| f.add(rule));
        let aws = aws(&account, "status");
        let status = asg_patch::run::status(&aws, &Selection::default())
            .await
            .unwrap();
        assert_eq!(running(&status), [(None, None), (None, None)]);
    });
}
