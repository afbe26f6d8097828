//! `asg-patch notices`

use asg_patch::request::OptInTag;
use asg_patch::run::{Announcer, Overviewed, RunError};
use asg_patch::text::plain_text;
use clap::Args;
use serde_json::json;

use super::channels;
use super::connect::connect_with_outside;
use super::error::{CliError, Exit};
use super::options::AwsOptions;
use super::output::Output;
use super::settings::Settings;

/// Options of `notices`.
#[derive(Args, Debug)]
#[command(after_long_help = ABOUT)]
pub(crate) struct NoticesArgs {
    /// Tag by which groups opt in
    #[arg(long, value_name = "KEY=VALUE", default_value_t = OptInTag::default(), hide_short_help = true)]
    tag: OptInTag,
    #[command(flatten)]
    aws: AwsOptions,
}

const ABOUT: &str = "\
The channels and routes are those of the file that --config names, or else those that the deployed
stack works by (asg-patch config push). The windows are those that AWS opens, not those of the file.";

/// Lists what was said of windows, and what will be.
///
/// # Errors
/// No channel is configured, or AWS could not be read.
pub(crate) async fn execute(
    args: &NoticesArgs,
    settings: &Settings,
    output: &Output,
) -> Result<Exit, CliError> {
    let named = channels::setup(settings)?;
    let (aws, outside) = connect_with_outside(&args.aws).await?;
    let setup = match named.is_silent() {
        true => channels::of_stack(&aws)
            .await?
            .map(|(setup, _)| setup)
            .unwrap_or_default(),
        false => named,
    };
    if setup.is_silent() {
        let expected = "[[channel]] and [[route]] in the file that --config names, or in the one of asg-patch config push";
        return Err(CliError::input("notices", expected, "none"));
    }
    let announcer = Announcer {
        aws: &aws,
        outside: &outside,
        setup: &setup,
        by: aws.clock.now(),
    };
    let overview = announcer.overview(&args.tag).await;
    let (all, problems) = overview.map_err(RunError::from)?;
    for problem in problems {
        output.remark(&problem);
    }
    output.result(&json!({ "notices": all }), |_| match all.as_slice() {
        [] => "nothing was said, and AWS opens no window soon (windows of a file alone are not announced)".into(),
        all => all.iter().map(line).collect::<Vec<String>>().join("\n"),
    });
    Ok(Exit::Well)
}

/// `2026-10-13 04:00 UTC  sent      scheduled  shop (Production), nightly of 2026-10-14 04:00: ops, page (not sent)`
fn line(notice: &Overviewed) -> String {
    let Overviewed {
        at,
        has_happened,
        window,
        start,
        place,
        event,
        reason,
        channels,
    } = notice;
    let lacking = channels.iter().any(|c| !c.was_told);
    let state = match (has_happened, lacking, channels.is_empty()) {
        (_, _, true) => "no route",
        (false, _, _) => "to come",
        (true, false, _) => "sent",
        (true, true, _) => "NOT SENT",
    };
    let names = channels.iter().map(|c| match (has_happened, c.was_told) {
        (true, false) => format!("{} (not sent)", c.channel),
        (true, true) | (false, _) => c.channel.clone(),
    });
    let names = names.collect::<Vec<String>>().join(", ");
    let names = if names.is_empty() {
        names
    } else {
        format!(" to {names}")
    };
    let reason = if reason.is_empty() {
        String::new()
    } else {
        format!(" ({})", plain_text(reason))
    };
    format!(
        "{}  {state:<8}  {event:<12}  {place}, {window} of {}{names}{reason}",
        at.format("%F %H:%M UTC"),
        start.format("%F %H:%M UTC")
    )
}
