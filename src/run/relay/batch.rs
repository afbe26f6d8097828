//! A batch of a run's groups, and the stages that it goes through. Pure.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Used, Work};
use crate::group::job::Job;
use crate::ids::{GroupName, RunId};
use crate::report::GroupReport;
use crate::text::{counted, shortened};

/// A result may take this many bytes, unless the split says otherwise: one batch alone fits into Step Functions'
/// 256 KiB with it.
const RESULT_BYTES: usize = 100 * 1024;
/// The texts for people are short: they are passed along each time.
const SUMMARY_LIMIT: usize = 400;

/// A batch of a run's groups, between two passes.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Given by the split, and the same until the end.
    pub assignment: Assignment,
    /// How far it has come.
    pub stage: Stage,
    /// The part of the stack that it has used so far.
    pub used: Used,
}

/// The part of a batch that does not change while it works.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// From 1, in the order of the run's batches: names it in the log.
    pub number: usize,
    /// The run or restore it belongs to.
    pub work: Work,
    /// Its groups.
    pub groups: Vec<GroupName>,
    /// For a restore: the run of each group's record. Where there is none, it is the work's own execution that
    /// must have made the record.
    pub records: BTreeMap<GroupName, RunId>,
    /// Its share of the run's limits.
    pub limits: Limits,
    /// For the reader of the report.
    pub warnings: Vec<String>,
}

/// A batch's share of the run's limits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// The batch asks at its share of AWS's rates, as if this many of its kind worked at once.
    pub concurrent_batches: f64,
    /// Bytes that its result may take.
    pub result_bytes: usize,
    /// At most this many build instances at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_in_flight: Option<usize>,
    /// No other group is started once more than this many have failed; `None` for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_failures: Option<usize>,
    /// The names of the run's groups are so long together that they travel packed, and only once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub packed: bool,
}

/// How far a batch has come.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// Its groups are named; nothing was read for it.
    Planned {
        /// Not to start before: an invocation that nothing waits for any more may still be at work, or other batches read
        /// the account.
        not_before: Option<DateTime<Utc>>,
    },
    /// Its groups have jobs.
    Working(Working),
    /// All its jobs are finished.
    Done(BatchResult),
}

/// A batch at work.
#[derive(Clone, Debug, PartialEq)]
pub struct Working {
    /// One per group that is tried.
    pub jobs: Vec<Job>,
    /// Groups without a job: refused, or not to be restored.
    pub others: Vec<GroupReport>,
    /// Whether everything is being restored already.
    pub restores: bool,
    /// Failed groups that were reported.
    pub reported: BTreeSet<GroupName>,
    /// Calls so far, per `service:Operation`.
    pub api_calls: BTreeMap<String, u64>,
    /// Passes so far.
    pub passes: u64,
}

/// The outcome of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchResult {
    /// The batch's number: a signature holds for no other batch of the run.
    pub number: usize,
    /// For people.
    pub summary: String,
    /// Its groups.
    pub reports: Vec<GroupReport>,
    /// Calls that it took, per `service:Operation`.
    pub api_calls: BTreeMap<String, u64>,
    /// For the reader of the report.
    pub warnings: Vec<String>,
    /// Passes that it took.
    pub passes: u64,
    /// The part of the stack that it has used.
    pub used: Used,
}

impl Batch {
    /// A batch that has not started.
    pub(super) fn planned(work: &Work, groups: Vec<GroupName>) -> Self {
        let mut work = work.clone();
        if let Work::Run(request) = &mut work {
            // The batch lists its own groups; the run's whole list in each batch would be long.
            request.selection.groups.clear();
        }
        Self {
            assignment: Assignment {
                number: 1,
                work,
                groups,
                records: BTreeMap::new(),
                limits: Limits {
                    concurrent_batches: 1.0,
                    result_bytes: RESULT_BYTES,
                    max_in_flight: None,
                    allowed_failures: None,
                    packed: false,
                },
                warnings: Vec::new(),
            },
            stage: Stage::Planned { not_before: None },
            used: Used::default(),
        }
    }

    /// Counts what a pass has used; of a batch that is done it goes with the outcome.
    pub fn count(&mut self, used: Used) {
        self.used += used;
        match &mut self.stage {
            Stage::Planned { not_before: _ } | Stage::Working(_) => {}
            Stage::Done(result) => result.used = self.used,
        }
    }

    /// Where it stands, for people.
    pub fn summary(&self) -> String {
        match &self.stage {
            Stage::Planned { not_before: _ } => {
                let groups = counted(self.assignment.groups.len(), "group");
                format!("{groups} to begin with")
            }
            Stage::Working(working) => working.summary(),
            Stage::Done(result) => result.summary.clone(),
        }
    }
}

impl Working {
    /// Where the jobs stand: `3 patching, 2 baking, 1 finished`, in the order of the phases.
    pub(super) fn summary(&self) -> String {
        if self.passes == 0 {
            return format!("{} planned", counted(self.jobs.len(), "group"));
        }
        let mut phases = BTreeMap::new();
        for job in &self.jobs {
            *phases.entry(job.phase).or_insert(0) += 1;
        }
        let parts: Vec<String> = phases.iter().map(|(p, n)| format!("{n} {p}")).collect();
        shortened(&parts.join(", "), SUMMARY_LIMIT)
    }

    /// Adds calls to those so far.
    pub(super) fn count(&mut self, calls: BTreeMap<String, u64>) {
        add(&mut self.api_calls, calls);
    }
}

/// Adds calls per operation.
pub(super) fn add(all: &mut BTreeMap<String, u64>, calls: BTreeMap<String, u64>) {
    for (operation, calls) in calls {
        *all.entry(operation).or_default() += calls;
    }
}
