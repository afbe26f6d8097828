//! `asg-patch rehearse`

use std::path::PathBuf;

use clap::Args;

use super::error::{CliError, Exit};
use super::options::RunOptions;
use super::output::Output;

/// Options of `rehearse`.
#[derive(Args, Debug)]
pub(crate) struct RehearseArgs {
    /// The simulated account's groups [default: the built-in sample fleet]
    #[arg(long, value_name = "FILE.toml")]
    fleet: Option<PathBuf>,
    /// Seed of everything random [default: the fleet's]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    run: RunOptions,
}

pub(crate) fn execute(args: &RehearseArgs, output: &Output) -> Result<Exit, CliError> {
    let _ = (args, output);
    Err(CliError::Fleet("later".into()))
}
