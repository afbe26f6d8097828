//! The job: the run's memory of one group. Plain data, serialisable.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::automation::{End, Moment, Runbooks};
use super::devices::DeviceMapping;
use super::effect::{Effect, Role};
use super::fault::FaultClass;
use super::launch::{Launch, LaunchState};
use super::ledger::{Key, Ledger, Try};
use super::limits;
use super::lineage::Lineage;
use super::made::{Evidence, Made};
use super::measured::Measured;
use super::options::Options;
use super::outcome::{Failure, Outcome};
use super::phase::{Entered, Phase};
use super::record::Record;
use super::seen::InstanceSeen;
use crate::ids::{GroupName, ImageId, InstanceId, TemplateId};
use crate::place::Place;
use crate::request::Operation;
use crate::schedule::Capacity;

/// Facts of the plan that the way forward needs. A restore needs none of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forward {
    /// The operation that was asked for.
    pub operation: Operation,
    /// The group's options.
    pub options: Options,
    /// The image it launches from.
    pub image: ImageId,
    /// Whether it launches Windows.
    pub windows: bool,
    /// Whether it makes the image, or waits for another group's.
    pub bakes: bool,
    /// How long the phases took that made the image it launches from.
    #[serde(default)]
    pub measured: Measured,
    /// The block devices that decide what the new image and the new versions say of devices.
    #[serde(default)]
    pub devices: Devices,
    /// The descent of the image it launches from.
    #[serde(default)]
    pub lineage: Lineage,
    /// When that image was made.
    #[serde(default)]
    pub image_created_at: Option<DateTime<Utc>>,
    /// The proved image that it launched from until something set an older one.
    #[serde(default)]
    pub reverted_from: Option<ImageId>,
    /// The owner's own runbooks.
    #[serde(default, skip_serializing_if = "Runbooks::is_empty")]
    pub runbooks: Runbooks,
    /// The application and environment that it serves.
    #[serde(default, skip_serializing_if = "Place::is_unknown")]
    pub place: Place,
}

/// Block devices, as the plan found them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Devices {
    /// Names of the devices of the image that the group launches from.
    pub image: BTreeSet<String>,
    /// Names of the instance store volumes that its launch template versions map: EC2 does not show them among the
    /// devices of an instance.
    pub stores: BTreeSet<String>,
    /// By template: the mappings that a new version must state, because it does not inherit them.
    pub restated: BTreeMap<TemplateId, Vec<DeviceMapping>>,
}

impl Forward {
    /// The time that Windows may add to a boot.
    pub fn boot_extra(&self) -> TimeDelta {
        if self.windows {
            limits::WINDOWS_EXTRA
        } else {
            TimeDelta::zero()
        }
    }
}

/// Whether the group's record is stored and protects the group for this job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ownership {
    /// Not as far as known: it was not stored yet, is gone, or is another run's.
    #[default]
    None,
    /// It is stored, by us or by the driver before us.
    Held,
}

/// The time in which the group differs from what its owner set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Altered {
    /// Since when it does now.
    pub since: Option<DateTime<Utc>>,
    /// For how long it did before that, seconds.
    pub seconds: i64,
}

impl Altered {
    /// It may differ from now on.
    pub fn begin(&mut self, now: DateTime<Utc>) {
        self.since.get_or_insert(now);
    }

    /// It is as its owner left it again.
    pub fn end(&mut self, now: DateTime<Utc>) {
        if let Some(since) = self.since.take() {
            self.seconds += limits::whole_seconds(now - since).num_seconds().max(0);
        }
    }
}

/// How far the run's version has come in this group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deployment {
    /// Not deployed.
    #[default]
    None,
    /// Not needed: there was nothing to patch.
    AlreadyCurrent,
    /// The pins name the new version for good.
    Promoted,
    /// They did; someone else has pointed the group elsewhere since.
    Displaced,
}

/// Something that could not be seen at a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lapse {
    /// A read that the phase needs failed.
    ReadFailed,
    /// The group was not listed.
    GroupAbsent,
    /// The run's image was not listed.
    ImageAbsent,
    /// The group has fewer instances than it wants, and its maximum leaves no room for a borrowed one.
    Crowded,
}

