//! The patches of build instances, by name.

use aws_sdk_ssm::types::{PatchComplianceData, PatchOrchestratorFilter};

use super::query::{Answers, Query, one_by_one, single};
use crate::aws::Clients;
use crate::aws::faults::reported;
use crate::aws::paging::every;
use crate::group::effect::Role;
use crate::group::fault::{Fault, Read};
use crate::group::patch::{PatchFacts, PatchState};
use crate::group::seen::{Need, PackageSeen};
use crate::ids::InstanceId;
use crate::text::{plain_text, shortened};

const OPERATION: &str = "ssm:DescribeInstancePatches";
/// Largest page of the call.
const PATCHES_PER_PAGE: i32 = 100;

/// The states of a patch that the instance still wants.
const WANTED: [&str; 2] = ["Missing", "Failed"];
/// Characters of a classification, a severity or a CVE id: AWS's own words are shorter, a repository may say anything.
const WORD_LIMIT: usize = 40;

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
    patches.iter().map(seen).collect()
}

fn seen(patch: &PatchComplianceData) -> Result<PackageSeen, Fault> {
    let word = |text: &str| {
        let word = shortened(&plain_text(text), WORD_LIMIT);
        (!word.is_empty()).then_some(word)
    };
    let cves = patch.cve_ids().unwrap_or_default();
    Ok(PackageSeen {
        name: patch.title().to_owned(),
        state: match reported(Some(patch.state().as_str()), OPERATION, "State")? {
            "Missing" => PatchState::Missing,
            "Failed" => PatchState::Failed,
            _ => PatchState::Installed,
        },
        facts: PatchFacts {
            classification: word(patch.classification()),
            severity: word(patch.severity()),
            // AWS: "a comma-separated list".
            cves: cves.split(',').filter_map(word).collect(),
            cves_left_out: 0,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_has_the_facts_that_aws_gives() {
        let patch = |state: &str, cves: &str| {
            let patch = PatchComplianceData::builder()
                .title("kernel.x86_64")
                .kb_id("kernel.x86_64")
                .classification("Security\n")
                .severity("")
                .state(state.into())
                .installed_time(aws_sdk_ssm::primitives::DateTime::from_secs(0))
                .cve_ids(cves)
                .build()
                .unwrap();
            seen(&patch).unwrap()
        };
        let found = patch("Missing", "CVE-2026-1,CVE-2026-22, ,");
        assert_eq!(found.state, PatchState::Missing);
        assert_eq!(found.facts.classification.as_deref(), Some("Security"));
        assert_eq!(found.facts.severity, None);
        assert_eq!(found.facts.cves, ["CVE-2026-1", "CVE-2026-22"]);
        let found = patch("Failed", "");
        assert_eq!(
            (found.state, found.facts.cves.len()),
            (PatchState::Failed, 0)
        );
        assert_eq!(patch("InstalledOther", "").state, PatchState::Installed);
    }
}
