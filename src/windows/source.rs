//! Where a window is set up.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a window is set up.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum WindowSource {
    /// The file of settings, which starts nothing by itself.
    #[default]
    File,
    /// A schedule of EventBridge Scheduler.
    Schedule {
        /// Its group and its name: `default/asg-patch-acceptance`.
        name: String,
        /// Its ARN.
        arn: String,
    },
    /// A maintenance window of Systems Manager, with a task that starts the run.
    MaintenanceWindow {
        /// Its id.
        id: String,
        /// Its own name.
        name: String,
    },
}

impl WindowSource {
    /// Whether AWS opens it.
    pub fn is_aws(&self) -> bool {
        match self {
            Self::File => false,
            Self::Schedule { .. } | Self::MaintenanceWindow { .. } => true,
        }
    }
}

impl fmt::Display for WindowSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => f.write_str("the file"),
            Self::Schedule { name, .. } => write!(f, "schedule {name}"),
            Self::MaintenanceWindow { id, name } => write!(f, "maintenance window {id} ({name})"),
        }
    }
}
