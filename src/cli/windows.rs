//! `asg-patch windows`

use asg_patch::report;
use asg_patch::request::{OptInTag, RunRequest, Selection};
use asg_patch::run::WindowRequest;
use asg_patch::windows::{PatchWindow, WindowText};
use chrono::{DateTime, Utc};
use clap::{Args, CommandFactory, FromArgMatches};

use super::channels;
use super::connect::connect;
use super::error::{CliError, Exit};
use super::options::{self, AwsOptions, RunOptions};
use super::output::Output;
use super::settings::Settings;
use super::{Cli, Command};

/// Options of `windows`.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct WindowsArgs {
    /// Show this many of the next openings of each window
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    next: u16,
    /// Tag by which groups opt in
    #[arg(long, value_name = "KEY=VALUE", default_value_t = OptInTag::default(), hide_short_help = true)]
    tag: OptInTag,
    #[command(flatten)]
    aws: AwsOptions,
}

const EXAMPLES: &str = "\
Examples:
  asg-patch windows                                     the windows of asg-patch.toml and of AWS, and what is wrong with them
  asg-patch windows --next 10 -o csv
  asg-patch run --window acceptance                     a run with the groups and the settings of a window, now";

/// Shows the windows of the settings and of AWS over the groups of the account.
///
/// # Errors
/// There is no window, one is wrong, or AWS could not be read.
pub(crate) async fn execute(
    args: &WindowsArgs,
    settings: &Settings,
    output: &Output,
) -> Result<Exit, CliError> {
    let base = run_options(settings)?;
    let aws = base.within(&connect(&args.aws).await?)?;
    let now = options::this_second(&aws.clock);
    let windows = defined(settings, now, output)?;
    let selection = Selection {
        tag: args.tag.clone(),
        ..Selection::default()
    };
    let setup = channels::setup(settings)?;
    let report =
        asg_patch::run::windows(&aws, &windows, &setup, &selection, args.next.into()).await?;
    let is_known = report.unread.is_empty() && report.unreadable.is_empty();
    if report.windows.is_empty() && is_known {
        return Err(nothing(settings));
    }
    output.tabular(
        &report,
        |width| report::windows_table(&report, width),
        || report::windows_sheet(&report),
    )?;
    Ok(match report.troubles.is_empty() {
        true => Exit::Well,
        false => Exit::SomeFailed,
    })
}

/// There is no window at all.
fn nothing(settings: &Settings) -> CliError {
    let found = settings
        .file
        .as_ref()
        .map_or("no file of settings", |f| &f.shown);
    CliError::input(
        "windows",
        "a schedule or maintenance window in AWS that starts runs, or [[window]] in asg-patch.toml or in the file that --config \
         names",
        found,
    )
}

/// The options of a run on whose command line nothing else stands.
fn run_options(settings: &Settings) -> Result<RunOptions, CliError> {
    let command = settings.apply(Cli::command());
    let matches = command.try_get_matches_from(["asg-patch", "run"]);
    let cli = matches.and_then(|m| Cli::from_arg_matches(&m));
    match cli.map(|cli| cli.command) {
        Ok(Command::Run(args)) => Ok(args.into_options()),
        Ok(_) | Err(_) => Err(CliError::input(
            "the settings of a run",
            "values that its flags take",
            "another value",
        )),
    }
}

/// The windows of the settings, each with the request of a run in it.
///
/// # Errors
/// The first that is wrong, with its place.
fn defined(
    settings: &Settings,
    now: DateTime<Utc>,
    output: &Output,
) -> Result<Vec<WindowRequest>, CliError> {
    let windows = settings.windows.iter().map(|entry| {
        let options = run_options(&settings.within(&entry.text.name)?)?;
        options.check()?;
        let owner = asg_patch::run::this_process();
        let request = options.request(now, owner, output.pages_url())?;
        let window = PatchWindow::read(with_run(&entry.text, &request));
        let window = window.map_err(|wrong| settings.wrong_window(entry, &wrong))?;
        Ok((window, request))
    });
    windows.collect()
}

/// A window's text with what its run says: its lengths, and the groups that it takes.
fn with_run(text: &WindowText, request: &RunRequest) -> WindowText {
    let window = request.window;
    WindowText {
        lengths: Some((
            window.deadline - window.start,
            window.deadline - window.cutoff,
        )),
        filters: request.selection.filters.clone(),
        ..text.clone()
    }
}
