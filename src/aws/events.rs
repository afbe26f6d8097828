//! Events on EventBridge's event buses.

use aws_sdk_eventbridge::primitives::DateTime as SdkTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use chrono::{DateTime, Utc};

use super::Clients;
use super::faults::{fault, missing, refused_part};
use crate::group::fault::{Fault, FaultClass};

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// Name or ARN of the bus.
    pub bus: &'a str,
    /// `source`; none that begins with `aws.`.
    pub source: &'a str,
    /// `detail-type`, at most 128 characters.
    pub detail_type: &'a str,
    /// `detail`, a JSON object. All texts of an event together have at most 256 KiB.
    pub detail: &'a str,
    /// When it happened.
    pub at: DateTime<Utc>,
}

/// Puts an event on its bus; answers the id that EventBridge gives it, another for each call. For a bus that there is not
/// AWS answers an id, too, and the event is lost: see [`has_event_bus`].
///
/// # Errors
/// The call failed, or EventBridge refused the event.
pub async fn put_event(clients: &Clients, event: &Event<'_>) -> Result<String, Fault> {
    const OPERATION: &str = "events:PutEvents";
    let entry = PutEventsRequestEntry::builder()
        .event_bus_name(event.bus)
        .source(event.source)
        .detail_type(event.detail_type)
        .detail(event.detail)
        .time(SdkTime::from_secs(event.at.timestamp()))
        .build();
    clients.turn(OPERATION).await;
    let answer = clients.events.put_events().entries(entry).send().await;
    let answer = answer.map_err(|e| fault(OPERATION, &e))?;
    let result = answer.entries().first();
    let result = result.ok_or_else(|| missing(OPERATION, "Entries"))?;
    // The call succeeds also where its entry is refused.
    if let Some(code) = result.error_code() {
        let message = result.error_message().unwrap_or_default();
        return Err(refused_part(OPERATION, code, message));
    }
    let id = result
        .event_id()
        .filter(|_| answer.failed_entry_count() == 0);
    id.map(ToOwned::to_owned)
        .ok_or_else(|| missing(OPERATION, "EventId"))
}

/// Whether there is an event bus of this name or ARN. None: it may not be looked at, as that of another account.
///
/// # Errors
/// A call that failed.
pub async fn has_event_bus(clients: &Clients, bus: &str) -> Result<Option<bool>, Fault> {
    const OPERATION: &str = "events:DescribeEventBus";
    clients.turn(OPERATION).await;
    match clients.events.describe_event_bus().name(bus).send().await {
        Ok(_) => Ok(Some(true)),
        Err(error) => {
            let fault = fault(OPERATION, &error);
            match fault.class {
                FaultClass::Gone => Ok(Some(false)),
                FaultClass::Denied => Ok(None),
                FaultClass::Throttled
                | FaultClass::Unreachable
                | FaultClass::NotYet
                | FaultClass::Contention
                | FaultClass::Exhausted
                | FaultClass::Exists
                | FaultClass::Expired
                | FaultClass::Refused => Err(fault),
            }
        }
    }
}
