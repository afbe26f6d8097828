//! Other groups that name the groups' launch templates.

use std::collections::{BTreeMap, BTreeSet};

use super::query::{Answers, Query, asking, divide};
use crate::aws::discover::{find_groups, template_facts};
use crate::aws::{Clients, Listed, list_records, missing};
use crate::group::facts::TemplateFacts;
use crate::group::fault::{Fault, Read};
use crate::group::names::record_parameter;
use crate::group::seen::{Need, UserSeen};
use crate::ids::TemplateId;

const OPERATION: &str = "autoscaling:DescribeAutoScalingGroups";

pub(super) async fn read(clients: &Clients, queries: &[Query<'_>]) -> Answers<Vec<UserSeen>> {
    let templates: BTreeSet<TemplateId> = asking(queries, Need::Users)
        .flat_map(|a| a.job.record.templates.keys())
        .cloned()
        .collect();
    let found = if templates.is_empty() {
        Ok(Users::default())
    } else {
        users(clients, &templates).await
    };
    divide(queries, Need::Users, found, |query, found| {
        let templates = &query.job.record.templates;
        if let Some(fault) = templates.keys().find_map(|id| found.may_hide(id)) {
            return Read::Failed(fault);
        }
        let users = templates.keys().filter_map(|id| found.pins.get(id));
        let others = users.flatten().filter(|u| u.group != *query.job.group());
        let mut others: Vec<UserSeen> = others.cloned().collect();
        others.sort_by(|a, b| a.group.cmp(&b.group));
        Read::Present(others)
    })
}

/// How the groups of the account and region name launch templates.
#[derive(Debug, Default)]
struct Users {
    pins: BTreeMap<TemplateId, Vec<UserSeen>>,
    /// The names of templates that some group names without their ids.
    named_only: BTreeSet<String>,
    /// The templates that were asked about, if there is such a group.
    templates: Option<Listed<TemplateId, TemplateFacts>>,
}

impl Users {
    /// Whether a group may name this template without its id.
    fn may_hide(&self, id: &TemplateId) -> Option<Fault> {
        match self.templates.as_ref()?.get(id) {
            Ok(Some(template)) if self.named_only.contains(&template.name) => {
                Some(missing(OPERATION, "LaunchTemplateId"))
            }
            Ok(_) => None,
            Err(fault) => Some(fault.clone()),
        }
    }
}

async fn users(clients: &Clients, templates: &BTreeSet<TemplateId>) -> Result<Users, Fault> {
    let (groups, records) =
        futures_util::future::try_join(find_groups(clients), list_records(clients)).await?;
    let mut users = Users::default();
    for group in groups.into_values() {
        users.named_only.extend(group.named_only);
        let has_record = records.contains_key(&record_parameter(&group.name));
        for pin in group.pins {
            let of_template = users.pins.entry(pin.template.clone()).or_default();
            of_template.push(UserSeen {
                group: group.name.clone(),
                pin,
                has_record,
            });
        }
    }
    if !users.named_only.is_empty() {
        users.templates = Some(template_facts(clients, templates).await?);
    }
    Ok(users)
}
