//! All images that the account owns, deprecated and disabled ones too, and with whom they are shared.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{BlockDeviceMapping, Image, ImageAttributeName, LaunchPermission};
use chrono::{DateTime, Utc};

use crate::aws::convert::ec2_tags;
use crate::aws::faults::{required, text};
use crate::aws::paging::every;
use crate::aws::{Clients, fault};
use crate::group::fault::Fault;
use crate::ids::ImageId;
use crate::retention::{ImageFound, ImageState, Sharing, VolumeFound};

const OPERATION: &str = "ec2:DescribeImages";
const SHARING: &str = "ec2:DescribeImageAttribute";
/// Largest page.
const IMAGES_PER_PAGE: i32 = 1000;

/// All of them: an image of another kind may hold a snapshot, too.
pub(super) async fn images(clients: &Clients) -> Result<BTreeMap<ImageId, ImageFound>, Fault> {
    let pages = clients
        .ec2
        .describe_images()
        .owners("self")
        .include_deprecated(true)
        .include_disabled(true)
        .max_results(IMAGES_PER_PAGE)
        .into_paginator()
        .send();
    let images = every(clients, OPERATION, pages, |p| (p.images, p.next_token)).await?;
    let found = images.iter().map(|image| {
        let id = text(image.image_id(), OPERATION, "ImageId")?;
        Ok((id.into(), image_found(image)?))
    });
    found.collect()
}

fn image_found(image: &Image) -> Result<ImageFound, Fault> {
    let state = match required(image.state(), OPERATION, "State")?.as_str() {
        "available" => ImageState::Available,
        "pending" | "transient" => ImageState::Pending,
        "failed" | "error" | "invalid" => ImageState::Failed,
        other => ImageState::Other(other.to_owned()),
    };
    Ok(ImageFound {
        name: image.name().unwrap_or_default().to_owned(),
        state,
        created_at: image.creation_date().and_then(moment),
        // A time that cannot be read is not an absence: it is to come.
        deprecated_from: image
            .deprecation_time()
            .map(|text| moment(text).unwrap_or(DateTime::<Utc>::MAX_UTC)),
        launched_at: image.last_launched_time().and_then(moment),
        public: image.public() == Some(true),
        source_instance: image.source_instance_id().map(Into::into),
        source_image: image.source_image_id().map(Into::into),
        tags: ec2_tags(image.tags(), OPERATION)?,
        volumes: image
            .block_device_mappings()
            .iter()
            .filter_map(volume)
            .collect(),
    })
}

fn volume(mapping: &BlockDeviceMapping) -> Option<VolumeFound> {
    let ebs = mapping.ebs()?;
    Some(VolumeFound {
        snapshot: ebs.snapshot_id().map(Into::into),
        gib: ebs.volume_size().and_then(|gib| u32::try_from(gib).ok()),
    })
}

fn moment(text: &str) -> Option<DateTime<Utc>> {
    let at = DateTime::parse_from_rfc3339(text).ok()?;
    Some(at.to_utc())
}

pub(super) async fn sharing(clients: &Clients, image: &ImageId) -> Result<Sharing, Fault> {
    clients.turn(SHARING).await;
    let answer = clients
        .ec2
        .describe_image_attribute()
        .image_id(image.as_str())
        .attribute(ImageAttributeName::LaunchPermission)
        .send()
        .await
        .map_err(|e| fault(SHARING, &e))?;
    let with = |permission: &LaunchPermission| {
        let group = permission.group().map(|g| g.as_str());
        let of = permission
            .user_id()
            .or(permission.organization_arn())
            .or(permission.organizational_unit_arn())
            .or(group);
        // With whom AWS does not say: it is shared.
        of.unwrap_or("an account that AWS does not name").to_owned()
    };
    Ok(Sharing {
        with: answer.launch_permissions().iter().map(with).collect(),
    })
}
