//! `asg-patch status`

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use asg_patch::report::{self, RunReport};
use clap::Args;

use super::connect::connect;
use super::error::{CliError, Exit};
use super::history;
use super::options::{AwsOptions, SelectionOptions};
use super::output::Output;

/// Options of `status`.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    selection: SelectionOptions,
    /// Also show the last run of each group that the reports in this directory know of
    #[arg(long, value_name = "DIR")]
    reports: Option<PathBuf>,
    #[command(flatten)]
    aws: AwsOptions,
}

const EXAMPLES: &str = "\
Examples:
  asg-patch status                                      all groups that opted in, and every open record
  asg-patch status --group web-nightly
  asg-patch status --reports reports                    also the last run of each group that reports were kept of
  asg-patch status --json | jq -r '.groups[] | select(.record) | .group'";

/// Prints the opted-in groups as they are now.
///
/// # Errors
/// The options are invalid, or AWS could not be reached or refused a call.
pub(crate) async fn execute(args: &StatusArgs, output: &Output) -> Result<Exit, CliError> {
    let reports = match &args.reports {
        Some(folder) => kept(folder, output)?,
        None => Vec::new(),
    };
    let aws = connect(&args.aws).await?;
    let status = asg_patch::run::status(&aws, &args.selection.selection()).await?;
    let status = status.with_last_runs(&reports);
    output.tabular(
        &status,
        |width| report::status_table(&status, width),
        || report::status_sheet(&status),
    )?;
    Ok(Exit::Well)
}

/// The kept reports. A directory that is not there yet has none.
fn kept(folder: &Path, output: &Output) -> Result<Vec<RunReport>, CliError> {
    let place = format!("--reports {}", folder.display());
    match history::kept(folder) {
        Ok((reports, warnings)) => {
            warnings.iter().for_each(|w| output.remark(w));
            Ok(reports)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            output.remark(&format!("{place}: there is no such directory yet"));
            Ok(Vec::new())
        }
        Err(error) => Err(CliError::input(
            place,
            "a directory of kept reports",
            error.to_string(),
        )),
    }
}
