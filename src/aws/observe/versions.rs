//! Launch template versions that are newer than the record.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::LaunchTemplateVersion;

use super::query::{Answers, Query, one_by_one, single};
use crate::aws::Clients;
use crate::aws::faults::number;
use crate::aws::pace::Pace;
use crate::aws::paging::every;
use crate::group::Job;
use crate::group::fault::{Fault, FaultClass};
use crate::group::seen::{Need, VersionSeen};
use crate::ids::TemplateId;

const OPERATION: &str = "ec2:DescribeLaunchTemplateVersions";

type Versions = BTreeMap<TemplateId, Vec<VersionSeen>>;

pub(super) async fn read(clients: &Clients, queries: &[Query<'_>]) -> Answers<Versions> {
    one_by_one(queries, Need::Versions, |job| async move {
        single(newer(clients, job).await)
    })
    .await
}

async fn newer(clients: &Clients, job: &Job) -> Result<Versions, Fault> {
    let mut found = BTreeMap::new();
    for (template, mark) in &job.record.templates {
        clients.pace(Pace::Ec2Read).await;
        let pages = clients
            .ec2
            .describe_launch_template_versions()
            .launch_template_id(template.as_str())
            .min_version(mark.latest.saturating_add(1).to_string())
            .into_paginator()
            .items()
            .send();
        match every(OPERATION, pages).await {
            Ok(versions) => {
                let versions = versions.iter().map(version_seen);
                found.insert(template.clone(), versions.collect::<Result<_, _>>()?);
            }
            // The template is gone.
            Err(fault) if fault.class == FaultClass::Gone => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(found)
}

fn version_seen(version: &LaunchTemplateVersion) -> Result<VersionSeen, Fault> {
    Ok(VersionSeen {
        number: number(version.version_number(), OPERATION, "VersionNumber")?,
        description: version.version_description().unwrap_or_default().to_owned(),
    })
}
