//! The job: the run's memory of one group. Plain data, serialisable.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::budget::Measured;
use super::effect::{CommandStep, Done, Effect, Performed, Role};
use super::fault::{Fault, FaultClass};
use super::limits;
use super::options::Options;
use super::phase::LOAD_BALANCER;
use super::record::Record;
use super::{Code, Failure, Outcome, Phase};
use crate::ids::{GroupName, ImageId, InstanceId, TemplateId};
use crate::request::Operation;
use crate::schedule::Capacity;

/// What the plan found out about a group and what the way forward needs. A restore needs none of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forward {
    /// What is asked for.
    pub operation: Operation,
    /// The group's options.
    pub options: Options,
    /// The image it launches from.
    pub image: ImageId,
    /// Whether it launches Windows.
    pub windows: bool,
    /// Sum of its launch hooks' timeouts, seconds.
    pub hook_seconds: i64,
    /// Whether it makes the image, or waits for another group's.
    pub bakes: bool,
    /// What the phases took that made the image it launches from.
    #[serde(default)]
    pub measured: Measured,
}

/// What the job remembers having made. Everything can also be found again in the world.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Made {
    /// Our instances by role.
    pub instances: BTreeMap<Role, InstanceId>,
    /// When each of our instances was launched and when it was gone.
    pub lifetimes: BTreeMap<InstanceId, (DateTime<Utc>, Option<DateTime<Utc>>)>,
    /// Commands sent, by step.
    pub commands: BTreeMap<CommandStep, String>,
    /// The image, once it is available to this job.
    pub image: Option<ImageId>,
    /// The versions, by template.
    pub versions: BTreeMap<TemplateId, u64>,
    /// Instances known not to be ours.
    pub foreign: BTreeSet<InstanceId>,
}

/// The patch evidence, collected before the build instance goes away.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Names of the patches that the run installed.
    pub installed: Vec<String>,
    /// Counts of the last Scan.
    pub missing: u32,
    /// As above.
    pub failed: u32,
    /// As above.
    pub pending_reboot: u32,
    /// Whether the counts are those of our own Scan.
    pub scanned: bool,
}

/// What became of an effect so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Try {
    /// First attempt.
    pub first_at: DateTime<Utc>,
    /// Last attempt.
    pub last_at: DateTime<Utc>,
    /// Attempts.
    pub count: u32,
    /// When it succeeded.
    pub done_at: Option<DateTime<Utc>>,
    /// Why the last attempt did not.
    pub fault: Option<Fault>,
}

impl Try {
    /// Whether it fails since so long that waiting for it holds up everything else.
    pub fn is_stuck(&self) -> bool {
        let Some(fault) = &self.fault else {
            return false;
        };
        let limit = fault
            .class
            .patience_seconds()
            .max(limits::DENIED_LIMIT_SECONDS);
        (self.last_at - self.first_at).num_seconds() > limit
    }
}

/// A phase that the job went through.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entered {
    /// The phase.
    pub phase: Phase,
    /// When.
    pub at: DateTime<Utc>,
}

/// The run's memory of one group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// What the group looked like; stored in the first phase.
    pub record: Record,
    /// The way forward; `None` for a job that only restores.
    pub forward: Option<Forward>,
    /// Where it stands.
    pub phase: Phase,
    /// The phases so far, the present one last.
    pub history: Vec<Entered>,
    /// Nothing is to be looked at or done before.
    pub wake_at: DateTime<Utc>,
    /// Why it stands where it stands.
    pub reason: String,
    /// What it made.
    pub made: Made,
    /// What it found.
    pub evidence: Evidence,
    /// Effects tried, by key.
    pub tries: BTreeMap<String, Try>,
    /// Why it fails, once it does.
    pub failure: Option<Failure>,
    /// What the owner should know.
    pub notes: Vec<String>,
    /// Whether the record is known to be stored (by us or, after a crash, found).
    pub recorded: bool,
    /// Whether nothing had to be patched.
    pub already_current: bool,
    /// Whether the pins name the new version for good.
    pub promoted: bool,
    /// When a driver took the job over whose memory may be older than the world: from then on it looks
    /// before every effect.
    pub resumed_at: Option<DateTime<Utc>>,
    /// Capacity when the group had been restored.
    pub capacity_after: Option<Capacity>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Whether the group names a version that the run made, as far as known: nobody may delete it yet.
    #[serde(default)]
    pub names_ours: bool,
    /// Whether the pins were made to name something else after that, by somebody else.
    #[serde(default)]
    pub displaced: bool,
    /// Whether processes that the run suspended are resumed, and not by the run.
    #[serde(default)]
    pub suspension_lost: bool,
    /// First look at which a read that the phase needs failed, while reads keep failing.
    pub blind_since: Option<DateTime<Utc>>,
    /// First look at which the group was not listed, while it is not.
    #[serde(default)]
    pub absent_since: Option<DateTime<Utc>>,
    /// As above, of the image.
    #[serde(default)]
    pub image_absent_since: Option<DateTime<Utc>>,
}

