//! Groups that share a launch template: a new version must not reach one that is not in the bake. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{AccountFacts, GroupFacts};
use super::pin::{Pin, Style};
use super::preflight::{Checked, name};
use super::record::Record;
use super::{Code, Failure};
use crate::ids::{BakeKey, GroupName, TemplateId};

/// Refuses groups whose new version would reach others that are not of their bake.
///
/// Making a version of a template deploys it to the groups that follow `$Latest`; making it the default, to
/// those that follow `$Default`. All of them must be in the same bake, or none is touched. A refusal can take
/// a group out of another's bake, so this repeats until nothing changes.
pub fn check_sharing(checked: &mut [Checked], account: &AccountFacts) {
    loop {
        let followers = Followers::of(checked, account);
        let refusals: Vec<Option<Failure>> = checked
            .iter()
            .map(|c| followers.reached_by(&c.plan.as_ref().ok()?.0, account))
            .collect();
        drop(followers);
        let mut changed = false;
        for (entry, refusal) in checked.iter_mut().zip(refusals) {
            if let Some(refusal) = refusal {
                entry.plan = Err(refusal);
                changed = true;
            }
        }
        if !changed {
            return;
        }
    }
}

/// How a new version of a template can come to reach a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// The group names the template without its id: nobody can tell.
    NameAlone,
    /// It follows `$Latest`.
    Latest,
    /// It follows `$Default`.
    Default,
}

/// The groups that a new version of a template can reach, by the template (its id, or for a name alone its name).
struct Followers<'a>(BTreeMap<(Way, &'a str), Line<'a>>);

/// A group with its bake, if it is planned.
type Follower<'a> = (&'a GroupFacts, Option<&'a BakeKey>);

/// Of the groups that can be reached, by name, the first and the first that is of another bake than that: these two
/// tell for every bake which is the first outside of it.
struct Line<'a> {
    first: Follower<'a>,
    other: Option<Follower<'a>>,
}

impl<'a> Line<'a> {
    fn first_outside(&self, bake: &BakeKey) -> Option<&'a GroupFacts> {
        let is_outside = |(_, of): &Follower<'_>| *of != Some(bake);
        let (group, _) = [Some(self.first), self.other]
            .into_iter()
            .flatten()
            .find(is_outside)?;
        Some(group)
    }
}

impl<'a> Followers<'a> {
    fn of(checked: &'a [Checked], account: &'a AccountFacts) -> Self {
        let planned = checked.iter().filter_map(|c| {
            let (record, _) = c.plan.as_ref().ok()?;
            Some((&c.group, &record.bake_key))
        });
        let bakes: BTreeMap<&GroupName, &BakeKey> = planned.collect();
        let mut lines: BTreeMap<(Way, &str), Line<'_>> = BTreeMap::new();
        for group in account.groups.values() {
            let follower = (group, bakes.get(&group.name).copied());
            for key in ways(group) {
                let new = Line {
                    first: follower,
                    other: None,
                };
                let line = lines.entry(key).or_insert(new);
                if line.other.is_none() && line.first.1 != follower.1 {
                    line.other = Some(follower);
                }
            }
        }
        Self(lines)
    }

    /// Why a group cannot be planned: the first other one, by name, outside its bake that its new version would reach.
    fn reached_by(&self, record: &Record, account: &AccountFacts) -> Option<Failure> {
        let outside = |way, template| {
            self.0
                .get(&(way, template))?
                .first_outside(&record.bake_key)
        };
        let reached = record.templates.keys().flat_map(|id| {
            let by_default = outside(Way::Default, id).filter(|_| moves_default(record, id));
            let by_name = outside(Way::NameAlone, name(id, account));
            [by_name, outside(Way::Latest, id), by_default]
        });
        let other = reached.flatten().min_by_key(|g| &g.name)?;
        Some(Failure::new(
            Code::TemplateShared,
            reach(record, other, account),
        ))
    }
}

/// The ways by which a group can be reached, each once.
fn ways(group: &GroupFacts) -> BTreeSet<(Way, &str)> {
    let by_name = group.named_only.iter();
    let by_name = by_name.map(|name| (Way::NameAlone, name.as_str()));
    let by_pin = group.pins.iter().filter_map(|pin| match pin.style() {
        Style::Latest => Some((Way::Latest, pin.template.as_str())),
        Style::Default => Some((Way::Default, pin.template.as_str())),
        Style::Number => None,
    });
    by_name.chain(by_pin).collect()
}

/// Whether the group's new version is made its template's default.
fn moves_default(record: &Record, template: &TemplateId) -> bool {
    let mut pins = record.pins.iter();
    pins.any(|p| p.template == *template && p.style() == Style::Default)
}

/// How the new version of a record's group would reach another group.
fn reach(record: &Record, other: &GroupFacts, account: &AccountFacts) -> String {
    let mut templates = record.templates.keys();
    if let Some(id) = templates.find(|id| other.named_only.contains(name(id, account))) {
        let (other, template) = (&other.name, name(id, account));
        return format!(
            "{other} names template {template} without its id: a new version might reach it"
        );
    }
    let is_reached = |pin: &&Pin| match pin.style() {
        Style::Latest => record.templates.contains_key(&pin.template),
        Style::Default => moves_default(record, &pin.template),
        Style::Number => false,
    };
    let pin = other.pins.iter().find(is_reached);
    let (template, spelling) = pin.map_or(("", ""), |p| (name(&p.template, account), p.spelling()));
    format!(
        "{} follows template {template} by {spelling}: a new version would reach it",
        other.name
    )
}
