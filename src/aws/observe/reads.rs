//! Reads of Auto Scaling, EC2 and Parameter Store, in bulk where AWS has a bulk call.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::Found;
use super::nodes::packages;
use crate::aws::convert::{group_seen, image_seen, instance_seen, time};
use crate::aws::discover::{IDS_PER_CALL, find_groups, scheduled_actions, template_facts};
use crate::aws::faults::{number, reported, required, text};
use crate::aws::pace::Pace;
use crate::aws::paging::every;
use crate::aws::{Clients, fault, get_records, list_records};
use crate::group::Job;
use crate::group::effect::Role;
use crate::group::fault::{FaultClass, Read};
use crate::group::names::record_parameter;
use crate::group::pin::TemplateMark;
use crate::group::seen::{
    ActivitySeen, Checks, GroupSeen, ImageSeen, InstanceSeen, Need, RecordSeen, UserSeen,
    VersionSeen,
};
use crate::ids::{GroupName, InstanceId, TemplateId};
use crate::request::OptInTag;
use crate::schedule::ScheduledAction;

/// `DescribeAutoScalingGroups` takes as many names as its page holds.
const GROUPS_PER_CALL: usize = 100;
/// Activities of one group that are looked at, newest first.
const ACTIVITIES_PER_GROUP: i32 = 20;

/// Answers that concern one job only.
#[derive(Default)]
pub(super) struct Single {
    pub packages: Read<Vec<(String, Option<DateTime<Utc>>)>>,
    pub activities: Read<Vec<ActivitySeen>>,
    pub versions: Read<BTreeMap<TemplateId, Vec<VersionSeen>>>,
}

pub(super) async fn groups(
    clients: &Clients,
    tag: &OptInTag,
    jobs: &[&Job],
) -> Found<BTreeMap<GroupName, Found<GroupSeen>>> {
    let names: Vec<String> = jobs.iter().map(|j| j.group().into()).collect();
    let mut found = BTreeMap::new();
    for chunk in names.chunks(GROUPS_PER_CALL) {
        let answer = every(
            "autoscaling:DescribeAutoScalingGroups",
            clients
                .autoscaling
                .describe_auto_scaling_groups()
                .set_auto_scaling_group_names(Some(chunk.to_vec()))
                .max_records(GROUPS_PER_CALL as i32)
                .into_paginator()
                .items()
                .send(),
        )
        .await?;
        for group in answer {
            let name = group.auto_scaling_group_name();
            let name = text(
                name,
                "autoscaling:DescribeAutoScalingGroups",
                "AutoScalingGroupName",
            )?;
            found.insert(name.into(), group_seen(&group, tag));
        }
    }
    Ok(found)
}

/// Instances that may be the jobs': what they made, and members of their groups not known as foreign.
pub(super) fn instance_ids(
    jobs: &[&Job],
    groups: &Found<BTreeMap<GroupName, Found<GroupSeen>>>,
) -> BTreeSet<InstanceId> {
    let mut ids = made_ids(jobs);
    for job in jobs {
        if let Ok(groups) = groups
            && let Some(Ok(group)) = groups.get(job.group())
        {
            let members = group.members.keys();
            ids.extend(members.filter(|i| !job.made.foreign.contains(*i)).cloned());
        }
    }
    ids
}

pub(super) fn made_ids(jobs: &[&Job]) -> BTreeSet<InstanceId> {
    jobs.iter()
        .flat_map(|j| j.made.instances.values())
        .cloned()
        .collect()
}

pub(super) fn role_ids(jobs: &[&Job], role: Role) -> BTreeSet<InstanceId> {
    jobs.iter()
        .filter_map(|j| j.instance(role))
        .cloned()
        .collect()
}

pub(super) fn chunks<T: Into<String>>(ids: BTreeSet<T>, size: usize) -> Vec<Vec<String>> {
    let ids: Vec<String> = ids.into_iter().map(Into::into).collect();
    ids.chunks(size).map(<[String]>::to_vec).collect()
}

