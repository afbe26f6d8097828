//! The ledger: which effects a job has tried, when, and how they ended.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::automation::Moment;
use super::effect::{CommandStep, Effect};
use super::fault::{Fault, FaultClass};
use super::limits;
use super::pin::Pin;
use crate::ids::{Balancer, ImageId, InstanceId, TemplateId};
use crate::schedule::Capacity;

/// The identity of an effect within its job: a repetition has the same key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// The record is stored.
    StoreRecord,
    /// Processes are suspended.
    Suspend,
    /// These processes are resumed.
    Resume(Vec<String>),
    /// The group has this capacity, these pins, or both.
    Update(Option<Capacity>, Option<Vec<Pin>>),
    /// The instance is moved to Standby.
    EnterStandby(InstanceId),
    /// The instance is tagged.
    TagInstance(InstanceId),
    /// The image is tagged.
    TagImage(ImageId),
    /// The image is kept.
    KeepImage(ImageId),
    /// The instance is registered with the target group or Classic Load Balancer.
    RegisterTarget(Balancer, InstanceId),
    /// The instance is deregistered from it.
    DeregisterTarget(Balancer, InstanceId),
    /// The instance runs the command of this step.
    Command(CommandStep, InstanceId),
    /// The runbook of this moment is started.
    StartAutomation(Moment),
    /// Its execution is stopped.
    StopAutomation(Moment),
    /// An image of this name is made.
    CreateImage(String),
    /// The template has a version of ours.
    CreateVersion(TemplateId),
    /// The template's default is this version.
    SetDefault(TemplateId, u64),
    /// The instance is terminated.
    Terminate(InstanceId),
    /// The version is deleted.
    DeleteVersion(TemplateId, u64),
    /// The image is deregistered.
    DeregisterImage(ImageId),
    /// The record is deleted.
    DeleteRecord,
}

impl Effect {
    /// Its key in the job's ledger: the same for a repetition.
    pub fn key(&self) -> Key {
        match self {
            Self::StoreRecord(_) => Key::StoreRecord,
            Self::Suspend(_) => Key::Suspend,
            Self::Resume(processes) => Key::Resume(processes.clone()),
            Self::Update { capacity, pins } => {
                Key::Update(*capacity, pins.as_ref().map(|change| change.to.clone()))
            }
            Self::EnterStandby {
                instance,
                decrement: _,
            } => Key::EnterStandby(instance.clone()),
            Self::TagInstance { instance, role: _ } => Key::TagInstance(instance.clone()),
            Self::TagImage { image, seconds: _ } => Key::TagImage(image.clone()),
            Self::KeepImage { image, .. } => Key::KeepImage(image.clone()),
            Self::RegisterTarget { balancer, instance } => {
                Key::RegisterTarget(balancer.clone(), instance.clone())
            }
            Self::DeregisterTarget { balancer, instance } => {
                Key::DeregisterTarget(balancer.clone(), instance.clone())
            }
            Self::SendCommand(c) => Key::Command(c.step, c.instance.clone()),
            Self::StartAutomation(start) => Key::StartAutomation(start.moment),
            Self::StopAutomation { moment, id: _ } => Key::StopAutomation(*moment),
            Self::CreateImage { name, .. } => Key::CreateImage(name.clone()),
            Self::CreateVersion { template, .. } => Key::CreateVersion(template.clone()),
            Self::SetDefault { template, version } => Key::SetDefault(template.clone(), *version),
            Self::Terminate {
                instance,
                decrement: _,
            } => Key::Terminate(instance.clone()),
            Self::DeleteVersion { template, version } => {
                Key::DeleteVersion(template.clone(), *version)
            }
            Self::DeregisterImage(image) => Key::DeregisterImage(image.clone()),
            Self::DeleteRecord => Key::DeleteRecord,
        }
    }
}

impl Key {
    /// The target group or Classic Load Balancer that an instance is registered with by the effect of this key.
    pub fn registers_with(&self) -> Option<&Balancer> {
        match self {
            Self::RegisterTarget(balancer, _) => Some(balancer),
            Self::StoreRecord
            | Self::Suspend
            | Self::Resume(_)
            | Self::Update(..)
            | Self::EnterStandby(_)
            | Self::TagInstance(_)
            | Self::TagImage(_)
            | Self::KeepImage(_)
            | Self::DeregisterTarget(..)
            | Self::Command(..)
            | Self::StartAutomation(_)
            | Self::StopAutomation(_)
            | Self::CreateImage(_)
            | Self::CreateVersion(_)
            | Self::SetDefault(..)
            | Self::Terminate(_)
            | Self::DeleteVersion(..)
            | Self::DeregisterImage(_)
            | Self::DeleteRecord => None,
        }
    }
}

