//! The groups' scheduled actions.

use super::asked::{Answers, Asked, asking, divide};
use crate::aws::Clients;
use crate::aws::discover::scheduled_actions;
use crate::group::fault::Read;
use crate::group::seen::Need;
use crate::ids::GroupName;
use crate::schedule::ScheduledAction;

pub(super) async fn read(clients: &Clients, asked: &[Asked<'_>]) -> Answers<Vec<ScheduledAction>> {
    let names = asking(asked, Need::Actions).map(|a| a.job.group().clone());
    let found = scheduled_actions(clients, &names.collect::<Vec<GroupName>>()).await;
    divide(asked, Need::Actions, found, |asked, found| {
        // A group without actions is not in the list.
        Read::Present(found.get(asked.job.group()).cloned().unwrap_or_default())
    })
}
