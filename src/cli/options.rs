//! Options that several subcommands share, and the requests made from them.

use std::time::Duration;

use asg_patch::aws::{ApiShare, Aws};
use asg_patch::clock::Clock;
use asg_patch::group::allowed::{Allowed, AllowedDocuments};
use asg_patch::group::allowed_runbooks::AllowedRunbooks;
use asg_patch::ids::{GroupName, RunId};
use asg_patch::request::{
    About, AfterFailure, AtDeadline, BeforeFailure, DEFAULT_IN_FLIGHT, DocumentName, FailureLimit,
    KeepDays, Operation, OptInTag, OwnersDocuments, RunRequest, Selection,
};
use asg_patch::schedule::Window;
use asg_patch::tag_filter::TagFilter;
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use clap::Args;

use super::complete;
use super::error::CliError;

/// The AWS account and region.
#[derive(Args, Debug)]
#[command(next_help_heading = "AWS options")]
pub(crate) struct AwsOptions {
    /// Profile in ~/.aws/config and ~/.aws/credentials [default: the one that the AWS CLI uses]
    #[arg(long, value_name = "NAME", add = complete::profile_names())]
    pub(crate) profile: Option<String>,
    /// Region [default: the one that the AWS CLI uses]
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// Endpoint for all services, e.g. the one that `asg-patch simulate` prints
    #[arg(long, value_name = "URL", hide_short_help = true)]
    pub(crate) endpoint_url: Option<String>,
    /// Clock of a simulated account that runs faster than real time, as `asg-patch simulate` prints it
    #[arg(long, value_name = "SPEED@REAL@SIMULATED", env = asg_patch::clock::CLOCK_VARIABLE, hide_env_values = true, hide_short_help = true)]
    pub(crate) simulated_clock: Option<asg_patch::clock::SimulatedClock>,
    /// HMAC key of KMS (id, ARN or alias) that signs records; others are not believed [default: no signatures]
    #[arg(long, value_name = "KEY")]
    pub(crate) mac_key: Option<String>,
}

/// The groups to work on.
#[derive(Args, Debug)]
#[command(next_help_heading = "Which groups")]
pub(crate) struct SelectionOptions {
    /// Tag by which groups opt in; the keys of their option tags begin with its key
    #[arg(long, value_name = "KEY=VALUE", default_value_t = OptInTag::default(), hide_short_help = true)]
    tag: OptInTag,
    /// Only this opted-in group (repeatable)
    #[arg(long = "group", value_name = "NAME", value_parser = group_name, add = complete::groups())]
    groups: Vec<GroupName>,
    /// Only opted-in groups with this tag; * and ? are wildcards (repeatable: every key must match)
    #[arg(long = "where", value_name = "KEY=VALUE[,VALUE]")]
    filters: Vec<TagFilter>,
}

impl SelectionOptions {
    pub(crate) fn selection(&self) -> Selection {
        Selection {
            tag: self.tag.clone(),
            groups: self.groups.clone(),
            filters: self.filters.iter().cloned().collect(),
        }
    }
}

