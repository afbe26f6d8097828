//! One look at the world for many jobs: a few bulk calls, whatever the number of groups.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use futures_util::future::join_all;

use super::convert::{group_seen, image_seen, instance_seen, time};
use super::discover::{IDS_PER_CALL, find_groups, scheduled_actions, template_facts};
use super::pace::Pace;
use super::{Clients, fault, get_records, list_records};
use crate::group::Job;
use crate::group::effect::Role;
use crate::group::fault::{Fault, FaultClass, Read};
use crate::group::names::record_parameter;
use crate::group::pin::TemplateMark;
use crate::group::seen::{
    ActivitySeen, AgentSeen, Checks, CommandSeen, CommandStatus, GroupSeen, ImageSeen,
    InstanceSeen, Need, PatchSeen, RecordSeen, Seen, UserSeen, VersionSeen,
};
use crate::schedule::ScheduledAction;
use crate::trigger::Selection;

/// `DescribeAutoScalingGroups` takes as many names as its page holds.
const GROUPS_PER_CALL: usize = 100;
/// `DescribeInstancePatchStates` and `ListCommandInvocations` have 50 to a page.
const NODES_PER_CALL: usize = 50;
/// Activities of one group that are looked at, newest first.
const ACTIVITIES_PER_GROUP: i32 = 20;
/// Invocations are asked for from a little before the first was sent: clocks differ.
const COMMAND_MARGIN_MINUTES: i64 = 5;

/// A job and what its decision needs.
pub type Question<'a> = (&'a Job, BTreeSet<Need>);

type Found<T> = Result<T, Fault>;

