//! The target groups and Classic Load Balancers that a job has to do with.

use std::collections::BTreeSet;

use super::job::Job;
use super::seen::GroupSeen;
use crate::ids::Balancer;

/// Those with which the job's canary is or may be registered: those that the group has now, and those
/// that the job registered it with.
pub fn balancers(job: &Job, group: Option<&GroupSeen>) -> BTreeSet<Balancer> {
    let registered = job.ledger.of_kind(|key| key.registers_with().is_some());
    let registered = registered.filter_map(|(key, _)| key.registers_with());
    let now = group.into_iter().flat_map(|g| &g.balancers);
    registered.chain(now).cloned().collect()
}
