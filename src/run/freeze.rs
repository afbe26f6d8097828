//! Whether a freeze lies over a window.

use chrono::{DateTime, Utc};

use super::patience::passes;
use crate::aws::{Aws, CalendarState, Declared, calendar_state, declared_freeze};
use crate::group::fault::Fault;
use crate::text::{moment, plain_text};
use crate::windows::{Freeze, FreezeTime};

/// Why nothing is patched in a window between two times; none if no freeze lies over it. A calendar that AWS does not know, or
/// that may not be read, counts as closed.
///
/// # Errors
/// AWS could not be asked, and may be later.
pub async fn frozen(
    aws: &Aws,
    freezes: &[Freeze],
    window: &str,
    (start, end): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Option<String>, Fault> {
    match declared(&declared_freeze(&aws.clients).await?, start) {
        None => frozen_by(aws, freezes, window, (start, end)).await,
        why => Ok(why),
    }
}

/// Why nothing is patched from a time on, for all windows, by the freeze that was declared.
pub(super) fn declared(freeze: &Declared, start: DateTime<Utc>) -> Option<String> {
    match freeze {
        Declared::None => None,
        Declared::Freeze(declared) if declared.until <= start => None,
        Declared::Freeze(declared) => Some(format!(
            "{} (declared by {}, until {})",
            plain_text(&declared.why),
            plain_text(&declared.by),
            moment(declared.until)
        )),
        Declared::Unreadable(problem) => Some(format!(
            "a freeze was declared that cannot be read ({problem}); asg-patch freeze --lift ends it"
        )),
    }
}

/// The same as [`frozen`], by these freezes alone.
///
/// # Errors
/// AWS could not be asked, and may be later.
pub(super) async fn frozen_by(
    aws: &Aws,
    freezes: &[Freeze],
    window: &str,
    (start, end): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Option<String>, Fault> {
    for freeze in freezes.iter().filter(|f| f.is_for(window)) {
        let why = match &freeze.when {
            FreezeTime::Dates { .. } => freeze.over(start, end),
            FreezeTime::Calendar(calendar) => {
                let closed = closed(aws, calendar, start, end).await?;
                closed.map(|when| freeze.because(&format!("calendar {calendar} {when}")))
            }
        };
        if why.is_some() {
            return Ok(why);
        }
    }
    Ok(None)
}

async fn closed(
    aws: &Aws,
    calendar: &str,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
) -> Result<Option<String>, Fault> {
    let at = async |at| calendar_state(&aws.clients, calendar, at).await;
    let both = async {
        let first = at(start).await?;
        // A calendar may be closed and open again in between: that is what its next change tells.
        let last = at(end).await?;
        Ok::<(CalendarState, CalendarState), Fault>((first, last))
    };
    let (first, last) = match both.await {
        Ok(states) => states,
        Err(fault) if passes(&fault) => return Err(fault),
        Err(fault) => {
            let reason = fault.to_failure().reason;
            return Ok(Some(format!(
                "cannot be asked, and counts as closed: {reason}"
            )));
        }
    };
    Ok(match first.changes_at {
        _ if !first.is_open => Some(format!("is closed at {}", moment(start))),
        Some(change) if change < end => Some(format!("closes at {}", moment(change))),
        _ if !last.is_open => Some(format!("is closed at {}", moment(end))),
        Some(_) | None => None,
    })
}
