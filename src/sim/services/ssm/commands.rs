//! SendCommand, CancelCommand, ListCommands.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::documents::own_name;
use super::nodes::{registered, registration};
use super::{KeyValues, invalid, size, time};
use crate::sim::services::query;
use crate::sim::wire::ApiError;
use crate::sim::world::commands::{self, Command, Work};
use crate::sim::world::documents::Document;
use crate::sim::world::{World, epoch};

const DEFAULT_TIMEOUT_SECONDS: i64 = 3600;

// Where output and notifications go is accepted and not acted upon: nobody in the simulated account
// reads them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Send {
    #[serde(default)]
    instance_ids: Vec<String>,
    #[serde(default)]
    targets: Vec<KeyValues>,
    document_name: String,
    document_version: Option<String>,
    timeout_seconds: Option<i64>,
    comment: Option<String>,
    #[serde(default)]
    parameters: BTreeMap<String, Vec<String>>,
    max_concurrency: Option<String>,
    max_errors: Option<String>,
    #[serde(default, rename = "OutputS3Region")]
    _output_s3_region: Option<String>,
    #[serde(default, rename = "OutputS3BucketName")]
    _output_s3_bucket_name: Option<String>,
    #[serde(default, rename = "OutputS3KeyPrefix")]
    _output_s3_key_prefix: Option<String>,
    #[serde(default, rename = "CloudWatchOutputConfig")]
    _cloud_watch_output_config: Option<Value>,
    #[serde(default, rename = "NotificationConfig")]
    _notification_config: Option<Value>,
    #[serde(default, rename = "ServiceRoleArn")]
    _service_role_arn: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Cancel {
    command_id: String,
    #[serde(default)]
    instance_ids: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct List {
    command_id: Option<String>,
    instance_id: Option<String>,
    #[serde(default)]
    filters: Vec<Filter>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

/// Commands have filters of their own, spelled in lower case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    pub(super) key: String,
    pub(super) value: String,
}

pub(super) fn send(world: &mut World, request: Send) -> Result<Value, ApiError> {
    check_shape(&request)?;
    let document = world
        .ssm
        .documents
        .get(own_name(world, &request.document_name))
        .cloned()
        .ok_or_else(|| {
            ApiError::new(
                "InvalidDocument",
                format!("document {} does not exist", request.document_name),
            )
        })?;
    let version = request.document_version.as_deref().unwrap_or("$DEFAULT");
    if !["$DEFAULT", "$LATEST", "1"].contains(&version) {
        return Err(ApiError::new(
            "InvalidDocumentVersion",
            format!("{} has no version '{version}'", document.name),
        ));
    }
    document
        .check(&request.parameters)
        .map_err(|why| ApiError::new("InvalidParameters", why))?;
    let nodes = nodes_of(world, &request)?;
    let wrong = wrong_platform(world, &document, &nodes);
    if !request.instance_ids.is_empty() && !wrong.is_empty() {
        return Err(ApiError::new(
            "UnsupportedPlatformType",
            format!("{} is not for the platform of {wrong:?}", document.name),
        ));
    }
    check_concurrency(&request, nodes.len())?;
    let command = Command {
        id: world.new_uuid(),
        sequence: 0, // given when it is sent
        document: document.name.clone(),
        // As asked for; without a version AWS shows an empty one (recorded).
        document_version: request.document_version.clone().unwrap_or_default(),
        work: Work::of(&document, &request.parameters),
        execution_timeout_seconds: document.execution_timeout_seconds(&request.parameters),
        parameters: world.ssm.shared(request.parameters),
        comment: request.comment.unwrap_or_default(),
        instance_ids: request.instance_ids,
        targets: request
            .targets
            .into_iter()
            .map(|t| (t.key, t.values))
            .collect(),
        requested_at: world.now,
        visible_at: world.visible_from(),
        timeout_seconds: request.timeout_seconds.unwrap_or(DEFAULT_TIMEOUT_SECONDS),
        max_concurrency: request.max_concurrency.unwrap_or_else(|| "50".into()),
        max_errors: request.max_errors.unwrap_or_else(|| "0".into()),
        invocations: BTreeMap::new(),
    };
    let id = command.id.clone();
    commands::send(world, command, &nodes, &wrong);
    let sent = world.ssm.commands.get(&id).map(row);
    Ok(json!({ "Command": sent }))
}

fn check_shape(request: &Send) -> Result<(), ApiError> {
    match (request.instance_ids.len(), request.targets.len()) {
        (0, 0) => return Err(invalid("InstanceIds or Targets must be given.")),
        (1..=50, 0) | (0, 1..=5) => {}
        (0, n) => return Err(invalid(format!("expected at most 5 Targets, found {n}"))),
        (n, 0) => {
            return Err(invalid(format!(
                "1 validation error detected: Value at 'instanceIds' failed to satisfy \
                 constraint: Member must have length less than or equal to 50, found {n}"
            )));
        }
        _ => {
            return Err(invalid(
                "InstanceIds and Targets cannot be given in one request.",
            ));
        }
    }
    let distinct: BTreeSet<&String> = request.instance_ids.iter().collect();
    if distinct.len() < request.instance_ids.len() {
        return Err(ApiError::new(
            "DuplicateInstanceId",
            "an instance is named twice",
        ));
    }
    if let Some(target) = request.targets.iter().find(|t| t.values.len() > 50) {
        return Err(invalid(format!(
            "target {}: expected at most 50 values, found {}",
            target.key,
            target.values.len()
        )));
    }
    let comment = request.comment.as_deref().unwrap_or_default();
    if comment.chars().count() > 100 {
        return Err(invalid(format!(
            "1 validation error detected: Value '{comment}' at 'comment' failed to satisfy \
             constraint: Member must have length less than or equal to 100"
        )));
    }
    match request.timeout_seconds {
        Some(n) if !(30..=2_592_000).contains(&n) => Err(invalid(format!(
            "TimeoutSeconds: expected 30 to 2592000, found {n}"
        ))),
        _ => Ok(()),
    }
}

/// All nodes run at once here: a request that wants fewer would be answered wrongly in silence.
fn check_concurrency(request: &Send, nodes: usize) -> Result<(), ApiError> {
    let Some(asked) = request.max_concurrency.as_deref() else {
        return Ok(());
    };
    let at_once = match asked.strip_suffix('%') {
        Some(percent) => percent.parse::<usize>().map(|p| (nodes * p).div_ceil(100)),
        None => asked.parse(),
    }
    .map_err(|_| {
        invalid(format!(
            "MaxConcurrency: expected a number or a percentage, found '{asked}'"
        ))
    })?;
    if at_once < nodes {
        return Err(ApiError::unsupported(format!(
            "ssm:SendCommand with MaxConcurrency {asked} below the {nodes} nodes targeted"
        )));
    }
    Ok(())
}

fn nodes_of(world: &World, request: &Send) -> Result<Vec<String>, ApiError> {
    for id in &request.instance_ids {
        if world.instances.get(id).and_then(registration).is_none() {
            return Err(ApiError::new(
                "InvalidInstanceId",
                format!(
                    "Instances [[{id}]] not in a valid state for account {}",
                    world.account
                ),
            ));
        }
    }
    if !request.instance_ids.is_empty() {
        return Ok(request.instance_ids.clone());
    }
    for target in &request.targets {
        let known = target.key.starts_with("tag:")
            || ["InstanceIds", "tag-key"].contains(&target.key.as_str());
        if !known {
            return Err(ApiError::unsupported(format!(
                "ssm:SendCommand with the target key '{}'",
                target.key
            )));
        }
    }
    let hit = |target: &KeyValues, id: &str, tags: &BTreeMap<String, String>| {
        let one_of = |value: &str| target.values.iter().any(|v| v == value);
        match target.key.strip_prefix("tag:") {
            Some(key) => tags.get(key).is_some_and(|v| one_of(v)),
            None if target.key == "tag-key" => tags.keys().any(|k| one_of(k)),
            None => one_of(id),
        }
    };
    Ok(registered(world)
        .filter(|(i, _)| request.targets.iter().all(|t| hit(t, &i.id, &i.tags)))
        .map(|(i, _)| i.id.clone())
        .collect())
}

fn wrong_platform(world: &World, document: &Document, nodes: &[String]) -> Vec<String> {
    let suits = |id: &String| {
        world
            .instances
            .get(id)
            .and_then(|i| i.agent.as_ref())
            .is_some_and(|a| document.platforms.contains(&a.platform))
    };
    nodes.iter().filter(|id| !suits(id)).cloned().collect()
}

pub(super) fn cancel(world: &mut World, request: Cancel) -> Result<Value, ApiError> {
    check_id(&request.command_id)?;
    if !world.ssm.commands.contains_key(&request.command_id) {
        return Err(ApiError::new("InvalidCommandId", "no such command"));
    }
    commands::cancel(world, &request.command_id, &request.instance_ids);
    Ok(json!({}))
}

pub(super) fn list(world: &World, request: List) -> Result<Value, ApiError> {
    let limit = size(request.max_results, (1, 50), 50)?;
    let filters = Filters::read(&request.filters)?;
    let question = Question {
        command: request.command_id.as_deref(),
        instance: request.instance_id.as_deref(),
        after: filters.after,
        token: request.next_token.as_deref(),
    };
    let found = candidates(world, question)?
        .filter(|c| c.visible_at <= world.now && filters.pass(c))
        .filter(|c| {
            let (status, details) = c.status();
            filters.status_is(status, details)
        })
        .map(|c| (newest_first(c), c));
    let (page, token) = query::page_of(found, request.next_token.as_deref(), limit)?;
    let rows: Vec<Value> = page.into_iter().map(row).collect();
    Ok(json!({"Commands": rows, "NextToken": token}))
}

/// A key by which the newest command is the first.
pub(super) fn newest_first(command: &Command) -> String {
    format!("{:020}", u64::MAX - command.sequence)
}

/// The sequence of the command whose items a page saw last.
fn last_sequence(token: Option<&str>) -> Result<u64, ApiError> {
    let seen = query::last_seen(token)?;
    let place = seen.and_then(|key| key.get(..20)?.parse().ok());
    Ok(place.map_or(u64::MAX, |place: u64| u64::MAX - place))
}

/// The commands that a list asks for, but for the filters of each single one.
pub(super) struct Question<'r> {
    pub(super) command: Option<&'r str>,
    pub(super) instance: Option<&'r str>,
    /// Those sent later than this.
    pub(super) after: Option<DateTime<Utc>>,
    /// Those of this page and of later ones.
    pub(super) token: Option<&'r str>,
}

