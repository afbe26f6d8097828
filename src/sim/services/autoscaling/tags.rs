//! Tags of groups.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Filter, LONGEST_PAGE, changeable, done, invalid, limit, shape};
use crate::sim::services::query::page;
use crate::sim::wire::ApiError;
use crate::sim::world::World;
use crate::sim::world::groups::GroupTag;

/// Tags that one call may change.
const MOST_PER_CALL: usize = 25;

/// Tags that a group may have.
const MOST_PER_GROUP: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct TagRequest {
    resource_id: Option<String>,
    resource_type: Option<String>,
    key: String,
    #[serde(default)]
    value: String,
    propagate_at_launch: Option<bool>,
}

impl TagRequest {
    pub(super) fn into_tag(self) -> (String, GroupTag) {
        let tag = GroupTag {
            value: self.value,
            propagate: self.propagate_at_launch.unwrap_or(false),
        };
        (self.key, tag)
    }

    fn check(&self) -> Result<&str, ApiError> {
        if self.resource_type.as_deref() != Some("auto-scaling-group") {
            return Err(invalid(
                "Invalid resource type: expected auto-scaling-group",
            ));
        }
        if self.key.is_empty() || self.key.len() > 128 || self.value.len() > 256 {
            return Err(invalid(
                "Tag keys have 1 to 128 characters, values up to 256",
            ));
        }
        if self.key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid("Tag keys may not start with aws:"));
        }
        self.resource_id
            .as_deref()
            .ok_or_else(|| invalid("Resource Id must be specified"))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Tags {
    tags: Vec<TagRequest>,
}

fn check(world: &World, request: &Tags) -> Result<(), ApiError> {
    if request.tags.len() > MOST_PER_CALL {
        return Err(invalid(format!(
            "At most {MOST_PER_CALL} tags may be changed by one call"
        )));
    }
    for tag in &request.tags {
        changeable(world, tag.check()?)?;
    }
    Ok(())
}

pub(super) fn create_or_update(world: &mut World, request: Tags) -> Result<Value, ApiError> {
    check(world, &request)?;
    for tag in request.tags {
        let name = tag.resource_id.clone().unwrap_or_default();
        let group = world.group(&name)?;
        if group.tags.len() >= MOST_PER_GROUP && !group.tags.contains_key(&tag.key) {
            return Err(ApiError::new(
                "LimitExceeded",
                "A group has at most 50 tags",
            ));
        }
        let (key, tag) = tag.into_tag();
        world.put_group_tag(&name, &key, &tag.value, tag.propagate)?;
    }
    done()
}

pub(super) fn delete(world: &mut World, request: Tags) -> Result<Value, ApiError> {
    check(world, &request)?;
    for tag in request.tags {
        world.remove_group_tag(&tag.resource_id.unwrap_or_default(), &tag.key)?;
    }
    done()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Describe {
    #[serde(default)]
    filters: Vec<Filter>,
    next_token: Option<String>,
    max_records: Option<i64>,
}

pub(super) fn describe(world: &World, request: Describe) -> Result<Value, ApiError> {
    let known = ["auto-scaling-group", "key", "value", "propagate-at-launch"];
    if let Some(f) = request
        .filters
        .iter()
        .find(|f| !known.contains(&f.name.as_str()))
    {
        return Err(invalid(format!("Filter type {} is not correct.", f.name)));
    }
    let passes = |group: &str, key: &str, tag: &GroupTag, f: &Filter| {
        let found = match f.name.as_str() {
            "auto-scaling-group" => group.to_owned(),
            "key" => key.to_owned(),
            "value" => tag.value.clone(),
            _ => tag.propagate.to_string(),
        };
        f.values.contains(&found)
    };
    let mut items = Vec::new();
    for group in world.groups.values().filter(|g| g.visible_at <= world.now) {
        for (key, tag) in &group.tags {
            if request
                .filters
                .iter()
                .all(|f| passes(&group.name, key, tag, f))
            {
                let shown = shape::tag(&group.name, key, &tag.value, tag.propagate);
                items.push((format!("{}\u{0}{key}", group.name), shown));
            }
        }
    }
    items.sort_by(|a, b| a.0.cmp(&b.0));
    let limit = limit(request.max_records, LONGEST_PAGE)?;
    let (tags, next) = page(items, request.next_token.as_deref(), limit)?;
    Ok(json!({"Tags": tags, "NextToken": next}))
}
