//! Calls about many things: ids in chunks, answers in pages.

use std::collections::BTreeSet;
use std::error::Error;

use aws_smithy_async::future::pagination_stream::PaginationStream;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::fault;
use crate::group::fault::Fault;

/// Ids or filter values in one EC2 call, and ids in one filter of Systems Manager's.
pub(super) const IDS_PER_CALL: usize = 100;
/// Largest page of Systems Manager's lists of nodes, and the most ids that they take.
pub(super) const NODES_PER_PAGE: usize = 50;

/// Ids in lists of at most `size`.
pub(super) fn chunks<T: Into<String>>(ids: BTreeSet<T>, size: usize) -> Vec<Vec<String>> {
    let ids: Vec<String> = ids.into_iter().map(Into::into).collect();
    ids.chunks(size).map(<[String]>::to_vec).collect()
}

/// All items of all pages: a page may be short while more follow, so only the token says when it ends.
pub(super) async fn every<T, E>(
    operation: &str,
    pages: PaginationStream<Result<T, SdkError<E, HttpResponse>>>,
) -> Result<Vec<T>, Fault>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    pages
        .collect::<Result<Vec<T>, _>>()
        .await
        .map_err(|e| fault(operation, &e))
}
