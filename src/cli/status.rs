//! `asg-patch status`

use asg_patch::report;
use clap::Args;

use super::connect::connect;
use super::error::{CliError, Exit};
use super::options::{AwsOptions, SelectionOptions};
use super::output::Output;

/// Options of `status`.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    selection: SelectionOptions,
    #[command(flatten)]
    aws: AwsOptions,
}

const EXAMPLES: &str = "\
Examples:
  asg-patch status                                      all groups that opted in, and every open record
  asg-patch status --group web-nightly
  asg-patch status --json | jq -r '.groups[] | select(.record) | .group'";

/// Prints the opted-in groups as they are now.
///
/// # Errors
/// The options are invalid, or AWS could not be reached or refused a call.
pub(crate) async fn execute(args: &StatusArgs, output: &Output) -> Result<Exit, CliError> {
    let aws = connect(&args.aws).await?;
    let status = asg_patch::run::status(&aws, &args.selection.selection()).await?;
    output.tabular(
        &status,
        |width| report::status_table(&status, width),
        || report::status_sheet(&status),
    )?;
    Ok(Exit::Well)
}
