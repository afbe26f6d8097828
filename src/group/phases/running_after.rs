//! Running the owner's after-document: done when it has succeeded, or has failed and its owner wants the new version to
//! stay. Groups of a bake that take a version all or none wait for each other's.

use std::collections::BTreeSet;

use super::super::automation::Moment;
use super::super::decision::{Context, Decided, failed, go};
use super::super::job::Job;
use super::super::seen::Need;
use super::super::{Code, Phase, limits};
use super::automation::{self, Verdict};
use super::promoting;
use crate::request::AfterFailure;

pub(super) fn needs(job: &Job) -> BTreeSet<Need> {
    let mut needs = automation::needs(job, Moment::After);
    needs.insert(Need::Image);
    needs
}

/// Whether the new version stays, whatever becomes of the document.
pub(in super::super) fn keeps(job: &Job) -> bool {
    let forward = job.forward.as_ref();
    job.phase == Phase::RunningAfter
        && forward.is_some_and(|f| f.runbooks.after_failure == AfterFailure::Keep)
}

pub(super) fn decide(cx: &Context<'_>) -> Decided {
    cx.group()?;
    // It takes its time, and a group that names an image that is gone cannot launch.
    promoting::usable(cx)?;
    let runbooks = &cx.forward()?.runbooks;
    let mut reason = "the new version is deployed".to_owned();
    if let Some(runbook) = &runbooks.after {
        let is_over = cx.directive.restore || cx.now >= cx.job.last_turn();
        let has_ended = cx.job.automation_end(Moment::After).is_some();
        if keeps(cx.job) && is_over && !has_ended {
            automation::stopped(cx)?;
            let reason = format!("after-document {runbook} was not waited for: the run ends");
            return Ok(go(Phase::Restoring, reason));
        }
        reason = match automation::ended(cx, Moment::After, runbook)? {
            Verdict::Good(words) => words,
            Verdict::Bad(words) => match runbooks.after_failure {
                AfterFailure::RollBack => return Ok(failed(Code::AfterFailed, words)),
                AfterFailure::Keep => words,
            },
        };
    }
    if let (true, Some(sibling)) = (cx.bake.all_or_nothing, &cx.bake.running_after) {
        return Ok(cx.wait(
            cx.pause(limits::LOOK_MIN),
            format!("waiting until the after-document of {sibling} is over too"),
        ));
    }
    Ok(go(Phase::Restoring, reason))
}
