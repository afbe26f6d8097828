//! Versioning: done when a version with the new image exists for each of the group's templates.
//!
//! With a `$Latest` pin, creating a version *is* its deployment: all such groups of the bake are held at the
//! recorded number first.

use std::collections::{BTreeMap, BTreeSet};

use super::super::bake::SharedImage;
use super::super::decision::{Context, Decided, Decision, failed, go};
use super::super::effect::{Effect, PinChange, Role};
use super::super::fault::Read;
use super::super::job::Job;
use super::super::launch::LaunchState;
use super::super::ledger::Key;
use super::super::pin::{Pin, Style, TemplateMark, resolve};
use super::super::record::Record;
use super::super::seen::{GroupSeen, Need};
use super::super::{Code, Phase, limits, names};
use crate::ids::TemplateId;

pub(super) fn needs(job: &Job) -> BTreeSet<Need> {
    if has_made_all(job) {
        return BTreeSet::new();
    }
    let mut needs = BTreeSet::from([Need::Group, Need::Templates]);
    // A version may have been made without our knowing its number.
    let creations = |k: &Key| matches!(k, Key::CreateVersion(_));
    let mut creations = job.ledger.of_kind(creations);
    if job.launch == LaunchState::Unknown {
        needs.insert(Need::Instances);
    }
    if job.resumed_at.is_some() || creations.any(|(_, t)| t.done_at.is_none()) {
        needs.insert(Need::Versions);
    }
    needs
}

/// The recorded pins at the numbers that they resolved to.
pub(super) fn held_pins(record: &Record) -> Vec<Pin> {
    record
        .pins
        .iter()
        .map(|p| match resolve(p, &record.templates) {
            Some(number) => p.at(number),
            None => p.clone(),
        })
        .collect()
}

/// The recorded pins at the new numbers.
pub(super) fn new_pins(record: &Record, versions: &BTreeMap<TemplateId, u64>) -> Vec<Pin> {
    record
        .pins
        .iter()
        .map(|p| versions.get(&p.template).map_or(p.clone(), |n| p.at(n)))
        .collect()
}

/// The new version in the pins' own style.
pub(super) fn final_pins(record: &Record, versions: &BTreeMap<TemplateId, u64>) -> Vec<Pin> {
    record
        .pins
        .iter()
        .zip(new_pins(record, versions))
        .map(|(old, new)| match old.style() {
            Style::Number => new,
            Style::Latest | Style::Default => old.clone(),
        })
        .collect()
}

/// All versions known to have been made for this group's templates.
pub(super) fn versions(cx: &Context<'_>) -> BTreeMap<TemplateId, u64> {
    let mut versions = cx.bake.versions.clone();
    versions.extend(cx.job.made.versions.clone());
    versions.retain(|template, _| cx.record().templates.contains_key(template));
    versions
}

/// Whether the version of this number is ours: by AWS's answer; where there was none, it may be by its description.
fn may_be_ours(
    cx: &Context<'_>,
    versions: &BTreeMap<TemplateId, u64>,
    template: &TemplateId,
    number: u64,
) -> bool {
    let described = || cx.job.made.described.get(template);
    match versions.get(template) {
        Some(ours) => *ours == number,
        None => described().is_some_and(|numbers| numbers.contains(&number)),
    }
}

/// Pins for which the group waits at a number: only `$Latest` deploys by creation.
pub(super) fn hold_pins(record: &Record) -> Vec<Pin> {
    record
        .pins
        .iter()
        .zip(held_pins(record))
        .map(|(pin, held)| match pin.style() {
            Style::Latest => held,
            Style::Default | Style::Number => pin.clone(),
        })
        .collect()
}

/// Whether this job, which was looked at just before, has made the versions of all its templates.
fn has_made_all(job: &Job) -> bool {
    let is_made = |template: &TemplateId| {
        let key = Key::CreateVersion(template.clone());
        job.ledger.done_at(&key).is_some()
    };
    job.resumed_at.is_none() && job.record.templates.keys().all(is_made)
}

