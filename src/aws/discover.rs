//! What planning reads.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_autoscaling::types::{AutoScalingGroup, Filter};
use aws_sdk_ec2::types::{LaunchTemplate, LaunchTemplateVersion};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::convert::{group_facts, image_facts, scheduled_action};
use super::faults::{number, required};
use super::pace::Pace;
use super::paging::every;
use super::{Clients, fault};
use crate::group::facts::{
    AccountFacts, GroupDetails, GroupFacts, ImageFacts, TemplateFacts, VersionFacts,
};
use crate::group::fault::{Fault, FaultClass};
use crate::group::pin::{TemplateMark, resolve};
use crate::ids::{GroupName, ImageId, TemplateId};
use crate::request::OptInTag;
use crate::schedule::ScheduledAction;

/// Largest page of Auto Scaling's describes.
const GROUPS_PER_PAGE: i32 = 100;
/// Ids or filter values in one EC2 call.
pub(super) const IDS_PER_CALL: usize = 100;
/// Reads of single groups or templates under way at once: EC2 and Auto Scaling refill 10 to 20 a second.
const SINGLE_READS_AT_ONCE: usize = 8;
/// From this many templates on, their `$Latest` and `$Default` versions are read for the whole account
/// (200 a page) rather than one by one.
const BULK_TEMPLATES_FROM: usize = 8;

/// The groups that opted in; all groups without a tag.
pub async fn find_groups(
    clients: &Clients,
    tag: Option<&OptInTag>,
) -> Result<BTreeMap<GroupName, GroupFacts>, Fault> {
    let filter = tag.map(|tag| {
        Filter::builder()
            .name(format!("tag:{}", tag.key))
            .values(&tag.value)
            .build()
    });
    let groups: Vec<AutoScalingGroup> = every(
        "autoscaling:DescribeAutoScalingGroups",
        clients
            .autoscaling
            .describe_auto_scaling_groups()
            .set_filters(filter.map(|f| vec![f]))
            .include_instances(false)
            .max_records(GROUPS_PER_PAGE)
            .into_paginator()
            .items()
            .send(),
    )
    .await?;
    groups
        .iter()
        .map(|g| group_facts(g).map(|f| (f.name.clone(), f)))
        // The filter splits its name at a colon, and the tag key has some: look again.
        .filter(|f| match (f, tag) {
            (Ok((_, f)), Some(tag)) => tag.is_on(&f.tags),
            (Ok(_), None) | (Err(_), _) => true,
        })
        .collect()
}

/// Reads what planning needs: all groups, and more of those that `wanted` picks.
pub async fn describe_account(
    clients: &Clients,
    wanted: impl Fn(&GroupFacts) -> bool,
) -> Result<AccountFacts, Fault> {
    let groups = find_groups(clients, None).await?;
    let chosen: Vec<&GroupFacts> = groups.values().filter(|g| wanted(g)).collect();
    let names: Vec<GroupName> = chosen.iter().map(|g| g.name.clone()).collect();
    let (details, actions, templates) = futures_util::future::try_join3(
        details(clients, &names),
        scheduled_actions(clients, &names),
        templates(clients, &chosen),
    )
    .await?;
    let ids: BTreeSet<ImageId> = templates
        .values()
        .flat_map(|t: &TemplateFacts| t.versions.values())
        .filter_map(|v| v.image.clone())
        .filter(|i| i.starts_with("ami-"))
        .map(ImageId::from)
        .collect();
    let images = images(clients, ids).await?;
    Ok(AccountFacts {
        groups,
        details,
        actions,
        templates,
        images,
    })
}

/// Hooks and refreshes: AWS has no bulk call for them.
async fn details(
    clients: &Clients,
    names: &[GroupName],
) -> Result<BTreeMap<GroupName, GroupDetails>, Fault> {
    stream::iter(names)
        .map(|name| async move {
            clients.pace(Pace::AutoScalingRead).await;
            clients.pace(Pace::AutoScalingRead).await;
            let (hook_seconds, refresh) =
                futures_util::future::try_join(hook_seconds(clients, name), refresh(clients, name))
                    .await?;
            let details = GroupDetails {
                hook_seconds,
                refresh,
            };
            Ok((name.clone(), details))
        })
        .buffer_unordered(SINGLE_READS_AT_ONCE)
        .try_collect()
        .await
}

async fn hook_seconds(clients: &Clients, group: &GroupName) -> Result<i64, Fault> {
    let answer = clients
        .autoscaling
        .describe_lifecycle_hooks()
        .auto_scaling_group_name(group.as_str())
        .send()
        .await
        .map_err(|e| fault("autoscaling:DescribeLifecycleHooks", &e))?;
    let mut seconds = 0;
    for hook in answer.lifecycle_hooks() {
        const OPERATION: &str = "autoscaling:DescribeLifecycleHooks";
        let transition = hook.lifecycle_transition();
        let transition = required(transition, OPERATION, "LifecycleTransition")?;
        if transition == "autoscaling:EC2_INSTANCE_LAUNCHING" {
            let timeout = hook.heartbeat_timeout();
            seconds += i64::from(required(timeout, OPERATION, "HeartbeatTimeout")?);
        }
    }
    Ok(seconds)
}

