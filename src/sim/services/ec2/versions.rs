//! Launch template versions.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::filters::{self, Filter};
use super::{data, invalid, limit, templates as shapes};
use crate::sim::beliefs::MinVersion;
use crate::sim::services::query::page;
use crate::sim::wire::ApiError;
use crate::sim::world::templates::{self, Template};
use crate::sim::world::{World, iso};

/// DescribeLaunchTemplateVersions and DeleteLaunchTemplateVersions take at most this many.
const MOST_VERSIONS: usize = 200;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Create {
    launch_template_id: Option<String>,
    launch_template_name: Option<String>,
    source_version: Option<String>,
    version_description: Option<String>,
    #[serde(default)]
    launch_template_data: Map<String, Value>,
    client_token: Option<String>,
}

pub(super) fn create(world: &mut World, request: Create, raw: Value) -> Result<Value, ApiError> {
    let token = request.client_token.as_deref();
    if let Some(answer) = world.token_answer("CreateLaunchTemplateVersion", token, &raw)? {
        return Ok(answer);
    }
    if request
        .version_description
        .as_ref()
        .is_some_and(|d| d.len() > 255)
    {
        return Err(invalid("VersionDescription has at most 255 characters"));
    }
    let (id, name) = (request.launch_template_id, request.launch_template_name);
    let id = templates::find(world, id.as_deref(), name.as_deref())?
        .id
        .clone();
    let given = data::read(request.launch_template_data)?;
    let (source, description) = (
        request.source_version.as_deref(),
        request.version_description,
    );
    let number = templates::create_version(world, &id, source, description, &given)?;
    let template = templates::find(world, Some(&id), None)?;
    let answer = json!({"launchTemplateVersion": shape(world, template, number)});
    world.remember_token("CreateLaunchTemplateVersion", token, raw, &answer);
    Ok(answer)
}

