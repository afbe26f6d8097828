//! GetCalendarState, and the documents of Change Calendars.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::invalid;
use crate::sim::wire::ApiError;
use crate::sim::world::World;
use crate::sim::world::calendars::Calendar;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct State {
    calendar_names: Vec<String>,
    at_time: Option<String>,
}

/// Of several calendars the state is CLOSED if one is. Whether several have a next transition is not told: none is given.
pub(super) fn state(world: &World, request: State) -> Result<Value, ApiError> {
    let at = match &request.at_time {
        None => world.now,
        Some(text) => DateTime::parse_from_rfc3339(text)
            .map_err(|_| invalid(format!("AtTime '{text}' is no ISO 8601 time")))?
            .with_timezone(&Utc),
    };
    let calendars =
        request.calendar_names.iter().map(|name| {
            // An ARN names the same document.
            let own = name
                .rsplit_once(":document/")
                .map_or(name.as_str(), |(_, own)| own);
            world.ssm.calendars.get(own).ok_or_else(|| {
                match world.ssm.documents.contains_key(own) {
                    true => ApiError::new(
                        "InvalidDocumentType",
                        format!("{name} is no Change Calendar."),
                    ),
                    false => ApiError::new(
                        "InvalidDocument",
                        format!("Document with name {name} does not exist."),
                    ),
                }
            })
        });
    let calendars: Vec<&Calendar> = calendars.collect::<Result<_, _>>()?;
    let is_open = calendars.iter().all(|c| c.is_open(at));
    let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let mut answer = json!({
        "State": if is_open { "OPEN" } else { "CLOSED" },
        "AtTime": time(at),
    });
    if let [calendar] = calendars.as_slice()
        && let Some(next) = calendar.next_change(at)
    {
        answer["NextTransitionTime"] = json!(time(next));
    }
    Ok(answer)
}

pub(super) fn create(world: &mut World, name: String, content: &str) -> Result<Value, ApiError> {
    let calendar =
        Calendar::read(content).map_err(|why| ApiError::new("InvalidDocumentContent", why))?;
    world.ssm.calendars.insert(name.clone(), calendar);
    Ok(json!({"DocumentDescription": {
        "Name": name,
        "DocumentVersion": "1",
        "LatestVersion": "1",
        "DefaultVersion": "1",
        "Status": "Creating",
        "DocumentType": "ChangeCalendar",
        "DocumentFormat": "TEXT",
    }}))
}
