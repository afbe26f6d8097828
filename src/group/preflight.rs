//! Preflight: the conditions that a group must meet before it is touched, and its record.

use std::collections::{BTreeMap, BTreeSet};

use super::budget;
use super::facts::{AccountFacts, GroupDetails, GroupFacts, ImageFacts, VersionFacts};
use super::job::Forward;
use super::measured::Measured;
use super::options::{self, Options};
use super::pin::{Pin, Style, Templates, resolve};
use super::record::{RECORD_LIMIT_BYTES, Record, SCHEMA};
use super::{Code, Failure, limits, names};
use crate::ids::{BakeKey, GroupName, ImageId, TemplateId};
use crate::request::RunRequest;
use crate::schedule::ScheduledAction;

/// A group's plan: ready to be started, or refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// The group.
    pub group: GroupName,
    /// Its options.
    pub options: Options,
    /// Notes for its owner.
    pub notes: Vec<String>,
    /// Its record and the way forward, or why it is refused.
    pub plan: Result<(Record, Forward), Failure>,
}

/// A template's name, which people know it by; its id where that is all there is.
fn name<'a>(id: &'a TemplateId, account: &'a AccountFacts) -> &'a str {
    account
        .templates
        .get(id)
        .map_or(id.as_str(), |t| t.name.as_str())
}

/// Checks one opted-in group by itself. Whether its bake agrees with others is for [`check_sharing`].
pub fn check(group: &GroupFacts, account: &AccountFacts, request: &RunRequest) -> Checked {
    let reading = options::read(&group.tags, &request.selection.tag.key);
    let mut notes = reading.notes;
    let plan = match reading.refusal {
        Some(refusal) => Err(refusal),
        None => ready(group, account, request, &reading.options),
    };
    let plan = plan.map(|(record, mut forward)| {
        let facts = account.images.get(&forward.image);
        if let Some(tag) = facts.and_then(|f| f.seconds.as_deref()) {
            let (measured, note) = budget::read_tag(&forward, tag);
            forward.measured = measured;
            notes.extend(note);
        }
        (record, forward)
    });
    notes.extend(actions_not_understood(account.actions.get(&group.name)));
    Checked {
        group: group.name.clone(),
        options: reading.options,
        notes,
        plan,
    }
}

fn ready(
    group: &GroupFacts,
    account: &AccountFacts,
    request: &RunRequest,
    options: &Options,
) -> Result<(Record, Forward), Failure> {
    let details = account.details.get(&group.name);
    let details = details.cloned().unwrap_or_default();
    refuse_by_group(group, &details)?;
    if let Some(problem) = options.prove.impossible(group) {
        let key = &request.selection.tag.key;
        let reason = format!("tag {key}:prove is 'load-balancer': {problem}");
        return Err(Failure::new(Code::OptionInvalid, reason));
    }
    let templates = templates(group, account)?;
    let image = image(group, account, &templates)?;
    let forward = Forward {
        operation: request.operation,
        options: options.clone(),
        windows: usable(&image, account)?.windows,
        image,
        hook_seconds: details.hook_seconds,
        bakes: true,
        measured: Measured::default(),
    };
    Ok((
        record(group, account, request, options, templates)?,
        forward,
    ))
}

fn usable<'a>(image: &ImageId, account: &'a AccountFacts) -> Result<&'a ImageFacts, Failure> {
    let unusable = |problem| {
        let reason = format!("image {image} {problem}");
        Failure::new(Code::ImageUnusable, reason)
    };
    let facts = account.images.get(image);
    let facts =
        facts.ok_or_else(|| unusable("does not exist or is not shared with this account"))?;
    if facts.available {
        Ok(facts)
    } else {
        Err(unusable("is not available"))
    }
}

