//! Launch templates, and the versions of them that the groups name.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{LaunchTemplate, LaunchTemplateVersion};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::SINGLE_READS_AT_ONCE;
use crate::aws::devices::device_mapping;
use crate::aws::faults::{number, required};
use crate::aws::paging::{IDS_PER_CALL, every, known};
use crate::aws::{Clients, fault};
use crate::group::facts::{GroupFacts, TemplateFacts, VersionFacts};
use crate::group::fault::Fault;
use crate::group::pin::{TemplateMark, resolve};
use crate::ids::TemplateId;

const TEMPLATES: &str = "ec2:DescribeLaunchTemplates";
const VERSIONS: &str = "ec2:DescribeLaunchTemplateVersions";
/// From this many templates on, their `$Latest` and `$Default` versions are read for the whole account
/// rather than one by one.
const BULK_TEMPLATES_FROM: usize = 8;
/// Largest page of versions.
const VERSIONS_PER_PAGE: i32 = 200;

/// Default and latest numbers, and the versions that the groups' pins mean.
pub(super) async fn templates(
    clients: &Clients,
    groups: &[&GroupFacts],
) -> Result<BTreeMap<TemplateId, TemplateFacts>, Fault> {
    let ids: BTreeSet<TemplateId> = groups
        .iter()
        .flat_map(|g| &g.pins)
        .map(|p| p.template.clone())
        .collect();
    let mut templates = template_facts(clients, &ids).await?;
    let marks = templates
        .iter()
        .map(|(id, t)| (id.clone(), t.mark))
        .collect();
    let mut wanted: BTreeMap<TemplateId, BTreeSet<u64>> = BTreeMap::new();
    for pin in groups.iter().flat_map(|g| &g.pins) {
        if let (Some(number), true) = (resolve(pin, &marks), templates.contains_key(&pin.template))
        {
            wanted
                .entry(pin.template.clone())
                .or_default()
                .insert(number);
        }
    }
    if wanted.len() >= BULK_TEMPLATES_FROM {
        for version in newest_versions(clients).await? {
            keep(&mut templates, &mut wanted, &version)?;
        }
    }
    wanted.retain(|_, numbers| !numbers.is_empty());
    let single: Vec<Vec<LaunchTemplateVersion>> = stream::iter(wanted.clone())
        .map(|(id, numbers)| async move { versions(clients, &id, &numbers).await })
        .buffer_unordered(SINGLE_READS_AT_ONCE)
        .try_collect()
        .await?;
    for version in single.iter().flatten() {
        keep(&mut templates, &mut wanted, version)?;
    }
    Ok(templates)
}

fn keep(
    templates: &mut BTreeMap<TemplateId, TemplateFacts>,
    wanted: &mut BTreeMap<TemplateId, BTreeSet<u64>>,
    version: &LaunchTemplateVersion,
) -> Result<(), Fault> {
    let id = required(version.launch_template_id(), VERSIONS, "LaunchTemplateId")?;
    let number = number(version.version_number(), VERSIONS, "VersionNumber")?;
    if wanted.get_mut(id).is_some_and(|w| w.remove(&number))
        && let Some(template) = templates.get_mut(id)
    {
        template.versions.insert(number, version_facts(version));
    }
    Ok(())
}

/// Templates by id, without versions; unknown ids are left out.
///
/// # Errors
/// A call that failed, or a template without version numbers.
pub async fn template_facts(
    clients: &Clients,
    ids: &BTreeSet<TemplateId>,
) -> Result<BTreeMap<TemplateId, TemplateFacts>, Fault> {
    let found = known(ids.clone(), IDS_PER_CALL, |ids| {
        launch_templates(clients, ids)
    })
    .await?;
    let mut templates = BTreeMap::new();
    for template in found {
        let id = required(template.launch_template_id(), TEMPLATES, "LaunchTemplateId")?;
        let default = template.default_version_number();
        let latest = template.latest_version_number();
        let facts = TemplateFacts {
            name: template.launch_template_name().unwrap_or(id).to_owned(),
            mark: TemplateMark {
                default: number(default, TEMPLATES, "DefaultVersionNumber")?,
                latest: number(latest, TEMPLATES, "LatestVersionNumber")?,
            },
            versions: BTreeMap::new(),
        };
        templates.insert(id.into(), facts);
    }
    Ok(templates)
}

async fn launch_templates(
    clients: &Clients,
    ids: Vec<String>,
) -> Result<Vec<LaunchTemplate>, Fault> {
    let pages = clients
        .ec2
        .describe_launch_templates()
        .set_launch_template_ids(Some(ids))
        .into_paginator()
        .send();
    every(clients, TEMPLATES, pages, |p| {
        (p.launch_templates, p.next_token)
    })
    .await
}

fn version_facts(version: &LaunchTemplateVersion) -> VersionFacts {
    let data = version.launch_template_data();
    VersionFacts {
        image: data.and_then(|d| d.image_id()).map(str::to_owned),
        devices: data
            .map(|d| d.block_device_mappings())
            .unwrap_or_default()
            .iter()
            .map(device_mapping)
            .collect(),
    }
}

/// The `$Latest` and `$Default` versions of all templates of the account.
async fn newest_versions(clients: &Clients) -> Result<Vec<LaunchTemplateVersion>, Fault> {
    let pages = clients
        .ec2
        .describe_launch_template_versions()
        .versions("$Latest")
        .versions("$Default")
        .max_results(VERSIONS_PER_PAGE)
        .into_paginator()
        .send();
    every(clients, VERSIONS, pages, |p| {
        (p.launch_template_versions, p.next_token)
    })
    .await
}

async fn versions(
    clients: &Clients,
    id: &TemplateId,
    numbers: &BTreeSet<u64>,
) -> Result<Vec<LaunchTemplateVersion>, Fault> {
    clients.turn(VERSIONS).await;
    let answer = clients
        .ec2
        .describe_launch_template_versions()
        .launch_template_id(id.as_str())
        .set_versions(Some(numbers.iter().map(ToString::to_string).collect()))
        .send()
        .await;
    match answer {
        Ok(answer) => Ok(answer.launch_template_versions().to_vec()),
        Err(e) => {
            let fault = fault(VERSIONS, &e);
            // A pinned version that was deleted: preflight reports it.
            if fault.code == "InvalidLaunchTemplateId.VersionNotFound" {
                return Ok(Vec::new());
            }
            Err(fault)
        }
    }
}
