//! Planning: discover, preflight, collect bakes and waves. Changes nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::documents::{Looked, check_documents, check_topic, with_runbooks};
use super::owner::Drivers;
use super::{RunError, SelectionError, summary};
use crate::aws::{Aws, Instances, Refreshes, check_permissions, describe_account, list_records};
use crate::group::admit::Bounds;
use crate::group::budget::Budget;
use crate::group::facts::{AccountFacts, GroupFacts};
use crate::group::job::Job;
use crate::group::names::record_parameter;
use crate::group::pin::{Pin, Templates, resolve, version_text};
use crate::group::preflight::{self, Checked};
use crate::group::seen::RecordSeen;
use crate::group::sharing::check_sharing;
use crate::group::timeline::{Turn, timeline};
use crate::group::{Code, Failure};
use crate::ids::{BakeKey, GroupName};
use crate::report::{PlanReport, PlannedGroup};
use crate::request::{OptInTag, RunRequest};
use crate::schedule::Window;
use crate::text::moment;

/// AWS refuses requests whose signature is 5 min off (15 for some services).
const SKEW_WARNING: TimeDelta = TimeDelta::minutes(5);

/// A plan: jobs to carry out, groups that are refused.
#[derive(Clone, Debug)]
pub struct Planned {
    /// One per group that will be tried.
    pub jobs: Vec<Job>,
    /// For the reader; refused groups included.
    pub report: PlanReport,
}

/// Plans a run for its reader; changes nothing.
///
/// # Errors
/// AWS could not be read, or a group that was named does not exist or did not opt in.
pub async fn plan(aws: &Aws, request: &RunRequest) -> Result<PlanReport, RunError> {
    Ok(planned(aws, request).await?.report)
}

/// Plans a run; changes nothing. Asks AWS once: a reader who waits for a plan can ask again.
///
/// # Errors
/// AWS could not be read, or a group that was named does not exist or did not opt in.
pub async fn planned(aws: &Aws, request: &RunRequest) -> Result<Planned, RunError> {
    let selection = &request.selection;
    let account = describe_account(&aws.clients, Instances::Without, Refreshes::Sought, |g| {
        selection.wants(&g.name, &g.tags)
    })
    .await?;
    let account = Box::pin(with_runbooks(account, aws, &[request])).await?;
    let looked = Box::pin(Looked::at(&account, aws, &[request])).await;
    let account = looked.in_account(account);
    let mut planned = plan_of(&account, aws, request)?;
    match list_records(&aws.clients).await {
        Ok(records) => {
            let drivers = Drivers::of(aws, &records, |_| true).await;
            hold(&mut planned.report, &records, &drivers);
        }
        Err(fault) => {
            let Failure { code, reason } = fault.to_failure();
            let warning = format!("which groups other runs hold is not known: {code}: {reason}");
            planned.report.warnings.push(warning);
        }
    }
    // What would end a run before it begins is said here, and the plan goes on.
    match Box::pin(check_documents(aws, &planned.jobs)).await {
        Ok(()) => {}
        Err(problem @ (RunError::Refused(_) | RunError::Aws { passing: false, .. })) => {
            planned.report.warnings.push(problem.to_string());
        }
        Err(error) => return Err(error),
    }
    if let Err(fault) = Box::pin(check_permissions(&aws.clients, &planned.jobs)).await {
        let Failure { code, reason } = fault.to_failure();
        planned.report.warnings.push(format!("{code}: {reason}"));
    }
    let warning = Box::pin(check_topic(aws, request)).await;
    planned.report.warnings.extend(warning);
    Ok(planned)
}

