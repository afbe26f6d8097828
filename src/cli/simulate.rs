//! `asg-patch simulate`

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::error::{CliError, Exit};
use super::output::Output;

/// Options of `simulate`.
#[derive(Args, Debug)]
pub(crate) struct SimulateArgs {
    /// Loopback address to listen on; port 0 picks a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Simulated seconds per real second
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    speed: u32,
    /// The simulated account's groups [default: the built-in sample fleet]
    #[arg(long, value_name = "FILE.toml")]
    fleet: Option<PathBuf>,
}

pub(crate) async fn execute(args: &SimulateArgs, output: &Output) -> Result<Exit, CliError> {
    let _ = (args, output);
    Err(CliError::Fleet("later".into()))
}
