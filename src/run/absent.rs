//! Named groups without an open record: already restored, or a slip.

use super::{RunError, SelectionError};
use crate::aws::{Aws, find_groups};
use crate::ids::GroupName;
use crate::request::OptInTag;

/// Says of each group without a record why it has none. Without a tag, none is judged by it.
///
/// # Errors
/// AWS could not be read.
pub(super) async fn explain(
    aws: &Aws,
    absent: Vec<GroupName>,
    tag: Option<&OptInTag>,
) -> Result<Vec<SelectionError>, RunError> {
    if absent.is_empty() {
        return Ok(Vec::new());
    }
    let groups = find_groups(&aws.clients).await?;
    let explained = absent.into_iter().map(|group| {
        let Some(facts) = groups.get(&group) else {
            return SelectionError::NoSuchGroupNorRecord { group };
        };
        match tag.filter(|tag| !tag.is_on(&facts.tags)) {
            Some(tag) => SelectionError::NoRecordNorOptIn {
                found: facts.tags.get(&tag.key).cloned(),
                expected: tag.clone(),
                group,
            },
            None => SelectionError::NoRecord { group },
        }
    });
    Ok(explained.collect())
}