pub(super) fn decide(cx: &Context<'_>) -> Decided {
    if has_made_all(cx.job) {
        return made(cx, &versions(cx));
    }
    let group = cx.group()?;
    let templates = cx.read(&cx.seen.templates, "the launch templates")?;
    let versions = versions(cx);
    drift(cx, templates, &versions)?;
    if !cx.job.may_have_tried(is_set_pins) && group.pins != cx.record().pins {
        return Ok(pointed_elsewhere(group));
    }
    hold(cx, group, &versions)?;
    if let Some(sibling) = &cx.bake.unheld {
        return Ok(cx.wait(
            cx.pause(limits::LOOK_MIN),
            format!("waiting until {sibling} is held at its present version"),
        ));
    }
    let missing: Vec<&TemplateId> = cx
        .record()
        .templates
        .keys()
        .filter(|t| !versions.contains_key(*t))
        .collect();
    if missing.is_empty() {
        return made(cx, &versions);
    }
    if !cx.bake.makes_versions {
        return Ok(cx.wait(
            cx.pause(limits::LOOK_MIN),
            "waiting for the version that another group of the bake makes",
        ));
    }
    create(cx, &missing)
}

fn made(cx: &Context<'_>, versions: &BTreeMap<TemplateId, u64>) -> Decided {
    let named: Vec<String> = versions.iter().map(|(t, n)| format!("{t}:{n}")).collect();
    let reason = format!("{} names the new image", named.join(", "));
    Ok(if cx.forward()?.options.canary {
        go(Phase::LaunchingCanary, reason)
    } else {
        go(Phase::Promoting, format!("{reason}; no canary by tag"))
    })
}

/// Another's deployment stands.
pub(super) fn drift(
    cx: &Context<'_>,
    templates: &BTreeMap<TemplateId, TemplateMark>,
    versions: &BTreeMap<TemplateId, u64>,
) -> Result<(), Decision> {
    for pin in &cx.record().pins {
        let recorded = resolve(pin, &cx.record().templates);
        let superseded = |found: String| {
            Err(failed(
                Code::Superseded,
                format!(
                    "{pin} was version {} when the run began, {found}",
                    recorded.unwrap_or_default()
                ),
            ))
        };
        let Some(now) = templates.get(&pin.template) else {
            return superseded("now the template is gone".into());
        };
        let means = match pin.style() {
            Style::Latest => now.latest,
            Style::Default => now.default,
            Style::Number => continue,
        };
        if Some(means) == recorded || may_be_ours(cx, versions, &pin.template, means) {
            continue;
        }
        if let Read::Failed(fault) = &cx.seen.versions {
            return Err(cx.blind(fault));
        }
        if is_unsure_of(cx, versions, &pin.template) {
            continue;
        }
        cx.settled("whether the new version is ours will show")?;
        if !versions.contains_key(&pin.template)
            && cx.may_be_unseen(&Key::CreateVersion(pin.template.clone()))
        {
            return Err(cx.wait(
                limits::CHANGE_SHOWS_PAUSE,
                format!(
                    "waiting until it shows whose version {means} of {} is",
                    pin.template
                ),
            ));
        }
        return superseded(format!("now it is {means}"));
    }
    Ok(())
}

/// Whether a version of the template may be ours, though it was not looked whose it is.
fn is_unsure_of(
    cx: &Context<'_>,
    versions: &BTreeMap<TemplateId, u64>,
    template: &TemplateId,
) -> bool {
    let is_known = versions.contains_key(template) || cx.seen.versions.present().is_some();
    !is_known && cx.bake.unanswered.contains(template)
}

