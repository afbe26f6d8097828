//! Embedded metrics: CloudWatch makes metrics of log lines of this form.
//! Source: CloudWatch, "Embedded metric format specification".

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// Where the metrics are found.
const NAMESPACE: &str = "AsgPatch";

/// CloudWatch's unit of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// A number of things.
    Count,
    /// A length of time.
    Seconds,
    /// A shorter length of time.
    Milliseconds,
}

/// The log line for these metrics.
pub(super) fn line(stack: &str, at: DateTime<Utc>, metrics: &[(&str, Unit, u64)]) -> String {
    let names: Vec<Value> = metrics
        .iter()
        .map(|(name, unit, _)| json!({"Name": name, "Unit": format!("{unit:?}")}))
        .collect();
    let mut document = json!({
        "_aws": {
            "Timestamp": at.timestamp_millis(),
            "CloudWatchMetrics": [
                {"Namespace": NAMESPACE, "Dimensions": [["Stack"]], "Metrics": names}
            ],
        },
        "Stack": stack,
    });
    for (name, _, value) in metrics {
        document[*name] = json!(value);
    }
    document.to_string()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_line_names_and_holds_its_metrics() {
        let at = "2026-10-14T04:00:00Z".parse().expect("a time");
        let line = line(
            "asg-patch",
            at,
            &[
                ("RunsBegun", Unit::Count, 1),
                ("RunSeconds", Unit::Seconds, 900),
            ],
        );
        expect![[r#"{"_aws":{"Timestamp":1791950400000,"CloudWatchMetrics":[{"Namespace":"AsgPatch","Dimensions":[["Stack"]],"Metrics":[{"Name":"RunsBegun","Unit":"Count"},{"Name":"RunSeconds","Unit":"Seconds"}]}]},"Stack":"asg-patch","RunsBegun":1,"RunSeconds":900}"#]].assert_eq(&line);
    }
}
