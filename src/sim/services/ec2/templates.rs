//! Launch templates.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::filters::{Filter, Filters};
use super::tags::{self, TagSpecification};
use super::{data, limit, tag_set};
use crate::sim::services::query::{page_of, rest_of};
use crate::sim::wire::ApiError;
use crate::sim::world::{Template, World, iso, templates};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Create {
    launch_template_name: String,
    version_description: Option<String>,
    #[serde(default)]
    launch_template_data: Map<String, Value>,
    #[serde(default)]
    tag_specification: Vec<TagSpecification>,
    client_token: Option<String>,
}

pub(super) fn create(world: &mut World, request: Create, raw: Value) -> Result<Value, ApiError> {
    let token = request.client_token.as_deref();
    if let Some(answer) = world.token_answer("CreateLaunchTemplate", token, &raw)? {
        return Ok(answer);
    }
    tags::check_types(&request.tag_specification, &["launch-template"])?;
    let name = request.launch_template_name;
    if templates::find(world, None, Some(&name)).is_ok() {
        return Err(ApiError::new(
            "InvalidLaunchTemplateName.AlreadyExistsException",
            "Launch template name already in use.",
        ));
    }
    let (id, visible_at) = (world.new_id("lt"), world.visible_from());
    let mut template = Template::new(&id, &name, data::read(request.launch_template_data)?);
    template.created_at = world.now;
    template.tags = tags::of_type(&request.tag_specification, "launch-template");
    if let Some(version) = template.versions.get_mut(&1) {
        version.created_at = world.now;
        version.visible_at = visible_at;
        version.description = request.version_description;
    }
    let answer = json!({"launchTemplate": shape(world, &template)});
    world.put_template(template);
    world.remember_token("CreateLaunchTemplate", token, raw, &answer);
    Ok(answer)
}

pub(super) fn shape(world: &World, template: &Template) -> Value {
    json!({
        "launchTemplateId": template.id,
        "launchTemplateName": template.name,
        "createTime": iso(template.created_at),
        "createdBy": creator(world),
        "defaultVersionNumber": template.default,
        "latestVersionNumber": template.versions.keys().next_back(),
        "tagSet": tag_set(&template.tags),
    })
}

pub(super) fn creator(world: &World) -> String {
    format!("arn:aws:iam::{}:root", world.account)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Describe {
    #[serde(default)]
    launch_template_id: Vec<String>,
    #[serde(default)]
    launch_template_name: Vec<String>,
    #[serde(default)]
    filter: Vec<Filter>,
    next_token: Option<String>,
    max_results: Option<i64>,
    #[serde(rename = "IncludeManagedResources")]
    _include_managed_resources: Option<bool>,
}

pub(super) fn describe(world: &mut World, request: Describe) -> Result<Value, ApiError> {
    let filters = Filters::read(&request.filter, &["create-time", "launch-template-name"])?;
    let limit = limit(request.max_results, 1, 200)?;
    let token = request.next_token.as_deref();
    let mut wanted: Vec<&Template> = Vec::new();
    for id in &request.launch_template_id {
        wanted.push(templates::find(world, Some(id), None)?);
    }
    for name in &request.launch_template_name {
        wanted.push(templates::find(world, None, Some(name))?);
    }
    if request.launch_template_id.is_empty() && request.launch_template_name.is_empty() {
        wanted.extend(rest_of(&world.templates, token)?.map(|(_, t)| t));
    }
    wanted.sort_by(|a, b| a.id.cmp(&b.id));
    wanted.dedup_by(|a, b| a.id == b.id);
    let values = |t: &Template, name: &str| match name {
        "create-time" => vec![iso(t.created_at)],
        _ => vec![t.name.clone()],
    };
    let items = wanted
        .into_iter()
        .filter(|t| filters.pass(&t.tags, |name| values(t, name)))
        .map(|t| (t.id.clone(), t));
    let (page, next) = page_of(items, token, limit)?;
    let shown: Vec<Value> = page.into_iter().map(|t| shape(world, t)).collect();
    Ok(json!({"launchTemplates": shown, "nextToken": next}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Modify {
    launch_template_id: Option<String>,
    launch_template_name: Option<String>,
    set_default_version: Option<String>,
    client_token: Option<String>,
}

pub(super) fn modify(world: &mut World, request: Modify, raw: Value) -> Result<Value, ApiError> {
    let token = request.client_token.as_deref();
    if let Some(answer) = world.token_answer("ModifyLaunchTemplate", token, &raw)? {
        return Ok(answer);
    }
    let (id, name) = (request.launch_template_id, request.launch_template_name);
    let id = templates::find(world, id.as_deref(), name.as_deref())?
        .id
        .clone();
    let text = request.set_default_version.unwrap_or_default();
    // A number only: `$Latest` is refused here.
    let version = text.parse().map_err(|_| {
        let text = format!("The specified launch template version is not valid: '{text}'");
        ApiError::new("InvalidLaunchTemplateVersion.Malformed", text)
    })?;
    templates::set_default(world, &id, version)?;
    let template = templates::find(world, Some(&id), None)?;
    let answer = json!({"launchTemplate": shape(world, template)});
    world.remember_token("ModifyLaunchTemplate", token, raw, &answer);
    Ok(answer)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Delete {
    launch_template_id: Option<String>,
    launch_template_name: Option<String>,
}

pub(super) fn delete(world: &mut World, request: Delete) -> Result<Value, ApiError> {
    let (id, name) = (request.launch_template_id, request.launch_template_name);
    let template = templates::find(world, id.as_deref(), name.as_deref())?;
    let answer = json!({"launchTemplate": shape(world, template)});
    let id = template.id.clone();
    templates::remove(world, &id);
    Ok(answer)
}
