//! The place where a report is stored.

use serde::Serialize;

/// The place where a report will be stored, for its readers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoredAt {
    /// E.g. `s3://bucket/reports/2026/10/run.json`.
    pub uri: String,
    /// Its page in the AWS console.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Whether the report lacks something there, because it was too long to be passed along.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_shortened: bool,
}

impl StoredAt {
    /// The lines of an e-mail.
    pub(super) fn lines(&self) -> Vec<String> {
        let shortened = match self.is_shortened {
            true => ", shortened: it says what it lacks",
            false => "",
        };
        let line = format!("Report: will be stored at {}{shortened}", self.uri);
        [line].into_iter().chain(self.link.clone()).collect()
    }
}
