//! Scanning: done when a Scan newer than the last Install says what is missing. The difference between the Scan
//! before the first Install and the last one is what the run installed.

use std::collections::{BTreeMap, BTreeSet};

use super::super::decision::{Context, Decided, Decision, failed, go};
use super::super::effect::{CommandStep, Role};
use super::super::fault::Read;
use super::super::job::{Forward, Job};
use super::super::made::Counts;
use super::super::options::PATCH_DOCUMENT;
use super::super::seen::{Need, PackageSeen, Seen};
use super::super::{Code, Phase, limits};
use super::command::{self, CommandSpec};
use super::patching;
use crate::request::Operation;

pub(super) fn needs(job: &Job) -> BTreeSet<Need> {
    if job.evidence.scanned() {
        return if needs_names(job) {
            BTreeSet::from([Need::Packages])
        } else {
            BTreeSet::new()
        };
    }
    command_needs(job, step(job))
}

/// The reads for a Scan: its command, and the patch state once that has ended.
pub(super) fn command_needs(job: &Job, step: CommandStep) -> BTreeSet<Need> {
    if !job.made.ended.contains(&step) {
        return command::needs(job, step);
    }
    let mut needs = BTreeSet::from([Need::Patches]);
    if job.resumed_at.is_some() || !command::was_seen_lately(job) {
        needs.extend([Need::Group, Need::Instances]);
    }
    if !job.made.requested.contains_key(&step) {
        // The listing says when it was sent.
        needs.insert(Need::Commands);
    }
    needs
}

fn step(job: &Job) -> CommandStep {
    CommandStep::Scan(job.evidence.passes)
}

/// Whether the names of patches are to be read for the last Scan.
fn needs_names(job: &Job) -> bool {
    let evidence = &job.evidence;
    let lists = job
        .forward
        .as_ref()
        .is_some_and(|f| f.options.lists_packages());
    let is_open = evidence.counts().is_some_and(|c| c.missing + c.failed > 0);
    evidence.named != Some(evidence.passes) && (lists || is_open)
}

/// Takes down the evidence while the instance is there.
pub(super) fn learn(job: &mut Job, seen: &Seen) {
    if job.phase != Phase::Scanning {
        return;
    }
    let pass = job.evidence.passes;
    if let (Some(counts), false) = (
        counts_of(job, seen, step(job), Role::Build),
        job.evidence.scanned(),
    ) {
        job.evidence.scans.push((pass, counts));
        let states = seen.patches.present();
        let state = states.and_then(|s| s.get(job.instance(Role::Build)?));
        if let Some(baseline) = state.and_then(|s| s.baseline.clone()) {
            job.evidence.baseline = Some(baseline);
        }
        if !needs_names(job) {
            learn_names(job, &[]);
        }
    }
    if let Some(packages) = seen.packages.present() {
        learn_names(job, packages);
    }
}

/// The counts of a Scan of ours, if they are those and not of an older or foreign operation. Both times are
/// AWS's; a command's has whole seconds at best.
pub(super) fn counts_of(job: &Job, seen: &Seen, step: CommandStep, role: Role) -> Option<Counts> {
    let state = seen.patches.present()?.get(job.instance(role)?)?;
    let requested_at = command::requested_at(job, seen, step)?;
    (state.is_scan && state.ended_at >= requested_at).then_some(Counts {
        missing: state.missing,
        failed: state.failed,
        pending_reboot: state.pending_reboot,
    })
}

fn learn_names(job: &mut Job, packages: &[PackageSeen]) {
    let evidence = &mut job.evidence;
    let names = |wanted| {
        let of_kind = packages
            .iter()
            .filter(move |p| p.state.is_wanted() == wanted);
        of_kind
            .map(|p| p.name.clone())
            .collect::<BTreeSet<String>>()
    };
    let (missing, present) = (names(true), names(false));
    evidence.wanted.extend(missing.iter().cloned());
    if evidence.passes == 0 {
        evidence.present = present.clone();
    }
    let installed = evidence.wanted.difference(&missing);
    let added: BTreeSet<&String> = present.difference(&evidence.present).collect();
    let is_first = evidence.passes == 0;
    for PackageSeen { name, state, facts } in packages {
        let concerns_run = state.is_wanted() || added.contains(name);
        if concerns_run && !evidence.has_forgotten_patches() {
            let is_taken = evidence.patches.learn(name, *state, facts, is_first);
            evidence.patches_left_out |= !is_taken;
        }
    }
    evidence
        .patches
        .learn_installed(|name| missing.contains(name));
    let all: BTreeSet<String> = installed.chain(added).cloned().collect();
    evidence.installed = all.into_iter().collect();
    evidence.named = Some(evidence.passes);
}

pub(super) fn decide(cx: &Context<'_>) -> Decided {
    let forward = cx.forward()?;
    let evidence = &cx.job.evidence;
    if !evidence.scanned() {
        let scan = scan_run(cx, step(cx.job), Role::Build, Code::ScanFailed)?;
        command::succeeded(cx, &scan)?;
        return Err(awaited(cx, step(cx.job), Role::Build));
    }
    let is_named = named(cx)?;
    let counts = evidence.counts().unwrap_or_default();
    let open = open_patches(counts, forward);
    if forward.operation == Operation::Scan {
        return Ok(match open {
            None => go(Phase::Restoring, "no patch is missing (scan only)"),
            Some(open) => failed(Code::PatchesMissing, format!("scan only: {open}")),
        });
    }
    if evidence.passes == 0 {
        return Ok(before_install(forward, counts));
    }
    match open {
        Some(open) if has_more_to_do(cx.job) => Ok(go(
            Phase::Patching,
            format!("after {} passes {open}; one more pass", evidence.passes),
        )),
        Some(open) => Ok(failed(
            Code::StillMissing,
            format!("after the install {open}"),
        )),
        None => Ok(after_install(cx, forward, is_named)),
    }
}

