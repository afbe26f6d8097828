//! The command line: one file per subcommand. Only this room writes to stdout.

mod approve;
mod ask;
mod channels;
mod complete;
mod completions;
mod config;
mod connect;
mod documents;
mod endpoint;
mod error;
mod explain;
mod fleet;
mod freeze;
mod history;
mod keep;
mod names;
mod notices;
mod notify;
mod options;
mod output;
mod paint;
mod plan;
mod probe;
mod profiles;
mod progress;
mod prune;
mod push;
mod rehearse;
mod report;
mod restore;
mod run;
mod settings;
mod simulate;
mod snapshot;
mod sources;
mod status;
mod stop;
mod windows;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use self::error::{CliError, Exit};
use self::output::{Format, Output};
use self::settings::{Settings, Wanted};

/// Patches EC2 Auto Scaling groups that sleep through their own maintenance window.
///
/// Groups opt in by the tag ep:asg:patch=true. A run launches one instance in each group, installs
/// the patches on it, bakes an image, proves the image with a second instance and restores the group.
#[derive(Debug, Parser)]
#[command(name = "asg-patch", version, propagate_version = true, after_help = EXIT_CODES, after_long_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: GlobalOptions,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 all well, 1 a group failed, was rolled back or found no time, 2 wrong usage or configuration, 3 AWS could \
not be reached or refused, 4 a group is not restored yet, 5 a Scan found patches missing.";

const EXAMPLES: &str = "\
Examples, from harmless to everything:
  asg-patch rehearse                                          the whole run on a simulated account
  asg-patch plan                                              what a run would do now
  asg-patch run --group web-nightly --operation Scan          what one group lacks
  asg-patch run                                               patches every group that opted in
  asg-patch status                                            the groups now, and open records
  asg-patch restore                                           restores what a dead run has left
  asg-patch prune                                             what past runs made that nobody uses any more

Exit codes: 0 all well, 1 a group failed, was rolled back or found no time, 2 wrong usage or configuration, 3 AWS could \
not be reached or refused, 4 a group is not restored yet, 5 a Scan found patches missing.";

#[derive(Args, Debug)]
pub(crate) struct GlobalOptions {
    /// Print the result as one JSON document on stdout: the same as `-o json`
    #[arg(long, global = true, conflicts_with = "output")]
    json: bool,
    /// Form of the result on stdout; csv and md have every value whole
    #[arg(
        short,
        long,
        global = true,
        value_name = "FORMAT",
        default_value = "table"
    )]
    output: Format,
    /// Where the pages about the codes are published, for links in texts and messages [default: texts name `asg-patch
    /// explain`]
    #[arg(long, global = true, value_name = "URL", value_parser = options::pages_url)]
    pages_url: Option<String>,
    /// Log more to stderr; repeat it for even more (RUST_LOG overrides it)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Show no progress on stderr
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Take settings from this file [default: the nearest asg-patch.toml, in this directory or above]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        conflicts_with = "no_config",
        hide_short_help = true,
        add = complete::toml_files()
    )]
    config: Option<PathBuf>,
    /// Take settings from no file
    #[arg(long, global = true, hide_short_help = true)]
    no_config: bool,
}

impl GlobalOptions {
    fn format(&self) -> Format {
        if self.json { Format::Json } else { self.output }
    }

