//! A bake: the jobs that share one image and its versions, and each one's view of the others. Pure.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};

use super::automation::Moment;
use super::doubt::Doubt;
use super::fault::Fault;
use super::job::{Forward, Job};
use super::ledger::Key;
use super::outcome::Implication;
use super::pin::Style;
use super::{Code, Failure, Phase};
use crate::ids::{BakeKey, GroupName, ImageId, RunId, TemplateId};
use crate::request::AfterFailure;

/// The bake's image, as far as its jobs have brought it.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum SharedImage {
    /// No job has made it yet.
    #[default]
    NotYet,
    /// It is available.
    Ready(ImageId),
}

/// A job's doubt about the image, if its failure may be the image's and the owner wants to look at it.
fn doubt_of(job: &Job) -> Option<Doubt> {
    let failure = job.failure.as_ref()?;
    let days = job.forward.as_ref()?.options.keep_failed?;
    let until = job.record.deadline.checked_add_signed(days.span())?;
    let doubts = failure.code.has(Implication::DoubtsImage);
    doubts.then(|| Doubt {
        group: job.group().clone(),
        code: failure.code,
        until,
    })
}

/// One job's view of its bake.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bake {
    /// The image.
    pub image: SharedImage,
    /// The versions made from it, by template.
    pub versions: BTreeMap<TemplateId, u64>,
    /// Templates of which a version was asked for without an answer, so that it may be there.
    pub unanswered: BTreeSet<TemplateId>,
    /// Other jobs use the image and its versions: they are between Versioning and Promoting, or have failed
    /// since and are not off them yet.
    pub others_at_work: bool,
    /// Other groups launch from the new image for good: their own documents have nothing to say any more.
    pub others_patched: bool,
    /// Some group follows a template by `$Latest` or `$Default`, so that the version is taken by all groups
    /// or by none.
    pub all_or_nothing: bool,
    /// Another group that follows `$Latest` and is not held at its recorded number yet.
    pub unheld: Option<GroupName>,
    /// Another group that has not proved the version yet.
    pub unproved: Option<GroupName>,
    /// Another group that may still be rolled back because of its owner's document, which is run after the deployment.
    pub running_after: Option<GroupName>,
    /// Another group that failed after it was started, and why.
    pub failed: Option<(GroupName, Failure)>,
    /// A group whose canary did not prove the image, which is to be kept.
    pub doubt: Option<Doubt>,
    /// Whether it is this job that makes the versions: exactly one of those at work.
    pub makes_versions: bool,
}

/// The jobs of each bake, by their place in the list of jobs.
#[derive(Clone, Debug, Default)]
pub struct Bakes(BTreeMap<(RunId, BakeKey), Vec<usize>>);

impl Bakes {
    /// Collects the jobs of each bake.
    pub fn of<J: Borrow<Job>>(jobs: &[J]) -> Self {
        let mut bakes = Self::default();
        for (index, job) in jobs.iter().enumerate() {
            bakes.0.entry(key(job.borrow())).or_default().push(index);
        }
        bakes
    }

    /// The places of the jobs of a job's bake, itself included.
    pub fn members(&self, job: &Job) -> &[usize] {
        self.0.get(&key(job)).map(Vec::as_slice).unwrap_or_default()
    }

