//! The readiness script inside a guest: it waits until first boot is over and no package lock is held.

use chrono::TimeDelta;

use super::commands::{InvocationKey, SsmEvent, Status};
use super::guest::{self, Family, Readiness};
use super::running::{End, close, invocation_mut};
use super::{World, WorldEvent};

/// It looks this often.
const POLL: TimeDelta = TimeDelta::seconds(5);

/// It prints that it still waits this often.
const REPEAT: TimeDelta = TimeDelta::seconds(60);

/// It waits this long for locks before it gives up.
const LOCK_LIMIT: TimeDelta = TimeDelta::minutes(15);

/// Exit code: first boot failed.
const EXIT_FIRST_BOOT_FAILED: i32 = 10;

/// Exit code: a lock was held for too long.
const EXIT_LOCKED: i32 = 11;

/// One look of the script: it ends, or looks again.
pub(super) fn look(world: &mut World, key: &InvocationKey) {
    let now = world.now;
    let Some(instance) = world.instances.get(&key.instance) else {
        return;
    };
    let family = instance.guest.family;
    let found = guest::readiness(&instance.boot, now);
    let limit = world.ssm.commands.get(&key.command);
    let limit = TimeDelta::seconds(limit.map_or(0, |c| c.execution_timeout_seconds));
    let Some(invocation) = invocation_mut(world, key) else {
        return;
    };
    let waited = now - invocation.started_at.unwrap_or(now);
    let so_far = invocation.stdout.clone();
    let end = |status, code, more: &str, stderr: String| End {
        status,
        code,
        stdout: format!("{so_far}{more}"),
        stderr,
    };
    let failed = |code, more: &str| {
        let stderr = format!("failed to run commands: exit status {code}");
        end(Status::Failed, code, more, stderr)
    };
    let waits_for = match found {
        Readiness::Ready => {
            let end = end(
                Status::Success,
                0,
                "asg-patch ready: ready\n",
                String::new(),
            );
            return close(world, key, end);
        }
        Readiness::FirstBootFailed => {
            let end = failed(EXIT_FIRST_BOOT_FAILED, family.failed_first_boot_log());
            return close(world, key, end);
        }
        Readiness::Locked if waited >= LOCK_LIMIT => {
            return close(world, key, failed(EXIT_LOCKED, family.lock_text()));
        }
        Readiness::Locked => "the package lock",
        Readiness::FirstBoot => first_boot_name(family),
    };
    let line = format!("asg-patch ready: waiting for {waits_for}\n");
    if !so_far.ends_with(&line) || waited.num_seconds() % REPEAT.num_seconds() < POLL.num_seconds()
    {
        invocation.stdout.push_str(&line);
    }
    if waited + POLL > limit {
        let end = end(
            Status::ExecutionTimedOut,
            -1,
            &line,
            "the step timed out".into(),
        );
        return close(world, key, end);
    }
    world.schedule(now + POLL, WorldEvent::Ssm(SsmEvent::Finish(key.clone())));
}

fn first_boot_name(family: Family) -> &'static str {
    match family {
        Family::Amazon | Family::Debian => "cloud-init",
        Family::Windows => "EC2Launch",
    }
}
