//! Maintenance windows of Systems Manager, each with its tasks that start a state machine.

use aws_sdk_ssm::operation::get_maintenance_window_task::GetMaintenanceWindowTaskOutput;
use aws_sdk_ssm::types::{
    MaintenanceWindowFilter, MaintenanceWindowIdentity, MaintenanceWindowTaskType,
};
use chrono::{DateTime, TimeDelta, Utc};

use super::{FoundWindows, of_one};
use crate::aws::Clients;
use crate::aws::faults::{fault, invalid, required, text};
use crate::aws::paging::every;
use crate::group::fault::Fault;
use crate::windows::{Found, Unreadable, WindowSource, WindowState, WindowText};

const WINDOWS: &str = "ssm:DescribeMaintenanceWindows";
const TASKS: &str = "ssm:DescribeMaintenanceWindowTasks";
const TASK: &str = "ssm:GetMaintenanceWindowTask";
/// The largest page (MaxResults).
const PAGE: i32 = 100;

/// Reads the tasks of all maintenance windows that start a state machine.
pub(super) async fn read(clients: &Clients) -> Result<FoundWindows, Fault> {
    let asked = clients.ssm.describe_maintenance_windows();
    let pages = asked.max_results(PAGE).into_paginator().send();
    let windows = every(clients, WINDOWS, pages, |page| {
        let token = page.next_token().map(str::to_owned);
        (page.window_identities, token)
    });
    let mut found = Vec::new();
    for window in windows.await? {
        found.extend(of_window(clients, &window).await?);
    }
    Ok(FoundWindows {
        found,
        left_at: None,
    })
}

async fn of_window(
    clients: &Clients,
    window: &MaintenanceWindowIdentity,
) -> Result<Vec<Result<Found, Unreadable>>, Fault> {
    let source = WindowSource::MaintenanceWindow {
        id: window.window_id().unwrap_or("without id").to_owned(),
        name: window.name().unwrap_or_default().to_owned(),
    };
    let tasks = match of_one(tasks(clients, window).await, &source)? {
        None => return Ok(Vec::new()),
        Some(Err(unreadable)) => return Ok(vec![Err(unreadable)]),
        Some(Ok(tasks)) => tasks,
    };
    let mut found = Vec::new();
    for id in tasks {
        let looked = of_task(clients, window, &source, &id).await;
        found.extend(of_one(looked, &source)?);
    }
    Ok(found)
}

/// The ids of the tasks of a window that start a state machine.
async fn tasks(
    clients: &Clients,
    window: &MaintenanceWindowIdentity,
) -> Result<Vec<String>, Fault> {
    let id = text(window.window_id(), WINDOWS, "WindowId")?;
    let of_kind = MaintenanceWindowFilter::builder()
        .key("TaskType")
        .values(MaintenanceWindowTaskType::StepFunctions.as_str())
        .build();
    let asked = clients.ssm.describe_maintenance_window_tasks();
    let asked = asked.window_id(id).filters(of_kind).max_results(PAGE);
    let tasks = every(clients, TASKS, asked.into_paginator().send(), |page| {
        let token = page.next_token().map(str::to_owned);
        (page.tasks, token)
    });
    let id = |task: &aws_sdk_ssm::types::MaintenanceWindowTask| {
        text(task.window_task_id(), TASKS, "WindowTaskId").map(str::to_owned)
    };
    tasks.await?.iter().map(id).collect()
}

async fn of_task(
    clients: &Clients,
    window: &MaintenanceWindowIdentity,
    source: &WindowSource,
    id: &str,
) -> Result<Found, Fault> {
    let window_id = text(window.window_id(), WINDOWS, "WindowId")?;
    clients.turn(TASK).await;
    let asked = clients.ssm.get_maintenance_window_task();
    let asked = asked.window_id(window_id).window_task_id(id).send();
    let task = asked.await.map_err(|e| fault(TASK, &e))?;
    found(window, &task, source.clone())
}

fn found(
    window: &MaintenanceWindowIdentity,
    task: &GetMaintenanceWindowTaskOutput,
    source: WindowSource,
) -> Result<Found, Fault> {
    let parameters = task.task_invocation_parameters();
    let input = parameters
        .and_then(|p| p.step_functions())
        .and_then(|s| s.input());
    let duration = required(window.duration(), WINDOWS, "Duration")?;
    let hours = |hours: i32| TimeDelta::hours(hours.into());
    Ok(Found {
        target: text(task.task_arn(), TASK, "TaskArn")?.to_owned(),
        input: input.map(str::to_owned),
        text: WindowText {
            schedule: text(window.schedule(), WINDOWS, "Schedule")?.to_owned(),
            time_zone: window.schedule_timezone().map(str::to_owned),
            is_maintenance_window: true,
            lengths: Some((hours(duration), hours(window.cutoff()))),
            offset_days: window.schedule_offset(),
            source,
            state: WindowState {
                is_disabled: !window.enabled(),
                from: date(window.start_date(), "StartDate")?,
                until: date(window.end_date(), "EndDate")?,
                // A help, not a part of the window: in a form that is not known it is left out.
                next: window.next_execution_time().and_then(read_date),
            },
            ..WindowText::default()
        },
    })
}

/// A time of a maintenance window: ISO 8601 with an offset, seconds and fractions left out at times, UTC where it names no
/// offset.
fn date(given: Option<&str>, field: &str) -> Result<Option<DateTime<Utc>>, Fault> {
    let Some(given) = given.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    read_date(given)
        .map(Some)
        .ok_or_else(|| invalid(WINDOWS, field, given))
}

fn read_date(given: &str) -> Option<DateTime<Utc>> {
    // `2026-10-15T23:00+02:00[Europe/Berlin]` names the zone beside the offset.
    let text = given.split('[').next()?;
    let with_offset = text.replace('Z', "+00:00");
    ["%Y-%m-%dT%H:%M:%S%.f%:z", "%Y-%m-%dT%H:%M%:z"]
        .iter()
        .find_map(|form| DateTime::parse_from_str(&with_offset, form).ok())
        .map(|at| at.to_utc())
        .or_else(|| format!("{text}Z").parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_windows_time_is_read() {
        let rows = [
            ("2019-02-03T02:00-08:00", Some("2019-02-03T10:00:00Z")),
            ("2020-02-25T00:08:15.099Z", Some("2020-02-25T00:08:15.099Z")),
            (
                "2026-10-15T23:00+02:00[Europe/Berlin]",
                Some("2026-10-15T21:00:00Z"),
            ),
            ("2026-10-15T21:00Z", Some("2026-10-15T21:00:00Z")),
            ("2026-10-15T21:00:00", Some("2026-10-15T21:00:00Z")),
            ("next Thursday", None),
        ];
        for (given, expected) in rows {
            let expected = expected.map(|text| text.parse::<DateTime<Utc>>().unwrap());
            assert_eq!(read_date(given), expected, "{given}");
        }
    }
}
