//! Rolling back: done when the pins are as recorded, and our version and image are removed unless others of
//! the bake use them. Each is undone only if it is still ours.

use std::collections::{BTreeMap, BTreeSet};

use super::super::bake::SharedImage;
use super::super::decision::{Context, Decided, Decision, go};
use super::super::effect::Effect;
use super::super::fault::Read;
use super::super::job::{Job, Lapse};
use super::super::launch::LaunchState;
use super::super::ledger::Key;
use super::super::pin::{Pin, Style, Templates, resolve};
use super::super::seen::{GroupSeen, Need, UserSeen};
use super::super::{Phase, console, limits};
use super::{automation, baking, restoring, targets, versioning};
use crate::ids::{ImageId, TemplateId};

pub(super) fn needs(job: &Job) -> BTreeSet<Need> {
    let mut needs = BTreeSet::from([Need::Group, Need::Instances]);
    if targets::may_be_registered(job) {
        needs.insert(Need::Targets);
    }
    if job.launch != LaunchState::None {
        needs.insert(Need::Actions);
    }
    let versions = |k: &Key| matches!(k, Key::CreateVersion(_));
    let has_versions = job.ledger.has_tried(versions) || job.made.has_versions();
    if job.resumed_at.is_some() || has_versions {
        needs.extend([Need::Templates, Need::Versions]);
    }
    if console::troubled(job).is_some() {
        needs.insert(Need::Console);
    }
    let images = |k: &Key| matches!(k, Key::CreateImage(_));
    let keeps = job
        .forward
        .as_ref()
        .is_some_and(|f| f.options.keep_failed.is_some());
    if keeps && job.made.image.is_some() {
        needs.insert(Need::Image);
    }
    if job.resumed_at.is_some() || job.ledger.has_tried(images) {
        needs.insert(Need::Image);
    }
    if automation::may_run(job) {
        needs.insert(Need::Automations);
    }
    // Without memory, only the world shows whether others of the bake took the version.
    if job.forward.is_none() {
        needs.insert(Need::Users);
    }
    needs
}

pub(super) fn decide(cx: &Context<'_>) -> Decided {
    cx.settled("anything that the driver before made will show")?;
    let group = match &cx.seen.group {
        Read::Absent if cx.lasts(Lapse::GroupAbsent) < limits::SETTLE => {
            return Ok(restoring::look_again(cx));
        }
        Read::Absent => None,
        // AWS accepts no change of it any more.
        Read::Present(group) if group.deleting => None,
        read => Some(cx.read(read, "the group")?),
    };
    automation::stopped(cx)?;
    // The group first: what the run made can be removed at leisure.
    if let Some(group) = group {
        leave_version(cx, group)?;
        targets::withdraw(cx)?;
        restoring::restore_group(cx, group)?;
    }
    undo(cx, group)
}

/// The group names our version only while it launches a canary. Where that cannot be undone, for instance
/// while another's instance refresh blocks it, the rest of the group is given back first.
fn leave_version(cx: &Context<'_>, group: &GroupSeen) -> Result<(), Decision> {
    if cx.job.forward.is_none() {
        // Whether it was promoted is not known yet.
        return Ok(());
    }
    match off_the_version(cx, group, &ours(cx)) {
        Err(Decision::Act { effects, .. }) if effects.iter().any(|e| cx.job.is_stuck(e)) => Ok(()),
        other => other,
    }
}

fn undo(cx: &Context<'_>, group: Option<&GroupSeen>) -> Decided {
    let ours = ours(cx);
    let used = if needs(cx.job).contains(&Need::Templates) {
        let templates = cx.read(&cx.seen.templates, "the launch templates")?;
        cx.read(&cx.seen.versions, "the launch template versions")?;
        if cx.job.forward.is_none() && is_promoted(cx, group, templates, &ours) {
            return Ok(Decision::Stand);
        }
        let used = use_by_others(cx, templates, &ours)?;
        if used != Use::Patched {
            undo_default(cx, templates, &ours)?;
        }
        used
    } else {
        use_by_others(cx, &cx.record().templates, &ours)?
    };
    if let Some(group) = group {
        off_the_version(cx, group, &ours)?;
    }
    let follows = cx.record().pins.iter().any(|p| p.style() != Style::Number);
    match used {
        Use::None => {
            delete_versions(cx, &ours)?;
            delete_image(cx)?;
        }
        // Naming the version in the group's own style again would deploy it.
        Use::Unproved(other) if follows || cx.bake.all_or_nothing => {
            return Ok(cx.wait(
                limits::LOOK_MIN,
                format!("waiting for {other} to leave the version, which is not proved"),
            ));
        }
        Use::Unproved(_) | Use::Patched => {}
    }
    if let Some(group) = group {
        restore_pins(cx, group, used == Use::Patched)?;
    }
    Ok(go(Phase::Restoring, "our own changes are undone"))
}

/// The versions to be undone, by template: those that AWS answered, and those that have our description. Where an answer was
/// lost there may be more than one.
type Ours = BTreeMap<TemplateId, BTreeSet<u64>>;

