//! The images that a run publishes for the tools of groups' owners.

use chrono::{DateTime, TimeDelta, Utc};

use crate::aws::{Aws, publish_image, published_images};
use crate::group::Outcome;
use crate::group::fault::Fault;
use crate::group::names::image_parameter;
use crate::report::{GroupReport, RunKind, RunReport};
use crate::text::counted;

/// Nothing is written any more when less than this is left.
const LONGEST: TimeDelta = TimeDelta::seconds(10);

/// Writes the image that each patched group launches from into the group's parameter, until `by` at the latest, and the
/// parameters into the report. Groups that were current already are looked at, too: a run before may have died before
/// it could publish theirs. What could not be written becomes a warning; no run fails for it.
pub async fn publish_images(aws: &Aws, report: &mut RunReport, by: DateTime<Utc>) {
    let is_run = report.kind == RunKind::Run;
    let mut groups: Vec<&mut GroupReport> = report.groups.iter_mut().collect();
    groups.retain(|g| is_run && is_proved(g));
    if groups.is_empty() {
        return;
    }
    let before = match published_images(&aws.clients).await {
        Ok(before) => before,
        Err(fault) => {
            let unread = format!("no image was published: {}", words(&fault));
            report.warnings.push(unread);
            return;
        }
    };
    let (mut warnings, mut late, mut unknown) = (Vec::new(), 0, 0);
    for group in groups {
        let Some(image) = &group.image_after else {
            unknown += 1;
            continue;
        };
        let parameter = image_parameter(&group.group);
        let is_there = before.get(&parameter).is_some_and(|i| i == image.as_str());
        if !is_there && aws.clock.now() + LONGEST > by {
            late += 1;
            continue;
        }
        let written = match is_there {
            true => Ok(()),
            false => publish_image(&aws.clients, &parameter, image).await,
        };
        match written {
            Ok(()) => group.published = Some(parameter),
            Err(fault) => warnings.push(format!(
                "{image} of {} was not published as {parameter}: {}",
                group.group,
                words(&fault)
            )),
        }
    }
    report.warnings.append(&mut warnings);
    if unknown > 0 {
        let images = counted(unknown, "image");
        report.warnings.push(format!(
            "{images} could not be published: the run has too many groups to pass the ids of their images along; a run of some of \
             them does it"
        ));
    }
    if late > 0 {
        let images = counted(late, "image");
        report.warnings.push(format!(
            "{images} could not be published for want of time: the next run does it"
        ));
    }
}

/// Whether a group launches from an image of ours that was proved, and is restored.
fn is_proved(group: &GroupReport) -> bool {
    let is_well = match group.outcome {
        Outcome::Patched | Outcome::AlreadyCurrent => true,
        Outcome::Skipped | Outcome::Scanned | Outcome::RolledBack | Outcome::Failed => false,
    };
    let is_ours = group.generation.is_some_and(|n| n > 0);
    is_well && is_ours && !group.left_open && group.code.is_none()
}

fn words(fault: &Fault) -> String {
    fault.to_failure().reason
}
