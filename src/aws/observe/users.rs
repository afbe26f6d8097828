//! Other groups that name the groups' launch templates.

use super::query::{Answers, Query, asking, divide};
use crate::aws::discover::find_groups;
use crate::aws::{Clients, list_records, missing};
use crate::group::fault::{Fault, Read};
use crate::group::names::record_parameter;
use crate::group::seen::{Need, UserSeen};

const OPERATION: &str = "autoscaling:DescribeAutoScalingGroups";

pub(super) async fn read(clients: &Clients, queries: &[Query<'_>]) -> Answers<Vec<UserSeen>> {
    let is_asked = asking(queries, Need::Users).next().is_some();
    let found = if is_asked {
        all_pins(clients).await
    } else {
        Ok(Vec::new())
    };
    divide(queries, Need::Users, found, |query, found| {
        let templates = &query.job.record.templates;
        let others = found.iter().filter(|u| u.group != *query.job.group());
        let users = others.filter(|u| templates.contains_key(&u.pin.template));
        Read::Present(users.cloned().collect())
    })
}

/// All pins of all groups of the account and region.
async fn all_pins(clients: &Clients) -> Result<Vec<UserSeen>, Fault> {
    let (groups, records) =
        futures_util::future::try_join(find_groups(clients), list_records(clients)).await?;
    let mut users = Vec::new();
    for group in groups.into_values() {
        if !group.named_only.is_empty() {
            // It may name one of the templates.
            return Err(missing(OPERATION, "LaunchTemplateId"));
        }
        let has_record = records.contains_key(&record_parameter(&group.name));
        users.extend(group.pins.into_iter().map(|pin| UserSeen {
            group: group.name.clone(),
            pin,
            has_record,
        }));
    }
    Ok(users)
}
