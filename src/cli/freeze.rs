//! `asg-patch freeze`

use std::time::Duration;

use asg_patch::aws::{
    Aws, Declared, DeclaredFreeze, calendar_state, declare_freeze, declared_freeze, lift_freeze,
};
use asg_patch::run::RunError;
use asg_patch::text::moment;
use asg_patch::windows::{Freeze, FreezeTime};
use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::channels;
use super::connect::connect;
use super::error::{CliError, Exit};
use super::options::{self, AwsOptions};
use super::output::Output;
use super::settings::Settings;

/// Options of `freeze`.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct FreezeArgs {
    /// Freeze from now until this time, for instance 2026-12-31T08:00:00+01:00
    #[arg(long, value_name = "TIME", conflicts_with_all = ["lasting", "lift"])]
    until: Option<DateTime<Utc>>,
    /// Freeze from now for so long, for instance 48h
    #[arg(long = "for", id = "lasting", value_name = "TIME", value_parser = humantime::parse_duration, conflicts_with = "lift")]
    lasting: Option<Duration>,
    /// The reason, which notices and reports tell
    #[arg(long, value_name = "TEXT", conflicts_with = "lift")]
    why: Option<String>,
    /// End the freeze that was declared
    #[arg(long)]
    lift: bool,
    #[command(flatten)]
    aws: AwsOptions,
}

const EXAMPLES: &str = "\
Examples:
  asg-patch freeze                                      the freezes that there are: declared, and of the stack's file
  asg-patch freeze --config ops.toml                    and those of this file
  asg-patch freeze --for 48h --why 'the big sale'       nothing is patched for two days
  asg-patch freeze --lift                               patching goes on

A freeze keeps runs from beginning. One that has begun goes on: stop it to restore its groups.";

impl FreezeArgs {
    /// Whether it changes anything.
    pub(super) fn changes(&self) -> bool {
        self.until.is_some() || self.lasting.is_some() || self.lift
    }

    fn end(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, CliError> {
        let lasting = self.lasting.and_then(|l| TimeDelta::from_std(l).ok());
        let end = self.until.or_else(|| now.checked_add_signed(lasting?));
        if self.lasting.is_some() && end.is_none() {
            return Err(CliError::input(
                "--for",
                "a time such as 48h",
                "one that no calendar has",
            ));
        }
        match end {
            Some(end) if end <= now => {
                Err(CliError::input("--until", "a time to come", moment(end)))
            }
            Some(end) => Ok(Some(end)),
            None if self.why.is_some() => Err(CliError::input(
                "--why",
                "it beside --until or --for",
                "neither",
            )),
            None => Ok(None),
        }
    }
}

/// A freeze, for the reader.
#[derive(Debug, Serialize)]
struct Shown {
    source: String,
    /// The runs that it keeps from beginning.
    holds: Holds,
    when: String,
    why: String,
    windows: Vec<String>,
    is_frozen_now: bool,
}

/// The runs that a freeze keeps from beginning.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Holds {
    /// Each one, of the stack and from a command line.
    All,
    /// Those of the stack.
    OfTheStack,
    /// Those from a command line with this file.
    WithTheFile,
}

impl Holds {
    fn words(self) -> &'static str {
        match self {
            Self::All => "all runs",
            Self::OfTheStack => "runs of the stack",
            Self::WithTheFile => "runs from here with --config",
        }
    }
}

/// Declares a freeze, lifts it, or shows the freezes that there are.
///
/// # Errors
/// AWS could not be reached or refused a call.
pub(crate) async fn execute(
    args: &FreezeArgs,
    settings: &Settings,
    output: &Output,
) -> Result<Exit, CliError> {
    let file = channels::setup(settings)?;
    let aws = connect(&args.aws).await?;
    let now = options::this_second(&aws.clock);
    if let Some(until) = args.end(now)? {
        let freeze = DeclaredFreeze {
            until,
            why: args
                .why
                .clone()
                .unwrap_or_else(|| "no reason was given".into()),
            by: options::user().unwrap_or_else(|| "unknown".into()),
            at: now,
        };
        declare_freeze(&aws.clients, &freeze)
            .await
            .map_err(RunError::from)?;
    }
    if args.lift {
        lift_freeze(&aws.clients).await.map_err(RunError::from)?;
    }
    let mut shown = of_stack(&aws, now).await?;
    let name = settings.file.as_ref().map(|file| file.shown.clone());
    for freeze in &file.freezes {
        let source = name.clone().unwrap_or_default();
        shown.push(of_file(&aws, freeze, source, Holds::WithTheFile, now).await);
    }
    output.result(&json!({ "freezes": shown }), |_| match shown.as_slice() {
        [] => "no freeze: windows open as planned".into(),
        shown => shown.iter().map(line).collect::<Vec<String>>().join("\n"),
    });
    Ok(Exit::Well)
}

