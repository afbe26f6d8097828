//! The shape that all reads share: the questions go in, one answer to each comes out, in their order.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;

use super::Question;
use crate::aws::Listed;
use crate::group::Job;
use crate::group::fault::{Fault, Read};
use crate::group::seen::{GroupSeen, Need};
use crate::ids::InstanceId;

/// One answer to each question, in the order of the questions.
pub(super) type Answers<T> = Vec<Read<T>>;

/// A question, with the group that was read for it.
pub(super) struct Query<'a> {
    pub job: &'a Job,
    pub needs: &'a BTreeSet<Need>,
    /// None where the group is not known, does not exist or could not be read.
    pub group: Option<&'a GroupSeen>,
}

impl<'a> Query<'a> {
    pub(super) fn all(
        questions: &'a [Question<'a>],
        groups: &'a [Read<GroupSeen>],
    ) -> Vec<Query<'a>> {
        let queries = questions.iter().zip(groups).map(|(question, group)| Query {
            job: question.job,
            needs: &question.needs,
            group: group.present().or(question.known),
        });
        queries.collect()
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
    queries: &'q [Query<'a>],
    need: Need,
) -> impl Iterator<Item = &'q Query<'a>> {
    queries.iter().filter(move |a| a.needs.contains(&need))
}

/// The instances that may be the run's own, of all jobs that ask for `need`.
pub(super) fn possibly_ours(queries: &[Query<'_>], need: Need) -> BTreeSet<InstanceId> {
    asking(queries, need)
        .flat_map(Query::possibly_ours)
        .cloned()
        .collect()
}

/// Divides the answer of a bulk call: each job that asked gets its `part`, or the fault.
pub(super) fn divide<F, T>(
    queries: &[Query<'_>],
    need: Need,
    found: Result<F, Fault>,
    part: impl Fn(&Query<'_>, &F) -> Read<T>,
) -> Answers<T> {
    let answer = |query: &Query<'_>| match &found {
        _ if !query.needs.contains(&need) => Read::Unread,
        Ok(found) => part(query, found),
        Err(fault) => Read::Failed(fault.clone()),
    };
    queries.iter().map(answer).collect()
}

/// Makes a read for each job that asks for it, all at the same time: for want of a bulk call.
pub(super) async fn one_by_one<'a, T, F>(
    queries: &[Query<'a>],
    need: Need,
    read: impl Fn(&'a Job) -> F,
) -> Answers<T>
where
    F: Future<Output = Read<T>>,
{
    let answer = |query: &Query<'a>| {
        let read = query.needs.contains(&need).then(|| read(query.job));
        async move {
            match read {
                Some(read) => read.await,
                None => Read::Unread,
            }
        }
    };
    join_all(queries.iter().map(answer)).await
}

/// Answers by instance id.
pub(super) type ByInstance<T> = Listed<InstanceId, T>;

/// The part of an answer by instance id that concerns the job's instances.
pub(super) fn of_its_instances<T: Clone>(
    query: &Query<'_>,
    found: &ByInstance<T>,
) -> Read<BTreeMap<InstanceId, T>> {
    let mut its_own = BTreeMap::new();
    for id in query.instances() {
        match found.get(id) {
            Ok(Some(seen)) => _ = its_own.insert(id.clone(), seen.clone()),
            Ok(None) => {}
            Err(fault) => return Read::Failed(fault.clone()),
        }
    }
    Read::Present(its_own)
}

/// A thing that AWS leaves out of its answer does not exist.
pub(super) fn if_listed<T: Clone>(found: Result<Option<&T>, &Fault>) -> Read<T> {
    match found {
        Ok(Some(value)) => Read::Present(value.clone()),
        Ok(None) => Read::Absent,
        Err(fault) => Read::Failed(fault.clone()),
    }
}

/// A read of a single job that succeeded or failed.
pub(super) fn single<T>(found: Result<T, Fault>) -> Read<T> {
    match found {
        Ok(value) => Read::Present(value),
        Err(fault) => Read::Failed(fault),
    }
}
