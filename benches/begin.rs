//! The costs of `Begin` for a large run: `cargo bench --bench begin -- 1000 5000 10000`.
//!
//! Each row is measured in a process of its own (Linux only): the function's first task, at half of AWS's rates, in an
//! account of that number of groups, each with a launch template of its own. They have short names, or names of 60
//! characters of which the last 13 are random, as CloudFormation makes them; they sleep, or are awake and have more tags
//! and a schedule. The memory is
//! what the process had more after the task than before it, at its peak: the simulated account is not in it, but for
//! what an answer of it takes for a moment.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout
)]

mod common;
#[path = "common/process.rs"]
mod process;

use std::fmt::Write as _;
use std::process::Command;

use asg_patch::aws::Aws;
use asg_patch::channels::Outside;
use asg_patch::lambda::{Function, Settings};
use asg_patch::request::RunRequest;
use asg_patch::sim::parties::{Parties, PartiesConnector};
use asg_patch::trigger::Defaults;
use chrono::TimeDelta;
use common::{account_of, fleet_of, runtime};
use process::{processor_seconds, status_mb};
use serde_json::json;

const SIZES: [usize; 3] = [1_000, 5_000, 10_000];
/// The fleets that are measured.
const KINDS: [&str; 3] = ["short", "long", "awake"];
/// In the place of a maximum: a group by day, with the schedule of its nights and weekends.
const AWAKE: &str = r#"
max = 4
desired = 1
propagated_tags = { Application = "payments", Environment = "production", CostCentre = "4711", Team = "settlement" }
scheduled_actions = [
    { name = "open", min = 1, max = 4, desired = 2, recurrence = "0 7 * * 1-5", time_zone = "Europe/London" },
    { name = "close", min = 0, max = 4, desired = 0, recurrence = "0 19 * * 1-5", time_zone = "Europe/London" },
    { name = "market", min = 1, max = 4, desired = 1, recurrence = "0 9 * * 6", time_zone = "Europe/London" },
    { name = "home", min = 0, max = 4, desired = 0, recurrence = "0 13 * * 6", time_zone = "Europe/London" },
]
"#;
/// The time limit of an invocation.
const FUNCTION_LIMIT: TimeDelta = TimeDelta::seconds(300);

fn main() {
    // Cargo adds options of its own.
    let given: Vec<usize> = std::env::args()
        .skip(1)
        .filter_map(|a| a.parse().ok())
        .collect();
    if let Ok(kind) = std::env::var("ASG_PATCH_BENCH_KIND") {
        measure(given[0], &kind);
        return;
    }
    let sizes = if given.is_empty() {
        SIZES.to_vec()
    } else {
        given
    };
    println!(
        "groups; names; simulated s; calls; processor s; memory MB; batches of the first step; KiB of the answer"
    );
    for groups in sizes {
        for kind in KINDS {
            let child = Command::new(std::env::current_exe().unwrap())
                .arg(groups.to_string())
                .env("ASG_PATCH_BENCH_KIND", kind)
                .output()
                .unwrap();
            assert!(
                child.status.success(),
                "{}",
                String::from_utf8_lossy(&child.stderr)
            );
            print!("{}", String::from_utf8(child.stdout).unwrap());
        }
    }
}

fn text_of(groups: usize, kind: &str) -> String {
    match kind {
        "long" => long_names(groups),
        "awake" => fleet_of(groups).replace("max = 4", AWAKE),
        _ => fleet_of(groups),
    }
}

/// Groups that are called as CloudFormation calls them.
fn long_names(groups: usize) -> String {
    const DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let fifty = fleet_of(1);
    let (head, _) = fifty.split_once("[[templates]]").unwrap();
    let mut text = head.to_owned();
    for n in 0..groups {
        let random = |_| char::from(DIGITS[fastrand::usize(..DIGITS.len())]);
        let random: String = (0..13).map(random).collect();
        let stack = format!("payments-settlement-eu-{:02}", n % 40);
        let name = format!("{stack}-NightlyWorkerFleetGr-{random}");
        assert_eq!(name.len(), 60);
        let tags = "tags = { \"ep:asg:patch\" = \"true\" }";
        writeln!(
            text,
            "[[templates]]\nname = \"t-{n}\"\n{tags}\nversions = [{{ image = \"node\", instance_type = \"t3.small\" }}]\n\
             [[groups]]\nname = \"{name}\"\nmax = 4\ntemplate = \"t-{n}\"\nversion = \"$Latest\"\n{tags}\n"
        )
        .unwrap();
    }
    text
}

fn measure(groups: usize, kind: &str) {
    fastrand::seed(1);
    let text = text_of(groups, kind);
    runtime().block_on(async {
        let (account, aws, request) = account_of(&text);
        let function = function(aws, &request);
        let task = json!({"action": "begin", "input": {}, "execution": "bench", "retries": 0});
        let (before, resident) = (processor_seconds(), status_mb("VmRSS:"));
        let began = account.now();
        let deadline = account.clock().to_real(began + FUNCTION_LIMIT);
        let answer = function.answer(task, deadline).await.unwrap();
        let took = processor_seconds() - before;
        let seconds = (account.now() - began).as_seconds_f64();
        let calls: u64 = account.calls().counts.values().sum();
        let memory = status_mb("VmHWM:") - resident;
        let bytes = answer.to_string().len() as f64 / 1024.0;
        assert_eq!(answer["next"], "Batches", "{}", answer["reason"]);
        let batches = answer["step"]["batches"].as_array().map_or(0, Vec::len);
        println!(
            "{groups}; {kind}; {seconds:.0}; {calls}; {took:.1}; {memory:.0}; {batches}; {bytes:.0}"
        );
    });
}

/// A function that signs, with the settings of this run.
fn function(aws: Aws, request: &RunRequest) -> Function {
    let clock = aws.clock.clone();
    let parties = Parties::new(clock.clone());
    let outside = Outside::over(PartiesConnector::new(parties), clock);
    let settings = Settings {
        defaults: Defaults {
            max_in_flight: request.max_in_flight,
            max_failures: request.max_failures,
            ..Defaults::default()
        },
        mac_key: Some("alias/asg-patch".into()),
        ..Settings::read(|_| None)
    };
    Function::new(aws, outside, settings, |_| ())
}
