//! `asg-patch snapshot`

use asg_patch::aws::{Instances, Refreshes, describe_account};
use asg_patch::report::{FleetHeading, fleet_file};
use asg_patch::run::RunError;
use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::json;

use super::connect::connect;
use super::error::{CliError, Exit};
use super::options::{self, AwsOptions, SelectionOptions};
use super::output::Output;

/// Options of `snapshot`.
#[derive(Args, Debug)]
pub(crate) struct SnapshotArgs {
    /// When the rehearsal is to begin, e.g. 2026-12-09T04:00:00Z [default: now]
    #[arg(long, value_name = "TIME")]
    start: Option<DateTime<Utc>>,
    /// Patches that a Scan is to find missing in each image
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = options::whole_number::<usize>)]
    missing: usize,
    #[command(flatten)]
    selection: SelectionOptions,
    #[command(flatten)]
    aws: AwsOptions,
}

/// Prints a fleet file of the opted-in groups, for a rehearsal. Reads only.
///
/// # Errors
/// The options are invalid, or AWS could not be reached or refused a call.
pub(crate) async fn execute(args: &SnapshotArgs, output: &Output) -> Result<Exit, CliError> {
    let aws = connect(&args.aws).await?;
    let selection = args.selection.selection();
    let wanted = |g: &asg_patch::group::facts::GroupFacts| selection.wants(&g.name, &g.tags);
    let account =
        describe_account(&aws.clients, Instances::Without, Refreshes::Sought, wanted).await;
    let account = account.map_err(|fault| CliError::Run(RunError::from(fault)))?;
    let read_at = aws.clock.now();
    let heading = FleetHeading {
        region: aws.region.clone(),
        read_at,
        start: args.start.unwrap_or(read_at),
        missing: args.missing,
        tag_key: selection.tag.key.clone(),
    };
    let text = fleet_file(&account, wanted, &heading).map_err(|e| {
        CliError::input(
            "the fleet file",
            "an account that TOML can hold",
            e.to_string(),
        )
    })?;
    output.result(&json!({"fleet": text}), |_width| text.clone());
    Ok(Exit::Well)
}
