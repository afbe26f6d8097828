//! Scheduled actions.

use std::collections::BTreeMap;

use aws_sdk_autoscaling::types::ScheduledUpdateGroupAction;

use super::GROUPS_PER_PAGE;
use crate::aws::Clients;
use crate::aws::convert::time;
use crate::aws::faults::text;
use crate::aws::paging::every;
use crate::group::fault::Fault;
use crate::ids::GroupName;
use crate::schedule::ScheduledAction;

const OPERATION: &str = "autoscaling:DescribeScheduledActions";
/// For more groups than this, all actions of the account are read rather than each group's.
const GROUPS_ONE_BY_ONE: usize = 2;

/// Scheduled actions by group; groups without any are left out, others may be among them.
pub(in crate::aws) async fn scheduled_actions(
    clients: &Clients,
    groups: &[GroupName],
) -> Result<BTreeMap<GroupName, Vec<ScheduledAction>>, Fault> {
    let asked: Vec<Option<&GroupName>> = if groups.len() <= GROUPS_ONE_BY_ONE {
        groups.iter().map(Some).collect()
    } else {
        vec![None]
    };
    let mut found: BTreeMap<GroupName, Vec<ScheduledAction>> = BTreeMap::new();
    for group in asked {
        let pages = clients
            .autoscaling
            .describe_scheduled_actions()
            .set_auto_scaling_group_name(group.map(String::from))
            .max_records(GROUPS_PER_PAGE)
            .into_paginator()
            .items()
            .send();
        for action in &every(OPERATION, pages).await? {
            match scheduled_action(action) {
                Ok((group, action)) => found.entry(group).or_default().push(action),
                // Nobody can tell whose it is.
                Err(fault) => {
                    tracing::warn!(problem = fault.message, "a scheduled action is left out");
                }
            }
        }
    }
    Ok(found)
}

/// A scheduled action with the group that it belongs to.
fn scheduled_action(
    action: &ScheduledUpdateGroupAction,
) -> Result<(GroupName, ScheduledAction), Fault> {
    let group = action.auto_scaling_group_name();
    let group = text(group, OPERATION, "AutoScalingGroupName")?;
    // Nothing but notes and comparisons depends on the name.
    let name = action.scheduled_action_name().unwrap_or("(no name)");
    Ok((
        group.into(),
        ScheduledAction {
            name: name.to_owned(),
            recurrence: action.recurrence().map(str::to_owned),
            time_zone: action.time_zone().map(str::to_owned),
            start_time: action.start_time().and_then(time),
            end_time: action.end_time().and_then(time),
            min: action.min_size(),
            max: action.max_size(),
            desired: action.desired_capacity(),
        },
    ))
}
