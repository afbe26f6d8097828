//! StartAutomationExecution, GetAutomationExecution, DescribeAutomationExecutions, StopAutomationExecution.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{KeyValues, invalid, size, time};
use crate::sim::beliefs::AutomationToken;
use crate::sim::services::query;
use crate::sim::wire::ApiError;
use crate::sim::world::automations::{self, Automation, NotStarted};
use crate::sim::world::commands::Arguments;
use crate::sim::world::{World, epoch};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Start {
    document_name: String,
    document_version: Option<String>,
    #[serde(default)]
    parameters: Arguments,
    client_token: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Tag {
    key: String,
    value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Get {
    automation_execution_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Stop {
    automation_execution_id: String,
    r#type: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Describe {
    #[serde(default)]
    filters: Vec<KeyValues>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

/// The operation whose client tokens these are.
const START: &str = "ssm:StartAutomationExecution";

pub(super) fn start(world: &mut World, request: Start) -> Result<Value, ApiError> {
    if request.tags.len() > 5 {
        return Err(invalid(format!(
            "1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have length less \
             than or equal to 5, found {}",
            request.tags.len()
        )));
    }
    let token = token(&request)?;
    let asked = json!([
        request.document_name,
        request.document_version,
        request.parameters
    ]);
    if let Some(answer) = world.token_answer(START, token.as_deref(), &asked)? {
        return match world.beliefs.automation_token {
            AutomationToken::Same => Ok(answer),
            AutomationToken::Refused => Err(ApiError::new(
                "IdempotentParameterMismatch",
                "The client token was used before.",
            )),
        };
    }
    let executed_by = super::super::sts::caller(world);
    let started = automations::start(
        world,
        automations::Start {
            document: own_name(&request.document_name).to_owned(),
            version: request.document_version,
            parameters: request.parameters,
            executed_by,
            tags: request.tags.into_iter().map(|t| (t.key, t.value)).collect(),
        },
    );
    let name = &request.document_name;
    let id = started.map_err(|why| match why {
        NotStarted::Document => ApiError::new(
            "AutomationDefinitionNotFoundException",
            format!("Automation definition {name} does not exist."),
        ),
        NotStarted::Version => ApiError::new(
            "AutomationDefinitionVersionNotFoundException",
            format!("Automation definition {name} has no such version."),
        ),
        NotStarted::Parameters(why) => {
            ApiError::new("InvalidAutomationExecutionParametersException", why)
        }
    })?;
    let answer = json!({"AutomationExecutionId": id});
    world.remember_token(START, token.as_deref(), asked, &answer);
    Ok(answer)
}

/// The token, in one case: "case insensitive, enforces the UUID format" (StartAutomationExecution, ClientToken).
fn token(request: &Start) -> Result<Option<String>, ApiError> {
    let Some(token) = &request.client_token else {
        return Ok(None);
    };
    let token = token.to_lowercase();
    let parts: Vec<usize> = token.split('-').map(str::len).collect();
    let is_hex = |c: char| c == '-' || c.is_ascii_hexdigit();
    if parts == [8, 4, 4, 4, 12] && token.chars().all(is_hex) {
        return Ok(Some(token));
    }
    Err(invalid(format!(
        "1 validation error detected: Value '{token}' at 'clientToken' failed to satisfy constraint: expected a UUID"
    )))
}

/// The name in a name or an ARN.
fn own_name(document: &str) -> &str {
    document
        .rsplit_once(":document/")
        .map_or(document, |(_, name)| name)
}

fn known<'w>(world: &'w World, id: &str) -> Result<&'w Automation, ApiError> {
    let found = world.ssm.automations.get(id);
    found.ok_or_else(|| {
        ApiError::new(
            "AutomationExecutionNotFoundException",
            format!("Automation execution {id} does not exist."),
        )
    })
}

pub(super) fn get(world: &World, request: Get) -> Result<Value, ApiError> {
    let automation = known(world, &request.automation_execution_id)?;
    let mut execution = row(automation);
    execution["Parameters"] = json!(automation.parameters);
    Ok(json!({"AutomationExecution": execution}))
}

pub(super) fn stop(world: &mut World, request: Stop) -> Result<Value, ApiError> {
    let kind = request.r#type.as_deref().unwrap_or("Cancel");
    if kind != "Cancel" {
        return Err(ApiError::unsupported(format!(
            "ssm:StopAutomationExecution of type {kind}"
        )));
    }
    let id = &request.automation_execution_id;
    known(world, id)?;
    match automations::stop(world, id) {
        true => Ok(json!({})),
        false => Err(ApiError::new(
            "InvalidAutomationStatusUpdateException",
            format!("Automation execution {id} is over."),
        )),
    }
}

/// Newest first. Filters are joined by "and", the values of one by "or".
pub(super) fn describe(world: &World, request: Describe) -> Result<Value, ApiError> {
    let limit = size(request.max_results, (1, 50), 50)?;
    let mut asked = BTreeMap::new();
    for filter in &request.filters {
        if !(1..=10).contains(&filter.values.len()) {
            return Err(ApiError::new(
                "InvalidFilterValue",
                format!("filter {}: expected 1 to 10 values", filter.key),
            ));
        }
        if asked.insert(filter.key.as_str(), &filter.values).is_some() {
            return Err(ApiError::new(
                "InvalidFilterKey",
                format!("filter {} is given twice", filter.key),
            ));
        }
    }
    let mut rows = Vec::new();
    for automation in world.ssm.automations.values() {
        if automation.visible_at > world.now {
            continue;
        }
        let mut is_asked = true;
        for (key, values) in &asked {
            is_asked &= passes(automation, key, values)?;
        }
        if is_asked {
            let key = format!("{:020}", u64::MAX - automation.sequence);
            rows.push((key, row(automation)));
        }
    }
    rows.sort_by(|(a, _), (b, _)| a.cmp(b));
    let (page, token) = query::page(rows, request.next_token.as_deref(), limit)?;
    Ok(json!({"AutomationExecutionMetadataList": page, "NextToken": token}))
}

fn passes(automation: &Automation, key: &str, values: &[String]) -> Result<bool, ApiError> {
    let mut values = values.iter();
    Ok(match key {
        "ExecutionId" => values.any(|v| *v == automation.id),
        "ExecutionStatus" => values.any(|v| *v == automation.status),
        "DocumentNamePrefix" => values.any(|v| automation.document.starts_with(v.as_str())),
        "TagKey" => values.any(|v| automation.tags.contains_key(v)),
        "StartTimeAfter" => {
            let from = values.map(|v| time(v)).collect::<Result<Vec<_>, _>>()?;
            from.iter().any(|from| automation.started_at >= *from)
        }
        other => {
            return Err(ApiError::unsupported(format!(
                "ssm:DescribeAutomationExecutions with the filter {other}"
            )));
        }
    })
}

/// The fields of an execution that both reads answer.
fn row(automation: &Automation) -> Value {
    let mut row = json!({
        "AutomationExecutionId": automation.id,
        "DocumentName": automation.document,
        "DocumentVersion": automation.version.to_string(),
        "AutomationExecutionStatus": automation.status,
        "ExecutionStartTime": epoch(automation.started_at),
        "ExecutedBy": automation.executed_by,
        "Mode": "Auto",
        "Outputs": automation.outputs,
    });
    if let Some(at) = automation.ended_at {
        row["ExecutionEndTime"] = json!(epoch(at));
    }
    if !automation.message.is_empty() {
        row["FailureMessage"] = json!(automation.message);
    }
    row
}