/// Holds `$Latest` pins at their recorded numbers.
fn hold(
    cx: &Context<'_>,
    group: &GroupSeen,
    versions: &BTreeMap<TemplateId, u64>,
) -> Result<(), Decision> {
    let held = hold_pins(cx.record());
    // An earlier driver had come further.
    let is_ours = |(recorded, now): (&Pin, &Pin)| {
        now.version.parse().is_ok_and(|number| {
            *now == recorded.at(number) && may_be_ours(cx, versions, &recorded.template, number)
        })
    };
    let mut pins = cx.record().pins.iter().zip(&group.pins);
    let is_further = group.pins.len() == cx.record().pins.len() && pins.all(is_ours);
    if group.pins == held || is_further {
        return Ok(());
    }
    set_pins(
        cx,
        group,
        &[&cx.record().pins],
        held,
        "holding the group at its present version",
    )
}

/// Points the group at `to`, provided that its pins are one of `ours` now: those that someone else set
/// stand.
pub(super) fn set_pins(
    cx: &Context<'_>,
    group: &GroupSeen,
    ours: &[&Vec<Pin>],
    to: Vec<Pin>,
    reason: &str,
) -> Result<(), Decision> {
    if group.pins == to {
        return Ok(());
    }
    let effect = name_versions(group, to);
    if cx.is_fresh(&effect) {
        return Err(cx.wait(
            limits::CHANGE_SHOWS_PAUSE,
            "waiting until the group shows its launch template",
        ));
    }
    if !ours.iter().any(|o| **o == group.pins) {
        cx.settled("whether we pointed the group elsewhere will show")?;
        return Err(pointed_elsewhere(group));
    }
    Err(cx.act(effect, limits::NO_PAUSE, reason))
}

/// The group as it is now, naming other versions.
pub(super) fn name_versions(group: &GroupSeen, to: Vec<Pin>) -> Effect {
    Effect::Update {
        capacity: None,
        pins: Some(PinChange {
            expected: group.pins.clone(),
            to,
        }),
    }
}

/// Whether an effect points the group at other versions.
pub(super) fn is_set_pins(key: &Key) -> bool {
    matches!(key, Key::Update(_, Some(_)))
}

pub(super) fn pointed_elsewhere(group: &GroupSeen) -> Decision {
    let found: Vec<String> = group.pins.iter().map(ToString::to_string).collect();
    failed(
        Code::Superseded,
        format!("someone pointed the group at {}", found.join(", ")),
    )
}

fn create(cx: &Context<'_>, missing: &[&TemplateId]) -> Decided {
    let SharedImage::Ready(image) = &cx.bake.image else {
        return Ok(failed(Code::BakeFailed, "the image is gone"));
    };
    let record = cx.record();
    let restated = &cx.forward()?.devices.restated;
    let effects: Vec<Effect> = missing
        .iter()
        .filter_map(|template| {
            let pin = record.pins.iter().find(|p| p.template == **template)?;
            let source = resolve(pin, &record.templates)?;
            Some(Effect::CreateVersion {
                template: (*template).clone(),
                source,
                image: image.clone(),
                description: names::version_description(&record.run_id, &record.bake_key),
                token: names::version_token(&record.run_id, pin, source, image),
                devices: restated.get(*template).cloned().unwrap_or_default(),
            })
        })
        .collect();
    Ok(Decision::Act {
        effects: build_goes(cx).into_iter().chain(effects).collect(),
        reason: format!("making a launch template version with {image}"),
        look_after: limits::NO_PAUSE,
    })
}

/// The build instance has served: its image is there. It is on Standby, so that the group neither counts nor
/// replaces it.
pub(super) fn build_goes(cx: &Context<'_>) -> Option<Effect> {
    let instance = cx.job.instance(Role::Build)?;
    let group = cx.seen.group.present()?;
    let is_there = group.members.get(instance).is_some_and(|m| !m.leaving());
    let effect = Effect::Terminate {
        instance: instance.clone(),
        decrement: false,
    };
    (is_there && cx.job.done_at(&effect).is_none()).then_some(effect)
}