/// As logs and progress name an effect.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StoreRecord => f.write_str("store-record"),
            Self::Suspend => f.write_str("suspend"),
            Self::Resume(processes) => write!(f, "resume {}", processes.join(",")),
            Self::Update(capacity, pins) => {
                let capacity = capacity.map(|c| format!("capacity {c}"));
                let pins = pins.as_ref().map(|pins| {
                    let pins: Vec<String> = pins.iter().map(ToString::to_string).collect();
                    format!("pins {}", pins.join(","))
                });
                let both: Vec<String> = capacity.into_iter().chain(pins).collect();
                write!(f, "update {}", both.join(" "))
            }
            Self::EnterStandby(instance) => write!(f, "enter-standby {instance}"),
            Self::TagInstance(instance) => write!(f, "tag {instance}"),
            Self::TagImage(image) => write!(f, "tag-image {image}"),
            Self::KeepImage(image) => write!(f, "keep-image {image}"),
            Self::RegisterTarget(balancer, instance) => {
                write!(f, "register-target {instance} {}", balancer.name())
            }
            Self::DeregisterTarget(balancer, instance) => {
                write!(f, "deregister-target {instance} {}", balancer.name())
            }
            Self::Command(step, instance) => write!(f, "command {step} {instance}"),
            Self::StartAutomation(moment) => write!(f, "start-automation {moment}"),
            Self::StopAutomation(moment) => write!(f, "stop-automation {moment}"),
            Self::CreateImage(name) => write!(f, "create-image {name}"),
            Self::CreateVersion(template) => write!(f, "create-version {template}"),
            Self::SetDefault(template, version) => write!(f, "set-default {template} {version}"),
            Self::Terminate(instance) => write!(f, "terminate {instance}"),
            Self::DeleteVersion(template, version) => {
                write!(f, "delete-version {template} {version}")
            }
            Self::DeregisterImage(image) => write!(f, "deregister {image}"),
            Self::DeleteRecord => f.write_str("delete-record"),
        }
    }
}

/// The attempts at one effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Try {
    /// First attempt since the last success.
    pub first_at: DateTime<Utc>,
    /// Last attempt.
    pub last_at: DateTime<Utc>,
    /// Attempts since the last success.
    pub count: u32,
    /// When it succeeded.
    pub done_at: Option<DateTime<Utc>>,
    /// Why the last attempt did not succeed.
    pub fault: Option<Fault>,
}

impl Try {
    /// Whether it has been failing for so long that waiting for it holds up everything else.
    pub fn is_stuck(&self) -> bool {
        let patience = |f: &Fault| f.class.patience().max(limits::DENIED_LIMIT);
        let fault = self.fault.as_ref();
        fault.is_some_and(|f| limits::whole_seconds(self.tried_for()) > patience(f))
    }

    /// Whether the last attempt did not succeed, and another would not either.
    pub fn is_lasting(&self) -> bool {
        let Some(fault) = &self.fault else {
            return false;
        };
        match fault.class {
            // The next look shows what is there.
            FaultClass::Exists => false,
            FaultClass::Gone | FaultClass::Refused => true,
            FaultClass::Throttled
            | FaultClass::Unreachable
            | FaultClass::Contention
            | FaultClass::Exhausted
            | FaultClass::NotYet
            | FaultClass::Expired
            | FaultClass::Denied => {
                limits::whole_seconds(self.tried_for()) > fault.class.patience()
            }
        }
    }

    /// How long it has been tried in vain.
    pub fn tried_for(&self) -> TimeDelta {
        self.last_at - self.first_at
    }
}

/// All effects that a job has tried, by key. Serialised as a list: its keys are more than text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<(Key, Try)>", into = "Vec<(Key, Try)>")]
pub struct Ledger(BTreeMap<Key, Try>);

impl From<Vec<(Key, Try)>> for Ledger {
    fn from(entries: Vec<(Key, Try)>) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl From<Ledger> for Vec<(Key, Try)> {
    fn from(ledger: Ledger) -> Self {
        ledger.0.into_iter().collect()
    }
}

impl Ledger {
    /// Takes down an attempt and how it ended; returns the entry.
    pub fn record(&mut self, key: Key, fault: Option<&Fault>, now: DateTime<Utc>) -> &Try {
        let entry = self.0.entry(key).or_insert(Try {
            first_at: now,
            last_at: now,
            count: 0,
            done_at: None,
            fault: None,
        });
        if entry.fault.is_none() && entry.count > 0 {
            // It succeeded the last time: what goes wrong now has only begun.
            entry.first_at = now;
            entry.count = 0;
        }
        entry.last_at = now;
        entry.count += 1;
        if fault.is_none() {
            entry.done_at = Some(now);
        }
        entry.fault = fault.cloned();
        entry
    }

