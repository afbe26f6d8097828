//! Observe, **decide**, perform: what follows for one job from what was seen.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::effect::{Effect, Role};
use super::fault::{Fault, FaultClass, Read};
use super::job::{Forward, Job};
use super::pin::Pin;
use super::record::Record;
use super::seen::{GroupSeen, InstanceSeen, Need, Seen};
use super::unit::Unit;
use super::{Code, Failure, Outcome, Phase, claim, limits, phase};
use crate::ids::InstanceId;

/// What follows.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Nothing to do until then.
    Wait {
        /// When to look again.
        until: DateTime<Utc>,
        /// What is awaited.
        reason: String,
    },
    /// These effects bring the phase on; they do not depend on each other.
    Act {
        /// What to do.
        effects: Vec<Effect>,
        /// Why.
        reason: String,
        /// When to look again after success, seconds.
        look_after_seconds: i64,
    },
    /// The phase is done.
    Go {
        /// The next one.
        to: Phase,
        /// Why.
        reason: String,
    },
    /// The phase cannot be done.
    Fail(Failure),
    /// The job is done.
    Finish {
        /// How.
        outcome: Outcome,
        /// Why.
        reason: String,
    },
}

/// What the run's operator or its window wants of all jobs.
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
    /// What was seen for it.
    pub seen: &'a Seen,
    /// What the others of its bake are at.
    pub unit: &'a Unit,
    /// The present.
    pub now: DateTime<Utc>,
    /// What the operator wants.
    pub directive: Directive,
}

/// A decision that cuts a phase's reasoning short.
pub(super) type Decided = Result<Decision, Decision>;

/// What must be read before [`decide`] can decide. Empty where memory is enough.
pub fn needs(job: &Job) -> BTreeSet<Need> {
    let mut needs = phase::needs(job);
    if claim::needs_record(job) && !needs.is_empty() {
        needs.insert(Need::Record);
    }
    needs
}

/// Decides what follows. Pure; a job that is finished decides nothing more.
pub fn decide(cx: &Context<'_>) -> Decision {
    before_phase(cx)
        .and_then(|()| phase::decide(cx))
        .unwrap_or_else(|decision| decision)
}

/// What holds in every phase on the way forward.
fn before_phase(cx: &Context<'_>) -> Result<(), Decision> {
    claim::check(cx)?;
    let job = cx.job;
    let fail = |code, reason: String| Err(Decision::Fail(Failure::new(code, reason)));
    if job.must_restore() || matches!(job.phase, Phase::Queued | Phase::Finished) {
        return Ok(());
    }
    match &cx.seen.group {
        Read::Absent => {
            return fail(Code::Vanished, Code::Vanished.title().into());
        }
        Read::Present(g) if g.deleting => {
            return fail(Code::DeletionBegan, Code::DeletionBegan.title().into());
        }
        Read::Present(g) if !g.opted_in => {
            return fail(Code::OptedOut, Code::OptedOut.title().into());
        }
        Read::Present(_) | Read::Failed(_) | Read::Unread => {}
    }
    if cx.directive.restore {
        return fail(Code::Interrupted, Code::Interrupted.title().into());
    }
    if cx.now >= job.last_turn() {
        return fail(
            Code::OutOfTime,
            format!(
                "{} was not done when {} min were left, which the restore needs to be done by {}",
                job.phase,
                limits::RESERVE_SECONDS / 60,
                job.record.deadline
            ),
        );
    }
    let uses_version = matches!(
        job.phase,
        Phase::Versioning | Phase::Proving | Phase::Promoting
    );
    match &cx.unit.failed {
        Some((sibling, failure)) if uses_version && cx.unit.bound => fail(
            Code::SiblingFailed,
            format!(
                "{sibling} follows the same template and failed: {}",
                failure.reason
            ),
        ),
        Some(_) | None => Ok(()),
    }
}

