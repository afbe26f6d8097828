//! Looks: which jobs are looked at together, and what follows from it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;

use super::slot::State;
use super::{Admissible, Engine, group_span};
use crate::aws::{Clients, Question, observe, observe_rest};
use crate::group::decide::{decide, needs};
use crate::group::decision::{Context, Decision};
use crate::group::effect::Effect;
use crate::group::job::Job;
use crate::group::learn::{learn, learn_bake};
use crate::group::seen::{Need, Seen};
use crate::group::transition;
use crate::request::OptInTag;

/// A look waits this long for each group in flight, so that looks of many groups fall together: reads then grow with
/// time, not with groups.
const WAITS_PER_GROUP: TimeDelta = TimeDelta::milliseconds(60);
/// The longest such wait: a job whose look is due waits no longer than this for the others.
pub(super) const WAITS_AT_MOST: TimeDelta = TimeDelta::seconds(4);
/// Looks under way at once.
const LOOKS_AT_ONCE: usize = 4;
/// A job rides along with others' looks this long after its last one.
const RIDES_AFTER: TimeDelta = TimeDelta::seconds(2);
/// Jobs that are asked whether they ride along with a look.
const MAY_RIDE: usize = 200;
/// Phases that a job may go through without a new look.
const STEPS_PER_LOOK: usize = 4;

/// A look that has ended.
pub(super) struct Look(Vec<(usize, Seen, BTreeSet<Need>)>);

impl Engine<'_> {
    /// When the next look begins, if nothing happens before.
    pub(super) fn next_look(&self) -> Option<DateTime<Utc>> {
        if self.looks.len() >= LOOKS_AT_ONCE {
            return None;
        }
        let (first, _) = *self.idle.first()?;
        let now = self.setting.clock.now();
        let last = first + self.look_waits();
        let later = self.idle.iter().find(|(at, _)| *at > now.max(first));
        let is_all = self.is_quiet() && later.is_none_or(|(at, _)| *at > last);
        Some(if is_all { first } else { last })
    }

    fn in_flight(&self) -> usize {
        self.slots.len() - self.queue.len() - self.finished.len()
    }

    fn look_waits(&self) -> TimeDelta {
        let groups = i32::try_from(self.in_flight()).ok();
        let waits = groups.and_then(|n| WAITS_PER_GROUP.checked_mul(n));
        waits.map_or(WAITS_AT_MOST, |w| w.min(WAITS_AT_MOST))
    }

    /// Begins a look at the jobs that are due, if it is time.
    pub(super) fn look(&mut self) {
        let now = self.setting.clock.now();
        while self.next_look().is_some_and(|at| at <= now) {
            let due = self.due(now);
            if due.is_empty() {
                continue;
            }
            let riders = self.riders(&due, now);
            let questions: Vec<(usize, Arc<Job>, BTreeSet<Need>)> = due
                .into_iter()
                .chain(riders)
                .map(|(index, needs)| {
                    self.slots[index].state = State::Looking;
                    self.slots[index].looked_at = Some(now);
                    (index, self.slots[index].share(), needs)
                })
                .collect();
            let (clients, tag) = (self.setting.clients, self.setting.tag);
            self.looks.push(together(clients, tag, questions).boxed());
        }
    }

    /// Takes the jobs that are due from those that wait.
    fn due(&mut self, now: DateTime<Utc>) -> Vec<(usize, BTreeSet<Need>)> {
        let due: Vec<usize> = self
            .idle
            .iter()
            .take_while(|(at, _)| *at <= now)
            .map(|(_, index)| *index)
            .collect();
        let mut questions = Vec::new();
        for index in due {
            self.unpark(index);
            if self.is_held_up(index) {
                self.hold(index);
            } else {
                questions.push((index, needs(self.slots[index].job())));
            }
        }
        questions.sort_unstable_by_key(|(index, _)| *index);
        questions
    }

    /// Jobs that are not due yet and whose questions the same calls answer.
    fn riders(
        &mut self,
        due: &[(usize, BTreeSet<Need>)],
        now: DateTime<Utc>,
    ) -> Vec<(usize, BTreeSet<Need>)> {
        let mut room: BTreeMap<Need, usize> = BTreeMap::new();
        for need in due.iter().flat_map(|(_, needs)| needs) {
            *room.entry(*need).or_default() += 1;
        }
        for (need, asked) in &mut room {
            let page = need.per_call();
            *asked = asked.next_multiple_of(page) - *asked;
        }
        let waiting: Vec<usize> = self.idle.iter().take(MAY_RIDE).map(|(_, i)| *i).collect();
        let mut riders = Vec::new();
        for index in waiting {
            let slot = &self.slots[index];
            let is_rested = slot.looked_at.is_none_or(|at| at + RIDES_AFTER <= now);
            if !slot.may_ride || !is_rested || self.is_held_up(index) {
                continue;
            }
            let needs = needs(slot.job());
            let fits = |need: &Need| room.get(need).is_some_and(|room| *room > 0);
            if needs.is_empty() || !needs.iter().all(fits) {
                continue;
            }
            for need in &needs {
                room.entry(*need).and_modify(|room| *room -= 1);
            }
            self.unpark(index);
            riders.push((index, needs));
        }
        riders
    }

    /// Learns from a look and decides on its jobs. Those that need a call of their own get it first.
    pub(super) fn looked(&mut self, look: Look) {
        let now = self.setting.clock.now();
        let mut decided = Vec::new();
        for (index, seen, missing) in look.0 {
            if missing.is_empty() {
                learn(self.slots[index].job_mut(), &seen, now);
                decided.push((index, seen));
            } else {
                let job = self.slots[index].share();
                let rest = by_itself(self.setting.clients, index, job, seen, missing);
                self.looks.push(rest.boxed());
            }
        }
        let mut chosen = Vec::new();
        for (index, seen) in decided {
            if self.is_held_up(index) {
                self.hold(index);
                continue;
            }
            let effects = self.decide(index, &seen, now);
            if effects.is_empty() {
                self.park(index);
            } else {
                self.begin(index, &effects, now);
                let effects = effects.into_iter().enumerate();
                chosen.extend(effects.map(|(place, effect)| (index, place, effect)));
            }
        }
        self.act(chosen);
    }

    /// Decides on one job, through as many phases as one look allows.
    fn decide(&mut self, index: usize, seen: &Seen, now: DateTime<Utc>) -> Vec<Effect> {
        let before = Admissible::of(self.slots[index].job());
        let mut effects = Vec::new();
        for _ in 0..STEPS_PER_LOOK {
            let bake = self.bakes.view(&self.slots, index);
            let directive = self.setting.directive;
            let peers = self.in_flight();
            let slot = &mut self.slots[index];
            let job = slot.job_mut();
            learn_bake(job, &bake);
            let decision = decide(&Context {
                job,
                seen,
                bake: &bake,
                peers,
                now,
                directive,
            });
            let goes_on = matches!(decision, Decision::Go { .. } | Decision::Fail(_));
            let waits = matches!(decision, Decision::Wait { .. });
            effects = group_span(job).in_scope(|| apply(job, decision, now));
            job.wake_in_time(now);
            let is_enough = needs(job).is_subset(&seen.asked);
            let is_over = !goes_on || job.finished() || !is_enough;
            slot.may_ride = waits && !seen.is_blind();
            slot.hurries = effects.is_empty() && slot.job().wake_at <= now;
            if is_over {
                break;
            }
        }
        self.note_for_admission(before, index);
        effects
    }
}