fn ours(cx: &Context<'_>) -> Ours {
    let mut ours = cx.job.made.described.clone();
    for (template, number) in versioning::versions(cx) {
        ours.entry(template).or_default().insert(number);
    }
    ours
}

fn is_ours(ours: &Ours, template: &TemplateId, number: Option<u64>) -> bool {
    let numbers = ours.get(template);
    number.is_some_and(|n| numbers.is_some_and(|numbers| numbers.contains(&n)))
}

/// Whether the group's own `$Latest` or `$Default` means our version: these are named again only after
/// the canary has passed. A number proves nothing: the canary is launched by number.
fn is_promoted(
    cx: &Context<'_>,
    group: Option<&GroupSeen>,
    templates: &Templates,
    ours: &Ours,
) -> bool {
    let pins = &cx.record().pins;
    group.is_some_and(|g| g.pins == *pins)
        && pins.iter().all(|p| {
            p.style() != Style::Number && is_ours(ours, &p.template, resolve(p, templates))
        })
}

/// Use of our version by others.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Use {
    /// None.
    None,
    /// A group that has not proved it; it will be off it soon.
    Unproved(String),
    /// A group that proved it and launches from it for good.
    Patched,
}

/// The jobs of the bake know of each other. Without memory, only the world shows it: a group that names our
/// version and has no open record has proved it.
fn use_by_others(cx: &Context<'_>, templates: &Templates, ours: &Ours) -> Result<Use, Decision> {
    if cx.bake.others_patched {
        return Ok(Use::Patched);
    }
    if cx.bake.others_at_work {
        return Ok(Use::Unproved("the other groups of the template".into()));
    }
    if cx.job.forward.is_some() {
        return Ok(Use::None);
    }
    let users = cx.read(&cx.seen.users, "the other groups of the template")?;
    let means_ours = |u: &&UserSeen| is_ours(ours, &u.pin.template, resolve(&u.pin, templates));
    let users: Vec<&UserSeen> = users.iter().filter(means_ours).collect();
    Ok(if users.iter().any(|u| !u.has_record) {
        Use::Patched
    } else {
        users
            .first()
            .map_or(Use::None, |u| Use::Unproved(String::from(&u.group)))
    })
}

/// The default version is set back first: a default cannot be deleted.
fn undo_default(cx: &Context<'_>, templates: &Templates, ours: &Ours) -> Result<(), Decision> {
    for template in ours.keys() {
        let (Some(now), Some(recorded)) =
            (templates.get(template), cx.record().templates.get(template))
        else {
            continue;
        };
        let means_ours = |default| is_ours(ours, template, Some(default));
        if means_ours(now.default) && !means_ours(recorded.default) {
            let effect = Effect::SetDefault {
                template: template.clone(),
                version: recorded.default,
            };
            let reason = format!("making version {} the default again", recorded.default);
            return Err(cx.act(effect, limits::CHANGE_SHOWS_PAUSE, reason));
        }
    }
    Ok(())
}

/// The group must not name our version when it is deleted, nor follow `$Latest` to it.
fn off_the_version(cx: &Context<'_>, group: &GroupSeen, ours: &Ours) -> Result<(), Decision> {
    let uses_ours = |p: &Pin| is_ours(ours, &p.template, p.version.parse().ok());
    if !group.pins.iter().any(uses_ours) {
        return Ok(());
    }
    let held: Vec<Pin> = merge(cx, group, |_, held| held.clone());
    point(
        cx,
        group,
        held,
        "pointing the group at its old version by number",
    )
}

/// The pins as recorded, wherever the group names what we set. A version that is not proved is never deployed by its
/// name; one that another group has proved stands.
fn restore_pins(cx: &Context<'_>, group: &GroupSeen, is_proved: bool) -> Result<(), Decision> {
    let pins = merge(cx, group, |recorded, _| recorded.clone());
    let ours = ours(cx);
    let follows_ours = |pin: &&Pin| {
        let templates = cx.seen.templates.present();
        let means = templates.and_then(|t| resolve(pin, t));
        pin.style() != Style::Number && is_ours(&ours, &pin.template, means)
    };
    let mut changed = pins.iter().filter(|_| group.pins != pins && !is_proved);
    if let Some(pin) = changed.find(follows_ours) {
        let reason = format!("waiting until {pin} does not mean our version any more");
        return Err(cx.wait(limits::LOOK_MIN, reason));
    }
    point(
        cx,
        group,
        pins,
        "naming the old version in the group's own style",
    )
}

/// Replaces our pins (the held number or our version) slot by slot; keeps those of others.
fn merge(cx: &Context<'_>, group: &GroupSeen, to: impl Fn(&Pin, &Pin) -> Pin) -> Vec<Pin> {
    let made = ours(cx);
    let held = versioning::held_pins(cx.record());
    let may_be_held = cx.job.may_have_tried(versioning::is_set_pins);
    let ours = |now: &Pin, recorded: &Pin, held: &Pin| {
        let numbers = made.get(&recorded.template).into_iter().flatten();
        let mut new = numbers.map(|n| recorded.at(n));
        may_be_held && now == held || now == recorded || new.any(|new| *now == new)
    };
    group
        .pins
        .iter()
        .map(|now| {
            cx.record()
                .pins
                .iter()
                .zip(&held)
                .find(|(recorded, held)| recorded.slot == now.slot && ours(now, recorded, held))
                .map_or(now.clone(), |(recorded, held)| to(recorded, held))
        })
        .collect()
}