/// Carries a decision into the job; returns what is to be performed.
pub fn apply(job: &mut Job, decision: Decision, now: DateTime<Utc>) -> Vec<Effect> {
    match decision {
        Decision::Wait { until, reason } => {
            job.wake_at = until;
            job.reason = reason;
            Vec::new()
        }
        Decision::Act {
            effects,
            reason,
            look_after_seconds,
        } => {
            job.wake_at = now + TimeDelta::seconds(look_after_seconds);
            job.reason = reason;
            effects
        }
        Decision::Go { to, reason } => {
            match (job.phase, to) {
                (Phase::Promoting, Phase::Restoring) => job.promoted = true,
                (Phase::Scanning, Phase::Restoring) => job.already_current = true,
                _ => {}
            }
            job.enter(to, reason, now);
            Vec::new()
        }
        Decision::Fail(failure) => {
            fail(job, failure, now);
            Vec::new()
        }
        Decision::Finish { outcome, reason } => {
            if outcome == Outcome::Failed && job.failure.is_none() {
                job.failure = Some(Failure::new(Code::Locked, reason.clone()));
            }
            job.finish(outcome, reason, now);
            Vec::new()
        }
    }
}

/// Where failure leads, by phase.
pub fn fail(job: &mut Job, failure: Failure, now: DateTime<Utc>) {
    let reason = failure.reason.clone();
    match job.phase {
        // Nothing was touched.
        Phase::Queued => {
            job.failure = Some(failure);
            job.finish(Outcome::Skipped, reason, now);
        }
        Phase::Recording if !job.recorded => {
            job.failure = Some(failure);
            job.finish(Outcome::Skipped, reason, now);
        }
        Phase::Recording
        | Phase::Guarding
        | Phase::Waking
        | Phase::Patching
        | Phase::Scanning
        | Phase::Sealing
        | Phase::Baking
        | Phase::Versioning
        | Phase::Proving
        | Phase::Promoting => {
            job.failure = Some(failure);
            job.enter(Phase::RollingBack, reason, now);
        }
        // Already on its way back, or back.
        Phase::RollingBack | Phase::Restoring | Phase::Finished => {}
    }
}

/// Takes what was seen into the job's memory. Pure.
pub fn learn(job: &mut Job, seen: &Seen, now: DateTime<Utc>) {
    learn_instances(job, seen, now);
    if let Some(commands) = seen.commands.present() {
        for step in phase::COMMAND_STEPS {
            let comment = super::names::command_comment(&job.record.run_id, step.as_str());
            let ours = |c: &&super::seen::CommandSeen| {
                c.comment == comment && job.made.instances.values().any(|i| *i == c.instance)
            };
            if let Some(found) = commands.iter().rev().find(ours) {
                let id = found.id.clone();
                job.made.commands.entry(step).or_insert(id);
            }
        }
    }
    if let Some(versions) = seen.versions.present() {
        let ours = super::names::version_description(&job.record.run_id, &job.record.bake_key);
        for (template, versions) in versions {
            if let Some(v) = versions.iter().find(|v| v.description == ours) {
                job.made.versions.insert(template.clone(), v.number);
            }
        }
    }
    match &seen.group {
        Read::Present(group) => {
            let names_ours = |p: &Pin| {
                let ours = job.made.versions.get(&p.template);
                ours.is_some_and(|n| p.version == n.to_string())
            };
            job.absent_since = None;
            job.names_ours = !group.deleting && group.pins.iter().any(names_ours);
        }
        // A group that is gone keeps nobody waiting.
        Read::Absent => {
            job.names_ours = false;
            job.absent_since.get_or_insert(now);
        }
        Read::Failed(_) | Read::Unread => {}
    }
    match &seen.image {
        Read::Present(_) => job.image_absent_since = None,
        Read::Absent => _ = job.image_absent_since.get_or_insert(now),
        Read::Failed(_) | Read::Unread => {}
    }
    claim::learn(job, seen);
    learn_group(job, seen);
    phase::learn(job, seen);
}

