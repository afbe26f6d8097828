//! The sweep: `restore` needs nothing but the account. It tells the records of the living from those of the
//! dead, is safe to run at any time and twice at once, and leaves alone what it cannot read.
//!
//! A share is tried here; `SWEEP_STRIDE=1 cargo test --test suite sweep -- --nocapture` tries all.

mod beside;
mod died;
mod unreadable;

use asg_patch::ids::GroupName;
use asg_patch::report::{GroupReport, RunReport};
use asg_patch::request::OptInTag;
use asg_patch::run::{RecordFilter, RestoreRequest, RunError, Stop};
use asg_patch::sim::calls::is_change;
use asg_patch::sim::{Account, Frozen};
use chrono::{DateTime, TimeDelta, Utc};

use crate::common::{Scenario, aws, end, in_virtual_time, on_all_cores};
use crate::crash::record;

/// As in the crash suite: zero-sized by `$Latest`, two groups of one template, a morning schedule.
const SCENARIOS: [&str; 3] = [
    "sleeping-latest",
    "shared-template-latest",
    "morning-scheduled-action",
];

/// A run that died, at one of its stages.
struct Dead {
    name: String,
    seed: u64,
    untouched: Frozen,
    account: Frozen,
    deadline: DateTime<Utc>,
}

/// The stages at which something is left to restore; every `stride`-th.
fn dead(scenario: &str, stride: usize) -> Vec<Dead> {
    let loaded = Scenario::load(scenario);
    let seed = loaded.fleet.seed();
    in_virtual_time(seed, async {
        let (untouched, stages, _) = record(&loaded).await;
        let open = stages
            .into_iter()
            .map(|s| s.account)
            .enumerate()
            .filter(|(_, account)| !end::open_groups(&account.thaw()).is_empty());
        let dead = |(stage, account)| Dead {
            name: format!("{scenario}, stage {stage}"),
            seed,
            untouched: untouched.clone(),
            account,
            deadline: loaded.request.window.deadline,
        };
        open.step_by(stride).map(dead).collect()
    })
}

/// One `restore` of `groups`; of all that are past their deadline if there are none.
async fn restore(
    account: &Account,
    owner: &str,
    groups: Vec<GroupName>,
) -> Result<RunReport, RunError> {
    let aws = aws(account, owner);
    let request = RestoreRequest {
        owner: owner.into(),
        filter: RecordFilter::named_or_due(groups, true),
        tag: OptInTag::default(),
        give_up_at: aws.clock.now() + TimeDelta::hours(2),
    };
    let (_keep, stop) = tokio::sync::watch::channel(Stop::Continue);
    asg_patch::run::restore(&aws, &request, stop, &mut |_| {}).await
}

fn changes(report: &RunReport) -> Vec<&String> {
    let changes = |name: &&String| is_change(name.split(':').nth(1).unwrap_or_default());
    report.api_calls.keys().filter(changes).collect() // there is no dry run among a restore's calls
}

fn brief(groups: &[GroupReport]) -> Vec<String> {
    let brief = |g: &GroupReport| {
        let code = g.code.map(|c| c.to_string()).unwrap_or_default();
        format!("{} {} {code} {}", g.group, g.outcome, g.reason)
    };
    groups.iter().map(brief).collect()
}

/// Runs all tries and names what went wrong.
fn check<T: Send>(what: &str, tries: Vec<T>, problems: impl Fn(T) -> Vec<String> + Sync) {
    let count = tries.len();
    let wrong: Vec<String> = on_all_cores(tries, problems).concat();
    println!(
        "{what}: {count} combinations tried, {} problems",
        wrong.len()
    );
    assert!(
        count > 0 && wrong.is_empty(),
        "{what}:\n{}",
        wrong.join("\n")
    );
}

fn stride(default: usize) -> usize {
    std::env::var("SWEEP_STRIDE").map_or(default, |s| s.parse().expect("a number"))
}
