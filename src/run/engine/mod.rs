//! The engine: observe, decide and perform for many jobs at once, and no job waits for another.
//!
//! Three things happen side by side. *Looks* answer what the jobs that are due ask, many in one call. *Effects* wait
//! for their turn at the bucket that they need. And whenever one of either has ended, the jobs that it concerns are
//! decided on. The engine decides nothing itself, and it never sleeps longer than until the next job is due: its
//! driver (the command line, a state machine, a rehearsal) may leave it whenever it is quiet, and go on from the jobs
//! alone.

mod act;
mod look;
mod slot;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tracing::Span;

use self::act::Act;
use self::look::Look;
use self::slot::{Slot, State};
use crate::aws::Clients;
use crate::clock::Clock;
use crate::group::admit::{Bounds, Queue, admit};
use crate::group::bake::Bakes;
use crate::group::decision::Directive;
use crate::group::job::Job;
use crate::request::OptInTag;

/// Queued jobs are decided about at least this often: time alone may refuse them.
const ADMISSION_EVERY: TimeDelta = TimeDelta::seconds(30);
/// With very many queued jobs, changes within this time are taken together.
const ADMISSION_APART: TimeDelta = TimeDelta::seconds(2);
/// So many are very many.
const MANY_QUEUED: usize = 200;

/// The surroundings of a run's jobs.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
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

/// The jobs of a run at work.
pub struct Engine<'a> {
    setting: Setting<'a>,
    slots: Vec<Slot>,
    bakes: Bakes,
    queue: Queue,
    admitted_at: Option<DateTime<Utc>>,
    /// Something has changed that admission goes by.
    must_admit: bool,
    /// Jobs that wait, by the time of their next look.
    idle: BTreeSet<(DateTime<Utc>, usize)>,
    /// Jobs that wait for an effect of another one of their bake, by the bake's first job.
    held: BTreeMap<usize, Vec<usize>>,
    looks: FuturesUnordered<BoxFuture<'a, Look>>,
    acts: FuturesUnordered<BoxFuture<'a, Act>>,
    finished: BTreeSet<usize>,
    changed: BTreeSet<usize>,
}

impl<'a> Engine<'a> {
    /// Takes over jobs.
    pub fn new(setting: Setting<'a>, jobs: Vec<Job>) -> Self {
        let slots: Vec<Slot> = jobs.into_iter().map(Slot::new).collect();
        let mut engine = Self {
            setting,
            bakes: Bakes::of(&slots),
            queue: Queue::of(&slots),
            admitted_at: None,
            must_admit: true,
            idle: BTreeSet::new(),
            held: BTreeMap::new(),
            looks: FuturesUnordered::new(),
            acts: FuturesUnordered::new(),
            finished: BTreeSet::new(),
            changed: (0..slots.len()).collect(),
            slots,
        };
        (0..engine.slots.len()).for_each(|index| engine.park(index));
        engine
    }

    /// Starts what is due and waits until something has ended. May be dropped and called again: nothing is lost.
    pub async fn step(&mut self) {
        self.admit();
        self.look();
        let clock = self.setting.clock;
        let alarm = self.alarm();
        let wait = async {
            match alarm {
                Some(at) => clock.wait_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(act) = self.acts.next() => self.acted(act),
            Some(look) = self.looks.next() => self.looked(look),
            () = wait, if alarm.is_some() => {}
            else => {}
        }
    }

    /// Whether no call is under way.
    pub fn is_quiet(&self) -> bool {
        self.looks.is_empty() && self.acts.is_empty()
    }

    /// When the first job wants to be looked at; `None` if all are finished.
    pub fn next_at(&self) -> Option<DateTime<Utc>> {
        let now = self.setting.clock.now();
        let first = self.idle.first().map(|(at, _)| (*at).max(now));
        match first {
            Some(_) if !self.is_quiet() => Some(now),
            Some(first) => Some(first),
            None if !self.is_quiet() => Some(now),
            None => self.next_admission(),
        }
    }

    /// The operator's will, and the bounds, from now on.
    pub fn direct(&mut self, bounds: Bounds, directive: Directive) {
        self.setting.bounds = bounds;
        self.setting.directive = directive;
        self.must_admit = true;
        let idle: Vec<usize> = self.idle.iter().map(|(_, index)| *index).collect();
        for index in idle {
            self.unpark(index);
            self.park(index);
        }
    }

    /// Drops all calls under way. The jobs they were made for may know less than the world: they look first.
    pub fn cut(&mut self) {
        let now = self.setting.clock.now();
        self.looks.clear();
        self.acts.clear();
        self.held.clear();
        for index in 0..self.slots.len() {
            match std::mem::replace(&mut self.slots[index].state, State::Out) {
                State::Acting(acting) => {
                    self.learn_ended(index, acting, now);
                    self.slots[index].job_mut().resume(now);
                }
                State::Idle(at) => _ = self.idle.remove(&(at, index)),
                State::Out | State::Looking | State::Held => {}
            }
            self.park(index);
        }
    }

    /// The jobs, in their order.
    pub fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.slots.iter().map(Slot::job)
    }

