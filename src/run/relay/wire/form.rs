//! The wire form itself, and its conversions from and to the model.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::packed::Packed;
use super::super::{Assignment, Batch, BatchResult, Limits, RunState, Stage, Step, Work, Working};
use super::VERSION;
use crate::group::job::Job;
use crate::ids::{GroupName, RunId};
use crate::report::GroupReport;

/// The next state of the state machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Next {
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
pub(super) struct WireBatch {
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
pub(super) enum WireStage {
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
pub(super) struct WireResult {
    number: usize,
    summary: String,
    reports: Packed<Vec<GroupReport>>,
    api_calls: BTreeMap<String, u64>,
    warnings: Vec<String>,
    passes: u64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct WireRun {
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
    #[serde(default, skip_serializing_if = "is_zero")]
    failed_before: usize,
    reports: Packed<Vec<GroupReport>>,
    api_calls: BTreeMap<String, u64>,
    passes: u64,
    warnings: Vec<String>,
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

#[derive(Serialize, Deserialize)]
pub(super) struct WireStep {
    #[serde(default)]
    wave: i32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    allowed_in_wave: Option<usize>,
    concurrency: usize,
    batches: Vec<WireBatch>,
    /// Written by the state machine: of a batch that broke, nothing or anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    results: Option<Vec<Value>>,
}

impl WireBatch {
    /// The same with the time of its next pass.
    pub(super) fn waking_at(self, wake_at: Option<String>) -> Self {
        Self { wake_at, ..self }
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
            number,
            summary,
            reports,
            api_calls,
            warnings,
            passes,
        } = result;
        Self {
            number,
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
            number,
            summary,
            reports: Packed(reports),
            api_calls,
            warnings,
            passes,
        } = wire;
        Self {
            number,
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
            wave,
            allowed_in_wave,
            concurrency,
            batches,
            results: _, // comes back only from the state machine
        } = step;
        Self {
            wave,
            allowed_in_wave,
            concurrency,
            batches: batches.into_iter().map(WireBatch::from).collect(),
            results: None,
        }
    }
}

impl From<WireStep> for Step {
    fn from(wire: WireStep) -> Self {
        let WireStep {
            wave,
            allowed_in_wave,
            concurrency,
            batches,
            results,
        } = wire;
        let results = results.unwrap_or_default().into_iter();
        let readable = results.filter_map(|r| serde_json::from_value::<WireResult>(r).ok());
        Self {
            wave,
            allowed_in_wave,
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
            failed_before,
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
            failed_before,
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
            failed_before,
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
            failed_before,
            reports,
            api_calls,
            passes,
            warnings,
        }
    }
}
