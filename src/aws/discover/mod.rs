//! The reads of planning: all groups of the account and region, and the details of those that opted in.

mod actions;
mod details;
mod groups;
mod images;
mod templates;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join3;

pub(super) use self::actions::scheduled_actions;
pub use self::groups::find_groups;
pub use self::templates::template_facts;

use super::Clients;
use crate::group::facts::{AccountFacts, GroupDetails, GroupFacts, TemplateFacts};
use crate::group::fault::Fault;
use crate::ids::{GroupName, ImageId};

/// Largest page of Auto Scaling's describes.
const GROUPS_PER_PAGE: i32 = 100;
/// Reads of single groups or templates under way at once: EC2 and Auto Scaling refill 10 to 20 a second.
const SINGLE_READS_AT_ONCE: usize = 8;

/// Reads what planning needs: all groups, and more of those that `wanted` picks.
///
/// # Errors
/// The first call that failed.
pub async fn describe_account(
    clients: &Clients,
    wanted: impl Fn(&GroupFacts) -> bool,
) -> Result<AccountFacts, Fault> {
    let groups = find_groups(clients).await?;
    let chosen: Vec<&GroupFacts> = groups.values().filter(|g| wanted(g)).collect();
    let names: Vec<GroupName> = chosen.iter().map(|g| g.name.clone()).collect();
    let (mut details, actions, templates) = try_join3(
        details::details(clients, &names),
        scheduled_actions(clients, &names),
        templates::templates(clients, &chosen),
    )
    .await?;
    let mut read = BTreeMap::new();
    for (group, actions) in actions {
        match actions {
            Ok(actions) => _ = read.insert(group, actions),
            Err(fault) => {
                let details: Option<&mut GroupDetails> = details.get_mut(&group);
                if let Some(details) = details {
                    details.odd.get_or_insert(fault.message);
                }
            }
        }
    }
    let ids: BTreeSet<ImageId> = templates
        .values()
        .flat_map(|t: &TemplateFacts| t.versions.values())
        .filter_map(|v| v.image.clone())
        .filter(|i| i.starts_with("ami-"))
        .map(ImageId::from)
        .collect();
    let images = images::images(clients, ids).await?;
    Ok(AccountFacts {
        groups,
        details,
        actions: read,
        templates,
        images,
    })
}
