//! The wire form itself, and its conversions from and to the model.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::packed::{Packed, Wrapped};
use super::super::{
    Assignment, Batch, BatchResult, Limits, RunState, Stage, Step, Used, Work, Working,
};
use super::VERSION;
use crate::group::job::Job;
use crate::ids::{GroupName, RunId};
use crate::report::GroupReport;
use crate::text::hash_hex;

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
    groups: Wrapped<Vec<GroupName>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    records: Option<Wrapped<BTreeMap<GroupName, RunId>>>,
    limits: Limits,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    #[serde(default, skip_serializing_if = "Used::is_nothing")]
    used: Used,
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
    #[serde(flatten)]
    reports: WireReports,
    api_calls: BTreeMap<String, u64>,
    warnings: Vec<String>,
    passes: u64,
    #[serde(default, skip_serializing_if = "Used::is_nothing")]
    used: Used,
}

/// The field's name says how reports name their groups: a version that does not know it has no outcome, rather than a
/// wrong one.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WireReports {
    /// By their names.
    Reports(Packed<Vec<GroupReport>>),
    /// By their places in the batch's list: the batch, which is passed along beside the outcome, has the names.
    ReportsByPlace(Packed<ByPlace>),
}

#[derive(Serialize, Deserialize)]
struct ByPlace {
    /// The mark of the batch's list. A run that was begun twice may have another batch of this number.
    list: String,
    /// Each with the place of its group, from 0, as its name.
    reports: Vec<GroupReport>,
}

/// Tells a list of groups from others.
fn mark_of(groups: &[GroupName]) -> String {
    let names: Vec<&str> = groups.iter().map(|g| g.as_str()).collect();
    hash_hex(&names, 8)
}

impl WireReports {
    fn new(mut reports: Vec<GroupReport>, groups: &[GroupName], packed: bool) -> Self {
        if !packed {
            return Self::Reports(Packed(reports));
        }
        let places: BTreeMap<&GroupName, usize> = groups.iter().zip(0..).collect();
        for report in &mut reports {
            if let Some(place) = places.get(&report.group) {
                report.group = place.to_string().into();
            }
        }
        let list = mark_of(groups);
        Self::ReportsByPlace(Packed(ByPlace { list, reports }))
    }

    /// The reports, of a batch of these groups; none of another batch: its groups are then restored.
    fn named(self, groups: &[GroupName]) -> Vec<GroupReport> {
        let ByPlace { list, mut reports } = match self {
            Self::Reports(Packed(reports)) => return reports,
            Self::ReportsByPlace(Packed(by_place)) => by_place,
        };
        if list != mark_of(groups) {
            tracing::error!("the outcome of a batch is of other groups, and left out");
            return Vec::new();
        }
        for report in &mut reports {
            let place = report.group.parse::<usize>().ok();
            if let Some(name) = place.and_then(|place| groups.get(place)) {
                report.group = name.clone();
            }
        }
        reports
    }
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    steps: Option<Wrapped<Vec<WireStep>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    allowed_failures: Option<usize>,
    #[serde(default, skip_serializing_if = "is_zero")]
    failed_before: usize,
    reports: Packed<Vec<GroupReport>>,
    api_calls: BTreeMap<String, u64>,
    passes: u64,
    warnings: Vec<String>,
    #[serde(default, skip_serializing_if = "Used::is_nothing")]
    used: Used,
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
    /// A batch of a step to come: it is packed with others.
    fn to_come(batch: Batch) -> Self {
        Self::new(batch, false)
    }