/// The options of a run.
#[derive(Args, Debug)]
#[command(next_help_heading = "The run")]
pub(crate) struct RunOptions {
    #[command(flatten)]
    selection: SelectionOptions,
    /// Work on at most N groups at once; 0 for no limit
    #[arg(
        long,
        value_name = "N",
        default_value_t = DEFAULT_IN_FLIGHT,
        value_parser = number_of_groups,
        help_heading = "The run"
    )]
    max_in_flight: usize,
    /// Start no more groups once more than this have failed: a number, or a percentage of all groups
    #[arg(
        long,
        value_name = "N|N%",
        default_value_t = FailureLimit::default(),
        help_heading = "The run"
    )]
    max_failures: FailureLimit,
    /// Use at most this part of AWS's request rates: others call too
    #[arg(
        long,
        value_name = "N%",
        default_value_t = ApiShare::default(),
        help_heading = "The run", hide_short_help = true)]
    api_share: ApiShare,
    /// Let groups name this SSM document in their tags, by its name or ARN (repeatable)
    #[arg(
        long = "allow-document",
        value_name = "DOCUMENT",
        help_heading = "The run",
        hide_short_help = true
    )]
    documents: Vec<String>,
    /// Let groups set this parameter of a document that is allowed, or of AWS-RunPatchBaseline (repeatable)
    #[arg(
        long = "allow-parameter",
        value_name = "DOCUMENT/PARAMETER",
        help_heading = "The run",
        hide_short_help = true
    )]
    parameters: Vec<String>,
    /// Let groups and runs name this Automation runbook as their before- or after-document, by its name or ARN (repeatable)
    #[arg(
        long = "allow-runbook",
        value_name = "DOCUMENT",
        help_heading = "The run",
        hide_short_help = true
    )]
    runbooks: Vec<String>,
    /// Let runbooks that are allowed run with this IAM role, and with no other (repeatable)
    #[arg(
        long = "runbook-role",
        value_name = "ARN",
        help_heading = "The run",
        hide_short_help = true
    )]
    runbook_roles: Vec<String>,
    /// Change only launch templates that carry the opt-in tag themselves, as the deployed stack does by default
    #[arg(long, help_heading = "The run", hide_short_help = true)]
    only_tagged_templates: bool,
    /// Length of the window: all groups are restored this long after the start
    #[arg(long, value_name = "TIME", default_value = "3h", value_parser = time_span, help_heading = "The run")]
    duration: Duration,
    /// Start no more groups this long before the end of the window
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = time_span, help_heading = "The run")]
    cutoff: Duration,
    /// Policy for a group that is not done when only the time for its restore is left: roll-back, or
    /// finish to let it continue past the end of the window, by 2h at most
    #[arg(
        long,
        value_name = "POLICY",
        default_value = "roll-back",
        add = complete::policies(),
        help_heading = "The run", hide_short_help = true)]
    at_deadline: AtDeadline,
    /// Install patches, or Scan to report only what is missing (in any letter case)
    #[arg(
        long,
        value_name = "OPERATION",
        default_value = "Install",
        add = complete::operations(),
        help_heading = "The run"
    )]
    operation: Operation,
    /// Take the groups and the settings of this patch window of asg-patch.toml; flags count for more
    #[arg(long, value_name = "NAME", help_heading = "The run")]
    window: Option<String>,
    /// Keep an image that its canary did not prove for this many days, to be looked at [default: it is removed; without
    /// a number: 7]
    #[arg(
        long,
        value_name = "DAYS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "7",
        help_heading = "The run",
        hide_short_help = true
    )]
    keep_failed: Option<KeepDays>,
    /// Run this Automation runbook before the first change to a group, unless its tags name another
    #[arg(
        long,
        value_name = "DOCUMENT",
        help_heading = "The run",
        hide_short_help = true
    )]
    before_document: Option<DocumentName>,
    /// Run this Automation runbook once a group's new version is deployed, unless its tags name another
    #[arg(
        long,
        value_name = "DOCUMENT",
        help_heading = "The run",
        hide_short_help = true
    )]
    after_document: Option<DocumentName>,
    /// Policy for a group whose before-document fails: stop, which leaves it unchanged, or go-on [default: stop]
    #[arg(
        long,
        value_name = "POLICY",
        help_heading = "The run",
        hide_short_help = true
    )]
    before_failure: Option<BeforeFailure>,
    /// Policy for a group whose after-document fails: roll-back, or keep the new version [default: roll-back]
    #[arg(
        long,
        value_name = "POLICY",
        help_heading = "The run",
        hide_short_help = true
    )]
    after_failure: Option<AfterFailure>,
    /// SNS topic for the report
    #[arg(long, value_name = "ARN", value_parser = topic_arn, help_heading = "The run", hide_short_help = true)]
    topic_arn: Option<String>,
    /// Reason for the run, for its report and its messages
    #[arg(long, value_name = "TEXT", help_heading = "The run")]
    why: Option<String>,
}

impl RunOptions {
    /// Checks that the options agree with each other.
    ///
    /// # Errors
    /// The cutoff is not shorter than the duration, or the duration is out of range.
    pub(crate) fn check(&self) -> Result<(), CliError> {
        self.allowed()?;
        window(DateTime::UNIX_EPOCH, self.duration, self.cutoff).map(drop)
    }

