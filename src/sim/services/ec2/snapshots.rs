//! Snapshots.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::filters::{Filter, Filters};
use super::{limit, tag_set, yes};
use crate::sim::services::query::{page_of, rest_of};
use crate::sim::wire::ApiError;
use crate::sim::world::images::{self, SnapshotState};
use crate::sim::world::{Snapshot, World, iso};

const FILTERS: [&str; 8] = [
    "description",
    "owner-id",
    "progress",
    "snapshot-id",
    "start-time",
    "status",
    "volume-id",
    "volume-size",
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Describe {
    #[serde(default)]
    snapshot_id: Vec<String>,
    #[serde(default)]
    owner: Vec<String>,
    #[serde(default)]
    filter: Vec<Filter>,
    next_token: Option<String>,
    max_results: Option<i64>,
}

pub(super) fn describe(world: &mut World, request: Describe) -> Result<Value, ApiError> {
    let filters = Filters::read(&request.filter, &FILTERS)?;
    let limit = limit(request.max_results, 5, 1000)?;
    let known = |id: &String| {
        world
            .snapshots
            .get(id)
            .is_some_and(|s| s.visible_at <= world.now)
    };
    if let Some(id) = request.snapshot_id.iter().find(|id| !known(id)) {
        let text = format!("The snapshot '{id}' does not exist.");
        return Err(ApiError::new("InvalidSnapshot.NotFound", text));
    }
    // All snapshots are this account's.
    let mine = |o: &String| o == "self" || *o == world.account;
    let owned = request.owner.is_empty() || request.owner.iter().any(mine);
    let token = request.next_token.as_deref();
    let candidates: Box<dyn Iterator<Item = &Snapshot>> = if request.snapshot_id.is_empty() {
        Box::new(rest_of(&world.snapshots, token)?.map(|(_, s)| s))
    } else {
        let ids: BTreeSet<&String> = request.snapshot_id.iter().collect();
        Box::new(ids.into_iter().filter_map(|id| world.snapshots.get(id)))
    };
    let items = candidates
        .filter(|s| owned && s.visible_at <= world.now)
        .filter(|s| filters.pass(&s.tags, |name| values(world, s, name)))
        .map(|s| (s.id.clone(), s));
    let (page, next) = page_of(items, token, limit)?;
    let shown: Vec<Value> = page.into_iter().map(|s| shape(world, s)).collect();
    Ok(json!({"snapshotSet": shown, "nextToken": next}))
}

fn values(world: &World, s: &Snapshot, name: &str) -> Vec<String> {
    vec![match name {
        "description" => s.description.clone(),
        "owner-id" => world.account.clone(),
        "progress" => format!("{}%", s.progress(world.now)),
        "snapshot-id" => s.id.clone(),
        "start-time" => iso(s.started_at),
        "status" => s.state.name().to_owned(),
        "volume-id" => s.volume.clone(),
        "volume-size" => s.volume_gib.to_string(),
        _ => return Vec::new(),
    }]
}

fn shape(world: &World, s: &Snapshot) -> Value {
    let complete = s.state == SnapshotState::Completed;
    json!({
        "snapshotId": s.id,
        "volumeId": s.volume,
        "status": s.state.name(),
        "startTime": iso(s.started_at),
        "completionTime": complete.then(|| iso(s.done_at)),
        "progress": format!("{}%", s.progress(world.now)),
        "ownerId": world.account,
        "volumeSize": s.volume_gib,
        "description": s.description,
        "encrypted": false,
        "storageTier": "standard",
        "tagSet": tag_set(&s.tags),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Delete {
    snapshot_id: String,
}

pub(super) fn delete(world: &mut World, request: Delete) -> Result<Value, ApiError> {
    images::delete_snapshot(world, &request.snapshot_id)?;
    yes()
}
