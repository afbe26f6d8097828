//! How a run grows with its groups: `cargo bench --bench scale -- 50 500 2000 5000`.
//!
//! Each size is measured in a process of its own (Linux only): a rehearsal of that number of groups, and one of fifty
//! groups in an account that has that number, by which the simulated account is judged. The run may use all of AWS's
//! rates; with `ASG_PATCH_BENCH_OTHERS=50` others use half of each. The last column is what a copy of the account takes
//! when the run is over; the rest of the memory is the engine's, and the allocator's.
//!
//! The model is one of groups, AWS's times and its token buckets, with calls shared and folded and each group by
//! itself: what is possible, to the 760 s of one group alone.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout
)]

mod common;
#[path = "common/process.rs"]
mod process;

use std::process::Command;

use asg_patch::aws::ApiShare;
use asg_patch::run::{self, Stop};
use asg_patch::sim::fleet;
use common::{account_of, fleet_of, runtime};
use process::{processor_seconds, status_mb};

const SIZES: [usize; 4] = [50, 500, 2_000, 5_000];
/// Groups of the run in the accounts of several sizes.
const FEW: usize = 50;
/// The model's duration of a run by its groups, seconds, and of one group alone.
const MODEL: [(usize, f64); 4] = [(50, 810.0), (200, 863.0), (500, 987.0), (2_000, 1_815.0)];
const MODEL_ALONE: f64 = 760.0;

fn main() {
    // Cargo adds options of its own.
    let given: Vec<usize> = std::env::args()
        .skip(1)
        .filter_map(|a| a.parse().ok())
        .collect();
    if let Ok(run) = std::env::var("ASG_PATCH_BENCH_RUN") {
        measure(given[0], run.parse().unwrap());
        return;
    }
    let sizes = if given.is_empty() {
        SIZES.to_vec()
    } else {
        given
    };
    println!(
        "groups of the run/account; processor s; ms/group; calls/group; changing; throttled of 200; us/call; \
         simulated s; peak MB; account MB"
    );
    let alone = in_a_process(1, 1);
    let rows: Vec<(usize, Row)> = sizes.iter().map(|n| (*n, in_a_process(*n, *n))).collect();
    let few: Vec<(usize, f64)> = sizes
        .iter()
        .map(|n| (*n, in_a_process(*n, FEW.min(*n)).processor))
        .collect();
    for (groups, row) in &rows {
        let model = MODEL.iter().find(|(n, _)| n == groups);
        let model = model.map(|(_, s)| format!(" (the model's: {:.2})", s / MODEL_ALONE));
        let ratio = row.simulated / alone.simulated;
        println!(
            "a run of {groups} to one of 1: {ratio:.2}{}",
            model.unwrap_or_default()
        );
    }
    let whole: Vec<(usize, f64)> = rows.iter().map(|(n, row)| (*n, row.processor)).collect();
    println!(
        "exponent of processor time over groups: {:.2}",
        exponent(&whole)
    );
    println!(
        "the same, of a run over {FEW}, over the account's groups: {:.2}",
        exponent(&few)
    );
}

/// Seconds that a run took.
struct Row {
    processor: f64,
    simulated: f64,
}

/// Prints the row.
fn in_a_process(account: usize, run: usize) -> Row {
    let child = Command::new(std::env::current_exe().unwrap())
        .arg(account.to_string())
        .env("ASG_PATCH_BENCH_RUN", run.to_string())
        .output()
        .unwrap();
    let row = String::from_utf8(child.stdout).unwrap();
    assert!(
        child.status.success(),
        "{}",
        String::from_utf8_lossy(&child.stderr)
    );
    print!("{row}");
    let figure = |place: usize| row.split(';').nth(place).unwrap().trim().parse().unwrap();
    Row {
        processor: figure(1),
        simulated: figure(7),
    }
}

/// The slope between the smallest and the largest size.
fn exponent(rows: &[(usize, f64)]) -> f64 {
    let (Some((small, before)), Some((large, after))) = (rows.first(), rows.last()) else {
        return f64::NAN;
    };
    (after / before).ln() / (*large as f64 / *small as f64).ln()
}

fn measure(groups: usize, run: usize) {
    fastrand::seed(1);
    let text = fleet_of(groups);
    let names = fleet::parse(&text).unwrap();
    let names = names.group_names().take(run).map(Into::into).collect();
    runtime().block_on(async {
        let (account, aws, mut request) = account_of(&text);
        let others = std::env::var("ASG_PATCH_BENCH_OTHERS").map_or(0, |n| n.parse().unwrap());
        let account = account.with_others_calls(others);
        let aws = aws.at_share(ApiShare::ALL);
        if run < groups {
            request.selection.groups = names;
        }
        let before = processor_seconds();
        let (_keep, stop) = tokio::sync::watch::channel(Stop::Continue);
        let report = run::run(&aws, &request, stop, &mut |_| {}).await.unwrap();
        assert_eq!(report.groups.len(), run);
        let took = processor_seconds() - before;
        let counts = account.calls().counts.clone();
        let calls = counts.values().sum::<u64>() as f64;
        let changes = account.calls().changing as f64;
        let throttled = account.calls().throttled as f64 * 200.0 / calls;
        let peak = status_mb("VmHWM:");
        let resident = status_mb("VmRSS:");
        let copy = account.freeze();
        let of_account = status_mb("VmRSS:") - resident;
        drop(copy);
        println!(
            "{run}/{groups}; {took:.2}; {:.1}; {:.1}; {:.1}; {throttled:.2}; {:.0}; {}; {peak:.0}; {of_account:.0}",
            took * 1e3 / run as f64,
            calls / run as f64,
            changes / run as f64,
            took * 1e6 / calls,
            (report.finished_at - report.started_at).num_seconds(),
        );
    });
}