/// The Scan before the first Install: without anything to do, the image is current. A document of the owner's
/// may do more than install what a Scan finds missing, and so may a list of packages.
fn before_install(forward: &Forward, counts: Counts) -> Decision {
    let may_do_more = forward.options.document.is_some() || forward.options.lists_packages();
    if counts == Counts::default() && !may_do_more {
        return go(Phase::Restoring, "nothing is missing: the image is current");
    }
    let Counts {
        missing, failed, ..
    } = counts;
    go(
        Phase::Patching,
        format!("{} patches are to be installed", missing + failed),
    )
}

/// Another pass may help: the last one changed something, and there is one left.
fn has_more_to_do(job: &Job) -> bool {
    let counts: Vec<Counts> = job.evidence.scans.iter().map(|(_, c)| *c).collect();
    let changed = match counts.as_slice() {
        [.., before, last] => before != last,
        [_] | [] => false,
    };
    changed && job.evidence.passes < limits::INSTALL_PASSES
}

fn after_install(cx: &Context<'_>, forward: &Forward, is_named: bool) -> Decision {
    let installed = &cx.job.evidence.installed;
    // What was missing before and is not any more was installed, whether its name is known or not.
    let open = |(_, counts): &(u8, Counts)| counts.missing + counts.failed;
    let scans = &cx.job.evidence.scans;
    let is_nameless = installed.is_empty() && scans.first().map(open) > scans.last().map(open);
    let is_named = is_named && !is_nameless;
    if is_named && installed.is_empty() && forward.options.document.is_none() {
        return go(
            Phase::Restoring,
            "nothing had to be installed: the image is current",
        );
    }
    let found = if is_named {
        format!("{} patches installed, none missing", installed.len())
    } else {
        "no patch is missing; AWS did not report which were installed".to_owned()
    };
    if forward.options.seal.runs() {
        go(Phase::Sealing, found)
    } else {
        go(Phase::Baking, found)
    }
}

/// Whether the names of the patches are known. They are evidence, not a gate: a list that cannot be had
/// does not fail a group.
fn named(cx: &Context<'_>) -> Result<bool, Decision> {
    if !needs_names(cx.job) {
        return Ok(cx.job.evidence.named == Some(cx.job.evidence.passes));
    }
    match (
        cx.read(&cx.seen.packages, "the list of patches"),
        &cx.seen.packages,
    ) {
        (Ok(_), _) => Ok(true),
        (Err(Decision::Fail(_)), Read::Failed(_)) => Ok(false),
        (Err(decision), _) => Err(decision),
    }
}

/// A Scan of one of our instances.
pub(super) fn scan_run(
    cx: &Context<'_>,
    step: CommandStep,
    role: Role,
    code: Code,
) -> Result<CommandSpec, Decision> {
    let parameters: BTreeMap<String, Vec<String>> =
        patching::scan_parameters(cx.record(), cx.forward()?);
    Ok(CommandSpec {
        step,
        role,
        document: PATCH_DOCUMENT.into(),
        parameters,
        expected: limits::EXPECTED_SCAN,
        limit: limits::SCAN_LIMIT,
        failed: code,
        timeout: code,
    })
}

/// Why the patch state of a Scan that has ended is not there yet.
pub(super) fn awaited(cx: &Context<'_>, step: CommandStep, role: Role) -> Decision {
    match patch_state(cx, step, role) {
        Ok(decision) | Err(decision) => decision,
    }
}

fn patch_state(cx: &Context<'_>, step: CommandStep, role: Role) -> Decided {
    let patches = cx.read(&cx.seen.patches, "the patch state")?;
    let id = cx.job.instance(role);
    if let (Some(id), Some(instances)) = (id, cx.seen.instances.present()) {
        command::instance_lives(id, instances)?;
    }
    let state = id.and_then(|id| patches.get(id));
    let reason = match state {
        None => "no patch state is reported yet".to_owned(),
        Some(_) => "the reported patch state is older than the scan".to_owned(),
    };
    let since = command::sent_at(cx.job, step).unwrap_or(cx.job.entered_at());
    if cx.since(since) > limits::SCAN_LIMIT {
        return Ok(failed(Code::ScanFailed, reason));
    }
    Ok(cx.look(since, limits::EXPECTED_SCAN, reason))
}

/// The sentence about missing, failed and pending patches that keep a group from going on; `None` if
/// there are none beyond the tolerated ones. Where the owner forbids the reboot, what waits for one is judged
/// on the canary, which has booted from the image.
fn open_patches(counts: Counts, forward: &Forward) -> Option<String> {
    let options = &forward.options;
    let waits = options.forbids_reboot() && options.canary;
    let judged = Counts {
        pending_reboot: if waits { 0 } else { counts.pending_reboot },
        ..counts
    };
    open_on(judged, options.tolerate_missing)
}

/// The same sentence, for an instance that has booted since.
pub(super) fn open_on(counts: Counts, tolerate_missing: u32) -> Option<String> {
    let Counts {
        missing,
        failed,
        pending_reboot,
    } = counts;
    let is_closed = missing <= tolerate_missing && failed == 0 && pending_reboot == 0;
    (!is_closed).then(|| {
        format!(
            "{missing} patches are missing, {failed} failed, {pending_reboot} are pending a reboot"
        )
    })
}
