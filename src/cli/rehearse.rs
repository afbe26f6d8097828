//! `asg-patch rehearse`

use std::collections::BTreeSet;
use std::time::Duration;

use asg_patch::aws::Aws;
use asg_patch::clock::Clock;
use asg_patch::group::Code;
use asg_patch::report::{self, RunKind, RunReport};
use asg_patch::request::RunRequest;
use asg_patch::run::{BY_HAND, RunError, WindowSetup};
use asg_patch::sim::fleet::Fleet;
use asg_patch::sim::{Account, sdk};
use asg_patch::windows::{Freeze, FreezeTime};
use clap::Args;

use super::channels;
use super::error::{CliError, Exit};
use super::fleet::FleetOptions;
use super::keep::{self, KeepOptions};
use super::options::RunOptions;
use super::output::Output;
use super::run::run_and_show;
use super::settings::Settings;

/// Options of `rehearse`.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct RehearseArgs {
    #[command(flatten)]
    run: RunOptions,
    #[command(flatten)]
    keep: KeepOptions,
    #[command(flatten)]
    fleet: FleetOptions,
}

const EXAMPLES: &str = "\
Examples:
  asg-patch rehearse                                    the built-in fleet
  asg-patch rehearse --fleet fleets/example.toml        a fleet of your own
  asg-patch rehearse --seed 7 --duration 90m            other random values, a shorter window";

/// Executes a run on the simulated account and prints its report.
///
/// # Errors
/// The options or the fleet are invalid, the simulated account refused a call, or Ctrl-C stopped the
/// run at once.
pub(crate) fn execute(
    args: &RehearseArgs,
    settings: &Settings,
    output: &Output,
) -> Result<Exit, CliError> {
    args.run.check()?;
    let fleet = args.fleet.load()?;
    let setup = channels::setup(settings)?;
    // The SDK's jitter and the run id are drawn from this thread's generator: same seed, same run.
    fastrand::seed(fleet.seed());
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .map_err(CliError::Runtime)?
        .block_on(rehearse(args, &fleet, &setup, output))
}

async fn rehearse(
    args: &RehearseArgs,
    fleet: &Fleet,
    setup: &WindowSetup,
    output: &Output,
) -> Result<Exit, CliError> {
    let prices = args.keep.ready()?;
    let took = Clock::stopwatch();
    let account = fleet.account(1).without_log();
    let mut request = args
        .run
        .request(fleet.start(), "rehearsal".into(), output.pages_url())?;
    request.place_tags = setup.file.notices.place_tags();
    let sdk = sdk::sdk_config(&account, &request.run_id);
    let aws = Aws::identified(account.clock().clone(), sdk).await;
    let aws = args.run.within(&aws.map_err(RunError::from)?)?;
    let frozen = frozen(setup, &request);
    let mut report = run_and_show(&aws, &request, None, output).await?;
    report.kind = RunKind::Rehearse;
    report.warnings.splice(0..0, frozen);
    report.warnings.extend(channels::not_asked(setup, &request));
    let report = keep::with_cost(report, &prices);
    output.report(&report)?;
    if let Some(notices) = channels::rehearsed(&report, &request, setup) {
        output.remark(&notices);
    }
    output.remark(&summary(&report, &account, took()));
    Ok(args.keep.keep(&report, output, Exit::from(&report)))
}

/// Why the run itself would be refused, in sentences: it is rehearsed all the same. The simulated account knows no calendar of
/// another one.
fn frozen(setup: &WindowSetup, request: &RunRequest) -> Vec<String> {
    let window = request.about.window.as_deref().unwrap_or(BY_HAND);
    let freezes = setup.freezes.iter().filter(|f| f.is_for(window));
    let sentence = |freeze: &Freeze| match &freeze.when {
        FreezeTime::Dates { .. } => {
            let why = freeze.over(request.window.start, request.restore_by())?;
            Some(format!(
                "rehearsed all the same; a run at this time is refused: {}: {why}",
                Code::Frozen
            ))
        }
        FreezeTime::Calendar(name) => Some(format!(
            "a run is refused while the calendar {name} is closed, which a rehearsal cannot ask"
        )),
    };
    freezes.filter_map(sentence).collect()
}

/// Names of untouched groups that are shown; the others are counted.
const NAMES_SHOWN: usize = 8;

/// The time and the calls that it took, and the groups that have not opted in.
fn summary(report: &RunReport, account: &Account, took: Duration) -> String {
    let calls = account.calls();
    let simulated = (report.finished_at - report.started_at).num_seconds();
    let mut text = format!(
        "Rehearsed {} in {:.1} s of real time with {} API calls.",
        asg_patch::text::duration(simulated.unsigned_abs()),
        took.as_secs_f64(),
        calls.counts.values().sum::<u64>(),
    );
    if calls.throttled > 0 {
        text.push_str(&format!(
            " {} were refused for their rate.",
            calls.throttled
        ));
    }
    let worked_on: BTreeSet<&str> = report.groups.iter().map(|g| g.group.as_str()).collect();
    let others: Vec<String> = account.with_world(|world| {
        let names = world.groups.keys();
        names
            .filter(|name| !worked_on.contains(name.as_str()))
            .cloned()
            .collect()
    });
    let (touched, untouched): (Vec<&str>, Vec<&str>) = others
        .iter()
        .map(String::as_str)
        .partition(|name| calls.changed_groups.contains(*name));
    if !untouched.is_empty() {
        text.push_str(" Not opted in and without a changing call: ");
        let (shown, left_out) = report::fit::first(&untouched, NAMES_SHOWN);
        text.push_str(&shown.join(", "));
        if left_out > 0 {
            text.push_str(&format!(" and {left_out} more"));
        }
        text.push('.');
    }
    if !touched.is_empty() {
        text.push_str(" NOT OPTED IN, YET CHANGED: ");
        text.push_str(&touched.join(", "));
        text.push('.');
    }
    text
}
