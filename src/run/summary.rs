//! Jobs to report entries. Pure.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::group::job::{Deployment, Job};
use crate::group::ledger::Key;
use crate::group::made::Evidence;
use crate::group::phase::Phase;
use crate::group::pin;
use crate::group::{Code, Failure, Outcome, Record};
use crate::ids::{BakeKey, GroupName, InstanceId, TemplateId};
use crate::report::{
    DueAction, GroupReport, PatchCounts, PatchEvidence, PhaseReport, PlannedGroup, SCHEDULED_LIMIT,
};
use crate::schedule::missed;
use crate::text::{counted, duration};

/// Reports on the jobs' groups. A group whose image was made on another's instance has that one's patches.
pub(super) fn of_jobs(jobs: &[Job]) -> Vec<GroupReport> {
    let makers: BTreeMap<&BakeKey, &Job> = jobs
        .iter()
        .filter(|j| j.evidence.scanned() && j.made.image.is_some())
        .map(|j| (&j.record.bake_key, j))
        .collect();
    let report = |job: &Job| {
        let maker = makers.get(&job.record.bake_key);
        let maker = maker.filter(|_| job.was_promoted() && !job.evidence.scanned());
        let mut report = of_job(job, maker.map_or(&job.evidence, |m| &m.evidence));
        if let Some(maker) = maker {
            let note = format!("its image was made with {}", maker.group());
            report.notes.push(note);
            if let Some(evidence) = &mut report.evidence {
                evidence.baseline.clone_from(&maker.evidence.baseline);
                evidence.made_with = Some(maker.group().clone());
            }
        }
        report
    };
    jobs.iter().map(report).collect()
}

/// Whether a group has failed in this run, and not in one before.
pub(super) fn has_failed(report: &GroupReport) -> bool {
    report.code != Some(Code::RestoredFromRecord)
        && matches!(report.outcome, Outcome::Failed | Outcome::RolledBack)
}

fn of_job(job: &Job, evidence: &Evidence) -> GroupReport {
    let record = &job.record;
    let counts = evidence.counts().unwrap_or_default();
    let outcome = job.outcome.unwrap_or(Outcome::Failed);
    let untouched =
        matches!(outcome, Outcome::Skipped | Outcome::Scanned) || job.history.len() <= 2;
    let image_before = job.forward.as_ref().map(|f| f.image.clone());
    let version_before = version_text(job, |_| None);
    let (image_after, version_after) = if job.deployment == Deployment::Promoted {
        let new = version_text(job, |t| job.made.version(t));
        (job.made.image.clone(), new)
    } else {
        (image_before.clone(), version_before.clone())
    };
    let code = match &job.failure {
        Some(failure) => Some(failure.code),
        None if job.forward.is_none() => Some(Code::RestoredFromRecord),
        None if job.deployment == Deployment::Displaced => Some(Code::Superseded),
        None => None,
    };
    GroupReport {
        group: record.group.clone(),
        outcome,
        code,
        reason: job.reason.clone(),
        left_open: job.is_recorded() && !is_closed(job),
        image_before,
        image_after,
        version_before,
        version_after,
        image_age_days: image_age_days(job),
        place: job
            .forward
            .as_ref()
            .map(|f| f.place.clone())
            .unwrap_or_default(),
        reverted_from: job.forward.as_ref().and_then(|f| f.reverted_from.clone()),
        generation: generation(job),
        capacity_before: Some(record.capacity),
        capacity_after: job.capacity_after.or(untouched.then_some(record.capacity)),
        missing_before: evidence.scans.first().map(|(_, counts)| counts.missing),
        patches: PatchCounts {
            installed: evidence.installed.len() as u32,
            missing: counts.missing,
            failed: counts.failed,
            pending_reboot: counts.pending_reboot,
        },
        installed: evidence.installed.clone(),
        missing: missing(evidence),
        evidence: patch_evidence(job),
        published: None,
        console: job.evidence.console.clone().filter(|text| !text.is_empty()),
        phases: phases(job),
        altered_seconds: job.altered.seconds.unsigned_abs(),
        instance_seconds: instance_seconds(job),
        seconds_by_type: seconds_by_type(job),
        platform: job.made.platform.clone(),
        image_gib: job.made.image_gib.filter(|_| job.was_promoted()),
        scheduled: scheduled(job),
        notes: job
            .notes
            .iter()
            .cloned()
            .chain(capacity_note(job))
            .chain(lineage_note(job))
            .chain(origin_note(job))
            .collect(),
    }
}

/// The age of the image that the group launches from when the job ends.
fn image_age_days(job: &Job) -> Option<u32> {
    if job.deployment == Deployment::Promoted {
        return Some(0);
    }
    age_days(job.forward.as_ref()?.image_created_at?, job.entered_at())
}

