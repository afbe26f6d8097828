//! Status: the opted-in groups now, and every open record.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::RunError;
use super::owner::{Drivers, Life};
use super::plan::{check_named, pin_texts};
use crate::aws::{
    Aws, Instances, Refreshes, RunningImages, describe_account, list_records, running_images,
};
use crate::group::facts::{AccountFacts, GroupFacts};
use crate::group::fault::FaultClass;
use crate::group::names::{group_of_parameter, record_parameter};
use crate::group::pin::{Pin, Templates, resolve};
use crate::group::seen::{MemberSeen, RecordSeen};
use crate::group::{Record, preflight};
use crate::ids::{GroupName, ImageId, InstanceId, TemplateId};
use crate::report::{Changed, GroupStatus, OpenRecord, StatusReport};
use crate::request::Selection;

/// The opted-in groups now. Of groups that were named, also a record alone is shown.
///
/// # Errors
/// AWS could not be read, or a group that was named has no record and does not exist or did not opt in.
pub async fn status(aws: &Aws, selection: &Selection) -> Result<StatusReport, RunError> {
    let wanted = |g: &GroupFacts| selection.wants(&g.name, &g.tags);
    let account =
        describe_account(&aws.clients, Instances::With, Refreshes::Sought, wanted).await?;
    let records = list_records(&aws.clients).await?;
    let drivers = Drivers::of(aws, &records, |_| true).await;
    let mut records: BTreeMap<String, OpenRecord> = records
        .into_iter()
        .map(|(parameter, seen)| {
            let open = open_record(parameter.clone(), seen, &drivers, &account);
            (parameter, open)
        })
        .collect();
    let names = &selection.groups;
    let is_recorded = |n: &&GroupName| records.values().any(|r| r.group.as_ref() == Some(*n));
    check_named(
        &account.groups,
        &selection.tag,
        names.iter().filter(|n| !is_recorded(n)),
    )?;
    let now = aws.clock.now();
    let chosen: Vec<&GroupFacts> = account.groups.values().filter(|g| wanted(g)).collect();
    let running = chosen.iter().map(|g| g.name.clone()).collect();
    let running = match Box::pin(running_images(&aws.clients, &running)).await {
        Ok(running) => Some(running),
        // The rest is worth showing without it.
        Err(fault) if fault.class == FaultClass::Denied => None,
        Err(fault) => return Err(fault.into()),
    };
    let groups = chosen
        .into_iter()
        .map(|group| {
            let image = image_of(group, &account);
            let facts = image.as_ref().and_then(|i| account.images.get(i));
            let created_at = facts.and_then(|f| f.created_at);
            let run = facts.and_then(|f| f.run.clone());
            let older = running
                .as_ref()
                .map(|r| older(group, image.as_ref(), created_at, r));
            let age = |at: DateTime<Utc>| (now - at).num_days();
            GroupStatus {
                running: running.as_ref().map(|r| r.count(&group.name)),
                running_older: older.as_ref().map(|o| o.values().map(|(n, _)| n).sum()),
                oldest_image_days: older
                    .iter()
                    .flat_map(BTreeMap::values)
                    .filter_map(|(_, made_at)| *made_at)
                    .min()
                    .map(age),
                last_run: None,
                group: group.name.clone(),
                capacity: group.capacity,
                pins: pin_texts(group, &account),
                image_age_days: created_at.map(age),
                patched_at: run.as_ref().and(created_at),
                patched_by_run: run,
                instances: counted(group).count(),
                old_instances: old_instances(group, &account),
                record: records.remove(&record_parameter(&group.name)),
                image,
            }
        })
        .collect();
    Ok(StatusReport {
        region: aws.region.clone(),
        account: aws.account.clone(),
        read_at: now,
        groups,
        stray_records: records
            .into_values()
            .filter(|r| names.is_empty() || r.group.as_ref().is_some_and(|g| names.contains(g)))
            .collect(),
    })
}

