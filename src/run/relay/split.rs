//! Which groups go together, and when. Pure.

use std::collections::BTreeMap;

use super::run_state::Step;
use super::{Batch, Work};
use crate::group::job::Job;
use crate::ids::{BakeKey, GroupName, RunId};

/// Groups of a batch, unless one bake has more: a pass over this many takes seconds, and what is passed along
/// stays well below Step Functions' 256 KiB.
const BATCH_GROUPS: usize = 25;
/// Batches at work at once: they share AWS's rates, and the function's reserved concurrency (10 by default in
/// the template) is to have room for sweeps.
const BATCHES_AT_ONCE: usize = 8;

/// A group, as far as the split needs to know it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BatchMember {
    pub wave: i32,
    pub group: GroupName,
    pub bake_key: BakeKey,
    pub run_id: RunId,
}

impl From<&Job> for BatchMember {
    fn from(job: &Job) -> Self {
        Self {
            wave: job.wave(),
            group: job.group().to_owned(),
            bake_key: job.record.bake_key.clone(),
            run_id: job.record.run_id.clone(),
        }
    }
}

/// Bytes for the results of all batches: they are passed along together, so each is cut to its share of this.
/// Step Functions passes 256 KiB, which holds them beside the rest.
const RESULTS_BYTES: usize = 150 * 1024;

/// The steps of a run, one after the other; the batches of a step go on side by side. Groups of one bake
/// stay together, lower waves come first. Where groups queue for a place and a number of failures stops the
/// queue, every batch is a step of its own, because it must know what came before.
pub(super) fn steps(mut candidates: Vec<BatchMember>, work: &Work) -> Vec<Step> {
    candidates.sort();
    let planned = candidates.len();
    let in_turn = match work {
        Work::Run(request) => {
            request.max_in_flight.is_some() && request.max_failures.groups(planned) < planned
        }
        Work::Restore { .. } => false,
    };
    let mut waves: BTreeMap<i32, Vec<Vec<BatchMember>>> = BTreeMap::new();
    let mut bakes: BTreeMap<(i32, BakeKey), usize> = BTreeMap::new();
    for candidate in candidates {
        let wave = waves.entry(candidate.wave).or_default();
        let bake = *bakes
            .entry((candidate.wave, candidate.bake_key.clone()))
            .or_insert_with(|| {
                wave.push(Vec::new());
                wave.len() - 1
            });
        if let Some(bake) = wave.get_mut(bake) {
            bake.push(candidate);
        }
    }
    let mut steps = Vec::new();
    for (wave, bakes) in waves {
        let groups = bakes.iter().map(Vec::len).sum();
        let allowed_in_wave = match work {
            Work::Run(request) => Some(request.max_failures.groups(groups)),
            Work::Restore { .. } => None,
        };
        let step = |batches| Step {
            wave,
            allowed_in_wave,
            ..step(batches, work)
        };
        let batches = filled(bakes);
        if in_turn {
            steps.extend(batches.into_iter().map(|b| step(vec![b])));
        } else {
            steps.push(step(batches));
        }
    }
    let count: usize = steps.iter().map(|s| s.batches.len()).sum();
    let batches = steps.iter_mut().flat_map(|s| &mut s.batches);
    for (number, batch) in (1..).zip(batches) {
        batch.assignment.number = number;
        batch.assignment.limits.result_bytes = RESULTS_BYTES / count.max(1);
    }
    steps
}

/// Bakes in order, as many in a batch as it takes.
fn filled(bakes: Vec<Vec<BatchMember>>) -> Vec<Vec<BatchMember>> {
    let mut batches: Vec<Vec<BatchMember>> = Vec::new();
    for bake in bakes {
        match batches.last_mut() {
            Some(last) if last.len() + bake.len() <= BATCH_GROUPS => last.extend(bake),
            Some(_) | None => batches.push(bake),
        }
    }
    batches
}