fn point(
    cx: &Context<'_>,
    group: &GroupSeen,
    pins: Vec<Pin>,
    reason: &str,
) -> Result<(), Decision> {
    if group.pins == pins {
        return Ok(());
    }
    let effect = versioning::name_versions(group, pins);
    Err(cx.act(effect, limits::RECORD_SHOWS_PAUSE, reason))
}

fn delete_versions(cx: &Context<'_>, ours: &Ours) -> Result<(), Decision> {
    let listed = cx.seen.versions.present();
    let is_deleted = |template: &TemplateId, number: u64| {
        let key = Key::DeleteVersion(template.clone(), number);
        cx.job.ledger.done_at(&key).is_some()
    };
    for template in cx.record().templates.keys() {
        let numbers = || ours.get(template).into_iter().flatten().copied();
        let listed = listed.and_then(|l| l.get(template)).into_iter().flatten();
        let shown = listed.clone().any(|v| numbers().any(|n| n == v.number));
        let deleted = numbers().any(|n| is_deleted(template, n));
        if !shown && !deleted && cx.may_be_unseen(&Key::CreateVersion(template.clone())) {
            return Err(cx.wait(
                limits::CHANGE_SHOWS_PAUSE,
                format!("waiting until our version of {template} is shown"),
            ));
        }
    }
    let all = ours
        .iter()
        .flat_map(|(t, numbers)| numbers.iter().map(move |n| (t, *n)));
    for (template, version) in all {
        let effect = Effect::DeleteVersion {
            template: template.clone(),
            version,
        };
        let is_recorded = cx.record().pins.iter().any(|p| {
            p.template == *template && resolve(p, &cx.record().templates) == Some(version)
        });
        // By its number, whether it is listed or not: AWS takes the deletion of what is gone for done.
        if cx.job.done_at(&effect).is_none() && !is_recorded {
            let reason = format!("deleting our version {version} of {template}");
            return Err(cx.act(effect, limits::NO_PAUSE, reason));
        }
    }
    Ok(())
}

/// An image that was not proved is kept where that was asked for, under a name that says so. One that cannot be marked
/// is not: nobody may take it for a good one.
fn is_kept(cx: &Context<'_>, id: &ImageId) -> Result<bool, Decision> {
    let (Some(doubt), Some(image)) = (&cx.bake.doubt, cx.seen.image.present()) else {
        return Ok(false);
    };
    let effect = Effect::KeepImage {
        image: id.clone(),
        snapshots: image.snapshots.clone(),
        doubt: doubt.clone(),
    };
    if cx.job.done_at(&effect).is_some() {
        return Ok(true);
    }
    if cx.job.is_stuck(&effect) {
        return Ok(false);
    }
    let reason = format!("marking {id} as failed, to be kept");
    Err(cx.act(effect, limits::NO_PAUSE, reason))
}

/// Whether our image may be there without being shown yet.
fn is_unseen(cx: &Context<'_>) -> bool {
    let removed = cx
        .job
        .ledger
        .has_tried(|k| matches!(k, Key::DeregisterImage(_)));
    !removed && cx.may_be_unseen(&Key::CreateImage(cx.record().image_name.clone()))
}

fn delete_image(cx: &Context<'_>) -> Result<(), Decision> {
    let ours = &cx.record().run_id;
    let listed = match &cx.seen.image {
        Read::Present(image) if image.kept => return Ok(()),
        // Without memory, name and tag must do.
        Read::Present(image)
            if image.run.as_ref() == Some(ours)
                && (!cx.job.has_full_memory() || baking::is_ours(cx.job, image)) =>
        {
            Some(image.id.clone())
        }
        Read::Failed(fault) => return Err(cx.blind(fault)),
        Read::Absent if is_unseen(cx) => {
            return Err(cx.wait(
                limits::CHANGE_SHOWS_PAUSE,
                "waiting until our image is shown",
            ));
        }
        Read::Present(_) | Read::Absent | Read::Unread => None,
    };
    let shared = match &cx.bake.image {
        SharedImage::Ready(id) if cx.seen.image == Read::Unread => Some(id.clone()),
        SharedImage::Ready(_) | SharedImage::NotYet => None,
    };
    let Some(id) = listed.or(shared) else {
        return Ok(());
    };
    let effect = Effect::DeregisterImage(id.clone());
    if cx.job.done_at(&effect).is_some() || is_kept(cx, &id)? {
        return Ok(());
    }
    let reason = format!("removing our image {id}");
    Err(cx.act(effect, limits::NO_PAUSE, reason))
}
