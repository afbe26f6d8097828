//! The form in which runs and batches travel between invocations, and what becomes of one that cannot be read.
//!
//! The state machine reads `next`, `wake_at`, `step.batches`, `step.concurrency` and `result`, and writes
//! `step.results`; `summary` is for people who look at an execution. Everything else is read here only.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::{RecordFilter, RunError};
use super::packed::Packed;
use super::{
    Assignment, Batch, BatchResult, BegunRestore, Limits, RESTORE_LIMIT, RunState, Stage, Step,
    Work, Working, begin_restore,
};
use crate::aws::Aws;
use crate::group::Code;
use crate::group::job::Job;
use crate::ids::{GroupName, RunId};
use crate::report::GroupReport;

/// The version of the form. To be raised with every change that an older program in the middle of a run would
/// misread; that of a job in it counts, too.
const VERSION: u32 = 2;

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
    /// Not even the names of its groups can be read.
    #[error("{problem}; groups: {groups}")]
    Groups {
        /// Why the whole cannot be read.
        problem: Box<WireError>,
        /// Why the names cannot be read.
        groups: serde_json::Error,
    },
}

/// The next state of the state machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Next {
    /// The batches of the step.
    Batches,
    /// The report.
    Report,
    /// Another pass of the batch, at its time.
    Wait,
    /// Nothing: the batch is done.
    Done,
}

