//! The reads of planning: all groups of the account and region, and the details of those that opted in.

mod actions;
mod details;
mod groups;
mod images;
mod running;
mod templates;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join4;

pub(super) use self::actions::scheduled_actions;
pub use self::groups::{Instances, find_groups};
pub use self::running::{RunningImages, running_images};
use self::templates::TemplatesRead;
pub use self::templates::template_facts;

use super::Clients;
use crate::group::facts::{AccountFacts, GroupFacts, TemplateFacts};
use crate::group::fault::Fault;
use crate::group::pin::{Pin, resolve};
use crate::ids::{GroupName, ImageId};

/// Largest page of Auto Scaling's describes.
const GROUPS_PER_PAGE: i32 = 100;
/// Reads of single groups or templates under way at once: EC2 and Auto Scaling refill 10 to 20 a second.
const SINGLE_READS_AT_ONCE: usize = 8;

/// Whether instance refreshes are looked for, which takes a call for each group that is awake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refreshes {
    /// They are.
    Sought,
    /// They are not: who asks looks again before anything is changed.
    NotSought,
}

/// Reads what planning needs: all groups, with or without their instances, and more of those that `wanted` picks. An
/// answer that makes no sense makes only those groups [odd](GroupDetails::odd) that it concerns.
///
/// # Errors
/// The first call that failed.
pub async fn describe_account(
    clients: &Clients,
    instances: Instances,
    refreshes: Refreshes,
    wanted: impl Fn(&GroupFacts) -> bool,
) -> Result<AccountFacts, Fault> {
    let groups = groups::groups(clients, instances).await?;
    let chosen: Vec<&GroupFacts> = groups.values().filter(|g| wanted(g)).collect();
    let names: Vec<GroupName> = chosen.iter().map(|g| g.name.clone()).collect();
    let (mut details, actions, templates, proved) = try_join4(
        details::details(clients, &chosen, refreshes),
        scheduled_actions(clients, &names),
        templates::templates(clients, &chosen),
        images::proved(clients, names.iter().cloned().collect()),
    )
    .await?;
    let mut read = BTreeMap::new();
    let mut odd: Vec<(GroupName, String)> = Vec::new();
    for (group, actions) in actions {
        match actions {
            Ok(actions) => _ = read.insert(group, actions),
            Err(fault) => odd.push((group, fault.message)),
        }
    }
    let ids: BTreeSet<ImageId> = templates
        .facts
        .values()
        .flat_map(|t: &TemplateFacts| t.versions.values())
        .filter_map(|v| v.image.clone())
        .filter(|i| i.starts_with("ami-"))
        .map(ImageId::from)
        .collect();
    let listed = images::images(clients, ids.clone()).await?;
    let (images, odd_images) = listed.sorted(ids);
    for group in &chosen {
        let problem = group
            .pins
            .iter()
            .find_map(|pin| odd_pin(pin, &templates, &odd_images));
        odd.extend(problem.map(|problem| (group.name.clone(), problem)));
    }
    for (group, problem) in odd {
        // Of a group that was not asked about, nothing is refused.
        if let Some(details) = details.get_mut(&group) {
            details.odd.get_or_insert(problem);
        }
    }
    Ok(AccountFacts {
        groups,
        details,
        actions: read,
        templates: templates.facts,
        images,
        // Read once it is known which are allowed.
        runbooks: BTreeMap::new(),
        documents: BTreeMap::new(),
        unread: Vec::new(),
        proved,
    })
}