fn shape(world: &World, template: &Template, number: u64) -> Value {
    let Some(version) = template.versions.get(&number) else {
        return Value::Null;
    };
    json!({
        "launchTemplateId": template.id,
        "launchTemplateName": template.name,
        "versionNumber": number,
        "versionDescription": version.description,
        "createTime": iso(version.created_at),
        "createdBy": shapes::creator(world),
        "defaultVersion": number == template.default,
        "launchTemplateData": data::shape(&version.data),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Describe {
    launch_template_id: Option<String>,
    launch_template_name: Option<String>,
    #[serde(default)]
    launch_template_version: Vec<String>,
    min_version: Option<u64>,
    max_version: Option<u64>,
    next_token: Option<String>,
    max_results: Option<i64>,
    #[serde(default)]
    filter: Vec<Filter>,
    #[serde(rename = "ResolveAlias")]
    _resolve_alias: Option<bool>,
    #[serde(rename = "IncludeManagedResources")]
    _include_managed_resources: Option<bool>,
}

const FILTERS: [&str; 5] = [
    "create-time",
    "ebs-optimized",
    "image-id",
    "instance-type",
    "is-default-version",
];

pub(super) fn describe(world: &mut World, request: Describe) -> Result<Value, ApiError> {
    filters::check(&request.filter, &FILTERS)?;
    let limit = limit(request.max_results, 1, 200)?;
    if request.launch_template_version.len() > MOST_VERSIONS {
        return Err(invalid(format!(
            "At most {MOST_VERSIONS} versions may be specified"
        )));
    }
    // Recorded: those asked for by name come in the order asked, each as often as it was named; all of a template
    // come newest first.
    let is_named = !request.launch_template_version.is_empty();
    let mut items = Vec::new();
    for (place, (template, number)) in chosen(world, &request)?.into_iter().enumerate() {
        let after = |least: u64| match world.beliefs.min_version {
            MinVersion::Inclusive => number >= least,
            MinVersion::Exclusive => number > least,
        };
        let within = request.min_version.is_none_or(after)
            && request.max_version.is_none_or(|m| number <= m);
        let none = std::collections::BTreeMap::new();
        if within
            && filters::pass(&request.filter, &none, |name| {
                values(template, number, name)
            })
        {
            let order = if is_named {
                place as u64
            } else {
                u64::MAX - number
            };
            let key = format!("{}\u{0}{order:020}", template.id);
            items.push((key, shape(world, template, number)));
        }
    }
    items.sort_by(|a, b| a.0.cmp(&b.0));
    let (page, next) = page(items, request.next_token.as_deref(), limit)?;
    Ok(json!({"launchTemplateVersionSet": page, "nextToken": next}))
}

/// The versions asked for: of one template, or `$Latest` and `$Default` of all.
fn chosen<'w>(world: &'w World, request: &Describe) -> Result<Vec<(&'w Template, u64)>, ApiError> {
    let names = &request.launch_template_version;
    let (id, name) = (&request.launch_template_id, &request.launch_template_name);
    if id.is_none() && name.is_none() {
        let symbolic = |n: &String| n == "$Latest" || n == "$Default";
        if names.is_empty() || !names.iter().all(symbolic) {
            return Err(ApiError::new(
                "MissingParameter",
                "Without a launch template, the versions must be $Latest, $Default or both",
            ));
        }
        let all = world.templates.values();
        return Ok(all
            .flat_map(|t| {
                names
                    .iter()
                    .filter_map(move |n| Some((t, visible(world, t, n)?)))
            })
            .collect());
    }
    let template = templates::find(world, id.as_deref(), name.as_deref())?;
    if names.is_empty() {
        let seen = template
            .versions
            .iter()
            .filter(|(_, v)| v.visible_at <= world.now);
        return Ok(seen.map(|(n, _)| (template, *n)).collect());
    }
    names
        .iter()
        .map(|n| {
            let number = visible(world, template, n);
            Ok((
                template,
                number.ok_or_else(|| templates::no_version(&template.id, n))?,
            ))
        })
        .collect()
}

/// The number that a version's name means to a read.
fn visible(world: &World, template: &Template, name: &str) -> Option<u64> {
    let seen = |n: &u64| {
        template
            .versions
            .get(n)
            .is_some_and(|v| v.visible_at <= world.now)
    };
    if name == "$Latest" {
        return template.versions.keys().copied().rev().find(seen);
    }
    template.resolve(Some(name)).filter(seen)
}

fn values(template: &Template, number: u64, name: &str) -> Vec<String> {
    let Some(version) = template.versions.get(&number) else {
        return Vec::new();
    };
    let field = |key: &str| {
        let value = version.data.0.get(key).and_then(Value::as_str);
        value.map(str::to_owned).into_iter().collect()
    };
    match name {
        "create-time" => vec![iso(version.created_at)],
        "ebs-optimized" => field("EbsOptimized"),
        "image-id" => field("ImageId"),
        "instance-type" => field("InstanceType"),
        "is-default-version" => vec![(number == template.default).to_string()],
        _ => Vec::new(),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Delete {
    launch_template_id: Option<String>,
    launch_template_name: Option<String>,
    launch_template_version: Vec<String>,
}

/// Each version has its own result; the default version is never deleted.
pub(super) fn delete(world: &mut World, request: Delete) -> Result<Value, ApiError> {
    let (id, name) = (request.launch_template_id, request.launch_template_name);
    let template = templates::find(world, id.as_deref(), name.as_deref())?;
    let (id, name) = (template.id.clone(), template.name.clone());
    if request.launch_template_version.len() > MOST_VERSIONS {
        return Err(invalid(format!(
            "At most {MOST_VERSIONS} versions may be specified"
        )));
    }
    let (mut deleted, mut kept) = (Vec::new(), Vec::new());
    for version in &request.launch_template_version {
        let number: u64 = version.parse().map_err(|_| {
            let text = format!("The specified launch template version is not valid: '{version}'");
            ApiError::new("InvalidLaunchTemplateVersion.Malformed", text)
        })?;
        let mut result = json!({
            "launchTemplateId": id,
            "launchTemplateName": name,
            "versionNumber": number,
        });
        match templates::delete_version(world, &id, number) {
            Ok(()) => deleted.push(result),
            Err(error) => {
                result["responseError"] = json!({"code": error.code, "message": error.message});
                kept.push(result);
            }
        }
    }
    Ok(json!({
        "successfullyDeletedLaunchTemplateVersionSet": deleted,
        "unsuccessfullyDeletedLaunchTemplateVersionSet": kept,
    }))
}