impl Job {
    /// A job for a planned group.
    pub fn planned(record: Record, forward: Forward, now: DateTime<Utc>) -> Self {
        Self::new(record, Some(forward), Phase::Queued, now)
    }

    /// A job that restores a group from its record alone.
    pub fn from_record(record: Record, now: DateTime<Utc>) -> Self {
        let mut job = Self::new(record, None, Phase::RollingBack, now);
        job.recorded = true;
        job.resume(now);
        job
    }

    /// Takes over a job that another driver left: what it remembers may be older than the world.
    pub fn resume(&mut self, now: DateTime<Utc>) {
        if !self.finished() {
            self.resumed_at = Some(now);
            self.wake_at = now;
        }
    }

    fn new(record: Record, forward: Option<Forward>, phase: Phase, now: DateTime<Utc>) -> Self {
        Self {
            record,
            forward,
            phase,
            history: vec![Entered { phase, at: now }],
            wake_at: now,
            reason: String::new(),
            made: Made::default(),
            evidence: Evidence::default(),
            tries: BTreeMap::new(),
            failure: None,
            notes: Vec::new(),
            recorded: false,
            already_current: false,
            promoted: false,
            resumed_at: None,
            capacity_after: None,
            outcome: None,
            names_ours: false,
            displaced: false,
            suspension_lost: false,
            blind_since: None,
            absent_since: None,
            image_absent_since: None,
        }
    }

    /// The group's name.
    pub fn group(&self) -> &GroupName {
        &self.record.group
    }

    /// When the present phase was entered.
    pub fn entered_at(&self) -> DateTime<Utc> {
        self.history.last().map_or(self.wake_at, |e| e.at)
    }

    /// Whether nothing more is to be done.
    pub fn finished(&self) -> bool {
        self.phase == Phase::Finished
    }

    /// Whether the group is (or may be) changed by us now.
    pub fn in_flight(&self) -> bool {
        !matches!(self.phase, Phase::Queued | Phase::Finished)
    }

    /// From when on there is only time to restore the group.
    pub fn last_turn(&self) -> DateTime<Utc> {
        self.record.deadline - TimeDelta::seconds(limits::RESERVE_SECONDS)
    }

    /// No wait goes beyond the last turn: the reserve is for the restore alone.
    pub fn wake_in_time(&mut self, now: DateTime<Utc>) {
        if self.is_forward() && now < self.last_turn() {
            self.wake_at = self.wake_at.min(self.last_turn());
        }
    }

    /// Whether the group is ours and not on its way back yet.
    pub fn is_forward(&self) -> bool {
        self.in_flight() && !self.must_restore()
    }

    /// Enters a phase.
    pub fn enter(&mut self, phase: Phase, reason: impl Into<String>, now: DateTime<Utc>) {
        self.phase = phase;
        self.reason = reason.into();
        self.history.push(Entered { phase, at: now });
        self.wake_at = now;
    }

    /// Ends the job.
    pub fn finish(&mut self, outcome: Outcome, reason: impl Into<String>, now: DateTime<Utc>) {
        self.outcome = Some(outcome);
        self.enter(Phase::Finished, reason, now);
    }

    /// The job's instance of this role, if it has one.
    pub fn instance(&self, role: Role) -> Option<&InstanceId> {
        self.made.instances.get(&role)
    }

    /// Adds a note once.
    pub fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// When an effect of this key succeeded.
    pub fn done_at(&self, effect: &Effect) -> Option<DateTime<Utc>> {
        self.tries.get(&effect.key()).and_then(|t| t.done_at)
    }

    /// Whether an effect fails since so long that waiting for it holds up everything else.
    pub fn is_stuck(&self, effect: &Effect) -> bool {
        self.tries.get(&effect.key()).is_some_and(Try::is_stuck)
    }

    /// Whether an effect may have been tried whose key begins so. Who has no memory of it must think so.
    pub fn may_have_tried(&self, key: &str) -> bool {
        self.tries.keys().any(|k| k.starts_with(key)) || !self.has_full_memory()
    }

    /// Whether the job remembers all that was done for it.
    pub fn has_full_memory(&self) -> bool {
        self.resumed_at.is_none() && self.forward.is_some()
    }