/// The run's memory of one group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// How the group looked; stored in the first phase.
    pub record: Record,
    /// The way forward; `None` for a job that only restores.
    pub forward: Option<Forward>,
    /// Where it stands.
    pub phase: Phase,
    /// The phases so far, the present one last.
    pub history: Vec<Entered>,
    /// The next look or effect is not before this.
    pub wake_at: DateTime<Utc>,
    /// Why it stands where it stands.
    pub reason: String,
    /// Everything that it made.
    pub made: Made,
    /// Everything that it found.
    pub evidence: Evidence,
    /// The effects tried.
    pub ledger: Ledger,
    /// Why it fails, once it does.
    pub failure: Option<Failure>,
    /// Notes for the owner.
    pub notes: Vec<String>,
    /// When the record was stored: by AWS's clock as soon as it has been read, until then as it says itself.
    pub recorded_at: DateTime<Utc>,
    /// AWS's clock less ours, as far as known.
    pub clock_offset: TimeDelta,
    /// When the record was last read and was ours.
    #[serde(default)]
    pub record_seen_at: Option<DateTime<Utc>>,
    /// When the group and its instances were last seen together.
    #[serde(default)]
    pub group_seen_at: Option<DateTime<Utc>>,
    /// Whether the record is stored and ours.
    pub ownership: Ownership,
    /// How far the version has come.
    pub deployment: Deployment,
    /// The launch under way.
    pub launch: LaunchState,
    /// For how long the group differs from what its owner set.
    pub altered: Altered,
    /// Whether the group names a version that the run made, as far as known: nobody may delete it yet.
    pub names_ours: bool,
    /// When a driver took the job over whose memory may be older than the world: from then on it looks
    /// before every effect.
    pub resumed_at: Option<DateTime<Utc>>,
    /// First look of each unbroken series at which this could not be seen.
    pub lapses: BTreeMap<Lapse, DateTime<Utc>>,
    /// Capacity once the group was restored.
    pub capacity_after: Option<Capacity>,
    /// How it ended.
    pub outcome: Option<Outcome>,
}

impl Job {
    /// A job for a planned group.
    pub fn planned(record: Record, forward: Forward, now: DateTime<Utc>) -> Self {
        Self::new(record, Some(forward), Phase::Queued, now)
    }

    /// A job that restores a group from its record alone.
    pub fn from_record(record: Record, now: DateTime<Utc>) -> Self {
        let mut job = Self::new(record, None, Phase::RollingBack, now);
        job.ownership = Ownership::Held;
        job.reason = format!(
            "it is restored from its record, of run {}",
            job.record.run_id
        );
        job.resume(now);
        job
    }

    /// Takes over a job that another driver left: its memory may be older than the world.
    pub fn resume(&mut self, now: DateTime<Utc>) {
        if !self.finished() {
            self.resumed_at = Some(now);
            // The driver before may have asked for more than it could write down.
            let is_asked = self
                .open_launch()
                .is_none_or(|launch| launch.asked.is_some());
            if !is_asked || self.launch == LaunchState::None && self.may_have_launched() {
                self.launch = LaunchState::Unknown;
            }
            self.wake_at = now;
        }
    }

    /// Whether a pass that began in this phase, and whose memory is lost, may have gone as far as a launch.
    fn may_have_launched(&self) -> bool {
        let is_near = matches!(
            self.phase,
            Phase::Queued
                | Phase::Recording
                | Phase::Launching
                | Phase::Baking
                | Phase::Versioning
                | Phase::LaunchingCanary
        );
        is_near || self.forward.is_none()
    }

    fn new(record: Record, forward: Option<Forward>, phase: Phase, now: DateTime<Utc>) -> Self {
        Self {
            recorded_at: record.written_at,
            clock_offset: TimeDelta::zero(),
            record,
            forward,
            phase,
            history: vec![Entered { phase, at: now }],
            wake_at: now,
            reason: String::new(),
            made: Made::default(),
            evidence: Evidence::default(),
            ledger: Ledger::default(),
            failure: None,
            notes: Vec::new(),
            record_seen_at: None,
            group_seen_at: None,
            ownership: Ownership::default(),
            deployment: Deployment::default(),
            launch: LaunchState::None,
            altered: Altered::default(),
            names_ours: false,
            resumed_at: None,
            lapses: BTreeMap::new(),
            capacity_after: None,
            outcome: None,
        }
    }

    /// The group's name.
    pub fn group(&self) -> &GroupName {
        &self.record.group
    }

    /// The wave in which it goes.
    pub fn wave(&self) -> i32 {
        self.forward.as_ref().map_or(0, |f| f.options.wave)
    }

    /// When the present phase was entered.
    pub fn entered_at(&self) -> DateTime<Utc> {
        self.history.last().map_or(self.wake_at, |e| e.at)
    }

    /// When it left the queue, or came to be if it was never queued.
    pub fn begun_at(&self) -> DateTime<Utc> {
        let begun = self.history.iter().find(|e| e.phase != Phase::Queued);
        begun.map_or(self.wake_at, |e| e.at)
    }

    /// Whether nothing more is to be done.
    pub fn finished(&self) -> bool {
        self.phase == Phase::Finished
    }

    /// Whether the group is (or may be) changed by us now.
    pub fn in_flight(&self) -> bool {
        !matches!(self.phase, Phase::Queued | Phase::Finished)
    }

    /// Whether the job is on its way back, where faults must not fail it.
    pub fn must_restore(&self) -> bool {
        matches!(self.phase, Phase::RollingBack | Phase::Restoring)
    }

