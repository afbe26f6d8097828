//! The jobs at work: which of them waits for what.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use tracing::Span;

use super::slot::{Acting, Slot, State};
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
/// From here on they are very many.
const MANY_QUEUED: usize = 200;
/// A look waits this long for each group in flight, so that looks of many groups fall together: reads then grow with
/// time, not with groups.
const LOOK_WAITS_PER_GROUP: TimeDelta = TimeDelta::milliseconds(60);
/// The longest such wait: a job whose look is due waits no longer than this for the others.
const LOOK_WAITS_AT_MOST: TimeDelta = TimeDelta::seconds(4);

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

/// The jobs of a run, and what each waits for.
pub(super) struct Jobs<'a> {
    pub(super) setting: Setting<'a>,
    pub(super) slots: Vec<Slot>,
    pub(super) bakes: Bakes,
    queue: Queue,
    admitted_at: Option<DateTime<Utc>>,
    /// Something has changed that admission goes by.
    must_admit: bool,
    /// Jobs that wait, by the time of their next look.
    pub(super) idle: BTreeSet<(DateTime<Utc>, usize)>,
    /// Jobs that wait for an effect of another one of their bake, by the bake's first job.
    held: BTreeMap<usize, Vec<usize>>,
    finished: BTreeSet<usize>,
    changed: BTreeSet<usize>,
}

impl<'a> Jobs<'a> {
    pub(super) fn new(setting: Setting<'a>, jobs: Vec<Job>) -> Self {
        let slots: Vec<Slot> = jobs.into_iter().map(Slot::new).collect();
        let mut jobs = Self {
            setting,
            bakes: Bakes::of(&slots),
            queue: Queue::of(&slots),
            admitted_at: None,
            must_admit: true,
            idle: BTreeSet::new(),
            held: BTreeMap::new(),
            finished: BTreeSet::new(),
            changed: (0..slots.len()).collect(),
            slots,
        };
        (0..jobs.slots.len()).for_each(|index| jobs.park(index));
        jobs
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.setting.clock.now()
    }

    pub(super) fn in_flight(&self) -> usize {
        self.slots.len() - self.queue.len() - self.finished.len()
    }

    /// How long a look waits for others.
    pub(super) fn look_waits(&self) -> TimeDelta {
        let groups = i32::try_from(self.in_flight()).ok();
        let waits = groups.and_then(|n| LOOK_WAITS_PER_GROUP.checked_mul(n));
        waits.map_or(LOOK_WAITS_AT_MOST, |w| w.min(LOOK_WAITS_AT_MOST))
    }

    /// The operator's will, and the bounds, from now on.
    pub(super) fn direct(&mut self, bounds: Bounds, directive: Directive) {
        self.setting.bounds = bounds;
        self.setting.directive = directive;
        self.must_admit = true;
        let idle: Vec<usize> = self.idle.iter().map(|(_, index)| *index).collect();
        for index in idle {
            self.unpark(index);
            self.park(index);
        }
    }

    /// Nothing is under way for any job from now on. Those that had effects under way come with them.
    pub(super) fn stand_still(&mut self) -> Vec<(usize, Acting)> {
        self.held.clear();
        self.idle.clear();
        let mut acting = Vec::new();
        for index in 0..self.slots.len() {
            self.slots[index].forget();
            match std::mem::replace(&mut self.slots[index].state, State::Out) {
                State::Acting(effects) => acting.push((index, effects)),
                State::Idle(_) | State::Out | State::Looking | State::Held => self.park(index),
            }
        }
        acting
    }

    /// The places of the jobs that something has happened to since this was asked last.
    pub(super) fn changed(&mut self) -> BTreeSet<usize> {
        std::mem::take(&mut self.changed)
    }

    /// Decides about the queued jobs, if it is time.
    pub(super) fn admit(&mut self) {
        let now = self.now();
        if self.next_admission().is_none_or(|at| at > now) {
            return;
        }
        self.must_admit = false;
        self.admitted_at = Some(now);
        self.changed.extend(self.queue.places());
        let bounds = &self.setting.bounds;
        let left = admit(&mut self.slots, &self.bakes, &mut self.queue, bounds, now);
        for index in left {
            self.park(index);
        }
    }

    /// When the queued jobs are to be decided about.
    pub(super) fn next_admission(&self) -> Option<DateTime<Utc>> {
        if self.queue.is_empty() {
            return None;
        }
        // The first time is always over.
        let Some(last) = self.admitted_at else {
            return Some(DateTime::UNIX_EPOCH);
        };
        Some(if !self.must_admit {
            last + ADMISSION_EVERY
        } else if self.queue.len() > MANY_QUEUED {
            last + ADMISSION_APART
        } else {
            last
        })
    }

    /// Lets a job wait for its next look; one that is finished waits for nothing.
    pub(super) fn park(&mut self, index: usize) {
        let now = self.now();
        let at_once = self.setting.directive.restore;
        let head_start = self.look_waits() * 2 / 3;
        let slot = &mut self.slots[index];
        self.changed.insert(index);
        if !slot.hurries {
            slot.turns.clear();
        }
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
        slot.count_look(now);
        let at = slot.job().wake_at;
        let at = if slot.hurries { at - head_start } else { at };
        slot.state = State::Idle(at);
        self.idle.insert((at, index));
    }

    pub(super) fn unpark(&mut self, index: usize) {
        if let State::Idle(at) = self.slots[index].state {
            self.idle.remove(&(at, index));
        }
    }

    /// Effects of these jobs, one of each, begin to wait for their turn.
    pub(super) fn begin_wait(&mut self, indices: impl Iterator<Item = usize>) {
        for index in indices {
            if let State::Acting(acting) = &mut self.slots[index].state {
                acting.waiting += 1;
            }
        }
    }

    /// They have waited.
    pub(super) fn end_wait(&mut self, indices: impl Iterator<Item = usize>) {
        for index in indices {
            if let State::Acting(acting) = &mut self.slots[index].state {
                acting.waiting -= 1;
            }
        }
    }

    /// Whether another job of its bake is at an effect that concerns all of them.
    pub(super) fn is_held_up(&self, index: usize) -> bool {
        let members = self.bakes.members(self.slots[index].job());
        let mut others = members.iter().filter(|i| **i != index);
        members.len() > 1 && others.any(|i| self.slots[*i].acts_for_bake())
    }

    /// Lets a job wait for the effect that holds it up.
    pub(super) fn hold(&mut self, index: usize) {
        let first = self.first_of_bake(index);
        self.slots[index].state = State::Held;
        self.slots[index].forget();
        self.slots[index].turns.clear();
        self.held.entry(first).or_default().push(index);
    }

    /// Lets the jobs of a bake go on that an effect has held up.
    pub(super) fn release(&mut self, index: usize) {
        let first = self.first_of_bake(index);
        for held in self.held.remove(&first).unwrap_or_default() {
            self.park(held);
        }
    }

    fn first_of_bake(&self, index: usize) -> usize {
        let members = self.bakes.members(self.slots[index].job());
        members.first().copied().unwrap_or(index)
    }

    /// Changes a job; what admission goes by may have changed with it.
    pub(super) fn change<T>(&mut self, index: usize, change: impl FnOnce(&mut Self) -> T) -> T {
        let before = Admissible::of(self.slots[index].job());
        let result = change(self);
        if Admissible::of(self.slots[index].job()) != before {
            self.must_admit = true;
        }
        result
    }
}

/// The facts about a job that admission goes by.
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
pub(super) fn group_span(job: &Job) -> Span {
    tracing::error_span!("group", group = job.group().as_str())
}
