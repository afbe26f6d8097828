//! Notices of the deployed stack: what the readers of channels see of a window, from the day before until its end.

use std::collections::BTreeSet;
use std::sync::Mutex;

use asg_patch::aws::{Aws, DeclaredFreeze, claim_mark, declare_freeze, lift_freeze, store_file};
use asg_patch::channels::Outside;
use asg_patch::lambda::{Function, Settings};
use asg_patch::notices::{Mark, Notice, NoticeEvent, sample};
use asg_patch::sim::Account;
use asg_patch::sim::parties::{PartiesConnector, PartyFault, PartyResponse};
use chrono::{DateTime, TimeDelta, Utc};
use expect_test::expect;
use serde_json::{Value, json};

use super::machine::{End, Loss, MAC_KEY, Machine, STATE_MACHINE};
use super::{miscounted, settings};
use crate::channels::{BOT_TOKEN, HOOK, Outsiders};
use crate::common::{self, Scenario, in_virtual_time, on_all_cores};

/// Two applications, a group of which fails.
pub(super) const FLEET: &str = r#"
    start = 2026-10-13T03:00:00Z
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
    version = "$Latest"
    tags = { "ep:asg:patch" = "true", AppName = "shop", Environment = "Production" }
    [[groups]]
    name = "blog-web"
    max = 4
    template = "blog"
    version = "$Latest"
    tags = { "ep:asg:patch" = "true", AppName = "blog", Environment = "Production" }
    [groups.behaviour]
    failure = "install-fails"
"#;

pub(super) const FILE: &str = r#"
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

pub(super) struct Stage {
    pub(super) account: Account,
    pub(super) aws: Aws,
    pub(super) outsiders: Outsiders,
    scenario: Scenario,
    unsent: std::sync::Arc<std::sync::Mutex<u64>>,
}

impl Stage {
    pub(super) async fn new(fleet_text: &str, file: &str) -> Self {
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
        let stage = Self {
            outsiders: Outsiders::on(account.clock().clone()),
            account,
            aws,
            scenario,
            unsent: Default::default(),
        };
        stage
            .window("default", "cron(0 6 ? * WED#2 *)", json!({}))
            .await;
        stage.push(file).await;
        stage
    }

    /// Stores a file as the stack's.
    pub(super) async fn push(&self, file: &str) {
        let at = self.account.clock().now();
        let stored = store_file(&self.aws.clients, file, "ops", at).await;
        stored.expect("a file");
    }