/// Whole days from one time to a later one.
pub(super) fn age_days(from: DateTime<Utc>, to: DateTime<Utc>) -> Option<u32> {
    u32::try_from((to - from).num_days().max(0)).ok()
}

/// The evidence of a group that was scanned, or whose image another's instance brought. Only the group that made the
/// image lists its patches: all groups of a large bake would have the same list.
fn patch_evidence(job: &Job) -> Option<PatchEvidence> {
    let forward = job.forward.as_ref()?;
    if job.evidence.scans.is_empty() && !job.was_promoted() {
        return None;
    }
    let lineage = if job.deployment == Deployment::Promoted {
        forward.lineage.next(&forward.image)
    } else {
        forward.lineage.clone()
    };
    Some(PatchEvidence {
        baseline: job.evidence.baseline.clone(),
        lineage: Some(lineage),
        made_with: None,
        patches: job.evidence.patches.clone(),
        patches_left_out: job.evidence.patches_left_out,
    })
}

/// Names of the patches that the last scan found missing, as far as AWS named them.
fn missing(evidence: &Evidence) -> Vec<String> {
    let counts = evidence.counts().unwrap_or_default();
    let is_missing = |name: &&String| !evidence.installed.contains(name);
    match counts.missing + counts.failed {
        0 => Vec::new(),
        _ => evidence.wanted.iter().filter(is_missing).cloned().collect(),
    }
}

/// Adds a note to each group that was restored after the deadline, saying by how much; answers a warning about
/// the run as a whole.
pub(super) fn overruns(
    jobs: &[Job],
    deadline: DateTime<Utc>,
    reports: &mut [GroupReport],
) -> Vec<String> {
    let (mut longest, mut count) = (0, 0);
    for (job, report) in jobs.iter().zip(reports) {
        let seconds = (job.entered_at() - deadline).num_seconds();
        // A group that was not touched is not late.
        let untouched = matches!(job.outcome, Some(Outcome::Skipped | Outcome::Scanned));
        if seconds <= 0 || untouched {
            continue;
        }
        let over = duration(seconds.unsigned_abs());
        let note = match report.left_open {
            true => format!("not restored {over} after the window's deadline"),
            false => format!("restored {over} after the window's deadline"),
        };
        report.notes.push(note);
        longest = longest.max(seconds);
        count += 1;
    }
    let over = duration(longest.unsigned_abs());
    let warning = format!(
        "{} went on after the window's deadline at {deadline}, the longest by {over}",
        counted(count, "group")
    );
    (count > 0).then_some(warning).into_iter().collect()
}

/// Why a restored group does not have the capacity that it had before.
fn capacity_note(job: &Job) -> Option<String> {
    let (before, after) = (job.record.capacity, job.capacity_after?);
    if after == before || !is_closed(job) {
        return None;
    }
    let due = missed::overlay(
        before,
        missed::Listings {
            recorded: &job.record.actions,
            present: &[],
        },
        job.recorded_at,
        job.entered_at(),
    );
    Some(if due == after {
        format!("its scheduled actions fell due during the run: {after} now, {before} before")
    } else {
        format!("others changed its capacity during the run: {after} stands, {before} before")
    })
}

/// Whether the record is gone again.
fn is_closed(job: &Job) -> bool {
    job.finished() && job.ledger.done_at(&Key::DeleteRecord).is_some()
}

fn version_text(job: &Job, new: impl Fn(&TemplateId) -> Option<u64>) -> Option<String> {
    pin::version_text(&job.record.pins, &job.record.templates, new)
}

/// How many runs the image descends from that the group launches from after the run.
fn generation(job: &Job) -> Option<u32> {
    let forward = job.forward.as_ref()?;
    let before = forward.lineage.generation;
    let promoted = job.deployment == Deployment::Promoted;
    Some(before.saturating_add(u32::from(promoted)))
}

/// The image that the owner chose is no longer the one that the group launches from.
fn lineage_note(job: &Job) -> Option<String> {
    let forward = job.forward.as_ref()?;
    let promoted = job.deployment == Deployment::Promoted;
    let descent = forward.lineage.next(&forward.image);
    let owners = descent.first_ancestor.as_ref().filter(|_| promoted)?;
    Some(format!(
        "image generation {} since the owner's image {owners}, which the template no longer names",
        descent.generation
    ))
}

/// The record is gone, and with it the name of the driver that left it.
fn origin_note(job: &Job) -> Option<String> {
    let Record { run_id, owner, .. } = &job.record;
    let is_restored = job.forward.is_none() && is_closed(job);
    is_restored.then(|| format!("its record was that of run {run_id}, driven by {owner}"))
}

