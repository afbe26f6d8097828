//! Sealing: done when the image hygiene script has run to its final sync, as the last command before imaging.

use std::collections::{BTreeMap, BTreeSet};

use super::super::decision::{Context, Decided, go};
use super::super::effect::{CommandStep, Role};
use super::super::job::Job;
use super::super::options::Seal;
use super::super::seen::Need;
use super::super::{Code, Phase, limits};
use super::command::{self, CommandSpec};

/// AWS's document for shell scripts.
const SHELL: &str = "AWS-RunShellScript";
/// AWS's document for scripts of PowerShell.
const POWER_SHELL: &str = "AWS-RunPowerShellScript";
/// Removes what must not be copied into an image, on Linux.
const LINUX_SCRIPT: &str = include_str!("../../../runbooks/guest/seal-linux.sh");
/// The same on Windows: no sysprep, which is the owner's decision.
const WINDOWS_SCRIPT: &str = include_str!("../../../runbooks/guest/seal-windows.ps1");
/// A first line with which the script for Windows also resets the launch agent.
const WINDOWS_RESET: &str = "$Reset = $true";

pub(super) fn needs(job: &Job) -> BTreeSet<Need> {
    command::needs(job, CommandStep::Seal)
}

pub(super) fn decide(cx: &Context<'_>) -> Decided {
    let forward = cx.forward()?;
    let (document, scripts) = match (forward.windows, forward.options.seal) {
        (true, Seal::Reset) => (POWER_SHELL, vec![WINDOWS_RESET, WINDOWS_SCRIPT]),
        (true, Seal::On | Seal::Off) => (POWER_SHELL, vec![WINDOWS_SCRIPT]),
        (false, Seal::On | Seal::Off | Seal::Reset) => (SHELL, vec![LINUX_SCRIPT]),
    };
    let lines = scripts.iter().flat_map(|script| script.lines());
    let lines = lines.map(str::to_owned).collect();
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