    /// Makes the schedule of a window, as the stacks do.
    pub(super) async fn window(&self, name: &str, schedule: &str, more: Value) {
        use aws_sdk_scheduler::types::{FlexibleTimeWindow, FlexibleTimeWindowMode, Target};
        let mut input = json!({
            "trigger": "schedule",
            "schedule": "<aws.scheduler.schedule-arn>",
            "scheduled_time": "<aws.scheduler.scheduled-time>",
        });
        if let (Value::Object(input), Value::Object(more)) = (&mut input, more) {
            input.extend(more);
        }
        let target = Target::builder()
            .arn(STATE_MACHINE)
            .role_arn("arn:aws:iam::123456789012:role/asg-patch/scheduler")
            .input(input.to_string());
        let off = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off);
        let create = self.aws.clients.scheduler.create_schedule();
        create
            .name(name)
            .schedule_expression(schedule)
            .schedule_expression_timezone("Europe/Berlin")
            .flexible_time_window(off.build().expect("a window"))
            .target(target.build().expect("a target"))
            .send()
            .await
            .expect("a schedule");
    }

    pub(super) fn function(&self) -> Function {
        let settings = settings(&self.scenario, &self.account);
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
    pub(super) async fn sweep_until(&self, until: &str) {
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
        self.run_losing(|_, _| None).await
    }

    /// The scheduled run, of which some invocations are lost.
    async fn run_losing(&self, lost: impl Fn(u64, &str) -> Option<Loss>) -> Value {
        let function = || self.function();
        let mut machine = Machine::new(&function, &self.account, "scheduled");
        machine.lost = Box::new(lost);
        let at = "2026-10-14T04:00:00Z";
        let input = json!({"trigger": "schedule", "schedule": "nightly", "scheduled_time": at});
        match machine.execute(input).await {
            End::Succeeded(output) => output,
            End::Failed { error, cause } => json!({"error": error, "cause": cause}),
        }
    }

    pub(super) async fn wait_until(&self, at: &str) {
        let at = at.parse().expect("a time");
        self.account.clock().wait_until(at).await;
    }

    pub(super) fn unsent(&self) -> u64 {
        *self.unsent.lock().expect("a count")
    }

    /// Texts as readers see them.
    pub(super) fn seen(&self) -> String {
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
    let seen = in_virtual_time(7, async {
        let stage = Stage::new(FLEET, FILE).await;
        stage.sweep_until("2026-10-14T04:00:00Z").await;
        let output = stage.run().await;
        let report = &output["report"];
        assert_eq!(
            (&report["warnings"], &report["file_version"]),
            (&json!([]), &json!(1))
        );
        stage.sweep_until("2026-10-14T08:00:00Z").await;
        let seen = stage.seen();
        stage.sweep_until("2026-10-18T00:00:00Z").await;
        assert_eq!(stage.seen(), seen, "nothing is said twice");
        assert_eq!((stage.unsent(), stage.marks()), (0, 0));
        seen
    });
    expect![[r#"
        Slack: Patching has ended: blog (Production). Patching of blog (Production) has ended: 1 rolled back. [edited 4 times]
          in its thread: Patching scheduled: blog (Production). blog (Production) is patched on 14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC).
        Slack: Patching has ended: shop (Production). Patching of shop (Production) has ended: 1 patched. [edited 3 times]
          in its thread: Patching scheduled: shop (Production). shop (Production) is patched on 14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC).
          in its thread: Patching begins soon: blog (Production). Patching of blog (Production) begins at 06:00 CEST.
          in its thread: Patching begins soon: shop (Production). Patching of shop (Production) begins at 06:00 CEST.
          in its thread: Patching has begun: blog (Production). blog (Production) is being patched, until 09:00 CEST at the latest.
          in its thread: Patching has begun: shop (Production). shop (Production) is being patched, until 09:00 CEST at the latest.
          in its thread: A group was not patched: blog (Production). 1 group of blog (Production) could not be patched; the run goes on.
          in its thread: Patching has ended: blog (Production). Patching of blog (Production) has ended: 1 rolled back.
          in its thread: Patching has ended: shop (Production). Patching of shop (Production) has ended: 1 patched.
        Page: "Scheduled maintenance: shop (Production)", completed
          scheduled: shop (Production) is patched on 14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC).
          in_progress: shop (Production) is being patched, until 09:00 CEST at the latest.
          completed: Patching of shop (Production) has ended.
        Pingdom: {101} from 14 04:00:00 to 14 04:13:41"#]].assert_eq(&seen);
}

/// Slack takes a message a second: to tell a begin of 150 places takes more than one invocation.
#[test]
fn a_begin_of_many_places_is_told_by_more_than_one_invocation() {
    const PLACES: usize = 150;
    let (output, announced, begun) = in_virtual_time(7, async {
        let (head, groups) = FLEET.split_once("    [[groups]]").expect("groups");
        let (group, _) = groups.split_once("    [[groups]]").expect("two groups");
        let group = |n: usize| {
            let group = group.replace("shop", &format!("shop{n}"));
            format!("    [[groups]]{group}")
        };
        let fleet = head.to_owned() + &(0..PLACES).map(group).collect::<String>();
        let file = FILE.replace("application = \"shop\"", "application = \"none\"");
        let stage = Stage::new(&fleet, &file).await;
        stage.wait_until("2026-10-14T04:00:00Z").await;
        let function = || stage.function();
        let announced = Mutex::new(0);
        let mut machine = Machine::new(&function, &stage.account, "scheduled");
        machine.lost = Box::new(|_, action| {
            *announced.lock().expect("a count") += usize::from(action == "announce");
            None
        });
        let input = json!({"trigger": "schedule", "schedule": "nightly", "scheduled_time": "2026-10-14T04:00:00Z"});
        let End::Succeeded(output) = machine.execute(input).await else {
            panic!("no report");
        };
        let seen = stage.seen();
        let begun = (0..PLACES).map(|n| {
            let text = format!("in its thread: Patching has begun: shop{n} (Production).");
            let first = format!("Slack: Patching has ended: shop{n} (Production).");
            (seen.matches(&text).count(), seen.matches(&first).count())
        });
        let begun: BTreeSet<(usize, usize)> = begun.collect();
        assert_eq!(
            miscounted(&output["report"], &machine.costs.borrow()),
            [""; 0]
        );
        drop(machine);
        (output, announced.into_inner().expect("a count"), begun)
    });
    assert_eq!(output["status"], "Done", "{output}");
    assert!((2..5).contains(&announced), "{announced}");
    assert_eq!(begun, [(1, 1)].into(), "{begun:?}");
}