#[derive(Serialize, Deserialize)]
struct WireBatch {
    version: u32,
    next: Next,
    summary: String,
    /// By the machine's clock; only the state machine reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wake_at: Option<String>,
    number: usize,
    work: Work,
    groups: Vec<GroupName>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    records: BTreeMap<GroupName, RunId>,
    limits: Limits,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    #[serde(flatten)]
    stage: WireStage,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
enum WireStage {
    Planned {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        not_before: Option<DateTime<Utc>>,
    },
    Working {
        jobs: Packed<Vec<Job>>,
        others: Packed<Vec<GroupReport>>,
        #[serde(default)]
        restores: bool,
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        reported: BTreeSet<GroupName>,
        api_calls: BTreeMap<String, u64>,
        passes: u64,
    },
    Done {
        result: WireResult,
    },
}

#[derive(Serialize, Deserialize)]
struct WireResult {
    version: u32,
    summary: String,
    reports: Packed<Vec<GroupReport>>,
    api_calls: BTreeMap<String, u64>,
    warnings: Vec<String>,
    passes: u64,
}

#[derive(Serialize, Deserialize)]
struct WireRun {
    version: u32,
    next: Next,
    summary: String,
    work: Work,
    started_at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    step: Option<WireStep>,
    #[serde(default)]
    steps: Vec<WireStep>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    allowed_failures: Option<usize>,
    reports: Packed<Vec<GroupReport>>,
    api_calls: BTreeMap<String, u64>,
    passes: u64,
    warnings: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct WireStep {
    concurrency: usize,
    batches: Vec<WireBatch>,
    /// Written by the state machine: of a batch that broke, nothing or anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    results: Option<Vec<Value>>,
}

/// A batch as it is passed along; `wake_at` is the time of its next pass, RFC 3339, by the clock that Step
/// Functions waits by.
pub fn write_batch(batch: Batch, wake_at: Option<String>) -> Value {
    value(&WireBatch {
        wake_at,
        ..WireBatch::from(batch)
    })
}

/// A run between two steps, as it is passed along.
pub fn write_run_state(run_state: RunState) -> Value {
    value(&WireRun::from(run_state))
}

/// Reads a batch. One that another version of the program wrote is not understood by guessing: the answer is
/// then a batch that restores its groups from their records.
///
/// # Errors
/// Not even the names of its groups can be read.
pub fn read_batch(state: Value, now: DateTime<Utc>) -> Result<Batch, WireError> {
    let rescue = Rescue::of(&state);
    match read::<WireBatch>(state) {
        Ok(batch) => Ok(batch.into()),
        Err(problem) => rescue.batch(problem, now),
    }
}

/// Reads a run between two steps. See [`rescue_run`] for one that cannot be read.
///
/// # Errors
/// Another version of the program wrote it, or it is malformed.
pub fn read_run_state(state: Value) -> Result<RunState, WireError> {
    read::<WireRun>(state).map(RunState::from)
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

/// The parts that every version keeps in the same places.
struct Rescue {
    groups: Value,
    records: Value,
    run_id: RunId,
    owner: String,
}

impl Rescue {
    fn of(state: &Value) -> Self {
        let part = |path: &str| state.pointer(path).cloned().unwrap_or_default();
        let text = |path: &str| part(path).as_str().unwrap_or("unknown").to_owned();
        Self {
            groups: part("/groups"),
            records: part("/records"),
            run_id: text("/work/run_id").into(),
            owner: text("/work/owner"),
        }
    }

    fn batch(self, problem: WireError, now: DateTime<Utc>) -> Result<Batch, WireError> {
        let Self {
            groups,
            records,
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

impl From<Batch> for WireBatch {
    fn from(batch: Batch) -> Self {
        let summary = batch.summary();
        let Batch { assignment, stage } = batch;
        let Assignment {
            number,
            work,
            groups,
            records,
            limits,
            warnings,
        } = assignment;
        let (next, stage) = match stage {
            Stage::Planned { not_before } => (Next::Wait, WireStage::Planned { not_before }),
            Stage::Working(working) => (Next::Wait, working.into()),
            Stage::Done(result) => {
                let result = result.into();
                (Next::Done, WireStage::Done { result })
            }
        };
        Self {
            version: VERSION,
            next,
            summary,
            wake_at: None,
            number,
            work,
            groups,
            records,
            limits,
            warnings,
            stage,
        }
    }
}

impl From<Working> for WireStage {
    fn from(working: Working) -> Self {
        let Working {
            jobs,
            others,
            restores,
            reported,
            api_calls,
            passes,
        } = working;
        Self::Working {
            jobs: Packed(jobs),
            others: Packed(others),
            restores,
            reported,
            api_calls,
            passes,
        }
    }
}

impl From<WireBatch> for Batch {
    fn from(wire: WireBatch) -> Self {
        let WireBatch {
            version: _,
            next: _,
            summary: _,
            wake_at: _,
            number,
            work,
            groups,
            records,
            limits,
            warnings,
            stage,
        } = wire;
        Self {
            assignment: Assignment {
                number,
                work,
                groups,
                records,
                limits,
                warnings,
            },
            stage: stage.into(),
        }
    }
}

impl From<WireStage> for Stage {
    fn from(wire: WireStage) -> Self {
        match wire {
            WireStage::Planned { not_before } => Self::Planned { not_before },
            WireStage::Working {
                jobs: Packed(jobs),
                others: Packed(others),
                restores,
                reported,
                api_calls,
                passes,
            } => Self::Working(Working {
                jobs,
                others,
                restores,
                reported,
                api_calls,
                passes,
            }),
            WireStage::Done { result } => Self::Done(result.into()),
        }
    }
}

impl From<BatchResult> for WireResult {
    fn from(result: BatchResult) -> Self {
        let BatchResult {
            summary,
            reports,
            api_calls,
            warnings,
            passes,
        } = result;
        Self {
            version: VERSION,
            summary,
            reports: Packed(reports),
            api_calls,
            warnings,
            passes,
        }
    }
}

impl From<WireResult> for BatchResult {
    fn from(wire: WireResult) -> Self {
        let WireResult {
            version: _,
            summary,
            reports: Packed(reports),
            api_calls,
            warnings,
            passes,
        } = wire;
        Self {
            summary,
            reports,
            api_calls,
            warnings,
            passes,
        }
    }
}

impl From<Step> for WireStep {
    fn from(step: Step) -> Self {
        let Step {
            concurrency,
            batches,
            results: _, // comes back only from the state machine
        } = step;
        Self {
            concurrency,
            batches: batches.into_iter().map(WireBatch::from).collect(),
            results: None,
        }
    }
}

impl From<WireStep> for Step {
    fn from(wire: WireStep) -> Self {
        let WireStep {
            concurrency,
            batches,
            results,
        } = wire;
        let results = results.unwrap_or_default().into_iter();
        let readable = results.filter_map(|r| serde_json::from_value::<WireResult>(r).ok());
        Self {
            concurrency,
            batches: batches.into_iter().map(Batch::from).collect(),
            results: readable.map(BatchResult::from).collect(),
        }
    }
}

impl From<RunState> for WireRun {
    fn from(run_state: RunState) -> Self {
        let summary = run_state.summary();
        let RunState {
            work,
            started_at,
            step,
            steps,
            allowed_failures,
            reports,
            api_calls,
            passes,
            warnings,
        } = run_state;
        Self {
            version: VERSION,
            next: match step {
                Some(_) => Next::Batches,
                None => Next::Report,
            },
            summary,
            work,
            started_at,
            step: step.map(WireStep::from),
            steps: steps.into_iter().map(WireStep::from).collect(),
            allowed_failures,
            reports: Packed(reports),
            api_calls,
            passes,
            warnings,
        }
    }
}

impl From<WireRun> for RunState {
    fn from(wire: WireRun) -> Self {
        let WireRun {
            version: _,
            next: _,
            summary: _,
            work,
            started_at,
            step,
            steps,
            allowed_failures,
            reports: Packed(reports),
            api_calls,
            passes,
            warnings,
        } = wire;
        Self {
            work,
            started_at,
            step: step.map(Step::from),
            steps: steps.into_iter().map(Step::from).collect(),
            allowed_failures,
            reports,
            api_calls,
            passes,
            warnings,
        }
    }
}
