//! Changes to a group's capacity, launch source and processes that users and programs request.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::{health, launch, lifecycle, request_pass, standby, terminate};
use crate::sim::beliefs::{Flip, StandbyTermination};
use crate::sim::wire::ApiError;
use crate::sim::world::World;
use crate::sim::world::groups::{Group, LaunchSource, PROCESSES, TemplateSpec};
use crate::sim::world::iso;
use crate::sim::world::templates;

/// A change of capacity. `None` leaves a value as it is, or lets it follow the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CapacityChange {
    /// MinSize.
    pub min: Option<i64>,
    /// MaxSize.
    pub max: Option<i64>,
    /// DesiredCapacity.
    pub desired: Option<i64>,
}

fn invalid(text: impl Into<String>) -> ApiError {
    ApiError::new("ValidationError", text)
}

/// The capacity that a group would have: bounds without a desired capacity pull it along; a desired
/// capacity outside the bounds is refused.
pub fn check(
    world: &World,
    name: &str,
    change: CapacityChange,
) -> Result<(i64, i64, i64), ApiError> {
    let group = world.group(name)?;
    let min = change.min.unwrap_or(group.min);
    let max = change.max.unwrap_or(group.max);
    if min < 0 || max < 0 {
        return Err(invalid("Size must be greater than or equal to 0"));
    }
    if min > max {
        let text = format!("Max bound, {max}, must be greater than or equal to min bound, {min}");
        return Err(invalid(text));
    }
    let denied = |flip| world.beliefs.denies(flip);
    if denied(Flip::StandbySizesAccepted) && max < group.desired.min(max) + aside(world, group) {
        return Err(invalid(
            "Max size is below the desired capacity and the standby instances",
        ));
    }
    let desired = match change.desired {
        Some(desired) if denied(Flip::DesiredOutsideBounds) => desired.clamp(min, max),
        Some(desired) if (min..=max).contains(&desired) => desired,
        Some(desired) => {
            return Err(invalid(format!(
                "Desired capacity:{desired} must be between the specified min size:{min} and max \
                 size:{max}"
            )));
        }
        None if denied(Flip::BoundsPullDesired) && !(min..=max).contains(&group.desired) => {
            return Err(invalid(format!(
                "Desired capacity:{} must be between the specified min size:{min} and max size:{max}",
                group.desired
            )));
        }
        None => group.desired.clamp(min, max),
    };
    Ok((min, max, desired))
}

/// The weight on Standby.
pub(super) fn aside(world: &World, group: &Group) -> i64 {
    let members = group.members.iter();
    let aside = members.filter(|(id, _)| lifecycle(world, id).is_some_and(standby::is_aside));
    aside.map(|(_, m)| m.weight).sum()
}

/// Sets the capacity; `why` is the activities' Cause (empty: a user's request).
pub fn set(
    world: &mut World,
    name: &str,
    change: CapacityChange,
    why: &str,
) -> Result<(), ApiError> {
    let (min, max, desired) = check(world, name, change)?;
    let at = iso(world.now);
    let now = world.now;
    let group = world.group_mut(name)?;
    let before = group.desired;
    if before != desired {
        group.mind.scaled_at = Some(now);
    }
    (group.min, group.max, group.desired) = (min, max, desired);
    group.mind.cause = if why.is_empty() {
        format!(
            "At {at} a user request update of AutoScalingGroup constraints to min: {min}, max: {max}, \
             desired: {desired} changing the desired capacity from {before} to {desired}.  "
        )
    } else {
        why.to_owned()
    };
    launch::encourage(world, name);
    Ok(())
}

/// SetDesiredCapacity.
pub fn set_desired(world: &mut World, name: &str, desired: i64) -> Result<(), ApiError> {
    let (min, max) = world.group(name).map(|g| (g.min, g.max))?;
    let beyond = |side: &str, bound: i64| {
        invalid(format!(
            "New SetDesiredCapacity value {desired} is {side} value {bound} for the AutoScalingGroup."
        ))
    };
    if desired > max {
        return Err(beyond("above max", max));
    }
    if desired < min {
        return Err(beyond("below min", min));
    }
    let before = world.group(name)?.desired;
    let why = format!(
        "At {} a user request explicitly set group desired capacity changing the desired capacity \
         from {before} to {desired}.  ",
        iso(world.now)
    );
    let change = CapacityChange {
        desired: Some(desired),
        ..CapacityChange::default()
    };
    set(world, name, change, &why)
}

