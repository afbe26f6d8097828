//! `asg-patch plan`

use asg_patch::report;
use clap::Args;

use super::connect::connect;
use super::error::{CliError, Exit};
use super::options::{AwsOptions, RunOptions};
use super::output::Output;

/// Options of `plan`.
#[derive(Args, Debug)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    run: RunOptions,
    #[command(flatten)]
    aws: AwsOptions,
}

/// Prints what a run would do now.
///
/// # Errors
/// The options are invalid, or AWS could not be reached or refused a call.
pub(crate) async fn execute(args: &PlanArgs, output: &Output) -> Result<Exit, CliError> {
    args.run.check()?;
    let aws = args.run.within(&connect(&args.aws).await?)?;
    let request = args
        .run
        .request(aws.clock.now(), asg_patch::run::this_process())?;
    let plan = asg_patch::run::plan(&aws, &request).await?;
    output.result(&plan, |width| report::plan_table(&plan, width));
    Ok(Exit::Well)
}