    fn is_json(&self) -> bool {
        self.format() == Format::Json
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what a run would do now; change nothing
    Plan(plan::PlanArgs),
    /// Patch the opted-in groups of the account and region
    Run(run::RunArgs),
    /// Show the opted-in groups: capacity, version, image and its age, last run, open record
    Status(status::StatusArgs),
    /// Show the patch windows of the settings and of AWS: when each opens, what it takes, and what is wrong
    Windows(windows::WindowsArgs),
    /// Restore groups whose run died, from their records
    Restore(restore::RestoreArgs),
    /// Show which images, snapshots and template versions of past runs nobody uses; remove them with --apply
    Prune(prune::PruneArgs),
    /// Rehearse a run on the simulated account, in virtual time
    Rehearse(rehearse::RehearseArgs),
    /// Serve the simulated account on a loopback address for the AWS CLI, SDKs and `asg-patch run`
    Simulate(simulate::SimulateArgs),
    /// Print a fleet file of the account's opted-in groups, to rehearse the coming window with them
    Snapshot(snapshot::SnapshotArgs),
    /// Check on a real account, with throwaway groups of its own, whether AWS behaves as believed
    Probe(probe::ProbeArgs),
    /// Show a kept report again, or write it as an HTML file
    Report(report::ReportArgs),
    /// List past runs from their kept reports: outcomes, images, patches, who asked and why
    History(history::HistoryArgs),
    /// Print the page about a code of a report, or list all codes
    Explain(explain::ExplainArgs),
    /// Show the command documents that runs send to instances, or create them
    Documents(documents::DocumentsArgs),
    /// Show the freezes in which nothing is patched, declare one, or lift it
    Freeze(freeze::FreezeArgs),
    /// Approve or reject an opening of a window that demands it, or list the decisions
    Approve(approve::ApproveArgs),
    /// Show each setting and where it comes from; print the file's schema; check a file; store it for the stack
    Config(config::ConfigArgs),
    /// List what was said of windows, to which channels, and what will be
    Notices(notices::NoticesArgs),
    /// Try the channels of a configuration file with a test notice
    Notify(notify::NotifyArgs),
    /// Print what makes a shell complete commands, options, group names and files
    Completions(completions::CompletionsArgs),
}

impl Command {
    /// Whether its result is a table, which other programs can read as CSV.
    fn is_tabular(&self) -> bool {
        match self {
            Self::Plan(_) | Self::Run(_) | Self::Status(_) => true,
            Self::Restore(_) | Self::Prune(_) | Self::Windows(_) => true,
            Self::Rehearse(_) | Self::History(_) | Self::Report(_) => true,
            Self::Explain(args) => args.lists(),
            Self::Config(args) => args.shows(),
            Self::Simulate(_) | Self::Snapshot(_) | Self::Probe(_) => false,
            Self::Documents(_) | Self::Completions(_) | Self::Notify(_) => false,
            Self::Freeze(_) | Self::Approve(_) | Self::Notices(_) => false,
        }
    }

    /// Whether it changes something in the account: then it says which file it found its settings in.
    fn is_changing(&self) -> bool {
        match self {
            Self::Run(_) | Self::Restore(_) | Self::Prune(_) | Self::Probe(_) => true,
            Self::Documents(args) => args.creates(),
            Self::Freeze(args) => args.changes(),
            Self::Approve(args) => args.decides(),
            Self::Plan(_) | Self::Status(_) | Self::Windows(_) | Self::Snapshot(_) => false,
            Self::Rehearse(_) | Self::Simulate(_) => false,
            Self::Report(_) | Self::History(_) | Self::Explain(_) => false,
            Self::Config(args) => args.pushes(),
            Self::Completions(_) | Self::Notices(_) => false,
            // It posts, but into channels that the file names.
            Self::Notify(_) => true,
        }
    }

