//! `asg-patch approve`

use std::collections::BTreeMap;
use std::time::Duration;

use asg_patch::aws::{Automation, Aws, decisions, find_automation, start_automation};
use asg_patch::group::{Code, Failure};
use asg_patch::run::{APPROVE_DOCUMENT, NEXT, RunError};
use asg_patch::text::{moment, plain_text};
use asg_patch::windows::{Approval, Decision};
use chrono::{DateTime, SecondsFormat, Utc};
use clap::Args;
use serde_json::json;

use super::connect::connect;
use super::error::{CliError, Exit};
use super::options::AwsOptions;
use super::output::Output;

/// A decision takes seconds; Lambda may be asked again for some minutes.
const PATIENCE: chrono::TimeDelta = chrono::TimeDelta::minutes(10);
/// Between two looks at it.
const PAUSE: Duration = Duration::from_secs(2);
/// The output in which the runbook says what was decided.
const SUMMARY: &str = "Report.Summary";

/// In the place of the output of a step that did not succeed, as AWS shows it.
const NOT_YET: &str = "No output available";

/// Options of `approve`.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct ApproveArgs {
    /// The window whose opening is decided upon
    #[arg(
        long = "window",
        id = "of_window",
        value_name = "NAME",
        requires = "why"
    )]
    window: Option<String>,
    /// The reason, which notices and the run's report tell
    #[arg(long, value_name = "TEXT", requires = "of_window")]
    why: Option<String>,
    /// Which opening, by its begin, for instance 2026-10-14T04:00:00Z [default: the one that waits, or the next]
    #[arg(long, value_name = "TIME", requires = "of_window")]
    opening: Option<DateTime<Utc>>,
    /// Reject it: its run does not begin
    #[arg(long, requires = "of_window")]
    reject: bool,
    #[command(flatten)]
    aws: AwsOptions,
}

const EXAMPLES: &str = "\
Examples:
  asg-patch approve                                                  the decisions that there are
  asg-patch approve --window production --why 'CHG-1234'             its next opening, or the run that waits
  asg-patch approve --window production --why 'too risky' --reject   its run does not begin

It runs the document AsgPatch-Approve of the deployed stack, as you: Systems Manager says who decided.";

impl ApproveArgs {
    /// Whether it decides anything.
    pub(super) fn decides(&self) -> bool {
        self.window.is_some()
    }

    fn parameters(&self, window: &str) -> BTreeMap<String, Vec<String>> {
        let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let decision = if self.reject { "Reject" } else { "Approve" };
        let all = [
            ("Window", window.to_owned()),
            ("Opening", self.opening.map_or(NEXT.to_owned(), time)),
            ("Decision", decision.to_owned()),
            ("Reason", self.why.clone().unwrap_or_default()),
        ];
        all.map(|(name, value)| (name.to_owned(), vec![value]))
            .into()
    }
}

/// Approves or rejects an opening of a window, or lists the decisions that there are.
///
/// # Errors
/// Nothing was decided, or AWS could not be reached or refused a call.
pub(crate) async fn execute(args: &ApproveArgs, output: &Output) -> Result<Exit, CliError> {
    let aws = connect(&args.aws).await?;
    let Some(window) = &args.window else {
        return list(&aws, args.aws.mac_key.is_some(), output).await;
    };
    // One for each use of the command: the SDK may repeat the call.
    let token = uuid::Builder::from_random_bytes(fastrand::u128(..).to_ne_bytes());
    let token = token.into_uuid().to_string();
    let parameters = args.parameters(window);
    let started = start_automation(&aws.clients, APPROVE_DOCUMENT, parameters, &token);
    let id = started.await.map_err(|fault| match fault.code.as_str() {
        "AutomationDefinitionNotFoundException" => CliError::input(
            "approve",
            format!("the runbook {APPROVE_DOCUMENT}, which comes with the deployed stack, in this account and region"),
            "none. Is it the right account and region? infra/deploy.sh deploys the stack; the simulated account has none",
        ),
        _ => RunError::from(fault).into(),
    })?;
    let ended = ended(&aws, &id).await?;
    let said = ended.outputs.get(SUMMARY).and_then(|s| s.first());
    let said = said.filter(|s| !s.starts_with(NOT_YET)).cloned();
    // The runbook's last step fails if nothing was decided; the one before has said why.
    if let (None, Some(failure)) = (&said, &ended.failure) {
        return Err(undecided(failure));
    }
    if ended.status != "Success" {
        let state = format!("the execution {id} is {}", ended.status);
        return Err(undecided(&said.unwrap_or(state)));
    }
    let said = said.unwrap_or_else(|| format!("decided by the execution {id}"));
    output.result(&json!({"automation": id, "summary": said}), |_| {
        said.clone()
    });
    Ok(Exit::Well)
}

fn undecided(why: &str) -> CliError {
    RunError::Refused(Failure::new(Code::NotDecided, plain_text(why))).into()
}

/// Looks until it is over. What it decides does not depend on that: a look that fails is no failure of it.
async fn ended(aws: &Aws, id: &str) -> Result<Automation, CliError> {
    let until = aws.clock.now() + PATIENCE;
    loop {
        let last = match find_automation(&aws.clients, id).await {
            Ok(Some(automation)) if automation.has_ended() => return Ok(automation),
            Ok(Some(automation)) => format!("it is {}", automation.status),
            Ok(None) => "it does not show yet".to_owned(),
            Err(fault) => fault.to_failure().reason,
        };
        if aws.clock.now() > until {
            let minutes = PATIENCE.num_minutes();
            let expected =
                format!("the end of the execution {id} of {APPROVE_DOCUMENT} within {minutes} min");
            let found = format!("{last}; asg-patch approve lists what was decided");
            return Err(CliError::input("approve", expected, found));
        }
        aws.clock.wait(PAUSE).await;
    }
}

async fn list(aws: &Aws, is_checked: bool, output: &Output) -> Result<Exit, CliError> {
    let mut all = decisions(&aws.clients).await.map_err(RunError::from)?;
    all.sort_by_key(|d| (d.start, d.at));
    if !is_checked && !all.is_empty() {
        output.remark("no signature was checked: --mac-key names the stack's key of signatures");
    }
    output.result(&json!({ "approvals": all }), |_| match all.as_slice() {
        [] => "nothing was approved or rejected".into(),
        all => all.iter().map(line).collect::<Vec<String>>().join("\n"),
    });
    Ok(Exit::Well)
}

fn line(decision: &Approval) -> String {
    let word = match decision.decision {
        Decision::Approved => "approved",
        Decision::Rejected => "REJECTED",
    };
    let (window, start) = (plain_text(&decision.window), moment(decision.start));
    format!("{word}  {window} of {start}, by {}", decision.words())
}
