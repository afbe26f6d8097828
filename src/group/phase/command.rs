//! Running one command on one of our instances: sent once, found again, awaited.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::super::decide::{Context, Decision, failed};
use super::super::effect::{Command, CommandStep, Effect, Role};
use super::super::job::Job;
use super::super::seen::{CommandSeen, CommandStatus, Ec2State, InstanceSeen, Need, Seen};
use super::super::{Code, limits, names};
use crate::ids::InstanceId;

/// All commands of a job.
pub(in super::super) const COMMAND_STEPS: [CommandStep; 4] = [
    CommandStep::Install,
    CommandStep::Scan,
    CommandStep::Seal,
    CommandStep::CanaryScan,
];

/// How a command is run and how its ends are called.
pub(super) struct Run {
    pub step: CommandStep,
    pub role: Role,
    pub document: String,
    pub parameters: BTreeMap<String, Vec<String>>,
    pub expected_seconds: i64,
    pub limit_seconds: i64,
    pub failed: Code,
    pub timeout: Code,
}

/// What must be read: nothing before the command is sent, unless memory was lost.
pub(super) fn needs(job: &Job, step: CommandStep) -> BTreeSet<Need> {
    if job.resumed_at.is_some() || sent_at(job, step).is_some() || was_tried(job, step) {
        // The group too: whether it still exists and wants this is to be noticed before the end.
        let mut needs = BTreeSet::from([Need::Commands, Need::Instances, Need::Group]);
        if sent_at(job, step).is_some_and(|at| may_be_silent(at, job.wake_at)) {
            needs.insert(Need::Agents);
        }
        needs
    } else {
        BTreeSet::new()
    }
}

/// Whether a command has run for so long that its agent may have been silent for too long.
fn may_be_silent(sent_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    (now - sent_at).num_seconds() >= limits::AGENT_SILENT_SECONDS
}

fn was_tried(job: &Job, step: CommandStep) -> bool {
    let prefix = format!("command {} ", step.as_str());
    job.tries.keys().any(|k| k.starts_with(&prefix))
}

fn sent_at(job: &Job, step: CommandStep) -> Option<DateTime<Utc>> {
    let prefix = format!("command {} ", step.as_str());
    job.tries
        .iter()
        .find(|(k, _)| k.starts_with(&prefix))
        .and_then(|(_, t)| t.done_at)
}

/// When the job's command of this step was asked for, as far as known.
pub(super) fn asked_at(job: &Job, seen: &Seen, step: CommandStep) -> Option<DateTime<Utc>> {
    let listed = found(job, seen, step).map(|c| c.requested_at);
    listed.or_else(|| sent_at(job, step))
}

fn found<'a>(job: &Job, seen: &'a Seen, step: CommandStep) -> Option<&'a CommandSeen> {
    let commands = seen.commands.present()?;
    let id = job.made.commands.get(&step)?;
    commands.iter().find(|c| c.id == *id)
}

/// Sends the command or waits for it. `Ok` once it has ended well.
pub(super) fn succeeded(cx: &Context<'_>, run: &Run) -> Result<(), Decision> {
    let Some(instance) = cx.job.instance(run.role) else {
        return Err(failed(Code::InstanceLost, "no instance of ours is known"));
    };
    if needs(cx.job, run.step).contains(&Need::Commands) {
        cx.read(&cx.seen.commands, "commands")?;
        instance_lives(instance, cx.instances()?)?;
    }
    let step = run.step.as_str();
    let Some(command) = found(cx.job, cx.seen, run.step) else {
        return Err(send(cx, run, instance));
    };
    let running_for = (cx.now - command.requested_at).num_seconds();
    match command.status {
        CommandStatus::Success => Ok(()),
        CommandStatus::Running if running_for > run.limit_seconds => Err(failed(
            run.timeout,
            format!(
                "{step} command {} still {} after {} min",
                command.id,
                command.detail,
                running_for / 60
            ),
        )),
        CommandStatus::Running => {
            heard_of(cx, run, command, instance)?;
            Err(cx.look(
                command.requested_at,
                run.expected_seconds,
                format!("{step} command {} is {}", command.id, command.detail),
            ))
        }
        CommandStatus::Undelivered => Err(failed(
            Code::PatchUndelivered,
            format!(
                "{step} command {} ended {} on {instance}",
                command.id, command.detail
            ),
        )),
        CommandStatus::Failed | CommandStatus::TimedOut | CommandStatus::Cancelled => Err(failed(
            run.failed,
            format!(
                "{step} command {} ended {} on {instance}",
                command.id, command.detail
            ),
        )),
    }
}

/// An agent that has been silent for too long will not end its command: the command's own status would
/// tell only hours later.
fn heard_of(
    cx: &Context<'_>,
    run: &Run,
    command: &CommandSeen,
    instance: &InstanceId,
) -> Result<(), Decision> {
    let agents = cx.seen.agents.present();
    let last_ping = agents.and_then(|a| a.get(instance)?.last_ping);
    let silent = last_ping.map_or(0, |at| (cx.now - at).num_seconds());
    let limit = if cx.forward()?.windows {
        limits::WINDOWS_AGENT_SILENT_SECONDS
    } else {
        limits::AGENT_SILENT_SECONDS
    };
    if silent < limit {
        return Ok(());
    }
    Err(failed(
        Code::PatchUndelivered,
        format!(
            "{} command {} is {}, but the agent of {instance} has been silent for {} min: the guest has probably not come back from a reboot",
            run.step.as_str(),
            command.id,
            command.detail,
            silent / 60
        ),
    ))
}

fn instance_lives(
    instance: &InstanceId,
    instances: &BTreeMap<InstanceId, InstanceSeen>,
) -> Result<(), Decision> {
    match instances.get(instance) {
        Some(i) if i.state != Ec2State::Gone => Ok(()),
        Some(_) | None => Err(failed(
            Code::InstanceLost,
            format!("{instance} was terminated while it was needed"),
        )),
    }
}

fn send(cx: &Context<'_>, run: &Run, instance: &InstanceId) -> Decision {
    let command = Command {
        step: run.step,
        instance: instance.clone(),
        document: run.document.clone(),
        parameters: run.parameters.clone(),
        comment: names::command_comment(&cx.record().run_id, run.step.as_str()),
    };
    let effect = Effect::SendCommand(command);
    let step = run.step.as_str();
    // Sent, but not listed yet: sending again would run it twice.
    if let Some(sent_at) = cx.job.done_at(&effect) {
        if cx.is_fresh(&effect) {
            return cx.look(sent_at, 2, format!("{step} command is not listed yet"));
        }
        return failed(
            run.failed,
            format!("{step} command was accepted and is not listed after 5 min"),
        );
    }
    cx.settled("whether the command was sent before will show")
        .map_or_else(|wait| wait, |()| send_now(cx, run, instance, effect))
}

fn send_now(cx: &Context<'_>, run: &Run, instance: &InstanceId, effect: Effect) -> Decision {
    let step = run.step.as_str();
    // A try without an answer may have taken effect: it would be listed within seconds.
    if let Some(last) = cx.job.tries.get(&effect.key()) {
        let since = (cx.now - last.last_at).num_seconds();
        if since < limits::LOOK_MIN_SECONDS {
            return cx.wait(
                limits::LOOK_MIN_SECONDS - since,
                format!("whether the {step} command was sent will show"),
            );
        }
    }
    cx.act(
        effect,
        run.expected_seconds,
        format!("{step} on {instance} with {}", run.document),
    )
}
