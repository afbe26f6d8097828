//! The images that running instances of groups were launched from.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::Filter;
use chrono::{DateTime, Utc};

use super::images::images;
use crate::aws::Clients;
use crate::aws::convert::tag;
use crate::aws::paging::{IDS_PER_CALL, chunks, every};
use crate::group::fault::Fault;
use crate::ids::{GroupName, ImageId};

const OPERATION: &str = "ec2:DescribeInstances";
/// Auto Scaling puts it on each instance of a group.
const GROUP_TAG: &str = "aws:autoscaling:groupName";

/// The images of running instances.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunningImages {
    /// How many running instances of each group run each image.
    pub by_group: BTreeMap<GroupName, BTreeMap<ImageId, usize>>,
    /// When these images were made, as far as EC2 still shows them.
    pub made_at: BTreeMap<ImageId, DateTime<Utc>>,
}

impl RunningImages {
    /// The number of running instances of a group.
    pub fn count(&self, group: &GroupName) -> usize {
        let images = self.by_group.get(group).into_iter().flatten();
        images.map(|(_, count)| count).sum()
    }
}

/// The images that the running instances of these groups run.
///
/// # Errors
/// The first call that failed.
pub async fn running_images(
    clients: &Clients,
    groups: &BTreeSet<GroupName>,
) -> Result<RunningImages, Fault> {
    let mut running = RunningImages::default();
    for chunk in chunks(groups.clone(), IDS_PER_CALL) {
        let filter = |name: String, values| {
            let filter = Filter::builder().name(name);
            filter.set_values(Some(values)).build()
        };
        let pages = clients
            .ec2
            .describe_instances()
            .filters(filter(format!("tag:{GROUP_TAG}"), chunk))
            .filters(filter("instance-state-name".into(), vec!["running".into()]))
            .into_paginator()
            .send();
        let found = every(clients, OPERATION, pages, |p| {
            (p.reservations, p.next_token)
        });
        let reservations = found.await?.into_iter();
        for instance in reservations.filter_map(|r| r.instances).flatten() {
            // Names with wildcards may bring others, too.
            let group = tag(instance.tags(), GROUP_TAG, OPERATION)?.map(GroupName::from);
            let group = group.filter(|name| groups.contains(name));
            if let (Some(group), Some(image)) = (group, instance.image_id()) {
                let images = running.by_group.entry(group).or_default();
                *images.entry(image.into()).or_default() += 1;
            }
        }
    }
    let ids = running.by_group.values().flat_map(BTreeMap::keys);
    let ids: BTreeSet<ImageId> = ids.cloned().collect();
    // Of one that makes no sense the age is not known.
    let (facts, _) = images(clients, ids.clone()).await?.sorted(ids);
    running.made_at = facts
        .into_iter()
        .filter_map(|(id, image)| Some((id, image.created_at?)))
        .collect();
    Ok(running)
}
