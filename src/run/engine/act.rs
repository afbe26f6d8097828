//! Effects: performed as their buckets allow, several of a kind in one call.
//!
//! A call waits for its turn first. If that takes long, its effects are decided upon anew before they are performed: the
//! world may have changed meanwhile, and the turn is kept for what is decided then.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tracing::Instrument;

use super::jobs::{Jobs, group_span};
use super::slot::{Acting, State};
use crate::aws::{Clients, Turn, Urgency, await_turn, fold, is_turn_for, perform};
use crate::group::effect::{Effect, Performed};
use crate::group::job::Job;
use crate::group::learn_performed::learn_performed;
use crate::group::{Phase, limits, transition};

/// A step of a call that has ended.
pub(super) enum Act {
    /// It is its turn.
    Turn(Call, Arc<Turn>),
    /// More urgent calls came before it: it is to be decided upon anew.
    Late(Call, Arc<Turn>),
    /// It was performed: the job's place, the effect's place in its decision.
    Performed(Vec<(usize, usize, Effect, Performed)>),
}

/// Effects under way.
#[derive(Default)]
pub(super) struct Acts<'a> {
    /// Calls that wait for their turn.
    waiting: FuturesUnordered<BoxFuture<'a, Act>>,
    /// Calls that are made.
    calling: FuturesUnordered<BoxFuture<'a, Act>>,
}

impl<'a> Acts<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.calling.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.calling.clear();
    }

    /// The next step that ends; none if nothing is under way.
    pub(super) async fn next_end(&mut self) -> Option<Act> {
        tokio::select! {
            biased;
            Some(act) = self.calling.next() => Some(act),
            Some(act) = self.waiting.next() => Some(act),
            else => None,
        }
    }

    /// Begins effects of several jobs. A turn that one of them has waited for is used.
    pub(super) fn begin(&mut self, jobs: &mut Jobs<'a>, chosen: Vec<(usize, Vec<Effect>)>) {
        let now = jobs.now();
        let mut effects: Vec<Option<Shared>> = Vec::new();
        let mut turns: Vec<Arc<Turn>> = Vec::new();
        for (index, of_job) in chosen {
            turns.append(&mut jobs.slots[index].turns);
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
            let call = Call {
                together: together.collect(),
                since: now,
            };
            match call.pick_turn(&mut turns) {
                Some(turn) => self.call(jobs, call, turn),
                None => {
                    jobs.begin_wait(call.indices());
                    let waiting = call.wait(jobs.setting.clients);
                    self.waiting.push(waiting.boxed());
                }
            }
        }
    }

    /// Goes on after a step.
    pub(super) fn end(&mut self, jobs: &mut Jobs<'a>, act: Act) {
        match act {
            Act::Turn(call, turn) => {
                jobs.end_wait(call.indices());
                if jobs.now() - call.since <= limits::SEEN_HOLDS && turn.claim() {
                    self.call(jobs, call, turn);
                } else {
                    decide_anew(jobs, &call, &turn);
                }
            }
            Act::Late(call, turn) => decide_anew(jobs, &call, &turn),
            Act::Performed(performed) => {
                for (index, place, effect, performed) in performed {
                    if let State::Acting(acting) = &mut jobs.slots[index].state {
                        acting.ended.push((place, effect, performed));
                    }
                    one_less(jobs, index, 1);
                }
            }
        }
    }

    /// Takes back what still waits for its turn: its jobs are looked at again.
    pub(super) fn withdraw(&mut self, jobs: &mut Jobs<'a>) {
        self.waiting.clear();
        for index in 0..jobs.slots.len() {
            let State::Acting(acting) = &mut jobs.slots[index].state else {
                continue;
            };
            let waiting = std::mem::take(&mut acting.waiting);
            if waiting > 0 {
                withdraw(jobs, index, waiting);
            }
        }
    }

    fn call(&mut self, jobs: &Jobs<'a>, call: Call, turn: Arc<Turn>) {
        let calling = call.make(jobs.setting.clients, turn);
        self.calling.push(calling.boxed());
    }
}