fn phases(job: &Job) -> Vec<PhaseReport> {
    let ends = job.history.iter().skip(1).map(|e| e.at);
    job.history
        .iter()
        .zip(ends)
        .filter(|(entered, _)| entered.phase != Phase::Queued)
        .map(|(entered, end)| PhaseReport {
            phase: entered.phase,
            entered_at: entered.at,
            seconds: (end - entered.at).num_seconds().unsigned_abs(),
        })
        .collect()
}

/// How long each of our instances lived, seconds.
fn lifetimes(job: &Job) -> impl Iterator<Item = (&InstanceId, u64)> {
    let end = job.entered_at();
    job.made.lifetimes.iter().map(move |(id, (from, to))| {
        let seconds = (to.unwrap_or(end) - *from).num_seconds();
        (id, seconds.max(0).unsigned_abs())
    })
}

fn instance_seconds(job: &Job) -> u64 {
    lifetimes(job).map(|(_, seconds)| seconds).sum()
}

fn seconds_by_type(job: &Job) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    for (id, seconds) in lifetimes(job) {
        if let Some(kind) = job.made.types.get(id) {
            *all.entry(kind.clone()).or_default() += seconds;
        }
    }
    all
}

/// The scheduled actions that fell due from the record to the end.
fn scheduled(job: &Job) -> Vec<DueAction> {
    if job.outcome == Some(Outcome::Skipped) {
        return Vec::new();
    }
    let listings = missed::Listings {
        recorded: &job.record.actions,
        present: &[],
    };
    let capacity = job.record.capacity;
    let steps = missed::steps(capacity, listings, job.recorded_at, job.entered_at());
    let due = steps
        .into_iter()
        .take(SCHEDULED_LIMIT)
        .map(|step| DueAction {
            at: step.at,
            action: step.action.to_owned(),
            capacity: step.capacity,
        });
    due.collect()
}

/// A group that preflight refused.
pub(super) fn of_refusal(planned: &PlannedGroup) -> Option<GroupReport> {
    let failure = planned.refusal.as_ref()?;
    let mut report = of_skipped(&planned.group, failure);
    report.image_before.clone_from(&planned.image);
    report.image_after.clone_from(&planned.image);
    report.version_before.clone_from(&planned.version);
    report.version_after.clone_from(&planned.version);
    report.capacity_before = Some(planned.capacity);
    report.capacity_after = Some(planned.capacity);
    report.image_age_days = planned.image_age_days;
    report.reverted_from.clone_from(&planned.reverted_from);
    report.place.clone_from(&planned.place);
    report.notes.clone_from(&planned.notes);
    Some(report)
}

/// A group that was not touched.
pub(super) fn of_skipped(group: &GroupName, failure: &Failure) -> GroupReport {
    GroupReport {
        group: group.clone(),
        outcome: Outcome::Skipped,
        code: Some(failure.code),
        reason: failure.reason.clone(),
        left_open: false,
        image_before: None,
        image_after: None,
        version_before: None,
        version_after: None,
        image_age_days: None,
        reverted_from: None,
        place: Default::default(),
        generation: None,
        capacity_before: None,
        capacity_after: None,
        missing_before: None,
        patches: PatchCounts::default(),
        installed: Vec::new(),
        missing: Vec::new(),
        evidence: None,
        published: None,
        console: None,
        phases: Vec::new(),
        altered_seconds: 0,
        instance_seconds: 0,
        seconds_by_type: BTreeMap::new(),
        platform: None,
        image_gib: None,
        scheduled: Vec::new(),
        notes: Vec::new(),
    }
}

/// The least that must be known of a group at the end of a run of very many.
pub(super) fn brief(report: &GroupReport) -> GroupReport {
    let reason = match report.code {
        Some(_) => report.reason.clone(),
        None => String::new(),
    };
    GroupReport {
        outcome: report.outcome,
        code: report.code,
        left_open: report.left_open,
        image_after: report.image_after.clone(),
        image_age_days: report.image_age_days,
        reverted_from: report.reverted_from.clone(),
        place: report.place.clone(),
        generation: report.generation,
        patches: report.patches,
        altered_seconds: report.altered_seconds,
        instance_seconds: report.instance_seconds,
        ..of_skipped(&report.group, &Failure::new(Code::NotPlanned, reason))
    }
}

/// A group whose record cannot be read: nothing was done, and it must be looked after.
pub(super) fn of_unreadable(group: &GroupName, failure: &Failure) -> GroupReport {
    GroupReport {
        outcome: Outcome::Failed,
        left_open: true,
        ..of_skipped(group, failure)
    }
}
