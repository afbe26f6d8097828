//! Patching: done when the Install invocation has succeeded (the agent answers Success only after the reboots).

use std::collections::{BTreeMap, BTreeSet};

use super::super::decision::{Context, Decided, Decision, go};
use super::super::effect::{CommandStep, Role};
use super::super::job::{Forward, Job};
use super::super::options::PATCH_DOCUMENT;
use super::super::record::Record;
use super::super::seen::Need;
use super::super::{Code, Phase, limits, names};
use super::command::{self, CommandSpec};
use crate::request::Operation;

pub(super) fn needs(job: &Job) -> BTreeSet<Need> {
    command::needs(job, step(job))
}

fn step(job: &Job) -> CommandStep {
    CommandStep::Install(job.evidence.passes)
}

pub(super) fn decide(cx: &Context<'_>) -> Decided {
    match command::succeeded(cx, &install(cx, cx.forward()?)) {
        Ok(()) => Ok(go(Phase::Scanning, "the install has succeeded")),
        // The cause may pass: a package lock, a mirror. The guest is waited for, and the install tried again.
        Err(Decision::Fail(failure)) if failure.code == Code::PatchFailed && is_one_left(cx) => Ok(
            go(Phase::Settling, format!("{}; trying again", failure.reason)),
        ),
        Err(decision) => Err(decision),
    }
}

fn is_one_left(cx: &Context<'_>) -> bool {
    cx.job.evidence.passes.saturating_add(1) < limits::INSTALL_PASSES
}

fn install(cx: &Context<'_>, forward: &Forward) -> CommandSpec {
    let (record, options) = (cx.record(), &forward.options);
    let mut parameters = match options.document {
        Some(_) => BTreeMap::new(),
        None => baseline_parameters(record, Operation::Install),
    };
    for (key, value) in &options.parameters {
        parameters.insert(key.clone(), vec![value.clone()]);
    }
    CommandSpec {
        step: step(cx.job),
        role: Role::Build,
        document: options
            .document
            .clone()
            .unwrap_or_else(|| PATCH_DOCUMENT.into()),
        parameters,
        expected: limits::first_look_at_install(forward.windows),
        limit: limits::INSTALL_STEP_LIMIT + limits::COMMAND_GRACE,
        failed: Code::PatchFailed,
        timeout: Code::PatchTimeout,
    }
}

/// Parameters of a Scan by AWS's document.
pub(super) fn scan_parameters(record: &Record, forward: &Forward) -> BTreeMap<String, Vec<String>> {
    let mut parameters = baseline_parameters(record, Operation::Scan);
    let given = forward.options.overrides();
    parameters.extend(given.map(|(key, value)| (key.clone(), vec![value.clone()])));
    parameters
}

/// Parameters of `AWS-RunPatchBaseline`. One snapshot id for the whole run: every node gets the same
/// patch set.
fn baseline_parameters(record: &Record, operation: Operation) -> BTreeMap<String, Vec<String>> {
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