    /// The view of the job at `index`.
    pub fn view<J: Borrow<Job>>(&self, jobs: &[J], index: usize) -> Bake {
        let Some(own) = jobs.get(index) else {
            return Bake::default();
        };
        let own: &Job = own.borrow();
        let members = self.members(own).iter();
        let members = members.filter_map(|i| -> Option<&Job> { Some(jobs.get(*i)?.borrow()) });
        let all = || members.clone();
        let others = || all().filter(|j| j.group() != own.group());
        let name = |j: &Job| j.group().clone();
        let image = all()
            .find_map(|j| j.made.image.clone())
            .filter(|image| !all().any(|j| has_removed(j, image)));
        let versions = all().flat_map(|j| j.made.versions.clone());
        let mut versions: BTreeMap<TemplateId, u64> = versions.collect();
        versions.retain(|template, number| {
            let deletion = Key::DeleteVersion(template.clone(), *number);
            !all().any(|j| j.ledger.done_at(&deletion).is_some())
        });
        Bake {
            image: image.map_or(SharedImage::NotYet, SharedImage::Ready),
            unanswered: all().flat_map(unanswered).collect(),
            versions,
            others_at_work: others().any(|j| j.phase.uses_version() || is_on_its_way_off(j)),
            others_patched: others().any(|j| j.was_promoted() && j.phase != Phase::RunningAfter),
            all_or_nothing: is_all_or_nothing(all()),
            unheld: others()
                .find(|j| follows_latest(j) && j.failure.is_none() && !is_held(j))
                .map(name),
            unproved: others()
                .find(|j| !j.finished() && j.failure.is_none() && j.phase < Phase::Promoting)
                .map(name),
            running_after: others().find(|j| awaits_after(j)).map(name),
            failed: others()
                .find_map(|j| Some((name(j), j.failure.clone()?)))
                .filter(|(_, f)| f.code != Code::SiblingFailed),
            doubt: all().find_map(doubt_of),
            makes_versions: all()
                .find(|j| j.phase == Phase::Versioning && j.failure.is_none())
                .is_none_or(|first| first.group() == own.group()),
        }
    }
}

/// Templates of which the job asked for a version, and may have one without knowing of it: it still asks, or no answer came.
fn unanswered(job: &Job) -> impl Iterator<Item = TemplateId> {
    let creations = |key: &Key| matches!(key, Key::CreateVersion(_));
    job.ledger.of_kind(creations).filter_map(|(key, t)| {
        let Key::CreateVersion(template) = key else {
            return None;
        };
        let fault = t.fault.as_ref();
        let may_be_there = job.failure.is_none() || fault.is_none_or(Fault::may_have_taken_effect);
        (t.done_at.is_none() && may_be_there).then(|| template.clone())
    })
}

fn key(job: &Job) -> (RunId, BakeKey) {
    (job.record.run_id.clone(), job.record.bake_key.clone())
}

fn has_removed(job: &Job, image: &ImageId) -> bool {
    let removal = Key::DeregisterImage(image.clone());
    job.ledger.done_at(&removal).is_some()
}

/// There is more than one job, and a group follows a template: the version reaches that group by being made
/// (`$Latest`) or made the default (`$Default`).
fn is_all_or_nothing<'a>(all: impl Iterator<Item = &'a Job> + Clone) -> bool {
    all.clone().count() > 1
        && all
            .flat_map(|j| &j.record.pins)
            .any(|p| p.style() != Style::Number)
}

fn follows_latest(job: &Job) -> bool {
    job.record.pins.iter().any(|p| p.style() == Style::Latest)
}

/// Whether a group that follows `$Latest` names a number now: its job has come to Versioning and held it.
fn is_held(job: &Job) -> bool {
    let set_pins = |key: &Key| matches!(key, Key::Update(_, Some(_)));
    job.phase >= Phase::LaunchingCanary
        || job.finished()
        || job.ledger.last_done(set_pins).is_some()
}

/// Whether a group may still be rolled back because of its owner's document.
fn awaits_after(job: &Job) -> bool {
    let rolls_back = |f: &Forward| {
        f.runbooks.after.is_some() && f.runbooks.after_failure == AfterFailure::RollBack
    };
    let end = job.automation_end(Moment::After);
    job.forward.as_ref().is_some_and(rolls_back)
        && !job.finished()
        && job.failure.is_none()
        && job.phase <= Phase::RunningAfter
        && !end.is_some_and(|end| end.is_good)
}

/// Whether a group that failed still names a version of ours.
fn is_on_its_way_off(job: &Job) -> bool {
    job.names_ours && job.failure.is_some()
}
