//! `asg-patch prune`

use std::time::Duration;

use asg_patch::ids::GroupName;
use asg_patch::report::{self, PruneReport};
use asg_patch::request::OptInTag;
use asg_patch::retention::{KEPT_VERSIONS, Policy, Step};
use asg_patch::run::PruneRequest;
use chrono::TimeDelta;
use clap::Args;

use super::complete;
use super::connect::connect;
use super::error::{CliError, Exit};
use super::options::{self, AwsOptions};
use super::output::Output;

/// Options of `prune`.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct PruneArgs {
    /// Do it; without this the command only shows what it would do
    #[arg(long)]
    apply: bool,
    /// Keep the newest N images of each launch template: the present one, and those to roll back to
    #[arg(long, value_name = "N", default_value_t = KEPT_VERSIONS)]
    keep: usize,
    /// Keep everything that was made, or last launched from, less than this ago
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = options::time_span)]
    older_than: Duration,
    /// Deprecate an image for this long before a later prune removes it
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = options::time_span)]
    grace: Duration,
    /// Only what was made for the launch templates that this opted-in group names (repeatable)
    #[arg(long = "group", value_name = "NAME", value_parser = options::group_name, add = complete::groups())]
    groups: Vec<GroupName>,
    /// Tag by which groups and launch templates opt in
    #[arg(long, value_name = "KEY=VALUE", default_value_t = OptInTag::default(), hide_short_help = true)]
    tag: OptInTag,
    /// Delete versions only of launch templates that carry the opt-in tag themselves, as the deployed stack does by
    /// default
    #[arg(long, hide_short_help = true)]
    only_tagged_templates: bool,
    #[command(flatten)]
    aws: AwsOptions,
}

const EXAMPLES: &str = "\
Examples:
  asg-patch prune                                       what would go, what stays, and why; changes nothing
  asg-patch prune --apply                               deprecates what nobody uses; removes what is deprecated since before
  asg-patch prune --group web-nightly --keep 3
  asg-patch prune --json | jq -r '.entries[] | select(.action == \"remove\") | .image'";

impl PruneArgs {
    /// # Errors
    /// A length of time lies beyond the calendar.
    fn request(&self) -> Result<PruneRequest, CliError> {
        Ok(PruneRequest {
            policy: Policy {
                keep: self.keep,
                older_than: span(self.older_than, "--older-than")?,
                grace: span(self.grace, "--grace")?,
                tag: self.tag.clone(),
                untagged_templates: !self.only_tagged_templates,
            },
            groups: self.groups.clone(),
            apply: self.apply,
            stop_at: None,
        })
    }
}

/// EC2 takes no time of deprecation that is further away than ten years; nothing older than that was made by runs.
const LONGEST: TimeDelta = TimeDelta::days(3_650);

fn span(time: Duration, flag: &str) -> Result<TimeDelta, CliError> {
    let span = TimeDelta::from_std(time).ok().filter(|s| *s <= LONGEST);
    span.ok_or_else(|| {
        let found = humantime::format_duration(time).to_string();
        CliError::input(flag, "at most ten years", found)
    })
}

/// Prints what goes, what stays and why, and does it if asked to.
///
/// # Errors
/// The options are invalid, or AWS could not be reached or refused a call.
pub(crate) async fn execute(args: &PruneArgs, output: &Output) -> Result<Exit, CliError> {
    let request = args.request()?;
    let aws = connect(&args.aws).await?;
    let mut show = |step: &Step| {
        if !output.live().is_hidden() {
            output.progress(&words(step));
        }
    };
    let report = asg_patch::run::prune(&aws, &request, &mut show).await?;
    output.tabular(
        &report,
        |width| report::prune_table(&report, width),
        || report::prune_sheet(&report),
    )?;
    Ok(exit_of(&report))
}

fn exit_of(report: &PruneReport) -> Exit {
    if report.has_failed() {
        Exit::SomeFailed
    } else if report.is_unread() {
        Exit::Aws
    } else {
        Exit::Well
    }
}

fn words(step: &Step) -> String {
    match step {
        Step::Deprecate(image, _) => format!("deprecating {image}"),
        Step::DeleteVersion(template, number) => {
            format!("deleting version {number} of {template}")
        }
        Step::Deregister(image) => format!("deregistering {image}"),
        Step::DeleteSnapshot(snapshot) => format!("deleting {snapshot}"),
    }
}
