//! Proving: done when the instance that the group launched from the new version, on Standby now, has passed its
//! status checks, has ended its first boot, is fully patched and has given the proof that its owner asks for.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use super::super::decision::{Context, Decided, Decision, failed, go};
use super::super::effect::{CommandStep, Role};
use super::super::job::Job;
use super::super::proof::Proof;
use super::super::seen::{Checks, InstanceSeen, Need, Seen};
use super::super::{Code, Phase, limits};
use super::command::CommandSpec;
use super::{command, launch, scanning, settling, targets};
use crate::ids::InstanceId;

pub(super) fn needs(job: &Job) -> BTreeSet<Need> {
    if !was_sent(job, CommandStep::CanaryReady) {
        let mut needs = launch::needs_until_online(job, Role::Canary);
        if launch::has_agent(job, Role::Canary) || job.resumed_at.is_some() {
            needs.extend(command::needs(job, CommandStep::CanaryReady));
        }
        return needs;
    }
    if !job.made.ended.contains(&CommandStep::CanaryReady) {
        return command::needs(job, CommandStep::CanaryReady);
    }
    let is_scanned = job.made.ended.contains(&CommandStep::CanaryScan);
    if !is_scanned || job.evidence.canary.is_none() {
        return scanning::command_needs(job, CommandStep::CanaryScan);
    }
    let mut needs = BTreeSet::from([Need::Checks]);
    if job.resumed_at.is_some() || !command::was_seen_lately(job) {
        needs.extend([Need::Group, Need::Instances]);
    }
    match job.forward.as_ref().map(|f| &f.options.prove) {
        Some(Proof::Document(_)) if was_sent(job, CommandStep::CanaryProof) => {
            return command::needs(job, CommandStep::CanaryProof);
        }
        Some(Proof::Document(_)) => {
            needs.extend(command::needs(job, CommandStep::CanaryProof));
        }
        Some(Proof::LoadBalancer) => needs.extend([Need::Group, Need::Instances, Need::Targets]),
        Some(Proof::Instance) | None => {}
    }
    needs
}

/// Takes down the verdict of the canary's Scan.
pub(super) fn learn(job: &mut Job, seen: &Seen) {
    if job.phase == Phase::Proving && job.evidence.canary.is_none() {
        let counts = scanning::counts_of(job, seen, CommandStep::CanaryScan, Role::Canary);
        job.evidence.canary = counts;
    }
}

pub(super) fn decide(cx: &Context<'_>) -> Decided {
    let Some(id) = cx.job.instance(Role::Canary) else {
        return Ok(failed(Code::CanaryNotUp, "no canary is known"));
    };
    if let Some(instances) = cx.seen.instances.present() {
        lives(id, instances)?;
    }
    let is_late = cx.in_phase() > limits::CANARY_LIMIT + cx.forward()?.boot_extra();
    online(cx, id, is_late)?;
    let ready = settling::ready(
        cx,
        CommandStep::CanaryReady,
        Role::Canary,
        Code::CanaryNotUp,
    )?;
    succeeded(cx, &ready)?;
    let scan = scanning::scan_run(cx, CommandStep::CanaryScan, Role::Canary, Code::CanaryNotUp)?;
    succeeded(cx, &scan)?;
    clean(cx, id)?;
    proved(cx, id, is_late)?;
    let proof = &cx.forward()?.options.prove;
    Ok(go(
        Phase::Promoting,
        format!("{id} from the new version is healthy and clean{proof}"),
    ))
}

/// The instance is up, and then gives the proof that its owner asks for. A proof may reboot it: once that has
/// begun, its status checks say nothing more.
fn proved(cx: &Context<'_>, id: &InstanceId, is_late: bool) -> Result<(), Decision> {
    match &cx.forward()?.options.prove {
        Proof::Instance => checked(cx, id, is_late),
        Proof::Document(name) => {
            if !was_sent(cx.job, CommandStep::CanaryProof) {
                checked(cx, id, is_late)?;
            }
            succeeded(cx, &proof(name))
        }
        Proof::LoadBalancer => {
            checked(cx, id, is_late)?;
            targets::healthy(cx, id)?;
            targets::withdraw(cx)
        }
    }
}

