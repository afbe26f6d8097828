//! Sealing: done when the image hygiene script has run to its final sync, as the last command before imaging.

use std::collections::{BTreeMap, BTreeSet};

use super::super::decision::{Context, Decided, go};
use super::super::effect::{CommandStep, Role};
use super::super::job::Job;
use super::super::seen::Need;
use super::super::{Code, Phase, limits};
use super::command::{self, CommandSpec};

/// Removes what must not be copied into an image, on Linux.
const LINUX_SCRIPT: &str = include_str!("../../../runbooks/guest/seal-linux.sh");
/// The same on Windows: no sysprep, which is the owner's decision.
const WINDOWS_SCRIPT: &str = include_str!("../../../runbooks/guest/seal-windows.ps1");

pub(super) fn needs(job: &Job) -> BTreeSet<Need> {
    command::needs(job, CommandStep::Seal)
}

pub(super) fn decide(cx: &Context<'_>) -> Decided {
    let (document, script) = if cx.forward()?.windows {
        ("AWS-RunPowerShellScript", WINDOWS_SCRIPT)
    } else {
        ("AWS-RunShellScript", LINUX_SCRIPT)
    };
    let lines = script.lines().map(str::to_owned).collect();
    let timeout = limits::SEAL_LIMIT.num_seconds().to_string();
    command::succeeded(
        cx,
        &CommandSpec {
            step: CommandStep::Seal,
            role: Role::Build,
            document: document.into(),
            parameters: BTreeMap::from([
                ("commands".to_owned(), lines),
                ("executionTimeout".to_owned(), vec![timeout]),
            ]),
            expected: limits::EXPECTED_SEAL,
            limit: limits::SEAL_LIMIT + limits::COMMAND_GRACE,
            failed: Code::SealFailed,
            timeout: Code::SealFailed,
        },
    )?;
    Ok(go(Phase::Baking, "the guest is sealed and synced"))
}
