//! Schedules of EventBridge Scheduler, of all groups.

use aws_sdk_scheduler::operation::get_schedule::GetScheduleOutput;
use aws_sdk_scheduler::types::{ScheduleState, ScheduleSummary};

use super::{FoundWindows, of_one};
use crate::aws::Clients;
use crate::aws::convert::time;
use crate::aws::faults::{fault, text};
use crate::aws::paging::at_most;
use crate::group::fault::Fault;
use crate::windows::{Found, WindowSource, WindowState, WindowText, may_start};

const LIST: &str = "scheduler:ListSchedules";
const GET: &str = "scheduler:GetSchedule";
/// An account may have a million schedules, one for each customer. Ten thousand are a hundred pages: twenty seconds at
/// the rate at which they are asked for.
const MOST_PAGES: usize = 100;

/// Reads the schedules that start a state machine: this one, if it is known.
pub(super) async fn read(
    clients: &Clients,
    state_machine: Option<&str>,
) -> Result<FoundWindows, Fault> {
    let pages = clients.scheduler.list_schedules().into_paginator().send();
    let listed = at_most(MOST_PAGES, clients, LIST, pages, |page| {
        let token = page.next_token().map(str::to_owned);
        (Some(page.schedules), token)
    });
    let (schedules, is_whole) = listed.await?;
    let left_at = (!is_whole).then_some(schedules.len());
    let mut found = Vec::new();
    for schedule in schedules {
        let target = schedule.target().map(|t| t.arn()).unwrap_or_default();
        if may_start(target, state_machine) {
            found.extend(of_schedule(clients, &schedule).await?);
        }
    }
    Ok(FoundWindows { found, left_at })
}

type OfOne = Option<Result<Found, crate::windows::Unreadable>>;

async fn of_schedule(clients: &Clients, listed: &ScheduleSummary) -> Result<OfOne, Fault> {
    let (group, name) = (listed.group_name(), listed.name());
    let source = WindowSource::Schedule {
        name: format!(
            "{}/{}",
            group.unwrap_or("(no group)"),
            name.unwrap_or("(no name)")
        ),
        arn: listed.arn().unwrap_or_default().to_owned(),
    };
    let looked = async {
        let (group, name) = (text(group, LIST, "GroupName")?, text(name, LIST, "Name")?);
        clients.turn(GET).await;
        let asked = clients
            .scheduler
            .get_schedule()
            .group_name(group)
            .name(name);
        let schedule = asked.send().await.map_err(|e| fault(GET, &e))?;
        found(&schedule, source.clone())
    };
    of_one(looked.await, &source)
}

fn found(schedule: &GetScheduleOutput, source: WindowSource) -> Result<Found, Fault> {
    let expression = text(schedule.schedule_expression(), GET, "ScheduleExpression")?;
    let state = text(schedule.state().map(ScheduleState::as_str), GET, "State")?;
    let target = schedule.target();
    let flexible = schedule.flexible_time_window();
    let minutes = flexible.and_then(|f| f.maximum_window_in_minutes());
    // A schedule for one time takes no dates: StartDate and EndDate are ignored (CreateSchedule).
    let is_once = expression.starts_with("at(");
    let date = |at: Option<&aws_smithy_types::DateTime>| at.filter(|_| !is_once).and_then(time);
    Ok(Found {
        target: text(target.map(|t| t.arn()), GET, "Arn of the target")?.to_owned(),
        input: target.and_then(|t| t.input()).map(str::to_owned),
        text: WindowText {
            schedule: expression.to_owned(),
            time_zone: schedule.schedule_expression_timezone().map(str::to_owned),
            flexible_minutes: minutes.unwrap_or(0).into(),
            source,
            state: WindowState {
                is_disabled: state != ScheduleState::Enabled.as_str(),
                from: date(schedule.start_date()),
                until: date(schedule.end_date()),
                next: None,
            },
            ..WindowText::default()
        },
    })
}
