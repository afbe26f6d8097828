//! A job in the engine, and what the engine does for it at the moment.

use std::borrow::{Borrow, BorrowMut};
use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::aws::Turn;
use crate::group::Phase;
use crate::group::decide::needs;
use crate::group::effect::{Effect, Performed};
use crate::group::job::Job;
use crate::group::seen::{Need, Seen};

/// Looks of one job within [`LOOKS_PAUSE`]: the longest way through the phases without a wait has fewer.
const LOOKS_AT_ONCE: u32 = 16;
/// A job that had more comes again after this.
const LOOKS_PAUSE: TimeDelta = TimeDelta::seconds(1);

/// The answers of a look hold for the look that follows within this time, if nothing of ours has changed them.
const KEPT_FOR: TimeDelta = TimeDelta::seconds(5);

/// A job, shared with the calls that are under way for it.
#[derive(Debug)]
pub(super) struct Slot {
    job: Arc<Job>,
    pub(super) state: State,
    /// Whether it may be looked at sooner than it asked for: it waits for AWS, not for a fault to pass.
    pub(super) may_ride: bool,
    /// Whether its last look lacked something: the next one waits less for others.
    pub(super) hurries: bool,
    /// Turns that it has waited for, and for which it is decided upon anew.
    pub(super) turns: Vec<Arc<Turn>>,
    /// Answers of a look that took long: the rest of it is asked for again.
    pub(super) rest: Option<Box<Seen>>,
    /// Answers of the look before that still hold, and when that look began.
    kept: Option<(DateTime<Utc>, Box<Seen>)>,
    /// When it was looked at last.
    pub(super) looked_at: Option<DateTime<Utc>>,
    /// When the oldest of the answers of that look was asked for.
    answers_since: Option<DateTime<Utc>>,
    /// Looks since then.
    looks: (Option<DateTime<Utc>>, u32),
}

/// The present work on a job.
#[derive(Debug)]
pub(super) enum State {
    /// Nothing: it is queued or finished.
    Out,
    /// Nothing until then.
    Idle(DateTime<Utc>),
    /// It is looked at.
    Looking,
    /// Effects are performed.
    Acting(Acting),
    /// It waits for the end of an effect that its bake shares.
    Held,
}

/// Effects under way.
#[derive(Debug)]
pub(super) struct Acting {
    pub(super) since: DateTime<Utc>,
    pub(super) left: usize,
    /// How many of those that are left wait for their turn.
    pub(super) waiting: usize,
    /// How those ended that have, by their place in the decision.
    pub(super) ended: Vec<(usize, Effect, Performed)>,
    /// Whether one of them concerns the other jobs of the bake.
    pub(super) is_shared: bool,
    /// Whether one of them was not performed, so that the decision is taken anew.
    pub(super) is_withdrawn: bool,
}

impl Slot {
    pub(super) fn new(job: Job) -> Self {
        Self {
            job: Arc::new(job),
            state: State::Out,
            may_ride: false,
            hurries: false,
            turns: Vec::new(),
            rest: None,
            kept: None,
            looked_at: None,
            answers_since: None,
            looks: (None, 0),
        }
    }

    /// The reads that its next look is for, if it is made now.
    pub(super) fn needs(&self, now: DateTime<Utc>) -> BTreeSet<Need> {
        let mut needs = needs(&self.job);
        let known = self.rest.as_deref().into_iter().chain(self.kept(now));
        for seen in known {
            needs.retain(|need| !seen.asked.contains(need));
        }
        needs
    }

    /// Keeps answers of the look that has just ended for the next one: where the next phase asks for more, and where
    /// these effects leave them as they are. A launch begins with a look at the group, and a way back looks at everything
    /// anew; for how long a record counts as read the job knows itself.
    pub(super) fn keep(&mut self, seen: &Seen, effects: &[Effect]) {
        let lacks = self.hurries && !needs(&self.job).is_subset(&seen.asked);
        if self.job.phase == Phase::RollingBack || effects.is_empty() && !lacks {
            return;
        }
        let launches = self.job.phase.launches();
        let is_renewed = |need| need == Need::Record || launches && need == Need::Group;
        let kept = seen.kept(|need| !is_renewed(need) && !effects.iter().any(|e| e.changes(need)));
        let since = self.answers_since.filter(|_| !kept.asked.is_empty());
        self.kept = since.map(|at| (at, Box::new(kept)));
    }

    /// Those answers of the look before that still hold.
    fn kept(&self, now: DateTime<Utc>) -> Option<&Seen> {
        let (at, seen) = self.kept.as_ref()?;
        (now - *at <= KEPT_FOR).then_some(&**seen)
    }

    /// Begins a look, with those answers of the look before that still hold.
    pub(super) fn begin_look(&mut self, now: DateTime<Utc>) -> Option<Seen> {
        self.state = State::Looking;
        self.looked_at = Some(now);
        let kept = self.kept.take().filter(|(at, _)| now - *at <= KEPT_FOR);
        // The rest of a look that took long is part of this one.
        let rest_since = self.rest.as_ref().and(self.answers_since);
        let since = kept
            .as_ref()
            .map(|(at, _)| *at)
            .into_iter()
            .chain(rest_since);
        self.answers_since = Some(since.min().unwrap_or(now));
        kept.map(|(_, seen)| *seen)
    }

    /// Forgets all answers.
    pub(super) fn forget(&mut self) {
        self.rest = None;
        self.kept = None;
    }

    pub(super) fn job(&self) -> &Job {
        &self.job
    }

    /// For a call: the job does not change until the call has ended.
    pub(super) fn share(&self) -> Arc<Job> {
        Arc::clone(&self.job)
    }

    pub(super) fn job_mut(&mut self) -> &mut Job {
        Arc::make_mut(&mut self.job)
    }

    pub(super) fn into_job(self) -> Job {
        Arc::unwrap_or_clone(self.job)
    }

    /// Whether an effect that its bake shares is under way.
    pub(super) fn acts_for_bake(&self) -> bool {
        matches!(&self.state, State::Acting(acting) if acting.is_shared)
    }

    /// Waits for these effects from now on.
    pub(super) fn act(&mut self, now: DateTime<Utc>, effects: &[Effect]) {
        self.state = State::Acting(Acting {
            since: now,
            left: effects.len(),
            waiting: 0,
            ended: Vec::new(),
            is_shared: effects.iter().any(Effect::concerns_bake),
            is_withdrawn: false,
        });
    }

    /// Puts off a job that would be looked at without end at the same moment.
    pub(super) fn count_look(&mut self, now: DateTime<Utc>) {
        let (at, count) = &mut self.looks;
        if at.is_none_or(|at| now - at >= LOOKS_PAUSE) {
            (*at, *count) = (Some(now), 0);
        }
        *count += 1;
        if *count > LOOKS_AT_ONCE && self.job.wake_at <= now {
            self.job_mut().wake_at = now + LOOKS_PAUSE;
        }
    }
}

impl Borrow<Job> for Slot {
    fn borrow(&self) -> &Job {
        self.job()
    }
}

impl BorrowMut<Job> for Slot {
    fn borrow_mut(&mut self) -> &mut Job {
        self.job_mut()
    }
}
