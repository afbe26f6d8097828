//! The console of an instance of ours that failed: read once, before the instance goes.

use super::fault::Read;
use super::job::Job;
use super::outcome::Implication;
use super::phase::Phase;
use super::seen::Seen;
use crate::ids::InstanceId;

/// The instance whose console may show why the job failed, unless it was read before.
pub fn troubled(job: &Job) -> Option<&InstanceId> {
    let failure = job.failure.as_ref()?;
    let is_open = job.phase == Phase::RollingBack && job.evidence.console.is_none();
    if !is_open || !failure.code.has(Implication::OnConsole) {
        return None;
    }
    // The canary, if there is one: the build instance has gone before it.
    let (_, id) = job.made.instances.iter().next_back()?;
    let (_, gone_at) = job.made.lifetimes.get(id)?;
    gone_at.is_none().then_some(id)
}

/// Takes down the answer. One that cannot be had holds nothing up.
pub(super) fn learn(job: &mut Job, seen: &Seen) {
    let text = match &seen.console {
        Read::Unread => return,
        Read::Present(text) => text.clone(),
        Read::Absent => String::new(),
        Read::Failed(fault) => {
            job.note(format!(
                "the console of the instance could not be read ({})",
                fault.code
            ));
            String::new()
        }
    };
    job.evidence.console.get_or_insert(text);
}