/// The commands in question, newest first.
pub(super) fn candidates<'w>(
    world: &'w World,
    question: Question<'_>,
) -> Result<Box<dyn Iterator<Item = &'w Command> + 'w>, ApiError> {
    if let Some(id) = question.command {
        check_id(id)?;
        return Ok(Box::new(world.ssm.commands.get(id).into_iter()));
    }
    let sent = match question.instance {
        Some(instance) => world.ssm.sent_to.get(instance),
        None => Some(&world.ssm.sent),
    };
    let newest = last_sequence(question.token)?;
    let rest = sent.into_iter().flat_map(move |sent| sent.range(..=newest));
    let rest = rest.rev().filter_map(|(_, id)| world.ssm.commands.get(id));
    // They were sent in the order of their sequence.
    let is_late = move |c: &&Command| question.after.is_none_or(|after| c.requested_at > after);
    Ok(Box::new(rest.take_while(is_late)))
}

pub(super) fn check_id(id: &str) -> Result<(), ApiError> {
    if id.len() == 36 {
        Ok(())
    } else {
        Err(ApiError::new(
            "InvalidCommandId",
            format!("expected an id of 36 characters, found '{id}'"),
        ))
    }
}

/// The filters of ListCommands and ListCommandInvocations.
#[derive(Default)]
pub(super) struct Filters {
    pub(super) after: Option<DateTime<Utc>>,
    before: Option<DateTime<Utc>>,
    status: Option<String>,
    document: Option<String>,
}

