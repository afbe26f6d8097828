//! Documents and topics that are named are looked at once, by a plan, a run and the stack alike, and all of them refuse the same.

use std::collections::BTreeMap;

use asg_patch::group::Code;
use asg_patch::ids::GroupName;
use asg_patch::run::plan;
use asg_patch::sim::Account;

use super::deploy;
use crate::common::{Scenario, aws, in_virtual_time};

const DOCUMENT: &str = "ssm:DescribeDocument";
const TOPIC: &str = "sns:GetTopicAttributes";

/// The documents and topics that were looked at, in order.
fn looks(account: &Account) -> Vec<String> {
    let calls = account.calls();
    let looks = calls.log.iter().filter_map(|call| {
        let key = match call.name.as_str() {
            DOCUMENT => "Name",
            TOPIC => "TopicArn",
            _ => return None,
        };
        Some(call.params[key].as_str().unwrap_or_default().to_owned())
    });
    looks.collect()
}

#[test]
fn each_is_looked_at_once_and_refuses_the_same_everywhere() {
    let scenario = Scenario::load("documents-refused");
    let (planned, refused) = in_virtual_time(1, async {
        let account = scenario.fleet.account(1);
        let aws = aws(&account, "named");
        let plan = plan(&aws, &scenario.request).await.expect("a plan");
        let missing =
            "the SNS topic arn:aws:sns:eu-west-1:123456789012:patch-report does not exist";
        assert!(plan.warnings[0].starts_with(missing), "{:?}", plan.warnings);
        let groups = plan.groups.into_iter();
        let refused = groups.filter_map(|g| Some((g.group, g.refusal?.code)));
        let refused: BTreeMap<GroupName, Code> = refused.collect();
        (looks(&account), refused)
    });
    let expected = [
        "AWS-RunPatchBaseline",
        "Acme-Drain",
        "Acme-Patch",
        "Acme-Ptach",
        "Acme-Windows",
        "arn:aws:ssm:eu-west-1:123456789012:document/Acme-Patch",
        "arn:aws:sns:eu-west-1:123456789012:patch-report",
    ];
    assert_eq!(planned, expected);
    assert_eq!(refused.len(), 8, "{refused:?}");
    for ran in [
        scenario.run(),
        deploy(&scenario, |_, _| None).expect("a report").ran,
    ] {
        assert_eq!(looks(&ran.account), expected);
        let groups = ran.report.groups.iter();
        let skipped = groups.filter_map(|g| Some((g.group.clone(), g.code?)));
        assert_eq!(skipped.collect::<BTreeMap<_, _>>(), refused);
    }
}

/// A Scan sends none of these documents.
#[test]
fn a_scan_looks_at_no_document() {
    let mut scenario = Scenario::load("documents-refused");
    scenario.request.operation = asg_patch::request::Operation::Scan;
    let ran = scenario.run();
    assert_eq!(looks(&ran.account).len(), 1, "the topic");
    let codes = ran.report.groups.iter().filter_map(|g| g.code);
    let unsuitable = codes.filter(|c| *c == Code::DocumentUnsuitable);
    assert_eq!(unsuitable.count(), 0);
}
