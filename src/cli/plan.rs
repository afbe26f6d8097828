//! `asg-patch plan`

use asg_patch::report;
use clap::Args;

use super::connect::connect;
use super::error::{CliError, Exit};
use super::keep::{self, PriceOptions};
use super::options::{AwsOptions, RunOptions};
use super::output::Output;

/// Options of `plan`.
#[derive(Args, Debug)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    run: RunOptions,
    #[command(flatten)]
    prices: PriceOptions,
    #[command(flatten)]
    aws: AwsOptions,
}

/// Prints what a run would do now.
///
/// # Errors
/// The options are invalid, or AWS could not be reached or refused a call.
pub(crate) async fn execute(args: &PlanArgs, output: &Output) -> Result<Exit, CliError> {
    args.run.check()?;
    let prices = args.prices.read()?;
    let aws = args.run.within(&connect(&args.aws).await?)?;
    let request = args.run.request(
        aws.clock.now(),
        asg_patch::run::this_process(),
        output.pages_url(),
    )?;
    let plan = asg_patch::run::plan(&aws, &request).await?;
    let plan = keep::plan_with_cost(plan, prices.as_ref());
    output.tabular(
        &plan,
        |width| report::plan_table(&plan, width),
        || report::plan_sheet(&plan),
    )?;
    Ok(Exit::Well)
}
