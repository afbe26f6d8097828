//! Why a run could not be made.

use super::patience;
use crate::group::Failure;
use crate::group::fault::Fault;
use crate::ids::{GroupName, names};
use crate::request::OptInTag;

/// Why a run could not be made at all.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The request cannot be carried out as asked.
    #[error(transparent)]
    Request(#[from] SelectionError),
    /// AWS could not be reached or refused us.
    #[error("{operation}: {code}: {message}")]
    Aws {
        /// `service:Operation`.
        operation: String,
        /// AWS's error code, or what kept us from AWS.
        code: String,
        /// AWS's words and what to do.
        message: String,
        /// Whether time helps against it.
        passing: bool,
    },
    /// The account is not as it must be for any run: documents of ours are missing, a claim is not to be trusted.
    #[error("{}: {}", .0.code, .0.reason)]
    Refused(Failure),
    /// The operator stopped it; these groups' records remain.
    #[error("stopped; records remain of: {}", names(.records))]
    Stopped {
        /// Names of the groups.
        records: Vec<GroupName>,
    },
}

impl From<Fault> for RunError {
    fn from(fault: Fault) -> Self {
        Self::Aws {
            passing: patience::passes(&fault),
            operation: fault.operation,
            code: fault.code,
            message: fault.message,
        }
    }
}

/// Why a group that was named cannot be worked on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// There is no such group.
    #[error(
        "group '{group}': expected an Auto Scaling group of this account and region, found none"
    )]
    NoSuchGroup {
        /// The name as given.
        group: GroupName,
    },
    /// The group has not opted in.
    #[error("group '{group}': expected the opt-in tag {expected}, found {}", .expected.found(.found.as_deref()))]
    NotOptedIn {
        /// The group.
        group: GroupName,
        /// The tag it should carry.
        expected: OptInTag,
        /// The value of its tag with that key; `None` without one.
        found: Option<String>,
    },
    /// There is nothing to restore: the group has no open record.
    #[error("group '{group}': expected an open record, found none: it is restored already")]
    NoRecord {
        /// The group.
        group: GroupName,
    },
    /// There is nothing to restore, and the group has not opted in either.
    #[error(
        "group '{group}': expected an open record or the opt-in tag {expected}, found no record and {}: \
         is it the group that you mean?", .expected.found(.found.as_deref())
    )]
    NoRecordNorOptIn {
        /// The group.
        group: GroupName,
        /// The tag it should carry.
        expected: OptInTag,
        /// The value of its tag with that key; `None` without one.
        found: Option<String>,
    },
    /// There is nothing to restore, nor a group of this name.
    #[error(
        "group '{group}': expected an Auto Scaling group of this account and region, found none, \
         and no open record of it"
    )]
    NoSuchGroupNorRecord {
        /// The name as given.
        group: GroupName,
    },
}

impl SelectionError {
    /// The group that was named.
    pub fn group(&self) -> &GroupName {
        match self {
            Self::NoSuchGroup { group }
            | Self::NotOptedIn { group, .. }
            | Self::NoRecord { group }
            | Self::NoRecordNorOptIn { group, .. }
            | Self::NoSuchGroupNorRecord { group } => group,
        }
    }

    /// Whether the name may be a slip for another group.
    pub fn is_mistake(&self) -> bool {
        match self {
            Self::NoSuchGroup { .. }
            | Self::NotOptedIn { .. }
            | Self::NoRecordNorOptIn { .. }
            | Self::NoSuchGroupNorRecord { .. } => true,
            Self::NoRecord { .. } => false,
        }
    }
}
