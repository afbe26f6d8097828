//! All launch templates with all their versions.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{LaunchTemplate, LaunchTemplateVersion};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::SINGLE_READS_AT_ONCE;
use crate::aws::Clients;
use crate::aws::convert::ec2_tags;
use crate::aws::faults::{number, text};
use crate::aws::paging::every;
use crate::group::fault::{Fault, FaultClass};
use crate::group::pin::TemplateMark;
use crate::ids::TemplateId;
use crate::retention::{TemplateFound, VersionFound};

const TEMPLATES: &str = "ec2:DescribeLaunchTemplates";
const VERSIONS: &str = "ec2:DescribeLaunchTemplateVersions";
/// Largest page of versions.
const VERSIONS_PER_PAGE: i32 = 200;

/// All or nothing: what makes no sense may name any image.
pub(super) async fn templates(
    clients: &Clients,
) -> Result<BTreeMap<TemplateId, TemplateFound>, Fault> {
    let pages = clients.ec2.describe_launch_templates().into_paginator();
    let listed = every(clients, TEMPLATES, pages.send(), |p| {
        (p.launch_templates, p.next_token)
    });
    let read = stream::iter(listed.await?)
        .map(|listed| async move {
            let id = text(listed.launch_template_id(), TEMPLATES, "LaunchTemplateId")?;
            match versions(clients, id).await {
                Ok(versions) => Ok(Some((id.into(), template_found(&listed, versions)?))),
                // It was deleted since it was listed.
                Err(fault) if fault.class == FaultClass::Gone => Ok(None),
                Err(fault) => Err(fault),
            }
        })
        .buffer_unordered(SINGLE_READS_AT_ONCE);
    read.try_filter_map(async |template| Ok(template))
        .try_collect()
        .await
}

fn template_found(
    template: &LaunchTemplate,
    versions: BTreeMap<u64, VersionFound>,
) -> Result<TemplateFound, Fault> {
    let id = template.launch_template_id().unwrap_or_default();
    let default = template.default_version_number();
    let latest = template.latest_version_number();
    Ok(TemplateFound {
        name: template.launch_template_name().unwrap_or(id).to_owned(),
        tags: ec2_tags(template.tags(), TEMPLATES)?,
        mark: TemplateMark {
            default: number(default, TEMPLATES, "DefaultVersionNumber")?,
            latest: number(latest, TEMPLATES, "LatestVersionNumber")?,
        },
        versions,
    })
}

async fn versions(clients: &Clients, id: &str) -> Result<BTreeMap<u64, VersionFound>, Fault> {
    let pages = clients
        .ec2
        .describe_launch_template_versions()
        .launch_template_id(id)
        .max_results(VERSIONS_PER_PAGE)
        .into_paginator()
        .send();
    let versions = every(clients, VERSIONS, pages, |p| {
        (p.launch_template_versions, p.next_token)
    })
    .await?;
    let found = versions.iter().map(|version| {
        let number = number(version.version_number(), VERSIONS, "VersionNumber")?;
        Ok((number, version_found(version)))
    });
    found.collect()
}

fn version_found(version: &LaunchTemplateVersion) -> VersionFound {
    let data = version.launch_template_data();
    let mappings = data.map(|d| d.block_device_mappings()).unwrap_or_default();
    let volumes = mappings.iter().filter_map(|m| m.ebs());
    VersionFound {
        image: data.and_then(|d| d.image_id()).map(str::to_owned),
        description: version.version_description().map(str::to_owned),
        snapshots: volumes
            .filter_map(|ebs| ebs.snapshot_id().map(Into::into))
            .collect(),
    }
}