/// By filter, not by id: an id that is not known (yet) is then left out instead of failing the call.
pub(super) async fn instances(
    clients: &Clients,
    ids: BTreeSet<InstanceId>,
) -> Found<BTreeMap<InstanceId, InstanceSeen>> {
    let mut found = BTreeMap::new();
    for chunk in chunks(ids, IDS_PER_CALL) {
        let filter = aws_sdk_ec2::types::Filter::builder()
            .name("instance-id")
            .set_values(Some(chunk))
            .build();
        let reservations = every(
            "ec2:DescribeInstances",
            clients
                .ec2
                .describe_instances()
                .filters(filter)
                .into_paginator()
                .items()
                .send(),
        )
        .await?;
        for reservation in &reservations {
            for instance in reservation.instances() {
                let (id, seen) = instance_seen(instance)?;
                found.insert(id, seen);
            }
        }
    }
    Ok(found)
}

pub(super) async fn checks(
    clients: &Clients,
    ids: BTreeSet<InstanceId>,
) -> Found<BTreeMap<InstanceId, Checks>> {
    let mut found = BTreeMap::new();
    for chunk in chunks(ids, IDS_PER_CALL) {
        match status(clients, &chunk).await {
            Ok(checks) => found.extend(checks),
            // One unknown id fails the whole call: ask for each.
            Err(fault) if fault.class == FaultClass::NotYet => {
                for id in &chunk {
                    match status(clients, std::slice::from_ref(id)).await {
                        Ok(checks) => found.extend(checks),
                        Err(fault) if fault.class == FaultClass::NotYet => {}
                        Err(fault) => return Err(fault),
                    }
                }
            }
            Err(fault) => return Err(fault),
        }
    }
    Ok(found)
}

async fn status(clients: &Clients, ids: &[String]) -> Found<Vec<(InstanceId, Checks)>> {
    let answer = clients
        .ec2
        .describe_instance_status()
        .set_instance_ids(Some(ids.to_vec()))
        .include_all_instances(true)
        .send()
        .await
        .map_err(|e| fault("ec2:DescribeInstanceStatus", &e))?;
    let state = |status: Option<&str>| match status {
        Some("ok" | "not-applicable") => Checks::Ok,
        Some("impaired") => Checks::Impaired,
        _ => Checks::Initializing,
    };
    answer
        .instance_statuses()
        .iter()
        .map(|s| {
            let system = state(
                s.system_status()
                    .and_then(|c| c.status())
                    .map(|s| s.as_str()),
            );
            let instance = state(
                s.instance_status()
                    .and_then(|c| c.status())
                    .map(|s| s.as_str()),
            );
            let both = match (system, instance) {
                (Checks::Impaired, _) | (_, Checks::Impaired) => Checks::Impaired,
                (Checks::Ok, Checks::Ok) => Checks::Ok,
                (Checks::Initializing, _) | (_, Checks::Initializing) => Checks::Initializing,
            };
            let id = text(s.instance_id(), "ec2:DescribeInstanceStatus", "InstanceId")?;
            Ok((id.into(), both))
        })
        .collect()
}

pub(super) async fn images(
    clients: &Clients,
    jobs: Vec<&Job>,
) -> Found<BTreeMap<String, ImageSeen>> {
    let names: BTreeSet<String> = jobs.iter().map(|j| j.record.image_name.clone()).collect();
    let mut found = BTreeMap::new();
    for chunk in chunks(names, IDS_PER_CALL) {
        let filter = aws_sdk_ec2::types::Filter::builder()
            .name("name")
            .set_values(Some(chunk))
            .build();
        let images = every(
            "ec2:DescribeImages",
            clients
                .ec2
                .describe_images()
                .owners("self")
                .filters(filter)
                .into_paginator()
                .items()
                .send(),
        )
        .await?;
        for image in &images {
            let (name, seen) = image_seen(image)?;
            found.insert(name, seen);
        }
    }
    Ok(found)
}

pub(super) async fn templates(
    clients: &Clients,
    jobs: Vec<&Job>,
) -> Found<BTreeMap<TemplateId, TemplateMark>> {
    let ids = jobs
        .iter()
        .flat_map(|j| j.record.templates.keys())
        .cloned()
        .collect();
    let facts = template_facts(clients, &ids).await?;
    Ok(facts.into_iter().map(|(id, t)| (id, t.mark)).collect())
}

pub(super) async fn records(
    clients: &Clients,
    jobs: Vec<&Job>,
) -> Found<BTreeMap<String, RecordSeen>> {
    let names: Vec<String> = jobs.iter().map(|j| record_parameter(j.group())).collect();
    get_records(clients, &names).await
}

