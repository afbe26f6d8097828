//! How commands go on: delivered, at work, through reboots, to one of their ends.

use chrono::TimeDelta;

use super::agents;
use super::automations;
use super::behaviour::{Failure, Spread};
use super::commands::{
    Command, Invocation, InvocationKey, ScriptEffect, SsmEvent, Status, Step, Work,
};
use super::instance::InstanceState;
use super::patching;
use super::{World, WorldEvent, guest, ready};
use crate::sim::beliefs::DeadCommand;

/// An Install that meets a package lock gives up about this soon.
const LOCKED: Spread = Spread::seconds(4.0, 0.4);
/// The agent polls for messages; a command reaches it about this long after it was sent.
const DELIVERY: Spread = Spread::seconds(1.5, 0.6);
/// After its own reboot the agent runs the step again, which finds nothing to do.
const RESUME: Spread = Spread::seconds(6.0, 0.4);
/// How an invocation ended.
pub(super) struct End {
    pub(super) status: Status,
    pub(super) code: i32,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl End {
    pub(super) fn without_output(status: Status, code: i32, stderr: &str) -> Self {
        Self {
            status,
            code,
            stdout: String::new(),
            stderr: stderr.to_owned(),
        }
    }
}

/// Sends a checked command to its nodes, and gives it its sequence. `wrong_platform` are those that its document is not for.
pub fn send(world: &mut World, mut command: Command, nodes: &[String], wrong_platform: &[String]) {
    command.sequence = world.ssm.sent.len() as u64;
    for instance in nodes {
        let key = InvocationKey {
            command: command.id.clone(),
            instance: instance.clone(),
        };
        let mut invocation = Invocation::new();
        let ssm = &mut world.ssm;
        ssm.sent_to
            .entry(instance.clone())
            .or_default()
            .insert(command.sequence, command.id.clone());
        if wrong_platform.contains(instance) {
            invocation.status = Status::InvalidPlatform;
            invocation.finished_at = Some(world.now);
        } else {
            ssm.open
                .entry(instance.clone())
                .or_default()
                .insert(command.id.clone());
            let take_by = command.requested_at + TimeDelta::seconds(command.timeout_seconds);
            world.schedule_in(DELIVERY, WorldEvent::Ssm(SsmEvent::Deliver(key.clone())));
            world.schedule(
                take_by,
                WorldEvent::Ssm(SsmEvent::DeliveryTimeout(key.clone())),
            );
            world.schedule(
                command.expires_at(),
                WorldEvent::Ssm(SsmEvent::TotalTimeout(key)),
            );
        }
        let invocation = Box::new(invocation);
        command.invocations.insert(instance.clone(), invocation);
    }
    world.ssm.sent.insert(command.sequence, command.id.clone());
    world.ssm.commands.insert(command.id.clone(), command);
}

/// Cancels a command where it has not been taken yet, or only a little of it has run: best effort.
pub fn cancel(world: &mut World, command: &str, only: &[String]) {
    let Some(known) = world.ssm.commands.get(command) else {
        return;
    };
    let instances: Vec<String> = known
        .invocations
        .iter()
        .filter(|(id, i)| {
            (only.is_empty() || only.contains(*id))
                && matches!(i.step, Step::Waiting | Step::Running)
                && !i.status.is_final()
        })
        .map(|(id, _)| id.clone())
        .collect();
    for instance in instances {
        let key = InvocationKey {
            command: command.to_owned(),
            instance,
        };
        close(
            world,
            &key,
            End::without_output(Status::Cancelled, -1, "Command was cancelled"),
        );
    }
}

/// Lets one of Systems Manager's events happen.
pub(super) fn happen(world: &mut World, event: SsmEvent) {
    match event {
        SsmEvent::Register(instance) => agents::register(world, &instance),
        SsmEvent::Back(instance) => agents::back(world, &instance),
        SsmEvent::Deliver(key) => deliver(world, &key),
        SsmEvent::AutomationOver(id) => automations::over(world, &id),
        SsmEvent::Finish(key) => finish(world, &key),
        SsmEvent::DeliveryTimeout(key) => give_up(world, &key, Status::Pending),
        SsmEvent::TotalTimeout(key) => {
            give_up(world, &key, Status::Pending);
            give_up(world, &key, Status::InProgress);
        }
    }
}

pub(super) fn invocation_mut<'w>(
    world: &'w mut World,
    key: &InvocationKey,
) -> Option<&'w mut Invocation> {
    world
        .ssm
        .commands
        .get_mut(&key.command)?
        .invocations
        .get_mut(&key.instance)
        .map(Box::as_mut)
}

