//! The groups themselves, with their instances.

use std::collections::BTreeMap;

use aws_sdk_autoscaling::types::AutoScalingGroup;

use super::Question;
use super::query::{Answers, if_listed};
use crate::aws::convert::{balancers, capacity, member, pins, suspended, tags};
use crate::aws::faults::text;
use crate::aws::paging::every;
use crate::aws::{Clients, Listed};
use crate::group::fault::{Fault, Read};
use crate::group::seen::{GroupSeen, MemberSeen, Need};
use crate::ids::{GroupName, InstanceId};
use crate::request::OptInTag;

const OPERATION: &str = "autoscaling:DescribeAutoScalingGroups";
/// The call takes as many names as its page holds.
const GROUPS_PER_CALL: usize = 100;

type Groups = Listed<GroupName, GroupSeen>;

pub(super) async fn read(
    clients: &Clients,
    tag: &OptInTag,
    questions: &[Question<'_>],
) -> Answers<GroupSeen> {
    let asking = questions.iter().filter(|q| q.needs.contains(&Need::Group));
    let names: Vec<String> = asking.map(|q| q.job.group().into()).collect();
    let found = describe(clients, tag, &names).await;
    let answer = |question: &Question<'_>| {
        if !question.needs.contains(&Need::Group) {
            return Read::Unread;
        }
        match &found {
            Ok(groups) => if_listed(groups.get(question.job.group())),
            Err(fault) => Read::Failed(fault.clone()),
        }
    };
    questions.iter().map(answer).collect()
}

async fn describe(clients: &Clients, tag: &OptInTag, names: &[String]) -> Result<Groups, Fault> {
    let mut found = Vec::new();
    for chunk in names.chunks(GROUPS_PER_CALL) {
        let pages = clients
            .autoscaling
            .describe_auto_scaling_groups()
            .set_auto_scaling_group_names(Some(chunk.to_vec()))
            .max_records(GROUPS_PER_CALL as i32)
            .into_paginator()
            .send();
        let page = every(clients, OPERATION, pages, |p| {
            (p.auto_scaling_groups, p.next_token)
        });
        found.extend(page.await?);
    }
    let by_name = found.iter().map(|group: &AutoScalingGroup| {
        let name = group.auto_scaling_group_name();
        let name = text(name, OPERATION, "AutoScalingGroupName");
        (name.map(GroupName::from), group_seen(group, tag))
    });
    Ok(by_name.collect())
}

fn group_seen(group: &AutoScalingGroup, tag: &OptInTag) -> Result<GroupSeen, Fault> {
    let members: Result<BTreeMap<InstanceId, MemberSeen>, Fault> =
        group.instances().iter().map(member).collect();
    Ok(GroupSeen {
        capacity: capacity(group)?,
        pins: pins(group)?,
        suspended: suspended(group)?,
        members: members?,
        balancers: balancers(group),
        deleting: group.status().is_some(),
        opted_in: tag.is_on(&tags(group)?),
    })
}
