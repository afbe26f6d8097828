//! CreateDocument, GetDocument, DeleteDocument: command documents of one step and Change Calendars, with the one version that
//! they were created with.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{calendars, invalid};
use crate::sim::wire::ApiError;
use crate::sim::world::World;
use crate::sim::world::documents::Document;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Create {
    name: String,
    content: String,
    document_type: Option<String>,
    document_format: Option<String>,
    #[serde(default, rename = "TargetType")]
    _target_type: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Get {
    name: String,
    document_version: Option<String>,
    document_format: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Delete {
    name: String,
}

pub(super) fn create(world: &mut World, request: Create) -> Result<Value, ApiError> {
    let Create { name, content, .. } = request;
    let kind = request.document_type.as_deref().unwrap_or("Command");
    let format = request.document_format.as_deref().unwrap_or("JSON");
    let is_calendar = (kind, format) == ("ChangeCalendar", "TEXT");
    if !is_calendar && (kind, format) != ("Command", "JSON") {
        return Err(ApiError::unsupported(format!(
            "ssm:CreateDocument of type {kind} in {format}"
        )));
    }
    let is_reserved = ["aws", "amazon", "amzn"];
    let lower = name.to_lowercase();
    if is_reserved.iter().any(|prefix| lower.starts_with(prefix)) {
        return Err(invalid(format!(
            "document name {name} begins with a reserved prefix"
        )));
    }
    if world.ssm.documents.contains_key(&name) || world.ssm.calendars.contains_key(&name) {
        return Err(ApiError::new(
            "DocumentAlreadyExists",
            format!("The specified document {name} already exists."),
        ));
    }
    if is_calendar {
        return calendars::create(world, name, &content);
    }
    let document = Document::created(&name, &content)
        .map_err(|why| ApiError::new("InvalidDocumentContent", why))?;
    let platforms = document.platforms.clone();
    world.ssm.documents.insert(name.clone(), document);
    Ok(json!({"DocumentDescription": {
        "Name": name,
        "DocumentVersion": "1",
        "LatestVersion": "1",
        "DefaultVersion": "1",
        "Status": "Creating",
        "DocumentType": "Command",
        "DocumentFormat": "JSON",
        "SchemaVersion": "2.2",
        "PlatformTypes": platforms,
    }}))
}

pub(super) fn get(world: &World, request: Get) -> Result<Value, ApiError> {
    if let Some(calendar) = world.ssm.calendars.get(&request.name) {
        return Ok(json!({
            "Name": request.name,
            "DocumentVersion": "1",
            "Status": "Active",
            "Content": calendar.content,
            "DocumentType": "ChangeCalendar",
            "DocumentFormat": "TEXT",
        }));
    }
    let document = known(world, &request.name)?;
    let version = request.document_version.as_deref().unwrap_or("$DEFAULT");
    if !["$DEFAULT", "$LATEST", "1"].contains(&version) {
        return Err(ApiError::new(
            "InvalidDocumentVersion",
            format!("{} has no version '{version}'", document.name),
        ));
    }
    let format = request.document_format.as_deref().unwrap_or("JSON");
    let content = document.content();
    if format != "JSON" {
        return Err(ApiError::unsupported(format!(
            "ssm:GetDocument of {} in {format}",
            document.name
        )));
    }
    Ok(json!({
        "Name": document.name,
        "DocumentVersion": "1",
        "Status": "Active",
        "Content": content,
        "DocumentType": "Command",
        "DocumentFormat": "JSON",
    }))
}

pub(super) fn delete(world: &mut World, request: Delete) -> Result<Value, ApiError> {
    if world.ssm.calendars.remove(&request.name).is_none() {
        known(world, &request.name)?;
        world.ssm.documents.remove(&request.name);
    }
    Ok(json!({}))
}

fn known<'w>(world: &'w World, name: &str) -> Result<&'w Document, ApiError> {
    let found = world.ssm.documents.get(name);
    found.ok_or_else(|| {
        ApiError::new(
            "InvalidDocument",
            format!("Document with name {name} does not exist."),
        )
    })
}
