//! `asg-patch simulate`

use std::net::SocketAddr;

use asg_patch::clock::{CLOCK_VARIABLE, Clock, SimulatedClock};
use asg_patch::sim::{Account, server};
use clap::Args;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use super::error::{CliError, Exit};
use super::fleet::FleetOptions;
use super::output::Output;
use super::stop::interrupted;

/// The highest speed, at which a day passes in nine seconds: clients' own waits take longer than that.
const FASTEST: u32 = 10_000;

/// Options of `simulate`.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct SimulateArgs {
    /// Loopback address to listen on; port 0 chooses a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0", value_parser = address)]
    listen: SocketAddr,
    /// Simulated seconds per real second
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = speed)]
    speed: u32,
    #[command(flatten)]
    fleet: FleetOptions,
}

const EXAMPLES: &str = "\
Examples:
  asg-patch simulate --speed 100                        prints a line to paste into another shell
  asg-patch simulate --listen 127.0.0.1:4566 --fleet fleets/example.toml";

/// Reads an address with its port.
///
/// # Errors
/// It is none.
fn address(text: &str) -> Result<SocketAddr, String> {
    let wrong = |_| format!("expected an address and a port such as 127.0.0.1:0, found '{text}'");
    text.parse().map_err(wrong)
}

/// Reads a speed.
///
/// # Errors
/// It is no number within the limits.
fn speed(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|n| (1..=FASTEST).contains(n));
    number.ok_or_else(|| format!("expected a whole number from 1 to {FASTEST}, found '{text}'"))
}

/// Serves the simulated account until Ctrl-C.
///
/// # Errors
/// The address is not a loopback address or not free, or the fleet is invalid.
pub(crate) async fn execute(args: &SimulateArgs, output: &Output) -> Result<Exit, CliError> {
    // The account checks no credentials: every client that reaches it may change it.
    if !args.listen.ip().is_loopback() {
        return Err(CliError::input(
            "--listen",
            "a loopback address such as 127.0.0.1:0",
            args.listen.to_string(),
        ));
    }
    let fleet = args.fleet.load()?;
    let failed = |found| CliError::Listen {
        listen: args.listen,
        found,
    };
    let listener = TcpListener::bind(args.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let account = fleet.account(args.speed).without_log();
    let environment = environment(&account, args.speed, address);
    output.remark(&format!(
        "Simulated account on http://{address}, {} as real time. Press Ctrl-C to end it.",
        match args.speed {
            1 => "as fast".to_owned(),
            speed => format!("{speed} times as fast"),
        }
    ));
    let document = json!({
        "endpoint": format!("http://{address}"),
        "port": address.port(),
        "speed": args.speed,
        "environment": environment,
    });
    output.result(&document, |_width| export_line(&environment));
    if output.is_broken() {
        // Its address is lost: nobody will come.
        return Ok(Exit::Well);
    }
    tokio::select! {
        ended = server::serve(account, listener) => match ended {
            Ok(never) => match never {},
            Err(error) => Err(failed(error)),
        },
        () = interrupted() => Ok(Exit::Well),
    }
}

/// The environment variables that make AWS clients, and our own clock, use the account.
fn environment(account: &Account, speed: u32, address: SocketAddr) -> Map<String, Value> {
    let region = account.with_world(|world| world.region.clone());
    let clock = SimulatedClock {
        speed,
        real: Clock::system().now(),
        simulated: account.clock().now(),
    };
    [
        ("AWS_ENDPOINT_URL", format!("http://{address}")),
        ("AWS_ACCESS_KEY_ID", "simulated".into()),
        ("AWS_SECRET_ACCESS_KEY", "simulated".into()),
        ("AWS_REGION", region.clone()),
        ("AWS_DEFAULT_REGION", region),
        (CLOCK_VARIABLE, clock.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value.into()))
    .into_iter()
    .collect()
}

/// One line to paste into a shell; none of the values needs quotes.
fn export_line(environment: &Map<String, Value>) -> String {
    let pairs: Vec<String> = environment
        .iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", value.as_str()?)))
        .collect();
    format!("export {}", pairs.join(" "))
}
