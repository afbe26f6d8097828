//! Decisions about openings of windows, in Parameter Store.

use super::{Clients, list_marks};
use crate::group::fault::Fault;
use crate::group::names::APPROVAL_PREFIX;
use crate::windows::Approval;

/// All decisions of the account and region; with a key, those that it has signed.
///
/// # Errors
/// They could not be read.
pub async fn decisions(clients: &Clients) -> Result<Vec<Approval>, Fault> {
    let marks = list_marks::<Approval>(clients, APPROVAL_PREFIX).await?;
    Ok(marks.into_values().flatten().collect())
}
