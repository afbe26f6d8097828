//! Running the owner's before-document: done when it has succeeded, or has failed and its owner wants the group to be
//! patched all the same. The group was not changed so far.

use std::collections::BTreeSet;

use super::super::Code;
use super::super::automation::Moment;
use super::super::decision::{Context, Decided, failed, go};
use super::super::job::Job;
use super::super::seen::Need;
use super::automation::{self, Verdict};
use super::{recording, versioning};
use crate::request::BeforeFailure;

pub(super) fn needs(job: &Job) -> BTreeSet<Need> {
    let mut needs = automation::needs(job, Moment::Before);
    needs.insert(Need::Templates);
    needs
}

pub(super) fn decide(cx: &Context<'_>) -> Decided {
    cx.group()?;
    let runbooks = &cx.forward()?.runbooks;
    let Some(runbook) = &runbooks.before else {
        return Ok(go(recording::first(cx)?, "there is no before-document"));
    };
    let reason = match automation::ended(cx, Moment::Before, runbook)? {
        Verdict::Good(words) => words,
        Verdict::Bad(words) => match runbooks.before_failure {
            BeforeFailure::Stop => return Ok(failed(Code::BeforeFailed, words)),
            BeforeFailure::GoOn => words,
        },
    };
    // It took its time.
    let templates = cx.read(&cx.seen.templates, "the launch templates")?;
    versioning::drift(cx, templates, &versioning::versions(cx))?;
    Ok(go(recording::first(cx)?, reason))
}
