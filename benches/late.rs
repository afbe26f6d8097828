//! How long groups wait for us: `cargo bench --bench late -- 1 50 200 500`.
//!
//! For each size, over several fleets that differ in how long AWS takes: the calls for each group, how long a group takes,
//! and the share of that in which nothing of AWS's was under way for it, neither a launch nor a boot, a command, an image
//! or a status check. That share is what a better schedule of looks could save. It holds the time that a group waits for
//! AWS's rates, too.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout
)]

mod common;

use std::collections::BTreeMap;

use asg_patch::aws::ApiShare;
use asg_patch::report::GroupReport;
use asg_patch::run::{self, Stop};
use asg_patch::sim::Account;
use chrono::{DateTime, TimeDelta, Utc};
use common::{account_of, fleet_of, runtime};

const SIZES: [usize; 4] = [1, 50, 200, 500];
/// Groups of all fleets of a size together, at least; and fleets of a size, at most.
const GROUPS: usize = 400;
const FLEETS: usize = 4;
/// The first fleet's seed.
const SEED: usize = 50;

/// From when to when.
type Span = (DateTime<Utc>, DateTime<Utc>);

fn main() {
    // Cargo adds options of its own.
    let given: Vec<usize> = std::env::args()
        .skip(1)
        .filter_map(|a| a.parse().ok())
        .collect();
    let sizes = if given.is_empty() {
        SIZES.to_vec()
    } else {
        given
    };
    println!(
        "groups; calls/group; changing; seconds/group; idle s/group; idle %; altered s; run s"
    );
    for groups in sizes {
        let fleets = (GROUPS / groups).clamp(1, FLEETS);
        let figures = (0..fleets).map(|n| measure(groups, SEED + n));
        let figures: Vec<[f64; 6]> = figures.collect();
        let mean = |place: usize| figures.iter().map(|f| f[place]).sum::<f64>() / fleets as f64;
        let [calls, changing, took, idle, altered, run] = std::array::from_fn(mean);
        println!(
            "{groups}; {calls:.1}; {changing:.1}; {took:.0}; {idle:.1}; {:.1}; {altered:.0}; {run:.0}",
            100.0 * idle / took
        );
    }
}

fn measure(groups: usize, seed: usize) -> [f64; 6] {
    fastrand::seed(1);
    let text = fleet_of(groups).replace("seed = 50", &format!("seed = {seed}"));
    runtime().block_on(async {
        let (account, aws, request) = account_of(&text);
        let aws = aws.at_share(ApiShare::ALL);
        let (_keep, stop) = tokio::sync::watch::channel(Stop::Continue);
        let mut births = Births::default();
        let report = run::run(&aws, &request, stop, &mut |_| births.learn(&account)).await;
        let report = report.unwrap();
        let calls = account.calls();
        let all = calls.counts.values().sum::<u64>() as f64;
        let mean = |of: &dyn Fn(&GroupReport) -> f64| {
            report.groups.iter().map(of).sum::<f64>() / groups as f64
        };
        [
            all / groups as f64,
            calls.changing as f64 / groups as f64,
            mean(&|g| spans(g).map(|(from, to)| seconds(to - from)).sum()),
            mean(&|g| idle(g, &births.work_for(&account, &g.group))),
            mean(&|g| g.altered_seconds as f64),
            seconds(report.finished_at - report.started_at),
        ]
    })
}

/// When the agents of instances registered and their status checks passed: forgotten when they are terminated.
#[derive(Default)]
struct Births(BTreeMap<String, [Option<DateTime<Utc>>; 2]>);

impl Births {
    fn learn(&mut self, account: &Account) {
        account.with_world(|world| {
            for instance in world.instances.values() {
                let [agent, checks] = self.0.entry(instance.id.clone()).or_default();
                *agent = agent.or(instance.agent.as_ref().map(|a| a.registered_at));
                *checks = checks.or(instance.checks_ok_at);
            }
        });
    }

    /// AWS's own work for a group.
    fn work_for(&self, account: &Account, group: &str) -> Vec<Span> {
        account.with_world(|world| {
            let activities = &world.groups[group].activities;
            let arrivals = activities
                .iter()
                .filter(|a| !a.description.starts_with("Terminating"));
            let mut work = Vec::new();
            for activity in arrivals {
                work.extend(activity.ended_at.map(|end| (activity.started_at, end)));
                let id = activity.description.rsplit(' ').next().unwrap();
                let Some(instance) = world.instances.get(id) else {
                    continue;
                };
                let [agent, checks] = self.0[id];
                let is_canary = instance
                    .tags
                    .get("asg-patch:role")
                    .is_some_and(|r| r == "canary");
                let checks = checks.filter(|_| is_canary);
                let ends = [agent, checks].into_iter().flatten();
                work.extend(ends.map(|end| (instance.launched_at, end)));
                let sent = world.ssm.sent_to.get(id).into_iter().flatten();
                let commands = sent.map(|(_, command)| &world.ssm.commands[command]);
                work.extend(commands.filter_map(|command| {
                    let end = command.invocations[id].finished_at?;
                    Some((command.requested_at, end))
                }));
                let images = world
                    .images
                    .values()
                    .filter(|image| image.source_instance.as_deref() == Some(id));
                work.extend(images.map(|image| (image.created_at, image.done_at)));
            }
            work
        })
    }
}

/// The group's phases.
fn spans(group: &GroupReport) -> impl Iterator<Item = Span> {
    group.phases.iter().map(|phase| {
        let to = phase.entered_at + TimeDelta::seconds(phase.seconds as i64);
        (phase.entered_at, to)
    })
}

/// Seconds of the group's phases without any of this work.
fn idle(group: &GroupReport, work: &[Span]) -> f64 {
    let idle_in = |(from, to): Span| {
        let within = work.iter().map(|(a, b)| ((*a).max(from), (*b).min(to)));
        let mut within: Vec<Span> = within.filter(|(a, b)| a < b).collect();
        within.sort();
        let (mut idle, mut at) = (0.0, from);
        for (begin, end) in within {
            idle += seconds((begin - at).max(TimeDelta::zero()));
            at = at.max(end);
        }
        idle + seconds(to - at)
    };
    spans(group).map(idle_in).sum()
}

fn seconds(time: TimeDelta) -> f64 {
    time.num_milliseconds() as f64 / 1e3
}
