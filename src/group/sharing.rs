//! Groups that share a launch template: a new version must not reach one that is not in the bake. Pure.

use std::collections::BTreeMap;

use super::facts::AccountFacts;
use super::pin::{Pin, Style};
use super::preflight::{Checked, name};
use super::record::Record;
use super::{Code, Failure};
use crate::ids::{BakeKey, GroupName};

/// Refuses groups whose new version would reach others that are not of their bake.
///
/// Making a version of a template deploys it to the groups that follow `$Latest`; making it the default, to
/// those that follow `$Default`. All of them must be in the same bake, or none is touched. A refusal can take
/// a group out of another's bake, so this repeats until nothing changes.
pub fn check_sharing(checked: &mut [Checked], account: &AccountFacts) {
    loop {
        let keys: BTreeMap<GroupName, BakeKey> = checked
            .iter()
            .filter_map(|c| Some((c.group.clone(), c.plan.as_ref().ok()?.0.bake_key.clone())))
            .collect();
        let mut changed = false;
        for entry in checked.iter_mut() {
            let Ok((record, _)) = &entry.plan else {
                continue;
            };
            if let Some(refusal) = reaches_outsider(record, account, &keys) {
                entry.plan = Err(refusal);
                changed = true;
            }
        }
        if !changed {
            return;
        }
    }
}

fn reaches_outsider(
    record: &Record,
    account: &AccountFacts,
    keys: &BTreeMap<GroupName, BakeKey>,
) -> Option<Failure> {
    let moves_default = |template: &str| {
        record
            .pins
            .iter()
            .any(|p| p.template == template && p.style() == Style::Default)
    };
    let reached = |pin: &Pin| match pin.style() {
        Style::Latest => record.templates.contains_key(&pin.template),
        Style::Default => moves_default(&pin.template),
        Style::Number => false,
    };
    account.groups.values().find_map(|other| {
        let same_bake = keys.get(&other.name) == Some(&record.bake_key);
        if other.name == record.group || same_bake {
            return None;
        }
        let mut templates = record.templates.keys();
        if let Some(id) = templates.find(|id| other.named_only.contains(name(id, account))) {
            let (other, template) = (&other.name, name(id, account));
            return Some(Failure::new(
                Code::TemplateShared,
                format!(
                    "{other} names template {template} without its id: a new version might reach it"
                ),
            ));
        }
        let pin = other.pins.iter().find(|p| reached(p))?;
        Some(Failure::new(
            Code::TemplateShared,
            format!(
                "{} follows template {} by {}: a new version would reach it",
                other.name,
                name(&pin.template, account),
                pin.spelling()
            ),
        ))
    })
}
