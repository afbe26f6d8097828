//! Subnets: the default one of each zone.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::filters::{Filter, Filters};
use super::instances::VPC;
use super::limit;
use crate::sim::services::query::page;
use crate::sim::wire::ApiError;
use crate::sim::world::World;

const FILTERS: [&str; 4] = ["availability-zone", "default-for-az", "subnet-id", "vpc-id"];

/// The zones of the account, by the last letter of their names.
const ZONES: [&str; 2] = ["a", "b"];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Describe {
    #[serde(default)]
    filter: Vec<Filter>,
    next_token: Option<String>,
    max_results: Option<i64>,
}

pub(super) fn describe(world: &mut World, request: Describe) -> Result<Value, ApiError> {
    let filters = Filters::read(&request.filter, &FILTERS)?;
    let limit = limit(request.max_results, 5, 1000)?;
    let none = BTreeMap::new();
    let items = ZONES.into_iter().filter_map(|letter| {
        let zone = format!("{}{letter}", world.region);
        let id = format!("subnet-0{letter}");
        let values = |name: &str| match name {
            "availability-zone" => vec![zone.clone()],
            "default-for-az" => vec!["true".to_owned()],
            "subnet-id" => vec![id.clone()],
            _ => vec![VPC.to_owned()],
        };
        let shown = json!({
            "subnetId": id,
            "vpcId": VPC,
            "availabilityZone": zone,
            "defaultForAz": true,
            "state": "available",
            "ownerId": world.account,
        });
        filters.pass(&none, values).then_some((id.clone(), shown))
    });
    let (subnets, next) = page(items.collect(), request.next_token.as_deref(), limit)?;
    Ok(json!({"subnetSet": subnets, "nextToken": next}))
}
