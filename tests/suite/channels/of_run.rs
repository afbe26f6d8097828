//! A run in one process tells its channels: that it begins, which groups have failed while it goes on, and how it ended.

use asg_patch::report::RunReport;
use asg_patch::run::{RunNotices, Stop, WindowSetup, run_telling};
use asg_patch::sim::Account;
use asg_patch::sim::parties::{PartyFault, PartyFaultRule};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::{KEY, Outsiders};
use crate::common::{self, Scenario, in_virtual_time};

/// A group fails early; another, in a later wave, is at work long after that.
const FLEET: &str = r#"
    start = 2026-10-14T04:00:00Z
    [[images]]
    name = "base"
    missing = 3
    [[templates]]
    name = "web"
    versions = [{ image = "base", instance_type = "t3.small" }]
    [[templates]]
    name = "blog"
    versions = [{ image = "base", instance_type = "t3.small" }]
    [[groups]]
    name = "shop-web"
    max = 4
    template = "web"
    version = 1
    tags = { "ep:asg:patch" = "true", AppName = "shop", "ep:asg:patch:wave" = "2" }
    [[groups]]
    name = "blog-web"
    max = 4
    template = "blog"
    version = 1
    tags = { "ep:asg:patch" = "true", AppName = "blog", "ep:asg:patch:wave" = "1" }
    [groups.behaviour]
    failure = "install-fails"
"#;

const FILE: &str = r#"
    [[channel]]
    name = "intake"
    kind = "webhook"
    secret = "/asg-patch/secrets/intake"
    url = "https://receiver.example.org/patching"
    [[route]]
    channels = ["intake"]
"#;

/// Runs it; `faults` are those of the receiver.
async fn run(faults: Option<PartyFaultRule>) -> (RunReport, Account, Outsiders) {
    let scenario = Scenario::parse(FLEET).unwrap();
    let account = scenario.fleet.account(1);
    let aws = common::aws(&account, "run");
    let ssm = &aws.clients.ssm;
    ssm.put_parameter()
        .name("/asg-patch/secrets/intake")
        .value(KEY)
        .r#type(aws_sdk_ssm::types::ParameterType::SecureString)
        .send()
        .await
        .unwrap();
    let world = Outsiders::on(account.clock().clone());
    world.parties.with(|p| p.faults.extend(faults));
    let setup = WindowSetup::read(FILE).unwrap();
    let told = RunNotices {
        outside: &world.outside,
        setup: &setup,
    };
    let (_keep, stop) = tokio::sync::watch::channel(Stop::Continue);
    let report = run_telling(&aws, &scenario.request, Some(&told), stop, &mut |_| {})
        .await
        .unwrap();
    (report, account, world)
}

/// The webhooks that arrived: what they say, of which application, and when they were sent.
fn arrived(world: &Outsiders) -> Vec<(String, String, DateTime<Utc>)> {
    let requests = world.parties.with(|p| p.receiver.requests.clone());
    let row = |body: &str| {
        let body: Value = serde_json::from_str(body).unwrap();
        let text = |place: &str| body.pointer(place).unwrap().as_str().unwrap().to_owned();
        (
            text("/type"),
            text("/data/application"),
            text("/timestamp").parse().unwrap(),
        )
    };
    requests.iter().map(|r| row(&r.body)).collect()
}

#[test]
fn a_failed_group_is_told_while_the_run_goes_on() {
    in_virtual_time(1, async {
        let (report, _, world) = run(None).await;
        let arrived = arrived(&world);
        let told: Vec<(&str, &str)> = arrived.iter().map(|(e, a, _)| (&**e, &**a)).collect();
        let expected = [
            ("patching.begun", "blog"),
            ("patching.begun", "shop"),
            ("patching.group-failed", "blog"),
            ("patching.ended", "blog"),
            ("patching.ended", "shop"),
        ];
        assert_eq!(told, expected);
        let (failed, ended) = (arrived[2].2, arrived[3].2);
        assert!(ended - failed > TimeDelta::minutes(5), "{failed} {ended}");
        assert_eq!(report.warnings, [""; 0]);
    });
}

/// The receiver falls silent once the run has begun: it takes no longer for that, and its report says what was not sent.
#[test]
fn a_channel_that_does_not_answer_holds_up_no_group() {
    let silent = || PartyFaultRule {
        of: "receiver".into(),
        skip: 2,
        times: 99,
        fault: PartyFault::Hang,
    };
    let worked = |faults: Option<PartyFaultRule>| {
        in_virtual_time(1, async move {
            let (report, _, _) = run(faults).await;
            let groups = report.groups.iter();
            let ends = groups.filter_map(|g| g.phases.last());
            let end = ends.map(|p| p.entered_at + TimeDelta::seconds(p.seconds as i64));
            (end.max().unwrap(), report.warnings)
        })
    };
    let (end, warnings) = worked(None);
    assert_eq!(warnings, [""; 0]);
    let (end_in_silence, warnings) = worked(Some(silent()));
    let later = (end_in_silence - end).abs();
    assert!(later < TimeDelta::seconds(15), "{later}");
    let failed = warnings.iter().filter(|w| w.contains("group-failed"));
    assert_eq!(failed.count(), 1, "{warnings:?}");
}
