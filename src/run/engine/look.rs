//! Looks: which jobs are looked at together, and what follows from it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::jobs::{Jobs, group_span};
use crate::aws::{Clients, Question, observe, observe_rest};
use crate::group::decide::{decide, needs};
use crate::group::decision::{Context, Decision};
use crate::group::effect::Effect;
use crate::group::job::Job;
use crate::group::learn::{learn, learn_bake};
use crate::group::seen::{Need, Seen};
use crate::group::transition;
use crate::request::OptInTag;

/// Looks under way at once.
const LOOKS_AT_ONCE: usize = 4;
/// A job rides along with others' looks this long after its last one.
const RIDES_AFTER: TimeDelta = TimeDelta::seconds(2);
/// Jobs that are asked whether they ride along with a look.
const MAY_RIDE: usize = 200;
/// A look whose rest takes longer than this is made again, but for the rest: the group may have changed meanwhile.
const RENEWED_AFTER: TimeDelta = TimeDelta::seconds(10);
/// Phases that a job may go through without a new look.
const STEPS_PER_LOOK: usize = 4;

/// A look that has ended.
pub(super) enum Look {
    /// At many jobs: of each its place, the answers, and the reads that are missing.
    Together(Vec<(usize, Seen, BTreeSet<Need>)>),
    /// The rest of a look at one job.
    ByItself {
        index: usize,
        /// The answers of the look at many.
        seen: Box<Seen>,
        rest: Box<Seen>,
    },
}

/// Looks under way.
#[derive(Default)]
pub(super) struct Looks<'a> {
    /// Looks at many jobs.
    together: FuturesUnordered<BoxFuture<'a, Look>>,
    /// The rest of a look, for one job by itself: it holds up no other job.
    by_itself: FuturesUnordered<BoxFuture<'a, Look>>,
}

/// The effects that were chosen for a job.
pub(super) type Chosen = (usize, Vec<Effect>);

impl<'a> Looks<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.together.is_empty() && self.by_itself.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.together.clear();
        self.by_itself.clear();
    }

    /// The next look that ends; none if none is under way.
    pub(super) async fn next_end(&mut self) -> Option<Look> {
        tokio::select! {
            biased;
            Some(look) = self.together.next() => Some(look),
            Some(look) = self.by_itself.next() => Some(look),
            else => None,
        }
    }

    /// When the next look begins, if nothing happens before. `is_alone` says that no effect is under way.
    pub(super) fn next(&self, jobs: &Jobs<'a>, is_alone: bool) -> Option<DateTime<Utc>> {
        if self.together.len() >= LOOKS_AT_ONCE {
            return None;
        }
        let (first, _) = *jobs.idle.first()?;
        let last = first + jobs.look_waits();
        let present = jobs.now().max(first);
        let later = jobs
            .idle
            .range((Excluded((present, usize::MAX)), Unbounded));
        let later = later.map(|(at, _)| *at).next();
        let is_all = is_alone && self.is_empty();
        let is_all = is_all && later.is_none_or(|at| at > last);
        Some(if is_all { first } else { last })
    }

    /// Begins looks at the jobs that are due, if it is time.
    pub(super) fn begin(&mut self, jobs: &mut Jobs<'a>, is_alone: bool) {
        let now = jobs.now();
        while self.next(jobs, is_alone).is_some_and(|at| at <= now) {
            let due = due(jobs, now);
            if due.is_empty() {
                continue;
            }
            let riders = riders(jobs, &due, now);
            let questions = due.into_iter().chain(riders).map(|(index, needs)| {
                let slot = &mut jobs.slots[index];
                Asking {
                    index,
                    job: slot.share(),
                    needs,
                    known: slot.begin_look(now),
                }
            });
            let questions: Vec<Asking> = questions.collect();
            let (clients, tag) = (jobs.setting.clients, jobs.setting.tag);
            let look = together(clients, tag, questions);
            self.together.push(look.boxed());
        }
    }

    /// Learns from a look and decides on its jobs. Those that need a call of their own get it first.
    pub(super) fn end(&mut self, jobs: &mut Jobs<'a>, look: Look) -> Vec<Chosen> {
        let now = jobs.now();
        let whole = match look {
            Look::Together(answers) => self.sort(jobs, answers),
            Look::ByItself { index, seen, rest } => {
                let slot = &mut jobs.slots[index];
                let before = slot.rest.take().map_or_else(Seen::default, |r| *r);
                let rest = before.and(*rest);
                if slot.looked_at.is_some_and(|at| now - at > RENEWED_AFTER) {
                    slot.rest = Some(Box::new(rest));
                    slot.hurries = true;
                    jobs.park(index);
                    Vec::new()
                } else {
                    vec![(index, seen.and(rest))]
                }
            }
        };
        for (index, seen) in &whole {
            learn(jobs.slots[*index].job_mut(), seen, now);
        }
        let mut chosen = Vec::new();
        for (index, seen) in whole {
            if jobs.is_held_up(index) {
                jobs.hold(index);
                continue;
            }
            let effects = jobs.change(index, |jobs| decide_on(jobs, index, &seen, now));
            jobs.slots[index].keep(&seen, &effects);
            if effects.is_empty() {
                jobs.park(index);
            } else {
                jobs.slots[index].act(now, &effects);
                chosen.push((index, effects));
            }
        }
        chosen
    }

    /// The looks that are whole. What is missing of the others is read now.
    fn sort(
        &mut self,
        jobs: &mut Jobs<'a>,
        answers: Vec<(usize, Seen, BTreeSet<Need>)>,
    ) -> Vec<(usize, Seen)> {
        let mut whole = Vec::new();
        for (index, seen, missing) in answers {
            let slot = &mut jobs.slots[index];
            if missing.is_empty() {
                let rest = slot.rest.take();
                whole.push((index, rest.into_iter().fold(seen, |s, rest| s.and(*rest))));
            } else {
                let job = slot.share();
                let rest = by_itself(jobs.setting.clients, index, job, seen, missing);
                self.by_itself.push(rest.boxed());
            }
        }
        whole
    }
}