/// A failure that the end of the group explains has that as its better reason.
fn learn_group(job: &mut Job, seen: &Seen) {
    let end = match &seen.group {
        Read::Absent => {
            job.capacity_after = None;
            Code::Vanished
        }
        Read::Present(group) => {
            job.capacity_after = (!group.deleting).then_some(group.capacity);
            if !group.deleting {
                return;
            }
            Code::DeletionBegan
        }
        Read::Failed(_) | Read::Unread => return,
    };
    let follows_from_it = |code| {
        matches!(
            code,
            Code::AwsError
                | Code::LaunchFailed
                | Code::WakeTimeout
                | Code::NeverOnline
                | Code::InstanceLost
                | Code::PatchFailed
                | Code::PatchUndelivered
                | Code::ImageFailed
                | Code::CanaryNotUp
                | Code::DeletionBegan
        )
    };
    if let Some(failure) = job.failure.as_mut().filter(|f| follows_from_it(f.code)) {
        *failure = Failure::plain(end);
    }
}

fn learn_instances(job: &mut Job, seen: &Seen, now: DateTime<Utc>) {
    let Some(instances) = seen.instances.present() else {
        return;
    };
    for (id, instance) in instances {
        let ours = instance.run.as_ref() == Some(&job.record.run_id);
        match instance.role.as_deref() {
            Some("build") if ours => _ = job.made.instances.insert(Role::Build, id.clone()),
            Some("canary") if ours => _ = job.made.instances.insert(Role::Canary, id.clone()),
            _ if instance.launched_at < job.record.written_at => {
                job.made.foreign.insert(id.clone());
            }
            _ => {}
        }
    }
    let tagged: Vec<InstanceId> = job.made.instances.values().cloned().collect();
    for id in tagged {
        let seen_now = instances.get(&id);
        let gone = seen_now.is_none_or(|i| i.state == super::seen::Ec2State::Gone);
        if let Some(launched_at) = seen_now.map(|i| i.launched_at) {
            job.made
                .lifetimes
                .entry(id.clone())
                .or_insert((launched_at, None));
        }
        if let Some((_, end)) = job.made.lifetimes.get_mut(&id)
            && gone
            && end.is_none()
        {
            *end = Some(now);
        }
    }
}

