//! The vocabulary of decisions: what may follow, and all that it may depend on.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::bake::Bake;
use super::effect::Effect;
use super::fault::{Fault, FaultClass, Read};
use super::job::{Forward, Job, Lapse};
use super::launch::Launch;
use super::ledger::Key;
use super::record::Record;
use super::seen::{GroupSeen, InstanceSeen, Seen};
use super::{Code, Failure, Outcome, Phase, limits};
use crate::ids::InstanceId;

/// The next step of one job.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Nothing to do until then.
    Wait {
        /// When to look again.
        until: DateTime<Utc>,
        /// The thing that is awaited.
        reason: String,
    },
    /// These effects bring the phase on; they do not depend on each other.
    Act {
        /// The effects.
        effects: Vec<Effect>,
        /// Why.
        reason: String,
        /// When to look again after success.
        look_after: TimeDelta,
    },
    /// The phase is done.
    Go {
        /// The next one.
        to: Phase,
        /// Why.
        reason: String,
    },
    /// There is nothing to roll back: the version of the run that died was proved and deployed, and stands.
    Stand,
    /// The phase cannot be done.
    Fail(Failure),
    /// The job is done.
    Finish {
        /// How.
        outcome: Outcome,
        /// Why.
        reason: String,
    },
    /// Another run owns the group now: the job ends and touches nothing more.
    Yield(Failure),
}

/// The operator's or the window's will for all jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Directive {
    /// Restore whatever is in flight.
    pub restore: bool,
}

/// All that a decision may depend on.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The job.
    pub job: &'a Job,
    /// The answers to its reads.
    pub seen: &'a Seen,
    /// The state of the others of its bake.
    pub bake: &'a Bake,
    /// How many jobs are in flight: their looks are made together.
    pub peers: usize,
    /// The present.
    pub now: DateTime<Utc>,
    /// The operator's will.
    pub directive: Directive,
}

/// A decision that cuts a phase's reasoning short comes as `Err`.
pub(super) type Decided = Result<Decision, Decision>;