    /// A batch whose names may be packed.
    fn new(batch: Batch, packs: bool) -> Self {
        let summary = batch.summary();
        let Batch {
            assignment,
            stage,
            used,
        } = batch;
        let Assignment {
            number,
            work,
            groups,
            records,
            limits,
            warnings,
        } = assignment;
        // Once it is at work, it is alone in its state.
        let is_planned = matches!(stage, Stage::Planned { not_before: _ });
        let packed = packs && limits.packed && is_planned;
        let (next, stage) = match stage {
            Stage::Planned { not_before } => (Next::Wait, WireStage::Planned { not_before }),
            Stage::Working(working) => (Next::Wait, working.into()),
            Stage::Done(result) => {
                let result = WireResult::new(result, &groups, limits.packed);
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
            groups: Wrapped::new(groups, packed),
            records: (!records.is_empty()).then(|| Wrapped::new(records, packed)),
            limits,
            warnings,
            used,
            stage,
        }
    }

    /// The same with the time of its next pass.
    pub(super) fn waking_at(self, wake_at: Option<String>) -> Self {
        Self { wake_at, ..self }
    }
}

impl From<Batch> for WireBatch {
    fn from(batch: Batch) -> Self {
        Self::new(batch, true)
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
            used,
            stage,
        } = wire;
        let groups = groups.into_inner();
        let stage = stage.of(&groups);
        Self {
            assignment: Assignment {
                number,
                work,
                groups,
                records: records.map(Wrapped::into_inner).unwrap_or_default(),
                limits,
                warnings,
            },
            stage,
            used,
        }
    }
}

impl WireStage {
    /// The stage of a batch of these groups.
    fn of(self, groups: &[GroupName]) -> Stage {
        match self {
            Self::Planned { not_before } => Stage::Planned { not_before },
            Self::Working {
                jobs: Packed(jobs),
                others: Packed(others),
                restores,
                reported,
                api_calls,
                passes,
            } => Stage::Working(Working {
                jobs,
                others,
                restores,
                reported,
                api_calls,
                passes,
            }),
            Self::Done { result } => Stage::Done(result.named(groups)),
        }
    }
}

impl WireResult {
    fn new(result: BatchResult, groups: &[GroupName], packed: bool) -> Self {
        let BatchResult {
            number,
            summary,
            reports,
            api_calls,
            warnings,
            passes,
            used,
        } = result;
        Self {
            number,
            summary,
            reports: WireReports::new(reports, groups, packed),
            api_calls,
            warnings,
            passes,
            used,
        }
    }

    /// The outcome of a batch of these groups.
    fn named(self, groups: &[GroupName]) -> BatchResult {
        let Self {
            number,
            summary,
            reports,
            api_calls,
            warnings,
            passes,
            used,
        } = self;
        BatchResult {
            number,
            summary,
            reports: reports.named(groups),
            api_calls,
            warnings,
            passes,
            used,
        }
    }
}

impl WireStep {
    /// A step, with its batches in this form.
    fn new(step: Step, form: fn(Batch) -> WireBatch) -> Self {
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
            batches: batches.into_iter().map(form).collect(),
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
        let batches: Vec<Batch> = batches.into_iter().map(Batch::from).collect();
        let groups_of = |number: usize| {
            let batch = batches.iter().find(|b| b.assignment.number == number);
            batch.map_or(&[][..], |b| &b.assignment.groups)
        };
        let results = results.unwrap_or_default().into_iter();
        let readable = results.filter_map(|r| serde_json::from_value::<WireResult>(r).ok());
        let results = readable.map(|r| {
            let groups = groups_of(r.number);
            r.named(groups)
        });
        Self {
            wave,
            allowed_in_wave,
            concurrency,
            results: results.collect(),
            batches,
        }
    }
}

impl From<RunState> for WireRun {
    fn from(run_state: RunState) -> Self {
        let summary = run_state.summary();
        let packed = run_state.is_packed();
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
            used,
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
            step: step.map(|step| WireStep::new(step, WireBatch::from)),
            steps: (!steps.is_empty()).then(|| {
                let steps = steps.into_iter();
                let steps = steps.map(|step| WireStep::new(step, WireBatch::to_come));
                Wrapped::new(steps.collect(), packed)
            }),
            allowed_failures,
            failed_before,
            reports: Packed(reports),
            api_calls,
            passes,
            warnings,
            used,
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
            used,
        } = wire;
        Self {
            work,
            started_at,
            step: step.map(Step::from),
            steps: steps
                .map(Wrapped::into_inner)
                .unwrap_or_default()
                .into_iter()
                .map(Step::from)
                .collect(),
            allowed_failures,
            failed_before,
            reports,
            api_calls,
            passes,
            warnings,
            used,
        }
    }
}
