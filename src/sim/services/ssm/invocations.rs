//! ListCommandInvocations and GetCommandInvocation.

use serde::Deserialize;
use serde_json::{Value, json};

use super::commands::{Filter, Filters, Question, candidates, check_id, newest_first};
use super::size;
use crate::sim::services::query;
use crate::sim::wire::ApiError;
use crate::sim::world::commands::{Command, Invocation, Status};
use crate::sim::world::documents::Document;
use crate::sim::world::{World, epoch, iso};

/// `GetCommandInvocation` shows this much of the output.
const STDOUT_CHARS: usize = 24_000;
/// `GetCommandInvocation` shows this much of the error output.
const STDERR_CHARS: usize = 8_000;
/// `ListCommandInvocations` with details shows this much of both together.
const PLUGIN_OUTPUT_CHARS: usize = 2_500;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct List {
    command_id: Option<String>,
    instance_id: Option<String>,
    #[serde(default)]
    filters: Vec<Filter>,
    #[serde(default)]
    details: bool,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Get {
    command_id: String,
    instance_id: String,
    plugin_name: Option<String>,
}

pub(super) fn list(world: &World, request: List) -> Result<Value, ApiError> {
    let limit = size(request.max_results, (1, 50), 50)?;
    let filters = Filters::read(&request.filters)?;
    let only = request.instance_id.as_deref();
    let question = Question {
        command: request.command_id.as_deref(),
        instance: only,
        after: filters.after,
        token: request.next_token.as_deref(),
    };
    let found = candidates(world, question)?
        .filter(|c| c.visible_at <= world.now && filters.pass(c))
        .flat_map(|c| c.invocations.iter().map(move |(id, i)| (c, id, i)))
        .filter(|(_, id, _)| only.is_none_or(|o| o == *id))
        .filter(|(_, _, i)| filters.status_is(i.status.name(), i.status.details()));
    let keyed = found.map(|(c, id, i)| (format!("{} {id}", newest_first(c)), (c, id, i)));
    let (page, token) = query::page_of(keyed, request.next_token.as_deref(), limit)?;
    let rows: Vec<Value> = page
        .into_iter()
        .map(|(c, id, i)| invocation_row(world, c, id, i, request.details))
        .collect();
    Ok(json!({"CommandInvocations": rows, "NextToken": token}))
}

fn invocation_row(
    world: &World,
    command: &Command,
    instance: &str,
    invocation: &Invocation,
    details: bool,
) -> Value {
    let plugins: Vec<Value> = match world.ssm.documents.get(&command.document) {
        Some(document) if details => document
            .steps
            .iter()
            .map(|(name, platform)| {
                plugin_row(command, invocation, name, runs(world, instance, platform))
            })
            .collect(),
        _ => Vec::new(),
    };
    json!({
        "CommandId": command.id,
        "InstanceId": instance,
        "InstanceName": "",
        "Comment": command.comment,
        "DocumentName": command.document,
        "DocumentVersion": command.document_version,
        "RequestedDateTime": epoch(command.requested_at),
        "Status": invocation.status.name(),
        "StatusDetails": invocation.status.details(),
        "StandardOutputUrl": "",
        "StandardErrorUrl": "",
        "CommandPlugins": plugins,
    })
}

fn plugin_row(command: &Command, invocation: &Invocation, name: &str, runs: bool) -> Value {
    let status = step_status(invocation, runs);
    let output = if runs {
        both(&invocation.stdout, &invocation.stderr)
    } else {
        "Step execution skipped due to unsatisfied preconditions".into()
    };
    json!({
        "Name": name,
        "Status": status.name(),
        "StatusDetails": status.details(),
        "ResponseCode": if runs { invocation.response_code } else { 0 },
        "ResponseStartDateTime": invocation.started_at.unwrap_or(command.requested_at).timestamp(),
        "ResponseFinishDateTime": invocation.finished_at.map(epoch),
        "Output": start(&output, PLUGIN_OUTPUT_CHARS),
        "StandardOutputUrl": "",
        "StandardErrorUrl": "",
    })
}

/// Both outputs as the agent puts them into one text: of what is too long it keeps the beginning, and the other one whole.
/// Source: amazon-ssm-agent, `iohandler.TruncateOutput` (2,400 characters).
fn both(stdout: &str, stderr: &str) -> String {
    const ROOM: usize = 2_400;
    const OUT_CUT: &str = "\n---Output truncated---";
    const ERROR_CUT: &str = "\n---Error truncated----";
    let title = match stderr {
        "" => "",
        _ => "\n----------ERROR-------\n",
    };
    let room = ROOM - title.len();
    let (out, error) = (stdout.chars().count(), stderr.chars().count());
    if out + error < room {
        return format!("{stdout}{title}{stderr}");
    }
    if out > room / 2 && error > room / 2 {
        let each = (room - OUT_CUT.len() - ERROR_CUT.len()) / 2;
        let (stdout, stderr) = (start(stdout, each), start(stderr, each));
        return format!("{stdout}{OUT_CUT}{title}{stderr}{ERROR_CUT}");
    }
    if out < room / 2 {
        let left = room - ERROR_CUT.len() - out;
        return format!("{stdout}{title}{}{ERROR_CUT}", start(stderr, left));
    }
    let left = room - OUT_CUT.len() - error;
    format!("{}{OUT_CUT}{title}{stderr}", start(stdout, left))
}

/// A step for another platform is skipped, and counts as a success once the agent is at work.
fn step_status(invocation: &Invocation, runs: bool) -> Status {
    if !runs && invocation.started_at.is_some() {
        Status::Success
    } else {
        invocation.status
    }
}

fn runs(world: &World, instance: &str, platform: &str) -> bool {
    platform.is_empty()
        || world
            .instances
            .get(instance)
            .is_some_and(|i| world.platform_of(i) == platform)
}

fn start(text: &str, chars: usize) -> &str {
    text.char_indices()
        .nth(chars)
        .map_or(text, |(at, _)| &text[..at])
}

pub(super) fn get(world: &World, request: Get) -> Result<Value, ApiError> {
    check_id(&request.command_id)?;
    let found = world
        .ssm
        .commands
        .get(&request.command_id)
        .filter(|c| c.visible_at <= world.now)
        .and_then(|c| Some((c, c.invocations.get(&request.instance_id)?)));
    let Some((command, invocation)) = found else {
        return Err(ApiError::new(
            "InvocationDoesNotExist",
            "The command ID and managed node ID you specified didn't match any invocations.",
        ));
    };
    let document = world.ssm.documents.get(&command.document);
    let (name, platform) = step(document, request.plugin_name.as_deref())?;
    let runs = runs(world, &request.instance_id, platform);
    let status = step_status(invocation, runs);
    let (stdout, stderr) = if runs {
        (invocation.stdout.as_str(), invocation.stderr.as_str())
    } else {
        (
            "Step execution skipped due to unsatisfied preconditions",
            "",
        )
    };
    let elapsed = match (invocation.started_at, invocation.finished_at) {
        (Some(from), Some(to)) => format!("PT{}S", (to - from).as_seconds_f64()),
        _ => "PT0S".into(),
    };
    Ok(json!({
        "CommandId": command.id,
        "InstanceId": request.instance_id,
        "Comment": command.comment,
        "DocumentName": command.document,
        "DocumentVersion": command.document_version,
        "PluginName": name,
        "ResponseCode": if runs { invocation.response_code } else { 0 },
        "ExecutionStartDateTime": invocation.started_at.map(iso).unwrap_or_default(),
        "ExecutionElapsedTime": elapsed,
        "ExecutionEndDateTime": invocation.finished_at.map(iso).unwrap_or_default(),
        "Status": status.name(),
        "StatusDetails": status.details(),
        "StandardOutputContent": start(stdout, STDOUT_CHARS),
        "StandardOutputUrl": "",
        "StandardErrorContent": start(stderr, STDERR_CHARS),
        "StandardErrorUrl": "",
        "CloudWatchOutputConfig": {"CloudWatchLogGroupName": "", "CloudWatchOutputEnabled": false},
    }))
}

/// The step asked about; documents of several steps demand its name.
fn step<'d>(
    document: Option<&'d Document>,
    asked: Option<&str>,
) -> Result<(&'d str, &'d str), ApiError> {
    let steps = document.map_or(&[][..], |d| d.steps.as_slice());
    let found = match asked {
        Some(name) => steps.iter().find(|(n, _)| n == name),
        None if steps.len() == 1 => steps.first(),
        None => None,
    };
    found.map(|(n, p)| (n.as_str(), p.as_str())).ok_or_else(|| {
        ApiError::new(
            "InvalidPluginName",
            format!("the document has several steps; expected one of {steps:?}, found {asked:?}"),
        )
    })
}
