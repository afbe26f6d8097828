//! The windows that AWS itself has, beside the file's: made through the SDK, read back by the program.

use asg_patch::aws::{Aws, DeclaredFreeze, declare_freeze, store_file};
use asg_patch::report::{WindowsReport, windows_table};
use asg_patch::request::{RunRequest, Selection};
use asg_patch::run::{WindowRequest, WindowSetup, account_windows, windows};
use asg_patch::sim::faults::{FaultRule, InjectedFault};
use asg_patch::sim::wire::ApiError;
use asg_patch::sim::{Account, fleet};
use asg_patch::trigger::Defaults;
use asg_patch::windows::{PatchWindow, WindowText};
use aws_sdk_scheduler::types::{FlexibleTimeWindow, FlexibleTimeWindowMode, ScheduleState, Target};
use aws_sdk_ssm::types::{
    MaintenanceWindowStepFunctionsParameters, MaintenanceWindowTaskInvocationParameters,
    MaintenanceWindowTaskType,
};
use chrono::TimeDelta;
use expect_test::expect;

use crate::common::{Scenario, aws, in_virtual_time};

const OURS: &str = "arn:aws:states:eu-west-1:123456789012:stateMachine:AsgPatch";
const OTHER: &str = "arn:aws:states:eu-west-1:123456789012:stateMachine:Nightly";

/// A Wednesday.
const FLEET: &str = r#"
start = 2026-10-14T04:00:00Z
[[images]]
name = "base"
missing = ["kernel"]
[[templates]]
name = "app"
versions = [{ image = "base", instance_type = "t3.small" }]
[[groups]]
name = "shop"
max = 1
template = "app"
version = 1
tags = { "ep:asg:patch" = "true", Environment = "Production" }
[[groups]]
name = "trial"
max = 1
template = "app"
version = 1
tags = { "ep:asg:patch" = "true", Environment = "Acceptance" }
[[groups]]
name = "lab"
max = 1
template = "app"
version = 1
tags = { "ep:asg:patch" = "true", Environment = "Sandbox" }
"#;

/// The input of a schedule of ours, with more members.
fn scheduled(more: &str) -> String {
    format!(
        r#"{{"trigger":"schedule","schedule":"<aws.scheduler.schedule-arn>","scheduled_time":"<aws.scheduler.scheduled-time>"{more}}}"#
    )
}

/// The input of a maintenance window's task of ours, with more members.
fn in_window(more: &str) -> String {
    format!(
        r#"{{"trigger":"maintenance-window","window_id":"{{{{WINDOW_ID}}}}","window_execution_id":"{{{{WINDOW_EXECUTION_ID}}}}"{more}}}"#
    )
}

/// Someone who sets windows up.
struct Owner(Aws);

impl Owner {
    async fn schedule(&self, name: &str, expression: &str, target: &str, input: &str) {
        self.schedule_as(name, expression, target, input, ScheduleState::Enabled)
            .await;
    }

    async fn schedule_as(
        &self,
        name: &str,
        expression: &str,
        target: &str,
        input: &str,
        state: ScheduleState,
    ) {
        let on_time = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off);
        let target = Target::builder()
            .arn(target)
            .role_arn("arn:aws:iam::123456789012:role/r");
        let (group, name) = name.split_once('/').unwrap_or(("default", name));
        let made = self
            .0
            .clients
            .scheduler
            .create_schedule()
            .name(name)
            .group_name(group);
        let made = made
            .schedule_expression(expression)
            .schedule_expression_timezone("Europe/Berlin")
            .flexible_time_window(on_time.build().unwrap())
            .target(target.input(input).build().unwrap())
            .state(state);
        made.send().await.unwrap();
    }

    async fn window(&self, name: &str, schedule: &str, offset: Option<i32>, input: &str) -> String {
        let ssm = &self.0.clients.ssm;
        let made = ssm
            .create_maintenance_window()
            .name(name)
            .schedule(schedule);
        let made = made
            .schedule_timezone("Europe/Berlin")
            .set_schedule_offset(offset);
        let made = made.duration(6).cutoff(2).allow_unassociated_targets(true);
        let id = made.send().await.unwrap().window_id.unwrap();
        let step = MaintenanceWindowStepFunctionsParameters::builder()
            .input(input)
            .build();
        let parameters = MaintenanceWindowTaskInvocationParameters::builder().step_functions(step);
        let task = ssm
            .register_task_with_maintenance_window()
            .window_id(&id)
            .task_arn(OURS);
        let task = task
            .task_type(MaintenanceWindowTaskType::StepFunctions)
            .task_invocation_parameters(parameters.build());
        task.send().await.unwrap();
        id
    }
}

