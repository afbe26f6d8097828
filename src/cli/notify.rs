//! `asg-patch notify`

use asg_patch::aws::Aws;
use asg_patch::channels::{ChannelFault, Outside, Receipt};
use asg_patch::notices::config::{ChannelTable, RouteTable};
use asg_patch::notices::{ChannelKind, NoticesFile, TargetIds, test_notice};
use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::connect;
use super::error::{CliError, Exit};
use super::options::AwsOptions;
use super::output::Output;
use super::settings::{ConfigFile, Settings};

/// Options of `notify`.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct NotifyArgs {
    /// Send a notice that is marked as a test, and print what the service answers. A maintenance is made a week ahead and removed
    #[arg(long, required = true)]
    test: bool,
    /// Only to this channel (repeatable) [default: to all]
    #[arg(long = "channel", value_name = "NAME")]
    channels: Vec<String>,
    #[command(flatten)]
    aws: AwsOptions,
}

const EXAMPLES: &str = "\
Examples:
  asg-patch notify --test --config patching.toml                  to every [[channel]] of the file
  asg-patch notify --test --config patching.toml --channel ops    to one

With the environment that `asg-patch simulate` prints, simulated services answer: nothing leaves this machine.";

/// How one channel took the test.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Tried {
    Taken(Receipt),
    Refused {
        channel: String,
        kind: ChannelKind,
        error: String,
        fault: Option<ChannelFault>,
    },
}

/// Sends the test notice to each channel that is asked for.
///
/// # Errors
/// The file cannot be used, or names no such channel; no way to AWS.
pub(crate) async fn execute(
    args: &NotifyArgs,
    settings: &Settings,
    output: &Output,
) -> Result<Exit, CliError> {
    let file = settings.file.as_ref().ok_or_else(|| {
        CliError::input(
            "notify",
            "a file with [[channel]] that --config or ASG_PATCH_CONFIG names",
            "none",
        )
    })?;
    let tables = read(file)?;
    if tables.channels.is_empty() {
        return Err(CliError::input(
            &file.shown,
            "at least one [[channel]]",
            "none",
        ));
    }
    let chosen = chosen(&tables.channels, &args.channels)?;
    let (clock, sdk) = connect::configure(&args.aws).await?;
    let outside = connect::outside(&args.aws, &sdk, &clock)?;
    let aws = Aws::new(clock, sdk);
    let mut tried = Vec::new();
    for table in chosen {
        tried.push(one(&aws, &outside, table, &tables.routes).await);
    }
    let is_well = tried.iter().all(|t| matches!(t, Tried::Taken(_)));
    output.result(&json!({ "channels": tried }), |_width| text(&tried));
    Ok(if is_well {
        Exit::Well
    } else {
        Exit::SomeFailed
    })
}

/// The tables of a file of settings that are about notices.
///
/// # Errors
/// What is wrong with them.
pub(super) fn read(file: &ConfigFile) -> Result<NoticesFile, CliError> {
    NoticesFile::read(file.text()).map_err(|faults| CliError::Settings {
        file: file.shown.clone(),
        faults,
    })
}

fn chosen<'t>(
    tables: &'t [ChannelTable],
    names: &[String],
) -> Result<Vec<&'t ChannelTable>, CliError> {
    let known: Vec<&str> = tables.iter().map(|t| t.name.as_str()).collect();
    if let Some(name) = names.iter().find(|n| !known.contains(&n.as_str())) {
        let expected = format!(
            "the name of a [[channel]] (there are: {})",
            known.join(", ")
        );
        return Err(CliError::input("--channel", expected, format!("'{name}'")));
    }
    if tables.is_empty() {
        return Err(CliError::input(
            "--config",
            "at least one [[channel]]",
            "none",
        ));
    }
    Ok(tables
        .iter()
        .filter(|t| names.is_empty() || names.contains(&t.name))
        .collect())
}

async fn one(aws: &Aws, outside: &Outside, table: &ChannelTable, routes: &[RouteTable]) -> Tried {
    let refused = |error: String, fault| Tried::Refused {
        channel: table.name.clone(),
        kind: table.kind,
        error,
        fault,
    };
    let ids = match ids(table, routes) {
        Ok(ids) => ids,
        Err(error) => return refused(error, None),
    };
    let channel = match asg_patch::run::ready(aws, table).await {
        Ok(channel) => channel,
        Err(error) => return refused(error, None),
    };
    let notice = test_notice(aws.clock.now(), chrono_tz::Tz::UTC);
    match channel.try_out(aws, outside, &ids, &notice).await {
        Ok(receipt) => Tried::Taken(receipt),
        Err(fault) => refused(fault.to_string(), Some(fault)),
    }
}

/// The ids of the first route that names some for this channel.
fn ids(table: &ChannelTable, routes: &[RouteTable]) -> Result<TargetIds, String> {
    let naming = || {
        routes
            .iter()
            .filter(|r| r.channels.list().contains(&table.name))
    };
    let missing =
        |key: &str| format!("[[route]]: expected one that names ids for it in `{key}`, found none");
    match table.kind {
        ChannelKind::SlackBot
        | ChannelKind::SlackWebhook
        | ChannelKind::Teams
        | ChannelKind::Webhook
        | ChannelKind::EventBus => Ok(TargetIds::Plain),
        ChannelKind::Statuspage => {
            let found = naming()
                .map(|r| r.statuspage_components.list())
                .find(|ids| !ids.is_empty());
            found
                .map(|ids| TargetIds::Components(ids.to_vec()))
                .ok_or_else(|| missing("statuspage-components"))
        }
        ChannelKind::Pingdom => {
            let found = naming()
                .map(|r| r.pingdom_checks.list())
                .find(|ids| !ids.is_empty());
            found
                .map(|ids| TargetIds::Checks(ids.to_vec()))
                .ok_or_else(|| missing("pingdom-checks"))
        }
        ChannelKind::Pagerduty => {
            let found = naming()
                .map(|r| r.pagerduty_services.list())
                .find(|ids| !ids.is_empty());
            found
                .map(|ids| TargetIds::Services(ids.to_vec()))
                .ok_or_else(|| missing("pagerduty-services"))
        }
    }
}

fn text(tried: &[Tried]) -> String {
    let lines = tried.iter().flat_map(|tried| match tried {
        Tried::Taken(receipt) => {
            let mut lines = vec![format!(
                "{} ({}): {}",
                receipt.channel,
                receipt.kind,
                receipt.done.words()
            )];
            lines.push(format!("  {}", receipt.said));
            lines.extend(receipt.warnings.iter().map(|w| format!("  Warning: {w}")));
            lines
        }
        Tried::Refused {
            channel,
            kind,
            error,
            fault: _,
        } => {
            vec![
                format!("{channel} ({kind}): NOT SENT"),
                format!("  {error}"),
            ]
        }
    });
    lines.collect::<Vec<String>>().join("\n")
}
