//! Scheduled actions.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{LONGEST_PAGE, changeable, done, invalid, limit};
use crate::sim::beliefs::RecurringStart;
use crate::sim::services::query::{page_of, rest_of};
use crate::sim::wire::ApiError;
use crate::sim::world::groups::ScheduledAction;
use crate::sim::world::{Group, World, iso, scaling};

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
    let group = request.auto_scaling_group_name.as_deref();
    let group = group.map(|name| world.group(name)).transpose()?;
    let limit = limit(request.max_records, LONGEST_PAGE)?;
    let token = request.next_token.as_deref();
    let groups: Box<dyn Iterator<Item = &Group>> = match group {
        Some(group) => Box::new(std::iter::once(group)),
        None => Box::new(rest_of(&world.groups, token)?.map(|(_, g)| g)),
    };
    let actions = groups.map(|g| world.shown(g)).flat_map(|group| {
        let actions = group.scheduled.values();
        actions.map(move |action| (group.name.as_str(), action))
    });
    let asked = actions.filter(|(_, action)| is_asked(world, &request, action));
    let items = asked.map(|(group, action)| {
        let key = format!("{group}\0{}", action.name);
        (key, (group, action))
    });
    let (page, next) = page_of(items, token, limit)?;
    let shown = page.into_iter().map(|(g, a)| shape(world, g, a));
    Ok(json!({"ScheduledUpdateGroupActions": shown.collect::<Vec<_>>(), "NextToken": next}))
}

fn is_asked(world: &World, request: &Describe, action: &ScheduledAction) -> bool {
    let names = &request.scheduled_action_names;
    let at = shown_time(world, action);
    let after = |t| at.is_some_and(|a| a >= t);
    let before = |t| at.is_some_and(|a| a <= t);
    (names.is_empty() || names.contains(&action.name))
        && request.start_time.is_none_or(after)
        && request.end_time.is_none_or(before)
}

/// The time that reads show: of a recurring action, by belief, its next run.
fn shown_time(world: &World, action: &ScheduledAction) -> Option<DateTime<Utc>> {
    match world.beliefs.recurring_start {
        RecurringStart::AsGiven if action.recurrence.is_some() => action.start,
        RecurringStart::NextRun | RecurringStart::AsGiven => action.next_run.or(action.start),
    }
}

fn shape(world: &World, group: &str, action: &ScheduledAction) -> Value {
    let at = shown_time(world, action);
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
