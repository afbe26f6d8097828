//! `asg-patch restore`

use std::time::Duration;

use asg_patch::ids::GroupName;
use asg_patch::request::{About, OptInTag};
use asg_patch::run::{RecordFilter, RestoreRequest};
use clap::Args;

use super::complete;
use super::connect::connect;
use super::error::{CliError, Exit};
use super::keep::ReportsOptions;
use super::options::{self, AwsOptions};
use super::output::Output;
use super::progress::Display;
use super::stop;

/// Options of `restore`.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct RestoreArgs {
    /// Restore this group, even before its deadline (repeatable) [default: all groups that are past
    /// theirs, or whose run is known to be dead]
    #[arg(long = "group", value_name = "NAME", value_parser = options::group_name, add = complete::recorded_groups())]
    groups: Vec<GroupName>,
    /// Take the named groups even from a run that is alive, or may be: it loses them
    #[arg(long, requires = "groups")]
    force: bool,
    /// Tag by which groups opt in: a named group without a record that lacks it is likely a slip
    #[arg(long, value_name = "KEY=VALUE", default_value_t = OptInTag::default())]
    tag: OptInTag,
    /// Give up after this long; the records of groups that are not restored stay
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = options::time_span)]
    duration: Duration,
    #[command(flatten)]
    reports: ReportsOptions,
    #[command(flatten)]
    aws: AwsOptions,
}

const EXAMPLES: &str = "\
Examples:
  asg-patch restore                                     all groups whose run is known to be dead, or past its deadline
  asg-patch restore --group web-nightly                 this one, unless its run is alive, or may be";

/// Restores groups from their records and prints a report.
///
/// # Errors
/// The options are invalid, AWS could not be reached or refused a call, or Ctrl-C stopped the command
/// at once.
pub(crate) async fn execute(args: &RestoreArgs, output: &Output) -> Result<Exit, CliError> {
    args.reports.ready()?;
    let aws = connect(&args.aws).await?;
    let request = RestoreRequest {
        owner: asg_patch::run::this_process(),
        filter: RecordFilter::named_or_due(args.groups.clone(), args.force),
        tag: args.tag.clone(),
        give_up_at: options::after(
            options::this_second(&aws.clock),
            args.duration,
            "--duration",
        )?,
    };
    let mut display = Display::new(output);
    let report = stop::heeding(output, async |stop| {
        asg_patch::run::restore(&aws, &request, stop, &mut |p| display.show(p)).await
    })
    .await?;
    let about = About {
        asked_by: options::user(),
        why: None,
        file_version: None,
        approved: None,
        window: None,
        pages_url: output.pages_url().map(str::to_owned),
    };
    let report = report.asked(request.owner, &about);
    output.report(&report)?;
    let exit = Exit::from(&report);
    Ok(args.reports.keep(&report, output, exit))
}