/// The problem of the template that a pin names, or of the image to which it leads: expected, and found.
fn odd_pin(
    pin: &Pin,
    templates: &TemplatesRead,
    images: &BTreeMap<ImageId, Fault>,
) -> Option<String> {
    if let Some(fault) = templates.odd.get(&pin.template) {
        return Some(format!(
            "launch template {}: {}",
            pin.template, fault.message
        ));
    }
    let template = templates.facts.get(&pin.template)?;
    let marks = [(pin.template.clone(), template.mark)].into();
    let version = template.versions.get(&resolve(pin, &marks)?)?;
    let image = version.image.as_deref()?;
    let fault = images.get(image)?;
    Some(format!("image {image}: {}", fault.message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::canned::{self, Call, Canned, Reply};
    use crate::clock::Clock;

    /// Groups with a template each.
    const GROUPS: [(&str, &str); 6] = [
        ("fine", "lt-fine"),
        ("image", "lt-image"),
        ("refresh", "lt-fine"),
        ("template", "lt-template"),
        ("unnumbered", "lt-unnumbered"),
        ("version", "lt-version"),
    ];

    fn groups() -> String {
        let group = |(name, template): (&str, &str)| {
            format!(
                "<member><AutoScalingGroupName>{name}</AutoScalingGroupName><MinSize>0</MinSize>\
                 <MaxSize>4</MaxSize><DesiredCapacity>1</DesiredCapacity><LaunchTemplate>\
                 <LaunchTemplateId>{template}</LaunchTemplateId><Version>1</Version></LaunchTemplate></member>"
            )
        };
        let members: String = GROUPS.map(group).concat();
        format!(
            "<DescribeAutoScalingGroupsResult><AutoScalingGroups>{members}</AutoScalingGroups>\
             </DescribeAutoScalingGroupsResult>"
        )
    }

    fn templates() -> String {
        let template = |(_, id): (&str, &str)| {
            let latest = match id {
                "lt-template" => "",
                _ => "<latestVersionNumber>1</latestVersionNumber>",
            };
            format!(
                "<item><launchTemplateId>{id}</launchTemplateId>\
                 <defaultVersionNumber>1</defaultVersionNumber>{latest}</item>"
            )
        };
        let items: String = GROUPS.map(template).concat();
        format!("<launchTemplates>{items}</launchTemplates>")
    }

    fn versions(call: &Call) -> String {
        let is_of = |template: &str| call.body.contains(template);
        let number = "<versionNumber>1</versionNumber>";
        let number = if is_of("lt-unnumbered") { "" } else { number };
        let image = if is_of("lt-image") {
            "ami-odd"
        } else {
            "ami-fine"
        };
        format!(
            "<launchTemplateVersionSet><item>{number}<launchTemplateData><imageId>{image}</imageId>\
             </launchTemplateData></item></launchTemplateVersionSet>"
        )
    }

    const IMAGES: &str = "<imagesSet><item><imageId>ami-fine</imageId><imageState>available</imageState></item>\
         <item><imageId>ami-odd</imageId></item></imagesSet>";

    fn answer(call: &Call) -> Reply {
        let action = call.body.split('&').next().unwrap_or_default();
        let action = action.trim_start_matches("Action=");
        let body = match action {
            "DescribeAutoScalingGroups" => groups(),
            // It was deleted since it was listed.
            "DescribeInstanceRefreshes" if call.body.contains("refresh") => {
                return Reply::query_error("ValidationError");
            }
            "DescribeLaunchTemplates" => templates(),
            "DescribeLaunchTemplateVersions" if call.body.contains("lt-version") => {
                return Reply::ec2_error("InvalidLaunchTemplateVersion.Malformed");
            }
            "DescribeLaunchTemplateVersions" => versions(call),
            "DescribeImages" => IMAGES.to_owned(),
            _ => format!("<{action}Result></{action}Result>"),
        };
        Reply::ok(format!("<{action}Response>{body}</{action}Response>"))
    }

    #[tokio::test]
    async fn what_makes_no_sense_concerns_the_groups_that_name_it() {
        let clients = canned::clients(&Canned::new(answer), Clock::system());
        let account = describe_account(&clients, Instances::Without, Refreshes::Sought, |_| true)
            .await
            .unwrap();
        let odd = account.details.iter();
        let odd: Vec<(&str, Option<&str>)> = odd
            .map(|(name, details)| (name.as_str(), details.odd.as_deref()))
            .collect();
        let expected = [
            ("fine", None),
            (
                "image",
                Some("image ami-odd: expected State in the answer, found none"),
            ),
            (
                "refresh",
                Some("autoscaling:DescribeInstanceRefreshes was refused: ValidationError: canned"),
            ),
            (
                "template",
                Some(
                    "launch template lt-template: expected LatestVersionNumber in the answer, found none",
                ),
            ),
            (
                "unnumbered",
                Some(
                    "launch template lt-unnumbered: expected VersionNumber in the answer, found none",
                ),
            ),
            ("version", Some("launch template lt-version: canned")),
        ];
        assert_eq!(odd, expected);
    }
}
