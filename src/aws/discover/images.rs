//! Images that launch templates name.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{Filter, Image};
use chrono::DateTime;

use crate::aws::convert::{image_gib, tag};
use crate::aws::faults::{required, text};
use crate::aws::paging::{IDS_PER_CALL, chunks, every};
use crate::aws::{Clients, Listed};
use crate::group::facts::ImageFacts;
use crate::group::fault::Fault;
use crate::group::lineage::{Lineage, LineageTags};
use crate::group::names::{
    ANCESTOR_TAG, GENERATION_TAG, GROUP_TAG, RUN_TAG, SECONDS_TAG, SOURCE_TAG,
};
use crate::ids::{GroupName, ImageId, RunId};

const OPERATION: &str = "ec2:DescribeImages";

/// Images by id; unknown ones are not listed.
pub(super) async fn images(
    clients: &Clients,
    ids: BTreeSet<ImageId>,
) -> Result<Listed<ImageId, ImageFacts>, Fault> {
    let mut images = Vec::new();
    for chunk in chunks(ids, IDS_PER_CALL) {
        let filter = Filter::builder()
            .name("image-id")
            .set_values(Some(chunk))
            .build();
        let pages = clients
            .ec2
            .describe_images()
            .filters(filter)
            .include_deprecated(true)
            .into_paginator()
            .send();
        images.extend(every(clients, OPERATION, pages, |p| (p.images, p.next_token)).await?);
    }
    let listed = images.iter().map(|image| {
        let id = text(image.image_id(), OPERATION, "ImageId");
        (id.map(ImageId::from), image_facts(image))
    });
    Ok(listed.collect())
}

/// The images that runs made for these groups, and proved. Names with wildcards may bring others, too.
pub(super) async fn proved(
    clients: &Clients,
    groups: BTreeSet<GroupName>,
) -> Result<BTreeMap<ImageId, ImageFacts>, Fault> {
    let mut images = Vec::new();
    for chunk in chunks(groups, IDS_PER_CALL) {
        let by_group = Filter::builder()
            .name(format!("tag:{GROUP_TAG}"))
            .set_values(Some(chunk))
            .build();
        // Written when an image was proved and deployed.
        let by_proof = Filter::builder()
            .name("tag-key")
            .values(SECONDS_TAG)
            .build();
        let pages = clients
            .ec2
            .describe_images()
            .owners("self")
            .filters(by_group)
            .filters(by_proof)
            .into_paginator()
            .send();
        images.extend(every(clients, OPERATION, pages, |p| (p.images, p.next_token)).await?);
    }
    // What makes no sense here is nobody's image: nothing depends on it.
    let read = images.iter().filter_map(|image| {
        let facts = image_facts(image).ok()?;
        Some((image.image_id()?.into(), facts))
    });
    Ok(read.collect())
}

fn image_facts(image: &Image) -> Result<ImageFacts, Fault> {
    let state = required(image.state(), OPERATION, "State")?;
    let tagged = |key| tag(image.tags(), key, OPERATION);
    let run = tagged(RUN_TAG)?;
    let lineage = Lineage::read(LineageTags {
        ours: run.is_some(),
        generation: tagged(GENERATION_TAG)?.as_deref(),
        first_ancestor: tagged(ANCESTOR_TAG)?.as_deref(),
        source: tagged(SOURCE_TAG)?.as_deref(),
    });
    Ok(ImageFacts {
        name: image.name().unwrap_or_default().to_owned(),
        description: image.description().unwrap_or_default().to_owned(),
        devices: image
            .block_device_mappings()
            .iter()
            .filter_map(|m| m.device_name().map(str::to_owned))
            .chain(image.root_device_name().map(str::to_owned))
            .collect(),
        lineage,
        created_at: image
            .creation_date()
            .and_then(|d| DateTime::parse_from_rfc3339(d).ok())
            .map(|d| d.to_utc()),
        windows: image
            .platform()
            .is_some_and(|p| p.as_str().eq_ignore_ascii_case("windows")),
        platform: image.platform_details().map(str::to_owned),
        available: state.as_str() == "available",
        gib: image_gib(image),
        run: run.map(RunId::from),
        made_for: tagged(GROUP_TAG)?.map(GroupName::from),
        seconds: tagged(SECONDS_TAG)?,
    })
}
