//! The snapshots of the account that carry the tag of runs.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{Filter, Snapshot};

use crate::aws::Clients;
use crate::aws::convert::{ec2_tags, time};
use crate::aws::faults::text;
use crate::aws::paging::every;
use crate::group::fault::Fault;
use crate::group::names::RUN_TAG;
use crate::ids::SnapshotId;
use crate::retention::SnapshotFound;

const OPERATION: &str = "ec2:DescribeSnapshots";
/// Largest page.
const SNAPSHOTS_PER_PAGE: i32 = 1000;

pub(super) async fn snapshots(
    clients: &Clients,
) -> Result<BTreeMap<SnapshotId, SnapshotFound>, Fault> {
    let tagged = Filter::builder().name("tag-key").values(RUN_TAG).build();
    let pages = clients
        .ec2
        .describe_snapshots()
        .owner_ids("self")
        .filters(tagged)
        .max_results(SNAPSHOTS_PER_PAGE)
        .into_paginator()
        .send();
    let snapshots = every(clients, OPERATION, pages, |p| (p.snapshots, p.next_token)).await?;
    let found = snapshots.iter().map(|snapshot| {
        let id = text(snapshot.snapshot_id(), OPERATION, "SnapshotId")?;
        Ok((id.into(), snapshot_found(snapshot)?))
    });
    found.collect()
}

fn snapshot_found(snapshot: &Snapshot) -> Result<SnapshotFound, Fault> {
    Ok(SnapshotFound {
        description: snapshot.description().unwrap_or_default().to_owned(),
        started_at: snapshot.start_time().and_then(time),
        gib: snapshot
            .volume_size()
            .and_then(|gib| u32::try_from(gib).ok()),
        tags: ec2_tags(snapshot.tags(), OPERATION)?,
    })
}