async fn refresh(clients: &Clients, group: &GroupName) -> Result<Option<String>, Fault> {
    let answer = clients
        .autoscaling
        .describe_instance_refreshes()
        .auto_scaling_group_name(group.as_str())
        .max_records(10)
        .send()
        .await
        .map_err(|e| fault("autoscaling:DescribeInstanceRefreshes", &e))?;
    const ENDED: [&str; 5] = [
        "Successful",
        "Failed",
        "Cancelled",
        "RollbackFailed",
        "RollbackSuccessful",
    ];
    for refresh in answer.instance_refreshes() {
        const OPERATION: &str = "autoscaling:DescribeInstanceRefreshes";
        let status = required(refresh.status(), OPERATION, "Status")?;
        if !ENDED.contains(&status.as_str()) {
            let id = refresh.instance_refresh_id();
            return Ok(Some(
                required(id, OPERATION, "InstanceRefreshId")?.to_owned(),
            ));
        }
    }
    Ok(None)
}

/// Scheduled actions by group: for a few groups one by one, else for the whole account.
pub(super) async fn scheduled_actions(
    clients: &Clients,
    groups: &[GroupName],
) -> Result<BTreeMap<GroupName, Vec<ScheduledAction>>, Fault> {
    let asked: Vec<Option<&GroupName>> = if groups.len() <= 2 {
        groups.iter().map(Some).collect()
    } else {
        vec![None]
    };
    let mut found: BTreeMap<GroupName, Vec<ScheduledAction>> = BTreeMap::new();
    for group in asked {
        let actions = every(
            "autoscaling:DescribeScheduledActions",
            clients
                .autoscaling
                .describe_scheduled_actions()
                .set_auto_scaling_group_name(group.map(String::from))
                .max_records(GROUPS_PER_PAGE)
                .into_paginator()
                .items()
                .send(),
        )
        .await?;
        for action in &actions {
            let (group, action) = scheduled_action(action)?;
            found.entry(group).or_default().push(action);
        }
    }
    Ok(found)
}

/// Default and latest numbers, and the versions that the groups' pins mean.
async fn templates(
    clients: &Clients,
    groups: &[&GroupFacts],
) -> Result<BTreeMap<TemplateId, TemplateFacts>, Fault> {
    let ids: BTreeSet<TemplateId> = groups
        .iter()
        .flat_map(|g| &g.pins)
        .map(|p| p.template.clone())
        .collect();
    let mut templates = template_facts(clients, &ids).await?;
    let marks = templates
        .iter()
        .map(|(id, t)| (id.clone(), t.mark))
        .collect();
    let mut wanted: BTreeMap<TemplateId, BTreeSet<u64>> = BTreeMap::new();
    for pin in groups.iter().flat_map(|g| &g.pins) {
        if let (Some(number), true) = (resolve(pin, &marks), templates.contains_key(&pin.template))
        {
            wanted
                .entry(pin.template.clone())
                .or_default()
                .insert(number);
        }
    }
    if wanted.len() >= BULK_TEMPLATES_FROM {
        for version in newest_versions(clients).await? {
            keep(&mut templates, &mut wanted, &version)?;
        }
    }
    wanted.retain(|_, numbers| !numbers.is_empty());
    let single: Vec<Vec<LaunchTemplateVersion>> = stream::iter(wanted.clone())
        .map(|(id, numbers)| async move {
            clients.pace(Pace::Ec2Read).await;
            versions(clients, &id, &numbers).await
        })
        .buffer_unordered(SINGLE_READS_AT_ONCE)
        .try_collect()
        .await?;
    for version in single.iter().flatten() {
        keep(&mut templates, &mut wanted, version)?;
    }
    Ok(templates)
}

fn keep(
    templates: &mut BTreeMap<TemplateId, TemplateFacts>,
    wanted: &mut BTreeMap<TemplateId, BTreeSet<u64>>,
    version: &LaunchTemplateVersion,
) -> Result<(), Fault> {
    const OPERATION: &str = "ec2:DescribeLaunchTemplateVersions";
    let id = required(version.launch_template_id(), OPERATION, "LaunchTemplateId")?;
    let number = number(version.version_number(), OPERATION, "VersionNumber")?;
    if wanted.get_mut(id).is_some_and(|w| w.remove(&number))
        && let Some(template) = templates.get_mut(id)
    {
        template.versions.insert(number, version_facts(version));
    }
    Ok(())
}

