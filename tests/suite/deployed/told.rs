//! Notices of the deployed stack: what the readers of channels see of a window, from the day before until its end.

use asg_patch::aws::{Aws, store_file};
use asg_patch::channels::Outside;
use asg_patch::lambda::Function;
use asg_patch::schedule::{AwsSchedule, Dialect};
use asg_patch::sim::Account;
use asg_patch::sim::parties::PartiesConnector;
use chrono::{DateTime, TimeDelta, Utc};
use expect_test::expect;
use serde_json::{Value, json};

use super::machine::{End, MAC_KEY, Machine};
use super::settings;
use crate::channels::{BOT_TOKEN, HOOK, Outsiders};
use crate::common::{self, Scenario, in_virtual_time};

/// Two applications, a group of which fails.
const FLEET: &str = r#"
    start = 2026-10-13T03:00:00Z
    [[images]]
    name = "base"
    missing = 3
    [[images]]
    name = "broken"
    missing = 3
    [[templates]]
    name = "web"
    versions = [{ image = "base", instance_type = "t3.small" }]
    [[templates]]
    name = "blog"
    versions = [{ image = "broken", instance_type = "t3.small" }]
    [[groups]]
    name = "shop-web"
    max = 4
    template = "web"
    version = "$Latest"
    tags = { "ep:asg:patch" = "true", AppName = "shop", Environment = "Production" }
    [[groups]]
    name = "blog-web"
    max = 4
    template = "blog"
    version = "$Latest"
    tags = { "ep:asg:patch" = "true", AppName = "blog", Environment = "Production" }
"#;

const FILE: &str = r#"
    [notices]
    ahead = ["24h", "1h"]

    [[channel]]
    name = "ops"
    kind = "slack-bot"
    secret = "/asg-patch/secrets/bot"
    slack-channel = "C0SIMULATED"

    [[channel]]
    name = "page"
    kind = "statuspage"
    secret = "/asg-patch/secrets/page"
    page = "simulatedpage"

    [[channel]]
    name = "checks"
    kind = "pingdom"
    secret = "/asg-patch/secrets/checks"

    [[route]]
    application = "shop"
    channels = ["ops", "page", "checks"]
    statuspage-components = ["simulated1"]
    pingdom-checks = [101]

    [[route]]
    channels = ["ops"]
"#;

struct Stage {
    account: Account,
    aws: Aws,
    outsiders: Outsiders,
    scenario: Scenario,
    unsent: std::sync::Arc<std::sync::Mutex<u64>>,
}

impl Stage {
    async fn new(fleet_text: &str, file: &str) -> Self {
        let scenario = Scenario::parse(fleet_text).expect("a fleet");
        let account = scenario.fleet.account(1);
        let aws = common::aws(&account, "operator").signing_by(Some(MAC_KEY));
        for (name, value) in [
            ("bot", BOT_TOKEN),
            ("hook", HOOK),
            ("page", "key-1"),
            ("checks", "token-1"),
        ] {
            let ssm = &aws.clients.ssm;
            ssm.put_parameter()
                .name(format!("/asg-patch/secrets/{name}"))
                .value(value)
                .r#type(aws_sdk_ssm::types::ParameterType::SecureString)
                .send()
                .await
                .expect("a secret");
        }
        store_file(&aws.clients, file, "ops", account.clock().now())
            .await
            .expect("a file");
        Self {
            outsiders: Outsiders::on(account.clock().clone()),
            account,
            aws,
            scenario,
            unsent: Default::default(),
        }
    }

