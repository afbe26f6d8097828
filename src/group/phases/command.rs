//! Running one command on one of our instances: sent once, found again, awaited.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::super::decision::{Context, Decision, failed};
use super::super::effect::{Command, CommandStep, Effect, Role};
use super::super::job::Job;
use super::super::ledger::Key;
use super::super::seen::{CommandSeen, CommandStatus, Ec2State, InstanceSeen, Need, Seen};
use super::super::{Code, limits, names};
use crate::ids::InstanceId;

/// A command: where and with what it runs, how long it may take, and the codes of its bad ends.
pub(super) struct CommandSpec {
    pub step: CommandStep,
    pub role: Role,
    pub document: String,
    pub parameters: BTreeMap<String, Vec<String>>,
    pub expected: TimeDelta,
    pub limit: TimeDelta,
    pub failed: Code,
    pub timeout: Code,
}

/// The reads: the command alone, and every few minutes the group and its instance, before it is sent and while it runs:
/// that the group is gone or has opted out is to be noticed before it ends.
pub(super) fn needs(job: &Job, step: CommandStep) -> BTreeSet<Need> {
    if job.made.ended.contains(&step) {
        return BTreeSet::new();
    }
    let has_memory = job.resumed_at.is_none();
    let mut needs = BTreeSet::new();
    if !has_memory || job.ledger.has_tried(is_step(step)) {
        needs.insert(Need::Commands);
    }
    // What a bad end or a refusal means depends on the instance.
    let has_failed = job.made.failed.contains(&step);
    let mut tries = job.ledger.of_kind(is_step(step));
    let is_refused = tries.any(|(_, t)| t.fault.is_some());
    if !has_memory || has_failed || is_refused || !was_seen_lately(job) {
        needs.extend([Need::Instances, Need::Group]);
    }
    if sent_at(job, step).is_some_and(|at| may_be_silent(at, job.wake_at)) {
        needs.insert(Need::Agents);
    }
    needs
}

/// Whether the group and its instances were seen not long ago: what is done to our own instance goes by that.
pub(super) fn was_seen_lately(job: &Job) -> bool {
    let is_lately = |at| job.wake_at - at < limits::LOOK_WIDER_AFTER;
    job.group_seen_at.is_some_and(is_lately)
}

/// Whether a command has run for so long that its agent may have been silent for too long.
fn may_be_silent(sent_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    now - sent_at >= limits::AGENT_SILENCE_LIMIT
}

pub(super) fn is_step(step: CommandStep) -> impl Fn(&Key) -> bool {
    move |key| matches!(key, Key::Command(s, _) if *s == step)
}

pub(super) fn sent_at(job: &Job, step: CommandStep) -> Option<DateTime<Utc>> {
    let (_, first) = job.ledger.of_kind(is_step(step)).next()?;
    first.done_at
}

/// When the job's command of this step was requested by AWS's clock, as far as known.
pub(super) fn requested_at(job: &Job, seen: &Seen, step: CommandStep) -> Option<DateTime<Utc>> {
    let listed = found(job, seen, step).map(|c| c.requested_at);
    let listed = listed.or_else(|| job.made.requested.get(&step).copied());
    // Without it, our own clock, and a little before.
    let sent = || {
        let sent_at = sent_at(job, step)?.checked_add_signed(job.clock_offset)?;
        sent_at.checked_sub_signed(limits::CLOCK_GRAIN)
    };
    listed.or_else(sent)
}

fn found<'a>(job: &Job, seen: &'a Seen, step: CommandStep) -> Option<&'a CommandSeen> {
    let commands = seen.commands.present()?;
    let id = job.made.commands.get(&step)?;
    commands.iter().find(|c| c.id == *id)
}

/// Sends the command or waits for it. `Ok` once it has succeeded.
pub(super) fn succeeded(cx: &Context<'_>, spec: &CommandSpec) -> Result<(), Decision> {
    if cx.job.made.ended.contains(&spec.step) {
        return Ok(());
    }
    let Some(instance) = cx.job.instance(spec.role) else {
        return Err(failed(Code::InstanceLost, "no instance of ours is known"));
    };
    let needs = needs(cx.job, spec.step);
    if needs.contains(&Need::Commands) {
        cx.read(&cx.seen.commands, "commands")?;
    }
    if needs.contains(&Need::Instances) {
        cx.instances()?;
    }
    if let Some(instances) = cx.seen.instances.present() {
        instance_lives(instance, instances)?;
    }
    match found(cx.job, cx.seen, spec.step) {
        Some(command) => ended_well(cx, spec, command, instance),
        None => Err(send(cx, spec, instance)),
    }
}

