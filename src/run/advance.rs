//! One pass over a batch of jobs: observe, decide, perform, until every job has something to wait for.
//!
//! The pass never sleeps; it answers when to come again. It decides nothing itself: its driver (the command
//! line, a state machine, a rehearsal) may stop after any pass and go on from the jobs alone.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream::{self, StreamExt};
use tracing::{Instrument, Span};

use crate::aws::{Clients, Question, observe, perform};
use crate::clock::Clock;
use crate::group::Phase;
use crate::group::admit::{Bounds, admit};
use crate::group::bake::Bakes;
use crate::group::decide::{decide, needs};
use crate::group::decision::{Context, Decision, Directive};
use crate::group::effect::{Effect, Performed};
use crate::group::job::Job;
use crate::group::learn::{learn, learn_bake, learn_performed};
use crate::group::seen::Seen;
use crate::group::transition;
use crate::request::OptInTag;

/// Rounds of one pass: a job that has more to do at once comes again with the next pass. The longest way
/// without a wait is a restore: terminate, resize, resume twice, delete the record.
const ROUNDS_PER_PASS: usize = 12;
/// Until the next pass when jobs are queued and none is in flight: a pass decides about all of them, so this
/// is only reached if one was cut short.
const QUEUE_PAUSE: TimeDelta = TimeDelta::seconds(1);
/// Phases that a job may go through in one round without a new look.
const STEPS_PER_ROUND: usize = 4;
/// Effects performed at once: AWS's buckets refill a few a second, more would only queue.
const EFFECTS_AT_ONCE: usize = 32;

/// The surroundings of a pass.
#[derive(Clone, Copy, Debug)]
pub struct Pass<'a> {
    /// AWS.
    pub clients: &'a Clients,
    /// Time.
    pub clock: &'a Clock,
    /// How a group opts in.
    pub tag: &'a OptInTag,
    /// The bounds of the run.
    pub bounds: Bounds,
    /// The operator's will.
    pub directive: Directive,
}

/// Makes one pass. Answers when the first job wants to be looked at again; `None` when all are finished.
pub async fn advance(pass: &Pass<'_>, jobs: &mut [Job]) -> Option<DateTime<Utc>> {
    for _ in 0..ROUNDS_PER_PASS {
        admit(jobs, &pass.bounds, pass.clock.now());
        let due = due(jobs, pass.clock.now(), pass.directive);
        if due.is_empty() {
            break;
        }
        round(pass, jobs, &due).await;
    }
    next_look(jobs, pass.clock.now())
}

fn due(jobs: &[Job], now: DateTime<Utc>, directive: Directive) -> Vec<usize> {
    let at_once = |j: &Job| directive.restore && !j.must_restore();
    (0..jobs.len())
        .filter(|i| jobs[*i].in_flight())
        .filter(|i| jobs[*i].wake_at <= now || at_once(&jobs[*i]))
        .collect()
}

fn next_look(jobs: &[Job], now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let in_flight = jobs.iter().filter(|j| j.in_flight()).map(|j| j.wake_at);
    let first = in_flight.min();
    let queued = jobs.iter().any(|j| j.phase == Phase::Queued);
    match first {
        Some(first) => Some(first.max(now)),
        // The jobs in flight decide about the queued ones; with nothing in flight these were decided.
        None if queued => Some(now + QUEUE_PAUSE),
        None => None,
    }
}

async fn round(pass: &Pass<'_>, jobs: &mut [Job], due: &[usize]) {
    let questions: Vec<Question<'_>> = due.iter().map(|i| (&jobs[*i], needs(&jobs[*i]))).collect();
    let seen = observe(pass.clients, pass.tag, &questions).await;
    let now = pass.clock.now();
    for (index, seen) in due.iter().zip(&seen) {
        learn(&mut jobs[*index], seen, now);
    }
    let bakes = Bakes::of(jobs);
    let mut chosen: Vec<(usize, Effect)> = Vec::new();
    for (index, seen) in due.iter().zip(&seen) {
        let effects = decide_job(pass, jobs, &bakes, *index, seen, now);
        chosen.extend(effects.into_iter().map(|e| (*index, e)));
    }
    execute(pass, jobs, chosen).await;
    for index in due {
        jobs[*index].wake_in_time(now);
    }
}

/// Decides for one job, through as many phases as one look allows.
fn decide_job(
    pass: &Pass<'_>,
    jobs: &mut [Job],
    bakes: &Bakes,
    index: usize,
    seen: &Seen,
    now: DateTime<Utc>,
) -> Vec<Effect> {
    for _ in 0..STEPS_PER_ROUND {
        let bake = bakes.view(jobs, index);
        let job = &mut jobs[index];
        learn_bake(job, &bake);
        let cx = Context {
            job,
            seen,
            bake: &bake,
            now,
            directive: pass.directive,
        };
        let decision = decide(&cx);
        let goes_on = matches!(decision, Decision::Go { .. } | Decision::Fail(_));
        let effects = group_span(job).in_scope(|| apply(job, decision, now));
        let enough = needs(job).is_subset(&seen.asked);
        if !goes_on || job.finished() || !enough {
            return effects;
        }
    }
    Vec::new()
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

/// Every log line about a group carries its name: the span's level is that of the least that may be logged.
fn group_span(job: &Job) -> Span {
    tracing::error_span!("group", group = job.group().as_str())
}

async fn execute(pass: &Pass<'_>, jobs: &mut [Job], chosen: Vec<(usize, Effect)>) {
    let results: Vec<(usize, Effect, Performed)> = {
        let jobs: &[Job] = jobs;
        stream::iter(chosen)
            .map(|(index, effect)| async move {
                let job = &jobs[index];
                let performed = perform(pass.clients, job, &effect);
                let performed = performed.instrument(group_span(job)).await;
                (index, effect, performed)
            })
            .buffered(EFFECTS_AT_ONCE)
            .collect()
            .await
    };
    let now = pass.clock.now();
    let mut failures = BTreeMap::new();
    for (index, effect, performed) in results {
        let job = &mut jobs[index];
        group_span(job).in_scope(|| log(&effect, &performed));
        if let Some(failure) = learn_performed(job, &effect, &performed, now) {
            failures.entry(index).or_insert(failure);
        }
    }
    for (index, failure) in failures {
        transition::fail(&mut jobs[index], failure, now);
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
