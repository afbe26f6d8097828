//! The patches on build instances, by name.

use aws_sdk_ssm::types::PatchOrchestratorFilter;
use chrono::{DateTime, Utc};

use super::query::{Answers, Query, one_by_one, single};
use crate::aws::Clients;
use crate::aws::convert::time;
use crate::aws::pace::Pace;
use crate::aws::paging::every;
use crate::group::effect::Role;
use crate::group::fault::{Fault, Read};
use crate::group::seen::Need;
use crate::ids::InstanceId;

const OPERATION: &str = "ssm:DescribeInstancePatches";
/// Largest page of the call.
const PATCHES_PER_PAGE: i32 = 100;

/// A patch's name, and when it was installed.
type Package = (String, Option<DateTime<Utc>>);

pub(super) async fn read(clients: &Clients, queries: &[Query<'_>]) -> Answers<Vec<Package>> {
    one_by_one(queries, Need::Packages, |job| async move {
        match job.instance(Role::Build) {
            Some(build) => single(installed(clients, build).await),
            None => Read::Absent,
        }
    })
    .await
}

/// Not every system knows when a patch was installed: the time is then missing, or the epoch.
async fn installed(clients: &Clients, instance: &InstanceId) -> Result<Vec<Package>, Fault> {
    clients.pace(Pace::NodeRead).await;
    let filter = PatchOrchestratorFilter::builder()
        .key("State")
        .values("Installed")
        .build();
    let patches = every(
        OPERATION,
        clients
            .ssm
            .describe_instance_patches()
            .instance_id(instance.as_str())
            .filters(filter)
            .max_results(PATCHES_PER_PAGE)
            .into_paginator()
            .items()
            .send(),
    )
    .await?;
    Ok(patches
        .iter()
        .map(|p| {
            let at = time(p.installed_time()).filter(|at| *at > DateTime::UNIX_EPOCH);
            (p.title().to_owned(), at)
        })
        .collect())
}
