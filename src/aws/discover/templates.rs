//! Launch templates, and the versions of them that the groups name.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{LaunchTemplate, LaunchTemplateVersion};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::SINGLE_READS_AT_ONCE;
use crate::aws::devices::device_mapping;
use crate::aws::faults::{number, text};
use crate::aws::paging::{IDS_PER_CALL, every, known};
use crate::aws::{Clients, Listed, fault};
use crate::group::facts::{GroupFacts, TemplateFacts, VersionFacts};
use crate::group::fault::{Fault, FaultClass};
use crate::group::pin::{TemplateMark, resolve};
use crate::ids::TemplateId;

const TEMPLATES: &str = "ec2:DescribeLaunchTemplates";
const VERSIONS: &str = "ec2:DescribeLaunchTemplateVersions";
/// From this many templates on, their `$Latest` and `$Default` versions are read for the whole account
/// rather than one by one.
const BULK_TEMPLATES_FROM: usize = 8;
/// Largest page of versions.
const VERSIONS_PER_PAGE: i32 = 200;

/// The templates of groups, by id.
#[derive(Debug)]
pub(super) struct TemplatesRead {
    /// Those that exist.
    pub(super) facts: BTreeMap<TemplateId, TemplateFacts>,
    /// Those of which AWS's description makes no sense.
    pub(super) odd: BTreeMap<TemplateId, Fault>,
}

/// Default and latest numbers, and the versions that the groups' pins mean.
pub(super) async fn templates(
    clients: &Clients,
    groups: &[&GroupFacts],
) -> Result<TemplatesRead, Fault> {
    let ids: BTreeSet<TemplateId> = groups
        .iter()
        .flat_map(|g| &g.pins)
        .map(|p| p.template.clone())
        .collect();
    let (facts, odd) = template_facts(clients, &ids).await?.sorted(ids);
    let mut read = TemplatesRead { facts, odd };
    read_versions(clients, groups, &mut read).await?;
    Ok(read)
}

async fn read_versions(
    clients: &Clients,
    groups: &[&GroupFacts],
    read: &mut TemplatesRead,
) -> Result<(), Fault> {
    let marks = read.facts.iter();
    let marks = marks.map(|(id, t)| (id.clone(), t.mark)).collect();
    let mut wanted: BTreeMap<TemplateId, BTreeSet<u64>> = BTreeMap::new();
    for pin in groups.iter().flat_map(|g| &g.pins) {
        if let (Some(number), true) = (resolve(pin, &marks), marks.contains_key(&pin.template)) {
            let numbers = wanted.entry(pin.template.clone()).or_default();
            numbers.insert(number);
        }
    }
    if wanted.len() >= BULK_TEMPLATES_FROM {
        for version in newest_versions(clients).await? {
            let id = version.launch_template_id().unwrap_or_default();
            let Ok(number) = number(version.version_number(), VERSIONS, "VersionNumber") else {
                // Whosever it is: it is asked for by its template and number.
                continue;
            };
            if wanted.get_mut(id).is_some_and(|w| w.remove(&number)) {
                read.keep(id, number, &version);
            }
        }
    }
    wanted.retain(|_, numbers| !numbers.is_empty());
    let single: Vec<(TemplateId, Result<Vec<LaunchTemplateVersion>, Fault>)> = stream::iter(wanted)
        .map(|(id, numbers)| async move {
            match versions(clients, &id, &numbers).await {
                // A refusal to answer about one template concerns its groups only.
                Err(fault) if fault.class != FaultClass::Refused => Err(fault),
                versions => Ok((id, versions)),
            }
        })
        .buffer_unordered(SINGLE_READS_AT_ONCE)
        .try_collect()
        .await?;
    for (id, versions) in single {
        match versions {
            Ok(versions) => read.keep_all(&id, &versions),
            Err(fault) => _ = read.odd.insert(id, fault),
        }
    }
    Ok(())
}

impl TemplatesRead {
    fn keep_all(&mut self, id: &TemplateId, versions: &[LaunchTemplateVersion]) {
        for version in versions {
            match number(version.version_number(), VERSIONS, "VersionNumber") {
                Ok(number) => self.keep(id, number, version),
                Err(fault) => _ = self.odd.insert(id.clone(), fault),
            }
        }
    }

    fn keep(&mut self, id: &str, number: u64, version: &LaunchTemplateVersion) {
        if let Some(template) = self.facts.get_mut(id) {
            template.versions.insert(number, version_facts(version));
        }
    }
}

/// Templates by id, without versions; unknown ids are not listed.
///
/// # Errors
/// A call that failed.
pub async fn template_facts(
    clients: &Clients,
    ids: &BTreeSet<TemplateId>,
) -> Result<Listed<TemplateId, TemplateFacts>, Fault> {
    let found = known(ids.clone(), IDS_PER_CALL, |ids| {
        launch_templates(clients, ids)
    })
    .await?;
    let listed = found.iter().map(|template| {
        let id = text(template.launch_template_id(), TEMPLATES, "LaunchTemplateId");
        (id.map(TemplateId::from), without_versions(template))
    });
    Ok(listed.collect())
}

fn without_versions(template: &LaunchTemplate) -> Result<TemplateFacts, Fault> {
    let default = template.default_version_number();
    let latest = template.latest_version_number();
    let id = template.launch_template_id().unwrap_or_default();
    Ok(TemplateFacts {
        name: template.launch_template_name().unwrap_or(id).to_owned(),
        tags: tags(template),
        mark: TemplateMark {
            default: number(default, TEMPLATES, "DefaultVersionNumber")?,
            latest: number(latest, TEMPLATES, "LatestVersionNumber")?,
        },
        versions: BTreeMap::new(),
    })
}

/// The tags that are whole: one that is not opts nothing in.
fn tags(template: &LaunchTemplate) -> BTreeMap<String, String> {
    let tags = template.tags().iter();
    tags.filter_map(|t| Some((t.key()?.to_owned(), t.value()?.to_owned())))
        .collect()
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
        instance_type: data
            .and_then(|d| d.instance_type())
            .map(|t| t.as_str().to_owned()),
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
            // A pinned version that was deleted, or its template was just now: preflight reports it.
            let is_absent = fault.code == "InvalidLaunchTemplateId.VersionNotFound"
                || fault.class == FaultClass::Gone;
            if is_absent {
                Ok(Vec::new())
            } else {
                Err(fault)
            }
        }
    }
}