pub(super) async fn actions(
    clients: &Clients,
    jobs: Vec<&Job>,
) -> Found<BTreeMap<GroupName, Vec<ScheduledAction>>> {
    if jobs.is_empty() {
        return Ok(BTreeMap::new());
    }
    let names: Vec<GroupName> = jobs.iter().map(|j| j.group().clone()).collect();
    scheduled_actions(clients, &names).await
}

/// All pins of all groups of the account.
pub(super) async fn users(clients: &Clients, asked: bool) -> Found<Vec<UserSeen>> {
    if !asked {
        return Ok(Vec::new());
    }
    let (groups, records) =
        futures_util::future::try_join(find_groups(clients, None), list_records(clients)).await?;
    let mut users = Vec::new();
    for group in groups.into_values() {
        let has_record = records.contains_key(&record_parameter(&group.name));
        users.extend(group.pins.into_iter().map(|pin| UserSeen {
            group: group.name.clone(),
            pin,
            has_record,
        }));
    }
    Ok(users)
}

pub(super) async fn single(clients: &Clients, job: &Job, needs: &BTreeSet<Need>) -> Single {
    fn read<T>(found: Found<T>) -> Read<T> {
        match found {
            Ok(value) => Read::Present(value),
            Err(fault) => Read::Failed(fault),
        }
    }
    let mut single = Single::default();
    if needs.contains(&Need::Packages) {
        single.packages = match job.instance(Role::Build) {
            Some(build) => read(packages(clients, build).await),
            None => Read::Absent,
        };
    }
    if needs.contains(&Need::Activities) {
        single.activities = read(activities(clients, job).await);
    }
    if needs.contains(&Need::Versions) {
        single.versions = read(versions(clients, job).await);
    }
    single
}

async fn activities(clients: &Clients, job: &Job) -> Found<Vec<ActivitySeen>> {
    clients.pace(Pace::AutoScalingRead).await;
    let answer = clients
        .autoscaling
        .describe_scaling_activities()
        .auto_scaling_group_name(job.group().as_str())
        .max_records(ACTIVITIES_PER_GROUP)
        .send()
        .await
        .map_err(|e| fault("autoscaling:DescribeScalingActivities", &e))?;
    const OPERATION: &str = "autoscaling:DescribeScalingActivities";
    answer
        .activities()
        .iter()
        .map(|a| {
            let description = a.description().unwrap_or_default();
            let started_at = a.start_time().and_then(time);
            let started_at = started_at.filter(|at| *at > DateTime::UNIX_EPOCH);
            let status = a.status_code().map(|s| s.as_str());
            let status = reported(status, OPERATION, "StatusCode")?;
            Ok(ActivitySeen {
                started_at: required(started_at, OPERATION, "StartTime")?,
                failed: matches!(status, "Failed" | "Cancelled"),
                launch: description.starts_with("Launching"),
                message: a.status_message().unwrap_or(description).to_owned(),
            })
        })
        .collect()
}

/// Versions newer than the record.
async fn versions(clients: &Clients, job: &Job) -> Found<BTreeMap<TemplateId, Vec<VersionSeen>>> {
    let mut found = BTreeMap::new();
    for (template, mark) in &job.record.templates {
        clients.pace(Pace::Ec2Read).await;
        let answer = clients
            .ec2
            .describe_launch_template_versions()
            .launch_template_id(template.as_str())
            .min_version(mark.latest.saturating_add(1).to_string())
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await;
        let versions = match answer.map_err(|e| fault("ec2:DescribeLaunchTemplateVersions", &e)) {
            Ok(versions) => versions,
            // The template is gone.
            Err(fault) if fault.class == FaultClass::Gone => continue,
            Err(fault) => return Err(fault),
        };
        let versions = versions
            .iter()
            .map(|v| {
                let version = v.version_number();
                Ok(VersionSeen {
                    number: number(
                        version,
                        "ec2:DescribeLaunchTemplateVersions",
                        "VersionNumber",
                    )?,
                    description: v.version_description().unwrap_or_default().to_owned(),
                })
            })
            .collect::<Found<_>>()?;
        found.insert(template.clone(), versions);
    }
    Ok(found)
}
