//! Jobs to report entries. Pure.

use super::PlannedGroup;
use crate::group::job::Job;
use crate::group::phase::Phase;
use crate::group::pin::{Style, resolve};
use crate::group::{Code, Failure, Outcome};
use crate::report::{GroupReport, PatchCounts, PhaseReport};

/// What happened to a job's group.
pub(super) fn of_job(job: &Job) -> GroupReport {
    let record = &job.record;
    let outcome = job.outcome.unwrap_or(Outcome::Failed);
    let untouched = outcome == Outcome::Skipped || job.history.len() <= 2;
    let image_before = job.forward.as_ref().map(|f| f.image.clone());
    let version_before = version_text(job, |_| None);
    let (image_after, version_after) = if job.promoted {
        let new = version_text(job, |t| job.made.versions.get(t).copied());
        (job.made.image.clone(), new)
    } else {
        (image_before.clone(), version_before.clone())
    };
    let code = match &job.failure {
        Some(failure) => Some(failure.code),
        None if job.forward.is_none() => Some(Code::Restored),
        None => None,
    };
    let mut notes = job.notes.clone();
    notes.extend(resized(job));
    GroupReport {
        group: record.group.clone(),
        outcome,
        code,
        reason: job.reason.clone(),
        left_open: job.recorded && !is_closed(job),
        image_before,
        image_after,
        version_before,
        version_after,
        capacity_before: Some(record.capacity),
        capacity_after: job.capacity_after.or(untouched.then_some(record.capacity)),
        patches: PatchCounts {
            installed: job.evidence.installed.len() as u32,
            missing: job.evidence.missing,
            failed: job.evidence.failed,
            pending_reboot: job.evidence.pending_reboot,
        },
        installed: job.evidence.installed.clone(),
        phases: phases(job),
        instance_seconds: instance_seconds(job),
        notes,
    }
}

/// Why a group that is handed back has other sizes than before.
fn resized(job: &Job) -> Option<String> {
    let gone = [Code::Vanished, Code::DeletedMidRun];
    if job.failure.as_ref().is_some_and(|f| gone.contains(&f.code)) {
        return None;
    }
    let after = job
        .capacity_after
        .filter(|after| *after != job.record.capacity)?;
    is_closed(job)
        .then(|| format!("sizes {after} are what its schedule, or somebody else, wants now"))
}

/// Whether the record is gone again.
fn is_closed(job: &Job) -> bool {
    job.finished()
        && job
            .tries
            .get("delete-record")
            .is_some_and(|t| t.done_at.is_some())
}

/// `$Latest (3)`; what several distinct pins mean, one after the other.
fn version_text(job: &Job, new: impl Fn(&str) -> Option<u64>) -> Option<String> {
    let mut texts: Vec<String> = Vec::new();
    for pin in &job.record.pins {
        let number = new(&pin.template).or_else(|| resolve(pin, &job.record.templates))?;
        let text = match pin.style() {
            Style::Number => number.to_string(),
            Style::Latest | Style::Default => format!("{} ({number})", pin.version),
        };
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    (!texts.is_empty()).then(|| texts.join(", "))
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

fn instance_seconds(job: &Job) -> u64 {
    let end = job.entered_at();
    job.made
        .lifetimes
        .values()
        .map(|(from, to)| {
            (to.unwrap_or(end) - *from)
                .num_seconds()
                .max(0)
                .unsigned_abs()
        })
        .sum()
}

/// A group that preflight refused.
pub(super) fn of_refusal(planned: &PlannedGroup) -> Option<GroupReport> {
    let failure = planned.refusal.as_ref()?;
    let mut report = of_skipped(&planned.group, failure);
    report.image_before.clone_from(&planned.image);
    report.image_after.clone_from(&planned.image);
    report.capacity_before = Some(planned.capacity);
    report.capacity_after = Some(planned.capacity);
    report.notes.clone_from(&planned.notes);
    Some(report)
}

/// A group that was not touched.
pub(super) fn of_skipped(group: &str, failure: &Failure) -> GroupReport {
    GroupReport {
        group: group.to_owned(),
        outcome: Outcome::Skipped,
        code: Some(failure.code),
        reason: failure.reason.clone(),
        left_open: false,
        image_before: None,
        image_after: None,
        version_before: None,
        version_after: None,
        capacity_before: None,
        capacity_after: None,
        patches: PatchCounts::default(),
        installed: Vec::new(),
        phases: Vec::new(),
        instance_seconds: 0,
        notes: Vec::new(),
    }
}

/// A group whose record cannot be read: nothing was done, and it must be looked after.
pub(super) fn of_unreadable(group: &str, failure: &Failure) -> GroupReport {
    GroupReport {
        outcome: Outcome::Failed,
        left_open: true,
        ..of_skipped(group, failure)
    }
}
