//! The groups' instance refreshes.

use super::query::{Answers, Query, one_by_one};
use crate::aws::{Clients, refreshes};
use crate::group::fault::Read;
use crate::group::seen::Need;

pub(super) async fn read(clients: &Clients, queries: &[Query<'_>]) -> Answers<String> {
    one_by_one(queries, Need::Refresh, |job| async move {
        match refreshes::under_way(clients, job.group()).await {
            Ok(Some(id)) => Read::Present(id),
            Ok(None) => Read::Absent,
            Err(fault) => Read::Failed(fault),
        }
    })
    .await
}
