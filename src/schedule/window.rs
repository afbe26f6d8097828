//! The window: the time in which groups may be touched.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Start, end, and the moment after which nothing new starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Nothing is touched before.
    pub start: DateTime<Utc>,
    /// Everything is handed back by then.
    pub deadline: DateTime<Utc>,
    /// Nothing new is started after.
    pub cutoff: DateTime<Utc>,
}
