//! The form in which runs and batches travel between invocations, and what becomes of one that cannot be read.
//!
//! The state machine reads `next`, `wake_at`, `step.batches`, `step.concurrency` and `result`, and writes
//! `step.results`; `summary` is for people who look at an execution. Everything else is read here only.

mod form;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use self::form::{WireBatch, WireRun};
use super::super::{RecordFilter, RunError};
use super::{Batch, BegunRestore, RESTORE_LIMIT, RunState, Work, begin_restore};
use crate::aws::Aws;
use crate::group::Code;
use crate::ids::{GroupName, RunId};
use crate::signature::{self, Purpose, SignatureError, SigningKey};

/// The version of the form. To be raised with every change that an older program in the middle of a run would
/// misread; that of a job in it counts, too.
const VERSION: u32 = 4;

/// The places of signatures: a batch is no run.
const BATCH: &str = "batch";
const RUN: &str = "run";
/// Written by the state machine into what it passes along, after the function has signed that.
const ERROR: &str = "error";

/// Why a run or batch that was passed along cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Another version of the program wrote it.
    #[error("expected the state of a run of version {expected}, found version {found}")]
    Version {
        /// This program's version.
        expected: u32,
        /// The version it names, as JSON.
        found: String,
    },
    /// It is of this version, and yet not of this form.
    #[error("{0}")]
    Malformed(#[from] serde_json::Error),
    /// It was not written by this function.
    #[error("the state of a run: {0}")]
    Unsigned(#[from] SignatureError),
    /// Not even the names of its groups can be read.
    #[error("{problem}; groups: {groups}")]
    Groups {
        /// Why the whole cannot be read.
        problem: Box<WireError>,
        /// Why the names cannot be read.
        groups: serde_json::Error,
    },
}

impl WireError {
    /// The code of refusals for it.
    pub fn code(&self) -> Code {
        match self {
            Self::Unsigned(_) => Code::NotOurs,
            Self::Version { .. } | Self::Malformed(_) | Self::Groups { .. } => Code::OtherVersion,
        }
    }
}

/// A batch as it is passed along; `wake_at` is the time of its next pass, RFC 3339, by the clock that Step
/// Functions waits by. With a key, it is signed.
pub fn write_batch(batch: Batch, wake_at: Option<String>, key: Option<&SigningKey>) -> Value {
    let run_id = batch.assignment.work.run_id().clone();
    let mut state = value(&WireBatch::from(batch).waking_at(wake_at));
    if let Some(key) = key {
        if let Some(outcome) = state.get_mut("result") {
            sign(key, Purpose::Outcome, &run_id, outcome);
        }
        sign(key, Purpose::State, BATCH, &mut state);
    }
    state
}

/// A run between two steps, as it is passed along; with a key, it and each of its batches are signed.
pub fn write_run_state(run_state: RunState, key: Option<&SigningKey>) -> Value {
    let mut state = value(&WireRun::from(run_state));
    if let Some(key) = key {
        for batch in state
            .pointer_mut("/step/batches")
            .into_iter()
            .filter_map(Value::as_array_mut)
            .flatten()
        {
            sign(key, Purpose::State, BATCH, batch);
        }
        sign(key, Purpose::State, RUN, &mut state);
    }
    state
}

fn sign(key: &SigningKey, purpose: Purpose, place: &str, document: &mut Value) {
    document[signature::FIELD] = key.sign(purpose, place, document).into();
}

/// Checks the signature of a state, of which the state machine may have written this one field.
fn verify(key: &SigningKey, place: &str, mut state: Value) -> Result<(), SignatureError> {
    if let Some(fields) = state.as_object_mut() {
        fields.remove(ERROR);
    }
    key.verify(Purpose::State, place, &state)
}

/// Reads a batch; with a key, only one that the key has signed. One that another version of the program wrote is not understood by guessing: the answer is
/// then a batch that restores its groups from their records.
///
/// # Errors
/// It has no valid signature, or not even the names of its groups can be read.
pub fn read_batch(
    state: Value,
    now: DateTime<Utc>,
    key: Option<&SigningKey>,
) -> Result<Batch, WireError> {
    if let Some(key) = key {
        verify(key, BATCH, state.clone())?;
    }
    let rescue = Rescue::of(&state);
    match read::<WireBatch>(state) {
        Ok(batch) => Ok(batch.into()),
        Err(problem) => rescue.batch(problem, now),
    }
}

/// Reads a run between two steps; with a key, only one that the key has signed, and of the outcomes of its batches those. See
/// [`rescue_run`] for one that cannot be read.
///
/// # Errors
/// It has no valid signature, another version of the program wrote it, or it is malformed.
pub fn read_run_state(mut state: Value, key: Option<&SigningKey>) -> Result<RunState, WireError> {
    if let Some(key) = key {
        let outcomes = take_outcomes(&mut state);
        verify(key, RUN, state.clone())?;
        let run_id = state.pointer("/work/run_id").and_then(Value::as_str);
        let run_id = run_id.unwrap_or_default().to_owned();
        let is_signed = |o: &Value| key.verify(Purpose::Outcome, &run_id, o).is_ok();
        let (signed, rest): (Vec<Value>, Vec<Value>) = outcomes.into_iter().partition(is_signed);
        // A batch that broke has none; its groups are restored.
        let strange = rest.iter().filter(|o| o.get("reports").is_some()).count();
        if strange > 0 {
            tracing::error!(code = %Code::NotOurs, strange, "outcomes of batches are left out");
        }
        if let Some(step) = state.pointer_mut("/step").and_then(Value::as_object_mut) {
            step.insert("results".into(), signed.into());
        }
    }
    read::<WireRun>(state).map(RunState::from)
}

/// The outcomes that the state machine has collected: they were not there when the run was signed.
fn take_outcomes(state: &mut Value) -> Vec<Value> {
    let step = state.pointer_mut("/step").and_then(Value::as_object_mut);
    match step.and_then(|step| step.remove("results")) {
        Some(Value::Array(outcomes)) => outcomes,
        Some(_) | None => Vec::new(),
    }
}

/// The run to go on with where an execution's own cannot be read: restores what the execution still holds.
///
/// # Errors
/// AWS could not be read.
pub async fn rescue_run(aws: &Aws, run_id: RunId, execution: &str) -> Result<RunState, RunError> {
    let work = Work::Restore {
        run_id,
        owner: execution.to_owned(),
        give_up_at: aws.clock.now() + RESTORE_LIMIT,
        quiet: false,
    };
    let filter = RecordFilter::OwnedBy(execution.to_owned());
    Ok(match begin_restore(aws, work.clone(), &filter).await? {
        BegunRestore::RunState(run_state) => *run_state,
        BegunRestore::Nothing(_) | BegunRestore::Refused(_) => {
            RunState::empty(work, aws.clock.now())
        }
    })
}

/// The parts of a state that are found in those of every version.
struct Rescue {
    groups: Value,
    records: Value,
    number: Value,
    run_id: RunId,
    owner: String,
}

impl Rescue {
    fn of(state: &Value) -> Self {
        let part = |path: &str| state.pointer(path).cloned().unwrap_or_default();
        // Version 1 called the work of a batch its errand.
        let work = |name: &str| {
            let places = ["work", "errand"].map(|work| part(&format!("/{work}/{name}")));
            let text = places.iter().find_map(Value::as_str);
            text.unwrap_or("unknown").to_owned()
        };
        Self {
            groups: part("/groups"),
            records: part("/records"),
            number: part("/number"),
            run_id: work("run_id").into(),
            owner: work("owner"),
        }
    }

    fn batch(self, problem: WireError, now: DateTime<Utc>) -> Result<Batch, WireError> {
        let Self {
            groups,
            records,
            number,
            run_id,
            owner,
        } = self;
        let groups: Vec<GroupName> = match serde_json::from_value(groups) {
            Ok(groups) => groups,
            Err(groups) => {
                let problem = Box::new(problem);
                return Err(WireError::Groups { problem, groups });
            }
        };
        tracing::error!(
            code = %Code::OtherVersion,
            run_id = run_id.as_str(),
            %problem,
            "restoring from records"
        );
        let work = Work::Restore {
            run_id,
            owner,
            give_up_at: now + RESTORE_LIMIT,
            quiet: false,
        };
        let mut batch = Batch::planned(&work, groups);
        if let Ok(number) = serde_json::from_value(number) {
            batch.assignment.number = number;
        }
        batch.assignment.records = serde_json::from_value(records).unwrap_or_default();
        let warning = format!("{}: {problem}", Code::OtherVersion);
        batch.assignment.warnings.push(warning);
        Ok(batch)
    }
}

/// These types have no keys that are not strings, the only way in which this can fail.
fn value(state: &impl Serialize) -> Value {
    serde_json::to_value(state).unwrap_or_default()
}

fn read<T: serde::de::DeserializeOwned>(state: Value) -> Result<T, WireError> {
    match state.get("version") {
        Some(found) if *found == VERSION => Ok(serde_json::from_value(state)?),
        found => Err(WireError::Version {
            expected: VERSION,
            found: found.cloned().unwrap_or_default().to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_batch_of_version_1_is_restored_for_its_own_execution() {
        let now = "2026-10-14T04:00:00Z".parse().expect("a time");
        let state = json!({"version": 1, "next": "Wait", "number": 3, "groups": ["web"],
            "errand": {"kind": "run", "run_id": "sched-1", "owner": "arn:x"}});
        let batch = read_batch(state, now, None).expect("its groups can be read");
        let Work::Restore { run_id, owner, .. } = &batch.assignment.work else {
            panic!("{batch:?}");
        };
        assert_eq!((run_id.as_str(), owner.as_str()), ("sched-1", "arn:x"));
        assert_eq!(batch.assignment.groups, ["web"]);
        assert_eq!(batch.assignment.number, 3);
    }
}
