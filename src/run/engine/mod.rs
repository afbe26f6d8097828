//! The engine: observe, decide and perform for many jobs at once, and no job waits for another.
//!
//! Three things happen side by side. *Looks* answer what the jobs that are due ask, many in one call. *Effects* wait
//! for their turn at the bucket that they need. And whenever one of either has ended, the jobs that it concerns are
//! decided on. The engine decides nothing itself, and it never sleeps longer than until the next job is due: its
//! driver (the command line, a state machine, a rehearsal) may leave it whenever it is quiet, and go on from the jobs
//! alone.

mod act;
mod jobs;
mod look;
mod slot;

use chrono::{DateTime, Utc};

use self::act::Acts;
use self::jobs::Jobs;
pub use self::jobs::Setting;
use self::look::Looks;
use self::slot::Slot;
use crate::group::admit::Bounds;
use crate::group::decision::Directive;
use crate::group::job::Job;

/// The jobs of a run at work.
pub struct Engine<'a> {
    jobs: Jobs<'a>,
    looks: Looks<'a>,
    acts: Acts<'a>,
    /// Nothing new is begun.
    is_closing: bool,
}

impl<'a> Engine<'a> {
    /// Takes over jobs.
    pub fn new(setting: Setting<'a>, jobs: Vec<Job>) -> Self {
        Self {
            jobs: Jobs::new(setting, jobs),
            looks: Looks::default(),
            acts: Acts::default(),
            is_closing: false,
        }
    }

    /// Starts what is due and waits until something has ended. May be dropped and called again: nothing is lost.
    pub async fn step(&mut self) {
        if !self.is_closing {
            self.jobs.admit();
            self.looks.begin(&mut self.jobs, self.acts.is_empty());
        }
        let alarm = self.alarm();
        let clock = self.jobs.setting.clock;
        let wait = async {
            match alarm {
                Some(at) => clock.wait_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(act) = self.acts.next_end() => self.acts.end(&mut self.jobs, act),
            Some(look) = self.looks.next_end() => {
                let chosen = self.looks.end(&mut self.jobs, look);
                if self.is_closing {
                    act::decline(&mut self.jobs, chosen);
                } else {
                    self.acts.begin(&mut self.jobs, chosen);
                }
            }
            () = wait, if alarm.is_some() => {}
            else => {}
        }
    }

    /// Whether no call is under way.
    pub fn is_quiet(&self) -> bool {
        self.looks.is_empty() && self.acts.is_empty()
    }

    /// When there is something to do, which may be over; `None` if all jobs are finished.
    pub fn next_at(&self) -> Option<DateTime<Utc>> {
        if !self.is_quiet() {
            return Some(DateTime::UNIX_EPOCH);
        }
        let first = self.jobs.idle.first().map(|(at, _)| *at);
        [first, self.jobs.next_admission()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Begins nothing new from now on: no group, no look and no effect.
    pub fn close(&mut self) {
        if !self.is_closing {
            self.is_closing = true;
            self.acts.withdraw(&mut self.jobs);
        }
    }

    /// The operator's will, and the bounds, from now on. What still waits for its turn is decided upon anew.
    pub fn direct(&mut self, bounds: Bounds, directive: Directive) {
        self.acts.withdraw(&mut self.jobs);
        self.jobs.direct(bounds, directive);
    }

    /// Drops all calls under way. The jobs they were made for may know less than the world: they look first.
    pub fn cut(&mut self) {
        self.looks.clear();
        self.acts.clear();
        let now = self.jobs.now();
        for (index, acting) in self.jobs.stand_still() {
            act::learn(&mut self.jobs, index, acting);
            self.jobs.slots[index].job_mut().resume(now);
            self.jobs.park(index);
        }
    }

    /// The jobs that something has happened to since this was asked last.
    pub fn changed(&mut self) -> impl Iterator<Item = &Job> {
        let changed = self.jobs.changed().into_iter();
        changed.map(|index| self.jobs.slots[index].job())
    }

    /// Hands the jobs back, in their order.
    pub fn into_jobs(self) -> Vec<Job> {
        self.jobs.slots.into_iter().map(Slot::into_job).collect()
    }

    /// When there is something to start, if no call ends before.
    fn alarm(&self) -> Option<DateTime<Utc>> {
        if self.is_closing {
            return None;
        }
        let look = self.looks.next(&self.jobs, self.acts.is_empty());
        let admission = self.jobs.next_admission();
        [admission, look].into_iter().flatten().min()
    }
}