    /// Why the last attempt of all did not succeed, if it did not.
    pub fn last_fault(&self) -> Option<&Fault> {
        let last = self.0.values().max_by_key(|t| t.last_at);
        last.and_then(|t| t.fault.as_ref())
    }

    /// The attempts at one effect.
    pub fn get(&self, key: &Key) -> Option<&Try> {
        self.0.get(key)
    }

    /// When the effect of this key succeeded.
    pub fn done_at(&self, key: &Key) -> Option<DateTime<Utc>> {
        self.get(key).and_then(|t| t.done_at)
    }

    /// Whether the effect of this key has been failing for so long that it holds up everything else.
    pub fn is_stuck(&self, key: &Key) -> bool {
        self.get(key).is_some_and(Try::is_stuck)
    }

    /// Whether any effect is stuck.
    pub fn is_any_stuck(&self) -> bool {
        self.0.values().any(Try::is_stuck)
    }

    /// Whether the effect of this key succeeded so recently that reads may not show it yet.
    pub fn is_fresh(&self, key: &Key, now: DateTime<Utc>) -> bool {
        let done_at = self.done_at(key);
        done_at.is_some_and(|at| now - at < limits::VISIBILITY_LIMIT)
    }

    /// Whether what the effect of this key was to create may be there without being shown by reads yet:
    /// it succeeded, lost its answer or was answered with a warning, not long ago.
    pub fn may_be_unseen(&self, key: &Key, now: DateTime<Utc>) -> bool {
        self.get(key).is_some_and(|t| {
            let fault = t.fault.as_ref();
            let took_effect = fault.is_none_or(Fault::may_have_taken_effect);
            took_effect && now - t.done_at.unwrap_or(t.last_at) < limits::VISIBILITY_LIMIT
        })
    }

    /// The effects of a kind, in the order of their keys.
    pub fn of_kind(&self, kind: impl Fn(&Key) -> bool) -> impl Iterator<Item = (&Key, &Try)> {
        self.0.iter().filter(move |(key, _)| kind(key))
    }

    /// Whether an effect of this kind was tried.
    pub fn has_tried(&self, kind: impl Fn(&Key) -> bool) -> bool {
        self.0.keys().any(kind)
    }

    /// The effect of this kind that was tried last.
    pub fn last_of(&self, kind: impl Fn(&Key) -> bool) -> Option<&Try> {
        let tries = self.of_kind(kind).map(|(_, t)| t);
        tries.max_by_key(|t| t.last_at)
    }

    /// When an effect of this kind was last tried.
    pub fn last_tried(&self, kind: impl Fn(&Key) -> bool) -> Option<DateTime<Utc>> {
        self.last_of(kind).map(|t| t.last_at)
    }

    /// When an effect of this kind last succeeded.
    pub fn last_done(&self, kind: impl Fn(&Key) -> bool) -> Option<DateTime<Utc>> {
        self.of_kind(kind).filter_map(|(_, t)| t.done_at).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_travels_as_a_list_and_answers_by_kind() {
        let at: DateTime<Utc> = "2026-10-14T04:00:00Z".parse().unwrap();
        let minute = TimeDelta::minutes(1);
        let mut ledger = Ledger::default();
        ledger.record(Key::Suspend, None, at);
        ledger.record(Key::Resume(vec!["A".into()]), None, at + minute);
        ledger.record(Key::Resume(vec!["B".into()]), None, at + minute * 2);
        let text = serde_json::to_string(&ledger).unwrap();
        assert_eq!(serde_json::from_str::<Ledger>(&text).unwrap(), ledger);
        let resumes = |k: &Key| matches!(k, Key::Resume(_));
        assert_eq!(ledger.last_done(resumes), Some(at + minute * 2));
        assert!(ledger.is_fresh(&Key::Suspend, at + minute * 4));
        assert!(!ledger.is_fresh(&Key::Suspend, at + minute * 5));
        assert!(!ledger.has_tried(|k| matches!(k, Key::Terminate(_))));
    }

    #[test]
    fn failures_count_from_the_last_success() {
        let at: DateTime<Utc> = "2026-10-14T04:00:00Z".parse().unwrap();
        let fault = Fault {
            operation: "x:Y".into(),
            code: "Throttling".into(),
            message: String::new(),
            class: FaultClass::Throttled,
        };
        let mut ledger = Ledger::default();
        ledger.record(Key::DeleteRecord, None, at);
        let later = at + TimeDelta::hours(1);
        assert_eq!(
            ledger.record(Key::DeleteRecord, Some(&fault), later).count,
            1
        );
        assert!(!ledger.is_stuck(&Key::DeleteRecord));
        ledger.record(
            Key::DeleteRecord,
            Some(&fault),
            later + TimeDelta::minutes(11),
        );
        assert!(ledger.is_stuck(&Key::DeleteRecord));
        assert_eq!(ledger.done_at(&Key::DeleteRecord), Some(at));
    }
}