fn record(
    group: &GroupFacts,
    account: &AccountFacts,
    request: &RunRequest,
    options: &Options,
    templates: Templates,
) -> Result<Record, Failure> {
    let specs: BTreeSet<(TemplateId, u64)> = group
        .pins
        .iter()
        .filter_map(|p| Some((p.template.clone(), resolve(p, &templates)?)))
        .collect();
    let specs: Vec<(TemplateId, u64)> = specs.into_iter().collect();
    let bake_key = names::bake_key(&specs, &options.bake_text());
    // From the parts of the bake key, so that all groups of the bake name one image.
    let label = specs
        .first()
        .map_or(group.name.as_str(), |(template, _)| name(template, account));
    let record = Record {
        schema: SCHEMA,
        group: group.name.clone(),
        run_id: request.run_id.clone(),
        owner: request.owner.clone(),
        written_at: request.window.start,
        deadline: request.restore_by(),
        capacity: group.capacity,
        members: BTreeSet::new(),
        suspended: group.suspended.clone(),
        guarded: guarded(group),
        pins: group.pins.clone(),
        templates,
        actions: actions(account.actions.get(&group.name), request),
        image_name: names::image_name(label, &request.run_id, &bake_key),
        bake_key,
    };
    let size = record.to_text().len();
    if size > RECORD_LIMIT_BYTES {
        let reason =
            format!("expected a record of at most {RECORD_LIMIT_BYTES} bytes, found {size}");
        return Err(Failure::new(Code::RecordTooLarge, reason));
    }
    Ok(record)
}

/// The processes that launches may suspend: those that are not suspended already.
fn guarded(group: &GroupFacts) -> BTreeSet<String> {
    super::processes::GUARDED_PROCESSES
        .iter()
        .copied()
        .chain(
            group
                .load_balanced
                .then_some(super::processes::LOAD_BALANCER),
        )
        .filter(|p| !group.suspended.contains(*p))
        .map(str::to_owned)
        .collect()
}

/// Auto Scaling may run an action that we cannot read: the restore does not know of it.
fn actions_not_understood(all: Option<&Vec<ScheduledAction>>) -> Vec<String> {
    let wrong = all.into_iter().flatten().filter_map(|a| a.check().err());
    wrong
        .map(|error| {
            format!("{error}; if it falls due during the run, the run will not catch up on it")
        })
        .collect()
}

/// Only actions that can fall due while the group may be ours.
fn actions(all: Option<&Vec<ScheduledAction>>, request: &RunRequest) -> Vec<ScheduledAction> {
    let until = request.restore_by() + limits::ACTIONS_AFTER_DEADLINE;
    all.into_iter()
        .flatten()
        .filter(|a| {
            a.may_run_between(request.window.start, until)
                .unwrap_or(true)
        })
        .cloned()
        .collect()
}

fn refuse_by_group(group: &GroupFacts, details: &GroupDetails) -> Result<(), Failure> {
    let blocking = ["Launch", "Terminate"]
        .into_iter()
        .find(|p| group.suspended.contains(*p));
    let refusal = if group.deleting {
        Failure::plain(Code::BeingDeleted)
    } else if let Some(odd) = group.odd.as_ref().or(details.odd.as_ref()) {
        Failure::new(Code::GroupOdd, odd)
    } else if let Some(operator) = &group.operator {
        Failure::new(
            Code::OperatorManaged,
            format!("{operator} operates the group"),
        )
    } else if let Some(name) = &group.launch_configuration {
        Failure::new(
            Code::LaunchConfiguration,
            format!("the group uses launch configuration {name}, expected a launch template"),
        )
    } else if group.warm_pool {
        Failure::plain(Code::WarmPool)
    } else if let Some(id) = &details.refresh {
        Failure::new(
            Code::InstanceRefreshActive,
            format!("instance refresh {id} is under way"),
        )
    } else if group.image_override {
        Failure::plain(Code::ImageOverride)
    } else if group.weighted {
        Failure::plain(Code::WeightedCapacity)
    } else if let Some(process) = blocking {
        Failure::new(
            Code::LaunchSuspended,
            format!("{process} is suspended in the group"),
        )
    } else if group.pins.is_empty() {
        Failure::new(Code::ImageUnusable, "the group names no launch template")
    } else {
        return Ok(());
    };
    Err(refusal)
}

fn templates(group: &GroupFacts, account: &AccountFacts) -> Result<Templates, Failure> {
    let mut marks = Templates::new();
    for pin in &group.pins {
        let facts = account.templates.get(&pin.template).ok_or_else(|| {
            Failure::new(
                Code::ImageUnusable,
                format!("launch template {} does not exist", pin.template),
            )
        })?;
        marks.insert(pin.template.clone(), facts.mark);
    }
    let mut numbers: BTreeMap<&str, u64> = BTreeMap::new();
    for pin in &group.pins {
        let number = resolve(pin, &marks).ok_or_else(|| {
            Failure::new(
                Code::ImageUnusable,
                format!("expected a version number, $Latest or $Default, found '{pin}'"),
            )
        })?;
        let first = *numbers.entry(&pin.template).or_insert(number);
        if first != number {
            return Err(Failure::new(
                Code::ImagesDiffer,
                format!(
                    "the group names {} at versions {first} and {number}",
                    name(&pin.template, account)
                ),
            ));
        }
    }
    Ok(marks)
}