fn step(batches: Vec<Vec<BatchMember>>, work: &Work) -> Step {
    let limit = match work {
        Work::Run(request) => request.max_in_flight,
        Work::Restore { .. } => None,
    };
    let most = batches.len().clamp(1, BATCHES_AT_ONCE);
    let concurrency = limit.map_or(most, |limit| at_once(most, limit));
    let mut sizes: Vec<usize> = batches.iter().map(Vec::len).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    let at_work: usize = sizes.iter().take(concurrency).sum();
    let batch = |candidates: Vec<BatchMember>| {
        let own = candidates.len().max(1);
        let is_restore = matches!(work, Work::Restore { .. });
        let records = candidates.iter().filter(|_| is_restore);
        let records = records.map(|c| (c.group.clone(), c.run_id.clone()));
        let records = records.collect();
        let groups = candidates.into_iter().map(|c| c.group).collect();
        let mut batch = Batch::planned(work, groups);
        batch.assignment.records = records;
        let limits = &mut batch.assignment.limits;
        limits.max_in_flight = limit.map(|n| (n / concurrency).max(1));
        limits.concurrent_batches = (at_work as f64 / own as f64).max(1.0);
        batch
    };
    Step {
        wave: 0,
        allowed_in_wave: None,
        concurrency,
        batches: batches.into_iter().map(batch).collect(),
        results: Vec::new(),
    }
}

/// The number of batches at once with which the most groups are under way, when all batches together may have
/// `limit` groups under way.
fn at_once(most: usize, limit: usize) -> usize {
    let under_way = |n: &usize| n * (limit / n);
    let numbers = 1..=most.min(limit.max(1));
    numbers.max_by_key(|n| (under_way(n), *n)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chrono::{DateTime, TimeDelta, Utc};

    use super::*;
    use crate::request::{AtDeadline, FailureLimit, Operation, RunRequest, Selection};
    use crate::schedule::Window;

    fn work(max_in_flight: Option<usize>, max_failures: FailureLimit) -> Work {
        let start: DateTime<Utc> = "2026-10-14T04:00:00Z".parse().expect("a time");
        Work::Run(Box::new(RunRequest {
            run_id: "run-1".into(),
            owner: "execution:x".into(),
            window: Window {
                start,
                deadline: start + TimeDelta::hours(3),
                cutoff: start + TimeDelta::hours(2),
            },
            selection: Selection::default(),
            operation: Operation::Install,
            max_in_flight,
            max_failures,
            topic_arn: None,
            at_deadline: AtDeadline::default(),
            keep_failed: None,
            documents: Default::default(),
            place_tags: Default::default(),
            ring: None,
            about: Box::default(),
        }))
    }

    /// 90 groups: one bake of 40, pairs, in two waves.
    fn candidates() -> Vec<BatchMember> {
        let candidate = |n: usize| BatchMember {
            wave: i32::from(n >= 70),
            group: format!("g{n:03}").into(),
            bake_key: if n < 40 {
                "shared".into()
            } else {
                (n / 2).to_string().into()
            },
            run_id: "run-1".into(),
        };
        (0..90).rev().map(candidate).collect()
    }

    fn names(steps: &[Step]) -> Vec<Vec<usize>> {
        let sizes = |s: &Step| {
            s.batches
                .iter()
                .map(|b| b.assignment.groups.len())
                .collect()
        };
        steps.iter().map(sizes).collect()
    }

    #[test]
    fn bakes_stay_together_and_waves_come_in_turn() {
        let all = work(None, FailureLimit::Percent(100));
        let steps = super::steps(candidates(), &all);
        assert_eq!(names(&steps), [vec![40, 24, 6], vec![20]]);
        assert_eq!(steps[0].concurrency, 3);
        let all_groups: BTreeSet<&GroupName> = steps
            .iter()
            .flat_map(|s| &s.batches)
            .flat_map(|b| &b.assignment.groups)
            .collect();
        assert_eq!(all_groups.len(), 90);
    }

    #[test]
    fn limits_hold_for_all_batches_together() {
        for most in [1, 2, 5, 100] {
            let limited = work(Some(most), FailureLimit::Percent(100));
            for step in super::steps(candidates(), &limited) {
                let per_batch = step.batches[0]
                    .assignment
                    .limits
                    .max_in_flight
                    .expect("a limit");
                assert!(per_batch * step.concurrency <= most, "{most}");
            }
        }
        let careful = work(Some(10), FailureLimit::Count(3));
        let steps = super::steps(candidates(), &careful);
        assert_eq!(names(&steps), [vec![40], vec![24], vec![6], vec![20]]);
        assert_eq!([at_once(8, 15), at_once(8, 16), at_once(8, 3)], [5, 8, 3]);
    }
}
