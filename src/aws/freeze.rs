//! Freezes that a person declares, and Change Calendars.

use aws_sdk_ssm::types::{CalendarState as State, ParameterType};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use super::Clients;
use super::faults::{fault, required};
use super::parameter::{delete_parameters, read_value, storable};
use crate::group::fault::Fault;
use crate::group::names::FREEZE_PARAMETER;

/// A freeze that a person has declared for all windows, as its parameter holds it (JSON).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclaredFreeze {
    /// Its end.
    pub until: DateTime<Utc>,
    /// The reason.
    pub why: String,
    /// The person who declared it.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// The freeze that was declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Declared {
    /// None.
    None,
    /// This one, over or not.
    Freeze(DeclaredFreeze),
    /// Something that nobody can read: as long as it is there, it counts.
    Unreadable(String),
}

/// Reads the freeze that was declared. It needs no signature: who may write it can keep groups from being patched, and no more.
///
/// # Errors
/// A call that failed.
pub async fn declared_freeze(clients: &Clients) -> Result<Declared, Fault> {
    let Some(value) = read_value(clients, FREEZE_PARAMETER).await? else {
        return Ok(Declared::None);
    };
    Ok(match serde_json::from_str(&value) {
        Ok(freeze) => Declared::Freeze(freeze),
        Err(problem) => Declared::Unreadable(problem.to_string()),
    })
}

/// Declares a freeze, in the place of the one before.
///
/// # Errors
/// A call that failed.
pub async fn declare_freeze(clients: &Clients, freeze: &DeclaredFreeze) -> Result<(), Fault> {
    const OPERATION: &str = "ssm:PutParameter";
    let text = serde_json::to_string(freeze).unwrap_or_default();
    clients.turn(OPERATION).await;
    let put = clients
        .ssm
        .put_parameter()
        .name(FREEZE_PARAMETER)
        .r#type(ParameterType::String)
        .overwrite(true)
        .value(storable(&text));
    put.send().await.map_err(|e| fault(OPERATION, &e))?;
    Ok(())
}

/// Lifts the freeze that was declared, if there is one.
///
/// # Errors
/// A call that failed.
pub async fn lift_freeze(clients: &Clients) -> Result<(), Fault> {
    delete_parameters(clients, &[FREEZE_PARAMETER.to_owned()]).await
}

/// The state of a Change Calendar at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CalendarState {
    /// Whether it is open: changes may be made.
    pub is_open: bool,
    /// When that changes.
    pub changes_at: Option<DateTime<Utc>>,
}

/// Asks for the state of a calendar.
///
/// # Errors
/// A call that failed.
pub async fn calendar_state(
    clients: &Clients,
    calendar: &str,
    at: DateTime<Utc>,
) -> Result<CalendarState, Fault> {
    const OPERATION: &str = "ssm:GetCalendarState";
    clients.turn(OPERATION).await;
    let answer = clients
        .ssm
        .get_calendar_state()
        .calendar_names(calendar)
        .at_time(at.to_rfc3339_opts(SecondsFormat::Secs, true))
        .send()
        .await
        .map_err(|e| fault(OPERATION, &e))?;
    let state = required(answer.state(), OPERATION, "State")?;
    let changes_at = answer.next_transition_time();
    Ok(CalendarState {
        // Whatever is not open is closed.
        is_open: *state == State::Open,
        changes_at: changes_at
            .and_then(|t| DateTime::parse_from_rfc3339(t).ok())
            .map(|t| t.with_timezone(&Utc)),
    })
}
