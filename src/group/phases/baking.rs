//! Baking: done when the image is available.

use std::collections::BTreeSet;

use super::super::decision::{Context, Decided, Decision, failed, go};
use super::super::devices::beyond_image;
use super::super::effect::{Effect, Role};
use super::super::fault::Read;
use super::super::job::Job;
use super::super::launch::LaunchState;
use super::super::ledger::Key;
use super::super::seen::{ImageSeen, ImageState, Need, Seen};
use super::super::{Code, Phase, limits};
use super::command;
use crate::ids::InstanceId;

/// Remembers the image once it is usable.
pub(super) fn learn(job: &mut Job, seen: &Seen) {
    if let Some(image) = seen.image.present()
        && is_ours(job, image)
        && image.state == ImageState::Available
    {
        job.made.image = Some(image.id.clone());
        job.made.image_gib = image.gib;
    }
}

/// Whether the job made this image, which has its name. AWS has said which image it makes; after a lost answer ours is
/// the one that was made of our build instance, not before we asked. Name and tags are no proof: others may choose them,
/// and what is found here is promoted.
pub(super) fn is_ours(job: &Job, image: &ImageSeen) -> bool {
    if let Some(known) = job.made.image.as_ref().or(job.made.asked_image.as_ref()) {
        return image.id == *known;
    }
    if !job.may_have_tried(is_creation) {
        return false;
    }
    // The phase is entered once the guest is sealed. A driver that lost its memory may have entered it unknown to us.
    let baking = job.history.iter().rev().find(|e| e.phase == Phase::Baking);
    let entered_at = baking.and_then(|e| e.at.checked_add_signed(job.clock_offset));
    let since = entered_at.unwrap_or(job.recorded_at) - limits::CLOCK_GRAIN;
    let build = job.instance(Role::Build);
    image.run.as_ref() == Some(&job.record.run_id)
        && build.is_some()
        && image.source_instance.as_ref() == build
        && image.created_at.is_some_and(|at| at >= since)
}

/// The instance is looked at until the image was asked for: its devices decide what that holds. The image is looked for
/// once it may have been asked for: AWS refuses a name that is taken.
pub(super) fn needs(job: &Job) -> BTreeSet<Need> {
    let mut needs = BTreeSet::new();
    if job.may_have_tried(is_creation) {
        needs.insert(Need::Image);
    }
    if job.ledger.last_done(is_creation).is_none() {
        needs.insert(Need::Instances);
    }
    if job.launch == LaunchState::Unknown || !command::was_seen_lately(job) {
        needs.extend([Need::Group, Need::Instances]);
    }
    needs
}

fn is_creation(key: &Key) -> bool {
    matches!(key, Key::CreateImage(_))
}

pub(super) fn decide(cx: &Context<'_>) -> Decided {
    let forward = cx.forward()?;
    let Some(build) = cx.job.instance(Role::Build) else {
        return Ok(failed(Code::InstanceLost, "no build instance is known"));
    };
    let create = Effect::CreateImage {
        instance: build.to_owned(),
        name: cx.record().image_name.clone(),
        reboot: forward.options.reboot_image,
        source_image: forward.image.clone(),
        lineage: forward.lineage.next(&forward.image),
        without: beyond_image(
            devices_of(cx, build),
            &forward.devices.stores,
            &forward.devices.image,
        ),
    };
    match &cx.seen.image {
        Read::Present(image) => Ok(made(cx, image, &create)),
        Read::Absent if cx.is_fresh(&create) => {
            Ok(cx.wait(limits::IMAGE_SHOWS_PAUSE, "the image is not listed yet"))
        }
        Read::Absent if cx.job.done_at(&create).is_some() => Ok(failed(
            Code::ImageFailed,
            "the image was being made and is gone",
        )),
        Read::Unread if !cx.job.may_have_tried(is_creation) => make(cx, create, build),
        Read::Absent => make(cx, create, build),
        other @ (Read::Failed(_) | Read::Unread) => {
            cx.read(other, "the image")?;
            Ok(cx.wait(limits::LOOK_MIN, "the image must be read first"))
        }
    }
}

fn make(cx: &Context<'_>, create: Effect, build: &InstanceId) -> Decided {
    command::instance_lives(build, cx.instances()?)?;
    Ok(cx.act(
        create,
        cx.first_look(limits::IMAGE_FIRST_LOOK),
        format!("making image {} of {build}", cx.record().image_name),
    ))
}

/// The devices of an instance, as far as it is seen.
fn devices_of<'a>(cx: &Context<'a>, id: &InstanceId) -> impl Iterator<Item = &'a String> {
    let instances = cx.seen.instances.present();
    instances
        .and_then(|all| all.get(id))
        .into_iter()
        .flat_map(|i| &i.devices)
}

fn made(cx: &Context<'_>, image: &ImageSeen, create: &Effect) -> Decision {
    if !is_ours(cx.job, image) {
        return failed(
            Code::ImageFailed,
            format!(
                "the name {} is taken by {}, which this run did not make",
                cx.record().image_name,
                image.id
            ),
        );
    }
    let since = cx.job.done_at(create).unwrap_or(cx.job.entered_at());
    match image.state {
        ImageState::Available => go(Phase::Versioning, format!("{} is available", image.id)),
        ImageState::Failed => failed(
            Code::ImageFailed,
            format!("{} failed: {}", image.id, image.detail),
        ),
        ImageState::Pending if cx.since(since) > limits::IMAGE_LIMIT => failed(
            Code::ImageTimeout,
            format!(
                "{} is still pending after {} min",
                image.id,
                (cx.now - since).num_minutes()
            ),
        ),
        ImageState::Pending => cx.look(
            since,
            limits::IMAGE_FIRST_LOOK,
            format!("{} is pending", image.id),
        ),
    }
}
