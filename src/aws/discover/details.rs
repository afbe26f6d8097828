//! Instance refreshes of the groups that opted in and are awake. Those of sleeping groups have nothing to replace: they
//! are looked for when the group's turn has come, so that a plan of many sleeping groups takes few calls.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::{Refreshes, SINGLE_READS_AT_ONCE};
use crate::aws::faults::is_odd;
use crate::aws::{Clients, refreshes};
use crate::group::facts::{GroupDetails, GroupFacts};
use crate::group::fault::{Fault, FaultClass};
use crate::ids::GroupName;

/// One call for each group that is awake, if refreshes are sought.
pub(super) async fn details(
    clients: &Clients,
    groups: &[&GroupFacts],
    refreshes: Refreshes,
) -> Result<BTreeMap<GroupName, GroupDetails>, Fault> {
    stream::iter(groups)
        .map(|group| async move {
            let details = if group.capacity.desired > 0 && refreshes == Refreshes::Sought {
                details_of(clients, &group.name).await?
            } else {
                GroupDetails::default()
            };
            Ok((group.name.clone(), details))
        })
        .buffer_unordered(SINGLE_READS_AT_ONCE)
        .try_collect()
        .await
}

async fn details_of(clients: &Clients, group: &GroupName) -> Result<GroupDetails, Fault> {
    match refreshes::under_way(clients, group).await {
        Ok(refresh) => Ok(GroupDetails { refresh, odd: None }),
        // An answer that makes no sense concerns its group only, and so does a refusal to answer about it.
        Err(fault) if is_odd(&fault) => Ok(GroupDetails::odd(fault.message)),
        Err(fault) if fault.class == FaultClass::Refused => {
            Ok(GroupDetails::odd(fault.to_failure().reason))
        }
        Err(fault) => Err(fault),
    }
}