/// Answers all questions. Each [`Need`] costs calls by pages, not by groups, except [`Need::Packages`],
/// [`Need::Activities`] and [`Need::Versions`], which AWS answers one by one.
pub async fn observe(
    clients: &Clients,
    selection: &Selection,
    questions: &[Question<'_>],
) -> BTreeMap<String, Seen> {
    let asking = |need: Need| -> Vec<&Job> {
        questions
            .iter()
            .filter(|(_, needs)| needs.contains(&need))
            .map(|(job, _)| *job)
            .collect()
    };
    let groups = groups(clients, selection, &asking(Need::Group)).await;
    let ids = |need: Need| instance_ids(&asking(need), &groups);
    let (
        instances,
        agents,
        checks,
        commands,
        patches,
        images,
        templates,
        records,
        actions,
        users,
        singles,
    ) = tokio::join!(
        instances(clients, ids(Need::Instances)),
        agents(clients, ids(Need::Agents)),
        checks(clients, role_ids(&asking(Need::Checks), Role::Canary)),
        commands(clients, asking(Need::Commands)),
        patches(clients, made_ids(&asking(Need::Patches))),
        images(clients, asking(Need::Image)),
        templates(clients, asking(Need::Templates)),
        records(clients, asking(Need::Record)),
        actions(clients, asking(Need::Actions)),
        users(clients, !asking(Need::Users).is_empty()),
        join_all(
            questions
                .iter()
                .map(|(job, needs)| single(clients, job, needs))
        ),
    );
    let answers = Answers {
        groups,
        instances,
        agents,
        checks,
        commands,
        patches,
        images,
        templates,
        records,
        actions,
        users,
    };
    questions
        .iter()
        .zip(singles)
        .map(|((job, needs), single)| {
            let seen = answers.for_job(job, needs, single);
            (job.group().to_owned(), seen)
        })
        .collect()
}

/// The bulk answers of one look.
struct Answers {
    groups: Found<BTreeMap<String, Found<GroupSeen>>>,
    instances: Found<BTreeMap<String, InstanceSeen>>,
    agents: Found<BTreeMap<String, AgentSeen>>,
    checks: Found<BTreeMap<String, Checks>>,
    commands: Found<Vec<CommandSeen>>,
    patches: Found<BTreeMap<String, PatchSeen>>,
    images: Found<BTreeMap<String, ImageSeen>>,
    templates: Found<BTreeMap<String, TemplateMark>>,
    records: Found<BTreeMap<String, RecordSeen>>,
    actions: Found<BTreeMap<String, Vec<ScheduledAction>>>,
    users: Found<Vec<UserSeen>>,
}

/// Answers that concern one job only.
#[derive(Default)]
struct Single {
    packages: Read<Vec<(String, Option<DateTime<Utc>>)>>,
    activities: Read<Vec<ActivitySeen>>,
    versions: Read<BTreeMap<String, Vec<VersionSeen>>>,
}

impl Answers {
    fn for_job(&self, job: &Job, needs: &BTreeSet<Need>, single: Single) -> Seen {
        let name = job.group();
        let record = &job.record;
        let if_asked = |need: Need| needs.contains(&need);
        fn whole<T: Clone>(asked: bool, found: &Found<T>) -> Read<T> {
            match found {
                _ if !asked => Read::Unread,
                Ok(value) => Read::Present(value.clone()),
                Err(fault) => Read::Failed(fault.clone()),
            }
        }
        fn one<T: Clone>(asked: bool, found: &Found<BTreeMap<String, T>>, key: &str) -> Read<T> {
            match found {
                _ if !asked => Read::Unread,
                Ok(map) => map
                    .get(key)
                    .map_or(Read::Absent, |v| Read::Present(v.clone())),
                Err(fault) => Read::Failed(fault.clone()),
            }
        }
        let group = match one(if_asked(Need::Group), &self.groups, name) {
            Read::Present(Ok(group)) => Read::Present(group),
            Read::Present(Err(fault)) | Read::Failed(fault) => Read::Failed(fault),
            Read::Absent => Read::Absent,
            Read::Unread => Read::Unread,
        };
        // Only what is this job's: its group's members and what it made.
        let mine: BTreeSet<&String> = group
            .present()
            .map(|g| g.members.keys().collect::<BTreeSet<_>>())
            .unwrap_or_default()
            .into_iter()
            .chain(job.made.instances.values())
            .collect();
        fn pick<T: Clone>(
            read: Read<BTreeMap<String, T>>,
            mine: &BTreeSet<&String>,
        ) -> Read<BTreeMap<String, T>> {
            match read {
                Read::Present(mut map) => {
                    map.retain(|id, _| mine.contains(id));
                    Read::Present(map)
                }
                other => other,
            }
        }
        let commands = match whole(if_asked(Need::Commands), &self.commands) {
            Read::Present(mut all) => {
                all.retain(|c| mine.contains(&c.instance));
                Read::Present(all)
            }
            other => other,
        };
        Seen {
            asked: needs.clone(),
            record: one(
                if_asked(Need::Record),
                &self.records,
                &record_parameter(name),
            ),
            instances: pick(whole(if_asked(Need::Instances), &self.instances), &mine),
            agents: pick(whole(if_asked(Need::Agents), &self.agents), &mine),
            checks: pick(whole(if_asked(Need::Checks), &self.checks), &mine),
            commands,
            patches: pick(whole(if_asked(Need::Patches), &self.patches), &mine),
            packages: single.packages,
            image: one(if_asked(Need::Image), &self.images, &record.image_name),
            templates: match whole(if_asked(Need::Templates), &self.templates) {
                Read::Present(mut all) => {
                    all.retain(|id, _| record.templates.contains_key(id));
                    Read::Present(all)
                }
                other => other,
            },
            versions: single.versions,
            activities: single.activities,
            actions: match one(if_asked(Need::Actions), &self.actions, name) {
                // A group without actions is not in the list.
                Read::Absent => Read::Present(Vec::new()),
                other => other,
            },
            users: match whole(if_asked(Need::Users), &self.users) {
                Read::Present(mut all) => {
                    all.retain(|user| {
                        user.group != name && record.templates.contains_key(&user.pin.template)
                    });
                    Read::Present(all)
                }
                other => other,
            },
            group,
        }
    }
}

async fn groups(
    clients: &Clients,
    selection: &Selection,
    jobs: &[&Job],
) -> Found<BTreeMap<String, Found<GroupSeen>>> {
    let names: Vec<String> = jobs.iter().map(|j| j.group().to_owned()).collect();
    let mut found = BTreeMap::new();
    for chunk in names.chunks(GROUPS_PER_CALL) {
        let answer = clients
            .autoscaling
            .describe_auto_scaling_groups()
            .set_auto_scaling_group_names(Some(chunk.to_vec()))
            .max_records(GROUPS_PER_CALL as i32)
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .map_err(|e| fault("autoscaling:DescribeAutoScalingGroups", &e))?;
        for group in answer {
            if let Some(name) = group.auto_scaling_group_name() {
                found.insert(name.to_owned(), group_seen(&group, selection));
            }
        }
    }
    Ok(found)
}

/// Instances that may be the jobs': what they made, and members of their groups not known as foreign.
fn instance_ids(
    jobs: &[&Job],
    groups: &Found<BTreeMap<String, Found<GroupSeen>>>,
) -> BTreeSet<String> {
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

fn made_ids(jobs: &[&Job]) -> BTreeSet<String> {
    jobs.iter()
        .flat_map(|j| j.made.instances.values())
        .cloned()
        .collect()
}

fn role_ids(jobs: &[&Job], role: Role) -> BTreeSet<String> {
    jobs.iter()
        .filter_map(|j| j.instance(role))
        .map(str::to_owned)
        .collect()
}

fn chunks(ids: BTreeSet<String>, size: usize) -> Vec<Vec<String>> {
    let ids: Vec<String> = ids.into_iter().collect();
    ids.chunks(size).map(<[String]>::to_vec).collect()
}

/// By filter, not by id: an id that is not known (yet) is then left out instead of failing the call.
async fn instances(
    clients: &Clients,
    ids: BTreeSet<String>,
) -> Found<BTreeMap<String, InstanceSeen>> {
    let mut found = BTreeMap::new();
    for chunk in chunks(ids, IDS_PER_CALL) {
        let filter = aws_sdk_ec2::types::Filter::builder()
            .name("instance-id")
            .set_values(Some(chunk))
            .build();
        let reservations = clients
            .ec2
            .describe_instances()
            .filters(filter)
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .map_err(|e| fault("ec2:DescribeInstances", &e))?;
        for reservation in &reservations {
            found.extend(reservation.instances().iter().filter_map(instance_seen));
        }
    }
    Ok(found)
}

async fn agents(clients: &Clients, ids: BTreeSet<String>) -> Found<BTreeMap<String, AgentSeen>> {
    let mut found = BTreeMap::new();
    for chunk in chunks(ids, IDS_PER_CALL) {
        let filter = aws_sdk_ssm::types::InstanceInformationStringFilter::builder()
            .key("InstanceIds")
            .set_values(Some(chunk))
            .build()
            .map_err(|e| super::missing("ssm:DescribeInstanceInformation", &e.to_string()))?;
        let answer = clients
            .ssm
            .describe_instance_information()
            .filters(filter)
            .max_results(NODES_PER_CALL as i32)
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await;
        match answer.map_err(|e| fault("ssm:DescribeInstanceInformation", &e)) {
            Ok(agents) => found.extend(agents.iter().filter_map(agent)),
            // An id that SSM does not know: not registered yet.
            Err(fault) if fault.class == FaultClass::NotYet => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(found)
}

fn agent(information: &aws_sdk_ssm::types::InstanceInformation) -> Option<(String, AgentSeen)> {
    Some((
        information.instance_id()?.to_owned(),
        AgentSeen {
            online: information.ping_status()?.as_str() == "Online",
            last_ping: information.last_ping_date_time().and_then(time),
            windows: information
                .platform_type()
                .is_some_and(|p| p.as_str() == "Windows"),
        },
    ))
}

async fn checks(clients: &Clients, ids: BTreeSet<String>) -> Found<BTreeMap<String, Checks>> {
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

async fn status(clients: &Clients, ids: &[String]) -> Found<Vec<(String, Checks)>> {
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
    Ok(answer
        .instance_statuses()
        .iter()
        .filter_map(|s| {
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
            Some((s.instance_id()?.to_owned(), both))
        })
        .collect())
}

/// All invocations since the jobs began to wait, by pages of 50; filtering by comment is ours.
async fn commands(clients: &Clients, jobs: Vec<&Job>) -> Found<Vec<CommandSeen>> {
    let Some(since) = jobs.iter().map(|j| awaited_since(j)).min() else {
        return Ok(Vec::new());
    };
    let after = (since - TimeDelta::minutes(COMMAND_MARGIN_MINUTES))
        .to_rfc3339_opts(SecondsFormat::Secs, true);
    let filter = aws_sdk_ssm::types::CommandFilter::builder()
        .key(aws_sdk_ssm::types::CommandFilterKey::InvokedAfter)
        .value(after)
        .build()
        .map_err(|e| super::missing("ssm:ListCommandInvocations", &e.to_string()))?;
    let mut found: Vec<CommandSeen> = clients
        .ssm
        .list_command_invocations()
        .filters(filter)
        .max_results(NODES_PER_CALL as i32)
        .into_paginator()
        .items()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await
        .map_err(|e| fault("ssm:ListCommandInvocations", &e))?
        .iter()
        .filter_map(command)
        .filter(|c| c.comment.starts_with("asg-patch "))
        .collect();
    found.sort_by_key(|c| (c.requested_at, c.id.clone()));
    Ok(found)
}

/// The present phase's command was not sent before the phase began.
fn awaited_since(job: &Job) -> DateTime<Utc> {
    if job.resumed_at.is_some() {
        job.record.written_at
    } else {
        let sent = job.tries.iter().filter(|(k, _)| k.starts_with("command "));
        let last = sent.map(|(_, t)| t.first_at).max();
        last.unwrap_or(job.record.written_at)
    }
}

fn command(invocation: &aws_sdk_ssm::types::CommandInvocation) -> Option<CommandSeen> {
    let detail = invocation.status_details().unwrap_or_default();
    // The API's prose spells details with spaces, the guide without.
    let detail: String = detail.chars().filter(|c| !c.is_whitespace()).collect();
    let status = match (invocation.status()?.as_str(), detail.as_str()) {
        (_, "DeliveryTimedOut" | "Undeliverable" | "InvalidPlatform" | "AccessDenied") => {
            CommandStatus::Undelivered
        }
        (_, "ExecutionTimedOut") | ("TimedOut", _) => CommandStatus::TimedOut,
        ("Success", _) => CommandStatus::Success,
        ("Failed", _) => CommandStatus::Failed,
        ("Cancelled" | "Cancelling", _) => CommandStatus::Cancelled,
        _ => CommandStatus::Running,
    };
    Some(CommandSeen {
        id: invocation.command_id()?.to_owned(),
        instance: invocation.instance_id()?.to_owned(),
        comment: invocation.comment().unwrap_or_default().to_owned(),
        requested_at: time(invocation.requested_date_time()?)?,
        status,
        detail,
    })
}

async fn patches(clients: &Clients, ids: BTreeSet<String>) -> Found<BTreeMap<String, PatchSeen>> {
    let mut found = BTreeMap::new();
    for chunk in chunks(ids, NODES_PER_CALL) {
        let states = clients
            .ssm
            .describe_instance_patch_states()
            .set_instance_ids(Some(chunk))
            .max_results(100)
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .map_err(|e| fault("ssm:DescribeInstancePatchStates", &e))?;
        found.extend(states.iter().filter_map(|s| {
            Some((
                s.instance_id().to_owned(),
                PatchSeen {
                    is_scan: s.operation().as_str() == "Scan",
                    ended_at: time(s.operation_end_time())?,
                    missing: s.missing_count().unsigned_abs(),
                    failed: s.failed_count().unsigned_abs(),
                    pending_reboot: s
                        .installed_pending_reboot_count()
                        .unwrap_or_default()
                        .unsigned_abs(),
                },
            ))
        }));
    }
    Ok(found)
}

async fn images(clients: &Clients, jobs: Vec<&Job>) -> Found<BTreeMap<String, ImageSeen>> {
    let names: BTreeSet<String> = jobs.iter().map(|j| j.record.image_name.clone()).collect();
    let mut found = BTreeMap::new();
    for chunk in chunks(names, IDS_PER_CALL) {
        let filter = aws_sdk_ec2::types::Filter::builder()
            .name("name")
            .set_values(Some(chunk))
            .build();
        let images = clients
            .ec2
            .describe_images()
            .owners("self")
            .filters(filter)
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .map_err(|e| fault("ec2:DescribeImages", &e))?;
        for image in &images {
            if let (Some(name), Some(seen)) = (image.name(), image_seen(image)) {
                found.insert(name.to_owned(), seen);
            }
        }
    }
    Ok(found)
}

async fn templates(clients: &Clients, jobs: Vec<&Job>) -> Found<BTreeMap<String, TemplateMark>> {
    let ids = jobs
        .iter()
        .flat_map(|j| j.record.templates.keys())
        .cloned()
        .collect();
    let facts = template_facts(clients, &ids).await?;
    Ok(facts.into_iter().map(|(id, t)| (id, t.mark)).collect())
}

async fn records(clients: &Clients, jobs: Vec<&Job>) -> Found<BTreeMap<String, RecordSeen>> {
    let names: Vec<String> = jobs.iter().map(|j| record_parameter(j.group())).collect();
    get_records(clients, &names).await
}

async fn actions(
    clients: &Clients,
    jobs: Vec<&Job>,
) -> Found<BTreeMap<String, Vec<ScheduledAction>>> {
    if jobs.is_empty() {
        return Ok(BTreeMap::new());
    }
    let names: Vec<String> = jobs.iter().map(|j| j.group().to_owned()).collect();
    scheduled_actions(clients, &names).await
}

/// All pins of all groups of the account.
async fn users(clients: &Clients, asked: bool) -> Found<Vec<UserSeen>> {
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

async fn single(clients: &Clients, job: &Job, needs: &BTreeSet<Need>) -> Single {
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

async fn packages(
    clients: &Clients,
    instance: &str,
) -> Found<Vec<(String, Option<DateTime<Utc>>)>> {
    clients.pace(Pace::NodeRead).await;
    let filter = aws_sdk_ssm::types::PatchOrchestratorFilter::builder()
        .key("State")
        .values("Installed")
        .build();
    let patches = clients
        .ssm
        .describe_instance_patches()
        .instance_id(instance)
        .filters(filter)
        .max_results(100)
        .into_paginator()
        .items()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await
        .map_err(|e| fault("ssm:DescribeInstancePatches", &e))?;
    Ok(patches
        .iter()
        .map(|p| (p.title().to_owned(), time(p.installed_time())))
        .collect())
}

async fn activities(clients: &Clients, job: &Job) -> Found<Vec<ActivitySeen>> {
    clients.pace(Pace::AutoScalingRead).await;
    let answer = clients
        .autoscaling
        .describe_scaling_activities()
        .auto_scaling_group_name(job.group())
        .max_records(ACTIVITIES_PER_GROUP)
        .send()
        .await
        .map_err(|e| fault("autoscaling:DescribeScalingActivities", &e))?;
    Ok(answer
        .activities()
        .iter()
        .filter_map(|a| {
            let description = a.description().unwrap_or_default();
            Some(ActivitySeen {
                started_at: time(a.start_time()?)?,
                failed: matches!(a.status_code()?.as_str(), "Failed" | "Cancelled"),
                launch: description.starts_with("Launching"),
                message: a.status_message().unwrap_or(description).to_owned(),
            })
        })
        .collect())
}

/// Versions newer than the record.
async fn versions(clients: &Clients, job: &Job) -> Found<BTreeMap<String, Vec<VersionSeen>>> {
    let mut found = BTreeMap::new();
    for (template, mark) in &job.record.templates {
        clients.pace(Pace::Ec2Read).await;
        let answer = clients
            .ec2
            .describe_launch_template_versions()
            .launch_template_id(template)
            .min_version((mark.latest + 1).to_string())
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
            .filter_map(|v| {
                Some(VersionSeen {
                    number: v.version_number()?.unsigned_abs(),
                    description: v.version_description().unwrap_or_default().to_owned(),
                })
            })
            .collect();
        found.insert(template.clone(), versions);
    }
    Ok(found)
}
