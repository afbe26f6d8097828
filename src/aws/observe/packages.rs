//! The patches of build instances, by name.

use aws_sdk_ssm::types::{PatchComplianceData, PatchOrchestratorFilter};

use super::query::{Answers, Query, one_by_one, single};
use crate::aws::Clients;
use crate::aws::paging::every;
use crate::group::effect::Role;
use crate::group::fault::{Fault, Read};
use crate::group::seen::{Need, PackageSeen};
use crate::ids::InstanceId;

const OPERATION: &str = "ssm:DescribeInstancePatches";
/// Largest page of the call.
const PATCHES_PER_PAGE: i32 = 100;

/// The states of a patch that the instance still wants.
const WANTED: [&str; 2] = ["Missing", "Failed"];

pub(super) async fn read(clients: &Clients, queries: &[Query<'_>]) -> Answers<Vec<PackageSeen>> {
    one_by_one(queries, Need::Packages, |job| async move {
        let all = job
            .forward
            .as_ref()
            .is_some_and(|f| f.options.lists_packages());
        match job.instance(Role::Build) {
            Some(build) => single(describe(clients, build, all).await),
            None => Read::Absent,
        }
    })
    .await
}

async fn describe(
    clients: &Clients,
    instance: &InstanceId,
    all: bool,
) -> Result<Vec<PackageSeen>, Fault> {
    let wanted = PatchOrchestratorFilter::builder()
        .key("State")
        .set_values(Some(WANTED.map(str::to_owned).to_vec()))
        .build();
    let pages = clients
        .ssm
        .describe_instance_patches()
        .instance_id(instance.as_str())
        .set_filters((!all).then(|| vec![wanted]))
        .max_results(PATCHES_PER_PAGE)
        .into_paginator()
        .send();
    let patches = every(clients, OPERATION, pages, |p| (p.patches, p.next_token)).await?;
    let seen = |p: &PatchComplianceData| PackageSeen {
        name: p.title().to_owned(),
        missing: WANTED.contains(&p.state().as_str()),
    };
    Ok(patches.iter().map(seen).collect())
}
