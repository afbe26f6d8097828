//! Launch template versions.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::filters::{Filter, Filters};
use super::{data, invalid, limit, templates as shapes};
use crate::sim::beliefs::MinVersion;
use crate::sim::services::query::{page_of, rest_of};
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
    let filters = Filters::read(&request.filter, &FILTERS)?;
    let limit = limit(request.max_results, 1, 200)?;
    if request.launch_template_version.len() > MOST_VERSIONS {
        return Err(invalid(format!(
            "At most {MOST_VERSIONS} versions may be specified"
        )));
    }
    // Recorded: those asked for by name come in the order asked, each as often as it was named; all of a template
    // come newest first.
    let none = BTreeMap::new();
    let token = request.next_token.as_deref();
    let items = chosen(world, &request, token)?
        .filter(|v| is_within(world, &request, v.number))
        .filter(|v| filters.pass(&none, |name| values(v.template, v.number, name)))
        .map(|v| (format!("{}\0{:020}", v.template.id, v.place), v));
    let (page, next) = page_of(items, token, limit)?;
    let shown = page.into_iter().map(|v| shape(world, v.template, v.number));
    Ok(json!({"launchTemplateVersionSet": shown.collect::<Vec<_>>(), "nextToken": next}))
}

fn is_within(world: &World, request: &Describe, number: u64) -> bool {
    let after = |least: u64| match world.beliefs.min_version {
        MinVersion::Inclusive => number >= least,
        MinVersion::Exclusive => number > least,
    };
    request.min_version.is_none_or(after) && request.max_version.is_none_or(|m| number <= m)
}

/// A version of a template, and its place among those of the template that are asked for.
struct Chosen<'w> {
    template: &'w Template,
    number: u64,
    place: u64,
}

/// The versions asked for, in the order of their places: of one template, or `$Latest` and `$Default` of all from the
/// page's beginning.
fn chosen<'w>(
    world: &'w World,
    request: &'w Describe,
    token: Option<&str>,
) -> Result<Box<dyn Iterator<Item = Chosen<'w>> + 'w>, ApiError> {
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
        let all = rest_of(&world.templates, token)?.map(|(_, t)| t);
        return Ok(Box::new(all.flat_map(move |template| {
            (0..).zip(names).filter_map(move |(place, name)| {
                let number = visible(world, template, name)?;
                Some(Chosen {
                    template,
                    number,
                    place,
                })
            })
        })));
    }
    let template = templates::find(world, id.as_deref(), name.as_deref())?;
    if names.is_empty() {
        let newest_first = template.versions.iter().rev();
        let seen = newest_first.filter(|(_, v)| v.visible_at <= world.now);
        return Ok(Box::new(seen.map(|(number, _)| Chosen {
            template,
            number: *number,
            place: u64::MAX - number,
        })));
    }
    let named = (0..).zip(names).map(|(place, name)| {
        let number = visible(world, template, name);
        Ok(Chosen {
            template,
            number: number.ok_or_else(|| templates::no_version(&template.id, name))?,
            place,
        })
    });
    let named: Vec<Chosen<'_>> = named.collect::<Result<_, ApiError>>()?;
    Ok(Box::new(named.into_iter()))
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
