//! The decision: the things that go, and the step in which they go.
//!
//! An image goes in two: it is deprecated for a time, in which its owner can take that back, and goes in a later pass. Then
//! the versions that name it go first, so that none is left that names nothing; then the image; then its snapshots, because
//! AWS deletes none that an image needs. A driver that dies between two calls leaves an image without versions, or snapshots
//! without an image: both carry our tag, and the next pass finds them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::form::{check_image, check_snapshot, label};
use super::found::{Found, ImageFound, ImageState, SnapshotFound};
use super::policy::Policy;
use super::reason::Reason;
use super::uses::Uses;
use crate::group::names::{KEEP_TAG, RUN_TAG, image_label};
use crate::ids::{GroupName, ImageId, SnapshotId, TemplateId};

/// The decision on an image or a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It stays, for these reasons.
    Keep(Vec<Reason>),
    /// Nobody uses it: it is to be deprecated from then on.
    Deprecate(DateTime<Utc>),
    /// Nobody uses it, and it will be deprecated from then on.
    Wait(DateTime<Utc>),
    /// It goes.
    Remove,
}

/// An image of a run with the decision on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageItem {
    /// The image.
    pub image: ImageId,
    /// The decision on it.
    pub verdict: Verdict,
    /// The versions that name it: they go before it.
    pub versions: Vec<(TemplateId, u64)>,
    /// The snapshots that go after it.
    pub snapshots: Vec<SnapshotId>,
}

/// A snapshot of a run whose image is gone, with the decision on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotItem {
    /// The snapshot.
    pub snapshot: SnapshotId,
    /// The decision on it.
    pub verdict: Verdict,
}

/// The decisions on everything that runs have made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Images, by id.
    pub images: Vec<ImageItem>,
    /// Snapshots without an image, by id.
    pub snapshots: Vec<SnapshotItem>,
}

/// One changing call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Deprecate an image from then on.
    Deprecate(ImageId, DateTime<Utc>),
    /// Delete a version of a launch template.
    DeleteVersion(TemplateId, u64),
    /// Deregister an image, and leave its snapshots.
    Deregister(ImageId),
    /// Delete a snapshot.
    DeleteSnapshot(SnapshotId),
}

impl ImageItem {
    /// The calls that do it, in their order: none is made if one before it failed.
    pub fn steps(&self) -> Vec<Step> {
        match &self.verdict {
            Verdict::Keep(_) | Verdict::Wait(_) => Vec::new(),
            Verdict::Deprecate(at) => vec![Step::Deprecate(self.image.clone(), *at)],
            Verdict::Remove => {
                let versions = self.versions.iter().cloned();
                let snapshots = self.snapshots.iter().cloned();
                versions
                    .map(|(template, number)| Step::DeleteVersion(template, number))
                    .chain([Step::Deregister(self.image.clone())])
                    .chain(snapshots.map(Step::DeleteSnapshot))
                    .collect()
            }
        }
    }
}

impl SnapshotItem {
    /// The calls that do it.
    pub fn steps(&self) -> Vec<Step> {
        match &self.verdict {
            Verdict::Keep(_) | Verdict::Wait(_) | Verdict::Deprecate(_) => Vec::new(),
            Verdict::Remove => vec![Step::DeleteSnapshot(self.snapshot.clone())],
        }
    }
}

/// The images that would go, as far as is known, and of which was not asked yet with whom they are shared.
pub fn unasked(found: &Found, policy: &Policy, groups: &[GroupName]) -> BTreeSet<ImageId> {
    let plan = decide_with(found, policy, groups, |_| None);
    let goes = |item: &ImageItem| !matches!(item.verdict, Verdict::Keep(_));
    let going = plan.images.into_iter().filter(goes);
    let ids = going.map(|item| item.image);
    ids.filter(|id| !found.sharing.contains_key(id)).collect()
}

/// Decides on everything that runs have made; with `groups`, only on what was made for the launch templates that these
/// groups name.
pub fn decide(found: &Found, policy: &Policy, groups: &[GroupName]) -> Plan {
    decide_with(found, policy, groups, |id| sharing(found, id))
}

