//! Attributes of images: who may launch from them, and from when on they are deprecated.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{invalid, yes};
use crate::sim::wire::ApiError;
use crate::sim::world::images::{self, Image};
use crate::sim::world::{World, iso};

/// "The upper limit for DeprecateAt is 10 years from now" (EnableImageDeprecation).
const LONGEST: TimeDelta = TimeDelta::days(3_650);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Deprecate {
    image_id: String,
    deprecate_at: DateTime<Utc>,
}

/// To the minute; not in the past.
pub(super) fn deprecate(world: &mut World, request: Deprecate) -> Result<Value, ApiError> {
    let at = request.deprecate_at;
    let at = at.duration_round(TimeDelta::minutes(1)).unwrap_or(at);
    let now = world.now;
    if at < now - TimeDelta::minutes(1) || at > now + LONGEST {
        return Err(invalid(format!(
            "The value for DeprecateAt is not valid: {}. Specify a time between now and 10 years from now.",
            iso(at)
        )));
    }
    own(world, &request.image_id)?.deprecated_from = Some(at);
    yes()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Undeprecate {
    image_id: String,
}

pub(super) fn undeprecate(world: &mut World, request: Undeprecate) -> Result<Value, ApiError> {
    own(world, &request.image_id)?.deprecated_from = None;
    yes()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Describe {
    image_id: String,
    attribute: String,
}

/// One attribute, and only to the owner.
pub(super) fn describe(world: &mut World, request: Describe) -> Result<Value, ApiError> {
    let attribute = request.attribute.as_str();
    let image = own(world, &request.image_id)?;
    match attribute {
        "launchPermission" => {
            let all = image.public.then(|| json!({"group": "all"}));
            let accounts = image.shared_with.iter().map(|a| json!({"userId": a}));
            let permissions: Vec<Value> = all.into_iter().chain(accounts).collect();
            Ok(json!({"imageId": image.id, "launchPermission": permissions}))
        }
        "description" => {
            let description = json!({"value": image.description});
            Ok(json!({"imageId": image.id, "description": description}))
        }
        other => Err(ApiError::unsupported(format!(
            "ec2:DescribeImageAttribute of {other}"
        ))),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Modify {
    image_id: String,
    #[serde(rename = "Attribute")]
    _attribute: Option<String>,
    launch_permission: Permissions,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Permissions {
    #[serde(default)]
    add: Vec<Permission>,
    #[serde(default)]
    remove: Vec<Permission>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Permission {
    user_id: Option<String>,
    group: Option<String>,
}

/// Nothing but launch permissions is modelled.
pub(super) fn modify(world: &mut World, request: Modify) -> Result<Value, ApiError> {
    let image = own(world, &request.image_id)?;
    let changes = request.launch_permission;
    let added = changes.add.into_iter().map(|p| (p, true));
    let removed = changes.remove.into_iter().map(|p| (p, false));
    for (permission, is_added) in added.chain(removed) {
        if permission.group.as_deref() == Some("all") {
            image.public = is_added;
        }
        if let Some(account) = permission.user_id {
            match is_added {
                true => image.shared_with.insert(account),
                false => image.shared_with.remove(&account),
            };
        }
    }
    yes()
}

/// An image of this account.
fn own<'w>(world: &'w mut World, id: &str) -> Result<&'w mut Image, ApiError> {
    let now = world.now;
    let image = world.images.get_mut(id);
    image
        .filter(|i| i.own && i.visible_at <= now)
        .ok_or_else(|| images::not_found(&[id]))
}