impl<'a> Context<'a> {
    /// The record.
    pub(super) fn record(&self) -> &'a Record {
        &self.job.record
    }

    /// The way forward. A job without one never gets into a phase that asks.
    pub(super) fn forward(&self) -> Result<&'a Forward, Decision> {
        self.job.forward.as_ref().ok_or_else(|| Decision::Go {
            to: Phase::RollingBack,
            reason: "nothing is known of the way forward".into(),
        })
    }

    /// The group. Absent groups were dealt with before.
    pub(super) fn group(&self) -> Result<&'a GroupSeen, Decision> {
        self.read(&self.seen.group, "the group")
    }

    /// EC2's view of the instances.
    pub(super) fn instances(&self) -> Result<&'a BTreeMap<InstanceId, InstanceSeen>, Decision> {
        self.read(&self.seen.instances, "instances")
    }

    /// A read that must have brought something; what else it brought decides.
    pub(super) fn read<T>(&self, read: &'a Read<T>, what: &str) -> Result<&'a T, Decision> {
        match read {
            Read::Present(value) => Ok(value),
            Read::Failed(fault) => Err(self.blind(fault)),
            Read::Absent => Err(self.wait(
                limits::LOOK_MIN_SECONDS,
                format!("{what} cannot be seen yet"),
            )),
            Read::Unread => Err(self.wait(0, format!("{what} must be read first"))),
        }
    }

    /// A read that failed is not an absence: look again, and give up only after long.
    pub(super) fn blind(&self, fault: &Fault) -> Decision {
        let blind_for = self.now - self.job.blind_since.unwrap_or(self.now);
        let limit_seconds = match fault.class {
            FaultClass::Refused => 0,
            FaultClass::Denied => fault.class.patience_seconds(),
            FaultClass::Throttled
            | FaultClass::Unreachable
            | FaultClass::NotYet
            | FaultClass::Contention
            | FaultClass::Expired
            | FaultClass::Exists
            | FaultClass::Gone => limits::FAULT_LIMIT_SECONDS,
        };
        let lasting = fault.class == FaultClass::Refused || blind_for.num_seconds() > limit_seconds;
        if lasting && !self.job.must_restore() {
            return Decision::Fail(fault.to_failure());
        }
        let pause = (blind_for.num_seconds() / 8)
            .clamp(limits::LOOK_MIN_SECONDS, limits::FAULT_PAUSE_MAX_SECONDS);
        self.wait(
            pause,
            format!(
                "{} {} ({}), asking again",
                fault.operation,
                if fault.class == FaultClass::Denied {
                    "is not allowed"
                } else {
                    "failed"
                },
                fault.code
            ),
        )
    }

    /// Looks again in so many seconds.
    pub(super) fn wait(&self, seconds: i64, reason: impl Into<String>) -> Decision {
        Decision::Wait {
            until: self.now + TimeDelta::seconds(seconds),
            reason: reason.into(),
        }
    }

    /// Looks again at something that began at `since` and is likely to be done after
    /// `expected_seconds`: first then, afterwards at growing intervals.
    pub(super) fn look(
        &self,
        since: DateTime<Utc>,
        expected_seconds: i64,
        reason: impl Into<String>,
    ) -> Decision {
        let elapsed = (self.now - since).num_seconds();
        let pause = (elapsed / 8).clamp(limits::LOOK_MIN_SECONDS, limits::LOOK_MAX_SECONDS);
        self.wait((expected_seconds - elapsed).max(pause), reason)
    }

    /// After a take-over, an absence is believed only once the former driver's last effect would show.
    pub(super) fn settled(&self, reason: &str) -> Result<(), Decision> {
        let Some(at) = self.job.resumed_at else {
            return Ok(());
        };
        let since = (self.now - at).num_seconds();
        if since >= limits::SETTLE_SECONDS {
            return Ok(());
        }
        Err(self.wait(limits::SETTLE_SECONDS - since, reason))
    }

    /// One effect; look again after so many seconds.
    pub(super) fn act(&self, effect: Effect, seconds: i64, reason: impl Into<String>) -> Decision {
        Decision::Act {
            effects: vec![effect],
            reason: reason.into(),
            look_after_seconds: seconds,
        }
    }

    /// Seconds since the phase was entered.
    pub(super) fn in_phase_seconds(&self) -> i64 {
        (self.now - self.job.entered_at()).num_seconds()
    }

    /// Seconds since the group has not been listed.
    pub(super) fn absent_seconds(&self) -> i64 {
        self.seconds_since(self.job.absent_since)
    }

    /// Seconds since the image has not been listed.
    pub(super) fn image_absent_seconds(&self) -> i64 {
        self.seconds_since(self.job.image_absent_since)
    }

    fn seconds_since(&self, at: Option<DateTime<Utc>>) -> i64 {
        (self.now - at.unwrap_or(self.now)).num_seconds()
    }

    /// Whether something that was to be created may be there without being shown by reads yet.
    pub(super) fn may_be_unseen(&self, effect_key: &str) -> bool {
        self.job.tries.get(effect_key).is_some_and(|t| {
            let took_effect = match &t.fault {
                None => true,
                Some(fault) => fault.class == FaultClass::Unreachable,
            };
            let age = self.now - t.done_at.unwrap_or(t.last_at);
            took_effect && age.num_seconds() < limits::VISIBILITY_LIMIT_SECONDS
        })
    }

    /// Whether an effect was done so short a time ago that reads may not show it yet.
    pub(super) fn is_fresh(&self, effect: &Effect) -> bool {
        self.job
            .done_at(effect)
            .is_some_and(|at| (self.now - at).num_seconds() < limits::VISIBILITY_LIMIT_SECONDS)
    }
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