    /// Whether it does its work even if the settings are wrong.
    fn goes_without_settings(&self) -> bool {
        match self {
            Self::Explain(_) | Self::Completions(_) => true,
            Self::Config(args) => !args.shows(),
            Self::Plan(_) | Self::Run(_) | Self::Status(_) | Self::Restore(_) => false,
            Self::Prune(_) | Self::Windows(_) => false,
            Self::Rehearse(_) | Self::Simulate(_) | Self::Snapshot(_) | Self::Probe(_) => false,
            Self::Report(_) | Self::History(_) | Self::Documents(_) => false,
            Self::Notify(_) | Self::Freeze(_) | Self::Notices(_) => false,
            Self::Approve(_) => false,
        }
    }
}

/// A command line that was understood.
struct Understood {
    cli: Cli,
    wanted: Wanted,
    settings: Settings,
}

/// Reads the command line, with the settings in the place of its defaults.
///
/// # Errors
/// The exit code, after the error was reported.
fn understand(words: &[OsString]) -> Result<Understood, Exit> {
    let wanted = Wanted::of(Cli::command(), words);
    let read =
        Settings::read(&Cli::command(), &wanted).and_then(|settings| match settings::window_named(
            Cli::command(),
            words,
        ) {
            Some(window) => settings.within(&window),
            None => Ok(settings),
        });
    let (settings, wrong) = match read {
        Ok(settings) => (settings, None),
        Err(error) => (Settings::default(), Some(error)),
    };
    let command = settings.apply(Cli::command());
    let parsed = command.clone().try_get_matches_from(words).and_then(|m| {
        let cli = Cli::from_arg_matches(&m)?;
        Ok((m, cli))
    });
    let asks_json = output::asked_for_json().unwrap_or_else(|| settings.ask_for_json());
    let (matches, mut cli) = match (parsed, wrong) {
        // What is missing may be in the file that is wrong.
        (Err(error), Some(wrong)) if error.kind() == ErrorKind::MissingRequiredArgument => {
            return Err(output::error(&wrong, asks_json));
        }
        (Err(error), _) => return Err(output::parse_error(&error, asks_json)),
        (Ok((_, cli)), Some(wrong)) if !cli.command.goes_without_settings() => {
            return Err(output::error(&wrong, cli.global.is_json()));
        }
        (Ok(parsed), _) => parsed,
    };
    settings.remember(&command, &matches);
    let is_sheet = matches!(cli.global.output, Format::Csv | Format::Md);
    if is_sheet && !cli.command.is_tabular() && !settings::was_typed(&matches, "output") {
        cli.global.output = Format::Table;
    }
    Ok(Understood {
        cli,
        wanted,
        settings,
    })
}

/// Runs the program and returns its exit code.
pub(crate) fn main() -> Exit {
    if let Some(exit) = completions::answered() {
        return exit;
    }
    let words: Vec<OsString> = std::env::args_os().collect();
    let Understood {
        cli,
        wanted,
        settings,
    } = match understand(&words) {
        Ok(understood) => understood,
        Err(exit) => return exit,
    };
    let output = match Output::new(&cli.global) {
        Ok(output) => output,
        Err(error) => return output::error(&error, cli.global.is_json()),
    };
    if let Err(error) = output.check(cli.command.is_tabular()) {
        return output::error(&error, cli.global.is_json());
    }
    if cli.command.is_changing() {
        settings.say(&output);
    }
    let result = match cli.command {
        Command::Plan(args) => block_on(plan::execute(&args, &settings, &output)),
        Command::Run(args) => block_on(run::execute(&args, &settings, &output)),
        Command::Status(args) => block_on(status::execute(&args, &output)),
        Command::Windows(args) => block_on(windows::execute(&args, &settings, &output)),
        Command::Restore(args) => block_on(restore::execute(&args, &output)),
        Command::Prune(args) => block_on(prune::execute(&args, &output)),
        Command::Rehearse(args) => rehearse::execute(&args, &settings, &output),
        Command::Simulate(args) => block_on(simulate::execute(&args, &output)),
        Command::Snapshot(args) => block_on(snapshot::execute(&args, &output)),
        Command::Probe(args) => block_on(probe::execute(&args, &output)),
        Command::Report(args) => report::execute(&args, &output),
        Command::History(args) => history::execute(&args, &output),
        Command::Explain(args) => explain::execute(&args, &output),
        Command::Documents(args) => block_on(documents::execute(&args, &output)),
        Command::Notices(args) => block_on(notices::execute(&args, &settings, &output)),
        Command::Freeze(args) => block_on(freeze::execute(&args, &settings, &output)),
        Command::Approve(args) => block_on(approve::execute(&args, &output)),
        Command::Config(args) => config::execute(&args, &settings, &wanted, &output),
        Command::Notify(args) => block_on(notify::execute(&args, &settings, &output)),
        Command::Completions(args) => completions::execute(&args, &output),
    };
    output.ended(result.unwrap_or_else(|error| output::error(&error, cli.global.is_json())))
}

/// Runs a command on a runtime of its own. One thread is enough: a run waits most of the time.
fn block_on<T>(command: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CliError::Runtime)?
        .block_on(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
