//! The reads of a prune: what the account holds of past runs, and everything that may use it.

mod images;
mod snapshots;
mod templates;
mod users;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use futures_util::stream::{self, StreamExt};

use self::images::{images, sharing};
use self::snapshots::snapshots;
use self::templates::templates;
use self::users::{aliases, configurations, instances};
use super::{Clients, find_groups, list_records, published_images};
use crate::group::fault::Fault;
use crate::group::names::RUN_TAG;
use crate::ids::ImageId;
use crate::retention::{Found, Sharing, UsesFound};

/// Reads of single images or templates under way at once: EC2 refills 10 a second at half its rates.
const SINGLE_READS_AT_ONCE: usize = 8;

/// Reads the account: images and snapshots of runs, and all that may name them. Of what uses them each read fails by itself.
///
/// # Errors
/// The images or the snapshots could not be read: then there is nothing to judge.
pub async fn find_past(clients: &Clients, at: DateTime<Utc>) -> Result<Found, Fault> {
    let (images, snapshots) =
        futures_util::future::try_join(images(clients), snapshots(clients)).await?;
    let of_runs = images.iter().filter(|(_, i)| i.tags.contains_key(RUN_TAG));
    let of_runs: BTreeSet<ImageId> = of_runs.map(|(id, _)| id.clone()).collect();
    let (groups, templates, configurations, instances, published, records) = tokio::join!(
        find_groups(clients),
        templates(clients),
        configurations(clients),
        instances(clients, of_runs),
        published_images(clients),
        list_records(clients),
    );
    let aliases = aliases(clients, &groups, &templates, &configurations).await;
    Ok(Found {
        at,
        images,
        snapshots,
        uses: UsesFound {
            groups,
            templates,
            configurations,
            instances,
            aliases,
            published,
            records,
        },
        sharing: BTreeMap::new(),
    })
}

/// With whom images are shared: AWS says it of one at a time.
pub async fn find_sharing(
    clients: &Clients,
    images: BTreeSet<ImageId>,
) -> BTreeMap<ImageId, Result<Sharing, Fault>> {
    stream::iter(images)
        .map(|id| async move {
            let read = sharing(clients, &id).await;
            (id, read)
        })
        .buffer_unordered(SINGLE_READS_AT_ONCE)
        .collect()
        .await
}
