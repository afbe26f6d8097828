//! The end of an effect, taken into the job's memory. Pure.

use chrono::{DateTime, Utc};

use super::automation::Execution;
use super::effect::{Done, Effect, Performed};
use super::fault::Fault;
use super::job::{Job, Ownership};
use super::launch::LaunchState;
use super::ledger::Try;
use super::{Code, Failure, limits};

/// Takes down how an effect ended. Returns the failure that it means for the job, if it means one; a fault
/// that time helps against puts the next look off instead.
pub fn learn_performed(
    job: &mut Job,
    effect: &Effect,
    performed: &Performed,
    now: DateTime<Utc>,
) -> Option<Failure> {
    let fault = performed.as_ref().err();
    learn_tried(job, effect, fault, now);
    let entry = job.ledger.record(effect.key(), fault, now).clone();
    match performed {
        Ok(done) => {
            remember(job, effect, done, entry.count);
            None
        }
        Err(fault) => learn_fault(job, effect, fault, &entry, now),
    }
}

/// An effect that was tried may have been done, whatever the answer.
fn learn_tried(job: &mut Job, effect: &Effect, fault: Option<&Fault>, now: DateTime<Utc>) {
    if let Effect::Update { pins: Some(_), .. } = effect {
        // Until the next look shows which version is named.
        job.names_ours = true;
    }
    let may_have_effect = fault.is_none_or(Fault::may_have_taken_effect);
    let alters = matches!(effect, Effect::Suspend(_) | Effect::Update { .. });
    if !alters || !may_have_effect {
        return;
    }
    job.altered.begin(now);
    if let LaunchState::Open(launch) = &mut job.launch {
        match effect {
            Effect::Suspend(_) => launch.has_suspended = true,
            Effect::Update {
                capacity: Some(capacity),
                ..
            } if launch.asked.is_none() && job.phase.launches() => launch.asked = Some(*capacity),
            _ => {}
        }
    }
}

fn remember(job: &mut Job, effect: &Effect, done: &Done, count: u32) {
    match (effect, done) {
        (Effect::SendCommand(command), Done::Command(id)) => {
            job.made.commands.insert(command.step, id.clone());
        }
        (Effect::StartAutomation(start), Done::Automation(id)) => {
            let execution = Execution {
                id: id.clone(),
                end: None,
            };
            job.made.automations.insert(start.moment, execution);
        }
        (Effect::CreateImage { .. }, Done::Image(image)) => {
            job.made.asked_image = Some(image.clone());
        }
        (Effect::CreateVersion { template, .. }, Done::Version(number)) => {
            job.made.versions.insert(template.clone(), *number);
        }
        (Effect::TagInstance { instance, role }, _) => {
            job.made.instances.insert(*role, instance.clone());
        }
        (Effect::StoreRecord(_), _) if !job.is_recorded() => job.ownership = Ownership::Held,
        (Effect::KeepImage { image, doubt, .. }, _) => {
            let until = doubt.until.format("%F");
            job.note(format!(
                "{image}, which failed, is kept until {until} to be looked at"
            ));
        }
        (Effect::DeregisterImage(image), Done::SnapshotsKept(kept)) => {
            job.note(format!(
                "{image} was removed, but not all of its snapshots: {}",
                kept.join(", ")
            ));
        }
        // Its absence cannot come from an earlier try.
        (Effect::DeleteRecord, Done::WasGone) if count <= 1 && job.resumed_at.is_none() => {
            let code = Code::RecordLost;
            job.note(format!("{code}: {}", code.title()));
        }
        _ => {}
    }
}

fn learn_fault(
    job: &mut Job,
    effect: &Effect,
    fault: &Fault,
    entry: &Try,
    now: DateTime<Utc>,
) -> Option<Failure> {
    if let Effect::TagImage { image, .. } = effect {
        // Only the next run's plan is the poorer.
        job.note(format!(
            "how long its phases took could not be written to {image} ({}): the next run plans with defaults",
            fault.code
        ));
        return None;
    }
    // What follows is its owner's to say: the phase decides it.
    let is_owners = matches!(
        effect,
        Effect::StartAutomation(_) | Effect::StopAutomation { .. }
    );
    let doublings = entry.count.saturating_sub(1).min(4);
    let pause = (limits::FAULT_PAUSE * (1 << doublings)).min(limits::FAULT_PAUSE_MAX);
    job.wake_at = job.wake_at.max(now + pause);
    if job.must_restore() {
        job.reason = fault.to_failure().reason;
        return None;
    }
    (entry.is_lasting() && !is_owners).then(|| failure_of(effect, fault))
}

/// Refusals of two effects have codes of their own.
fn failure_of(effect: &Effect, fault: &Fault) -> Failure {
    let failure = fault.to_failure();
    let code = match effect {
        Effect::CreateVersion { .. } if failure.code == Code::AwsError => Code::VersionRefused,
        Effect::Update { pins: Some(_), .. } if failure.code == Code::AwsError => Code::PinsRefused,
        _ => failure.code,
    };
    Failure { code, ..failure }
}
