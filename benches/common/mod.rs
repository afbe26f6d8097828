//! Runs over fleets of any size, for all benchmarks.

use asg_patch::aws::Aws;
use asg_patch::request::{FailureLimit, Operation, RunRequest, Selection};
use asg_patch::schedule::Window;
use asg_patch::sim::sdk::sdk_config;
use asg_patch::sim::{Account, fleet};
use chrono::TimeDelta;
use tokio::runtime::{Builder, Runtime};

const FIFTY: &str = include_str!("../fleet-50.toml");

/// A fleet of independent groups that sleep at zero.
pub(crate) fn fleet_of(groups: usize) -> String {
    FIFTY.replace("count = 50", &format!("count = {groups}"))
}

/// One thread, whose hours pass in no time.
pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}

/// An account with this fleet, which keeps no log of its calls, and a run over all of its groups.
pub(crate) fn account_of(text: &str) -> (Account, Aws, RunRequest) {
    let fleet = fleet::parse(text).unwrap();
    let account = fleet.account(1).without_log();
    let aws = Aws::new(account.clock().clone(), sdk_config(&account, "bench"));
    let window = Window::lasting(fleet.start(), TimeDelta::hours(6), TimeDelta::hours(1)).unwrap();
    let request = RunRequest {
        run_id: "bench".into(),
        owner: "bench".into(),
        window,
        selection: Selection::default(),
        operation: Operation::Install,
        max_in_flight: None,
        max_failures: FailureLimit::Percent(100),
        topic_arn: None,
        at_deadline: Default::default(),
        keep_failed: None,
        documents: Default::default(),
        place_tags: Default::default(),
        ring: None,
        about: Default::default(),
    };
    (account, aws, request)
}
