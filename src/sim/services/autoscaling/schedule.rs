//! Scheduled actions.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{LONGEST_PAGE, changeable, done, invalid, limit};
use crate::sim::beliefs::RecurringStart;
use crate::sim::services::query::page;
use crate::sim::wire::ApiError;
use crate::sim::world::groups::ScheduledAction;
use crate::sim::world::{World, iso, scaling};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Describe {
    auto_scaling_group_name: Option<String>,
    #[serde(default)]
    scheduled_action_names: Vec<String>,
    start_time: Option<DateTime<Utc>>,
    end_time: Option<DateTime<Utc>>,
    next_token: Option<String>,
    max_records: Option<i64>,
}

pub(super) fn describe(world: &World, request: Describe) -> Result<Value, ApiError> {
    let groups = match &request.auto_scaling_group_name {
        Some(name) => vec![world.group(name)?],
        None => world.groups.values().collect(),
    };
    let names = &request.scheduled_action_names;
    let mut items = Vec::new();
    for group in groups.into_iter().map(|g| world.shown(g)) {
        for action in group.scheduled.values() {
            let at = match world.beliefs.recurring_start {
                RecurringStart::AsGiven if action.recurrence.is_some() => action.start,
                RecurringStart::NextRun | RecurringStart::AsGiven => {
                    action.next_run.or(action.start)
                }
            };
            let named = names.is_empty() || names.contains(&action.name);
            let after = request
                .start_time
                .is_none_or(|t| at.is_some_and(|a| a >= t));
            let before = request.end_time.is_none_or(|t| at.is_some_and(|a| a <= t));
            if named && after && before {
                let key = format!("{}\u{0}{}", group.name, action.name);
                items.push((key, shape(world, &group.name, action, at)));
            }
        }
    }
    items.sort_by(|a, b| a.0.cmp(&b.0));
    let limit = limit(request.max_records, LONGEST_PAGE)?;
    let (actions, next) = page(items, request.next_token.as_deref(), limit)?;
    Ok(json!({"ScheduledUpdateGroupActions": actions, "NextToken": next}))
}

fn shape(world: &World, group: &str, action: &ScheduledAction, at: Option<DateTime<Utc>>) -> Value {
    let arn = super::shape::arn(world, group)
        .replace(":autoScalingGroup:", ":scheduledUpdateGroupAction:");
    json!({
        "AutoScalingGroupName": group,
        "ScheduledActionName": action.name,
        "ScheduledActionARN": format!("{arn}:scheduledActionName/{}", action.name),
        "Time": at.map(iso),
        "StartTime": at.map(iso),
        "EndTime": action.end.map(iso),
        "Recurrence": action.recurrence,
        "MinSize": action.min,
        "MaxSize": action.max,
        "DesiredCapacity": action.desired,
        "TimeZone": action.time_zone,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Put {
    auto_scaling_group_name: String,
    scheduled_action_name: String,
    time: Option<DateTime<Utc>>,
    start_time: Option<DateTime<Utc>>,
    end_time: Option<DateTime<Utc>>,
    recurrence: Option<String>,
    min_size: Option<i64>,
    max_size: Option<i64>,
    desired_capacity: Option<i64>,
    time_zone: Option<String>,
}

/// Whatever a change of an action leaves out stays as it was.
pub(super) fn put(world: &mut World, request: Put) -> Result<Value, ApiError> {
    let name = request.auto_scaling_group_name;
    changeable(world, &name)?;
    let start = request.start_time.or(request.time);
    if start.is_some_and(|t| t < world.now) {
        return Err(invalid("Given start time is in the past"));
    }
    let before = world
        .group(&name)?
        .scheduled
        .get(&request.scheduled_action_name);
    let before = before.cloned().unwrap_or_default();
    let action = ScheduledAction {
        name: request.scheduled_action_name,
        min: request.min_size.or(before.min),
        max: request.max_size.or(before.max),
        desired: request.desired_capacity.or(before.desired),
        recurrence: request.recurrence.or(before.recurrence),
        time_zone: request.time_zone.or(before.time_zone),
        start: start.or(before.start),
        end: request.end_time.or(before.end),
        next_run: None,
    };
    world.put_scheduled_action(&name, action)?;
    done()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Delete {
    auto_scaling_group_name: String,
    scheduled_action_name: String,
}

pub(super) fn delete(world: &mut World, request: Delete) -> Result<Value, ApiError> {
    let (name, action) = (
        request.auto_scaling_group_name,
        request.scheduled_action_name,
    );
    changeable(world, &name)?;
    scaling::scheduled::delete(world, &name, &action)?;
    done()
}
