//! Reading all pages.

use std::error::Error;

use aws_smithy_async::future::pagination_stream::PaginationStream;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::fault;
use crate::group::fault::Fault;

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
