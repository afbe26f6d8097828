//! Admission: which queued jobs start now, which wait, which never start. Pure.

use chrono::{DateTime, Utc};

use super::bake::Bakes;
use super::budget::Budget;
use super::job::{Deployment, Job};
use super::outcome::Implication;
use super::transition;
use super::{Code, Failure, Outcome, Phase};
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
    /// The operator wants nothing new.
    pub stopping: bool,
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

/// Decides for all queued jobs, in order of wave and name, and carries the decisions out.
pub fn admit(jobs: &mut [Job], bounds: &Bounds, now: DateTime<Utc>) {
    let bakes = Bakes::of(jobs);
    let mut order: Vec<usize> = (0..jobs.len())
        .filter(|i| jobs[*i].phase == Phase::Queued)
        .collect();
    order.sort_by(|a, b| {
        (jobs[*a].wave(), jobs[*a].group()).cmp(&(jobs[*b].wave(), jobs[*b].group()))
    });
    for index in order {
        let admission = decide(jobs, &bakes, index, bounds, now);
        let job = &mut jobs[index];
        match admission {
            Admission::Start { bakes } => {
                if let Some(forward) = &mut job.forward {
                    forward.bakes = bakes;
                }
                job.enter(Phase::Recording, "admitted", now);
            }
            Admission::Wait(reason) => job.reason = reason,
            Admission::Refuse(failure) => transition::fail(job, failure, now),
            Admission::Current(reason) => {
                job.deployment = Deployment::AlreadyCurrent;
                job.finish(Outcome::AlreadyCurrent, reason, now);
            }
        }
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
    touched && job.failure.is_some()
}

fn decide(
    jobs: &[Job],
    bakes: &Bakes,
    index: usize,
    bounds: &Bounds,
    now: DateTime<Utc>,
) -> Admission {
    let job = &jobs[index];
    let refuse = |code, reason: String| Admission::Refuse(Failure::new(code, reason));
    if bounds.stopping {
        return refuse(Code::Stopped, Code::Stopped.title().into());
    }
    let misfit = |bakes| budget(job, bakes).misfit(now, &bounds.window);
    if let (true, Some(failure)) = (now >= bounds.window.cutoff, misfit(planned_to_bake(job))) {
        return Admission::Refuse(failure);
    }
    let failures = jobs.iter().filter(|j| has_failed(j)).count();
    if failures > bounds.allowed_failures {
        return refuse(
            Code::FailureBudget,
            format!(
                "expected at most {} failed groups in the run, found {failures}",
                bounds.allowed_failures
            ),
        );
    }
    let earlier = jobs.iter().find(|j| !j.finished() && j.wave() < job.wave());
    if let Some(earlier) = earlier {
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
    let building = jobs
        .iter()
        .filter(|j| j.in_flight() && j.forward.as_ref().is_some_and(|f| f.bakes))
        .count();
    match bounds.max_in_flight {
        Some(most) if bakes_itself && building >= most => Admission::Wait(format!(
            "{building} groups are in flight, the limit is {most}"
        )),
        Some(_) | None => Admission::Start {
            bakes: bakes_itself,
        },
    }
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

fn share(jobs: &[Job], bakes: &Bakes, index: usize) -> Share {
    let own = &jobs[index];
    let others = || {
        bakes
            .members(own)
            .iter()
            .filter(|i| **i != index)
            .map(|i| &jobs[*i])
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
    let touched = job.outcome != Some(Outcome::Skipped);
    has_image && touched || failure.code.has(Implication::SpoilsBake)
}