impl Filters {
    pub(super) fn read(filters: &[Filter]) -> Result<Self, ApiError> {
        let mut read = Self::default();
        for filter in filters {
            match filter.key.as_str() {
                "InvokedAfter" => read.after = Some(time(&filter.value)?),
                "InvokedBefore" => read.before = Some(time(&filter.value)?),
                "Status" => read.status = Some(filter.value.clone()),
                "DocumentName" => read.document = Some(filter.value.clone()),
                other => {
                    return Err(ApiError::new(
                        "InvalidFilterKey",
                        format!("the filter key '{other}' is not valid"),
                    ));
                }
            }
        }
        Ok(read)
    }

    /// Whether the command passes all but the status filter.
    pub(super) fn pass(&self, command: &Command) -> bool {
        self.after.is_none_or(|t| command.requested_at > t)
            && self.before.is_none_or(|t| command.requested_at < t)
            && self
                .document
                .as_ref()
                .is_none_or(|d| *d == command.document)
    }

    /// Whether the status passes; the filter writes details without spaces.
    pub(super) fn status_is(&self, status: &str, details: &str) -> bool {
        self.status
            .as_ref()
            .is_none_or(|s| s == status || *s == details.replace(' ', ""))
    }
}

fn row(command: &Command) -> Value {
    let (status, details) = command.status();
    let done = command
        .invocations
        .values()
        .filter(|i| i.status.is_final())
        .count();
    let count = |status: commands::Status| {
        command
            .invocations
            .values()
            .filter(|i| i.status == status)
            .count()
    };
    let targets: Vec<Value> = command
        .targets
        .iter()
        .map(|(key, values)| json!({"Key": key, "Values": values}))
        .collect();
    json!({
        "CommandId": command.id,
        "DocumentName": command.document,
        "DocumentVersion": command.document_version,
        "Comment": command.comment,
        "ExpiresAfter": epoch(command.expires_at()),
        "Parameters": *command.parameters,
        "InstanceIds": command.instance_ids,
        "Targets": targets,
        "RequestedDateTime": epoch(command.requested_at),
        "Status": status,
        "StatusDetails": details,
        "MaxConcurrency": command.max_concurrency,
        "MaxErrors": command.max_errors,
        "TargetCount": command.invocations.len(),
        "CompletedCount": done,
        "ErrorCount": count(commands::Status::Failed) + count(commands::Status::ExecutionTimedOut),
        "DeliveryTimedOutCount": count(commands::Status::DeliveryTimedOut),
        "TimeoutSeconds": command.timeout_seconds,
    })
}
