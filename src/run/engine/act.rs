//! Effects: performed as their buckets allow, several of a kind in one call.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use tracing::Instrument;

use super::slot::{Acting, State};
use super::{Admissible, Engine, group_span};
use crate::aws::{Clients, Urgency, fold, perform};
use crate::group::Phase;
use crate::group::effect::{Effect, Performed};
use crate::group::job::Job;
use crate::group::learn::learn_performed;
use crate::group::transition;

/// Effects that have ended: the job's place, the effect's place in its decision.
pub(super) struct Act(Vec<(usize, usize, Effect, Performed)>);

impl Engine<'_> {
    /// A job waits for its effects from now on.
    pub(super) fn begin(&mut self, index: usize, effects: &[Effect], now: DateTime<Utc>) {
        self.slots[index].state = State::Acting(Acting {
            since: now,
            left: effects.len(),
            ended: Vec::new(),
            is_shared: effects.iter().any(concerns_bake),
        });
    }

    /// Performs effects of several jobs.
    pub(super) fn act(&mut self, chosen: Vec<(usize, usize, Effect)>) {
        let calls = {
            let effects: Vec<(&Job, &Effect)> = chosen
                .iter()
                .map(|(index, _, effect)| (self.slots[*index].job(), effect))
                .collect();
            fold(&effects)
        };
        let mut chosen: Vec<Option<(usize, usize, Effect)>> =
            chosen.into_iter().map(Some).collect();
        for call in calls {
            let effects = call.into_iter().filter_map(|place| chosen[place].take());
            let together: Vec<Shared> = effects
                .map(|(index, place, effect)| Shared {
                    job: self.slots[index].share(),
                    index,
                    place,
                    effect,
                })
                .collect();
            self.acts
                .push(perform_shared(self.setting.clients, together).boxed());
        }
    }

    /// Takes down effects that have ended; a job all of whose effects have goes on.
    pub(super) fn acted(&mut self, act: Act) {
        let now = self.setting.clock.now();
        let mut done = Vec::new();
        for (index, place, effect, performed) in act.0 {
            if let State::Acting(acting) = &mut self.slots[index].state {
                acting.ended.push((place, effect, performed));
                acting.left -= 1;
                if acting.left == 0 {
                    done.push(index);
                }
            }
        }
        for index in done {
            let state = std::mem::replace(&mut self.slots[index].state, State::Out);
            if let State::Acting(acting) = state {
                let is_shared = acting.is_shared;
                self.learn_ended(index, acting, now);
                self.park(index);
                if is_shared {
                    self.release(index);
                }
            }
        }
    }

    /// Takes down how a job's effects ended.
    pub(super) fn learn_ended(&mut self, index: usize, mut acting: Acting, now: DateTime<Utc>) {
        let before = Admissible::of(self.slots[index].job());
        self.slots[index].may_ride = false;
        self.slots[index].hurries = false;
        let job = self.slots[index].job_mut();
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
        self.note_for_admission(before, index);
    }

    /// Lets the jobs of a bake go on that an effect has held up.
    fn release(&mut self, index: usize) {
        let first = self.first_of_bake(index);
        for held in self.held.remove(&first).unwrap_or_default() {
            self.park(held);
        }
    }
}

/// Whether the other jobs of a bake must not decide while the effect is under way.
fn concerns_bake(effect: &Effect) -> bool {
    match effect {
        Effect::CreateVersion { .. }
        | Effect::SetDefault { .. }
        | Effect::DeleteVersion { .. }
        | Effect::DeregisterImage(_) => true,
        Effect::Update { pins, .. } => pins.is_some(),
        Effect::StoreRecord(_)
        | Effect::SendCommand(_)
        | Effect::Suspend(_)
        | Effect::Resume(_)
        | Effect::EnterStandby { .. }
        | Effect::TagInstance { .. }
        | Effect::TagImage { .. }
        | Effect::RegisterTarget { .. }
        | Effect::DeregisterTarget { .. }
        | Effect::CreateImage { .. }
        | Effect::Terminate { .. }
        | Effect::DeleteRecord => false,
    }
}

/// An effect on its way, with the job that it is for.
struct Shared {
    job: Arc<Job>,
    index: usize,
    place: usize,
    effect: Effect,
}

async fn perform_shared(clients: &Clients, together: Vec<Shared>) -> Act {
    let effects: Vec<(&Job, &Effect)> = together.iter().map(|s| (&*s.job, &s.effect)).collect();
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

/// Whose calls come first: restores, then the groups that were begun first, then new ones.
fn urgency(job: &Job) -> Urgency {
    match job.phase {
        Phase::Queued | Phase::Recording => Urgency::Start,
        _ if job.must_restore() => Urgency::Restore,
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
