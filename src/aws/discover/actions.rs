//! Scheduled actions.

use std::collections::BTreeMap;

use aws_sdk_autoscaling::types::ScheduledUpdateGroupAction;

use super::GROUPS_PER_PAGE;
use crate::aws::Clients;
use crate::aws::convert::time;
use crate::aws::faults::text;
use crate::aws::paging::at_most;
use crate::group::fault::Fault;
use crate::ids::GroupName;
use crate::schedule::ScheduledAction;

const OPERATION: &str = "autoscaling:DescribeScheduledActions";
/// Up to this many groups, each group's actions are read rather than all of the account.
const GROUPS_ONE_BY_ONE: usize = 2;

/// The actions of each group.
type Actions = BTreeMap<GroupName, Result<Vec<ScheduledAction>, Fault>>;

/// Scheduled actions by group; groups without any are left out, others may be among them. One that makes no sense
/// spoils the list of its own group only.
///
/// All actions of the account are listed, unless these take more pages than there are groups: then each group's own are.
/// How many pages there are shows only at their end. That they are too many is remembered, and later looks at no more groups
/// begin with each group's own.
///
/// # Errors
/// A call that failed.
pub(in crate::aws) async fn scheduled_actions(
    clients: &Clients,
    groups: &[GroupName],
) -> Result<Actions, Fault> {
    if groups.len() > GROUPS_ONE_BY_ONE.max(clients.pages_of_actions().exceed()) {
        let (all, is_all) = listed(clients, None, groups.len()).await?;
        clients.pages_of_actions().learn(groups.len(), !is_all);
        let owners = all.iter().map(owner).collect::<Result<Vec<_>, _>>();
        // If one does not say whose it is, each group is asked for its own.
        if let (Ok(owners), true) = (owners, is_all) {
            return Ok(by_group(owners.into_iter().zip(&all)));
        }
    }
    let mut found = Actions::new();
    for group in groups {
        let (its_own, _) = listed(clients, Some(group), usize::MAX).await?;
        found.extend(by_group(its_own.iter().map(|a| (group.clone(), a))));
    }
    Ok(found)
}

/// The first pages of the actions of one group, or of all, and whether there are no more.
async fn listed(
    clients: &Clients,
    group: Option<&GroupName>,
    pages: usize,
) -> Result<(Vec<ScheduledUpdateGroupAction>, bool), Fault> {
    let paginator = clients
        .autoscaling
        .describe_scheduled_actions()
        .set_auto_scaling_group_name(group.map(String::from))
        .max_records(GROUPS_PER_PAGE)
        .into_paginator()
        .send();
    at_most(pages, clients, OPERATION, paginator, |p| {
        (p.scheduled_update_group_actions, p.next_token)
    })
    .await
}

fn owner(action: &ScheduledUpdateGroupAction) -> Result<GroupName, Fault> {
    let owner = action.auto_scaling_group_name();
    text(owner, OPERATION, "AutoScalingGroupName").map(GroupName::from)
}

fn by_group<'a>(
    actions: impl Iterator<Item = (GroupName, &'a ScheduledUpdateGroupAction)>,
) -> Actions {
    let mut found = Actions::new();
    for (owner, action) in actions {
        let list = found.entry(owner).or_insert_with(|| Ok(Vec::new()));
        match (list.as_mut(), scheduled_action(action)) {
            (Ok(list), Ok(action)) => list.push(action),
            (Ok(_), Err(fault)) => *list = Err(fault),
            (Err(_), _) => {}
        }
    }
    found
}

fn scheduled_action(action: &ScheduledUpdateGroupAction) -> Result<ScheduledAction, Fault> {
    let name = action.scheduled_action_name();
    let name = text(name, OPERATION, "ScheduledActionName")?;
    Ok(ScheduledAction {
        name: name.to_owned(),
        recurrence: action.recurrence().map(str::to_owned),
        time_zone: action.time_zone().map(str::to_owned),
        start_time: action.start_time().and_then(time),
        end_time: action.end_time().and_then(time),
        min: action.min_size(),
        max: action.max_size(),
        desired: action.desired_capacity(),
    })
}