impl<'a> Context<'a> {
    /// The record.
    pub(super) fn record(&self) -> &'a Record {
        &self.job.record
    }

    /// The way forward. A job without one never enters a phase that asks.
    pub(super) fn forward(&self) -> Result<&'a Forward, Decision> {
        self.job.forward.as_ref().ok_or_else(|| Decision::Go {
            to: Phase::RollingBack,
            reason: "nothing is known of the way forward".into(),
        })
    }

    /// The launch under way. The look that a phase needs brings one to light before the phase decides.
    pub(super) fn launch(&self) -> Result<&'a Launch, Decision> {
        let unknown = || {
            self.wait(
                limits::NO_PAUSE,
                "the group must be looked at before it launches",
            )
        };
        self.job.open_launch().ok_or_else(unknown)
    }

    /// The present by AWS's clock.
    pub(super) fn account_now(&self) -> DateTime<Utc> {
        self.account_time(self.now)
    }

    /// A moment of ours by AWS's clock.
    pub(super) fn account_time(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        at.checked_add_signed(self.job.clock_offset).unwrap_or(at)
    }

    /// The group. Absent groups were dealt with before.
    pub(super) fn group(&self) -> Result<&'a GroupSeen, Decision> {
        self.read(&self.seen.group, "the group")
    }

    /// EC2's view of the instances.
    pub(super) fn instances(&self) -> Result<&'a BTreeMap<InstanceId, InstanceSeen>, Decision> {
        self.read(&self.seen.instances, "instances")
    }

    /// The value of a read that must have found something.
    pub(super) fn read<T>(&self, read: &'a Read<T>, what: &str) -> Result<&'a T, Decision> {
        match read {
            Read::Present(value) => Ok(value),
            Read::Failed(fault) => Err(self.blind(fault)),
            Read::Absent => Err(self.wait(limits::LOOK_MIN, format!("{what} cannot be seen yet"))),
            Read::Unread => Err(self.wait(limits::NO_PAUSE, format!("{what} must be read first"))),
        }
    }

    /// A read that failed is not an absence: look again, and give up only after long.
    pub(super) fn blind(&self, fault: &Fault) -> Decision {
        let blind_for = self.lasts(Lapse::ReadFailed);
        let limit = match fault.class {
            FaultClass::Refused => TimeDelta::zero(),
            FaultClass::Denied => fault.class.patience(),
            FaultClass::Throttled
            | FaultClass::Unreachable
            | FaultClass::NotYet
            | FaultClass::Contention
            | FaultClass::Exhausted
            | FaultClass::Expired
            | FaultClass::Exists
            | FaultClass::Gone => limits::FAULT_LIMIT,
        };
        let lasting = fault.class == FaultClass::Refused || blind_for > limit;
        if lasting && !self.job.must_restore() {
            return Decision::Fail(fault.to_failure());
        }
        let pause = eighth(blind_for).clamp(limits::LOOK_MIN, limits::FAULT_PAUSE_MAX);
        let verb = match fault.class {
            FaultClass::Denied => "is not allowed",
            FaultClass::Throttled
            | FaultClass::Unreachable
            | FaultClass::NotYet
            | FaultClass::Contention
            | FaultClass::Exhausted
            | FaultClass::Expired
            | FaultClass::Exists
            | FaultClass::Gone
            | FaultClass::Refused => "failed",
        };
        let reason = format!("{} {verb} ({}), asking again", fault.operation, fault.code);
        self.wait(pause, reason)
    }

    /// Looks again after a pause.
    pub(super) fn wait(&self, pause: TimeDelta, reason: impl Into<String>) -> Decision {
        Decision::Wait {
            until: self.now + pause,
            reason: reason.into(),
        }
    }

    /// Looks again at something that began at `since` and is likely to be done after `expected`: first
    /// then, afterwards at growing intervals.
    pub(super) fn look(
        &self,
        since: DateTime<Utc>,
        expected: TimeDelta,
        reason: impl Into<String>,
    ) -> Decision {
        let elapsed = self.since(since);
        let pause = eighth(elapsed).clamp(limits::LOOK_MIN, limits::LOOK_MAX);
        let first = self.first_look(expected);
        self.wait((first - elapsed).max(self.pause(pause)), reason)
    }

    /// A pause between two looks at the same thing. Jobs share a look, so that many of them look more often than one alone; among
    /// very many, answers have many pages.
    pub(super) fn pause(&self, alone: TimeDelta) -> TimeDelta {
        if self.peers < limits::MANY_PEERS {
            return alone;
        }
        let peers = i32::try_from(self.peers).unwrap_or(i32::MAX);
        let shared = limits::LOOK_SHARED / peers;
        let together = limits::LOOK_PER_PEER.checked_mul(peers);
        let together = together.map_or(alone, |t| t.max(limits::LOOK_TOGETHER_MIN));
        together.max(shared).min(alone)
    }

    /// When to look first at something that is likely to be done after `expected`.
    pub(super) fn first_look(&self, expected: TimeDelta) -> TimeDelta {
        if self.peers < limits::MANY_PEERS {
            expected
        } else {
            expected * 3 / 5
        }
    }

    /// After a take-over, an absence is believed only once the former driver's last effect would show.
    pub(super) fn settled(&self, reason: &str) -> Result<(), Decision> {
        match self.job.resumed_at.map(|at| self.since(at)) {
            Some(elapsed) if elapsed < limits::SETTLE => {
                Err(self.wait(limits::SETTLE - elapsed, reason))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// One effect; look again this long after it.
    pub(super) fn act(
        &self,
        effect: Effect,
        look_after: TimeDelta,
        reason: impl Into<String>,
    ) -> Decision {
        Decision::Act {
            effects: vec![effect],
            reason: reason.into(),
            look_after,
        }
    }

    /// The time since a moment, in whole seconds.
    pub(super) fn since(&self, at: DateTime<Utc>) -> TimeDelta {
        limits::whole_seconds(self.now - at)
    }

    /// The time since the phase was entered.
    pub(super) fn in_phase(&self) -> TimeDelta {
        self.since(self.job.entered_at())
    }

    /// For how long something could not be seen; zero if it was seen at the last look.
    pub(super) fn lasts(&self, lapse: Lapse) -> TimeDelta {
        let since = self.job.lapses.get(&lapse);
        self.since(since.copied().unwrap_or(self.now))
    }

    /// Whether the effect of this key was to create something that may be there without being shown yet.
    pub(super) fn may_be_unseen(&self, key: &Key) -> bool {
        self.job.ledger.may_be_unseen(key, self.now)
    }

    /// Whether an effect was done so recently that reads may not show it yet.
    pub(super) fn is_fresh(&self, effect: &Effect) -> bool {
        self.job.ledger.is_fresh(&effect.key(), self.now)
    }
}

fn eighth(time: TimeDelta) -> TimeDelta {
    TimeDelta::seconds(time.num_seconds() / 8)
}

/// The next phase.
pub(super) fn go(to: Phase, reason: impl Into<String>) -> Decision {
    Decision::Go {
        to,
        reason: reason.into(),
    }
}

/// A failure.
pub(super) fn failed(code: Code, reason: impl Into<String>) -> Decision {
    Decision::Fail(Failure::new(code, reason))
}
