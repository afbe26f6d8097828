//! Which groups go together, and when. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::packed::Packed;
use super::{BATCHES_AT_ONCE, Batch, Step, Work};
use crate::group::job::Job;
use crate::ids::{BakeKey, GroupName, RunId};

/// Groups of a batch, unless one bake has more: each look is then for many, and what is passed along, about a KiB for
/// each, stays well below Step Functions' 256 KiB.
const BATCH_GROUPS: usize = 100;
/// The same in bytes of their jobs as they are planned, each packed by itself: groups with long schedules, or with many
/// templates, need more than others.
const BATCH_BYTES: usize = 160 * 1024;
/// Batches of a step, which travel with all that they need; those of steps to come travel packed together.
const STEP_BATCHES: usize = 30;
/// Bytes of the names of a run's groups that travel as they are.
const PLAIN_NAMES_BYTES: usize = 48 * 1024;

/// A group, as far as the split needs to know it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BatchMember {
    pub wave: i32,
    pub group: GroupName,
    pub bake_key: BakeKey,
    pub run_id: RunId,
    /// Of its job, packed.
    pub bytes: usize,
    /// The application that it serves, as a ring names it.
    pub application: String,
}

impl From<&Job> for BatchMember {
    fn from(job: &Job) -> Self {
        Self {
            wave: job.wave(),
            group: job.group().to_owned(),
            bake_key: job.record.bake_key.clone(),
            run_id: job.record.run_id.clone(),
            bytes: Packed::bytes(job),
            application: job
                .forward
                .as_ref()
                .map_or_else(String::new, |f| f.place.application().to_owned()),
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
    let names: usize = candidates.iter().map(|c| c.group.len()).sum();
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
            let parts = batches.chunks(STEP_BATCHES);
            steps.extend(parts.map(|part| step(part.to_vec())));
        }
    }
    let count: usize = steps.iter().map(|s| s.batches.len()).sum();
    let batches = steps.iter_mut().flat_map(|s| &mut s.batches);
    for (number, batch) in (1..).zip(batches) {
        batch.assignment.number = number;
        let limits = &mut batch.assignment.limits;
        limits.result_bytes = RESULTS_BYTES / count.max(1);
        limits.packed = names > PLAIN_NAMES_BYTES;
    }
    steps
}

/// Bakes in order, as many in a batch as it takes.
fn filled(bakes: Vec<Vec<BatchMember>>) -> Vec<Vec<BatchMember>> {
    let mut batches: Vec<Vec<BatchMember>> = Vec::new();
    for bake in bakes {
        match batches.last_mut() {
            Some(last) if has_room(last, &bake) => last.extend(bake),
            Some(_) | None => batches.push(bake),
        }
    }
    batches
}

fn has_room(batch: &[BatchMember], bake: &[BatchMember]) -> bool {
    let bytes: usize = batch.iter().chain(bake).map(|m| m.bytes).sum();
    batch.len() + bake.len() <= BATCH_GROUPS && bytes <= BATCH_BYTES
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
        let applications: BTreeSet<&str> =
            candidates.iter().map(|c| c.application.as_str()).collect();
        let work = for_these(work, &applications);
        let groups = candidates.into_iter().map(|c| c.group).collect();
        let mut batch = Batch::planned(&work, groups);
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

/// The same work with what its ring says of these applications only: that of all in each batch would be long.
fn for_these(work: &Work, applications: &BTreeSet<&str>) -> Work {
    let mut work = work.clone();
    if let Work::Run(request) = &mut work
        && let Some(ring) = &mut request.ring
    {
        ring.passed.retain(|a| applications.contains(a.as_str()));
        ring.fared.retain(|a, _| applications.contains(a.as_str()));
    }
    work
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
    use chrono::{DateTime, TimeDelta, Utc};

    use super::*;
    use crate::request::{AtDeadline, FailureLimit, Operation, Ring, RunRequest, Selection};
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

    /// 360 groups: one bake of 160, pairs, in two waves.
    fn candidates() -> Vec<BatchMember> {
        let candidate = |n: usize| BatchMember {
            wave: i32::from(n >= 280),
            group: format!("g{n:03}").into(),
            bake_key: if n < 160 {
                "shared".into()
            } else {
                (n / 2).to_string().into()
            },
            run_id: "run-1".into(),
            bytes: 1,
            application: format!("app-{}", n % 3),
        };
        (0..360).rev().map(candidate).collect()
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
        assert_eq!(names(&steps), [vec![160, 100, 20], vec![80]]);
        assert_eq!(steps[0].concurrency, 3);
        let all_groups: BTreeSet<&GroupName> = steps
            .iter()
            .flat_map(|s| &s.batches)
            .flat_map(|b| &b.assignment.groups)
            .collect();
        assert_eq!(all_groups.len(), 360);
    }

    /// Long schedules make small batches, and many batches several steps of one wave.
    #[test]
    fn what_is_passed_along_bounds_batches_and_steps() {
        let all = work(None, FailureLimit::Percent(100));
        let candidate = |n: usize| BatchMember {
            wave: 3,
            group: format!("g{n:04}").into(),
            bake_key: n.to_string().into(),
            run_id: "run-1".into(),
            bytes: if n < 90 { BATCH_BYTES / 30 } else { 1 },
            application: format!("app-{n}"),
        };
        let steps = super::steps((0..3_190).map(candidate).collect(), &all);
        let expected = [vec![30, 30, 40], vec![100; 30], vec![90]].concat();
        assert_eq!(names(&steps), [&expected[..30], &expected[30..]]);
        assert!(steps.iter().all(|s| s.wave == 3));
        let last = steps[1].batches.last().expect("a batch");
        assert_eq!(last.assignment.number, 34);
    }

    /// A ring of thousands of applications would not fit into each batch.
    #[test]
    fn a_batch_has_what_its_ring_says_of_its_own_applications() {
        let mut all = work(None, FailureLimit::Percent(100));
        let Work::Run(request) = &mut all else {
            panic!("{all:?}");
        };
        request.ring = Some(Ring {
            after: "early".into(),
            days: 7,
            passed: (0..5_000).map(|n| format!("app-{n}")).collect(),
            fared: [
                ("app-1".to_owned(), "failed".to_owned()),
                ("app-9".into(), "failed".into()),
            ]
            .into(),
        });
        let steps = super::steps(candidates(), &all);
        let batch = &steps[0].batches[0].assignment;
        let Work::Run(request) = &batch.work else {
            panic!("{batch:?}");
        };
        let ring = request.ring.as_ref().expect("a ring");
        let passed: Vec<&String> = ring.passed.iter().collect();
        assert_eq!(passed, ["app-0", "app-1", "app-2"]);
        assert_eq!(ring.fared.keys().collect::<Vec<_>>(), ["app-1"]);
        assert_eq!(ring.after, "early");
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
        assert_eq!(names(&steps), [vec![160], vec![100], vec![20], vec![80]]);
        assert_eq!([at_once(8, 15), at_once(8, 16), at_once(8, 3)], [5, 8, 3]);
    }
}