/// The command that runs the owner's document, with the document's own defaults.
fn proof(document: &str) -> CommandSpec {
    CommandSpec {
        step: CommandStep::CanaryProof,
        role: Role::Canary,
        document: document.to_owned(),
        parameters: BTreeMap::new(),
        expected: limits::EXPECTED_PROOF,
        limit: limits::PROOF_LIMIT,
        failed: Code::ProofFailed,
        timeout: Code::ProofFailed,
    }
}

fn lives(id: &InstanceId, instances: &BTreeMap<InstanceId, InstanceSeen>) -> Result<(), Decision> {
    command::instance_lives(id, instances).map_err(|_| {
        let reason = format!("{id} from the new version was terminated while it was being proved");
        failed(Code::CanaryNotUp, reason)
    })
}

/// A command that ends badly says of the canary what it says of the build instance; one that the instance did
/// not answer says that it is not up.
fn succeeded(cx: &Context<'_>, spec: &CommandSpec) -> Result<(), Decision> {
    command::succeeded(cx, spec).map_err(|decision| match decision {
        Decision::Fail(f) if f.code == Code::InstanceLost => failed(Code::CanaryNotUp, f.reason),
        other => other,
    })
}

fn online(cx: &Context<'_>, id: &InstanceId, is_late: bool) -> Result<(), Decision> {
    // The driver that sent it had seen the agent.
    if was_sent(cx.job, CommandStep::CanaryReady) {
        return Ok(());
    }
    if launch::is_online(cx, id)? {
        return Ok(());
    }
    let what = "has not registered with Systems Manager";
    if is_late {
        return Err(not_up(cx, id, what));
    }
    Err(launch::look_for_agent(cx, id, format!("{id} {what} yet")))
}

/// Whether the command was sent, by this driver or by one before it.
fn was_sent(job: &Job, step: CommandStep) -> bool {
    job.ledger.has_tried(command::is_step(step))
        || job.made.commands.contains_key(&step)
        || job.made.ended.contains(&step)
}

fn clean(cx: &Context<'_>, id: &InstanceId) -> Result<(), Decision> {
    let Some(counts) = cx.job.evidence.canary else {
        return Err(scanning::awaited(cx, CommandStep::CanaryScan, Role::Canary));
    };
    let tolerated = cx.forward()?.options.tolerate_missing;
    match scanning::open_on(counts, tolerated) {
        Some(open) => Err(failed(
            Code::CanaryNotClean,
            format!("{id} from the new image: {open}"),
        )),
        None => Ok(()),
    }
}

/// Its status checks have passed.
fn checked(cx: &Context<'_>, id: &InstanceId, is_late: bool) -> Result<(), Decision> {
    let checks = cx.read(&cx.seen.checks, "status checks")?.get(id).copied();
    let what = match checks {
        Some(Checks::Ok) => return Ok(()),
        Some(Checks::Impaired) => "fails its status checks",
        Some(Checks::Initializing) | None => "has not passed its status checks",
    };
    if is_late {
        return Err(not_up(cx, id, what));
    }
    let since = launched_for(cx, id).map_or(cx.job.entered_at(), |age| cx.now - age);
    Err(cx.look(since, limits::EXPECTED_CHECKS, format!("{id} {what} yet")))
}

/// How long ago the canary was launched, as far as it was seen.
fn launched_for(cx: &Context<'_>, id: &InstanceId) -> Option<TimeDelta> {
    Some(cx.account_now() - launch::launched_at(cx.job, id)?)
}

fn not_up(cx: &Context<'_>, id: &InstanceId, what: &str) -> Decision {
    let age = launched_for(cx, id).unwrap_or(cx.in_phase());
    let minutes = age.num_minutes();
    let reason = format!("{id} from the new version {what} {minutes} min after its launch");
    failed(Code::CanaryNotUp, reason)
}
