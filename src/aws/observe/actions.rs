//! The groups' scheduled actions.

use super::query::{Answers, Query, asking, divide, single};
use crate::aws::Clients;
use crate::aws::discover::scheduled_actions;
use crate::group::seen::Need;
use crate::ids::GroupName;
use crate::schedule::ScheduledAction;

pub(super) async fn read(
    clients: &Clients,
    queries: &[Query<'_>],
) -> Answers<Vec<ScheduledAction>> {
    let names = asking(queries, Need::Actions).map(|a| a.job.group().clone());
    let found = scheduled_actions(clients, &names.collect::<Vec<GroupName>>()).await;
    divide(queries, Need::Actions, found, |query, found| {
        // A group without actions is not in the list.
        let none = || Ok(Vec::new());
        single(found.get(query.job.group()).cloned().unwrap_or_else(none))
    })
}