/// Plans a run in an account that was read.
///
/// # Errors
/// A group that was named does not exist or did not opt in.
pub(super) fn plan_of(
    account: &AccountFacts,
    aws: &Aws,
    request: &RunRequest,
) -> Result<Planned, RunError> {
    let selection = &request.selection;
    check_named(&account.groups, &selection.tag, &selection.groups)?;
    let now = aws.clock.now();
    let mut checked: Vec<Checked> = account
        .groups
        .values()
        .filter(|g| selection.wants(&g.name, &g.tags))
        .map(|g| preflight::check(g, account, request, aws.clients.allowed()))
        .collect();
    check_sharing(&mut checked, account);
    arrange(&mut checked);
    let mut warnings = Vec::new();
    if checked.is_empty() {
        warnings.push(match selection.filters.is_empty() {
            true => format!("no group carries the tag {}", selection.tag),
            false => format!(
                "no group that carries the tag {} matches {}",
                selection.tag, selection.filters
            ),
        });
    }
    warnings.extend(aws.clients.clock_offset().and_then(skew));
    warnings.extend(account.unread.iter().cloned());
    let described = checked.iter().filter_map(|c| {
        Some(describe(
            c,
            account.groups.get(&c.group)?,
            account,
            request,
            now,
        ))
    });
    let mut groups: Vec<PlannedGroup> = described.collect();
    let jobs: Vec<Job> = checked
        .into_iter()
        .filter_map(|c| {
            let (record, forward) = c.plan.ok()?;
            let mut job = Job::planned(record, forward, now);
            job.notes = c.notes;
            Some(job)
        })
        .collect();
    let bounds = bounds(aws, request, groups.len());
    let start = now.max(request.window.start);
    let turns = timeline(&jobs, &bounds, start);
    warnings.extend(take_turns(&mut groups, turns, &bounds.window));
    Ok(Planned {
        jobs,
        report: PlanReport {
            region: aws.region.clone(),
            account: aws.account.clone(),
            pages_url: request.about.pages_url.clone(),
            cost: None,
            planned_at: now,
            window: request.window,
            operation: request.operation,
            max_in_flight: request.max_in_flight,
            groups,
            warnings,
        },
    })
}

/// Says of the groups with an open record who holds it. A run would restore those that no run has any more, and
/// leave the others alone.
fn hold(plan: &mut PlanReport, records: &BTreeMap<String, RecordSeen>, drivers: &Drivers) {
    for group in plan.groups.iter_mut().filter(|g| g.refusal.is_none()) {
        let Some(seen) = records.get(&record_parameter(&group.group)) else {
            continue;
        };
        match seen {
            RecordSeen::Readable(record) if drivers.is_over(record) => {
                let died = match drivers.life(record) {
                    Some(_) => "which is dead",
                    None => "whose deadline has passed",
                };
                group.notes.push(format!(
                    "its record is of run {} ({}), {died}: a run would restore the group first",
                    record.run_id, record.owner
                ));
            }
            RecordSeen::Readable(record) => {
                let reason = format!(
                    "run {} ({}) holds the group's record until {}",
                    record.run_id,
                    record.owner,
                    moment(record.deadline)
                );
                group.misfit = Some(Failure::new(Code::Locked, reason));
            }
            RecordSeen::Unreadable { problem, .. } => {
                let reason = format!("the group has a record already: {}", problem.reason);
                group.misfit = Some(Failure::new(problem.code, reason));
            }
        }
        if group.misfit.is_some() {
            (group.starts_at, group.ends_at) = (None, None);
        }
    }
}

/// The bounds of a run of this many groups.
pub(super) fn bounds(aws: &Aws, request: &RunRequest, groups: usize) -> Bounds {
    Bounds {
        window: request.window,
        max_in_flight: request.max_in_flight,
        allowed_failures: request.max_failures.groups(groups),
        allowed_in_wave: Some(request.max_failures),
        stopping: false,
        calls_take: aws.calls_take(),
    }
}

/// Gives the groups their turns. Answers a warning if AWS's rates alone keep some of them out of the window.
fn take_turns(
    groups: &mut [PlannedGroup],
    mut turns: BTreeMap<GroupName, Turn>,
    window: &Window,
) -> Option<String> {
    let (mut fitting, mut by_rates) = (0, 0);
    for group in groups.iter_mut().filter(|g| g.refusal.is_none()) {
        match turns.remove(&group.group) {
            Some(Turn::Works { starts_at, ends_at }) => {
                group.starts_at = Some(starts_at);
                group.ends_at = Some(ends_at);
                fitting += 1;
            }
            Some(Turn::Refused { at, failure }) => {
                let alone = group.budget.misfit(at, window, TimeDelta::zero());
                let is_late = failure.code == Code::DoesNotFit;
                by_rates += usize::from(is_late && alone.is_none());
                group.misfit = Some(failure);
            }
            Some(Turn::Answered) | None => fitting += 1,
        }
    }
    (by_rates > 0).then(|| {
        format!(
            "AWS's request rates, as far as the run may use them, bring {fitting} of {} groups through the window",
            fitting + by_rates
        )
    })
}

