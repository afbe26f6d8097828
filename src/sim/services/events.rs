//! EventBridge: event buses, and events put on them.
//!
//! Sources: EventBridge API Reference, `PutEvents`, `PutEventsResultEntry`, `DescribeEventBus`, `CreateEventBus`; User Guide,
//! "Sending events with PutEvents" (sizes of entries). An event for a bus that there is not is answered with an id, and lost
//! (aws/aws-sdk#186, aws/aws-cli#9186).

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::sim::services::query;
use crate::sim::wire::{ApiError, Call};
use crate::sim::world::World;
use crate::sim::world::buses::{BusEvent, DEFAULT};

/// Bytes of all entries of a request.
const REQUEST_BYTES: usize = 256 * 1024;
/// An entry's time counts this much.
const TIME_BYTES: usize = 14;
/// Entries of a request.
const ENTRIES: usize = 10;

/// Applies an EventBridge call to the world.
pub(super) fn call(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    match call.operation.as_str() {
        "PutEvents" => put(world, &query::read(call, "ValidationException")?),
        "DescribeEventBus" => describe(world, &query::read(call, "ValidationException")?),
        "CreateEventBus" => create(world, query::read(call, "ValidationException")?),
        other => Err(ApiError::unsupported(format!("events:{other}"))),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Put {
    entries: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Entry {
    time: Option<f64>,
    #[serde(default)]
    source: String,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    detail_type: String,
    #[serde(default)]
    detail: String,
    event_bus_name: Option<String>,
}

impl Entry {
    fn bytes(&self) -> usize {
        let texts = [&self.source, &self.detail_type, &self.detail];
        let texts = texts.into_iter().chain(&self.resources);
        let time = self.time.map_or(0, |_| TIME_BYTES);
        time + texts.map(String::len).sum::<usize>()
    }

    /// Why it is not taken: code and message.
    fn refusal(&self) -> Option<(&'static str, &'static str)> {
        let parsed = serde_json::from_str::<Value>(&self.detail);
        if self.source.is_empty() {
            Some((
                "InvalidArgument",
                "Parameter Source is not valid. Reason: Source is a required argument.",
            ))
        } else if self.source.starts_with("aws.") {
            Some((
                "NotAuthorizedForSourceException",
                "Not authorized for the source.",
            ))
        } else if self.detail_type.is_empty() || self.detail_type.len() > 128 {
            Some((
                "InvalidArgument",
                "Parameter DetailType is not valid. Reason: DetailType is a required argument.",
            ))
        } else if !parsed.is_ok_and(|detail| detail.is_object()) {
            Some(("MalformedDetail", "Detail is malformed."))
        } else {
            None
        }
    }
}

fn put(world: &mut World, request: &Put) -> Result<Value, ApiError> {
    let entries = &request.entries;
    if !(1..=ENTRIES).contains(&entries.len()) {
        let found = entries.len();
        let text =
            format!("Value at 'entries' must have length from 1 to {ENTRIES}, found {found}");
        return Err(ApiError::new("ValidationException", text));
    }
    if entries.iter().map(Entry::bytes).sum::<usize>() > REQUEST_BYTES {
        let text = format!(
            "Total size of the entries in the request is over the limit of {REQUEST_BYTES} bytes."
        );
        return Err(ApiError::new("ValidationException", text));
    }
    let mut results = Vec::new();
    for entry in entries {
        let planted = match world.events.refusals.is_empty() {
            true => None,
            false => Some(world.events.refusals.remove(0)),
        };
        let refusal = entry.refusal().map(|(code, text)| (code.to_owned(), text));
        let refusal = planted
            .map(|code| (code, "The entry was refused."))
            .or(refusal);
        if let Some((code, text)) = refusal {
            results.push(json!({"ErrorCode": code, "ErrorMessage": text}));
            continue;
        }
        let id = world.new_uuid();
        let bus = bare(entry.event_bus_name.as_deref().unwrap_or(DEFAULT));
        if world.events.has(&bus) {
            let given = entry
                .time
                .map(|at| TimeDelta::milliseconds((at * 1000.0) as i64));
            let time = given.map_or(world.now, |since| DateTime::<Utc>::UNIX_EPOCH + since);
            world.events.events.push(BusEvent {
                bus,
                id: id.clone(),
                source: entry.source.clone(),
                detail_type: entry.detail_type.clone(),
                detail: entry.detail.clone(),
                time,
            });
        }
        results.push(json!({"EventId": id}));
    }
    let failed = results.iter().filter(|r| r.get("ErrorCode").is_some());
    Ok(json!({"FailedEntryCount": failed.count(), "Entries": results}))
}

/// The name of a bus that is named by name or ARN.
fn bare(bus: &str) -> String {
    let (_, name) = bus.rsplit_once(":event-bus/").unwrap_or(("", bus));
    name.to_owned()
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Describe {
    name: Option<String>,
}

fn describe(world: &World, request: &Describe) -> Result<Value, ApiError> {
    let name = bare(request.name.as_deref().unwrap_or(DEFAULT));
    if !world.events.has(&name) {
        return Err(ApiError::new(
            "ResourceNotFoundException",
            format!("Event bus {name} does not exist."),
        ));
    }
    Ok(json!({"Name": name, "Arn": arn(world, &name)}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Create {
    name: String,
}

fn create(world: &mut World, request: Create) -> Result<Value, ApiError> {
    if world.events.has(&request.name) {
        return Err(ApiError::new(
            "ResourceAlreadyExistsException",
            format!("Event bus {} already exists.", request.name),
        ));
    }
    let arn = arn(world, &request.name);
    world.events.names.insert(request.name);
    Ok(json!({"EventBusArn": arn}))
}

fn arn(world: &World, name: &str) -> String {
    let (region, account) = (&world.region, &world.account);
    format!("arn:aws:events:{region}:{account}:event-bus/{name}")
}
