//! Scanning: done when a Scan newer than the install finds nothing missing, failed or pending a reboot.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::super::decision::{Context, Decided, Decision, failed, go};
use super::super::effect::{CommandStep, Role};
use super::super::fault::Read;
use super::super::job::Job;
use super::super::seen::{Need, PatchSeen, Seen};
use super::super::{Code, Phase, limits};
use super::command::{self, CommandSpec};
use super::patching;
use crate::request::Operation;

pub(super) fn needs(job: &Job) -> BTreeSet<Need> {
    if job.evidence.scanned {
        return BTreeSet::from([Need::Packages]);
    }
    let mut needs = command::needs(job, CommandStep::Scan);
    if !needs.is_empty() {
        needs.insert(Need::Patches);
    }
    needs
}

/// Takes down the evidence while the instance is there.
pub(super) fn learn(job: &mut Job, seen: &Seen) {
    if job.phase != Phase::Scanning {
        return;
    }
    let build = job.instance(Role::Build);
    let state = build.and_then(|id| seen.patches.present()?.get(id).cloned());
    let requested_at = command::requested_at(job, seen, CommandStep::Scan);
    if let (Some(state), Some(requested_at)) = (state, requested_at)
        && is_fresh(&state, requested_at)
    {
        job.evidence.missing = state.missing;
        job.evidence.failed = state.failed;
        job.evidence.pending_reboot = state.pending_reboot;
        job.evidence.scanned = true;
    }
    if let Some(packages) = seen.packages.present() {
        let since = job.record.written_at;
        job.evidence.installed = packages
            .iter()
            .filter(|(_, at)| at.is_some_and(|at| at >= since))
            .map(|(name, _)| name.clone())
            .collect();
    }
}

pub(super) fn decide(cx: &Context<'_>) -> Decided {
    let forward = cx.forward()?;
    let evidence = &cx.job.evidence;
    if !evidence.scanned {
        let scan = scan_run(cx, CommandStep::Scan, Role::Build, Code::ScanFailed);
        command::succeeded(cx, &scan)?;
        fresh_scan(cx, CommandStep::Scan, Role::Build)?;
    }
    let is_listed = listed(cx)?;
    let counts = (evidence.missing, evidence.failed, evidence.pending_reboot);
    let open = open_patches(counts, forward.options.tolerate_missing);
    if forward.operation == Operation::Scan {
        return Ok(match open {
            None => go(Phase::Restoring, "no patch is missing (scan only)"),
            Some(open) => failed(Code::PatchesMissing, format!("scan only: {open}")),
        });
    }
    if let Some(open) = open {
        return Ok(failed(
            Code::StillMissing,
            format!("after the install {open}"),
        ));
    }
    // Another document may do more than install packages: its image is always worth making.
    if is_listed && evidence.installed.is_empty() && forward.options.document.is_none() {
        return Ok(go(
            Phase::Restoring,
            "nothing had to be installed: the image is current",
        ));
    }
    let found = if is_listed {
        let installed = cx.job.evidence.installed.len();
        format!("{installed} patches installed, none missing")
    } else {
        "no patch is missing; AWS did not report which were installed".to_owned()
    };
    Ok(if forward.options.seal.runs() {
        go(Phase::Sealing, found)
    } else {
        go(Phase::Baking, found)
    })
}

/// Whether the names of the patches are known. They are evidence, not a gate: a list that cannot be had
/// does not fail a group.
fn listed(cx: &Context<'_>) -> Result<bool, Decision> {
    match (
        cx.read(&cx.seen.packages, "the list of patches"),
        &cx.seen.packages,
    ) {
        // Not every system reports when a package was installed.
        (Ok(list), _) => Ok(list.is_empty() || list.iter().any(|(_, at)| at.is_some())),
        (Err(Decision::Fail(_)), Read::Failed(_)) => Ok(false),
        (Err(decision), _) => Err(decision),
    }
}

/// A Scan of one of our instances.
pub(super) fn scan_run(cx: &Context<'_>, step: CommandStep, role: Role, code: Code) -> CommandSpec {
    CommandSpec {
        step,
        role,
        document: patching::PATCH_DOCUMENT.into(),
        parameters: patching::baseline_parameters(cx.record(), Operation::Scan),
        expected: limits::EXPECTED_SCAN,
        limit: limits::SCAN_LIMIT,
        failed: code,
        timeout: code,
    }
}

/// The patch state, if it is that of our Scan and not of an older or foreign operation.
pub(super) fn fresh_scan<'a>(
    cx: &Context<'a>,
    step: CommandStep,
    role: Role,
) -> Result<&'a PatchSeen, Decision> {
    let patches = cx.read(&cx.seen.patches, "the patch state")?;
    let requested_at = command::requested_at(cx.job, cx.seen, step);
    let state = cx.job.instance(role).and_then(|id| patches.get(id));
    match (state, requested_at) {
        (Some(state), Some(requested_at)) if is_fresh(state, requested_at) => Ok(state),
        (state, _) => {
            let reason = match state {
                None => "no patch state is reported yet".to_owned(),
                Some(_) => "the reported patch state is older than the scan".to_owned(),
            };
            let since = requested_at.unwrap_or(cx.job.entered_at());
            if cx.since(since) > limits::SCAN_LIMIT {
                return Err(failed(Code::ScanFailed, reason));
            }
            Err(cx.look(since, limits::EXPECTED_SCAN, reason))
        }
    }
}

fn is_fresh(state: &PatchSeen, requested_at: DateTime<Utc>) -> bool {
    state.is_scan && state.ended_at >= requested_at
}

/// The sentence about missing, failed and pending patches that keep a group from going on; `None` if
/// there are none beyond the tolerated ones.
pub(super) fn open_patches(counts: (u32, u32, u32), tolerate_missing: u32) -> Option<String> {
    let (missing, failed, pending_reboot) = counts;
    let closed = missing <= tolerate_missing && failed == 0 && pending_reboot == 0;
    (!closed).then(|| {
        format!(
            "{missing} patches are missing, {failed} failed, {pending_reboot} are pending a reboot"
        )
    })
}
