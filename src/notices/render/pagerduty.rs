//! Maintenance windows of PagerDuty.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::escape;
use crate::notices::Notice;

/// Characters of a description: no limit is documented, and the list shows one line.
const DESCRIPTION_CHARS: usize = 200;

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The mark at the start of a description, by which a window is found again.
pub fn mark(notice: &Notice) -> String {
    super::pingdom::mark(notice)
}

/// Makes the window. A start that has passed counts as now.
pub fn create(notice: &Notice, services: &[String]) -> Value {
    let services = services
        .iter()
        .map(|id| json!({"id": id, "type": "service_reference"}));
    let test = if notice.is_test { "TEST " } else { "" };
    let planned = notice.times.planned;
    json!({"maintenance_window": {
        "type": "maintenance_window",
        "start_time": time(planned.start),
        "end_time": time(planned.end),
        "description": escape::plain(&format!("{} {test}patching", mark(notice)), DESCRIPTION_CHARS),
        "services": services.collect::<Vec<Value>>(),
    }})
}