pub(super) fn close(world: &mut World, key: &InvocationKey, end: End) {
    let now = world.now;
    let command = world.ssm.commands.get(&key.command);
    if command.is_some_and(|c| matches!(c.work, Work::Install { .. })) {
        guest::install_over(world, &key.instance);
    }
    if let Some(open) = world.ssm.open.get_mut(&key.instance) {
        open.remove(&key.command);
        if open.is_empty() {
            world.ssm.open.remove(&key.instance);
        }
    }
    if let Some(invocation) = invocation_mut(world, key) {
        invocation.status = end.status;
        invocation.response_code = end.code;
        invocation.stdout = end.stdout;
        invocation.stderr = end.stderr;
        invocation.finished_at = Some(now);
    }
}

fn give_up(world: &mut World, key: &InvocationKey, while_in: Status) {
    if invocation_mut(world, key).is_some_and(|i| i.status == while_in) {
        close(
            world,
            key,
            End::without_output(Status::DeliveryTimedOut, -1, ""),
        );
    }
}

fn deliver(world: &mut World, key: &InvocationKey) {
    let now = world.now;
    let Some(instance) = world.instances.get(&key.instance) else {
        return;
    };
    let behaviour = instance.behaviour.clone();
    let reachable = instance.state == InstanceState::Running
        && instance.agent.as_ref().is_some_and(|a| a.is_here());
    if invocation_mut(world, key).is_none_or(|i| i.status != Status::Pending) || !reachable {
        return; // over already, or delivered when the guest is back
    }
    if behaviour.failure == Some(Failure::DeliveryTimesOut) {
        return;
    }
    if behaviour.failure == Some(Failure::Undeliverable) {
        close(
            world,
            key,
            End::without_output(Status::Undeliverable, -1, ""),
        );
        return;
    }
    let Some(command) = world.ssm.commands.get(&key.command) else {
        return;
    };
    let (work, limit_seconds) = (command.work.clone(), command.execution_timeout_seconds);
    let collided = work.is_patching() && collide(world, key);
    let installs = matches!(work, Work::Install { .. });
    let locked = installs && guest::install_begins(world, &key.instance);
    let limit = TimeDelta::seconds(limit_seconds);
    let duration = world.draw(if locked {
        LOCKED
    } else {
        work.duration(&behaviour)
    });
    if let Some(invocation) = invocation_mut(world, key) {
        invocation.status = Status::InProgress;
        invocation.step = Step::Running;
        invocation.started_at = Some(now);
        invocation.overruns = duration > limit;
        invocation.collided = collided;
        invocation.locked = locked;
    }
    world.schedule(
        now + duration.min(limit),
        WorldEvent::Ssm(SsmEvent::Finish(key.clone())),
    );
}

/// Marks the patch operations that already run on the node, and says whether there are any.
fn collide(world: &mut World, key: &InvocationKey) -> bool {
    let others: Vec<InvocationKey> = open_on(world, &key.instance)
        .into_iter()
        .filter(|other| other != key)
        .collect();
    let mut met = false;
    for other in others {
        let patching = world
            .ssm
            .commands
            .get(&other.command)
            .is_some_and(|c| c.work.is_patching());
        if let Some(invocation) = invocation_mut(world, &other)
            && patching
            && invocation.status == Status::InProgress
        {
            invocation.collided = true;
            met = true;
        }
    }
    met
}

fn open_on(world: &World, instance: &str) -> Vec<InvocationKey> {
    world.ssm.open.get(instance).map_or_else(Vec::new, |open| {
        open.iter()
            .map(|command| InvocationKey {
                command: command.clone(),
                instance: instance.to_owned(),
            })
            .collect()
    })
}

