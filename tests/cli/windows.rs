//! `windows` on an account that lives in another process: the file's windows and AWS's.

use std::path::Path;

use aws_credential_types::Credentials;
use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::config::{BehaviorVersion, Region};
use aws_sdk_scheduler::types::{FlexibleTimeWindow, FlexibleTimeWindowMode, Target};
use serde_json::json;

use crate::support::Simulation;

const INPUT: &str = r#"{"trigger":"schedule","schedule":"<aws.scheduler.schedule-arn>",
    "scheduled_time":"<aws.scheduler.scheduled-time>","window":"acceptance"}"#;
const FILE: &str = r#"
[[window]]
name = "acceptance"
schedule = "cron(0 4 ? * SAT *)"
duration = "3h"
"#;

fn scheduler(simulation: &Simulation) -> Client {
    let environment = simulation.environment();
    let endpoint = environment
        .iter()
        .find(|(name, _)| *name == "AWS_ENDPOINT_URL");
    let config = aws_sdk_scheduler::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::for_tests())
        .endpoint_url(endpoint.expect("an endpoint").1);
    Client::from_conf(config.build())
}

async fn make_schedule(client: Client) {
    let target = Target::builder()
        .arn("arn:aws:states:eu-west-1:123456789012:stateMachine:AsgPatch")
        .role_arn("arn:aws:iam::123456789012:role/r")
        .input(INPUT);
    let on_time = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off);
    let made = client
        .create_schedule()
        .name("asg-patch-acceptance")
        .schedule_expression("cron(0 5 ? * SAT *)")
        .flexible_time_window(on_time.build().expect("complete"))
        .target(target.build().expect("complete"));
    made.send().await.expect("it is made");
}

#[test]
fn the_windows_of_aws_are_shown_with_and_without_a_file() {
    let simulation = Simulation::of_small_fleet("1");
    let none = simulation.json(&["windows", "--no-config"]);
    assert_eq!(none.json["error"]["code"], "input", "{}", none.json);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime
        .expect("a runtime")
        .block_on(make_schedule(scheduler(&simulation)));

    let name = "default/asg-patch-acceptance";
    let arn = format!("arn:aws:scheduler:eu-west-1:123456789012:schedule/{name}");
    let in_aws = json!({"kind": "schedule", "name": name, "arn": arn});
    let alone = simulation.json(&["windows", "--no-config"]);
    assert_eq!(alone.code, Some(0), "{}{}", alone.json, alone.stderr);
    assert_eq!(alone.json["windows"][0]["window"], "acceptance");
    assert_eq!(alone.json["windows"][0]["sources"], json!([in_aws]));
    assert_eq!(
        alone.json["windows"][0]["groups"].as_array().map(Vec::len),
        Some(2)
    );

    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("windows-aws.toml");
    std::fs::write(&file, FILE).expect("a file");
    let both = simulation.json(&["windows", "--config", file.to_str().expect("text")]);
    assert_eq!(both.code, Some(1), "{}{}", both.json, both.stderr);
    assert_eq!(
        both.json["windows"][0]["sources"],
        json!([in_aws, {"kind": "file"}])
    );
    let troubles = both.json["troubles"].to_string();
    assert!(troubles.contains("acceptance: the file says"), "{troubles}");
    assert!(troubles.contains("AWS opens it at 05:00 UTC"), "{troubles}");
}
