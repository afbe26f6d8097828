//! The course of a run as its plan foretells it: the admission of the run itself, played through with the expected
//! length of each group in place of its work. Pure.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::admit::{Bounds, Queue, admit};
use super::bake::Bakes;
use super::budget::Budget;
use super::job::{Deployment, Job};
use super::{Failure, Outcome, Phase, limits};
use crate::ids::GroupName;
use crate::request::Operation;

/// The turn of a group in a run in which nothing fails.
#[derive(Clone, Debug, PartialEq)]
pub enum Turn {
    /// It is worked on.
    Works {
        /// From then.
        starts_at: DateTime<Utc>,
        /// Until it is expected to be restored.
        ends_at: DateTime<Utc>,
    },
    /// It has no work of its own: another group of its bake answers for it.
    Answered,
    /// It is not started.
    Refused {
        /// When that is decided.
        at: DateTime<Utc>,
        /// Why.
        failure: Failure,
    },
}

/// Something that happens to the job at this place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// Its image is there: other groups of the bake may start.
    Image(usize),
    /// It is done.
    End(usize),
}

/// The turns of these queued jobs in a run that begins then. The operation of a Scan has no image: its first group
/// answers for its bake.
pub fn timeline(
    planned: &[Job],
    bounds: &Bounds,
    start: DateTime<Utc>,
) -> BTreeMap<GroupName, Turn> {
    let mut jobs = planned.to_vec();
    let bakes = Bakes::of(&jobs);
    let mut queue = Queue::of(&jobs);
    let mut turns = BTreeMap::new();
    let mut events: BTreeMap<DateTime<Utc>, Vec<Event>> = BTreeMap::new();
    let mut now = start;
    loop {
        let mut in_flight = jobs.iter().filter(|j| j.in_flight()).count();
        for place in admit(&mut jobs, &bakes, &mut queue, bounds, now) {
            let job = &jobs[place];
            let turn = match (&job.failure, job.finished()) {
                (Some(failure), _) => Turn::Refused {
                    at: now,
                    failure: failure.clone(),
                },
                (None, true) => Turn::Answered,
                (None, false) => {
                    // As admission reckons: the calls of the groups at work hold it up.
                    let held_up = limits::whole_seconds(bounds.before(in_flight));
                    let begins = now.checked_add_signed(held_up).unwrap_or(now);
                    in_flight += 1;
                    let (image, ends_at) = ends(job, begins);
                    let is_shared = bakes.members(job).len() > 1;
                    if let Some(image) = image.filter(|_| is_shared) {
                        events.entry(image).or_default().push(Event::Image(place));
                    }
                    events.entry(ends_at).or_default().push(Event::End(place));
                    Turn::Works {
                        starts_at: now,
                        ends_at,
                    }
                }
            };
            turns.insert(job.group().clone(), turn);
        }
        let Some((at, due)) = events.pop_first() else {
            return turns;
        };
        now = at;
        due.into_iter()
            .for_each(|event| happen(&mut jobs, event, now));
    }
}

/// When a job that begins then has its image, if it makes one, and when it is done.
fn ends(job: &Job, begins: DateTime<Utc>) -> (Option<DateTime<Utc>>, DateTime<Utc>) {
    let Some(forward) = &job.forward else {
        return (None, begins);
    };
    let budget = Budget::of(forward, forward.bakes);
    let (mut at, mut image) = (begins, None);
    for part in &budget.0 {
        at += TimeDelta::seconds(part.seconds);
        if part.phase == Phase::Baking {
            image = Some(at);
        }
    }
    (image, at)
}

fn happen(jobs: &mut [Job], event: Event, now: DateTime<Utc>) {
    match event {
        Event::Image(place) => jobs[place].made.image = Some("ami-foretold".into()),
        Event::End(place) => {
            let job = &mut jobs[place];
            let operation = job.forward.as_ref().map(|f| f.operation);
            let (deployment, outcome) = match operation {
                Some(Operation::Install) => (Deployment::Promoted, Outcome::Patched),
                Some(Operation::Scan) | None => {
                    (Deployment::AlreadyCurrent, Outcome::AlreadyCurrent)
                }
            };
            job.deployment = deployment;
            job.finish(outcome, "foretold", now);
        }
    }
}
