//! Patch windows over the account: the file's and AWS's, the groups that each takes, and whether its run fits into it.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::account_windows::account_windows;
use super::documents::{Looked, with_runbooks};
use super::freeze::{declared, frozen_by};
use super::notices::WindowSetup;
use super::patience::passes;
use super::plan::plan_of;
use super::{RunError, SelectionError};
use crate::aws::{
    Aws, AwsWindows, Declared, Instances, Refreshes, StoredFileError, declared_freeze,
    describe_account, stored_file,
};
use crate::group::facts::{AccountFacts, GroupFacts};
use crate::ids::GroupName;
use crate::report::{OpeningReport, PlannedGroup, UnreadableWindow, WindowReport, WindowsReport};
use crate::request::{RunRequest, Selection};
use crate::schedule::Window;
use crate::trigger::Defaults;
use crate::windows::{Opening, PatchWindow, WindowSource, look_over, twin};

/// A window, and the request of a run in it; when the run would be is filled in from its openings.
pub type WindowRequest = (PatchWindow, RunRequest);

/// A window with all that is shown of it.
struct Entry {
    window: PatchWindow,
    request: RunRequest,
    sources: Vec<WindowSource>,
    is_length_known: bool,
}

/// Freezes, and what windows demand before their runs begin: by the file of settings for runs from here, by the stack's file for
/// those that AWS starts.
struct Rules<'a> {
    declared: Declared,
    file: &'a WindowSetup,
    stack: WindowSetup,
}

impl<'a> Rules<'a> {
    /// Reads the freeze that was declared and the stack's file. What may not be read is added to what is unread.
    ///
    /// # Errors
    /// AWS could not be reached.
    async fn of(
        aws: &Aws,
        file: &'a WindowSetup,
        unread: &mut Vec<String>,
    ) -> Result<Self, RunError> {
        let declared = match declared_freeze(&aws.clients).await {
            Ok(declared) => declared,
            Err(fault) if passes(&fault) => return Err(fault.into()),
            Err(fault) => {
                let reason = fault.to_failure().reason;
                unread.push(format!(
                    "whether a freeze was declared is not known: {reason}"
                ));
                Declared::None
            }
        };
        let stack = match stored_file(&aws.clients).await {
            Ok(None) => WindowSetup::default(),
            Ok(Some(stored)) => WindowSetup::read(&stored.text).unwrap_or_else(|problem| {
                unread.push(format!(
                    "the stack's file cannot be used, and the stack begins no run: {problem}"
                ));
                WindowSetup::default()
            }),
            Err(StoredFileError::Fault(fault)) if passes(&fault) => return Err(fault.into()),
            Err(problem) => {
                unread.push(format!("the stack's file, with its freezes: {problem}"));
                WindowSetup::default()
            }
        };
        Ok(Self {
            declared,
            file,
            stack,
        })
    }

    /// Says of a window what is demanded of its runs, and which of its openings are frozen.
    ///
    /// # Errors
    /// A calendar could not be asked, and may be later.
    async fn apply(
        &self,
        aws: &Aws,
        entry: &Entry,
        report: &mut WindowReport,
    ) -> Result<(), RunError> {
        let is_aws = entry.sources.iter().any(WindowSource::is_aws);
        let of_stack = Some(&self.stack).filter(|_| is_aws);
        let files: Vec<&WindowSetup> = of_stack.into_iter().chain([self.file]).collect();
        let name = &entry.window.name;
        let demands = of_stack.and_then(|stack| stack.demands(name));
        let demands = demands.unwrap_or(&entry.window.notices);
        report.after = demands.after.as_ref().map(|a| a.window.clone());
        report.after_days = demands.after.as_ref().map(|a| a.days);
        report.approval_required = demands.approval.is_some();
        report.notice_required = demands.is_required;
        for opening in &mut report.openings {
            let run = RunRequest {
                window: Window {
                    start: opening.start,
                    deadline: opening.deadline,
                    cutoff: opening.deadline,
                },
                ..entry.request.clone()
            };
            let span = (opening.start, run.restore_by());
            opening.frozen = declared(&self.declared, opening.start);
            for file in &files {
                if opening.frozen.is_none() {
                    opening.frozen = frozen_by(aws, &file.freezes, name, span).await?;
                }
            }
        }
        Ok(())
    }
}

/// The windows of the file and of AWS, with the next `count` openings of each, and what is wrong with them.
///
/// # Errors
/// AWS could not be read.
pub async fn windows(
    aws: &Aws,
    file: &[WindowRequest],
    setup: &WindowSetup,
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
    let mut unread = found.unread.clone();
    let rules = Rules::of(aws, setup, &mut unread).await?;
    let (entries, differences) = joined(file, found, now);
    troubles.extend(differences);
    let requests: Vec<&RunRequest> = entries.iter().map(|e| &e.request).collect();
    let account = Box::pin(with_runbooks(account, aws, &requests)).await?;
    let looked = Box::pin(Looked::at(&account, aws, &requests)).await;
    let account = looked.in_account(account);
    unread.extend(account.unread.iter().cloned());
    let mut reports = Vec::new();
    for entry in &entries {
        let (mut report, refused) = of_window(&account, aws, entry, now, count)?;
        Box::pin(rules.apply(aws, entry, &mut report)).await?;
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
            "{} is too short for {}: lengthen it, shorten its cutoff, raise max-in-flight, or move groups to another window",
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
        // Filled in by the rules.
        frozen: None,
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
        after: None,
        after_days: None,
        approval_required: false,
        notice_required: false,
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
