//! The report of a prune: what goes, what stays, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::group::names::RUN_TAG;
use crate::ids::{ImageId, RunId, SnapshotId, TemplateId};
use crate::retention::{Found, ImageItem, Reason, SnapshotItem, Verdict};

/// The report of a prune.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PruneReport {
    /// The region.
    pub region: String,
    /// The account, as far as the driver has asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// When the account was read.
    pub read_at: DateTime<Utc>,
    /// Whether it was done, or is only a plan.
    pub applied: bool,
    /// Whether the time was over before all was done: the next prune goes on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub out_of_time: bool,
    /// The images of runs, then snapshots without one; older ones first.
    pub entries: Vec<PruneEntry>,
}

/// An image of a run, or a snapshot of one whose image is gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PruneEntry {
    /// The image; none for a snapshot without one.
    pub image: Option<ImageId>,
    /// The snapshots that go with it.
    pub snapshots: Vec<SnapshotId>,
    /// Its name.
    pub name: String,
    /// The run that made it.
    pub run_id: Option<RunId>,
    /// When it was made.
    pub made_at: Option<DateTime<Utc>>,
    /// The size of its volumes, GiB. AWS bills what is stored of them, which is less.
    pub gib: u32,
    /// The launch template versions that name it, e.g. `web:3`.
    pub versions: Vec<String>,
    /// The decision on it.
    pub action: PruneAction,
    /// From when on it is deprecated, if it is or is to be.
    pub deprecated_from: Option<DateTime<Utc>>,
    /// Why it stays.
    pub reasons: Vec<KeptReason>,
    /// Whether it was done; none where there was nothing to do, or it was not tried.
    pub done: Option<bool>,
    /// Why it could not be done, or not to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The decision on an image or a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PruneAction {
    /// It stays.
    Keep,
    /// It is deprecated, and goes once that time has come.
    Wait,
    /// It is deprecated now.
    Deprecate,
    /// It is removed now.
    Remove,
}

/// As in JSON.
impl fmt::Display for PruneAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Keep => "keep",
            Self::Wait => "wait",
            Self::Deprecate => "deprecate",
            Self::Remove => "remove",
        })
    }
}

/// Why something stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptReason {
    /// Its name, for programs.
    pub code: String,
    /// One sentence.
    pub text: String,
}

impl From<&Reason> for KeptReason {
    fn from(reason: &Reason) -> Self {
        Self {
            code: reason.code().to_owned(),
            text: reason.to_string(),
        }
    }
}

impl PruneReport {
    /// The volumes of [everything with this action](Self::of), GiB.
    pub fn gib(&self, action: PruneAction) -> u32 {
        self.of(action).map(|e| e.gib).sum()
    }

    /// Everything with this action: of a plan all of it, else all that was done.
    pub fn of(&self, action: PruneAction) -> impl Iterator<Item = &PruneEntry> {
        let is_done = |e: &PruneEntry| match e.action {
            PruneAction::Keep | PruneAction::Wait => true,
            PruneAction::Deprecate | PruneAction::Remove => !self.applied || e.done == Some(true),
        };
        let of = move |e: &&PruneEntry| e.action == action && is_done(e);
        self.entries.iter().filter(of)
    }

    /// Everything that was to be done and is not, because a failure or the end of its time ended the prune before.
    pub fn untried(&self) -> impl Iterator<Item = &PruneEntry> {
        let untried = |e: &&PruneEntry| match e.action {
            PruneAction::Keep | PruneAction::Wait => false,
            PruneAction::Deprecate | PruneAction::Remove => self.applied && e.done.is_none(),
        };
        self.entries.iter().filter(untried)
    }

    /// Whether something stays only because what may use it could not be read.
    pub fn is_unread(&self) -> bool {
        let mut reasons = self.entries.iter().flat_map(|e| &e.reasons);
        reasons.any(|r| r.code == UNREAD)
    }

    /// How many there are of each action, as [`of`](Self::of) counts them, how many failed, and how many are left.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let actions = [
            PruneAction::Keep,
            PruneAction::Wait,
            PruneAction::Deprecate,
            PruneAction::Remove,
        ];
        let of_actions = actions.map(|a| (a.to_string(), self.of(a).count()));
        let others = [
            ("failed".to_owned(), self.failed().count()),
            ("left".to_owned(), self.untried().count()),
        ];
        of_actions.into_iter().chain(others).collect()
    }

    /// Whether something stays for no other reason than that what may use it could not be read.
    pub fn is_held_up(&self) -> bool {
        let held_up =
            |e: &PruneEntry| !e.reasons.is_empty() && e.reasons.iter().all(|r| r.code == UNREAD);
        self.entries.iter().any(held_up)
    }

    /// The reads that failed, each once.
    pub fn unread(&self) -> BTreeSet<&str> {
        let reasons = self.entries.iter().flat_map(|e| &e.reasons);
        let unread = reasons.filter(|r| r.code == UNREAD);
        unread.map(|r| r.text.as_str()).collect()
    }

    /// Everything that could not be done.
    pub fn failed(&self) -> impl Iterator<Item = &PruneEntry> {
        self.entries.iter().filter(|e| e.done == Some(false))
    }

    /// Whether something could not be done.
    pub fn has_failed(&self) -> bool {
        self.failed().next().is_some()
    }

    /// `1 removed (8 GiB), 2 deprecated (16 GiB), 3 kept`
    pub fn tally(&self) -> String {
        let sized = |action, words: &str| {
            let n = self.of(action).count();
            (n > 0).then(|| format!("{n} {words} ({} GiB)", self.gib(action)))
        };
        let word = |action: PruneAction| sized(action, action.word(self.applied));
        let counted = |n: usize, words: &str| (n > 0).then(|| format!("{n} {words}"));
        let untried = match self.out_of_time {
            true => "left for the next time",
            false => "not tried",
        };
        let parts = [
            word(PruneAction::Remove),
            word(PruneAction::Deprecate),
            sized(PruneAction::Wait, "deprecated before and waiting"),
            counted(self.failed().count(), "failed"),
            counted(self.untried().count(), untried),
            Some(format!("{} kept", self.of(PruneAction::Keep).count())),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        parts.join(", ")
    }
}

