//! Parameter Store's operations.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{KeyValues, invalid, size};
use crate::sim::beliefs::Flip;
use crate::sim::services::query;
use crate::sim::wire::ApiError;
use crate::sim::world::images::ImageState;
use crate::sim::world::parameters::{Parameter, Put, not_found};
use crate::sim::world::{World, epoch};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Tag {
    key: String,
    value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct PutRequest {
    name: String,
    value: String,
    #[serde(rename = "Type")]
    kind: Option<String>,
    #[serde(default)]
    overwrite: bool,
    tier: Option<String>,
    data_type: Option<String>,
    description: Option<String>,
    key_id: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Get {
    name: String,
    #[serde(default)]
    with_decryption: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Names {
    names: Vec<String>,
    #[serde(default)]
    with_decryption: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ByPath {
    path: String,
    #[serde(default)]
    recursive: bool,
    #[serde(default)]
    parameter_filters: Vec<ParameterFilter>,
    #[serde(default)]
    with_decryption: bool,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ParameterFilter {
    key: String,
    option: Option<String>,
    #[serde(default)]
    values: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Describe {
    #[serde(default)]
    filters: Vec<KeyValues>,
    #[serde(default)]
    parameter_filters: Vec<ParameterFilter>,
    #[serde(default, rename = "Shared")]
    _shared: bool,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Resource {
    resource_type: String,
    resource_id: String,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    tag_keys: Vec<String>,
}

pub(super) fn put(world: &mut World, request: PutRequest) -> Result<Value, ApiError> {
    let put = Put {
        name: request.name,
        value: request.value,
        kind: request.kind,
        overwrite: request.overwrite || world.beliefs.denies(Flip::ParameterMadeOnce),
        tier: request.tier,
        data_type: request.data_type,
        description: request.description,
        key_id: request.key_id,
        tags: request.tags.into_iter().map(|t| (t.key, t.value)).collect(),
    };
    if put.data_type.as_deref() == Some(IMAGE_TYPE) {
        return put_image(world, put);
    }
    let (version, tier) = world.ssm.parameters.put(put, world.now)?;
    Ok(json!({"Version": version, "Tier": tier}))
}

/// A parameter of this data type holds an image.
const IMAGE_TYPE: &str = "aws:ec2:image";

/// The form of the value is looked at before the answer, the image after it: one that cannot be used leaves the parameter as
/// it was. Source: SSM User Guide, "Using native parameter support in Parameter Store for Amazon Machine Image IDs".
fn put_image(world: &mut World, put: Put) -> Result<Value, ApiError> {
    let digits = put.value.strip_prefix("ami-").unwrap_or_default();
    if ![8, 17].contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        let text = format!("The value '{}' is not the id of an AMI.", put.value);
        return Err(invalid(text));
    }
    let image = world.images.get(&put.value);
    if image.is_some_and(|image| image.state == ImageState::Available) {
        let (version, tier) = world.ssm.parameters.put(put, world.now)?;
        return Ok(json!({"Version": version, "Tier": tier}));
    }
    let mut others = world.ssm.parameters.clone();
    let (version, tier) = others.put(put, world.now)?;
    Ok(json!({"Version": version, "Tier": tier}))
}

pub(super) fn get(world: &World, request: Get) -> Result<Value, ApiError> {
    let found = world.ssm.parameters.find(&request.name)?;
    Ok(json!({"Parameter": value_row(world, found, request.with_decryption)}))
}

pub(super) fn get_many(world: &World, request: Names) -> Result<Value, ApiError> {
    check_count(request.names.len())?;
    let (mut rows, mut unknown) = (Vec::new(), Vec::new());
    for name in request.names {
        match world.ssm.parameters.find(&name) {
            Ok(found) => rows.push(value_row(world, found, request.with_decryption)),
            Err(_) => unknown.push(name),
        }
    }
    Ok(json!({"Parameters": rows, "InvalidParameters": unknown}))
}

fn check_count(names: usize) -> Result<(), ApiError> {
    if (1..=10).contains(&names) {
        Ok(())
    } else {
        Err(invalid(format!(
            "1 validation error detected: Value at 'names' failed to satisfy constraint: expected \
             1 to 10 members, found {names}"
        )))
    }
}

pub(super) fn by_path(world: &World, request: ByPath) -> Result<Value, ApiError> {
    let limit = size(request.max_results, (1, 10), 10)?;
    if !request.path.starts_with('/') {
        return Err(invalid(format!(
            "The parameter doesn't meet the parameter name requirements. The parameter name must \
             begin with a forward slash \"/\", found '{}'",
            request.path
        )));
    }
    let filters = Matcher::all(&request.parameter_filters)?;
    let token = request.next_token.as_deref();
    let seen = query::last_seen(token)?;
    let found = under(world, &request.path, request.recursive, seen)
        .filter(|p| filters.iter().all(|f| f.matches(p)));
    let keyed = found.map(|p| (p.name.clone(), p));
    let (page, token) = query::page_of(keyed, token, limit)?;
    let rows: Vec<Value> = page
        .into_iter()
        .map(|p| value_row(world, p, request.with_decryption))
        .collect();
    Ok(json!({"Parameters": rows, "NextToken": token}))
}

/// The parameters under a path, by name, from the one that was `seen` last on.
fn under<'w>(
    world: &'w World,
    path: &str,
    recursive: bool,
    seen: Option<String>,
) -> impl Iterator<Item = &'w Parameter> + use<'w> {
    let prefix = format!("{}/", path.trim_end_matches('/'));
    let from = seen
        .filter(|s| *s > prefix)
        .unwrap_or_else(|| prefix.clone());
    world
        .ssm
        .parameters
        .by_name
        .range(from..)
        .map(|(_, p)| p)
        .take_while({
            let prefix = prefix.clone();
            move |p| p.name.starts_with(&prefix)
        })
        .filter(move |p| recursive || !p.name[prefix.len()..].contains('/'))
}

/// A filter of DescribeParameters and GetParametersByPath.
struct Matcher<'f> {
    key: &'f str,
    option: &'f str,
    values: &'f [String],
}

impl<'f> Matcher<'f> {
    fn all(filters: &'f [ParameterFilter]) -> Result<Vec<Self>, ApiError> {
        filters
            .iter()
            .map(|f| {
                let default = if f.key == "Path" {
                    "OneLevel"
                } else {
                    "Equals"
                };
                Self::new(&f.key, f.option.as_deref().unwrap_or(default), &f.values)
            })
            .collect()
    }

    fn new(key: &'f str, option: &'f str, values: &'f [String]) -> Result<Self, ApiError> {
        let known =
            ["Name", "Type", "Path", "Tier", "DataType"].contains(&key) || key.starts_with("tag:");
        if !known {
            return Err(ApiError::new(
                "InvalidFilterKey",
                format!("the filter key '{key}' is not valid"),
            ));
        }
        let legal: &[&str] = match key {
            "Path" => &["OneLevel", "Recursive"],
            "Name" => &["Equals", "BeginsWith", "Contains"],
            _ => &["Equals"],
        };
        if !legal.contains(&option) {
            return Err(ApiError::new(
                "InvalidFilterOption",
                format!("filter {key}: expected one of {legal:?}, found '{option}'"),
            ));
        }
        Ok(Self {
            key,
            option,
            values,
        })
    }

    fn matches(&self, parameter: &Parameter) -> bool {
        let of = match self.key {
            "Name" | "Path" => Some(&parameter.name),
            "Type" => Some(&parameter.kind),
            "Tier" => Some(&parameter.tier),
            "DataType" => Some(&parameter.data_type),
            key => key.strip_prefix("tag:").and_then(|k| parameter.tags.get(k)),
        };
        let Some(text) = of else {
            return false;
        };
        self.values.iter().any(|value| match self.option {
            "BeginsWith" => text.starts_with(value.as_str()),
            "Contains" => text.contains(value.as_str()),
            "OneLevel" => below(text, value).is_some_and(|rest| !rest.contains('/')),
            "Recursive" => below(text, value).is_some(),
            _ => text == value,
        })
    }
}

fn below<'n>(name: &'n str, path: &str) -> Option<&'n str> {
    name.strip_prefix(path.trim_end_matches('/'))?
        .strip_prefix('/')
}

pub(super) fn describe(world: &World, request: Describe) -> Result<Value, ApiError> {
    let limit = size(request.max_results, (1, 50), 50)?;
    if !request.filters.is_empty() && !request.parameter_filters.is_empty() {
        return Err(invalid(
            "You can use either Filters or ParameterFilters in a single request.",
        ));
    }
    let mut filters = Matcher::all(&request.parameter_filters)?;
    for plain in &request.filters {
        filters.push(Matcher::new(&plain.key, "Equals", &plain.values)?);
    }
    let token = request.next_token.as_deref();
    let found = query::rest_of(&world.ssm.parameters.by_name, token)?
        .map(|(_, p)| p)
        .filter(|p| filters.iter().all(|f| f.matches(p)));
    let keyed = found.map(|p| (p.name.clone(), p));
    let (page, token) = query::page_of(keyed, token, limit)?;
    let rows: Vec<Value> = page.into_iter().map(|p| describe_row(world, p)).collect();
    Ok(json!({"Parameters": rows, "NextToken": token}))
}

pub(super) fn delete(world: &mut World, request: Get) -> Result<Value, ApiError> {
    world
        .ssm
        .parameters
        .by_name
        .remove(&request.name)
        .map(|_| json!({}))
        .ok_or_else(not_found)
}

pub(super) fn delete_many(world: &mut World, request: Names) -> Result<Value, ApiError> {
    check_count(request.names.len())?;
    let (mut deleted, mut unknown) = (Vec::new(), Vec::new());
    for name in request.names {
        match world.ssm.parameters.by_name.remove(&name) {
            Some(_) => deleted.push(name),
            None => unknown.push(name),
        }
    }
    Ok(json!({"DeletedParameters": deleted, "InvalidParameters": unknown}))
}

fn tags_mut<'w>(
    world: &'w mut World,
    request: &Resource,
) -> Result<&'w mut BTreeMap<String, String>, ApiError> {
    if request.resource_type != "Parameter" {
        return Err(ApiError::unsupported(format!(
            "tags of the resource type '{}'",
            request.resource_type
        )));
    }
    world
        .ssm
        .parameters
        .by_name
        .get_mut(&request.resource_id)
        .map(|p| &mut p.tags)
        .ok_or_else(|| ApiError::new("InvalidResourceId", "The resource ID isn't valid."))
}

