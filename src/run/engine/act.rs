//! Effects: performed as their buckets allow, several of a kind in one call.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tracing::Instrument;

use super::jobs::{Jobs, group_span};
use super::slot::{Acting, State};
use crate::aws::{Clients, Urgency, fold, perform};
use crate::group::Phase;
use crate::group::effect::{Effect, Performed};
use crate::group::job::Job;
use crate::group::learn::learn_performed;
use crate::group::transition;

/// Effects that have ended: the job's place, the effect's place in its decision.
pub(super) struct Act(Vec<(usize, usize, Effect, Performed)>);

/// Effects under way.
#[derive(Default)]
pub(super) struct Acts<'a> {
    pub(super) under_way: FuturesUnordered<BoxFuture<'a, Act>>,
}

impl<'a> Acts<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Begins effects of several jobs.
    pub(super) fn begin(&mut self, jobs: &mut Jobs<'a>, chosen: Vec<(usize, Vec<Effect>)>) {
        let mut effects: Vec<Option<Shared>> = Vec::new();
        for (index, of_job) in chosen {
            let of_job = of_job.into_iter().enumerate();
            effects.extend(of_job.map(|(place, effect)| {
                Some(Shared {
                    job: jobs.slots[index].share(),
                    index,
                    place,
                    effect,
                })
            }));
        }
        let calls = {
            let effects: Vec<(&Job, &Effect)> =
                effects.iter().flatten().map(Shared::parts).collect();
            fold(&effects)
        };
        for call in calls {
            let together = call.into_iter().filter_map(|place| effects[place].take());
            let performing = perform_shared(jobs.setting.clients, together.collect());
            self.under_way.push(performing.boxed());
        }
    }

    /// Takes down effects that have ended; a job all of whose effects have goes on.
    pub(super) fn end(&mut self, jobs: &mut Jobs<'a>, act: Act) {
        let mut done = Vec::new();
        for (index, place, effect, performed) in act.0 {
            if let State::Acting(acting) = &mut jobs.slots[index].state {
                acting.ended.push((place, effect, performed));
                acting.left -= 1;
                if acting.left == 0 {
                    done.push(index);
                }
            }
        }
        for index in done {
            let state = std::mem::replace(&mut jobs.slots[index].state, State::Out);
            if let State::Acting(acting) = state {
                let is_shared = acting.is_shared;
                learn(jobs, index, acting);
                jobs.park(index);
                if is_shared {
                    jobs.release(index);
                }
            }
        }
    }
}

/// Takes down how a job's effects ended.
pub(super) fn learn(jobs: &mut Jobs<'_>, index: usize, acting: Acting) {
    let now = jobs.now();
    jobs.change(index, |jobs| {
        let slot = &mut jobs.slots[index];
        (slot.may_ride, slot.hurries) = (false, false);
        learn_ended(slot.job_mut(), acting, now);
    });
}

fn learn_ended(job: &mut Job, mut acting: Acting, now: DateTime<Utc>) {
    // The decision counted from then on when it would look again.
    let waited = now - acting.since;
    job.wake_at = job.wake_at.checked_add_signed(waited).unwrap_or(now);
    acting.ended.sort_by_key(|(place, _, _)| *place);
    let mut failure = None;
    for (_, effect, performed) in &acting.ended {
        group_span(job).in_scope(|| log(effect, performed));
        let means = learn_performed(job, effect, performed, now);
        failure = failure.or(means);
    }
    if let Some(failure) = failure {
        transition::fail(job, failure, now);
    }
    job.wake_in_time(now);
}

/// An effect on its way, with the job that it is for.
struct Shared {
    job: Arc<Job>,
    index: usize,
    place: usize,
    effect: Effect,
}

impl Shared {
    fn parts(&self) -> (&Job, &Effect) {
        (&self.job, &self.effect)
    }
}

async fn perform_shared(clients: &Clients, together: Vec<Shared>) -> Act {
    let effects: Vec<(&Job, &Effect)> = together.iter().map(Shared::parts).collect();
    let urgency = effects.iter().map(|(job, _)| urgency(job)).min();
    let urgency = urgency.unwrap_or(Urgency::Start);
    let performing = perform(clients, urgency, &effects);
    let performed = match effects.as_slice() {
        [(job, _)] => performing.instrument(group_span(job)).await,
        _ => performing.await,
    };
    let ended = together.into_iter().zip(performed);
    Act(ended
        .map(|(s, performed)| (s.index, s.place, s.effect, performed))
        .collect())
}

/// Whose calls come first: restores, then the groups that are altered, then those that were begun first, then new
/// ones.
fn urgency(job: &Job) -> Urgency {
    match job.phase {
        Phase::Queued | Phase::Recording => Urgency::Start,
        _ if job.must_restore() => Urgency::Restore,
        _ if job.altered.since.is_some() => Urgency::Altered(job.begun_at()),
        _ => Urgency::Forward(job.begun_at()),
    }
}

fn log(effect: &Effect, performed: &Performed) {
    match performed {
        Ok(_) => tracing::info!(effect = %effect.key(), "done"),
        Err(fault) => tracing::warn!(
            effect = %effect.key(),
            operation = fault.operation,
            code = fault.code,
            message = fault.message,
            "not done"
        ),
    }
}