    fn function(&self) -> Function {
        let schedule =
            AwsSchedule::parse(Dialect::Scheduler, "cron(0 6 ? * WED#2 *)").expect("a schedule");
        let settings = asg_patch::lambda::Settings {
            schedule: Ok(Some((schedule, chrono_tz::Tz::Europe__Berlin))),
            ..settings(&self.scenario, &self.account)
        };
        let parties = PartiesConnector::new(self.outsiders.parties.clone());
        let outside = Outside::over(parties, self.account.clock().clone());
        let unsent = self.unsent.clone();
        Function::new(
            common::aws(&self.account, "function"),
            outside,
            settings,
            move |line| {
                let line: Value = serde_json::from_str(line).expect("JSON");
                *unsent.lock().expect("a count") +=
                    line["NoticesUnsent"].as_u64().unwrap_or_default();
            },
        )
    }

    /// A sweep each quarter of an hour until then.
    async fn sweep_until(&self, until: &str) {
        let until: DateTime<Utc> = until.parse().expect("a time");
        let clock = self.account.clock();
        let function = || self.function();
        while clock.now() < until {
            let name = format!("sweep-{}", clock.now().timestamp());
            Machine::new(&function, &self.account, &name)
                .execute(json!({"mode": "sweep"}))
                .await;
            let next = clock.now() + TimeDelta::minutes(15);
            clock.wait_until(next.min(until)).await;
        }
    }

    async fn run(&self) -> Value {
        let function = || self.function();
        let machine = Machine::new(&function, &self.account, "scheduled");
        let at = "2026-10-14T04:00:00Z";
        let input = json!({"trigger": "schedule", "schedule": "nightly", "scheduled_time": at});
        match machine.execute(input).await {
            End::Succeeded(output) => output,
            End::Failed { error, cause } => json!({"error": error, "cause": cause}),
        }
    }

    /// What readers see.
    fn seen(&self) -> String {
        self.outsiders.parties.with(|p| {
            let posts = &p.slack.channels["C0SIMULATED"].posts;
            let mut lines: Vec<String> = posts
                .iter()
                .map(|post| {
                    let thread = if post.thread_ts.is_some() {
                        "  in its thread: "
                    } else {
                        "Slack: "
                    };
                    let edits = if post.edits > 0 {
                        format!(" [edited {} times]", post.edits)
                    } else {
                        String::new()
                    };
                    format!("{thread}{}{edits}", post.text)
                })
                .collect();
            for incident in &p.statuspage.pages["simulatedpage"].incidents {
                lines.push(format!(
                    "Page: {}, {}",
                    incident.fields["name"],
                    incident.status()
                ));
                lines.extend(
                    incident
                        .updates
                        .iter()
                        .map(|(status, body)| format!("  {status}: {body}")),
                );
            }
            for w in &p.pingdom.windows {
                let time = |s: i64| {
                    DateTime::from_timestamp(s, 0)
                        .unwrap()
                        .format("%d %H:%M:%S")
                };
                lines.push(format!(
                    "Pingdom: {:?} from {} to {}",
                    w.checks,
                    time(w.from),
                    time(w.to)
                ));
            }
            lines.join("\n")
        })
    }

    fn marks(&self) -> usize {
        self.account.with_world(|w| {
            let names = w.ssm.parameters.by_name.keys();
            names
                .filter(|n| n.starts_with("/asg-patch/notices/"))
                .count()
        })
    }
}

#[test]
fn a_window_is_told_from_the_day_before_until_its_end() {
    let (seen, unsent, marks, warnings) = in_virtual_time(7, async {
        let stage = Stage::new(FLEET, FILE).await;
        stage.sweep_until("2026-10-14T04:00:00Z").await;
        let output = stage.run().await;
        stage.sweep_until("2026-10-14T08:00:00Z").await;
        let seen = stage.seen();
        let before = stage.marks();
        stage.sweep_until("2026-10-18T00:00:00Z").await;
        assert_eq!(stage.seen(), seen, "nothing is said twice");
        let unsent = *stage.unsent.lock().expect("a count");
        (
            seen,
            unsent,
            (before, stage.marks()),
            output["report"]["warnings"].clone(),
        )
    });
    expect![[r#""#]].assert_eq(&seen);
    assert_eq!((unsent, marks.1), (0, 0), "{marks:?}");
    assert_eq!(warnings, json!([]));
}
