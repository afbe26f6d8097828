//! `asg-patch run`

use asg_patch::aws::Aws;
use asg_patch::report;
use asg_patch::request::RunRequest;
use asg_patch::run::{RunError, RunNotices, Stop, WindowSetup};
use chrono::TimeDelta;
use clap::Args;

use super::channels;
use super::connect::connect_with_outside;
use super::error::{CliError, Exit};
use super::keep::{self, KeepOptions};
use super::options::{self, AwsOptions, RunOptions};
use super::output::Output;
use super::progress::Display;
use super::settings::Settings;
use super::stop;

/// Options of `run`.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    run: RunOptions,
    #[command(flatten)]
    keep: KeepOptions,
    /// Tell the channels of the file that --config names that the run begins, which groups fail, and how it ended
    #[arg(long, help_heading = "The run", hide_short_help = true)]
    notify: bool,
    /// Write the id of each patched group's image into the parameter /asg-patch/images/GROUP, for its owner's own tools
    #[arg(long, help_heading = "The run", hide_short_help = true)]
    publish_images: bool,
    /// Run although a freeze lies over the window
    #[arg(long, help_heading = "The run", hide_short_help = true)]
    despite_freeze: bool,
    #[command(flatten)]
    aws: AwsOptions,
}

impl RunArgs {
    /// The options of the run alone.
    pub(super) fn into_options(self) -> RunOptions {
        self.run
    }
}

/// So long the images of a run are published: at half of AWS's rates, some nine hundred.
const PUBLISHING: TimeDelta = TimeDelta::minutes(10);

const EXAMPLES: &str = "\
Examples:
  asg-patch run                                         every group that opted in, in a window of three hours
  asg-patch run --group web-nightly --group api         two of them
  asg-patch run --group web-nightly --operation Scan    only says what is missing
  asg-patch run --config ops.toml --notify              tells the channels of the file
  asg-patch run --json > report.json                    keeps the report; progress stays on the terminal

Press Ctrl-C once to stop: groups in progress are restored.";

/// Executes a run and prints its report.
///
/// # Errors
/// The options are invalid, AWS could not be reached or refused a call, or Ctrl-C stopped the command
/// at once.
pub(crate) async fn execute(
    args: &RunArgs,
    settings: &Settings,
    output: &Output,
) -> Result<Exit, CliError> {
    args.run.check()?;
    let prices = args.keep.ready()?;
    let setup = setup(args, settings)?;
    let (aws, outside) = connect_with_outside(&args.aws).await?;
    let aws = args.run.within(&aws)?;
    let mut request = args.run.request(
        options::this_second(&aws.clock),
        asg_patch::run::this_process(),
        output.pages_url(),
    )?;
    request.about.asked_by = options::user();
    request.place_tags = setup.file.notices.place_tags();
    if !args.despite_freeze {
        let frozen = channels::frozen(&aws, &setup, &request).await;
        if let Some(refused) = frozen.map_err(RunError::from)? {
            return Err(RunError::Refused(refused).into());
        }
    }
    if let Some(sentence) = channels::not_asked(&setup, &request) {
        output.remark(&sentence);
    }
    let told = RunNotices {
        outside: &outside,
        setup: &setup,
    };
    let told = args.notify.then_some(&told);
    let mut report = run_and_show(&aws, &request, told, output).await?;
    if args.publish_images {
        let by = aws.clock.now() + PUBLISHING;
        asg_patch::run::publish_images(&aws, &mut report, by).await;
    }
    let report = keep::with_cost(report, &prices);
    output.report(&report)?;
    Ok(args.keep.keep(&report, output, Exit::from(&report)))
}

/// Windows, channels and freezes of the file that was named.
fn setup(args: &RunArgs, settings: &Settings) -> Result<WindowSetup, CliError> {
    let setup = channels::setup(settings)?;
    if args.notify && setup.is_silent() {
        let expected =
            "a file with [[channel]] and [[route]] that --config or ASG_PATCH_CONFIG names";
        return Err(CliError::input("--notify", expected, "none"));
    }
    Ok(setup)
}

/// Executes a run; shows its progress and listens for Ctrl-C.
///
/// # Errors
/// The request is invalid, AWS could not be reached or refused a call, or Ctrl-C stopped the run at
/// once.
pub(super) async fn run_and_show(
    aws: &Aws,
    request: &RunRequest,
    told: Option<&RunNotices<'_>>,
    output: &Output,
) -> Result<report::RunReport, RunError> {
    let mut display = Display::new(output);
    stop::heeding(output, async |stop: tokio::sync::watch::Receiver<Stop>| {
        asg_patch::run::run_telling(aws, request, told, stop, &mut |p| display.show(p)).await
    })
    .await
}