/// Of all combinations every so-many-th, unless `TOLD_STRIDE` says otherwise.
fn stride() -> usize {
    std::env::var("TOLD_STRIDE").map_or(5, |s| s.parse().expect("a number"))
}

/// How often each line was said: an invocation that is lost says nothing twice, and leaves nothing unsaid.
#[test]
fn whichever_invocation_is_lost_all_is_said_once() {
    let all = || {
        (0..30_u64).flat_map(|n| {
            [
                Loss::Before,
                Loss::After(400),
                Loss::After(3_000),
                Loss::Answer,
            ]
            .map(|l| (n, l))
        })
    };
    let tried = all().step_by(stride()).collect();
    let wrong = on_all_cores(tried, |(number, loss)| {
        in_virtual_time(7, async {
            let stage = Stage::new(FLEET, FILE).await;
            stage.wait_until("2026-10-13T04:00:00Z").await;
            stage.sweep_until("2026-10-13T04:15:00Z").await;
            stage.wait_until("2026-10-14T04:00:00Z").await;
            let output = stage
                .run_losing(move |n, _| (n == number).then_some(loss))
                .await;
            stage.sweep_until("2026-10-14T12:00:00Z").await;
            let mut wrong = Vec::new();
            if output["status"] != "Done" {
                wrong.push(format!("{output}"));
            }
            let seen = stage.seen();
            for said in [
                "Patching has begun: shop",
                "Patching has ended: shop",
                "Patching has begun: blog",
            ] {
                let times = seen.matches(&format!("thread: {said}")).count();
                // A notice whose answer was lost is not sent again, and reported.
                let fits = times == 1 || (times == 0 && stage.unsent() > 0);
                if !fits {
                    wrong.push(format!("{said}: {times} times"));
                }
            }
            if !seen.contains("completed: Patching of shop") {
                wrong.push(format!("the page was not completed: {seen}"));
            }
            wrong
                .iter()
                .map(|w| format!("{number} {loss:?}: {w}"))
                .collect::<Vec<_>>()
        })
    });
    assert!(wrong.concat().is_empty(), "{}", wrong.concat().join("\n"));
}

/// The group opted in an hour before: nobody could know of its run.
#[test]
fn a_window_that_demands_notices_has_no_run_without_them() {
    let (first, second, seen) = in_virtual_time(7, async {
        let demanding = FILE.to_owned()
            + "[[window]]\nname = 'default'\nschedule = 'cron(0 6 ? * WED#2 *)'\nnotice = 'required'\n";
        let stage = Stage::new(FLEET, &demanding).await;
        stage.wait_until("2026-10-14T04:00:00Z").await;
        let first = stage.run().await;
        let second = Stage::new(FLEET, &demanding).await;
        second.sweep_until("2026-10-14T04:00:00Z").await;
        (first, second.run().await, second.seen())
    });
    assert_eq!(
        first["cause"]
            .as_str()
            .unwrap_or_default()
            .split(';')
            .next(),
        Some("AP-0807: blog (Production) was not announced to channel 'ops'")
    );
    assert_eq!(second["status"], "Done", "{seen}");
}

