//! The place of a report in the stack's bucket, known before the state machine puts the report there; and pages of the console.

use chrono::{DateTime, Utc};

use crate::notify::StoredAt;

/// The place of a report.
pub(super) struct Storing {
    /// Its key in the bucket.
    pub(super) key: String,
    /// As its readers see it.
    pub(super) stored_at: StoredAt,
}

/// The place of a report about something that began at this time, by its name: the same again for the same.
pub(super) fn storing(
    bucket: &str,
    execution: &str,
    region: &str,
    at: DateTime<Utc>,
    name: &str,
) -> Storing {
    // The role of the state machine may write below reports/ and nowhere else.
    let key = format!("reports/{}/{name}.json", at.format("%Y/%m"));
    let link = console(execution).map(|domain| {
        format!("https://{region}.{domain}/s3/object/{bucket}?region={region}&prefix={key}")
    });
    Storing {
        stored_at: StoredAt {
            uri: format!("s3://{bucket}/{key}"),
            link,
            is_shortened: false,
        },
        key,
    }
}

/// The console's domain in the partition of an execution.
pub(super) fn console(execution: &str) -> Option<&'static str> {
    let mut parts = execution.split(':').skip(1);
    let (partition, service) = (parts.next()?, parts.next()?);
    (service == "states").then_some(match partition {
        "aws-cn" => "console.amazonaws.cn",
        "aws-us-gov" => "console.amazonaws-us-gov.com",
        _ => "console.aws.amazon.com",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_lies_below_its_month() {
        let at = "2026-10-14T04:00:00Z".parse().expect("a time");
        let execution = "arn:aws:states:eu-west-1:123456789012:execution:AsgPatch:nightly";
        let found = storing("kept", execution, "eu-west-1", at, "exec-nightly");
        assert_eq!(found.key, "reports/2026/10/exec-nightly.json");
        assert_eq!(
            found.stored_at.uri,
            "s3://kept/reports/2026/10/exec-nightly.json"
        );
        assert_eq!(
            found.stored_at.link.as_deref(),
            Some(
                "https://eu-west-1.console.aws.amazon.com/s3/object/kept?region=eu-west-1&prefix=reports/2026/10/exec-nightly.json"
            )
        );
    }
}