    /// The account within the bounds of the options: AWS's rates, and the documents that may be sent.
    ///
    /// # Errors
    /// The list of documents makes no sense.
    pub(crate) fn within(&self, aws: &Aws) -> Result<Aws, CliError> {
        Ok(aws.at_share(self.api_share).allowing(self.allowed()?))
    }

    fn allowed(&self) -> Result<Allowed, CliError> {
        let documents = self.documents.iter().map(String::as_str);
        let parameters = self.parameters.iter().map(String::as_str);
        let documents = AllowedDocuments::with(documents, parameters);
        let runbooks = self.runbooks.iter().map(String::as_str);
        let roles = self.runbook_roles.iter().map(String::as_str);
        let runbooks = AllowedRunbooks::with(runbooks, roles);
        Ok(Allowed {
            runbooks: runbooks.map_err(|wrong| {
                let place = "--allow-runbook, --runbook-role";
                CliError::input(place, wrong.expected, wrong.found)
            })?,
            documents: documents.map_err(|wrong| {
                let place = "--allow-document, --allow-parameter";
                CliError::input(place, wrong.expected, wrong.found)
            })?,
            untagged_templates: !self.only_tagged_templates,
        })
    }

    /// The request of a run that starts at `now`.
    ///
    /// # Errors
    /// The cutoff is not shorter than the duration, or the window ends beyond the calendar.
    pub(crate) fn request(
        &self,
        now: DateTime<Utc>,
        owner: String,
        pages_url: Option<&str>,
    ) -> Result<RunRequest, CliError> {
        Ok(RunRequest {
            run_id: run_id(now),
            owner,
            window: window(now, self.duration, self.cutoff)?,
            selection: self.selection.selection(),
            operation: self.operation,
            max_in_flight: Some(self.max_in_flight).filter(|n| *n > 0),
            max_failures: self.max_failures,
            topic_arn: self.topic_arn.clone(),
            at_deadline: self.at_deadline,
            keep_failed: self.keep_failed,
            documents: OwnersDocuments {
                before: self.before_document.clone(),
                after: self.after_document.clone(),
                before_failure: self.before_failure,
                after_failure: self.after_failure,
            },
            place_tags: Default::default(),
            ring: None,
            about: Box::new(About {
                asked_by: None,
                why: self.why.clone(),
                file_version: None,
                approved: None,
                window: self.window.clone(),
                pages_url: pages_url.map(str::to_owned),
            }),
        })
    }
}

/// This second: times in texts and records have no finer grain.
pub(crate) fn this_second(clock: &Clock) -> DateTime<Utc> {
    clock.now().trunc_subsecs(0)
}

/// `start` plus the time given by a flag.
///
/// # Errors
/// The sum lies beyond the calendar; the error names the flag.
pub(crate) fn after(
    start: DateTime<Utc>,
    duration: Duration,
    flag: &str,
) -> Result<DateTime<Utc>, CliError> {
    TimeDelta::from_std(duration)
        .ok()
        .and_then(|d| start.checked_add_signed(d))
        .ok_or_else(|| {
            let found = humantime::format_duration(duration).to_string();
            CliError::input(flag, "a time within the calendar", found)
        })
}

/// The user of this process: `USER@HOST`; none if the environment does not say it.
pub(crate) fn user() -> Option<String> {
    let user = asg_patch::run::this_user()?;
    Some(format!("{user}@{}", asg_patch::run::this_host()))
}

/// The id of a run from the command line: time and a random part, because each start is a run of its
/// own.
fn run_id(now: DateTime<Utc>) -> RunId {
    format!(
        "cli-{}-{:04x}",
        now.format("%Y%m%dT%H%M%SZ"),
        fastrand::u16(..)
    )
    .into()
}

fn window(start: DateTime<Utc>, duration: Duration, cutoff: Duration) -> Result<Window, CliError> {
    let left = duration
        .checked_sub(cutoff)
        .filter(|left| !left.is_zero())
        .ok_or_else(|| {
            CliError::input(
                "--cutoff",
                format!(
                    "less than the --duration of {}",
                    humantime::format_duration(duration)
                ),
                humantime::format_duration(cutoff).to_string(),
            )
        })?;
    Ok(Window {
        start,
        deadline: after(start, duration, "--duration")?,
        cutoff: after(start, left, "--cutoff")?,
    })
}