/// Takes the jobs that are due from those that wait.
fn due(jobs: &mut Jobs<'_>, now: DateTime<Utc>) -> Vec<(usize, BTreeSet<Need>)> {
    let due = jobs.idle.iter().take_while(|(at, _)| *at <= now);
    let due: Vec<usize> = due.map(|(_, index)| *index).collect();
    let mut questions = Vec::new();
    for index in due {
        jobs.unpark(index);
        if jobs.is_held_up(index) {
            jobs.hold(index);
        } else {
            // What it needs depends on how long ago it saw things, whenever its turn was.
            let slot = &mut jobs.slots[index];
            let job = slot.job_mut();
            job.wake_at = job.wake_at.max(now);
            let needs = slot.needs(now);
            questions.push((index, needs));
        }
    }
    questions.sort_unstable_by_key(|(index, _)| *index);
    questions
}

/// Jobs that are not due yet and whose questions the same calls answer.
fn riders(
    jobs: &mut Jobs<'_>,
    due: &[(usize, BTreeSet<Need>)],
    now: DateTime<Utc>,
) -> Vec<(usize, BTreeSet<Need>)> {
    let mut room: BTreeMap<Need, usize> = BTreeMap::new();
    for need in due.iter().flat_map(|(_, needs)| needs) {
        *room.entry(*need).or_default() += 1;
    }
    for (need, asked) in &mut room {
        *asked = asked.next_multiple_of(need.per_call()) - *asked;
    }
    let waiting = jobs.idle.iter().take(MAY_RIDE);
    let waiting: Vec<usize> = waiting.map(|(_, index)| *index).collect();
    let mut riders = Vec::new();
    for index in waiting {
        let slot = &jobs.slots[index];
        let is_rested = slot.looked_at.is_none_or(|at| at + RIDES_AFTER <= now);
        if !slot.may_ride || !is_rested || jobs.is_held_up(index) {
            continue;
        }
        let needs = slot.needs(now);
        let fits = |need: &Need| room.get(need).is_some_and(|room| *room > 0);
        if needs.is_empty() || !needs.iter().all(fits) {
            continue;
        }
        for need in &needs {
            room.entry(*need).and_modify(|room| *room -= 1);
        }
        jobs.unpark(index);
        riders.push((index, needs));
    }
    riders
}

/// Decides on one job, through as many phases as one look allows.
fn decide_on(jobs: &mut Jobs<'_>, index: usize, seen: &Seen, now: DateTime<Utc>) -> Vec<Effect> {
    let (directive, peers) = (jobs.setting.directive, jobs.in_flight());
    let mut effects = Vec::new();
    for _ in 0..STEPS_PER_LOOK {
        let bake = jobs.bakes.view(&jobs.slots, index);
        let slot = &mut jobs.slots[index];
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
    effects
}

/// A job, and what a look is to show of it.
struct Asking {
    index: usize,
    job: Arc<Job>,
    needs: BTreeSet<Need>,
    /// Answers of the look before.
    known: Option<Seen>,
}

/// Answers what many jobs ask, except for what AWS answers one by one.
async fn together(clients: &Clients, tag: &OptInTag, jobs: Vec<Asking>) -> Look {
    let in_bulk = |needs: &BTreeSet<Need>| -> BTreeSet<Need> {
        let bulk = needs.iter().filter(|n| n.per_call() > 1);
        bulk.copied().collect()
    };
    let questions = jobs.iter().map(|asking| Question {
        job: &asking.job,
        needs: in_bulk(&asking.needs),
        known: asking.known.as_ref().and_then(|k| k.group.present()),
    });
    let questions: Vec<Question<'_>> = questions.collect();
    let seen = observe(clients, tag, &questions).await;
    let answers = jobs.into_iter().zip(seen).map(|(asking, seen)| {
        let missing = asking.needs.difference(&seen.asked).copied().collect();
        let known = asking.known.unwrap_or_default();
        (asking.index, known.and(seen), missing)
    });
    Look::Together(answers.collect())
}

/// Answers the rest of what one job asks.
async fn by_itself(
    clients: &Clients,
    index: usize,
    job: Arc<Job>,
    seen: Seen,
    missing: BTreeSet<Need>,
) -> Look {
    let question = Question {
        job: &job,
        needs: missing,
        known: seen.group.present(),
    };
    let rest = observe_rest(clients, question).await;
    Look::ByItself {
        index,
        seen: Box::new(seen),
        rest: Box::new(rest),
    }
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
