//! Messages to a topic's subscribers. Only the inside of the simulated account shows what was published, so
//! this asks the library.

use asg_patch::aws::Aws;
use asg_patch::report::RunReport;
use asg_patch::request::{FailureLimit, Operation, RunRequest, Selection};
use asg_patch::run::Stop;
use asg_patch::schedule::Window;
use asg_patch::sim::{Account, fleet, sdk};
use chrono::TimeDelta;
use serde_json::Value;

const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:patch-reports";

async fn run(account: &Account) -> RunReport {
    let now = account.clock().now();
    let request = RunRequest {
        run_id: "test-run".into(),
        owner: "test".into(),
        window: Window {
            start: now,
            deadline: now + TimeDelta::hours(3),
            cutoff: now + TimeDelta::hours(2),
        },
        selection: Selection::default(),
        operation: Operation::Install,
        max_in_flight: None,
        max_failures: FailureLimit::Percent(100),
        topic_arn: Some(TOPIC.into()),
        at_deadline: Default::default(),
        keep_failed: None,
        documents: Default::default(),
        place_tags: Default::default(),
        ring: None,
        about: Default::default(),
    };
    let aws = Aws::new(account.clock().clone(), sdk::sdk_config(account, "topic"));
    let (_asked, stop) = tokio::sync::watch::channel(Stop::Continue);
    let report = asg_patch::run::run(&aws, &request, stop, &mut |_| {}).await;
    report.expect("the account can be reached")
}

#[tokio::test(start_paused = true)]
async fn subscribers_get_the_report_in_their_own_form() {
    let small = include_str!("small.toml");
    let account = fleet::parse(small).expect("it is a fleet").account(1);
    let report = run(&account).await;
    let published = account.with_world(|world| world.sns.published.clone());
    let [message] = published.as_slice() else {
        panic!("expected one message: {published:?}");
    };
    assert_eq!(message.topic, TOPIC);
    let subject = message.subject.as_deref().unwrap_or_default();
    assert_eq!(subject, "asg-patch eu-west-1: 2 groups: 2 patched");
    let form = |protocol: &str| {
        let form = message.by_protocol.get(protocol);
        form.unwrap_or_else(|| panic!("nothing for {protocol}"))
            .as_str()
    };
    assert!(form("email").contains("PATCHED") && form("email").contains("web nightly"));
    assert!(form("default").starts_with("asg-patch run eu-west-1: 2 groups"));
    assert!(form("sms").len() <= 160);
    let queue: Value = serde_json::from_str(form("sqs")).expect("queues get JSON");
    assert_eq!(queue["run_id"], report.run_id.as_str());
    assert_eq!(queue["counts"]["patched"], 2);
    assert_eq!(report.warnings, Vec::<String>::new());
}
