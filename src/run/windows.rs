//! Patch windows over the account: the file's and AWS's, the groups that each takes, and whether its run fits into it.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::documents::with_runbooks;
use super::plan::plan_of;
use super::{RunError, SelectionError};
use crate::aws::{Aws, AwsWindows, Instances, Refreshes, describe_account, read_windows};
use crate::group::facts::{AccountFacts, GroupFacts};
use crate::group::fault::Fault;
use crate::ids::GroupName;
use crate::report::{OpeningReport, PlannedGroup, UnreadableWindow, WindowReport, WindowsReport};
use crate::request::{RunRequest, Selection};
use crate::trigger::Defaults;
use crate::windows::{Opening, PatchWindow, Reader, WindowSource, look_over, twin};

/// A window, and the request of a run in it; when the run would be is filled in from its openings.
pub type WindowRequest = (PatchWindow, RunRequest);

/// The windows that AWS opens in this account, each with the request of its run, and what is not understood or may not be
/// read. `state_machine` is the ARN of the stack's own, if it is known; `defaults` are for what an input leaves out.
///
/// # Errors
/// AWS could not be asked.
pub async fn account_windows(
    aws: &Aws,
    state_machine: Option<&str>,
    defaults: &Defaults,
) -> Result<AwsWindows, Fault> {
    let reader = Reader {
        state_machine,
        defaults,
        owner: "windows",
        now: aws.clock.now(),
    };
    Box::pin(read_windows(&aws.clients, &reader)).await
}

/// A window with all that is shown of it.
struct Entry {
    window: PatchWindow,
    request: RunRequest,
    sources: Vec<WindowSource>,
    is_length_known: bool,
}

/// The windows of the file and of AWS, with the next `count` openings of each, and what is wrong with them.
///
/// # Errors
/// AWS could not be read.
pub async fn windows(
    aws: &Aws,
    file: &[WindowRequest],
    selection: &Selection,
    count: usize,
) -> Result<WindowsReport, RunError> {
    let wanted = |g: &GroupFacts| selection.wants(&g.name, &g.tags);
    let account = Box::pin(describe_account(
        &aws.clients,
        Instances::Without,
        Refreshes::Sought,
        wanted,
    ))
    .await?;
    let defaults = Defaults {
        tag: selection.tag.clone(),
        ..Defaults::default()
    };
    let found = account_windows(aws, None, &defaults).await?;
    let now = aws.clock.now();
    let mut troubles: Vec<String> = found.unreadable.iter().map(ToString::to_string).collect();
    let unreadable = found.unreadable.iter().map(|u| UnreadableWindow {
        source: u.source.clone(),
        reason: u.reason.clone(),
    });
    let unreadable = unreadable.collect();
    let unread = found.unread.clone();
    let (entries, differences) = joined(file, found, now);
    troubles.extend(differences);
    let requests: Vec<&RunRequest> = entries.iter().map(|e| &e.request).collect();
    let account = Box::pin(with_runbooks(account, aws, &requests)).await?;
    let mut reports = Vec::new();
    for entry in &entries {
        let (report, refused) = of_window(&account, aws, entry, now, count)?;
        reports.push(report);
        troubles
            .extend(refused.map(|why| format!("a run in {} is refused: {why}", entry.window.name)));
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
    let defined: Vec<PatchWindow> = entries.iter().map(|e| e.window.clone()).collect();
    let wrong = look_over(&defined, &groups, now);
    troubles.extend(wrong.iter().map(ToString::to_string));
    troubles.extend(reports.iter().filter_map(too_short));
    Ok(WindowsReport {
        region: aws.region.clone(),
        account: aws.account.clone(),
        read_at: now,
        windows: reports,
        unreadable,
        unread,
        troubles,
    })
}

/// AWS's windows, then those of the file that AWS does not have, and what differs between two of one name. Who answers for a
/// window, and when it is announced, only the file says.
fn joined(
    file: &[WindowRequest],
    found: AwsWindows,
    now: DateTime<Utc>,
) -> (Vec<Entry>, Vec<String>) {
    let mut differences = Vec::new();
    let mut entries = Vec::new();
    for in_aws in found.windows {
        let mut window = in_aws.window;
        let mut sources = vec![window.source.clone()];
        if let Some((in_file, _)) = file.iter().find(|(w, _)| w.name == window.name) {
            differences.extend(twin(in_file, &window, now));
            sources.push(in_file.source.clone());
            window.owner = in_file.owner.clone();
            window.notices = in_file.notices.clone();
        }
        entries.push(Entry {
            window,
            request: in_aws.request,
            sources,
            is_length_known: in_aws.is_length_known,
        });
    }
    for (window, request) in file {
        if entries.iter().all(|e| e.window.name != window.name) {
            entries.push(Entry {
                window: window.clone(),
                request: request.clone(),
                sources: vec![window.source.clone()],
                is_length_known: true,
            });
        }
    }
    (entries, differences)
}

fn too_short(window: &WindowReport) -> Option<String> {
    (!window.without_time.is_empty() && !window.disabled).then(|| {
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
    entry: &Entry,
    now: DateTime<Utc>,
    count: usize,
) -> Result<(WindowReport, Option<SelectionError>), RunError> {
    let Entry {
        window, request, ..
    } = entry;
    let openings: Vec<Opening> = window.openings(now).take(count.max(1)).collect();
    let start = openings.first().map_or(now, |o| o.window.start);
    let planned = match openings.first() {
        Some(opening) => RunRequest {
            window: opening.window,
            ..request.clone()
        },
        None => request.clone(),
    };
    let (groups, refused) = match plan_of(account, aws, &planned) {
        Ok(planned) => (planned.report.groups, None),
        Err(RunError::Request(why)) => (Vec::new(), Some(why)),
        Err(error) => return Err(error),
    };
    let last = groups.iter().filter_map(|g| g.ends_at).max();
    let last = last.filter(|_| !window.state.is_disabled);
    let names = |of: fn(&PlannedGroup) -> bool| -> Vec<GroupName> {
        let groups = groups.iter().filter(|g| of(g));
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
    let report = WindowReport {
        window: window.name.clone(),
        sources: entry.sources.clone(),
        disabled: window.state.is_disabled,
        schedule: window.expression.clone(),
        time_zone: window.zone.name().to_owned(),
        owner: window.owner.clone(),
        filters: window.filters.to_string(),
        seconds: window.duration.num_seconds().unsigned_abs(),
        length_known: entry.is_length_known,
        openings: openings.iter().take(count).map(shown).collect(),
        groups: names(|_| true),
        takes_seconds: last.map(|at| seconds(at - start)),
        without_time: names(|g| g.refusal.is_none() && g.misfit.is_some()),
        refused: names(|g| g.refusal.is_some()),
    };
    Ok((report, refused))
}

fn seconds(span: TimeDelta) -> u64 {
    span.num_seconds().max(0).unsigned_abs()
}
