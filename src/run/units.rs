//! What jobs of one bake know of each other. Pure.

use std::collections::BTreeMap;

use crate::group::effect::Effect;
use crate::group::job::Job;
use crate::group::pin::Style;
use crate::group::unit::{SharedImage, Unit};
use crate::group::{Code, Phase};
use crate::ids::ImageId;

/// Jobs by bake key.
pub(super) type Members = BTreeMap<String, Vec<usize>>;

/// Collects the jobs of each bake.
pub(super) fn members(jobs: &[Job]) -> Members {
    let mut members = Members::new();
    for (index, job) in jobs.iter().enumerate() {
        let key = (job.record.run_id.as_str(), job.record.bake_key.as_str());
        members
            .entry(format!("{} {}", key.0, key.1))
            .or_default()
            .push(index);
    }
    members
}

/// The other jobs of a job's bake, and itself.
pub(super) fn of<'a>(members: &'a Members, job: &Job) -> &'a [usize] {
    let key = format!("{} {}", job.record.run_id, job.record.bake_key);
    members.get(&key).map(Vec::as_slice).unwrap_or_default()
}

/// What the job at `index` must know of the others.
pub(super) fn view(jobs: &[Job], members: &Members, index: usize) -> Unit {
    let Some(own) = jobs.get(index) else {
        return Unit::default();
    };
    let all = || of(members, own).iter().filter_map(|i| jobs.get(*i));
    let others = || all().filter(|j| j.group() != own.group());
    let name = |j: &Job| j.group().to_owned();
    let image = all()
        .find_map(|j| j.made.image.clone())
        .filter(|image| !all().any(|j| has_removed(j, image)));
    Unit {
        image: image.map_or(SharedImage::NotYet, SharedImage::Ready),
        versions: all().flat_map(|j| j.made.versions.clone()).collect(),
        others_at_work: others().any(|j| uses_version(j) || is_on_its_way_off(j)),
        others_patched: others().any(|j| j.promoted),
        bound: is_bound(all()),
        unheld: others()
            .find(|j| follows_latest(j) && j.failure.is_none() && !is_held(j))
            .map(name),
        unproved: others()
            .find(|j| !j.finished() && j.failure.is_none() && j.phase < Phase::Promoting)
            .map(name),
        failed: others()
            .find_map(|j| Some((name(j), j.failure.clone()?)))
            .filter(|(_, f)| f.code != Code::SiblingFailed),
        makes_versions: all()
            .find(|j| j.phase == Phase::Versioning && j.failure.is_none())
            .is_none_or(|first| first.group() == own.group()),
    }
}

fn has_removed(job: &Job, image: &ImageId) -> bool {
    let removal = Effect::DeregisterImage(image.clone());
    job.done_at(&removal).is_some()
}

/// A unit is bound if it has more than one member and one follows a template: the version then reaches
/// that member by being made (`$Latest`) or made the default (`$Default`).
fn is_bound<'a>(all: impl Iterator<Item = &'a Job> + Clone) -> bool {
    all.clone().count() > 1
        && all
            .flat_map(|j| &j.record.pins)
            .any(|p| p.style() != Style::Number)
}

fn follows_latest(job: &Job) -> bool {
    job.record.pins.iter().any(|p| p.style() == Style::Latest)
}

/// Whether a `$Latest` member names a number now: it has come to Versioning and held itself there.
fn is_held(job: &Job) -> bool {
    job.phase >= Phase::Proving
        || job.finished()
        || job
            .tries
            .iter()
            .any(|(k, t)| k.starts_with("set-pins ") && t.done_at.is_some())
}

/// Whether a group that failed still names a version of ours.
fn is_on_its_way_off(job: &Job) -> bool {
    job.names_ours && job.failure.is_some()
}

/// Whether the job is at a phase that needs the image and its versions.
fn uses_version(job: &Job) -> bool {
    matches!(
        job.phase,
        Phase::Versioning | Phase::Proving | Phase::Promoting
    )
}