impl PruneAction {
    /// In texts; `done`: it was done.
    pub fn word(self, done: bool) -> &'static str {
        match (self, done) {
            (Self::Keep, _) => "keep",
            (Self::Wait, _) => "wait",
            (Self::Deprecate, false) => "to deprecate",
            (Self::Deprecate, true) => "deprecated",
            (Self::Remove, false) => "to remove",
            (Self::Remove, true) => "removed",
        }
    }
}

/// The name of the reason of something that could not be read ([`Reason::code`]).
const UNREAD: &str = "unread";

impl PruneEntry {
    /// The entry of an image.
    pub fn of_image(found: &Found, item: &ImageItem) -> Self {
        let image = found.images.get(&item.image);
        let deprecated_from = image.and_then(|i| i.deprecated_from);
        let versions = item.versions.iter();
        Self {
            image: Some(item.image.clone()),
            snapshots: item.snapshots.clone(),
            name: image.map(|i| i.name.clone()).unwrap_or_default(),
            run_id: image.and_then(|i| run_of(&i.tags)),
            made_at: image.and_then(|i| i.created_at),
            gib: image.map_or(0, |i| i.volumes.iter().filter_map(|v| v.gib).sum()),
            versions: versions
                .map(|(id, n)| version_text(found, id, *n))
                .collect(),
            ..Self::of(&item.verdict, deprecated_from)
        }
    }

    /// The entry of a snapshot without an image.
    pub fn of_snapshot(found: &Found, item: &SnapshotItem) -> Self {
        let snapshot = found.snapshots.get(&item.snapshot);
        let name = snapshot.and_then(|s| s.tags.get("Name"));
        Self {
            snapshots: vec![item.snapshot.clone()],
            name: name.cloned().unwrap_or_default(),
            run_id: snapshot.and_then(|s| run_of(&s.tags)),
            made_at: snapshot.and_then(|s| s.started_at),
            gib: snapshot.and_then(|s| s.gib).unwrap_or_default(),
            ..Self::of(&item.verdict, None)
        }
    }

    fn of(verdict: &Verdict, deprecated_from: Option<DateTime<Utc>>) -> Self {
        let (action, from, reasons) = match verdict {
            Verdict::Keep(reasons) => (PruneAction::Keep, deprecated_from, reasons.as_slice()),
            Verdict::Wait(from) => (PruneAction::Wait, Some(*from), [].as_slice()),
            Verdict::Deprecate(from) => (PruneAction::Deprecate, Some(*from), [].as_slice()),
            Verdict::Remove => (PruneAction::Remove, deprecated_from, [].as_slice()),
        };
        Self {
            image: None,
            snapshots: Vec::new(),
            name: String::new(),
            run_id: None,
            made_at: None,
            gib: 0,
            versions: Vec::new(),
            action,
            deprecated_from: from,
            reasons: reasons.iter().map(KeptReason::from).collect(),
            done: None,
            problem: None,
        }
    }

    /// It could not be done, for this reason.
    pub fn fail(&mut self, problem: String) {
        self.done = Some(false);
        self.problem = Some(problem);
    }

    /// It was begun, and the time was over before its end.
    pub fn leave(&mut self) {
        self.problem = Some("begun; the next prune goes on with it".to_owned());
    }

    /// The image, or the snapshot.
    pub fn id(&self) -> &str {
        match (&self.image, self.snapshots.first()) {
            (Some(image), _) => image,
            (None, Some(snapshot)) => snapshot,
            (None, None) => "-",
        }
    }
}

fn run_of(tags: &BTreeMap<String, String>) -> Option<RunId> {
    tags.get(RUN_TAG).map(|run| run.as_str().into())
}

fn version_text(found: &Found, id: &TemplateId, number: u64) -> String {
    let templates = found.uses.templates.as_ref().ok();
    let template = templates.and_then(|t| t.get(id));
    format!("{}:{number}", template.map_or(id.as_str(), |t| &t.name))
}