fn in_file(name: &str, schedule: &str, filter: &str) -> WindowRequest {
    let request = Scenario::of_fleet(fleet::parse(FLEET).unwrap()).request;
    let filters: asg_patch::tag_filter::TagFilters =
        [filter.parse::<asg_patch::tag_filter::TagFilter>().unwrap()]
            .into_iter()
            .collect();
    let text = WindowText {
        name: name.into(),
        schedule: schedule.into(),
        time_zone: Some("Europe/Berlin".into()),
        lengths: Some((TimeDelta::hours(3), TimeDelta::hours(1))),
        filters: filters.clone(),
        owner: Some("platform".into()),
        ..WindowText::default()
    };
    let request = RunRequest {
        selection: Selection {
            filters,
            ..request.selection.clone()
        },
        ..request
    };
    (PatchWindow::read(text).unwrap(), request)
}

fn account() -> Account {
    fleet::parse(FLEET).unwrap().account(1)
}

async fn shown(account: &Account, file: &[WindowRequest]) -> WindowsReport {
    shown_with(account, file, &WindowSetup::default()).await
}

async fn shown_with(
    account: &Account,
    file: &[WindowRequest],
    setup: &WindowSetup,
) -> WindowsReport {
    let aws = aws(account, "windows");
    windows(&aws, file, setup, &Selection::default(), 2)
        .await
        .expect("a report")
}