fn decide_with(
    found: &Found,
    policy: &Policy,
    groups: &[GroupName],
    sharing: impl Fn(&ImageId) -> Option<Reason>,
) -> Plan {
    let uses = Uses::of(found, policy);
    let scope = (!groups.is_empty()).then(|| Scope::of(found, groups));
    let within = |name: &str, id: Option<&ImageId>| match &scope {
        None => true,
        Some(scope) => {
            let of_version = |id: &ImageId| {
                let mut versions = uses.versions(id).iter();
                versions.any(|(template, _)| scope.templates.contains(template))
            };
            label(name).is_some_and(|l| scope.labels.contains(l)) || id.is_some_and(of_version)
        }
    };
    let holders = holders(found);
    let images = found.images.iter();
    let images = images
        .filter(|(id, image)| image.tags.contains_key(RUN_TAG) && within(&image.name, Some(id)));
    let images = images.map(|(id, image)| ImageItem {
        image: id.clone(),
        verdict: of_image(found, policy, &uses, id, image, &sharing),
        versions: uses.versions(id).to_vec(),
        snapshots: own_snapshots(found, &holders, id, image),
    });
    let snapshots = found.snapshots.iter();
    let snapshots = snapshots
        .filter(|(id, snapshot)| !holders.contains_key(id) && within(name_of(snapshot), None));
    let snapshots = snapshots.map(|(id, snapshot)| SnapshotItem {
        snapshot: id.clone(),
        verdict: of_snapshot(found, policy, &uses, id, snapshot),
    });
    Plan {
        images: images.collect(),
        snapshots: snapshots.collect(),
    }
}

/// The launch templates of some groups.
struct Scope {
    templates: BTreeSet<TemplateId>,
    /// As they stand in the names of images.
    labels: BTreeSet<String>,
}

impl Scope {
    fn of(found: &Found, groups: &[GroupName]) -> Self {
        let all = found.uses.groups.as_ref().ok();
        let chosen = groups.iter().filter_map(|name| all?.get(name));
        let templates: BTreeSet<TemplateId> = chosen
            .flat_map(|g| g.pins.iter().map(|p| p.template.clone()))
            .collect();
        let known = found.uses.templates.as_ref().ok();
        let names = templates
            .iter()
            .filter_map(|id| Some(&known?.get(id)?.name));
        Self {
            labels: names.map(|name| image_label(name)).collect(),
            templates,
        }
    }
}

fn of_image(
    found: &Found,
    policy: &Policy,
    uses: &Uses<'_>,
    id: &ImageId,
    image: &ImageFound,
    sharing: impl Fn(&ImageId) -> Option<Reason>,
) -> Verdict {
    if let Err(problem) = check_image(image) {
        return Verdict::Keep(vec![Reason::NotOurs(problem)]);
    }
    let mut reasons = uses.of_image(id, image);
    reasons.extend(of_state(&image.state));
    reasons.extend(image.public.then_some(Reason::Public));
    let kept = kept_until(image.tags.get(KEEP_TAG), found.at);
    if let Err(reason) = kept {
        reasons.push(reason);
    } else if kept == Ok(Kept::AsOthers) {
        reasons.extend(uses.newest(id));
        reasons.extend(young(image.created_at, found.at, policy));
        let lately = image
            .launched_at
            .filter(|at| found.at - *at < policy.older_than);
        reasons.extend(lately.map(|at| Reason::Launched(at, policy.older_than)));
    }
    if reasons.is_empty() {
        reasons.extend(sharing(id));
    }
    if !reasons.is_empty() {
        return Verdict::Keep(reasons);
    }
    match (&image.state, image.deprecated_from) {
        // Nothing can be launched from it: there is nothing to take back.
        (ImageState::Failed, _) => Verdict::Remove,
        (_, None) => Verdict::Deprecate(found.at + policy.grace),
        (_, Some(from)) if from > found.at => Verdict::Wait(from),
        (_, Some(_)) => Verdict::Remove,
    }
}