/// The one image that all of the group's specifications name.
fn image(
    group: &GroupFacts,
    account: &AccountFacts,
    marks: &Templates,
) -> Result<ImageId, Failure> {
    let mut images: BTreeMap<String, String> = BTreeMap::new();
    for pin in &group.pins {
        let number = resolve(pin, marks).unwrap_or_default();
        let template = name(&pin.template, account);
        let version: &VersionFacts = account
            .templates
            .get(&pin.template)
            .and_then(|t| t.versions.get(&number))
            .ok_or_else(|| {
                Failure::new(
                    Code::ImageUnusable,
                    format!("{template} has no version {number}"),
                )
            })?;
        if let Some(snapshot) = &version.snapshot {
            return Err(Failure::new(
                Code::SnapshotPinned,
                format!("{template}:{number} pins {snapshot}"),
            ));
        }
        match version.image.as_deref() {
            None => {
                return Err(Failure::new(
                    Code::ImageUnusable,
                    format!("{template}:{number} names no image"),
                ));
            }
            Some(image) if image.starts_with("resolve:ssm:") => {
                return Err(Failure::new(
                    Code::ResolvedImage,
                    format!("{template}:{number} takes its image from {image}"),
                ));
            }
            Some(image) => {
                images.insert(image.to_owned(), format!("{template}:{number}"));
            }
        }
    }
    if images.len() > 1 {
        let named: Vec<String> = images.iter().map(|(i, t)| format!("{i} in {t}")).collect();
        return Err(Failure::new(
            Code::ImagesDiffer,
            format!("the group launches from {}", named.join(" and ")),
        ));
    }
    images
        .into_keys()
        .next()
        .map(ImageId::from)
        .ok_or_else(|| Failure::plain(Code::ImageUnusable))
}

/// Refuses groups whose new version would reach others that are not of their bake.
///
/// Making a version of a template deploys it to the groups that follow `$Latest`; making it the default, to
/// those that follow `$Default`. All of them must be in the same bake, or none is touched. A refusal can take
/// a group out of another's bake, so this repeats until nothing changes.
pub fn check_sharing(checked: &mut [Checked], account: &AccountFacts) {
    loop {
        let keys: BTreeMap<GroupName, BakeKey> = checked
            .iter()
            .filter_map(|c| Some((c.group.clone(), c.plan.as_ref().ok()?.0.bake_key.clone())))
            .collect();
        let mut changed = false;
        for entry in checked.iter_mut() {
            let Ok((record, _)) = &entry.plan else {
                continue;
            };
            if let Some(refusal) = reaches_outsider(record, account, &keys) {
                entry.plan = Err(refusal);
                changed = true;
            }
        }
        if !changed {
            return;
        }
    }
}

fn reaches_outsider(
    record: &Record,
    account: &AccountFacts,
    keys: &BTreeMap<GroupName, BakeKey>,
) -> Option<Failure> {
    let moves_default = |template: &str| {
        record
            .pins
            .iter()
            .any(|p| p.template == template && p.style() == Style::Default)
    };
    let reached = |pin: &Pin| match pin.style() {
        Style::Latest => record.templates.contains_key(&pin.template),
        Style::Default => moves_default(&pin.template),
        Style::Number => false,
    };
    account.groups.values().find_map(|other| {
        let same_bake = keys.get(&other.name) == Some(&record.bake_key);
        if other.name == record.group || same_bake {
            return None;
        }
        let mut templates = record.templates.keys();
        if let Some(id) = templates.find(|id| other.named_only.contains(name(id, account))) {
            let (other, template) = (&other.name, name(id, account));
            return Some(Failure::new(
                Code::TemplateShared,
                format!(
                    "{other} names template {template} without its id: a new version might reach it"
                ),
            ));
        }
        let pin = other.pins.iter().find(|p| reached(p))?;
        Some(Failure::new(
            Code::TemplateShared,
            format!(
                "{} follows template {} by {}: a new version would reach it",
                other.name,
                name(&pin.template, account),
                pin.spelling()
            ),
        ))
    })
}