fn ended_well(
    cx: &Context<'_>,
    spec: &CommandSpec,
    command: &CommandSeen,
    instance: &InstanceId,
) -> Result<(), Decision> {
    let step = spec.step;
    let CommandSeen { id, detail, .. } = command;
    let running_for = limits::whole_seconds(cx.account_now() - command.requested_at);
    let ended = |code| {
        let output = last_words(&command.output);
        let reason = format!("{step} command {id} ended {detail} on {instance}{output}");
        Err(failed(code, reason))
    };
    match command.status {
        CommandStatus::Success => Ok(()),
        CommandStatus::Running if running_for > spec.limit => {
            let minutes = running_for.num_minutes();
            let reason = format!("{step} command {id} still {detail} after {minutes} min");
            Err(failed(spec.timeout, reason))
        }
        CommandStatus::Running => {
            agent_answers(cx, spec, command, instance)?;
            let reason = format!("{step} command {id} is {detail}");
            let sent_at = sent_at(cx.job, step).unwrap_or(cx.job.entered_at());
            Err(cx.look(sent_at, spec.expected, reason))
        }
        CommandStatus::Undelivered => ended(Code::PatchUndelivered),
        CommandStatus::Failed | CommandStatus::TimedOut | CommandStatus::Cancelled => {
            ended(spec.failed)
        }
    }
}

/// The output of a command, as far as it may say why it failed.
fn last_words(output: &str) -> String {
    if output.is_empty() {
        String::new()
    } else {
        format!("; its output: {output}")
    }
}

/// An agent that has been silent for too long will not end its command. The command's own status would say
/// so only hours later.
fn agent_answers(
    cx: &Context<'_>,
    spec: &CommandSpec,
    command: &CommandSeen,
    instance: &InstanceId,
) -> Result<(), Decision> {
    let agents = cx.seen.agents.present();
    let last_ping = agents.and_then(|a| a.get(instance)?.last_ping);
    let silence = last_ping.map_or(TimeDelta::zero(), |at| {
        limits::whole_seconds(cx.account_now() - at)
    });
    let limit = if cx.forward()?.windows {
        limits::WINDOWS_AGENT_SILENCE_LIMIT
    } else {
        limits::AGENT_SILENCE_LIMIT
    };
    if silence < limit {
        return Ok(());
    }
    Err(failed(
        Code::PatchUndelivered,
        format!(
            "{} command {} is {}, but the agent of {instance} has been silent for {} min: the guest has probably not come back from a reboot",
            spec.step,
            command.id,
            command.detail,
            silence.num_minutes()
        ),
    ))
}

pub(super) fn instance_lives(
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

fn send(cx: &Context<'_>, spec: &CommandSpec, instance: &InstanceId) -> Decision {
    let effect = Effect::SendCommand(Command {
        step: spec.step,
        instance: instance.clone(),
        document: spec.document.clone(),
        parameters: spec.parameters.clone(),
        comment: names::command_comment(&cx.record().run_id, spec.step),
    });
    let step = spec.step;
    // Sent, but not listed yet: sending again would run it twice.
    if let Some(sent_at) = cx.job.done_at(&effect) {
        if cx.is_fresh(&effect) {
            let reason = format!("{step} command is not listed yet");
            return cx.look(sent_at, limits::COMMAND_SHOWS_PAUSE, reason);
        }
        let minutes = limits::VISIBILITY_LIMIT.num_minutes();
        let reason = format!("{step} command was accepted and is not listed after {minutes} min");
        return failed(spec.failed, reason);
    }
    match cx.settled("whether the command was sent before will show") {
        Ok(()) => send_now(cx, spec, instance, effect),
        Err(wait) => wait,
    }
}

fn send_now(
    cx: &Context<'_>,
    spec: &CommandSpec,
    instance: &InstanceId,
    effect: Effect,
) -> Decision {
    let step = spec.step;
    // An attempt without an answer may have taken effect: the command would be listed within seconds.
    if let Some(last) = cx.job.ledger.get(&effect.key()) {
        let elapsed = cx.since(last.last_at);
        if elapsed < limits::LOOK_MIN {
            let reason = format!("whether the {step} command was sent will show");
            return cx.wait(limits::LOOK_MIN - elapsed, reason);
        }
    }
    let reason = format!("{step} on {instance} with {}", spec.document);
    cx.act(effect, cx.first_look(spec.expected), reason)
}
