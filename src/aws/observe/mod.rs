//! One look at the world for many jobs: a few bulk calls, whatever the number of groups.

mod nodes;
mod reads;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;

use self::nodes::{agents, commands, patches};
use self::reads::{
    Single, actions, checks, groups, images, instance_ids, instances, made_ids, records, role_ids,
    single, templates, users,
};
use super::Clients;
use crate::group::Job;
use crate::group::effect::Role;
use crate::group::fault::{Fault, Read};
use crate::group::names::record_parameter;
use crate::group::pin::TemplateMark;
use crate::group::seen::{
    AgentSeen, Checks, CommandSeen, GroupSeen, ImageSeen, InstanceSeen, Need, PatchSeen,
    RecordSeen, Seen, UserSeen,
};
use crate::ids::{GroupName, InstanceId, TemplateId};
use crate::request::OptInTag;
use crate::schedule::ScheduledAction;

/// A job and what its decision needs.
pub type Question<'a> = (&'a Job, BTreeSet<Need>);

type Found<T> = Result<T, Fault>;

/// Answers all questions. Each [`Need`] costs calls by pages, not by groups, except [`Need::Packages`],
/// [`Need::Activities`] and [`Need::Versions`], which AWS answers one by one.
pub async fn observe(
    clients: &Clients,
    tag: &OptInTag,
    questions: &[Question<'_>],
) -> BTreeMap<GroupName, Seen> {
    let asking = |need: Need| -> Vec<&Job> {
        questions
            .iter()
            .filter(|(_, needs)| needs.contains(&need))
            .map(|(job, _)| *job)
            .collect()
    };
    let groups = groups(clients, tag, &asking(Need::Group)).await;
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
            (job.group().clone(), seen)
        })
        .collect()
}

/// The bulk answers of one look.
struct Answers {
    groups: Found<BTreeMap<GroupName, Found<GroupSeen>>>,
    instances: Found<BTreeMap<InstanceId, InstanceSeen>>,
    agents: Found<BTreeMap<InstanceId, AgentSeen>>,
    checks: Found<BTreeMap<InstanceId, Checks>>,
    commands: Found<Vec<CommandSeen>>,
    patches: Found<BTreeMap<InstanceId, PatchSeen>>,
    images: Found<BTreeMap<String, ImageSeen>>,
    templates: Found<BTreeMap<TemplateId, TemplateMark>>,
    records: Found<BTreeMap<String, RecordSeen>>,
    actions: Found<BTreeMap<GroupName, Vec<ScheduledAction>>>,
    users: Found<Vec<UserSeen>>,
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
        fn one<K: Ord + std::borrow::Borrow<str>, T: Clone>(
            asked: bool,
            found: &Found<BTreeMap<K, T>>,
            key: &str,
        ) -> Read<T> {
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
        let mine: BTreeSet<&InstanceId> = group
            .present()
            .map(|g| g.members.keys().collect::<BTreeSet<_>>())
            .unwrap_or_default()
            .into_iter()
            .chain(job.made.instances.values())
            .collect();
        fn pick<T: Clone>(
            read: Read<BTreeMap<InstanceId, T>>,
            mine: &BTreeSet<&InstanceId>,
        ) -> Read<BTreeMap<InstanceId, T>> {
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
                        user.group != *name && record.templates.contains_key(&user.pin.template)
                    });
                    Read::Present(all)
                }
                other => other,
            },
            group,
        }
    }
}