    /// The jobs that something has happened to since this was asked last.
    pub fn changed(&mut self) -> Vec<&Job> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().map(|i| self.slots[i].job()).collect()
    }

    /// Hands the jobs back, in their order.
    pub fn into_jobs(self) -> Vec<Job> {
        self.slots.into_iter().map(Slot::into_job).collect()
    }

    fn admit(&mut self) {
        let now = self.setting.clock.now();
        if self.next_admission().is_none_or(|at| at > now) {
            return;
        }
        self.must_admit = false;
        self.admitted_at = Some(now);
        let queued = self.queue.places().collect::<Vec<usize>>();
        let bounds = &self.setting.bounds;
        let left = admit(&mut self.slots, &self.bakes, &mut self.queue, bounds, now);
        self.changed.extend(queued);
        for index in left {
            self.park(index);
        }
    }

    /// When the queued jobs are to be decided about.
    fn next_admission(&self) -> Option<DateTime<Utc>> {
        if self.queue.is_empty() {
            return None;
        }
        let Some(last) = self.admitted_at else {
            return Some(self.setting.clock.now());
        };
        Some(if !self.must_admit {
            last + ADMISSION_EVERY
        } else if self.queue.len() > MANY_QUEUED {
            last + ADMISSION_APART
        } else {
            last
        })
    }

    /// When there is something to start, if no call ends before.
    fn alarm(&self) -> Option<DateTime<Utc>> {
        [self.next_admission(), self.next_look()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Lets a job wait for its next look; one that is finished waits for nothing.
    fn park(&mut self, index: usize) {
        let now = self.setting.clock.now();
        let at_once = self.setting.directive.restore;
        let slot = &mut self.slots[index];
        self.changed.insert(index);
        if !slot.job().in_flight() {
            slot.state = State::Out;
            if slot.job().finished() {
                self.finished.insert(index);
            }
            return;
        }
        if at_once && slot.job().is_forward() {
            slot.job_mut().wake_at = now;
        }
        slot.count_turn(now);
        let at = slot.job().wake_at;
        let waits = if slot.hurries {
            look::WAITS_AT_MOST
        } else {
            TimeDelta::zero()
        };
        let at = at - waits;
        slot.state = State::Idle(at);
        self.idle.insert((at, index));
    }

    fn unpark(&mut self, index: usize) {
        if let State::Idle(at) = self.slots[index].state {
            self.idle.remove(&(at, index));
        }
    }

    /// Whether another job of its bake is at an effect that concerns all of them.
    fn is_held_up(&self, index: usize) -> bool {
        let members = self.bakes.members(self.slots[index].job());
        let mut others = members.iter().filter(|i| **i != index);
        members.len() > 1 && others.any(|i| self.slots[*i].acts_for_bake())
    }

    /// Lets a job wait for the effect that holds it up.
    fn hold(&mut self, index: usize) {
        let first = self.first_of_bake(index);
        self.slots[index].state = State::Held;
        self.held.entry(first).or_default().push(index);
    }

    fn first_of_bake(&self, index: usize) -> usize {
        let members = self.bakes.members(self.slots[index].job());
        members.first().copied().unwrap_or(index)
    }

    /// What a step or an effect has changed for admission: a job that ended, an image that is there.
    fn note_for_admission(&mut self, before: Admissible, index: usize) {
        if Admissible::of(self.slots[index].job()) != before {
            self.must_admit = true;
        }
    }
}

/// What admission goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Admissible {
    in_flight: bool,
    has_failed: bool,
    has_image: bool,
}

impl Admissible {
    fn of(job: &Job) -> Self {
        Self {
            in_flight: job.in_flight(),
            has_failed: job.failure.is_some(),
            has_image: job.made.image.is_some(),
        }
    }
}

/// Every log line about a group carries its name: the span's level is that of the least that may be logged.
fn group_span(job: &Job) -> Span {
    tracing::error_span!("group", group = job.group().as_str())
}