#[test]
fn a_frozen_window_is_announced_and_alarms_nobody() {
    let (output, seen, again) = in_virtual_time(7, async {
        let stage = Stage::new(FLEET, FILE).await;
        stage.sweep_until("2026-10-13T06:00:00Z").await;
        let now = stage.account.clock().now();
        let freeze = DeclaredFreeze {
            until: now + TimeDelta::days(2),
            why: "the big sale".into(),
            by: "mara".into(),
            at: now,
        };
        declare_freeze(&stage.aws.clients, &freeze)
            .await
            .expect("a freeze");
        stage.sweep_until("2026-10-14T04:00:00Z").await;
        let output = stage.run().await;
        stage.sweep_until("2026-10-14T08:00:00Z").await;
        assert_eq!(stage.unsent(), 0);
        let seen = stage.seen();
        lift_freeze(&stage.aws.clients).await.expect("no freeze");
        stage.sweep_until("2026-10-14T09:00:00Z").await;
        (output, seen, stage.seen())
    });
    assert_eq!(output["status"], "Frozen", "{output}");
    assert_eq!(seen, again);
    expect![[r#"
        Slack: Patching is frozen: blog (Production). blog (Production) is not patched on 14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC), as it is frozen: the big sale (declared by mara, until 2026-10-15 06:00:00 UTC). [edited 1 times]
          in its thread: Patching scheduled: blog (Production). blog (Production) is patched on 14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC).
        Slack: Patching is frozen: shop (Production). shop (Production) is not patched on 14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC), as it is frozen: the big sale (declared by mara, until 2026-10-15 06:00:00 UTC). [edited 1 times]
          in its thread: Patching scheduled: shop (Production). shop (Production) is patched on 14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC).
          in its thread: Patching is frozen: blog (Production). blog (Production) is not patched on 14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC), as it is frozen: the big sale (declared by mara, until 2026-10-15 06:00:00 UTC).
          in its thread: Patching is frozen: shop (Production). shop (Production) is not patched on 14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC), as it is frozen: the big sale (declared by mara, until 2026-10-15 06:00:00 UTC)."#]].assert_eq(&seen);
}

/// The calls for a window with notices that a calendar may freeze, beside those that set the stage.
pub(super) fn calls() -> BTreeSet<String> {
    in_virtual_time(7, async {
        let frozen = FILE.to_owned() + "[[freeze]]\ncalendar = 'Unknown'\n";
        let stage = Stage::new(FLEET, &frozen).await;
        let before = stage.account.calls().counts;
        stage.wait_until("2026-10-13T04:00:00Z").await;
        stage.sweep_until("2026-10-13T04:15:00Z").await;
        let all = stage.account.calls().counts.into_keys();
        all.filter(|call| !before.contains_key(call)).collect()
    })
}