/// The stack's file holds the runs that AWS starts, the file of settings those from here, and a freeze that was declared all.
#[test]
fn an_opening_is_frozen_by_the_file_of_the_one_who_starts_its_run() {
    let freeze = |from: &str, until: &str, why: &str, window: &str| {
        format!(
            "[[freeze]]\nfrom = \"{from}\"\nuntil = \"{until}\"\nwhy = \"{why}\"\nwindows = [\"{window}\"]\n"
        )
    };
    let of_stack = "[[window]]\nname = \"prod\"\nschedule = \"cron(0 5 ? * SAT *)\"\napproval = \"required\"\nafter = \"dev\"\n"
        .to_owned()
        + &freeze("2026-10-16T00:00", "2026-10-18T00:00", "the sale", "prod")
        // Before the freeze, but not over until it has begun.
        + &freeze("2026-10-18T01:00", "2026-10-19T00:00", "not mine", "night");
    let of_file = freeze("2026-10-25T01:30", "2026-10-26T00:00", "the move", "night");
    in_virtual_time(1, async {
        let account = account();
        let owner = Owner(aws(&account, "owner"));
        let input = scheduled(r#","window":"prod","filters":{"Environment":"Production"}"#);
        owner
            .schedule("prod", "cron(0 5 ? * SAT *)", OURS, &input)
            .await;
        let file = [in_file(
            "night",
            "cron(0 2 ? * SUN *)",
            "Environment=Sandbox",
        )];
        let setup = WindowSetup::read(&of_file).unwrap();
        let now = account.clock().now();
        store_file(&owner.0.clients, &of_stack, "ops", now)
            .await
            .unwrap();
        let frozen = |report: &WindowsReport, name: &str| -> Vec<Option<String>> {
            let window = report.windows.iter().find(|w| w.window == name).unwrap();
            let reasons = window.openings.iter().map(|o| o.frozen.clone());
            reasons
                .map(|f| f.map(|why| why.split(' ').take(2).collect::<Vec<_>>().join(" ")))
                .collect()
        };
        let some = |why: &str| Some(why.to_owned());
        let report = shown_with(&account, &file, &setup).await;
        assert_eq!(frozen(&report, "prod"), [some("the sale"), None]);
        assert_eq!(frozen(&report, "night"), [None, some("the move")]);
        let prod = report.windows.iter().find(|w| w.window == "prod").unwrap();
        assert!(prod.approval_required && prod.after.as_deref() == Some("dev"));
        let table = windows_table(&report, 120);
        assert!(
            table.contains("FROZEN 2026-10-17: the sale (from "),
            "{table}"
        );
        assert!(
            table.contains("wait for: after = dev, of the last 7 days; a person's approval"),
            "{table}"
        );

        let declared = DeclaredFreeze {
            until: now + TimeDelta::days(30),
            why: "the fire".into(),
            by: "ada".into(),
            at: now,
        };
        declare_freeze(&owner.0.clients, &declared).await.unwrap();
        let report = shown_with(&account, &file, &setup).await;
        for name in ["prod", "night"] {
            assert_eq!(frozen(&report, name), [some("the fire"), some("the fire")]);
        }
    });
}

#[test]
fn both_kinds_stand_beside_the_files() {
    in_virtual_time(1, async {
        let account = account();
        let owner = Owner(aws(&account, "owner"));
        let group = |name: &str| scheduled(&format!(r#","window":"{name}""#));
        let groups = account.with_world(|w| w.schedules.groups.insert("patching".into()));
        assert!(groups);
        // The stack's own, switched off, and its sweep, which is no window.
        let off = ScheduleState::Disabled;
        owner
            .schedule_as("stack", "cron(0 4 * * ? *)", OURS, &scheduled(""), off)
            .await;
        owner
            .schedule("sweep", "rate(15 minutes)", OURS, r#"{"mode":"sweep"}"#)
            .await;
        let acceptance = r#","window":"acceptance","filters":{"Environment":"Acc*"},"duration_hours":4,"cutoff_hours":1"#;
        let acceptance = scheduled(acceptance);
        owner
            .schedule(
                "patching/acceptance",
                "cron(0 5 ? * SAT *)",
                OURS,
                &acceptance,
            )
            .await;
        // Not understood, and nobody's.
        owner
            .schedule(
                "broken",
                "cron(0 5 ? * SAT *)",
                OURS,
                &scheduled(r#","windw":"x""#),
            )
            .await;
        let fixed =
            r#"{"trigger":"schedule","schedule":"s","scheduled_time":"2026-10-14T04:00:00Z"}"#;
        owner
            .schedule("fixed", "cron(0 5 ? * SAT *)", OURS, fixed)
            .await;
        owner
            .schedule(
                "reports",
                "cron(0 5 ? * SAT *)",
                OTHER,
                r#"{"kind":"weekly"}"#,
            )
            .await;
        let function = "arn:aws:lambda:eu-west-1:123456789012:function:f";
        owner
            .schedule("function", "cron(0 5 ? * SAT *)", function, &group("f"))
            .await;

        let production =
            in_window(r#","window":"production","filters":{"Environment":"Production"}"#);
        // Made on the day between its cron day and its offset day: it first opens a month later.
        owner
            .window(
                "AsgPatch-production",
                "cron(30 23 ? * TUE#2 *)",
                Some(2),
                &production,
            )
            .await;
        let lab =
            in_window(r#","window":"lab","filters":{"Environment":"Sandbox"},"duration_hours":2"#);
        owner
            .window("AsgPatch-lab", "rate(7 days)", None, &lab)
            .await;

        let file = [
            in_file(
                "acceptance",
                "cron(0 4 ? * SAT *)",
                "Environment=Acceptance",
            ),
            in_file("sandbox", "cron(0 2 ? * SUN *)", "Environment=Sandbox"),
        ];
        let report = shown(&account, &file).await;
        expect![[r#"
            window      opens (UTC)       local time                 length  groups  takes
            ────────────────────────────────────────────────────────────────────────────────
            acceptance  2026-10-17 03:00  Sat 2026-10-17 05:00 CEST  4h 00m  1       16m 50s
                        2026-10-24 03:00  Sat 2026-10-24 05:00 CEST
              cron(0 5 ? * SAT *) Europe/Berlin
              source: schedule patching/acceptance and the file
              groups with Environment=Acc*
              owner: platform
            sandbox     2026-10-18 00:00  Sun 2026-10-18 02:00 CEST  3h 00m  1       16m 50s
                        2026-10-25 00:00  Sun 2026-10-25 02:00 CEST
              cron(0 2 ? * SUN *) Europe/Berlin
              source: the file
              groups with Environment=Sandbox
              owner: platform
            lab         2026-10-21 04:00  Wed 2026-10-21 06:00 CEST  2h 00m  1       16m 50s
              rate(7 days) Europe/Berlin
              source: maintenance window mw-0000000030b9e31c8 (AsgPatch-lab)
              groups with Environment=Sandbox
            production  2026-11-12 22:30  Thu 2026-11-12 23:30 CET   6h 00m  1       16m 50s
                        2026-12-10 22:30  Thu 2026-12-10 23:30 CET
              cron(30 23 ? * TUE#2 *) Europe/Berlin
              source: maintenance window mw-00000000102a31df5 (AsgPatch-production)
              groups with Environment=Production
            default     disabled          -                          3h 00m  3       -
              cron(0 4 * * ? *) Europe/Berlin
              source: schedule default/stack
              its input names no length: this is the default, its stack may have another

            5 windows in eu-west-1 at 2026-10-14 04:00:01 UTC, 6 problems to look at.
            problem: schedule default/broken is not understood: in the input
                     {"trigger":"schedule","schedule":"<aws.scheduler.schedule-arn>","scheduled_time":"<aws.scheduler.scheduled-time>","windw":"x"}: unknown field `windw`,
                     expected one of `mode`, `trigger`, `schedule`, `scheduled_time`, `window_id`, `window_execution_id`, `groups`, `filters`, `window`, `operation`,
                     `duration_hours`, `cutoff_hours`, `max_in_flight`, `max_failures`, `at_deadline`, `keep_failed_days`, `before_document`, `after_document`,
                     `before_failure`, `after_failure`, `reason`, `force`, `apply`, `keep`, `older_than_days`, `grace_days`, `automation`
            problem: schedule default/fixed is not understood: expected a placeholder for scheduled_time, which AWS fills in, found a value: each run after the first is a
                     duplicate
            problem: acceptance: the file says 2026-10-17 02:00 UTC, AWS opens it at 03:00 UTC (schedule patching/acceptance)
            problem: acceptance: duration 3h 00m in the file, 4h 00m in AWS (schedule patching/acceptance)
            problem: acceptance: groups Environment=Acceptance in the file, Environment=Acc* in AWS (schedule patching/acceptance)
            problem: production opens next at 2026-11-12 22:30 UTC, as AWS says, which is what counts; by its schedule it would open 2026-10-15 21:30 UTC
        "#]].assert_eq(&windows_table(&report, 160));
        let json = serde_json::to_value(&report).expect("JSON");
        expect![[r#"[{"kind":"schedule","name":"patching/acceptance","arn":"arn:aws:scheduler:eu-west-1:123456789012:schedule/patching/acceptance"},{"kind":"file"}]"#]].assert_eq(&json["windows"][0]["sources"].to_string());
        expect![[r#"[{"source":{"kind":"schedule","name":"default/broken","arn":"arn:aws:scheduler:eu-west-1:123456789012:schedule/default/broken"},"reason":"in the input {\"trigger\":\"schedule\",\"schedule\":\"<aws.scheduler.schedule-arn>\",\"scheduled_time\":\"<aws.scheduler.scheduled-time>\",\"windw\":\"x\"}: unknown field `windw`, expected one of `mode`, `trigger`, `schedule`, `scheduled_time`, `window_id`, `window_execution_id`, `groups`, `filters`, `window`, `operation`, `duration_hours`, `cutoff_hours`, `max_in_flight`, `max_failures`, `at_deadline`, `keep_failed_days`, `before_document`, `after_document`, `before_failure`, `after_failure`, `reason`, `force`, `apply`, `keep`, `older_than_days`, `grace_days`, `automation`"},{"source":{"kind":"schedule","name":"default/fixed","arn":"arn:aws:scheduler:eu-west-1:123456789012:schedule/default/fixed"},"reason":"expected a placeholder for scheduled_time, which AWS fills in, found a value: each run after the first is a duplicate"}]"#]].assert_eq(&json["unreadable"].to_string());
    });
}

#[test]
fn a_window_that_is_deleted_meanwhile_or_may_not_be_read_spoils_no_other() {
    in_virtual_time(1, async {
        let account = account();
        let owner = Owner(aws(&account, "owner"));
        for n in 0..120 {
            owner
                .schedule(&format!("customer-{n:03}"), "rate(1 hour)", OTHER, "{}")
                .await;
        }
        for name in ["w1", "w2", "w3"] {
            let input = scheduled(&format!(r#","window":"{name}""#));
            owner
                .schedule(name, "cron(0 5 ? * SAT *)", OURS, &input)
                .await;
        }
        let refuse = |status, code: &str| {
            InjectedFault::Error(ApiError::with_status(status, code, "not for you"))
        };
        account.with_faults(|faults| {
            let gone = refuse(404, "ResourceNotFoundException");
            faults.add(FaultRule::at("scheduler:GetSchedule", 0, 1, gone));
            let denied = refuse(403, "AccessDeniedException");
            faults.add(FaultRule::at("scheduler:GetSchedule", 0, 1, denied));
            let denied = refuse(400, "AccessDeniedException");
            faults.add(FaultRule::at(
                "ssm:DescribeMaintenanceWindows",
                0,
                u64::MAX,
                denied,
            ));
        });
        let aws = aws(&account, "windows");
        let found = account_windows(&aws, Some(OURS), &Defaults::default())
            .await
            .unwrap();
        let names: Vec<&str> = found
            .windows
            .iter()
            .map(|w| w.window.name.as_str())
            .collect();
        assert_eq!(names, ["w3"]);
        let unreadable: Vec<String> = found.unreadable.iter().map(ToString::to_string).collect();
        assert_eq!(
            unreadable,
            [
                "schedule default/w2 is not understood: scheduler:GetSchedule: AccessDeniedException: not for you"
            ]
        );
        assert_eq!(
            found.unread,
            [
                "maintenance windows of Systems Manager may not be read: ssm:DescribeMaintenanceWindows: AccessDeniedException: not for you"
            ]
        );
        // Two pages; of the schedules of others not one was looked at.
        let counts = account.calls().counts;
        assert_eq!(counts["scheduler:ListSchedules"], 2);
        assert_eq!(counts["scheduler:GetSchedule"], 3);
    });
}

/// The rest of the command goes on, and says what it does not know.
#[test]
fn without_permission_the_files_windows_are_shown_with_a_warning() {
    in_virtual_time(1, async {
        let account = account();
        account.with_faults(|faults| {
            for operation in ["scheduler:ListSchedules", "ssm:DescribeMaintenanceWindows"] {
                let error = ApiError::with_status(403, "AccessDeniedException", "no");
                let denied = InjectedFault::Error(error);
                faults.add(FaultRule::at(operation, 0, u64::MAX, denied));
            }
        });
        let file = [in_file("all", "cron(0 4 ? * SAT *)", "Environment=*")];
        let report = shown(&account, &file).await;
        expect![[r#"
            window  opens (UTC)       local time                 length  groups  takes
            ────────────────────────────────────────────────────────────────────────────
            all     2026-10-17 02:00  Sat 2026-10-17 04:00 CEST  3h 00m  3       16m 53s
                    2026-10-24 02:00  Sat 2026-10-24 04:00 CEST
              cron(0 4 ? * SAT *) Europe/Berlin
              source: the file
              groups with Environment=*
              owner: platform

            1 window in eu-west-1 at 2026-10-14 04:00:00 UTC, nothing is wrong.
            warning: schedules of EventBridge Scheduler may not be read: scheduler:ListSchedules: AccessDeniedException: no
            warning: maintenance windows of Systems Manager may not be read: ssm:DescribeMaintenanceWindows: AccessDeniedException:
                     no
        "#]].assert_eq(&windows_table(&report, 120));
    });
}

/// An interruption of AWS is no absence of windows.
#[test]
fn a_service_that_does_not_answer_is_an_error() {
    in_virtual_time(1, async {
        let account = account();
        account.with_faults(|faults| {
            let broken =
                InjectedFault::Error(ApiError::with_status(500, "InternalServerException", "x"));
            faults.add(FaultRule::at(
                "scheduler:ListSchedules",
                0,
                u64::MAX,
                broken,
            ));
        });
        let aws = aws(&account, "windows");
        let error = account_windows(&aws, None, &Defaults::default())
            .await
            .expect_err("unknown");
        assert!(
            error.operation.contains("scheduler:ListSchedules"),
            "{error:?}"
        );
    });
}