fn line(freeze: &Shown) -> String {
    let Shown {
        source,
        holds,
        when,
        why,
        windows,
        is_frozen_now,
    } = freeze;
    let now = if *is_frozen_now { "FROZEN" } else { "open" };
    let windows = match windows.as_slice() {
        [] => "in all windows and by hand".to_owned(),
        some => format!("in {}", some.join(", ")),
    };
    let holds = holds.words();
    let why = if why.is_empty() {
        String::new()
    } else {
        format!(": {why}")
    };
    format!("{now:<6}  {when}, {holds} {windows} ({source}){why}")
}

/// The freeze that was declared, and those of the stack's file.
async fn of_stack(aws: &Aws, now: DateTime<Utc>) -> Result<Vec<Shown>, CliError> {
    let mut shown: Vec<Shown> = declared(aws, now).await?.into_iter().collect();
    let (setup, version) = match channels::of_stack(aws).await {
        Ok(Some(stored)) => stored,
        Ok(None) => return Ok(shown),
        // The deployed stack begins nothing then.
        Err(problem) => {
            shown.push(Shown {
                source: "the stack's file".into(),
                holds: Holds::OfTheStack,
                when: "until the file can be used".into(),
                why: problem.to_string(),
                windows: Vec::new(),
                is_frozen_now: true,
            });
            return Ok(shown);
        }
    };
    for freeze in &setup.freezes {
        let source = format!("version {version} of the stack's file");
        shown.push(of_file(aws, freeze, source, Holds::OfTheStack, now).await);
    }
    Ok(shown)
}

async fn declared(aws: &Aws, now: DateTime<Utc>) -> Result<Option<Shown>, CliError> {
    let (when, why, source, is_frozen_now) = match declared_freeze(&aws.clients)
        .await
        .map_err(RunError::from)?
    {
        Declared::None => return Ok(None),
        Declared::Unreadable(problem) => (
            "until it is lifted".into(),
            problem,
            "declared".into(),
            true,
        ),
        Declared::Freeze(f) => {
            let source = format!("declared by {} at {}", f.by, moment(f.at));
            (
                format!("until {}", moment(f.until)),
                f.why,
                source,
                now < f.until,
            )
        }
    };
    Ok(Some(Shown {
        source,
        holds: Holds::All,
        when,
        why,
        windows: Vec::new(),
        is_frozen_now,
    }))
}

async fn of_file(
    aws: &Aws,
    freeze: &Freeze,
    source: String,
    holds: Holds,
    now: DateTime<Utc>,
) -> Shown {
    let (when, is_frozen_now) = match &freeze.when {
        FreezeTime::Dates { from, until } => {
            let is_now = (*from..*until).contains(&now);
            (
                format!("from {} until {}", moment(*from), moment(*until)),
                is_now,
            )
        }
        FreezeTime::Calendar(calendar) => match calendar_state(&aws.clients, calendar, now).await {
            Ok(state) => {
                let change = state
                    .changes_at
                    .map(|at| format!(", changes at {}", moment(at)));
                let word = if state.is_open { "open" } else { "closed" };
                (
                    format!(
                        "calendar {calendar} is {word}{}",
                        change.unwrap_or_default()
                    ),
                    !state.is_open,
                )
            }
            Err(fault) => {
                let reason = fault.to_failure().reason;
                (
                    format!("calendar {calendar} counts as closed: {reason}"),
                    true,
                )
            }
        },
    };
    Shown {
        source,
        holds,
        when,
        why: freeze.why.clone(),
        windows: freeze.windows.clone(),
        is_frozen_now,
    }
}