/// A clock that is far from AWS's: AWS refuses requests that are signed more than minutes off, and the window is
/// kept by our own.
fn skew(offset: TimeDelta) -> Option<String> {
    (offset.abs() > SKEW_WARNING).then(|| {
        let minutes = offset.num_minutes().abs();
        let side = if offset < TimeDelta::zero() { "ahead of" } else { "behind" };
        format!("the clock of this machine is {minutes} min {side} AWS's; set it, or the window is kept by the wrong time")
    })
}

/// Checks that the groups of these names exist and have opted in.
///
/// # Errors
/// The first that does not, or has not.
pub(super) fn check_named<'a>(
    groups: &BTreeMap<GroupName, GroupFacts>,
    tag: &OptInTag,
    names: impl IntoIterator<Item = &'a GroupName>,
) -> Result<(), SelectionError> {
    for name in names {
        match groups.get(name) {
            None => {
                return Err(SelectionError::NoSuchGroup {
                    group: name.clone(),
                });
            }
            Some(group) if !tag.is_on(&group.tags) => {
                return Err(SelectionError::NotOptedIn {
                    group: name.clone(),
                    expected: tag.clone(),
                    found: group.tags.get(&tag.key).cloned(),
                });
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// One image per bake, made by its first member; all members go in the earliest wave of any.
fn arrange(checked: &mut [Checked]) {
    checked.sort_by(|a, b| (a.options.wave, &a.group).cmp(&(b.options.wave, &b.group)));
    let mut bakes: BTreeMap<BakeKey, i32> = BTreeMap::new();
    for entry in checked.iter_mut() {
        let Ok((record, forward)) = &mut entry.plan else {
            continue;
        };
        let wave = forward.options.wave;
        let first = bakes.get(&record.bake_key).copied();
        forward.bakes = first.is_none();
        forward.options.wave = first.unwrap_or(wave);
        bakes.entry(record.bake_key.clone()).or_insert(wave);
        if forward.options.wave != wave {
            entry.notes.push(format!(
                "goes in wave {} with the groups of its bake, not in wave {wave}",
                forward.options.wave
            ));
            entry.options.wave = forward.options.wave;
        }
    }
}

/// A pin for people: template name, version as spelled, and the number it stands for.
pub(super) fn pin_text(pin: &Pin, templates: &Templates, account: &AccountFacts) -> String {
    let name = account
        .templates
        .get(&pin.template)
        .map_or(pin.template.as_str(), |t| t.name.as_str());
    match resolve(pin, templates) {
        Some(number) if number.to_string() != pin.version => {
            format!("{name}:{} ({number})", pin.spelling())
        }
        Some(_) | None => format!("{name}:{}", pin.spelling()),
    }
}

/// All pins of a group for people, each distinct one once.
pub(super) fn pin_texts(group: &GroupFacts, account: &AccountFacts) -> Vec<String> {
    let marks = preflight::marks(group, account);
    let mut texts: Vec<String> = Vec::new();
    for pin in &group.pins {
        let text = pin_text(pin, &marks, account);
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts
}

fn describe(
    checked: &Checked,
    facts: &GroupFacts,
    account: &AccountFacts,
    request: &RunRequest,
    now: DateTime<Utc>,
) -> PlannedGroup {
    let ready = checked.plan.as_ref().ok();
    let budget = ready.map_or_else(Budget::default, |(_, f)| Budget::of(f, f.bakes));
    let image = ready
        .map(|(_, f)| f.image.clone())
        .or_else(|| preflight::named_image(facts, account));
    PlannedGroup {
        group: checked.group.clone(),
        capacity: facts.capacity,
        pins: pin_texts(facts, account),
        version: version_text(&facts.pins, &preflight::marks(facts, account), |_| None),
        image_age_days: image
            .as_ref()
            .and_then(|id| summary::age_days(account.images.get(id)?.created_at?, now)),
        reverted_from: checked.reverted_from.clone(),
        place: request.place_tags.place(&facts.tags),
        image_gib: image.as_ref().and_then(|id| account.images.get(id)?.gib),
        platform: image
            .as_ref()
            .and_then(|id| account.images.get(id)?.platform.clone()),
        image,
        instance_type: preflight::named_type(facts, account),
        bake_key: ready.map(|(r, _)| r.bake_key.clone()),
        bakes: ready.is_some_and(|(_, f)| f.bakes),
        wave: checked.options.wave,
        estimate_seconds: budget.seconds().unsigned_abs(),
        budget,
        starts_at: None,
        ends_at: None,
        misfit: None,
        refusal: checked.plan.as_ref().err().cloned(),
        notes: checked.notes.clone(),
    }
}