    /// Whether the group is ours and not on its way back yet.
    pub fn is_forward(&self) -> bool {
        self.in_flight() && !self.must_restore()
    }

    /// Whether the record is known to be stored.
    pub fn is_recorded(&self) -> bool {
        match self.ownership {
            Ownership::None => false,
            Ownership::Held => true,
        }
    }

    /// Whether the pins were made to name the new version for good, whatever became of it since.
    pub fn was_promoted(&self) -> bool {
        match self.deployment {
            Deployment::None | Deployment::AlreadyCurrent => false,
            Deployment::Promoted | Deployment::Displaced => true,
        }
    }

    /// The moment from which there is only time to restore the group.
    pub fn last_turn(&self) -> DateTime<Utc> {
        self.record.deadline - limits::RESERVE
    }

    /// No wait goes beyond the last turn: the reserve is for the restore alone.
    pub fn wake_in_time(&mut self, now: DateTime<Utc>) {
        if self.is_forward() && now < self.last_turn() {
            self.wake_at = self.wake_at.min(self.last_turn());
        }
    }

    /// Enters a phase, by a declared transition; debug builds, and so the tests, check that it is.
    pub fn enter(&mut self, phase: Phase, reason: impl Into<String>, now: DateTime<Utc>) {
        debug_assert!(
            self.phase.leads_to(phase),
            "undeclared transition from {} to {phase}",
            self.phase
        );
        self.phase = phase;
        self.reason = reason.into();
        self.history.push(Entered { phase, at: now });
        self.wake_at = now;
    }

    /// Ends the job.
    pub fn finish(&mut self, outcome: Outcome, reason: impl Into<String>, now: DateTime<Utc>) {
        self.altered.end(now);
        self.outcome = Some(outcome);
        self.enter(Phase::Finished, reason, now);
    }

    /// The job's instance of this role, if it has one.
    pub fn instance(&self, role: Role) -> Option<&InstanceId> {
        self.made.instances.get(&role)
    }

    /// How the execution of a runbook ended, if it is known to be over.
    pub fn automation_end(&self, moment: Moment) -> Option<&End> {
        self.made.automations.get(&moment)?.end.as_ref()
    }

    /// Whether a runbook may have been started for the group, and may not be over.
    pub fn may_automate(&self, moment: Moment) -> bool {
        if let Some(execution) = self.made.automations.get(&moment) {
            return execution.end.is_none();
        }
        // A refusal says that it was not started, but for the one that says that it was.
        let may_have_effect = |t: &Try| {
            let fault = t.fault.as_ref();
            t.done_at.is_some()
                || fault.is_some_and(|f| {
                    matches!(f.class, FaultClass::Unreachable | FaultClass::Exists)
                })
        };
        let tried = self.ledger.get(&Key::StartAutomation(moment));
        let by_another = || match &self.forward {
            Some(forward) => forward.runbooks.of(moment).is_some(),
            None => self.record.automates,
        };
        tried.is_some_and(may_have_effect) || self.resumed_at.is_some() && by_another()
    }

    /// Adds a note once.
    pub fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// When this effect succeeded.
    pub fn done_at(&self, effect: &Effect) -> Option<DateTime<Utc>> {
        self.ledger.done_at(&effect.key())
    }

    /// Whether this effect has been failing for so long that waiting for it holds up everything else.
    pub fn is_stuck(&self, effect: &Effect) -> bool {
        self.ledger.is_stuck(&effect.key())
    }

    /// Whether an effect of this kind may have been tried. A job without memory of it must assume so.
    pub fn may_have_tried(&self, kind: impl Fn(&Key) -> bool) -> bool {
        self.ledger.has_tried(kind) || !self.has_full_memory()
    }

    /// Whether the job remembers all that was done for it.
    pub fn has_full_memory(&self) -> bool {
        self.resumed_at.is_none() && self.forward.is_some()
    }

    /// The launch under way, as far as known.
    pub fn open_launch(&self) -> Option<&Launch> {
        match &self.launch {
            LaunchState::Open(launch) => Some(launch),
            LaunchState::None | LaunchState::Unknown => None,
        }
    }

    /// Whether an instance was in the group when the record was stored: listed in it or, where it lists none, launched
    /// before. None of those is ours. None where only EC2 could tell, and does not show the instance.
    pub fn was_there(&self, id: &InstanceId, instance: Option<&InstanceSeen>) -> Option<bool> {
        match &self.record.members {
            Some(members) => Some(members.has(id)),
            None => instance.map(|i| i.launched_at < self.recorded_at),
        }
    }

    /// Takes down whether this was seen at a look.
    pub fn seen(&mut self, lapse: Lapse, is_lapse: bool, now: DateTime<Utc>) {
        if is_lapse {
            self.lapses.entry(lapse).or_insert(now);
        } else {
            self.lapses.remove(&lapse);
        }
    }
}
