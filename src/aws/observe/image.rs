//! The images that runs make, found by name.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{Filter, Image};

use super::query::{Answers, Query, asking, divide, if_listed};
use crate::aws::Clients;
use crate::aws::convert::tag;
use crate::aws::faults::{required, text};
use crate::aws::paging::{IDS_PER_CALL, chunks, every};
use crate::group::fault::Fault;
use crate::group::names::RUN_TAG;
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
) -> Result<BTreeMap<String, ImageSeen>, Fault> {
    let mut found = BTreeMap::new();
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
        for image in &every(clients, OPERATION, pages, |p| (p.images, p.next_token)).await? {
            let (name, seen) = image_seen(image)?;
            found.insert(name, seen);
        }
    }
    Ok(found)
}

fn image_seen(image: &Image) -> Result<(String, ImageSeen), Fault> {
    let field = |value, name| text(value, OPERATION, name);
    let state = match required(image.state(), OPERATION, "State")?.as_str() {
        "available" => ImageState::Available,
        "failed" | "error" | "invalid" | "deregistered" | "disabled" => ImageState::Failed,
        // A state unknown to this program is no failure.
        _ => ImageState::Pending,
    };
    let seen = ImageSeen {
        id: field(image.image_id(), "ImageId")?.into(),
        state,
        detail: image
            .state_reason()
            .and_then(|r| r.message())
            .unwrap_or("no reason given")
            .to_owned(),
        run: tag(image.tags(), RUN_TAG, OPERATION)?.map(RunId::from),
    };
    Ok((field(image.name(), "Name")?.to_owned(), seen))
}
