//! `asg-patch run`

use asg_patch::aws::Aws;
use asg_patch::report;
use asg_patch::request::RunRequest;
use asg_patch::run::{RunError, Stop};
use clap::Args;

use super::connect::connect;
use super::error::{CliError, Exit};
use super::keep::{self, KeepOptions};
use super::options::{self, AwsOptions, RunOptions};
use super::output::Output;
use super::progress::Display;
use super::stop;

/// Options of `run`.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    run: RunOptions,
    #[command(flatten)]
    keep: KeepOptions,
    #[command(flatten)]
    aws: AwsOptions,
}

impl RunArgs {
    /// The options of the run alone.
    pub(super) fn into_options(self) -> RunOptions {
        self.run
    }
}

const EXAMPLES: &str = "\
Examples:
  asg-patch run                                         every group that opted in, in a window of three hours
  asg-patch run --group web-nightly --group api         two of them
  asg-patch run --group web-nightly --operation Scan    only says what is missing
  asg-patch run --json > report.json                    keeps the report; progress stays on the terminal

Press Ctrl-C once to stop: groups in progress are restored.";

/// Executes a run and prints its report.
///
/// # Errors
/// The options are invalid, AWS could not be reached or refused a call, or Ctrl-C stopped the command
/// at once.
pub(crate) async fn execute(args: &RunArgs, output: &Output) -> Result<Exit, CliError> {
    args.run.check()?;
    let prices = args.keep.ready()?;
    let aws = args.run.within(&connect(&args.aws).await?)?;
    let mut request = args.run.request(
        options::this_second(&aws.clock),
        asg_patch::run::this_process(),
        output.pages_url(),
    )?;
    request.about.asked_by = options::user();
    let report = run_and_show(&aws, &request, output).await?;
    let report = keep::with_cost(report, prices.as_ref());
    output.report(&report)?;
    Ok(args.keep.keep(&report, output, Exit::from(&report)))
}

/// Executes a run; shows its progress and listens for Ctrl-C.
///
/// # Errors
/// The request is invalid, AWS could not be reached or refused a call, or Ctrl-C stopped the run at
/// once.
pub(super) async fn run_and_show(
    aws: &Aws,
    request: &RunRequest,
    output: &Output,
) -> Result<report::RunReport, RunError> {
    let mut display = Display::new(output);
    stop::heeding(output, async |stop: tokio::sync::watch::Receiver<Stop>| {
        asg_patch::run::run(aws, request, stop, &mut |p| display.show(p)).await
    })
    .await
}
