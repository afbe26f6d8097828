//! The images that runs make, found by name.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{Filter, Image};

use super::query::{Answers, Query, asking, divide, if_listed};
use crate::aws::convert::{image_gib, tag};
use crate::aws::faults::{required, text};
use crate::aws::paging::{IDS_PER_CALL, chunks, every};
use crate::aws::{Clients, Listed};
use crate::group::fault::Fault;
use crate::group::names::{KEEP_TAG, RUN_TAG};
use crate::group::seen::{ImageSeen, ImageState, Need};
use crate::ids::RunId;

const OPERATION: &str = "ec2:DescribeImages";

pub(super) async fn read(clients: &Clients, queries: &[Query<'_>]) -> Answers<ImageSeen> {
    let names = asking(queries, Need::Image).map(|a| a.job.record.image_name.clone());
    let found = describe(clients, names.collect()).await;
    divide(queries, Need::Image, found, |query, found| {
        if_listed(found.get(&query.job.record.image_name))
    })
}

async fn describe(
    clients: &Clients,
    names: BTreeSet<String>,
) -> Result<Listed<String, ImageSeen>, Fault> {
    let mut found = Vec::new();
    for chunk in chunks(names, IDS_PER_CALL) {
        let filter = Filter::builder()
            .name("name")
            .set_values(Some(chunk))
            .build();
        let pages = clients
            .ec2
            .describe_images()
            .owners("self")
            .filters(filter)
            .into_paginator()
            .send();
        found.extend(every(clients, OPERATION, pages, |p| (p.images, p.next_token)).await?);
    }
    let by_name = found.iter().map(|image| {
        let name = text(image.name(), OPERATION, "Name");
        (name.map(str::to_owned), image_seen(image))
    });
    Ok(by_name.collect())
}

fn image_seen(image: &Image) -> Result<ImageSeen, Fault> {
    let state = match required(image.state(), OPERATION, "State")?.as_str() {
        "available" => ImageState::Available,
        "failed" | "error" | "invalid" | "deregistered" | "disabled" => ImageState::Failed,
        // A state unknown to this program is no failure.
        _ => ImageState::Pending,
    };
    Ok(ImageSeen {
        id: text(image.image_id(), OPERATION, "ImageId")?.into(),
        state,
        detail: image
            .state_reason()
            .and_then(|r| r.message())
            .unwrap_or("no reason given")
            .to_owned(),
        run: tag(image.tags(), RUN_TAG, OPERATION)?.map(RunId::from),
        source_instance: image.source_instance_id().map(Into::into),
        gib: image_gib(image),
        created_at: image.creation_date().and_then(|at| at.parse().ok()),
        snapshots: image
            .block_device_mappings()
            .iter()
            .filter_map(|device| Some(device.ebs()?.snapshot_id()?.to_owned()))
            .collect(),
        kept: tag(image.tags(), KEEP_TAG, OPERATION)?.is_some(),
    })
}