fn finish(world: &mut World, key: &InvocationKey) {
    let Some(command) = world.ssm.commands.get(&key.command) else {
        return;
    };
    let work = command.work.clone();
    let Some(invocation) = command.invocations.get(&key.instance) else {
        return;
    };
    if invocation.status != Status::InProgress {
        return;
    }
    if invocation.overruns {
        let end = End::without_output(Status::ExecutionTimedOut, -1, "the step timed out");
        return close(world, key, end);
    }
    match invocation.step {
        Step::Waiting | Step::Rebooting | Step::Interrupted => {}
        Step::Running if invocation.collided && work.is_patching() => {
            let end = End::without_output(
                Status::Failed,
                patching::EXIT_COLLISION,
                "another patch operation is running on this node",
            );
            close(world, key, end);
        }
        Step::Running if invocation.locked => {
            let family = world.instances.get(&key.instance).map(|i| i.guest.family);
            let end = End {
                status: Status::Failed,
                code: 1,
                stdout: family.unwrap_or_default().lock_text().to_owned(),
                stderr: "failed to run commands: exit status 1".into(),
            };
            close(world, key, end);
        }
        Step::Running => finish_first_run(world, key, &work),
        Step::Resumed => {
            let end = patching::report(world, key, &work);
            close(world, key, end);
        }
    }
}

fn finish_first_run(world: &mut World, key: &InvocationKey, work: &Work) {
    match work {
        Work::Scan => {
            let end = patching::report(world, key, work);
            close(world, key, end);
        }
        Work::Install { reboot, from_list } => {
            if patching::install(world, &key.instance, *reboot, *from_list) {
                if let Some(invocation) = invocation_mut(world, key) {
                    invocation.step = Step::Rebooting;
                }
                agents::reboot_guest(world, &key.instance);
            } else {
                let end = patching::report(world, key, work);
                close(world, key, end);
            }
        }
        Work::Script {
            effect: ScriptEffect::WaitsForReady,
            ..
        } => ready::look(world, key),
        Work::Script { exit_code, effect } => {
            let good = *exit_code == 0;
            if let Some(instance) = world.instances.get_mut(&key.instance) {
                instance.guest.sealed |= good && *effect == ScriptEffect::Seals;
            }
            let status = if good {
                Status::Success
            } else {
                Status::Failed
            };
            let stderr = if good {
                String::new()
            } else {
                format!("failed to run commands: exit status {exit_code}")
            };
            close(world, key, End::without_output(status, *exit_code, &stderr));
        }
    }
}

/// The guest went down for a reboot: steps that did not ask for it cannot be resumed.
pub(super) fn interrupt(world: &mut World, instance: &str) {
    for key in open_on(world, instance) {
        if let Some(invocation) = invocation_mut(world, &key)
            && matches!(invocation.step, Step::Running | Step::Resumed)
        {
            invocation.step = Step::Interrupted;
        }
    }
}

/// The guest answers again: its agent reports what it can, and takes what is waiting for it.
pub(super) fn resume(world: &mut World, instance: &str) {
    for key in open_on(world, instance) {
        let Some(invocation) = invocation_mut(world, &key) else {
            continue;
        };
        match invocation.step {
            Step::Waiting => {
                world.schedule_in(DELIVERY, WorldEvent::Ssm(SsmEvent::Deliver(key)));
            }
            Step::Rebooting => {
                invocation.step = Step::Resumed;
                world.schedule_in(RESUME, WorldEvent::Ssm(SsmEvent::Finish(key)));
            }
            Step::Interrupted => {
                let end = End::without_output(Status::Failed, 1, "the node was rebooted");
                close(world, &key, end);
            }
            Step::Running | Step::Resumed => {}
        }
    }
}

/// The node is gone: nobody reports any more what was open on it.
pub(super) fn abandon(world: &mut World, instance: &str) {
    match world.beliefs.dead_command {
        DeadCommand::TimesOut => interrupt(world, instance),
        DeadCommand::Undeliverable => {
            for key in open_on(world, instance) {
                let end = End::without_output(Status::Undeliverable, -1, "");
                close(world, &key, end);
            }
        }
    }
}
