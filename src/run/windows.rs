//! Patch windows over the account: the groups that each takes, and whether its run fits into it.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::RunError;
use super::plan::plan_of;
use crate::aws::{Aws, Instances, describe_account};
use crate::group::facts::{AccountFacts, GroupFacts};
use crate::ids::GroupName;
use crate::report::{OpeningReport, PlannedGroup, WindowReport, WindowsReport};
use crate::request::{RunRequest, Selection};
use crate::windows::{Opening, PatchWindow, look_over};

/// A window, and the request of a run in it; when the run would be is filled in from its openings.
pub type WindowRequest = (PatchWindow, RunRequest);

/// The windows, with the next `count` openings of each, and what is wrong with them.
///
/// # Errors
/// AWS could not be read.
pub async fn windows(
    aws: &Aws,
    windows: &[WindowRequest],
    selection: &Selection,
    count: usize,
) -> Result<WindowsReport, RunError> {
    let wanted = |g: &GroupFacts| selection.wants(&g.name, &g.tags);
    let account = Box::pin(describe_account(&aws.clients, Instances::Without, wanted)).await?;
    let now = aws.clock.now();
    let mut reports = Vec::new();
    for (window, request) in windows {
        reports.push(of_window(&account, aws, window, request, now, count)?);
    }
    let next = |w: &WindowReport| {
        w.openings
            .first()
            .map_or(DateTime::<Utc>::MAX_UTC, |o| o.start)
    };
    reports.sort_by(|a, b| (next(a), &a.window).cmp(&(next(b), &b.window)));
    let groups = account.groups.values().filter(|g| wanted(g));
    let groups: BTreeMap<GroupName, BTreeMap<String, String>> =
        groups.map(|g| (g.name.clone(), g.tags.clone())).collect();
    let defined: Vec<PatchWindow> = windows.iter().map(|(w, _)| w.clone()).collect();
    let mut troubles: Vec<String> = look_over(&defined, &groups, now)
        .iter()
        .map(ToString::to_string)
        .collect();
    troubles.extend(reports.iter().filter_map(too_short));
    Ok(WindowsReport {
        region: aws.region.clone(),
        account: aws.account.clone(),
        read_at: now,
        windows: reports,
        troubles,
    })
}

fn too_short(window: &WindowReport) -> Option<String> {
    (!window.without_time.is_empty()).then(|| {
        format!(
            "{} is too short for {}: lengthen it, or move groups to another window",
            window.window,
            crate::text::counted(window.without_time.len(), "group")
        )
    })
}

fn of_window(
    account: &AccountFacts,
    aws: &Aws,
    window: &PatchWindow,
    request: &RunRequest,
    now: DateTime<Utc>,
    count: usize,
) -> Result<WindowReport, RunError> {
    let openings: Vec<Opening> = window.openings(now).take(count.max(1)).collect();
    let start = openings.first().map_or(now, |o| o.window.start);
    let planned = match openings.first() {
        Some(opening) => RunRequest {
            window: opening.window,
            ..request.clone()
        },
        None => request.clone(),
    };
    let plan = plan_of(account, aws, &planned)?.report;
    let last = plan.groups.iter().filter_map(|g| g.ends_at).max();
    let names = |of: fn(&PlannedGroup) -> bool| -> Vec<GroupName> {
        let groups = plan.groups.iter().filter(|g| of(g));
        groups.map(|g| g.group.clone()).collect()
    };
    let shown = |o: &Opening| OpeningReport {
        start: o.window.start,
        deadline: o.window.deadline,
        local: o
            .window
            .start
            .with_timezone(&window.zone)
            .format("%a %Y-%m-%d %H:%M %Z")
            .to_string(),
    };
    Ok(WindowReport {
        window: window.name.clone(),
        schedule: window.expression.clone(),
        time_zone: window.zone.name().to_owned(),
        owner: window.owner.clone(),
        filters: window.filters.to_string(),
        seconds: window.duration.num_seconds().unsigned_abs(),
        openings: openings.iter().take(count).map(shown).collect(),
        groups: names(|_| true),
        takes_seconds: last.map(|at| seconds(at - start)),
        without_time: names(|g| g.refusal.is_none() && g.misfit.is_some()),
        refused: names(|g| g.refusal.is_some()),
    })
}

fn seconds(span: TimeDelta) -> u64 {
    span.num_seconds().max(0).unsigned_abs()
}