/// The refusal of a change that honours the cooldown while one runs.
pub fn check_cooldown(world: &World, name: &str) -> Result<(), ApiError> {
    let group = world.group(name)?;
    let cooldown = TimeDelta::seconds(group.default_cooldown_seconds);
    match group.mind.scaled_at {
        Some(at) if world.now < at + cooldown => {
            let last = group.activities.last().map_or("", |a| a.id.as_str());
            Err(ApiError::new(
                "ScalingActivityInProgress",
                format!("Scaling activity {last} is in progress and blocks this action"),
            ))
        }
        Some(_) | None => Ok(()),
    }
}

/// Sets what a group launches. Every template version that it names must exist, and no instance
/// refresh with a desired configuration may be active.
pub fn set_launch(world: &mut World, name: &str, launch: LaunchSource) -> Result<(), ApiError> {
    let group = world.group(name)?;
    if group
        .active_refresh()
        .is_some_and(|r| r.has_desired_configuration)
    {
        return Err(invalid(
            "An active instance refresh with a desired configuration exists. All configuration \
             options derived from the desired configuration are not available for update while the \
             instance refresh is active.",
        ));
    }
    check_launch(world, &launch)?;
    world.group_mut(name)?.launch = launch;
    launch::encourage(world, name);
    Ok(())
}

/// Whether everything that a launch source names exists.
pub fn check_launch(world: &World, launch: &LaunchSource) -> Result<(), ApiError> {
    let specs: Vec<&TemplateSpec> = match launch {
        LaunchSource::Configuration(_) => Vec::new(),
        LaunchSource::Template(spec) => vec![spec],
        LaunchSource::Mixed(policy) => {
            let overrides = policy.overrides.iter().filter_map(|o| o.template.as_ref());
            std::iter::once(&policy.base).chain(overrides).collect()
        }
    };
    for spec in specs {
        let fault = |cause: String| {
            invalid(format!(
                "You must use a valid fully-formed launch template. {cause}"
            ))
        };
        let Some((template, number)) = templates::resolve(world, spec) else {
            let version = spec.version.as_deref().unwrap_or("$Default");
            return Err(fault(templates::no_version(&spec.id, version).message));
        };
        if template.versions[&number].data.image().is_none() {
            return Err(fault(
                "The request must contain the parameter ImageId".into(),
            ));
        }
    }
    Ok(())
}

/// SuspendProcesses; an empty list means all.
pub fn suspend(world: &mut World, name: &str, processes: &[String]) -> Result<(), ApiError> {
    let processes = known(world, processes)?;
    let reason = suspended_by_user(world.now);
    let group = world.group_mut(name)?;
    for process in processes {
        group
            .suspended
            .entry(process)
            .or_insert_with(|| reason.clone());
    }
    Ok(())
}

/// The reason for a suspension. Recorded: "User suspended at 2026-02-26T18:56:36Z", in whole seconds.
pub fn suspended_by_user(at: DateTime<Utc>) -> String {
    let at = at.to_rfc3339_opts(SecondsFormat::Secs, true);
    format!("User suspended at {at}")
}

/// ResumeProcesses; an empty list means all.
pub fn resume(world: &mut World, name: &str, processes: &[String]) -> Result<(), ApiError> {
    let processes = known(world, processes)?;
    let group = world.group_mut(name)?;
    let mut looks = false;
    let mut kept = Vec::new();
    for process in processes {
        let was = group.suspended.remove(&process).is_some();
        looks |= was && process == "HealthCheck";
        if process == "ScheduledActions" {
            kept = std::mem::take(&mut group.mind.kept_actions);
        }
    }
    for action in kept {
        super::scheduled::run(world, name, &action);
    }
    if looks {
        health::look_again(world, name);
    }
    launch::encourage(world, name);
    Ok(())
}

fn known(world: &World, processes: &[String]) -> Result<Vec<String>, ApiError> {
    if processes.is_empty() && !world.beliefs.denies(Flip::EmptyListMeansAll) {
        return Ok(PROCESSES.map(str::to_owned).to_vec());
    }
    match processes.iter().find(|p| !PROCESSES.contains(&p.as_str())) {
        Some(unknown) => Err(invalid(format!("Invalid scaling process: {unknown}"))),
        None => Ok(processes.to_vec()),
    }
}