    /// When processes were last resumed for the restore. The canary is let into the load balancer long
    /// before that.
    pub fn resumed_processes_at(&self) -> Option<DateTime<Utc>> {
        let for_canary = Effect::Resume(vec![LOAD_BALANCER.to_owned()]).key();
        let resumes = |k: &str| k.starts_with("resume ") && k != for_canary;
        let done = self.tries.iter().filter(|(k, _)| resumes(k));
        done.filter_map(|(_, t)| t.done_at).max()
    }

    /// Whether faults must not fail the job: it is already on its way back.
    pub fn must_restore(&self) -> bool {
        matches!(self.phase, Phase::RollingBack | Phase::Restoring)
    }

    /// Takes note of how an effect ended.
    ///
    /// Returns the failure that it means for the job, if it means one. A fault that time helps against
    /// puts the next look off instead.
    pub fn performed(
        &mut self,
        effect: &Effect,
        performed: &Performed,
        now: DateTime<Utc>,
    ) -> Option<Failure> {
        // Until the next look shows which.
        self.names_ours |= matches!(effect, Effect::SetPins { .. });
        let entry = self.tries.entry(effect.key()).or_insert(Try {
            first_at: now,
            last_at: now,
            count: 0,
            done_at: None,
            fault: None,
        });
        if entry.fault.is_none() && entry.count > 0 {
            // The last time it succeeded: what goes wrong now has only begun.
            entry.first_at = now;
            entry.count = 0;
        }
        entry.last_at = now;
        entry.count += 1;
        match performed {
            Ok(done) => {
                entry.done_at = Some(now);
                entry.fault = None;
                self.remember(effect, done);
                None
            }
            Err(fault) => {
                entry.fault = Some(fault.clone());
                if let Effect::TagImage { image, .. } = effect {
                    // Only the next run's plan is the poorer.
                    self.note(format!(
                        "what its phases took could not be written to {image} ({}): the next run plans with defaults",
                        fault.code
                    ));
                    return None;
                }
                let (tried_for, count) = (now - entry.first_at, entry.count);
                let failure = self.after_fault(fault, tried_for, count, now)?;
                Some(match effect {
                    Effect::CreateVersion { .. } if failure.code == Code::AwsError => Failure {
                        code: Code::VersionRefused,
                        ..failure
                    },
                    Effect::SetPins { .. } if failure.code == Code::AwsError => Failure {
                        code: Code::PinsRefused,
                        ..failure
                    },
                    _ => failure,
                })
            }
        }
    }

    /// Whether what an effect finds cannot come from an earlier try of it.
    fn is_first_try(&self, effect: &Effect) -> bool {
        let tries = self.tries.get(&effect.key()).map_or(0, |t| t.count);
        tries <= 1 && self.resumed_at.is_none()
    }

    fn remember(&mut self, effect: &Effect, done: &Done) {
        match (effect, done) {
            (Effect::SendCommand(command), Done::Command(id)) => {
                self.made.commands.insert(command.step, id.clone());
            }
            (Effect::CreateVersion { template, .. }, Done::Version(number)) => {
                self.made.versions.insert(template.clone(), *number);
            }
            (Effect::TagInstance { instance, role }, _) => {
                self.made.instances.insert(*role, instance.clone());
            }
            (Effect::StoreRecord(_), _) => self.recorded = true,
            (Effect::DeleteRecord, Done::WasGone) if self.is_first_try(effect) => {
                let code = super::Code::RecordLost;
                self.note(format!("{code}: {}", code.title()));
            }
            _ => {}
        }
    }

    fn after_fault(
        &mut self,
        fault: &Fault,
        tried_for: TimeDelta,
        count: u32,
        now: DateTime<Utc>,
    ) -> Option<Failure> {
        let doubled = limits::FAULT_PAUSE_SECONDS << count.saturating_sub(1).min(4);
        let pause = TimeDelta::seconds(doubled.min(limits::FAULT_PAUSE_MAX_SECONDS));
        let lasting = match fault.class {
            // The next look shows what is there.
            FaultClass::Exists => false,
            FaultClass::Gone | FaultClass::Refused => true,
            FaultClass::Throttled
            | FaultClass::Unreachable
            | FaultClass::Contention
            | FaultClass::NotYet
            | FaultClass::Expired
            | FaultClass::Denied => tried_for.num_seconds() > fault.class.patience_seconds(),
        };
        self.wake_at = self.wake_at.max(now + pause);
        if self.must_restore() {
            self.reason = fault.to_failure().reason;
            return None;
        }
        lasting.then(|| fault.to_failure())
    }
}
