//! CreateDocument, GetDocument, DescribeDocument, DeleteDocument: command documents of one step and Change Calendars, with the one version that
//! they were created with, and Automation runbooks.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{calendars, invalid};
use crate::sim::wire::ApiError;
use crate::sim::world::World;
use crate::sim::world::automations::{Course, Runbook};
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
pub(super) struct Describe {
    name: String,
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
    let is_runbook = kind == "Automation";
    if !is_calendar && !is_runbook && (kind, format) != ("Command", "JSON") {
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
    let ssm = &world.ssm;
    let is_taken = ssm.documents.contains_key(&name) || ssm.calendars.contains_key(&name);
    if is_taken || ssm.runbooks.contains_key(&name) {
        return Err(ApiError::new(
            "DocumentAlreadyExists",
            format!("The specified document {name} already exists."),
        ));
    }
    if is_calendar {
        return calendars::create(world, name, &content);
    }
    if is_runbook {
        let runbook = Runbook::new(&name, &content, Course::default());
        world.ssm.runbooks.insert(name.clone(), runbook);
        return Ok(json!({"DocumentDescription": {
            "Name": name,
            "DocumentVersion": "1",
            "LatestVersion": "1",
            "DefaultVersion": "1",
            "Status": "Creating",
            "DocumentType": "Automation",
            "DocumentFormat": format,
            "SchemaVersion": "0.3",
        }}));
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
    if let Some(runbook) = runbook(world, &request.name) {
        return get_runbook(runbook, &request);
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

/// The document in short, by its default version: "Parameters without a default value are required" (DocumentParameter,
/// DefaultValue).
pub(super) fn describe(world: &World, request: Describe) -> Result<Value, ApiError> {
    let name = own_name(world, &request.name);
    let parameter = |name: &str, default: Option<String>| {
        let mut parameter = json!({"Name": name, "Type": "String"});
        if let Some(default) = default {
            parameter["DefaultValue"] = json!(default);
        }
        parameter
    };
    let (kind, format, schema, version, platforms, parameters) =
        if world.ssm.calendars.contains_key(name) {
            let platforms: Vec<String> = Vec::new();
            ("ChangeCalendar", "TEXT", "1.0", 1, platforms, Vec::new())
        } else if let Some(runbook) = runbook(world, name) {
            let declared = runbook.declared().into_iter();
            let declared = declared.map(|(name, default)| parameter(&name, default));
            let platforms = ["Windows", "Linux", "MacOS"].map(str::to_owned).to_vec();
            (
                "Automation",
                "JSON",
                "0.3",
                runbook.default,
                platforms,
                declared.collect(),
            )
        } else {
            let document = known(world, name)?;
            let declared = document.parameters.iter();
            let declared =
                declared.map(|(name, rule)| parameter(name, (!rule.required).then(String::new)));
            (
                "Command",
                "JSON",
                "2.2",
                1,
                document.platforms.clone(),
                declared.collect(),
            )
        };
    let version = version.to_string();
    Ok(json!({"Document": {
        "Name": name,
        "DocumentVersion": version,
        "LatestVersion": version,
        "DefaultVersion": version,
        "Status": "Active",
        "DocumentType": kind,
        "DocumentFormat": format,
        "SchemaVersion": schema,
        "PlatformTypes": platforms,
        "Parameters": parameters,
    }}))
}

pub(super) fn delete(world: &mut World, request: Delete) -> Result<Value, ApiError> {
    let is_other = world.ssm.calendars.remove(&request.name).is_some();
    if !is_other && world.ssm.runbooks.remove(&request.name).is_none() {
        known(world, &request.name)?;
        world.ssm.documents.remove(&request.name);
    }
    Ok(json!({}))
}

/// A runbook by its name or ARN.
fn runbook<'w>(world: &'w World, name: &str) -> Option<&'w Runbook> {
    let name = name.rsplit_once(":document/").map_or(name, |(_, own)| own);
    world.ssm.runbooks.get(name)
}

/// "The document format can be either JSON or YAML" (GetDocument, DocumentFormat): what is kept in JSON is answered so.
fn get_runbook(runbook: &Runbook, request: &Get) -> Result<Value, ApiError> {
    let name = &runbook.name;
    let Some((number, content)) = runbook.version(request.document_version.as_deref()) else {
        return Err(ApiError::new(
            "InvalidDocumentVersion",
            format!("{name} has no such version"),
        ));
    };
    let format = request.document_format.as_deref().unwrap_or("JSON");
    let is_json = serde_json::from_str::<Value>(content).is_ok();
    if (format == "JSON") != is_json {
        return Err(ApiError::unsupported(format!(
            "ssm:GetDocument of {name} in {format}"
        )));
    }
    Ok(json!({
        "Name": request.name,
        "DocumentVersion": number.to_string(),
        "Status": "Active",
        "Content": content,
        "DocumentType": "Automation",
        "DocumentFormat": format,
    }))
}

/// The name of a document in its name or its ARN. AWS's own documents have no account in theirs; one of elsewhere is none of
/// this account.
pub(super) fn own_name<'n>(world: &World, name: &'n str) -> &'n str {
    let begin = |account: &str| format!("arn:aws:ssm:{}:{account}:document/", world.region);
    let own = name.strip_prefix(&begin(&world.account));
    own.or_else(|| name.strip_prefix(&begin("")))
        .unwrap_or(name)
}

fn known<'w>(world: &'w World, name: &str) -> Result<&'w Document, ApiError> {
    let found = world.ssm.documents.get(own_name(world, name));
    found.ok_or_else(|| {
        ApiError::new(
            "InvalidDocument",
            format!("Document with name {name} does not exist."),
        )
    })
}
