//! The fleet that `rehearse` and `simulate` work on.

use std::path::PathBuf;

use asg_patch::sim::fleet::{self, Fleet};
use clap::Args;

use super::complete;
use super::error::CliError;
use super::options::whole_number;

/// The simulated account.
#[derive(Args, Debug)]
#[command(next_help_heading = "The simulated account")]
pub(crate) struct FleetOptions {
    /// File with its groups and how they behave [default: the built-in sample fleet]
    #[arg(long, value_name = "FILE.toml", add = complete::toml_files())]
    fleet: Option<PathBuf>,
    /// Seed of all random values [default: the one in the fleet file]
    #[arg(long, value_name = "N", value_parser = whole_number::<u64>)]
    seed: Option<u64>,
}

impl FleetOptions {
    /// Reads and checks the fleet.
    ///
    /// # Errors
    /// The file cannot be read, or it is not a valid fleet.
    pub(crate) fn load(&self) -> Result<Fleet, CliError> {
        let (place, text) = match &self.fleet {
            None => ("the built-in fleet".to_owned(), fleet::SAMPLE.to_owned()),
            Some(path) => {
                let place = path.display().to_string();
                let text = std::fs::read_to_string(path).map_err(|error| {
                    let expected = match place.starts_with("tests/scenarios/") {
                        true => "a checkout of the repository as the working directory, which has this file",
                        false => "a fleet file that can be read",
                    };
                    CliError::input(format!("--fleet {place}"), expected, error.to_string())
                })?;
                (place, text)
            }
        };
        let fleet = fleet::parse(&text).map_err(|e| CliError::Fleet(format!("{place}: {e}")))?;
        Ok(match self.seed {
            Some(seed) => fleet.with_seed(seed),
            None => fleet,
        })
    }
}