/// Templates by id, without versions; unknown ids are left out.
pub async fn template_facts(
    clients: &Clients,
    ids: &BTreeSet<TemplateId>,
) -> Result<BTreeMap<TemplateId, TemplateFacts>, Fault> {
    let ids: Vec<String> = ids.iter().map(String::from).collect();
    let mut templates = BTreeMap::new();
    for chunk in ids.chunks(IDS_PER_CALL) {
        let answer = match launch_templates(clients, chunk).await {
            // One unknown id fails the whole call: ask for each.
            Err(fault) if fault.class == FaultClass::Gone && chunk.len() > 1 => {
                one_by_one(clients, chunk).await?
            }
            Err(fault) if fault.class == FaultClass::Gone => Vec::new(),
            answer => answer?,
        };
        for template in answer {
            const OPERATION: &str = "ec2:DescribeLaunchTemplates";
            let id = required(template.launch_template_id(), OPERATION, "LaunchTemplateId")?;
            let default = template.default_version_number();
            let latest = template.latest_version_number();
            let facts = TemplateFacts {
                name: template.launch_template_name().unwrap_or(id).to_owned(),
                mark: TemplateMark {
                    default: number(default, OPERATION, "DefaultVersionNumber")?,
                    latest: number(latest, OPERATION, "LatestVersionNumber")?,
                },
                versions: BTreeMap::new(),
            };
            templates.insert(id.into(), facts);
        }
    }
    Ok(templates)
}

async fn launch_templates(clients: &Clients, ids: &[String]) -> Result<Vec<LaunchTemplate>, Fault> {
    every(
        "ec2:DescribeLaunchTemplates",
        clients
            .ec2
            .describe_launch_templates()
            .set_launch_template_ids(Some(ids.to_vec()))
            .into_paginator()
            .items()
            .send(),
    )
    .await
}

async fn one_by_one(clients: &Clients, ids: &[String]) -> Result<Vec<LaunchTemplate>, Fault> {
    let mut found = Vec::new();
    for id in ids {
        match launch_templates(clients, std::slice::from_ref(id)).await {
            Err(fault) if fault.class == FaultClass::Gone => {}
            answer => found.extend(answer?),
        }
    }
    Ok(found)
}

fn version_facts(version: &LaunchTemplateVersion) -> VersionFacts {
    let data = version.launch_template_data();
    VersionFacts {
        image: data.and_then(|d| d.image_id()).map(str::to_owned),
        snapshot: data
            .map(|d| d.block_device_mappings())
            .unwrap_or_default()
            .iter()
            .find_map(|m| m.ebs()?.snapshot_id())
            .map(str::to_owned),
    }
}

/// The `$Latest` and `$Default` versions of all templates of the account.
async fn newest_versions(clients: &Clients) -> Result<Vec<LaunchTemplateVersion>, Fault> {
    every(
        "ec2:DescribeLaunchTemplateVersions",
        clients
            .ec2
            .describe_launch_template_versions()
            .versions("$Latest")
            .versions("$Default")
            .max_results(200)
            .into_paginator()
            .items()
            .send(),
    )
    .await
}

async fn versions(
    clients: &Clients,
    id: &TemplateId,
    numbers: &BTreeSet<u64>,
) -> Result<Vec<LaunchTemplateVersion>, Fault> {
    let answer = clients
        .ec2
        .describe_launch_template_versions()
        .launch_template_id(id.as_str())
        .set_versions(Some(numbers.iter().map(ToString::to_string).collect()))
        .send()
        .await;
    match answer {
        Ok(answer) => Ok(answer.launch_template_versions().to_vec()),
        Err(e) => {
            let fault = fault("ec2:DescribeLaunchTemplateVersions", &e);
            // A pinned version that was deleted: preflight says so.
            if fault.code == "InvalidLaunchTemplateId.VersionNotFound" {
                return Ok(Vec::new());
            }
            Err(fault)
        }
    }
}

/// Images by id; unknown ones are left out.
pub async fn images(
    clients: &Clients,
    ids: BTreeSet<ImageId>,
) -> Result<BTreeMap<ImageId, ImageFacts>, Fault> {
    let ids: Vec<String> = ids.into_iter().map(String::from).collect();
    let mut images = BTreeMap::new();
    for chunk in ids.chunks(IDS_PER_CALL) {
        let filter = aws_sdk_ec2::types::Filter::builder()
            .name("image-id")
            .set_values(Some(chunk.to_vec()))
            .build();
        let answer = every(
            "ec2:DescribeImages",
            clients
                .ec2
                .describe_images()
                .filters(filter)
                .include_deprecated(true)
                .into_paginator()
                .items()
                .send(),
        )
        .await?;
        for image in answer {
            let (id, facts) = image_facts(&image)?;
            images.insert(id, facts);
        }
    }
    Ok(images)
}
