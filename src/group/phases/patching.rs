//! Patching: done when the Install invocation has succeeded (the agent answers Success only after the reboots).

use std::collections::{BTreeMap, BTreeSet};

use super::super::decision::{Context, Decided, go};
use super::super::effect::{CommandStep, Role};
use super::super::job::{Forward, Job};
use super::super::record::Record;
use super::super::seen::Need;
use super::super::{Code, Phase, limits, names};
use super::command::{self, CommandSpec};
use crate::request::Operation;

/// AWS's patch document.
pub(super) const PATCH_DOCUMENT: &str = "AWS-RunPatchBaseline";

pub(super) fn needs(job: &Job) -> BTreeSet<Need> {
    command::needs(job, CommandStep::Install)
}

pub(super) fn decide(cx: &Context<'_>) -> Decided {
    let forward = cx.forward()?;
    if forward.operation == Operation::Scan {
        return Ok(go(Phase::Scanning, "scan only"));
    }
    command::succeeded(cx, &install(cx.record(), forward))?;
    Ok(go(Phase::Scanning, "the install has succeeded"))
}

fn install(record: &Record, forward: &Forward) -> CommandSpec {
    let options = &forward.options;
    let mut parameters = match options.document {
        Some(_) => BTreeMap::new(),
        None => baseline_parameters(record, Operation::Install),
    };
    for (key, value) in &options.parameters {
        parameters.insert(key.clone(), vec![value.clone()]);
    }
    CommandSpec {
        step: CommandStep::Install,
        role: Role::Build,
        document: options
            .document
            .clone()
            .unwrap_or_else(|| PATCH_DOCUMENT.into()),
        parameters,
        expected: limits::expected_install(forward.windows) / 2,
        limit: limits::INSTALL_STEP_LIMIT + limits::COMMAND_GRACE,
        failed: Code::PatchFailed,
        timeout: Code::PatchTimeout,
    }
}

/// Parameters of `AWS-RunPatchBaseline`. One snapshot id for the whole run: every node gets the same
/// patch set.
pub(super) fn baseline_parameters(
    record: &Record,
    operation: Operation,
) -> BTreeMap<String, Vec<String>> {
    let mut parameters = BTreeMap::from([
        ("Operation".to_owned(), vec![operation.to_string()]),
        (
            "SnapshotId".to_owned(),
            vec![names::patch_snapshot_id(&record.run_id)],
        ),
    ]);
    if operation == Operation::Install {
        parameters.insert("RebootOption".into(), vec!["RebootIfNeeded".into()]);
    }
    parameters.insert(
        "StepTimeoutSeconds".into(),
        vec![limits::INSTALL_STEP_LIMIT.num_seconds().to_string()],
    );
    parameters
}
