//! Launch template versions that are newer than the record.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::LaunchTemplateVersion;

use super::query::{Answers, Query, one_by_one, single};
use crate::aws::Clients;
use crate::aws::faults::number;
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
        let newer = match above(clients, template, mark.latest).await {
            Ok(newer) => newer,
            // The template is gone.
            Err(fault) if fault.class == FaultClass::Gone => continue,
            Err(fault) => return Err(fault),
        };
        found.insert(template.clone(), newer);
    }
    Ok(found)
}

/// Whether `MinVersion` is among the versions that it asks for is not documented ("the version number after
/// which to describe"): so the recorded one is asked from, and left out here.
async fn above(
    clients: &Clients,
    template: &TemplateId,
    recorded: u64,
) -> Result<Vec<VersionSeen>, Fault> {
    let pages = clients
        .ec2
        .describe_launch_template_versions()
        .launch_template_id(template.as_str())
        .min_version(recorded.to_string())
        .into_paginator()
        .send();
    let versions = every(clients, OPERATION, pages, |p| {
        (p.launch_template_versions, p.next_token)
    })
    .await?;
    let versions = versions.iter().map(version_seen);
    let mut versions = versions.collect::<Result<Vec<_>, _>>()?;
    versions.retain(|v| v.number > recorded);
    Ok(versions)
}

fn version_seen(version: &LaunchTemplateVersion) -> Result<VersionSeen, Fault> {
    Ok(VersionSeen {
        number: number(version.version_number(), OPERATION, "VersionNumber")?,
        description: version.version_description().unwrap_or_default().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::canned::{self, Canned, Reply};
    use crate::clock::Clock;

    /// The numbers found above `recorded` in a template of five versions.
    async fn found(recorded: u64, inclusive: bool) -> Vec<u64> {
        let canned = Canned::new(move |call| {
            let least = call
                .body
                .split('&')
                .find_map(|p| p.strip_prefix("MinVersion="));
            let least: u64 = least.unwrap().parse().unwrap();
            let rows: String = (1..=5)
                .filter(|n| *n > least || inclusive && *n == least)
                .map(|n| format!("<item><versionNumber>{n}</versionNumber></item>"))
                .collect();
            Reply::ok(format!(
                "<DescribeLaunchTemplateVersionsResponse><launchTemplateVersionSet>{rows}\
                 </launchTemplateVersionSet></DescribeLaunchTemplateVersionsResponse>"
            ))
        });
        let clients = canned::clients(&canned, Clock::system());
        let newer = above(&clients, &"lt-1".into(), recorded).await.unwrap();
        newer.iter().map(|v| v.number).collect()
    }

    #[tokio::test]
    async fn newer_versions_are_the_same_whether_the_least_one_is_included_or_not() {
        for (recorded, expected) in [(3, vec![4, 5]), (4, vec![5]), (5, vec![])] {
            for inclusive in [true, false] {
                assert_eq!(found(recorded, inclusive).await, expected);
            }
        }
    }
}
