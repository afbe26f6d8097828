//! Promoting: the pins name the new version in their own style again.

use super::super::Phase;
use super::super::decide::{Context, Decided, go};
use super::super::effect::Effect;
use super::super::limits;
use super::super::pin::Style;
use super::versioning;

pub(super) fn decide(cx: &Context<'_>) -> Decided {
    let group = cx.group()?;
    let record = cx.record();
    if let (true, Some(sibling)) = (cx.unit.bound, &cx.unit.unproved) {
        return Ok(cx.wait(
            limits::LOOK_MIN_SECONDS,
            format!("proved; waiting until {sibling} has proved the version too"),
        ));
    }
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
            return Ok(cx.wait(5, "waiting until the template shows its default version"));
        }
        if now.default != *new {
            return Ok(cx.act(effect, 0, format!("making version {new} the default")));
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
    Ok(go(
        Phase::HandingBack,
        "the group launches from the patched image",
    ))
}
