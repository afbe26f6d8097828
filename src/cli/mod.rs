//! The command line: one file per subcommand. The only part that writes to stdout.

mod completions;
mod connect;
mod error;
mod fleet;
mod options;
mod output;
mod plan;
mod progress;
mod rehearse;
mod restore;
mod run;
mod simulate;
mod status;
mod stop;

use clap::{Args, Parser, Subcommand};

use self::error::{CliError, Exit};
use self::output::Output;

/// Patches EC2 Auto Scaling groups that sleep through their own maintenance window.
///
/// Groups opt in by the tag ep:asg:patch=true. A run wakes each by one instance, installs the
/// patches, bakes an image, proves it with a new instance and restores the group as it was.
#[derive(Debug, Parser)]
#[command(name = "asg-patch", version, propagate_version = true, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: GlobalOptions,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 all well, 1 some group failed or was rolled back, 2 wrong usage or configuration,
3 AWS could not be reached or refused, 4 something is left to restore.";

#[derive(Args, Debug)]
pub(crate) struct GlobalOptions {
    /// Print one JSON document on stdout, and nothing else there
    #[arg(long, global = true)]
    json: bool,
    /// Log more to stderr; repeat for still more (RUST_LOG overrides it)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// No progress lines on stderr
    #[arg(short, long, global = true)]
    quiet: bool,
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
    /// Do the same run on the simulated account, in virtual time
    Rehearse(rehearse::RehearseArgs),
    /// Serve the simulated account on loopback for the AWS CLI, SDKs and `asg-patch run`
    Simulate(simulate::SimulateArgs),
    /// Print a shell completion script
    Completions(completions::CompletionsArgs),
}

/// The program: everything but the process's exit.
pub(crate) fn main() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return output::parse_error(&error),
    };
    let output = match Output::new(&cli.global) {
        Ok(output) => output,
        Err(error) => return output::error(&error, cli.global.json),
    };
    let result = match cli.command {
        Command::Plan(args) => block_on(plan::execute(&args, &output)),
        Command::Run(args) => block_on(run::execute(&args, &output)),
        Command::Status(args) => block_on(status::execute(&args, &output)),
        Command::Restore(args) => block_on(restore::execute(&args, &output)),
        Command::Rehearse(args) => rehearse::execute(&args, &output),
        Command::Simulate(args) => block_on(simulate::execute(&args, &output)),
        Command::Completions(args) => completions::execute(&args, &output),
    };
    result.unwrap_or_else(|error| output::error(&error, cli.global.json))
}

/// Runs a command on a runtime of its own. One thread is enough: a run waits nearly all the time.
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
