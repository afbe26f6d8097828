//! The command documents that a run will send: looked at before anything is touched.

use super::RunError;
use crate::aws::{Aws, DocumentState, own_documents};
use crate::group::job::Job;
use crate::group::own_documents::OwnDocument;

/// Whether the documents of ours that the jobs will send are as they must be.
///
/// # Errors
/// Some are not, or AWS could not be read.
pub(super) async fn check_documents(aws: &Aws, jobs: &[Job]) -> Result<(), RunError> {
    let wanted = jobs.iter().flat_map(OwnDocument::of_job).collect();
    let mut found = own_documents(&aws.clients, wanted).await?;
    found.retain(|_, state| *state != DocumentState::Ready);
    if found.is_empty() {
        return Ok(());
    }
    Err(RunError::Documents(found.into_iter().collect()))
}
