//! The shape that all reads share: the questions go in, one answer to each comes out, in their order.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;

use super::Question;
use crate::group::Job;
use crate::group::fault::{Fault, Read};
use crate::group::seen::{GroupSeen, Need};
use crate::ids::InstanceId;

/// One answer to each question, in the order of the questions.
pub(super) type Answers<T> = Vec<Read<T>>;

/// A question, with the group that was read for it.
pub(super) struct Asked<'a> {
    pub job: &'a Job,
    pub needs: &'a BTreeSet<Need>,
    /// None where the group was not asked for, does not exist or could not be read.
    pub group: Option<&'a GroupSeen>,
}

impl<'a> Asked<'a> {
    pub(super) fn all(
        questions: &'a [Question<'a>],
        groups: &'a [Read<GroupSeen>],
    ) -> Vec<Asked<'a>> {
        let groups = groups.iter().map(Read::present);
        let asked = questions.iter().zip(groups);
        asked
            .map(|((job, needs), group)| Asked { job, needs, group })
            .collect()
    }

    /// The instances of the job: those of its group and those that the run launched for it.
    pub(super) fn instances(&self) -> BTreeSet<&'a InstanceId> {
        let members = self.group.iter().flat_map(|g| g.members.keys());
        members.chain(self.job.made.instances.values()).collect()
    }

    /// The instances that may be the run's own: those of the job that are not known to be foreign.
    fn possibly_ours(&self) -> impl Iterator<Item = &'a InstanceId> {
        let made = &self.job.made;
        let members = self.group.iter().flat_map(|g| g.members.keys());
        members
            .filter(|id| !made.foreign.contains(*id))
            .chain(made.instances.values())
    }
}

/// The questions that ask for `need`.
pub(super) fn asking<'q, 'a>(
    asked: &'q [Asked<'a>],
    need: Need,
) -> impl Iterator<Item = &'q Asked<'a>> {
    asked.iter().filter(move |a| a.needs.contains(&need))
}

/// The instances that may be the run's own, of all jobs that ask for `need`.
pub(super) fn possibly_ours(asked: &[Asked<'_>], need: Need) -> BTreeSet<InstanceId> {
    asking(asked, need)
        .flat_map(Asked::possibly_ours)
        .cloned()
        .collect()
}

/// Divides the answer of a bulk call: each job that asked gets its `part`, or the fault.
pub(super) fn divide<F, T>(
    asked: &[Asked<'_>],
    need: Need,
    found: Result<F, Fault>,
    part: impl Fn(&Asked<'_>, &F) -> Read<T>,
) -> Answers<T> {
    let answer = |asked: &Asked<'_>| match &found {
        _ if !asked.needs.contains(&need) => Read::Unread,
        Ok(found) => part(asked, found),
        Err(fault) => Read::Failed(fault.clone()),
    };
    asked.iter().map(answer).collect()
}

/// Makes a read for each job that asks for it, all at the same time: for want of a bulk call.
pub(super) async fn one_by_one<'a, T, F>(
    asked: &[Asked<'a>],
    need: Need,
    read: impl Fn(&'a Job) -> F,
) -> Answers<T>
where
    F: Future<Output = Read<T>>,
{
    let answer = |asked: &Asked<'a>| {
        let read = asked.needs.contains(&need).then(|| read(asked.job));
        async move {
            match read {
                Some(read) => read.await,
                None => Read::Unread,
            }
        }
    };
    join_all(asked.iter().map(answer)).await
}

/// The part of an answer by instance id that concerns the job's instances.
pub(super) fn of_its_instances<T: Clone>(
    asked: &Asked<'_>,
    found: &BTreeMap<InstanceId, T>,
) -> Read<BTreeMap<InstanceId, T>> {
    let ids = asked.instances().into_iter();
    Read::Present(
        ids.filter_map(|id| Some((id.clone(), found.get(id)?.clone())))
            .collect(),
    )
}

/// A thing that AWS leaves out of its answer does not exist.
pub(super) fn if_listed<T: Clone>(found: Option<&T>) -> Read<T> {
    found.map_or(Read::Absent, |value| Read::Present(value.clone()))
}

/// A read of a single job that succeeded or failed.
pub(super) fn single<T>(found: Result<T, Fault>) -> Read<T> {
    match found {
        Ok(value) => Read::Present(value),
        Err(fault) => Read::Failed(fault),
    }
}
