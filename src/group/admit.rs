//! Admission: which queued jobs start now, which wait, which never start. Pure.

use std::borrow::{Borrow, BorrowMut};
use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::bake::Bakes;
use super::budget::Budget;
use super::job::{Deployment, Job};
use super::outcome::Implication;
use super::transition;
use super::{Code, Failure, Outcome, Phase};
use crate::request::FailureLimit;
use crate::schedule::Window;

/// The bounds of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// When groups may be started.
    pub window: Window,
    /// At most this many groups with a build instance at once.
    pub max_in_flight: Option<usize>,
    /// Nothing more is started once more groups than this have failed.
    pub allowed_failures: usize,
    /// Nor is a later wave started once more groups of an earlier one have failed, as a part of that wave.
    pub allowed_in_wave: Option<FailureLimit>,
    /// The operator wants nothing new.
    pub stopping: bool,
    /// How long the calls of one group keep the slowest of AWS's rates busy, as far as we may use them.
    pub calls_take: TimeDelta,
}

impl Bounds {
    /// How long the calls of the groups in flight may hold up another one.
    pub(super) fn before(&self, in_flight: usize) -> TimeDelta {
        let groups = i32::try_from(in_flight).unwrap_or(i32::MAX);
        self.calls_take
            .checked_mul(groups)
            .unwrap_or(TimeDelta::MAX)
    }
}

/// The answer for a queued job.
#[derive(Clone, Debug, PartialEq)]
pub enum Admission {
    /// It starts.
    Start {
        /// It makes the image of its bake.
        bakes: bool,
    },
    /// It stays queued.
    Wait(String),
    /// It never starts.
    Refuse(Failure),
    /// Another group's bake showed that its image is current.
    Current(String),
}

/// The queued jobs of a run, by their places, in order of wave and name.
#[derive(Clone, Debug)]
pub struct Queue(Vec<usize>);