/// SetInstanceProtection: for members in service only, all or none.
pub fn set_protection(
    world: &mut World,
    name: &str,
    ids: &[String],
    protected: bool,
) -> Result<(), ApiError> {
    let group = world.group(name)?;
    for id in ids {
        if !group.members.contains_key(id) {
            let text = format!("The instance {id} is not part of Auto Scaling group {name}.");
            return Err(invalid(text));
        }
        let state = lifecycle(world, id).unwrap_or_default();
        if !(state == "InService" || state.starts_with("Pending") || standby::is_aside(state)) {
            return Err(invalid(format!(
                "The instance {id} is not in InService or EnteringStandby or Standby."
            )));
        }
    }
    for id in ids {
        if let Some(membership) = super::membership_mut(world, id) {
            membership.protected = protected;
        }
    }
    request_pass(world, name);
    Ok(())
}

/// TerminateInstanceInAutoScalingGroup; returns the group's name and the activity's id.
pub fn terminate_instance(
    world: &mut World,
    id: &str,
    decrement: bool,
) -> Result<(String, String), ApiError> {
    let name = super::group_of(world, id).ok_or_else(|| {
        invalid(format!(
            "Instance Id not found - No managed instance found for instance ID: {id}"
        ))
    })?;
    let weight = world.group(&name)?.members.get(id).map_or(1, |m| m.weight);
    let counts = super::counts(world, id);
    let state = lifecycle(world, id).unwrap_or_default();
    let leaving = state.contains("Terminating");
    let (entering, aside) = (state == standby::ENTERING, state == standby::STANDBY);
    let entering = entering && !world.beliefs.denies(Flip::StandbyTerminationDuringMove);
    let decrement = decrement || world.beliefs.denies(Flip::TerminateWithoutDecrement);
    let replaces = aside && !decrement;
    let replaces = replaces && world.beliefs.denies(Flip::StandbyTerminationNoReplacement);
    let belief = world.beliefs.standby_termination;
    let group = world.group_mut(&name)?;
    if entering {
        // keikoproj/upgrade-manager#77
        let activity = group.members.get(id).and_then(|m| m.activity.as_deref());
        let activity = activity.unwrap_or_default();
        return Err(ApiError::new(
            "ScalingActivityInProgress",
            format!("Activity {activity} is in progress. Please try again later."),
        ));
    }
    if leaving {
        let activity = group.members.get(id).and_then(|m| m.activity.clone());
        return Ok((name, activity.unwrap_or_default()));
    }
    let lowers = match belief {
        StandbyTermination::Refused if aside && decrement => {
            return Err(invalid(format!(
                "The instance {id} is on Standby: the desired capacity cannot be decremented."
            )));
        }
        StandbyTermination::Lowers => counts || aside,
        StandbyTermination::Ignored | StandbyTermination::Refused => counts,
    };
    if replaces {
        group.desired += weight;
    }
    if decrement && lowers {
        if group.desired - weight < group.min {
            return Err(invalid(format!(
                "Currently, desiredSize equals minSize ({}). Terminating instance without \
                 replacement will violate group's min size constraint. Either set \
                 shouldDecrementDesiredCapacity flag to false or lower group's min size.",
                group.min
            )));
        }
        group.desired -= weight;
    }
    let text = "instance was taken out of service in response to a user request.";
    let why = format!("At {} {text}", iso(world.now));
    terminate::begin(world, &name, id, why);
    request_pass(world, &name);
    let member = world.group(&name)?.members.get(id);
    let last = world.group(&name)?.activities.last().map(|a| a.id.clone());
    let activity = member.and_then(|m| m.activity.clone()).or(last);
    Ok((name, activity.unwrap_or_default()))
}

/// A group's refusal of every change while another service owns it or it is being deleted.
pub fn check_changeable(world: &World, name: &str) -> Result<(), ApiError> {
    let group = world.group(name)?;
    if let Some(owner) = &group.operator {
        let text = format!("The Auto Scaling group {name} is managed by {owner}.");
        return Err(ApiError::with_status(403, "AccessDenied", text));
    }
    if group.status.is_some() {
        return Err(ApiError::new(
            "ValidationError",
            format!("AutoScalingGroup '{name}' is pending delete"),
        ));
    }
    Ok(())
}

/// The activity with this id.
pub fn activity<'w>(
    world: &'w World,
    name: &str,
    id: &str,
) -> Option<&'w crate::sim::world::groups::Activity> {
    let group = world.groups.get(name)?;
    group.activities.iter().rev().find(|a| a.id == id)
}
