//! Scaling activities and instance refreshes.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Filter, LONGEST_PAGE, changeable, invalid, limit, shape};
use crate::sim::services::query::page;
use crate::sim::wire::ApiError;
use crate::sim::world::groups::{Activity, InstanceRefresh};
use crate::sim::world::{World, iso, scaling};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Describe {
    #[serde(default)]
    activity_ids: Vec<String>,
    auto_scaling_group_name: Option<String>,
    include_deleted_groups: Option<bool>,
    max_records: Option<i64>,
    next_token: Option<String>,
    #[serde(default)]
    filters: Vec<Filter>,
}

pub(super) fn describe(world: &World, request: Describe) -> Result<Value, ApiError> {
    let limit = match request.max_records {
        None => LONGEST_PAGE,
        given => limit(given, LONGEST_PAGE)?,
    };
    for filter in &request.filters {
        check_filter(filter, request.auto_scaling_group_name.is_some())?;
    }
    let groups = match (
        &request.auto_scaling_group_name,
        request.include_deleted_groups,
    ) {
        (Some(name), None | Some(false)) => vec![world.group(name)?],
        (Some(name), Some(true)) => world.groups.get(name).into_iter().collect(),
        (None, _) => world.groups.values().collect(),
    };
    let mut items: Vec<(String, (&str, &Activity))> = Vec::new();
    for group in groups {
        for activity in &group.activities {
            let asked =
                request.activity_ids.is_empty() || request.activity_ids.contains(&activity.id);
            if asked && passes_all(activity, &request.filters)? {
                // Newest first, those in progress on top.
                let over = u8::from(activity.ended_at.is_some());
                let key = format!("{over}{:020}", u64::MAX - activity.sequence);
                items.push((key, (&group.name, activity)));
            }
        }
    }
    items.sort_by(|a, b| a.0.cmp(&b.0));
    let (page, next) = page(items, request.next_token.as_deref(), limit)?;
    let activities: Vec<Value> = page
        .into_iter()
        .map(|(name, a)| shape::activity(world, name, a))
        .collect();
    Ok(json!({"Activities": activities, "NextToken": next}))
}

fn check_filter(filter: &Filter, has_group: bool) -> Result<(), ApiError> {
    match filter.name.as_str() {
        "StartTimeLowerBound" | "StartTimeUpperBound" => Ok(()),
        "Status" if has_group => Ok(()),
        "Status" => Err(invalid("The Status filter needs an AutoScalingGroupName")),
        other => Err(invalid(format!("Filter type {other} is not correct."))),
    }
}

fn passes_all(activity: &Activity, filters: &[Filter]) -> Result<bool, ApiError> {
    for filter in filters {
        let passes = match filter.name.as_str() {
            "StartTimeLowerBound" => activity.started_at >= time(filter)?,
            "StartTimeUpperBound" => activity.started_at <= time(filter)?,
            _ => filter.values.contains(&activity.status),
        };
        if !passes {
            return Ok(false);
        }
    }
    Ok(true)
}

fn time(filter: &Filter) -> Result<DateTime<Utc>, ApiError> {
    let text = filter.values.first().map_or("", String::as_str);
    text.parse().map_err(|_| {
        invalid(format!(
            "{}: expected an ISO 8601 time, found '{text}'",
            filter.name
        ))
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct StartRefresh {
    auto_scaling_group_name: String,
    strategy: Option<String>,
    desired_configuration: Option<Value>,
    preferences: Option<Value>,
}

pub(super) fn start_refresh(world: &mut World, request: StartRefresh) -> Result<Value, ApiError> {
    if let Some(strategy) = request.strategy.filter(|s| s != "Rolling") {
        return Err(ApiError::unsupported(format!(
            "the refresh strategy {strategy}"
        )));
    }
    let name = request.auto_scaling_group_name;
    changeable(world, &name)?;
    let configured = request.desired_configuration.is_some();
    let id = scaling::start_refresh(world, &name, configured, request.preferences)?;
    Ok(json!({"InstanceRefreshId": id}))
}

/// AWS says why a refresh is where it is, for those that are not over and well (botocore, InstanceRefresh: "The
/// explanation for the specific status assigned to this operation").
fn status_reason(refresh: &InstanceRefresh) -> Option<String> {
    match refresh.status.as_str() {
        "Successful" => None,
        "Cancelled" => Some("Cancelled due to user request.".into()),
        _ => Some("Waiting for instances to warm up before continuing.".into()),
    }
}

/// The preferences asked for, with AWS's defaults (botocore, RefreshPreferences; AS UG asg-instance-refresh).
fn preferences(given: Option<&Value>) -> Value {
    let mut all = json!({
        "MinHealthyPercentage": 90,
        "SkipMatching": false,
        "AutoRollback": false,
        "ScaleInProtectedInstances": "Wait",
        "StandbyInstances": "Wait",
    });
    let given = given.and_then(Value::as_object);
    for (key, value) in given.into_iter().flatten() {
        all[key] = value.clone();
    }
    all
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeRefreshes {
    auto_scaling_group_name: String,
    #[serde(default)]
    instance_refresh_ids: Vec<String>,
    next_token: Option<String>,
    max_records: Option<i64>,
}

pub(super) fn describe_refreshes(
    world: &World,
    request: DescribeRefreshes,
) -> Result<Value, ApiError> {
    let group = world.group(&request.auto_scaling_group_name)?;
    let ids = &request.instance_refresh_ids;
    let newest_first = group.refreshes.iter().rev().enumerate();
    let items = newest_first
        .filter(|(_, r)| ids.is_empty() || ids.contains(&r.id))
        .map(|(n, r)| {
            let desired = r.has_desired_configuration.then(|| json!({}));
            let shown = json!({
                "InstanceRefreshId": r.id,
                "AutoScalingGroupName": group.name,
                "Status": r.status,
                "StatusReason": status_reason(r),
                "StartTime": iso(r.started_at),
                "EndTime": r.ended_at.map(iso),
                "PercentageComplete": if r.is_active() { 0 } else { 100 },
                "InstancesToUpdate": 0,
                "Preferences": preferences(r.preferences.as_ref()),
                "DesiredConfiguration": desired,
                "Strategy": "Rolling",
            });
            (format!("{n:08}"), shown)
        })
        .collect();
    let limit = limit(request.max_records, LONGEST_PAGE)?;
    let (refreshes, next) = page(items, request.next_token.as_deref(), limit)?;
    Ok(json!({"InstanceRefreshes": refreshes, "NextToken": next}))
}
