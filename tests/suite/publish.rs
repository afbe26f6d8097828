//! Images that runs publish, for the tools of groups' owners.

use asg_patch::report::RunReport;
use asg_patch::run::publish_images;
use asg_patch::schedule::Window;
use asg_patch::sim::Account;
use asg_patch::sim::faults::{FaultRule, InjectedFault};
use asg_patch::sim::wire::ApiError;
use chrono::TimeDelta;

use crate::common::{Scenario, aws, in_virtual_time};

/// Two groups that are patched, one of which has an odd name, and one that is rolled back.
pub(crate) const FLEET: &str = r#"
    start = 2026-10-14T04:00:00Z
    [[images]]
    name = "base"
    missing = 3
    [[templates]]
    name = "web"
    versions = [{ image = "base", instance_type = "t3.small" }]
    [[templates]]
    name = "api"
    versions = [{ image = "base", instance_type = "t3.small" }]
    [[templates]]
    name = "broken"
    versions = [{ image = "base", instance_type = "t3.small" }]
    [[groups]]
    name = "web nightly"
    max = 2
    template = "web"
    version = "$Latest"
    tags = { "ep:asg:patch" = "true" }
    [[groups]]
    name = "api"
    max = 2
    template = "api"
    version = 1
    tags = { "ep:asg:patch" = "true" }
    [[groups]]
    name = "broken"
    max = 2
    template = "broken"
    version = 1
    tags = { "ep:asg:patch" = "true" }
    [groups.behaviour]
    failure = "install-fails"
"#;

/// Name, value and data type of what is published.
pub(crate) fn published(account: &Account) -> Vec<(String, String, String)> {
    account.with_world(|w| {
        let all = w.ssm.parameters.by_name.values();
        let ours = all.filter(|p| p.name.starts_with("/asg-patch/images/"));
        ours.map(|p| (p.name.clone(), p.value.clone(), p.data_type.clone()))
            .collect()
    })
}

/// The images that a report's patched groups launch from, as they are to be published.
pub(crate) fn expected(report: &RunReport) -> Vec<(String, String, String)> {
    let image = |group: &str| {
        let found = report.groups.iter().find(|g| g.group == group);
        let image = found.and_then(|g| g.image_after.clone());
        image.expect("an image").to_string()
    };
    let row = |name: &str, group| {
        let name = format!("/asg-patch/images/{name}");
        (name, image(group), "aws:ec2:image".to_owned())
    };
    vec![row("api", "api"), row("web_20nightly", "web nightly")]
}

fn writes(account: &Account) -> usize {
    let calls = account.calls();
    let puts = calls.changes().filter(|c| c.name == "ssm:PutParameter");
    puts.count()
}

/// Runs it once more, from now on.
async fn again(scenario: &Scenario, account: &Account, run_id: &str) -> RunReport {
    let mut scenario = scenario.clone();
    let hours = TimeDelta::hours;
    scenario.request.run_id = run_id.into();
    scenario.request.window = Window::lasting(account.clock().now(), hours(3), hours(1)).unwrap();
    scenario.run_on(account).await.unwrap().report
}

async fn publish(account: &Account, report: &mut RunReport, minutes: i64) {
    let aws = aws(account, "publish");
    let by = account.clock().now() + TimeDelta::minutes(minutes);
    publish_images(&aws, report, by).await;
}

#[test]
fn the_images_of_patched_groups_are_published_and_no_others() {
    let scenario = Scenario::parse(FLEET).unwrap();
    in_virtual_time(1, async {
        let account = scenario.fleet.account(1);
        let mut report = scenario.run_on(&account).await.unwrap().report;
        publish(&account, &mut report, 10).await;
        assert_eq!(published(&account), expected(&report));
        assert_eq!(report.warnings, [""; 0]);
        let names = report.groups.iter().map(|g| g.published.as_deref());
        let names: Vec<Option<&str>> = names.collect();
        let web = Some("/asg-patch/images/web_20nightly");
        assert_eq!(names, [Some("/asg-patch/images/api"), None, web]);
        // What is there already is not written again.
        let before = writes(&account);
        publish(&account, &mut report, 10).await;
        assert_eq!(writes(&account), before);
    });
}

/// The run was not allowed to write, or had no time left: the next one does it, although there is nothing to patch then.
#[test]
fn what_was_not_published_is_a_warning_and_left_to_the_next_run() {
    let scenario = Scenario::parse(FLEET).unwrap();
    in_virtual_time(1, async {
        let account = scenario.fleet.account(1);
        let mut report = scenario.run_on(&account).await.unwrap().report;
        let mut late = report.clone();
        publish(&account, &mut late, 0).await;
        assert_eq!(late.warnings.len(), 1, "{:?}", late.warnings);
        assert!(late.warnings[0].contains("2 images could not be published for want of time"));
        let denied = ApiError::new("AccessDeniedException", "no");
        let rule = FaultRule::at("ssm:PutParameter", 0, 2, InjectedFault::Error(denied));
        account.with_faults(|f| f.add(rule));
        publish(&account, &mut report, 10).await;
        let warnings = report.warnings.join("\n");
        assert!(
            warnings
                .contains("of web nightly was not published as /asg-patch/images/web_20nightly"),
            "{warnings}"
        );
        assert!(report.groups.iter().all(|g| g.published.is_none()));
        assert_eq!(published(&account), []);

        let mut next = again(&scenario, &account, "run-2").await;
        assert_eq!(next.groups[0].outcome.words(), "already current");
        publish(&account, &mut next, 10).await;
        assert_eq!(published(&account), expected(&report));
    });
}
