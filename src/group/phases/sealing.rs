//! Sealing: done when the image hygiene script has run to its final sync, as the last command before imaging.

use std::collections::{BTreeMap, BTreeSet};

use super::super::decision::{Context, Decided, go};
use super::super::effect::{CommandStep, Role};
use super::super::job::Job;
use super::super::own_documents::OwnDocument;
use super::super::seen::Need;
use super::super::{Code, Phase, limits};
use super::command::{self, CommandSpec};

pub(super) fn needs(job: &Job) -> BTreeSet<Need> {
    command::needs(job, CommandStep::Seal)
}

pub(super) fn decide(cx: &Context<'_>) -> Decided {
    let forward = cx.forward()?;
    let Some(document) = OwnDocument::seal(forward.windows, forward.options.seal) else {
        return Ok(go(Phase::Baking, "the owner sees to the guest"));
    };
    command::succeeded(
        cx,
        &CommandSpec {
            step: CommandStep::Seal,
            role: Role::Build,
            document: document.name().into(),
            parameters: BTreeMap::new(),
            expected: limits::EXPECTED_SEAL,
            limit: limits::SEAL_LIMIT + limits::COMMAND_GRACE,
            failed: Code::SealFailed,
            timeout: Code::SealFailed,
        },
    )?;
    Ok(go(Phase::Baking, "the guest is sealed and synced"))
}