/// Reads a group's name, of 1 to 255 characters. Source: Auto Scaling, CreateAutoScalingGroup.
///
/// # Errors
/// The name is empty or longer.
pub(crate) fn group_name(text: &str) -> Result<GroupName, String> {
    match text.chars().count() {
        1..=255 => Ok(text.into()),
        n => Err(format!("expected a name of 1 to 255 characters, found {n}")),
    }
}

/// Reads a number of groups.
///
/// # Errors
/// It is none.
fn number_of_groups(text: &str) -> Result<usize, String> {
    let wrong = |_| format!("expected a number of groups, 0 or more, found '{text}'");
    text.parse().map_err(wrong)
}

/// Reads a whole number, 0 or more.
///
/// # Errors
/// It is none, or too large.
pub(crate) fn whole_number<N: std::str::FromStr>(text: &str) -> Result<N, String> {
    let wrong = |_| format!("expected a whole number, 0 or more, found '{text}'");
    text.parse().map_err(wrong)
}

/// Reads a length of time such as `3h` or `1h 30m`.
///
/// # Errors
/// The text is no such length.
pub(crate) fn time_span(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| format!("expected a time such as 3h, 45m or 1h 30m, found '{text}'"))
}

/// Reads the URL under which pages are published; without the slashes at its end.
///
/// # Errors
/// The text is no URL that a browser opens.
pub(crate) fn pages_url(text: &str) -> Result<String, String> {
    let url = text.trim_end_matches('/');
    let host = url.strip_prefix("https://").or(url.strip_prefix("http://"));
    let plain = |c: char| c.is_ascii_graphic() && !"()<>\"'`\\?#".contains(c);
    match host {
        Some(host) if !host.is_empty() && url.chars().all(plain) => Ok(url.to_owned()),
        _ => Err(format!(
            "expected a URL such as https://example.org/asg-patch/runbooks, found '{text}'"
        )),
    }
}

fn topic_arn(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.split(':').collect();
    match parts.as_slice() {
        ["arn", partition, "sns", region, account, name]
            if !partition.is_empty()
                && !region.is_empty()
                && account.len() == 12
                && account.bytes().all(|b| b.is_ascii_digit())
                && !name.is_empty() =>
        {
            Ok(text.to_owned())
        }
        _ => Err(format!(
            "expected arn:aws:sns:REGION:ACCOUNT:NAME, found '{text}'"
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{run_id, topic_arn, window};

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn the_cutoff_counts_back_from_the_deadline() {
        let start = "2026-10-14T04:00:00Z".parse().unwrap();
        let window = window(start, 3 * HOUR, HOUR).unwrap();
        assert_eq!(window.deadline.to_rfc3339(), "2026-10-14T07:00:00+00:00");
        assert_eq!(window.cutoff.to_rfc3339(), "2026-10-14T06:00:00+00:00");
    }

    #[test]
    fn a_cutoff_that_leaves_no_time_is_refused() {
        let start = "2026-10-14T04:00:00Z".parse().unwrap();
        for (duration, cutoff) in [
            (HOUR, HOUR),
            (HOUR, 2 * HOUR),
            (Duration::ZERO, Duration::ZERO),
        ] {
            let error = window(start, duration, cutoff).unwrap_err().to_string();
            assert!(error.starts_with("--cutoff: expected less than"), "{error}");
        }
        let error = window(start, Duration::MAX, HOUR).unwrap_err().to_string();
        assert!(error.starts_with("--duration: expected"), "{error}");
    }

    #[test]
    fn run_ids_contain_their_start() {
        let id = run_id("2026-10-14T04:00:00Z".parse().unwrap());
        let (head, tail) = id.rsplit_once('-').unwrap();
        assert_eq!(head, "cli-20261014T040000Z");
        assert!(
            tail.len() == 4 && u16::from_str_radix(tail, 16).is_ok(),
            "{id}"
        );
    }

    #[test]
    fn topics_are_arns() {
        assert!(topic_arn("arn:aws:sns:eu-west-1:123456789012:ops").is_ok());
        for wrong in [
            "ops",
            "arn:aws:sqs:eu-west-1:123456789012:ops",
            "arn:aws:sns:eu-west-1:1:ops",
        ] {
            assert!(topic_arn(wrong).is_err(), "{wrong}");
        }
    }
}
