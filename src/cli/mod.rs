//! The command line: one file per subcommand. Only this room writes to stdout.

mod complete;
mod completions;
mod connect;
mod documents;
mod endpoint;
mod error;
mod explain;
mod fleet;
mod history;
mod keep;
mod names;
mod notify;
mod options;
mod output;
mod paint;
mod plan;
mod probe;
mod profiles;
mod progress;
mod rehearse;
mod report;
mod restore;
mod run;
mod simulate;
mod snapshot;
mod status;
mod stop;

use clap::{Args, Parser, Subcommand};

use self::error::{CliError, Exit};
use self::output::{Format, Output};

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
    #[arg(long, global = true, value_name = "URL", env = "ASG_PATCH_PAGES_URL", value_parser = options::pages_url)]
    pages_url: Option<String>,
    /// Log more to stderr; repeat it for even more (RUST_LOG overrides it)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Show no progress on stderr
    #[arg(short, long, global = true)]
    quiet: bool,
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
    /// Restore groups whose run died, from their records
    Restore(restore::RestoreArgs),
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
    /// Try the channels of a configuration file with a test notice
    Notify(notify::NotifyArgs),
    /// Print what makes a shell complete commands, options, group names and files
    Completions(completions::CompletionsArgs),
}

impl Command {
    /// Whether its result is a table, which other programs can read as CSV.
    fn is_tabular(&self) -> bool {
        match self {
            Self::Plan(_) | Self::Run(_) | Self::Status(_) | Self::Restore(_) => true,
            Self::Rehearse(_) | Self::History(_) | Self::Report(_) => true,
            Self::Explain(args) => args.lists(),
            Self::Simulate(_) | Self::Snapshot(_) | Self::Probe(_) => false,
            Self::Documents(_) | Self::Completions(_) | Self::Notify(_) => false,
        }
    }
}

/// Runs the program and returns its exit code.
pub(crate) fn main() -> Exit {
    if let Some(exit) = completions::answered() {
        return exit;
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return output::parse_error(&error),
    };
    let output = match Output::new(&cli.global) {
        Ok(output) => output,
        Err(error) => return output::error(&error, cli.global.is_json()),
    };
    if let Err(error) = output.check(cli.command.is_tabular()) {
        return output::error(&error, cli.global.is_json());
    }
    let result = match cli.command {
        Command::Plan(args) => block_on(plan::execute(&args, &output)),
        Command::Run(args) => block_on(run::execute(&args, &output)),
        Command::Status(args) => block_on(status::execute(&args, &output)),
        Command::Restore(args) => block_on(restore::execute(&args, &output)),
        Command::Rehearse(args) => rehearse::execute(&args, &output),
        Command::Simulate(args) => block_on(simulate::execute(&args, &output)),
        Command::Snapshot(args) => block_on(snapshot::execute(&args, &output)),
        Command::Probe(args) => block_on(probe::execute(&args, &output)),
        Command::Report(args) => report::execute(&args, &output),
        Command::History(args) => history::execute(&args, &output),
        Command::Explain(args) => explain::execute(&args, &output),
        Command::Documents(args) => block_on(documents::execute(&args, &output)),
        Command::Notify(args) => block_on(notify::execute(&args, &output)),
        Command::Completions(args) => completions::execute(&args, &output),
    };
    output.ended(result.unwrap_or_else(|error| output::error(&error, cli.global.is_json())))
}

/// Runs a command on a runtime of its own. One thread is enough: a run waits most of the time.
fn block_on(command: impl Future<Output = Result<Exit, CliError>>) -> Result<Exit, CliError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CliError::Runtime)?
        .block_on(command)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
