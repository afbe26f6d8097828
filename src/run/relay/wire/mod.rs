//! The form in which runs and batches travel between invocations, and what becomes of one that cannot be read.
//!
//! The state machine reads `next`, `wake_at`, `step.batches`, `step.concurrency` and `result`, and writes
//! `step.results`; `summary` is for people who look at an execution. Everything else is read here only.

mod form;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use self::form::{WireBatch, WireRun};
use super::packed::{Packed, Wrapped};
use super::shorten::shorten;
use super::{Batch, RESTORE_LIMIT, RunState, STATE_BYTES, Used, Work};
use crate::group::Code;
use crate::ids::{GroupName, RunId};
use crate::signature::{self, Purpose, SignatureError, SigningKey};

/// The version of the form. To be raised with every change that an older program in the middle of a run would
/// misread; that of a job in it counts, too.
const VERSION: u32 = 4;

/// The places of signatures: a batch is no run.
const BATCH: &str = "batch";
const RUN: &str = "run";
/// The fields in which an outcome has its reports.
const FIELDS_OF_REPORTS: [&str; 2] = ["reports", "reports_by_place"];
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
///
/// Its reports lose what their readers miss least where it would be too long.
pub fn write_run_state(mut run_state: RunState, key: Option<&SigningKey>) -> Value {
    let too_long = bytes(&run_state).saturating_sub(STATE_BYTES);
    if too_long > 0 {
        let reports = Packed::bytes(&run_state.reports);
        shorten(&mut run_state.reports, reports.saturating_sub(too_long));
    }
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
/// [`super::rescue_run`] for one that cannot be read.
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
        let has_reports = |o: &&Value| FIELDS_OF_REPORTS.iter().any(|f| o.get(f).is_some());
        let strange = rest.iter().filter(has_reports).count();
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
        let groups = match serde_json::from_value::<Wrapped<Vec<GroupName>>>(groups) {
            Ok(groups) => groups.into_inner(),
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
        let records = serde_json::from_value::<Wrapped<BTreeMap<GroupName, RunId>>>(records);
        batch.assignment.records = records.map(Wrapped::into_inner).unwrap_or_default();
        let warning = format!("{}: {problem}", Code::OtherVersion);
        batch.assignment.warnings.push(warning);
        batch.count(Used::UNKNOWN);
        Ok(batch)
    }
}

/// Bytes of a run between two steps as it is passed along, but for its signatures.
pub(super) fn bytes(run_state: &RunState) -> usize {
    value(&WireRun::from(run_state.clone())).to_string().len()
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

    use super::super::{BatchResult, Stage, Step};
    use super::*;
    use crate::report::GroupReport;

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
    fn now() -> DateTime<Utc> {
        "2026-10-14T04:00:00Z".parse().expect("a time")
    }

    /// A run of two steps of a batch each, whose names travel packed.
    fn packed() -> RunState {
        let work = Work::Restore {
            run_id: "run-1".into(),
            owner: "arn:x".into(),
            give_up_at: now(),
            quiet: false,
        };
        let step = |number: usize| {
            let names = (0..3).map(|n| format!("web-{number}-{n}").into());
            let mut batch = Batch::planned(&work, names.collect());
            batch.assignment.number = number;
            batch.assignment.limits.packed = true;
            let record = (batch.assignment.groups[0].clone(), "run-0".into());
            batch.assignment.records = [record].into();
            Step {
                wave: 0,
                allowed_in_wave: None,
                concurrency: 1,
                batches: vec![batch],
                results: Vec::new(),
            }
        };
        RunState {
            step: Some(step(1)),
            steps: vec![step(2)],
            used: [2, 0, 1_500, 4].into(),
            ..RunState::empty(work.clone(), now())
        }
    }

    #[test]
    fn packed_names_come_back_also_where_the_rest_cannot_be_read() {
        let run_state = packed();
        let mut state = write_run_state(run_state.clone(), None);
        assert!(state["steps"].is_string() && !state.to_string().contains("web-"));
        let read = read_run_state(state.clone(), None).expect("it is ours");
        assert_eq!(read, run_state);
        let batch = &mut state["step"]["batches"][0];
        batch["version"] = json!(3);
        let rescued = read_batch(batch.take(), now(), None).expect("its groups can be read");
        let planned = &run_state.step.expect("a step").batches[0].assignment;
        assert_eq!(rescued.assignment.groups, planned.groups);
        assert_eq!(rescued.assignment.records, planned.records);
    }

    /// An outcome names its groups by their places; the batch beside it has the names.
    #[test]
    fn outcomes_without_names_are_given_their_groups() {
        let key = SigningKey::new(b"key");
        let run_state = packed();
        let mut state = write_run_state(run_state.clone(), Some(&key));
        let mut done = run_state.step.clone().expect("a step").batches.remove(0);
        let report = |name: &GroupName| crate::report::sample::patched(name);
        let reports: Vec<GroupReport> = done.assignment.groups.iter().rev().map(report).collect();
        done.stage = Stage::Done(BatchResult {
            number: 1,
            summary: String::new(),
            reports: reports.clone(),
            api_calls: BTreeMap::new(),
            warnings: Vec::new(),
            passes: 1,
            used: Used::default(),
        });
        done.count([3, 1, 4_000, 9].into());
        let answer = write_batch(done.clone(), None, Some(&key));
        state["step"]["results"] = json!([answer["result"], {"reports_by_place": "forged"}, null]);
        let read = |state: Value| read_run_state(state, Some(&key)).expect("it is ours");
        let results = read(state.clone()).step.expect("a step").results;
        assert_eq!(results.len(), 1);
        assert_eq!(results[0].reports, reports);
        // The same run, begun again when a group had gone.
        let mut again = run_state.clone();
        again.step.as_mut().expect("a step").batches[0]
            .assignment
            .groups
            .remove(0);
        let mut again = write_run_state(again, Some(&key));
        again["step"]["results"] = state["step"]["results"].take();
        let results = read(again).step.expect("a step").results;
        assert_eq!(results[0].reports, []);
        let read = read_batch(answer, now(), Some(&key)).expect("it is ours");
        assert_eq!(read, done);
    }
}