/// A calendar that closes within the window; one that may not be read.
#[test]
fn calendars_freeze_windows() {
    let outputs = in_virtual_time(7, async {
        let mut outputs = Vec::new();
        for (calendar, begins) in [
            ("Quarter", "20261014T060000"),
            ("Quarter", "20261014T080000"),
            ("Unknown", "20261014T060000"),
        ] {
            let frozen = FILE.to_owned()
                + &format!("[[freeze]]\ncalendar = '{calendar}'\nwhy = 'quarter end'\n");
            let stage = Stage::new(FLEET, &frozen).await;
            let content = format!(
                "BEGIN:VCALENDAR\nVERSION:2.0\nX-CALENDAR-TYPE:DEFAULT_OPEN\nBEGIN:VEVENT\nDTSTART:{begins}Z\nDTEND:20261014T120000Z\nEND:VEVENT\nEND:VCALENDAR\n"
            );
            let make = stage.aws.clients.ssm.create_document();
            make.name("Quarter")
                .content(content)
                .document_type(aws_sdk_ssm::types::DocumentType::ChangeCalendar)
                .document_format(aws_sdk_ssm::types::DocumentFormat::Text)
                .send()
                .await
                .expect("a calendar");
            stage.wait_until("2026-10-14T04:00:00Z").await;
            outputs.push(
                stage.run().await["summary"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
            );
        }
        outputs.join("\n")
    });
    expect![[r#"
        AP-0808: quarter end (calendar Quarter closes at 2026-10-14 06:00:00 UTC)
        asg-patch run eu-west-1: 2 groups: 1 rolled back, 1 patched. Look at: blog-web (AP-0311)
        AP-0808: quarter end (calendar Unknown cannot be asked, and counts as closed: ssm:GetCalendarState was refused: InvalidDocument: Document with name Unknown does not exist.)"#]].assert_eq(&outputs);
}

/// The service is down the whole night: the run goes on, its report says so, and the next sweeps say the rest.
#[test]
fn a_channel_that_is_down_fails_no_run() {
    let (output, unsent, seen) = in_virtual_time(7, async {
        let stage = Stage::new(FLEET, FILE).await;
        stage.sweep_until("2026-10-14T04:00:00Z").await;
        let down = PartyFault::Answer(PartyResponse::text(503, "down"));
        stage.outsiders.fault("api.statuspage.io", 500, down);
        let output = stage.run().await;
        stage.sweep_until("2026-10-14T05:00:00Z").await;
        let unsent = stage.unsent();
        stage.outsiders.parties.with(|p| p.faults.clear());
        stage.sweep_until("2026-10-14T06:00:00Z").await;
        (output, unsent, stage.seen())
    });
    assert_eq!(output["status"], "Done");
    assert!(unsent > 1, "{unsent}");
    let page = seen
        .lines()
        .skip_while(|l| !l.starts_with("Page"))
        .collect::<Vec<_>>()
        .join("\n");
    expect![[r#"
        ["the notice 'begun' about shop (Production) was not sent to channel 'page': channel 'page' (statuspage): the service did not take it: down (HTTP 503). The service has trouble of its own: look at its status page","the notice 'ended' about shop (Production) was not sent to channel 'page': channel 'page' (statuspage): the service did not take it: down (HTTP 503). The service has trouble of its own: look at its status page"]
        Page: "Scheduled maintenance: shop (Production)", completed
          scheduled: shop (Production) is patched on 14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC).
          completed: Patching of shop (Production) has ended.
        Pingdom: {101} from 14 04:00:00 to 14 04:13:42"#]].assert_eq(&format!("{}\n{page}", output["report"]["warnings"]));
}

/// One who may write parameters, and has no key, has nothing said and no run changed.
#[test]
fn a_file_or_a_mark_of_others_is_not_believed() {
    let (output, seen) = in_virtual_time(7, async {
        let stage = Stage::new(FLEET, FILE).await;
        let stranger = common::aws(&stage.account, "stranger");
        let notice = Notice {
            reason: "we were hacked".into(),
            ..sample(NoticeEvent::Withdrawn)
        };
        let mark = Mark::of(&notice, None, stage.account.clock().now(), 1);
        claim_mark(&stranger.clients, "/asg-patch/notices/x/y/withdrawn", &mark)
            .await
            .expect("a mark");
        stage.sweep_until("2026-10-13T04:00:00Z").await;
        let seen = stage.seen();
        stage.wait_until("2026-10-14T04:00:00Z").await;
        store_file(
            &stranger.clients,
            FILE,
            "stranger",
            stage.account.clock().now(),
        )
        .await
        .expect("a file");
        (stage.run().await, seen)
    });
    assert_eq!(seen, "", "{seen}");
    assert!(
        output["cause"]
            .as_str()
            .is_some_and(|c| c.starts_with("AP-0809")),
        "{output}"
    );
}

/// One who deletes the file ends no freeze and no demand, if the stack demands a file.
#[test]
fn without_its_file_a_stack_that_demands_one_begins_nothing() {
    let causes = in_virtual_time(7, async {
        let mut causes = Vec::new();
        for is_required in [true, false] {
            let stage = Stage::new(FLEET, FILE).await;
            stage.account.with_world(|w| {
                let removed = w.ssm.parameters.by_name.remove("/asg-patch/config");
                assert!(removed.is_some());
            });
            let function = || {
                let settings = Settings {
                    requires_file: is_required,
                    ..settings(&stage.scenario, &stage.account)
                };
                let aws = common::aws(&stage.account, "function");
                let parties = PartiesConnector::new(stage.outsiders.parties.clone());
                let outside = Outside::over(parties, stage.account.clock().clone());
                Function::new(aws, outside, settings, |_| ())
            };
            stage.wait_until("2026-10-14T04:00:00Z").await;
            let machine = Machine::new(&function, &stage.account, "scheduled");
            causes.push(match machine.execute(json!({})).await {
                End::Succeeded(output) => output["status"].to_string(),
                End::Failed { cause, .. } => cause,
            });
        }
        causes
    });
    let demanded = "AP-0809: parameter /asg-patch/config: expected a file, as the stack demands one (SettingsFileRequired), found none";
    assert_eq!(causes, [demanded, "\"Done\""]);
}

/// An application that failed in acceptance waits in production; so does one that never was there.
#[test]
fn a_window_after_another_takes_what_came_through_there() {
    let live = FLEET[FLEET.find("    [[templates]]").expect("templates")..]
        .replace("\"web\"", "\"web-live\"")
        .replace("\"blog\"\n", "\"blog-live\"\n")
        .replace("shop-web", "shop-live")
        .replace("blog-web", "blog-live")
        .replace(
            "    [groups.behaviour]\n    failure = \"install-fails\"\n",
            "",
        );
    let fleet = FLEET.replace("\"Production\"", "\"Acceptance\"") + &live;
    let file = "[[window]]\nname = 'acceptance'\nschedule = 'cron(0 6 ? * WED#2 *)'\n\
        [[window]]\nname = 'production'\nschedule = 'cron(0 6 ? * WED#3 *)'\nafter = 'acceptance'\n";
    let held = in_virtual_time(7, async {
        let stage = Stage::new(&fleet, file).await;
        let mut held = Vec::new();
        for (name, window, environment, at) in [
            ("early", "production", "Production", "2026-10-14T04:00:00Z"),
            ("first", "acceptance", "Acceptance", "2026-10-15T04:00:00Z"),
            ("second", "production", "Production", "2026-10-21T04:00:00Z"),
            ("late", "production", "Production", "2026-11-18T05:00:00Z"),
        ] {
            stage
                .sweep_until(
                    &at.replace("04:00:00", "03:45:00")
                        .replace("05:00:00", "04:45:00"),
                )
                .await;
            stage.wait_until(at).await;
            let function = || stage.function();
            let machine = Machine::new(&function, &stage.account, name);
            let input = json!({
                "trigger": "schedule", "schedule": window, "scheduled_time": at, "window": window,
                "filters": {"Environment": environment},
            });
            let End::Succeeded(output) = machine.execute(input).await else {
                panic!("{name} failed");
            };
            for group in output["report"]["groups"].as_array().expect("groups") {
                let (outcome, code) = (&group["outcome"], &group["code"]);
                let reason = if code == "AP-0207" {
                    &group["reason"]
                } else {
                    &json!("")
                };
                held.push(format!(
                    "{name} {}: {outcome} {code} {reason}",
                    group["group"]
                ));
            }
        }
        held.join("\n")
    });
    expect![[r#"
        early "blog-live": "skipped" "AP-0207" "it comes after window acceptance, of which no run for blog has ended within 7 days"
        early "shop-live": "skipped" "AP-0207" "it comes after window acceptance, of which no run for shop has ended within 7 days"
        first "blog-web": "rolled_back" "AP-0311" ""
        first "shop-web": "patched" null ""
        second "blog-live": "skipped" "AP-0207" "it comes after window acceptance, in which blog had 1 rolled back on 2026-10-15"
        second "shop-live": "patched" null ""
        late "blog-live": "skipped" "AP-0207" "it comes after window acceptance, of which no run for blog has ended within 7 days"
        late "shop-live": "skipped" "AP-0207" "it comes after window acceptance, of which no run for shop has ended within 7 days""#]].assert_eq(&held);
}