/// Answers what many jobs ask, except for what AWS answers one by one.
async fn together(
    clients: &Clients,
    tag: &OptInTag,
    jobs: Vec<(usize, Arc<Job>, BTreeSet<Need>)>,
) -> Look {
    let in_bulk = |needs: &BTreeSet<Need>| -> BTreeSet<Need> {
        let bulk = needs.iter().filter(|n| n.per_call() > 1);
        bulk.copied().collect()
    };
    let questions: Vec<Question<'_>> = jobs
        .iter()
        .map(|(_, job, needs)| (&**job, in_bulk(needs)))
        .collect();
    let seen = observe(clients, tag, &questions).await;
    let answers = jobs.iter().zip(seen).map(|((index, _, needs), seen)| {
        let missing = needs.difference(&seen.asked).copied().collect();
        (*index, seen, missing)
    });
    Look(answers.collect())
}

/// Answers the rest of what one job asks.
async fn by_itself(
    clients: &Clients,
    index: usize,
    job: Arc<Job>,
    seen: Seen,
    missing: BTreeSet<Need>,
) -> Look {
    let seen = observe_rest(clients, (&*job, missing), seen).await;
    Look(vec![(index, seen, BTreeSet::new())])
}

/// Carries a decision into the job and into the log.
fn apply(job: &mut Job, decision: Decision, now: DateTime<Utc>) -> Vec<Effect> {
    tracing::debug!(phase = %job.phase, ?decision, "decided");
    let before = job.phase;
    let effects = transition::apply(job, decision, now);
    if job.phase != before {
        tracing::info!(
            phase = %job.phase,
            code = job.failure.as_ref().map(|f| f.code.as_str()),
            reason = job.reason,
            "entered a phase"
        );
    }
    effects
}
