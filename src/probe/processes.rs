//! Beliefs about suspended processes, and about the order of an answer's items.

use super::bench::Bench;
use super::trouble::Trouble;

/// The processes that every group has.
const PROCESSES: [&str; 8] = [
    "AZRebalance",
    "AddToLoadBalancer",
    "AlarmNotification",
    "HealthCheck",
    "Launch",
    "ReplaceUnhealthy",
    "ScheduledActions",
    "Terminate",
];

/// Reads whose order is compared.
const READS: usize = 5;

/// SuspendProcesses without a list, and the order in which the suspended ones are shown.
pub(super) async fn empty_list(bench: &Bench) -> Result<(), Trouble> {
    bench.make((0, 0, 0)).await?;
    bench.suspend(&[]).await?;
    let suspended = bench.settled().await?.suspended;
    let all = PROCESSES.iter().all(|p| suspended.iter().any(|s| s == p));
    let found = format!("{} processes were suspended", suspended.len());
    bench.holds("empty-list-means-all", all, found);
    if !all {
        bench.suspend(&PROCESSES).await?;
    }
    order(bench).await
}

async fn order(bench: &Bench) -> Result<(), Trouble> {
    let mut orders: Vec<Vec<String>> = Vec::new();
    for _ in 0..READS {
        orders.push(bench.settled().await?.suspended);
    }
    let all = |fits: fn(&String, &String) -> bool| {
        let in_order = |o: &Vec<String>| o.is_sorted_by(fits);
        orders.iter().all(in_order)
    };
    let (variant, found) = if all(|a, b| a <= b) {
        ("by-name", "by name in every read")
    } else if all(|a, b| a >= b) {
        ("reversed", "by name from the last in every read")
    } else if orders.windows(2).all(|pair| pair[0] == pair[1]) {
        ("shuffled", "another order, the same in every read")
    } else {
        ("shuffled", "another order in other reads")
    };
    bench.variant("answer-order", Some(variant), found);
    Ok(())
}