/// Effects are not begun any more: the next driver of their jobs decides upon them anew.
pub(super) fn decline(jobs: &mut Jobs<'_>, chosen: Vec<(usize, Vec<Effect>)>) {
    for (index, effects) in chosen {
        withdraw(jobs, index, effects.len());
    }
}

/// A call is not made: its jobs are decided upon anew, and keep the turn for what is decided then.
fn decide_anew(jobs: &mut Jobs<'_>, call: &Call, turn: &Arc<Turn>) {
    for index in call.indices() {
        jobs.slots[index].turns.push(Arc::clone(turn));
        withdraw(jobs, index, 1);
    }
}

/// Effects of a job are not performed: it is decided upon anew.
fn withdraw(jobs: &mut Jobs<'_>, index: usize, effects: usize) {
    if let State::Acting(acting) = &mut jobs.slots[index].state {
        acting.is_withdrawn = true;
    }
    one_less(jobs, index, effects);
}

/// Effects of a job have ended; if they were the last ones, it goes on.
fn one_less(jobs: &mut Jobs<'_>, index: usize, effects: usize) {
    let slot = &mut jobs.slots[index];
    match &mut slot.state {
        State::Acting(acting) => {
            acting.left -= effects;
            if acting.left > 0 {
                return;
            }
        }
        State::Idle(_) | State::Out | State::Looking | State::Held => return,
    }
    if let State::Acting(acting) = std::mem::replace(&mut slot.state, State::Out) {
        let is_shared = acting.is_shared;
        learn(jobs, index, acting);
        jobs.park(index);
        if is_shared {
            jobs.release(index);
        }
    }
}

/// Takes down how a job's effects ended.
pub(super) fn learn(jobs: &mut Jobs<'_>, index: usize, acting: Acting) {
    let now = jobs.now();
    jobs.change(index, |jobs| {
        let slot = &mut jobs.slots[index];
        slot.may_ride = false;
        slot.hurries = acting.is_withdrawn;
        learn_ended(slot.job_mut(), acting, now);
    });
}

fn learn_ended(job: &mut Job, mut acting: Acting, now: DateTime<Utc>) {
    if acting.is_withdrawn {
        job.wake_at = now;
    } else {
        // The decision counted from then on when it would look again.
        let waited = now - acting.since;
        job.wake_at = job.wake_at.checked_add_signed(waited).unwrap_or(now);
    }
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

/// Effects that one call performs.
pub(super) struct Call {
    together: Vec<Shared>,
    /// When they were decided upon.
    since: DateTime<Utc>,
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

impl Call {
    fn parts(&self) -> Vec<(&Job, &Effect)> {
        self.together.iter().map(Shared::parts).collect()
    }

    fn indices(&self) -> impl Iterator<Item = usize> {
        self.together.iter().map(|shared| shared.index)
    }

    /// The turn of the first of its jobs in its queue.
    fn urgency(&self) -> Urgency {
        let urgencies = self.together.iter().map(|shared| urgency(&shared.job));
        urgencies.min().unwrap_or(Urgency::Start)
    }

    /// A turn that fits, taken from those that were waited for.
    fn pick_turn(&self, turns: &mut Vec<Arc<Turn>>) -> Option<Arc<Turn>> {
        let parts = self.parts();
        let fits = turns
            .iter()
            .position(|turn| is_turn_for(turn, &parts) && turn.claim())?;
        let turn = turns.swap_remove(fits);
        turns.retain(|other| !Arc::ptr_eq(other, &turn));
        Some(turn)
    }

    async fn wait(self, clients: &Clients) -> Act {
        let turn = await_turn(clients, self.urgency(), &self.parts()).await;
        Act::Turn(self, Arc::new(turn))
    }

    async fn make(self, clients: &Clients, turn: Arc<Turn>) -> Act {
        let effects = self.parts();
        let performing = perform(clients, self.urgency(), &effects, &turn);
        let performed = match effects.as_slice() {
            [(job, _)] => performing.instrument(group_span(job)).await,
            _ => performing.await,
        };
        let Some(performed) = performed else {
            return Act::Late(self, turn);
        };
        let ended = self.together.into_iter().zip(performed);
        let ended = ended.map(|(s, performed)| (s.index, s.place, s.effect, performed));
        Act::Performed(ended.collect())
    }
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
