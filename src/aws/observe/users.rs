//! Other groups that name the groups' launch templates.

use std::collections::{BTreeMap, BTreeSet};

use super::query::{Answers, Query, asking, divide};
use crate::aws::discover::find_groups;
use crate::aws::{Clients, list_records, missing};
use crate::group::fault::{Fault, Read};
use crate::group::names::record_parameter;
use crate::group::seen::{Need, UserSeen};
use crate::ids::TemplateId;

const OPERATION: &str = "autoscaling:DescribeAutoScalingGroups";

pub(super) async fn read(clients: &Clients, queries: &[Query<'_>]) -> Answers<Vec<UserSeen>> {
    let is_asked = asking(queries, Need::Users).next().is_some();
    let found = if is_asked {
        all_pins(clients).await
    } else {
        Ok(Vec::new())
    };
    let found = found.map(Users::from);
    divide(queries, Need::Users, found, |query, found| {
        let others = found.of(query.job.record.templates.keys());
        let others = others.filter(|u| u.group != *query.job.group());
        Read::Present(others.cloned().collect())
    })
}

/// All pins, and by template their places among them.
struct Users {
    all: Vec<UserSeen>,
    places: BTreeMap<TemplateId, Vec<usize>>,
}

impl From<Vec<UserSeen>> for Users {
    fn from(all: Vec<UserSeen>) -> Self {
        let mut places: BTreeMap<TemplateId, Vec<usize>> = BTreeMap::new();
        for (place, user) in all.iter().enumerate() {
            let of_template = places.entry(user.pin.template.clone()).or_default();
            of_template.push(place);
        }
        Self { all, places }
    }
}

impl Users {
    /// The pins of these templates, in the order in which they were found.
    fn of<'a>(
        &self,
        templates: impl Iterator<Item = &'a TemplateId>,
    ) -> impl Iterator<Item = &UserSeen> {
        let places = templates.filter_map(|id| self.places.get(id)).flatten();
        let places: BTreeSet<usize> = places.copied().collect();
        places.into_iter().filter_map(|place| self.all.get(place))
    }
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
