//! The patch windows that AWS opens: schedules of EventBridge Scheduler, and maintenance windows with a task of ours.

mod maintenance;
mod schedules;

use super::Clients;
use super::faults::is_odd;
use crate::group::fault::{Fault, FaultClass};
use crate::windows::{AwsWindow, Found, Reader, Unreadable, WindowSource};

/// The windows that AWS opens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AwsWindows {
    /// Those that are understood, by their sources.
    pub windows: Vec<AwsWindow>,
    /// Those that are not.
    pub unreadable: Vec<Unreadable>,
    /// A sentence for each service that may not be listed, or not to its end: there may be windows that are not here.
    pub unread: Vec<String>,
}

/// Reads the windows that AWS opens. One that makes no sense, or that may not be looked at, spoils no other; nor does a
/// service whose windows may not be listed.
///
/// # Errors
/// AWS could not be asked.
pub async fn read_windows(clients: &Clients, reader: &Reader<'_>) -> Result<AwsWindows, Fault> {
    let mut all = AwsWindows::default();
    let (schedules, tasks) = futures_util::join!(
        schedules::read(clients, reader.state_machine),
        maintenance::read(clients)
    );
    for (what, listed) in [
        ("schedules of EventBridge Scheduler", schedules),
        ("maintenance windows of Systems Manager", tasks),
    ] {
        match listed {
            Ok(listed) => all.add(listed, what, reader),
            Err(fault) if fault.class == FaultClass::Denied => {
                all.unread
                    .push(format!("{what} may not be read: {}", said(&fault)));
            }
            Err(fault) => return Err(fault),
        }
    }
    all.windows
        .sort_by(|a, b| a.window.source.cmp(&b.window.source));
    all.unreadable.sort_by(|a, b| a.source.cmp(&b.source));
    Ok(all)
}

/// The entries that a service lists.
struct FoundWindows {
    found: Vec<Result<Found, Unreadable>>,
    /// The number of entries after which the listing was left.
    left_at: Option<usize>,
}

impl AwsWindows {
    fn add(&mut self, listed: FoundWindows, what: &str, reader: &Reader<'_>) {
        for found in listed.found {
            match found.map(|found| reader.read(found)) {
                Ok(None) => {}
                Ok(Some(Ok(window))) => self.windows.push(window),
                Ok(Some(Err(unreadable))) | Err(unreadable) => self.unreadable.push(unreadable),
            }
        }
        let left = listed.left_at.map(|n| {
            format!("there are more than {n} {what}: windows among the others are not known")
        });
        self.unread.extend(left);
    }
}

fn said(fault: &Fault) -> String {
    format!("{}: {}: {}", fault.operation, fault.code, fault.message)
}

/// The result of a look at one entry: none if it is gone by now. One that makes no sense or may not be looked at is unreadable.
fn of_one<T>(
    looked: Result<T, Fault>,
    source: &WindowSource,
) -> Result<Option<Result<T, Unreadable>>, Fault> {
    match looked {
        Ok(found) => Ok(Some(Ok(found))),
        Err(fault) if fault.class == FaultClass::Gone => Ok(None),
        Err(fault) if fault.class == FaultClass::Denied || is_odd(&fault) => {
            Ok(Some(Err(Unreadable {
                source: source.clone(),
                reason: said(&fault),
            })))
        }
        Err(fault) => Err(fault),
    }
}
