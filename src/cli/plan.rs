//! `asg-patch plan`

use asg_patch::report;
use clap::Args;

use super::channels::{self, frozen, not_asked};
use super::connect::connect;
use super::error::{CliError, Exit};
use super::keep::{self, PriceOptions};
use super::options::{self, AwsOptions, RunOptions};
use super::output::Output;
use super::settings::Settings;

/// Options of `plan`.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    run: RunOptions,
    #[command(flatten)]
    prices: PriceOptions,
    #[command(flatten)]
    aws: AwsOptions,
}

const EXAMPLES: &str = "\
Examples:
  asg-patch plan                                        all groups that opted in, in a window that begins now
  asg-patch plan --duration 5h                          does it all fit into a longer one?
  asg-patch plan --group web-nightly                    one group, and why it is refused
  asg-patch plan --json | jq '.groups[] | {group, starts_at, ends_at}'";

/// Prints what a run would do now. It is no success if a freeze would refuse the run, or a group finds no time.
///
/// # Errors
/// The options are invalid, or AWS could not be reached or refused a call.
pub(crate) async fn execute(
    args: &PlanArgs,
    settings: &Settings,
    output: &Output,
) -> Result<Exit, CliError> {
    args.run.check()?;
    let prices = args.prices.read()?;
    let setup = channels::setup(settings)?;
    let aws = args.run.within(&connect(&args.aws).await?)?;
    let request = args.run.request(
        options::this_second(&aws.clock),
        asg_patch::run::this_process(),
        output.pages_url(),
    )?;
    let mut plan = asg_patch::run::plan(&aws, &request).await?;
    let refused = match frozen(&aws, &setup, &request).await {
        Ok(refused) => refused,
        Err(fault) => {
            let reason = fault.to_failure().reason;
            let warning = format!("whether a freeze lies over the window is not known: {reason}");
            plan.warnings.push(warning);
            None
        }
    };
    let is_frozen = refused.is_some();
    if let Some(refused) = refused {
        let warning = format!("a run now is refused: {}: {}", refused.code, refused.reason);
        plan.warnings.insert(0, warning);
    }
    plan.warnings.extend(not_asked(&setup, &request));
    let plan = keep::plan_with_cost(plan, &prices);
    output.tabular(
        &plan,
        |width| report::plan_table(&plan, width),
        || report::plan_sheet(&plan),
    )?;
    Ok(match is_frozen || plan.lacks_time() {
        true => Exit::SomeFailed,
        false => Exit::Well,
    })
}
