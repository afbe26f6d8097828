//! Promoting: done when the pins name the new version in their own style again.

use super::super::decision::{Context, Decided, Decision, failed, go};
use super::super::effect::Effect;
use super::super::fault::Read;
use super::super::job::Lapse;
use super::super::pin::Style;
use super::super::seen::ImageState;
use super::super::{Code, Phase, limits};
use super::versioning;

pub(super) fn decide(cx: &Context<'_>) -> Decided {
    let group = cx.group()?;
    let record = cx.record();
    if let (true, Some(sibling)) = (cx.bake.all_or_nothing, &cx.bake.unproved) {
        return Ok(cx.wait(
            cx.pause(limits::LOOK_MIN),
            format!("proved; waiting until {sibling} has proved the version too"),
        ));
    }
    usable(cx)?;
    let templates = cx.read(&cx.seen.templates, "the launch templates")?;
    let versions = versioning::versions(cx);
    versioning::drift(cx, templates, &versions)?;
    for pin in record.pins.iter().filter(|p| p.style() == Style::Default) {
        let (Some(new), Some(now)) = (versions.get(&pin.template), templates.get(&pin.template))
        else {
            continue;
        };
        let effect = Effect::SetDefault {
            template: pin.template.clone(),
            version: *new,
        };
        if now.default != *new && cx.is_fresh(&effect) {
            return Ok(cx.wait(
                limits::CHANGE_SHOWS_PAUSE,
                "waiting until the template shows its default version",
            ));
        }
        if now.default != *new {
            return Ok(cx.act(
                effect,
                limits::NO_PAUSE,
                format!("making version {new} the default"),
            ));
        }
    }
    let last = versioning::final_pins(record, &versions);
    let new = versioning::new_pins(record, &versions);
    let held = versioning::hold_pins(record);
    versioning::set_pins(
        cx,
        group,
        &[&new, &held, &record.pins],
        last,
        "naming the new version in the group's own style",
    )?;
    let has_document = cx.forward()?.runbooks.after.is_some();
    let awaits = cx.bake.all_or_nothing && cx.bake.running_after.is_some();
    let next = match has_document || awaits {
        true => Phase::RunningAfter,
        false => Phase::Restoring,
    };
    Ok(go(next, "the group launches from the patched image"))
}

/// The canary ran from the image, but someone may have removed it since.
pub(super) fn usable(cx: &Context<'_>) -> Result<(), Decision> {
    match &cx.seen.image {
        Read::Absent if cx.lasts(Lapse::ImageAbsent) < limits::SETTLE => Err(cx.wait(
            limits::SETTLE - cx.lasts(Lapse::ImageAbsent),
            "the image is not listed; looking once more",
        )),
        Read::Absent => Err(failed(
            Code::ImageGone,
            format!("{} was deregistered", cx.record().image_name),
        )),
        read => {
            let image = cx.read(read, "the image")?;
            // Another one may have its name by now.
            let is_ours = cx
                .job
                .made
                .image
                .as_ref()
                .is_none_or(|own| *own == image.id);
            if is_ours && image.state == ImageState::Available {
                return Ok(());
            }
            Err(failed(
                Code::ImageGone,
                format!("{} cannot be launched any more", cx.record().image_name),
            ))
        }
    }
}