impl Queue {
    /// Of jobs in their order.
    pub fn of<J: Borrow<Job>>(jobs: &[J]) -> Self {
        let is_queued = |i: &usize| jobs[*i].borrow().phase == Phase::Queued;
        let mut places: Vec<usize> = (0..jobs.len()).filter(is_queued).collect();
        places.sort_by(|a, b| {
            let (a, b): (&Job, &Job) = (jobs[*a].borrow(), jobs[*b].borrow());
            (a.wave(), a.group()).cmp(&(b.wave(), b.group()))
        });
        Self(places)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Their places.
    pub fn places(&self) -> impl Iterator<Item = usize> {
        self.0.iter().copied()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Decides for all queued jobs and carries the decisions out. Answers the places of those that left the queue.
pub fn admit<J: BorrowMut<Job>>(
    jobs: &mut [J],
    bakes: &Bakes,
    queue: &mut Queue,
    bounds: &Bounds,
    now: DateTime<Utc>,
) -> Vec<usize> {
    let mut census = Census::of(jobs);
    let mut wave = None;
    for index in &queue.0 {
        let present = jobs[*index].borrow().wave();
        if census.is_stale && wave != Some(present) {
            census = Census::of(jobs);
        }
        wave = Some(present);
        let admission = decide(jobs, bakes, *index, &census, bounds, now);
        let job: &mut Job = jobs[*index].borrow_mut();
        match admission {
            Admission::Start { bakes } => {
                if let Some(forward) = &mut job.forward {
                    forward.bakes = bakes;
                }
                census.in_flight += 1;
                census.building += usize::from(bakes);
                job.enter(Phase::Recording, "admitted", now);
            }
            Admission::Wait(reason) => job.reason = reason,
            Admission::Refuse(failure) => {
                census.is_stale = true;
                transition::fail(job, failure, now);
            }
            Admission::Current(reason) => {
                census.is_stale = true;
                job.deployment = Deployment::AlreadyCurrent;
                job.finish(Outcome::AlreadyCurrent, reason, now);
            }
        }
    }
    let is_queued = |i: &usize| jobs[*i].borrow().phase == Phase::Queued;
    let (queued, left) = queue.0.iter().partition(|i| is_queued(i));
    queue.0 = queued;
    left
}

/// The counts that admission takes of all jobs of a run.
struct Census {
    failures: usize,
    /// By wave: its groups, and how many of them have failed.
    waves: BTreeMap<i32, (usize, usize)>,
    in_flight: usize,
    building: usize,
    /// The first job of each wave that is not finished.
    unfinished: BTreeMap<i32, usize>,
    /// A job has finished since.
    is_stale: bool,
}

impl Census {
    fn of<J: Borrow<Job>>(jobs: &[J]) -> Self {
        let mut census = Self {
            failures: 0,
            waves: BTreeMap::new(),
            in_flight: 0,
            building: 0,
            unfinished: BTreeMap::new(),
            is_stale: false,
        };
        for (index, job) in jobs.iter().enumerate() {
            let job: &Job = job.borrow();
            census.failures += usize::from(has_failed(job));
            let (groups, failed) = census.waves.entry(job.wave()).or_default();
            *groups += 1;
            *failed += usize::from(has_failed(job));
            census.in_flight += usize::from(job.in_flight());
            census.building += usize::from(job.in_flight() && planned_to_bake(job));
            if !job.finished() {
                census.unfinished.entry(job.wave()).or_insert(index);
            }
        }
        census
    }

    /// The first earlier wave of which too many groups have failed: it, how many may, and how many have.
    fn broken_before(&self, wave: i32, limit: FailureLimit) -> Option<(i32, usize, usize)> {
        let mut earlier = self.waves.range(..wave);
        earlier.find_map(|(wave, (groups, failed))| {
            let allowed = limit.groups(*groups);
            (*failed > allowed).then_some((*wave, allowed, *failed))
        })
    }

    /// The first unfinished job of an earlier wave.
    fn before(&self, wave: i32) -> Option<usize> {
        self.unfinished.range(..wave).map(|(_, first)| *first).min()
    }
}

fn planned_to_bake(job: &Job) -> bool {
    job.forward.as_ref().is_some_and(|f| f.bakes)
}

fn budget(job: &Job, bakes: bool) -> Budget {
    let forward = job.forward.as_ref();
    forward.map_or_else(Budget::default, |f| Budget::of(f, bakes))
}

fn has_failed(job: &Job) -> bool {
    let touched = matches!(
        job.outcome,
        Some(Outcome::RolledBack | Outcome::Failed) | None
    );
    // Missing patches are what a scan was asked for; one that fails has another code.
    let failure = job.failure.as_ref();
    touched && failure.is_some_and(|f| f.code != Code::PatchesMissing)
}

fn decide<J: Borrow<Job>>(
    jobs: &[J],
    bakes: &Bakes,
    index: usize,
    census: &Census,
    bounds: &Bounds,
    now: DateTime<Utc>,
) -> Admission {
    let job: &Job = jobs[index].borrow();
    let refuse = |code, reason: String| Admission::Refuse(Failure::new(code, reason));
    if bounds.stopping {
        // A driver whose memory is lost may have begun with it: its record tells.
        return match job.resumed_at {
            Some(_) => Admission::Start {
                bakes: planned_to_bake(job),
            },
            None => refuse(Code::Stopped, Code::Stopped.title().into()),
        };
    }
    let misfit = |bakes| {
        let before = bounds.before(census.in_flight);
        budget(job, bakes).misfit(now, &bounds.window, before)
    };
    if let (true, Some(failure)) = (now >= bounds.window.cutoff, misfit(planned_to_bake(job))) {
        return Admission::Refuse(failure);
    }
    let failures = census.failures;
    if failures > bounds.allowed_failures {
        return refuse(
            Code::FailureBudget,
            format!(
                "expected at most {} failed groups in the run, found {failures}",
                bounds.allowed_failures
            ),
        );
    }
    let broken = bounds
        .allowed_in_wave
        .and_then(|limit| census.broken_before(job.wave(), limit));
    if let Some((wave, allowed, failed)) = broken {
        return refuse(Code::FailureBudget, too_many_in_wave(wave, allowed, failed));
    }
    if let Some(earlier) = census.before(job.wave()) {
        let earlier: &Job = jobs[earlier].borrow();
        return Admission::Wait(format!(
            "wave {}: waiting for wave {} ({})",
            job.wave(),
            earlier.wave(),
            earlier.group()
        ));
    }
    let bakes_itself = match share(jobs, bakes, index) {
        Share::Ready => false,
        Share::Make => true,
        Share::Answer(admission) => return admission,
    };
    if let Some(failure) = misfit(bakes_itself) {
        return Admission::Refuse(failure);
    }
    let building = census.building;
    match bounds.max_in_flight {
        Some(most) if bakes_itself && building >= most => Admission::Wait(format!(
            "{building} groups are in flight, the limit is {most}"
        )),
        Some(_) | None => Admission::Start {
            bakes: bakes_itself,
        },
    }
}

/// Why no later wave is started.
pub fn too_many_in_wave(wave: i32, allowed: usize, failed: usize) -> String {
    format!(
        "expected at most {allowed} failed groups in wave {wave}, which goes before, found {failed}"
    )
}

/// The consequence of the others of the bake for a queued job.
enum Share {
    /// The image is there.
    Ready,
    /// The job makes it.
    Make,
    /// Neither.
    Answer(Admission),
}

fn share<J: Borrow<Job>>(jobs: &[J], bakes: &Bakes, index: usize) -> Share {
    let own: &Job = jobs[index].borrow();
    if bakes.members(own).len() <= 1 {
        return Share::Make;
    }
    let others = || {
        bakes
            .members(own)
            .iter()
            .filter(|i| **i != index)
            .map(|i| -> &Job { jobs[*i].borrow() })
    };
    let has_image = others().any(|j| j.made.image.is_some());
    if let Some(failed) = others().find(|j| j.failure.is_some() && spoils_bake(j, has_image)) {
        let reason = failed.failure.as_ref().map_or("", |f| f.reason.as_str());
        let code = match &failed.failure {
            Some(f) if f.code == Code::PatchesMissing => Code::PatchesMissing,
            Some(_) | None => Code::BakeFailed,
        };
        let reason = format!("{}, which has the same image: {reason}", failed.group());
        return Share::Answer(Admission::Refuse(Failure::new(code, reason)));
    }
    // A version that reaches both is taken by both or by neither: it would be no use to start.
    let bake = bakes.view(jobs, index);
    if let (true, Some((sibling, failure))) = (bake.all_or_nothing, &bake.failed) {
        let reason = format!(
            "{sibling} follows the same template and was not patched: {}",
            failure.reason
        );
        return Share::Answer(Admission::Refuse(Failure::new(Code::SiblingFailed, reason)));
    }
    if let Some(current) =
        others().find(|j| j.finished() && j.deployment == Deployment::AlreadyCurrent)
    {
        let reason = format!("{} has the same image, and it is current", current.group());
        return Share::Answer(Admission::Current(reason));
    }
    if has_image {
        return Share::Ready;
    }
    // The one at work makes it; if that failed for its own reasons, the next one does.
    match others().find(|j| j.in_flight()) {
        Some(maker) => Share::Answer(Admission::Wait(format!(
            "waiting for the image that {} makes",
            maker.group()
        ))),
        None => Share::Make,
    }
}

/// Whether a group's failure means that the others of its bake would fail too.
fn spoils_bake(job: &Job, has_image: bool) -> bool {
    let Some(failure) = &job.failure else {
        return false;
    };
    // A failure after the image was made comes from the image or from its version.
    let touched = !matches!(job.outcome, Some(Outcome::Skipped | Outcome::Scanned));
    has_image && touched || failure.code.has(Implication::SpoilsBake)
}