fn of_state(state: &ImageState) -> Option<Reason> {
    match state {
        ImageState::Available | ImageState::Failed => None,
        ImageState::Pending => Some(Reason::BeingMade),
        ImageState::Other(state) => Some(Reason::State(state.clone())),
    }
}

fn of_snapshot(
    found: &Found,
    policy: &Policy,
    uses: &Uses<'_>,
    id: &SnapshotId,
    snapshot: &SnapshotFound,
) -> Verdict {
    let mut reasons = match check_snapshot(snapshot) {
        Ok(image) if found.images.contains_key(&image) => {
            return Verdict::Keep(vec![Reason::ImageThere(image)]);
        }
        Ok(_) => uses.of_snapshot(id, name_of(snapshot)),
        Err(problem) => return Verdict::Keep(vec![Reason::NotOurs(problem)]),
    };
    match kept_until(snapshot.tags.get(KEEP_TAG), found.at) {
        Err(reason) => reasons.push(reason),
        Ok(Kept::NoLonger) => {}
        Ok(Kept::AsOthers) => reasons.extend(young(snapshot.started_at, found.at, policy)),
    }
    match reasons.is_empty() {
        true => Verdict::Remove,
        false => Verdict::Keep(reasons),
    }
}

/// The tag for inspection, of something that it does not keep now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    /// It has no such tag.
    AsOthers,
    /// Its time is over.
    NoLonger,
}

fn kept_until(tag: Option<&String>, now: DateTime<Utc>) -> Result<Kept, Reason> {
    let Some(text) = tag else {
        return Ok(Kept::AsOthers);
    };
    match DateTime::parse_from_rfc3339(text.trim()) {
        Ok(until) if until > now => Err(Reason::KeepUntil(until.to_utc())),
        Ok(_) => Ok(Kept::NoLonger),
        Err(_) => Err(Reason::KeepUntilOdd(text.clone())),
    }
}

fn young(made_at: Option<DateTime<Utc>>, now: DateTime<Utc>, policy: &Policy) -> Option<Reason> {
    match made_at {
        None => Some(Reason::Ageless),
        Some(at) if now - at < policy.older_than => Some(Reason::Young(at, policy.older_than)),
        Some(_) => None,
    }
}

/// In messages.
const SHARING: &str = "the accounts with which it is shared";

/// Asked for where nothing else keeps an image.
fn sharing(found: &Found, id: &ImageId) -> Option<Reason> {
    match found.sharing.get(id) {
        None => Some(Reason::Unread(SHARING, "it was not asked for".into())),
        Some(Ok(sharing)) if sharing.with.is_empty() => None,
        Some(Ok(sharing)) => Some(Reason::Shared(sharing.with.iter().cloned().collect())),
        Some(Err(fault)) => Some(Reason::unread(SHARING, fault)),
    }
}

fn name_of(snapshot: &SnapshotFound) -> &str {
    snapshot.tags.get("Name").map_or("", String::as_str)
}

/// Images by their snapshots.
type Holders<'a> = BTreeMap<&'a SnapshotId, BTreeSet<&'a ImageId>>;

fn holders(found: &Found) -> Holders<'_> {
    let mut holders = Holders::new();
    for (id, image) in &found.images {
        for snapshot in image.volumes.iter().filter_map(|v| v.snapshot.as_ref()) {
            holders.entry(snapshot).or_default().insert(id);
        }
    }
    holders
}

/// The snapshots that go with an image: those that it names, that carry its run's tag, and that no other image names.
fn own_snapshots(
    found: &Found,
    holders: &Holders<'_>,
    id: &ImageId,
    image: &ImageFound,
) -> Vec<SnapshotId> {
    let run = image.tags.get(RUN_TAG);
    let named = image.volumes.iter().filter_map(|v| v.snapshot.as_ref());
    let own = named.filter(|snapshot| {
        let of = holders.get(snapshot).into_iter().flatten();
        let alone = of.into_iter().all(|holder| *holder == id);
        let tagged = found.snapshots.get(*snapshot);
        alone && tagged.is_some_and(|s| s.tags.get(RUN_TAG) == run)
    });
    own.cloned().collect()
}
