//! Tags of EC2 resources.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::filters::{Filter, Filters};
use super::{invalid, limit, yes};
use crate::sim::services::query::page;
use crate::sim::wire::ApiError;
use crate::sim::world::{World, images, instance, templates};

/// Tags that a resource may have.
const MOST_TAGS: usize = 50;

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Tag {
    key: String,
    value: Option<String>,
}

/// Tags that a new resource gets.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct TagSpecification {
    resource_type: String,
    #[serde(default)]
    tag: Vec<Tag>,
}

/// The tags specified for one type of resource.
pub(super) fn of_type(specs: &[TagSpecification], kind: &str) -> BTreeMap<String, String> {
    let of_kind = specs.iter().filter(|s| s.resource_type == kind);
    of_kind
        .flat_map(|s| &s.tag)
        .map(|t| (t.key.clone(), t.value.clone().unwrap_or_default()))
        .collect()
}

/// Refuses tags for types of resources that the operation does not make.
pub(super) fn check_types(specs: &[TagSpecification], made: &[&str]) -> Result<(), ApiError> {
    match specs
        .iter()
        .find(|s| !made.contains(&s.resource_type.as_str()))
    {
        None => Ok(()),
        Some(s) => Err(invalid(format!(
            "'{}' is not a valid taggable resource type for this operation.",
            s.resource_type
        ))),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Change {
    resource_id: Vec<String>,
    #[serde(default)]
    tag: Vec<Tag>,
}

fn tags_of<'w>(
    world: &'w mut World,
    id: &str,
) -> Result<&'w mut BTreeMap<String, String>, ApiError> {
    let now = world.now;
    let unknown = || match id.split('-').next() {
        Some("i") => instance::not_found(id),
        Some("ami") => images::not_found(&[id]),
        Some("snap") => {
            let text = format!("The snapshot '{id}' does not exist.");
            ApiError::new("InvalidSnapshot.NotFound", text)
        }
        _ => ApiError::new("InvalidID", format!("The ID '{id}' is not valid")),
    };
    let tags = match id.split('-').next() {
        Some("i") => world
            .instances
            .get_mut(id)
            .filter(|i| i.visible_at <= now)
            .map(|i| &mut i.tags),
        Some("ami") => world
            .images
            .get_mut(id)
            .filter(|i| i.visible_at <= now)
            .map(|i| &mut i.tags),
        Some("snap") => world
            .snapshots
            .get_mut(id)
            .filter(|s| s.visible_at <= now)
            .map(|s| &mut s.tags),
        Some("lt") => {
            templates::find(world, Some(id), None)?;
            world.templates.get_mut(id).map(|t| &mut t.tags)
        }
        _ => None,
    };
    tags.ok_or_else(unknown)
}

pub(super) fn create(world: &mut World, request: Change) -> Result<Value, ApiError> {
    if request.tag.iter().any(|t| t.key.starts_with("aws:")) {
        return Err(invalid(
            "Tag keys starting with 'aws:' are reserved for internal use",
        ));
    }
    for id in &request.resource_id {
        let tags = tags_of(world, id)?;
        let new = request
            .tag
            .iter()
            .filter(|t| !tags.contains_key(&t.key))
            .count();
        if tags.len() + new > MOST_TAGS {
            let text = format!(
                "The maximum number of Tags for a resource ({MOST_TAGS}) has been reached."
            );
            return Err(ApiError::new("TagLimitExceeded", text));
        }
    }
    for id in &request.resource_id {
        let tags = tags_of(world, id)?;
        for tag in request.tag.clone() {
            tags.insert(tag.key, tag.value.unwrap_or_default());
        }
    }
    yes()
}

/// A tag given with a value is deleted only if it has that value; without tags, all are deleted.
pub(super) fn delete(world: &mut World, request: Change) -> Result<Value, ApiError> {
    for id in &request.resource_id {
        let tags = tags_of(world, id)?;
        tags.retain(|key, value| {
            let given = request.tag.iter().find(|t| t.key == *key);
            let named = given.is_some_and(|t| t.value.as_ref().is_none_or(|v| v == value));
            let all = request.tag.is_empty() && !key.starts_with("aws:");
            !(named || all)
        });
    }
    yes()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Describe {
    #[serde(default)]
    filter: Vec<Filter>,
    next_token: Option<String>,
    max_results: Option<i64>,
}

pub(super) fn describe(world: &mut World, request: Describe) -> Result<Value, ApiError> {
    let known = ["key", "resource-id", "resource-type", "value"];
    let filters = Filters::read(&request.filter, &known)?;
    let mut all = Vec::new();
    all.extend(
        world
            .instances
            .values()
            .map(|i| (&i.id, "instance", &i.tags)),
    );
    all.extend(world.images.values().map(|i| (&i.id, "image", &i.tags)));
    all.extend(
        world
            .snapshots
            .values()
            .map(|s| (&s.id, "snapshot", &s.tags)),
    );
    all.extend(
        world
            .templates
            .values()
            .map(|t| (&t.id, "launch-template", &t.tags)),
    );
    let mut items = Vec::new();
    for (id, kind, tags) in all {
        for (key, value) in tags {
            let own = BTreeMap::from([(key.clone(), value.clone())]);
            let of = |name: &str| match name {
                "key" => vec![key.clone()],
                "resource-id" => vec![id.clone()],
                "resource-type" => vec![kind.to_owned()],
                "value" => vec![value.clone()],
                _ => Vec::new(),
            };
            if filters.pass(&own, of) {
                let shown =
                    json!({"resourceId": id, "resourceType": kind, "key": key, "value": value});
                items.push((format!("{id}\u{0}{key}"), shown));
            }
        }
    }
    items.sort_by(|a, b| a.0.cmp(&b.0));
    let limit = limit(request.max_results, 5, 1000)?;
    let (tags, next) = page(items, request.next_token.as_deref(), limit)?;
    Ok(json!({"tagSet": tags, "nextToken": next}))
}
