//! Settling: done when the build instance answers to Systems Manager, its first boot is over and no package
//! manager holds its locks.

use std::collections::{BTreeMap, BTreeSet};

use super::super::decision::{Context, Decided, Decision, failed, go};
use super::super::effect::{CommandStep, Role};
use super::super::job::Job;
use super::super::own_documents::OwnDocument;
use super::super::seen::Need;
use super::super::{Code, Phase, limits};
use super::command::{self, CommandSpec};
use super::launch;

pub(super) fn needs(job: &Job) -> BTreeSet<Need> {
    let is_sent = job.ledger.has_tried(command::is_step(step(job)));
    if is_sent || launch::has_agent(job, Role::Build) {
        return command::needs(job, step(job));
    }
    let mut needs = launch::needs_until_online(job, Role::Build);
    if job.resumed_at.is_some() {
        needs.extend(command::needs(job, step(job)));
    }
    needs
}

fn step(job: &Job) -> CommandStep {
    CommandStep::Ready(job.evidence.passes)
}

pub(super) fn decide(cx: &Context<'_>) -> Decided {
    let (step, job) = (step(cx.job), cx.job);
    let was_sent =
        job.ledger.has_tried(command::is_step(step)) || job.made.commands.contains_key(&step);
    if !was_sent {
        online(cx)?;
    }
    let spec = ready(cx, step, Role::Build, Code::NotReady)?;
    command::succeeded(cx, &spec)?;
    let next = if cx.job.evidence.scans.is_empty() {
        Phase::Scanning
    } else {
        Phase::Patching
    };
    Ok(go(next, "the guest's first boot is over"))
}

fn online(cx: &Context<'_>) -> Result<(), Decision> {
    let Some(id) = cx.job.instance(Role::Build) else {
        return Err(failed(Code::InstanceLost, "no build instance is known"));
    };
    if let Some(instances) = cx.seen.instances.present() {
        command::instance_lives(id, instances)?;
    }
    if launch::is_online(cx, id)? {
        return Ok(());
    }
    if cx.in_phase() > limits::ONLINE_LIMIT + cx.forward()?.boot_extra() {
        let launched_at = launch::launched_at(cx.job, id);
        let age = launched_at.map_or(cx.in_phase(), |at| cx.account_now() - at);
        let minutes = age.num_minutes();
        let reason =
            format!("{id} has not registered with Systems Manager {minutes} min after its launch");
        return Err(failed(Code::NeverOnline, reason));
    }
    let reason = format!("{id} is on Standby; waiting for its SSM agent");
    Err(launch::look_for_agent(cx, id, reason))
}

/// The command that waits until the first boot of one of our instances is over.
pub(super) fn ready(
    cx: &Context<'_>,
    step: CommandStep,
    role: Role,
    code: Code,
) -> Result<CommandSpec, Decision> {
    Ok(CommandSpec {
        step,
        role,
        document: OwnDocument::ready(cx.forward()?.windows).name().into(),
        parameters: BTreeMap::new(),
        expected: limits::EXPECTED_READY,
        limit: limits::READY_LIMIT + limits::COMMAND_GRACE,
        failed: code,
        timeout: code,
    })
}