/// The images of running instances that are older than the group's own, or are not shown any more, each with the number of
/// instances and when it was made. None where the group's own is not known.
fn older<'r>(
    group: &GroupFacts,
    present: Option<&ImageId>,
    made_at: Option<DateTime<Utc>>,
    running: &'r RunningImages,
) -> BTreeMap<&'r ImageId, (usize, Option<DateTime<Utc>>)> {
    let (Some(present), Some(made_at)) = (present, made_at) else {
        return BTreeMap::new();
    };
    let images = running.by_group.get(&group.name).into_iter().flatten();
    let is_older = |image: &ImageId| {
        let theirs = running.made_at.get(image);
        image != present && theirs.is_none_or(|at| *at < made_at)
    };
    let older = images.filter(|(image, _)| is_older(image));
    let made_at = |image| running.made_at.get(image).copied();
    older
        .map(|(image, count)| (image, (*count, made_at(image))))
        .collect()
}

/// How many instances were launched from something else than what the group names now.
fn old_instances(group: &GroupFacts, account: &AccountFacts) -> usize {
    let marks = preflight::marks(group, account);
    let named: BTreeSet<(&TemplateId, u64)> = group
        .pins
        .iter()
        .filter_map(|pin| Some((&pin.template, resolve(pin, &marks)?)))
        .collect();
    let is_old = |member: &&MemberSeen| {
        let origin = member
            .version
            .as_ref()
            .map(|(template, number)| (template, *number));
        origin.is_none_or(|origin| !named.contains(&origin))
    };
    counted(group).filter(is_old).count()
}

/// The instances that its capacity counts.
fn counted(group: &GroupFacts) -> impl Iterator<Item = &MemberSeen> {
    group.members.values().filter(|m| m.counted())
}

fn image_of(group: &GroupFacts, account: &AccountFacts) -> Option<ImageId> {
    let pin = group.pins.first()?;
    let template = account.templates.get(&pin.template)?;
    let marks = Templates::from([(pin.template.clone(), template.mark)]);
    let version = template.versions.get(&resolve(pin, &marks)?)?;
    version.image.as_deref().map(ImageId::from)
}

/// A record for people.
fn open_record(
    parameter: String,
    seen: RecordSeen,
    drivers: &Drivers,
    account: &AccountFacts,
) -> OpenRecord {
    match seen {
        RecordSeen::Readable(stored) => OpenRecord {
            parameter,
            run_alive: match drivers.life(&stored) {
                Some(Life::Alive) => Some(true),
                Some(Life::Dead) => Some(false),
                Some(Life::Unknown) | None => None,
            },
            changed: changed(&stored, account),
            group: Some(stored.record.group),
            run_id: Some(stored.record.run_id),
            owner: Some(stored.record.owner),
            deadline: Some(stored.record.deadline),
            raw: None,
            problem: None,
        },
        RecordSeen::Unreadable { raw, problem } => OpenRecord {
            group: group_of_parameter(&parameter),
            parameter,
            run_id: None,
            owner: None,
            deadline: None,
            run_alive: None,
            changed: None,
            raw: Some(raw),
            problem: Some(problem.code),
        },
    }
}

/// In what a group differs from its record now. Others may have changed it, too: the record knows only how it was.
fn changed(record: &Record, account: &AccountFacts) -> Option<Changed> {
    let group = account.groups.get(&record.group)?;
    let was = |pins: &[Pin]| {
        let pins = pins.to_vec();
        pin_texts(
            &GroupFacts {
                pins,
                ..group.clone()
            },
            account,
        )
    };
    let before = was(&record.pins);
    let has = |id: &InstanceId| record.members.as_ref().is_none_or(|m| m.has(id));
    let came = group.members.iter().filter(|(id, _)| !has(id));
    Some(Changed {
        capacity_before: Some(record.capacity).filter(|c| *c != group.capacity),
        pins_before: before_if_other(before, &was(&group.pins)),
        suspended: group
            .suspended
            .difference(&record.suspended)
            .cloned()
            .collect(),
        instances: came
            .map(|(id, member)| (id.clone(), member.lifecycle.clone()))
            .collect(),
    })
}

fn before_if_other(before: Vec<String>, now: &[String]) -> Vec<String> {
    if before == now { Vec::new() } else { before }
}