pub(super) fn add_tags(world: &mut World, request: Resource) -> Result<Value, ApiError> {
    let tags = tags_mut(world, &request)?;
    tags.extend(request.tags.into_iter().map(|t| (t.key, t.value)));
    Ok(json!({}))
}

pub(super) fn remove_tags(world: &mut World, request: Resource) -> Result<Value, ApiError> {
    let tags = tags_mut(world, &request)?;
    tags.retain(|key, _| !request.tag_keys.contains(key));
    Ok(json!({}))
}

pub(super) fn list_tags(world: &mut World, request: Resource) -> Result<Value, ApiError> {
    let tags: Vec<Value> = tags_mut(world, &request)?
        .iter()
        .map(|(key, value)| json!({"Key": key, "Value": value}))
        .collect();
    Ok(json!({"TagList": tags}))
}

fn arn(world: &World, name: &str) -> String {
    format!(
        "arn:aws:ssm:{}:{}:parameter/{}",
        world.region,
        world.account,
        name.trim_start_matches('/')
    )
}

fn value_row(world: &World, parameter: &Parameter, is_decrypted: bool) -> Value {
    json!({
        "Name": parameter.name,
        "Type": parameter.kind,
        "Value": parameter.shown(is_decrypted),
        "Version": parameter.version,
        "LastModifiedDate": epoch(parameter.modified_at),
        "ARN": arn(world, &parameter.name),
        "DataType": parameter.data_type,
    })
}

fn describe_row(world: &World, parameter: &Parameter) -> Value {
    json!({
        "Name": parameter.name,
        "ARN": arn(world, &parameter.name),
        "Type": parameter.kind,
        "LastModifiedDate": epoch(parameter.modified_at),
        "LastModifiedUser": format!("arn:aws:iam::{}:user/simulated", world.account),
        "Description": parameter.description,
        "Version": parameter.version,
        "Tier": parameter.tier,
        "Policies": [],
        "DataType": parameter.data_type,
        "KeyId": parameter.key_id,
    })
}
