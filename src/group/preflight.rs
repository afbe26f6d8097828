//! Preflight: the conditions that a group must meet before it is touched, and its record.

use std::collections::{BTreeMap, BTreeSet};

use super::allowed::Allowed;
use super::automation::Runbooks;
use super::budget;
use super::devices::restated;
use super::facts::{AccountFacts, GroupFacts, ImageFacts, VersionFacts};
use super::job::{Devices, Forward};
use super::measured::Measured;
use super::options::{self, Options};
use super::pin::{Pin, Templates, resolve};
use super::record::{RECORD_LIMIT_BYTES, Record, SCHEMA};
use super::{Code, Failure, limits, managed, named_documents, names, reverted, unsuitable};
use crate::ids::{GroupName, ImageId, TemplateId};
use crate::request::{DocumentName, Operation, OptInTag, RunRequest};
use crate::schedule::ScheduledAction;
use crate::text::shell_word;

/// A group's plan: ready to be started, or refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// The group.
    pub group: GroupName,
    /// Its options.
    pub options: Options,
    /// Notes for its owner.
    pub notes: Vec<String>,
    /// The proved image that it launched from until something set an older one.
    pub reverted_from: Option<ImageId>,
    /// Its record and the way forward, or why it is refused.
    pub plan: Result<(Record, Forward), Failure>,
}

/// A template's name, which people know it by; its id where that is all there is.
pub(super) fn name<'a>(id: &'a TemplateId, account: &'a AccountFacts) -> &'a str {
    account
        .templates
        .get(id)
        .map_or(id.as_str(), |t| t.name.as_str())
}

/// Checks one opted-in group by itself. Whether its bake agrees with others is for
/// [`super::sharing::check_sharing`].
pub fn check(
    group: &GroupFacts,
    account: &AccountFacts,
    request: &RunRequest,
    allowed: &Allowed,
) -> Checked {
    let prefix = &request.selection.tag.key;
    let mut reading = options::read(&group.tags, prefix);
    let documents = allowed.documents.check(&reading.options, prefix);
    reading.refusal = reading.refusal.or(documents.err());
    let by_tag = reading.options.documents.clone();
    reading.options.documents = by_tag.or(&request.documents);
    let runbooks = allowed
        .runbooks
        .check(&reading.options.documents, &by_tag, prefix);
    reading.refusal = reading.refusal.or(runbooks.err());
    let mut notes = reading.notes;
    let plan = match reading.refusal {
        Some(refusal) => Err(refusal),
        None => ready(group, account, request, &reading.options),
    };
    let plan = plan.and_then(|ready| {
        if !allowed.untagged_templates && request.operation == Operation::Install {
            tagged(group, account, &request.selection.tag)?;
        }
        Ok(ready)
    });
    let plan = plan.and_then(|ready| match &request.ring {
        Some(ring) if request.operation == Operation::Install => {
            let place = request.place_tags.place(&group.tags);
            match ring.holds_back(place.application()) {
                Some(why) => Err(Failure::new(Code::RingNotDone, why)),
                None => Ok(ready),
            }
        }
        Some(_) | None => Ok(ready),
    });
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
    notes.extend(managed::note(group, account));
    let image = named_image(group, account);
    let newest = image.as_ref().and_then(|image| {
        let newest = reverted::reverted_from(&group.name, image, account)?;
        Some((image, newest))
    });
    notes.extend(newest.map(|(image, newest)| reverted::note(image, newest)));
    let reverted_from = newest.map(|(_, newest)| newest.clone());
    let plan = plan.map(|(record, forward)| {
        let reverted_from = reverted_from.clone();
        (
            record,
            Forward {
                reverted_from,
                ..forward
            },
        )
    });
    Checked {
        reverted_from,
        group: group.name.clone(),
        options: reading.options,
        notes,
        plan,
    }
}

/// Refuses a group whose launch template has not opted in itself.
fn tagged(group: &GroupFacts, account: &AccountFacts, tag: &OptInTag) -> Result<(), Failure> {
    for pin in &group.pins {
        let Some(facts) = account.templates.get(&pin.template) else {
            continue;
        };
        if !tag.is_on(&facts.tags) {
            let found = tag.found(facts.tags.get(&tag.key).map(String::as_str));
            let reason = format!(
                "launch template {}: expected the opt-in tag {tag}, found {found}; to opt it in: aws ec2 create-tags \
                 --resources {} --tags {}",
                facts.name,
                pin.template,
                shell_word(&format!("Key={},Value={}", tag.key, tag.value))
            );
            return Err(Failure::new(Code::TemplateNotTagged, reason));
        }
    }
    Ok(())
}

fn ready(
    group: &GroupFacts,
    account: &AccountFacts,
    request: &RunRequest,
    options: &Options,
) -> Result<(Record, Forward), Failure> {
    let details = account.details.get(&group.name);
    let details = details.cloned().unwrap_or_default();
    unsuitable::by_group(group, &details)?;
    unsuitable::by_service(group, account)?;
    if let Some(problem) = options.prove.impossible(group) {
        let key = &request.selection.tag.key;
        let reason = format!("tag {key}:prove is 'load-balancer': {problem}");
        return Err(Failure::new(Code::OptionInvalid, reason));
    }
    let templates = templates(group, account)?;
    let image = image(group, account, &templates)?;
    let facts = usable(&image, account)?;
    unsuitable::by_image(facts, options, request)?;
    if request.operation == Operation::Install {
        let prefix = &request.selection.tag.key;
        named_documents::check(options, facts.windows, &account.documents, prefix)?;
    }
    let forward = Forward {
        operation: request.operation,
        options: Options {
            keep_failed: options.keep_failed.or(request.keep_failed),
            ..options.clone()
        },
        windows: facts.windows,
        devices: devices(group, account, &templates, facts)?,
        lineage: facts.lineage.clone(),
        image,
        bakes: true,
        measured: Measured::default(),
        image_created_at: facts.created_at,
        reverted_from: None,
        runbooks: runbooks(account, request, options)?,
        place: request.place_tags.place(&group.tags),
    };
    let mut record = record(group, account, request, options, templates)?;
    record.automates = !forward.runbooks.is_empty();
    Ok((record, forward))
}

/// The names of the runbooks that a run with this request may need: of the groups that it selects, and its own.
pub fn named_runbooks(
    account: &AccountFacts,
    request: &RunRequest,
    allowed: &Allowed,
) -> BTreeSet<String> {
    if request.operation != Operation::Install {
        return BTreeSet::new();
    }
    let groups = account.groups.values();
    let selected = groups.filter(|g| request.selection.wants(&g.name, &g.tags));
    let prefix = &request.selection.tag.key;
    let documents = selected.map(|g| options::read(&g.tags, prefix).options.documents);
    let wanted = documents.map(|own| own.or(&request.documents));
    let names = wanted.flat_map(|d| d.names().cloned().collect::<Vec<_>>());
    let names = names.map(String::from);
    names.filter(|name| allowed.runbooks.permit(name)).collect()
}

/// The group's runbooks, as they were checked. A Scan deploys nothing, and runs none.
fn runbooks(
    account: &AccountFacts,
    request: &RunRequest,
    options: &Options,
) -> Result<Runbooks, Failure> {
    if request.operation != Operation::Install {
        return Ok(Runbooks::default());
    }
    let documents = &options.documents;
    let checked = |name: &Option<DocumentName>| match name {
        None => Ok(None),
        Some(name) => match account.runbooks.get(name.as_str()) {
            Some(Ok(runbook)) => Ok(Some(runbook.clone())),
            Some(Err(why)) => Err(Failure::new(Code::RunbookUnsuitable, why.clone())),
            None => {
                let reason = format!("runbook {name} was not read");
                Err(Failure::new(Code::RunbookUnsuitable, reason))
            }
        },
    };
    Ok(Runbooks {
        before: checked(&documents.before)?,
        after: checked(&documents.after)?,
        before_failure: documents.before_failure.unwrap_or_default(),
        after_failure: documents.after_failure.unwrap_or_default(),
    })
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
    let shapes = format!(
        "{} {}",
        options.bake_text(),
        readers(group, options, &request.selection.tag.key)
    );
    let bake_key = names::bake_key(&specs, &shapes);
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
        suspended: group.suspended.clone(),
        guarded: guarded(group),
        pins: group.pins.clone(),
        templates,
        actions: actions(account.actions.get(&group.name), request),
        image_name: names::image_name(label, &request.run_id, &bake_key),
        bake_key,
        // Listed when the record is written.
        members: None,
        automates: false,
        signature: None,
    };
    if !record.fits() {
        let size = record.to_text().len();
        let reason = format!(
            "expected a record of at most {RECORD_LIMIT_BYTES} bytes, found {size} when packed"
        );
        return Err(Failure::new(Code::RecordTooLarge, reason));
    }
    Ok(record)
}

/// The tags and the patch group of the group's instances, by which they fetch their configuration and secrets, and are
/// patched. The results are on the disk of the build instance, so groups share an image only if they agree. The
/// instance profile is that of the template version, which is in the bake key anyway.
fn readers(group: &GroupFacts, options: &Options, prefix: &str) -> String {
    let patch_group = ["Patch Group", "PatchGroup"]
        .into_iter()
        .find_map(|key| group.tags.get(key));
    let counts = |key: &String| {
        group.propagated.contains(key) && !key.starts_with(prefix) && !options.share_across_tags
    };
    let tags: BTreeMap<&String, &String> =
        group.tags.iter().filter(|(key, _)| counts(key)).collect();
    format!("{patch_group:?} {tags:?}")
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

/// The version that each of the group's templates means, with the template's id and its name and number for people.
fn versions<'a>(
    group: &'a GroupFacts,
    account: &'a AccountFacts,
    marks: &Templates,
) -> Vec<(&'a TemplateId, String, Option<&'a VersionFacts>)> {
    let version = |pin: &'a Pin| {
        let number = resolve(pin, marks).unwrap_or_default();
        let template = account.templates.get(&pin.template);
        let label = format!("{}:{number}", name(&pin.template, account));
        let facts = template.and_then(|t| t.versions.get(&number));
        (&pin.template, label, facts)
    };
    group.pins.iter().map(version).collect()
}

/// Default and latest versions of the templates that a group names, as far as they exist.
pub fn marks(group: &GroupFacts, account: &AccountFacts) -> Templates {
    let ids = group.pins.iter().map(|p| &p.template);
    ids.filter_map(|id| Some((id.clone(), account.templates.get(id)?.mark)))
        .collect()
}

/// The image that a group names, whether or not it can be patched; of several, none.
pub fn named_image(group: &GroupFacts, account: &AccountFacts) -> Option<ImageId> {
    let images = versions(group, account, &marks(group, account))
        .into_iter()
        .filter_map(|(_, _, version)| version?.image.as_deref());
    let images: BTreeSet<&str> = images.filter(|i| i.starts_with("ami-")).collect();
    match images.into_iter().collect::<Vec<_>>().as_slice() {
        [image] => Some(ImageId::from(*image)),
        _ => None,
    }
}

/// The instance type that a group names; of several, none.
pub fn named_type(group: &GroupFacts, account: &AccountFacts) -> Option<String> {
    let versions = versions(group, account, &marks(group, account));
    match versions.as_slice() {
        [(_, _, Some(version))] if !group.overrides => version.instance_type.clone(),
        _ => None,
    }
}

/// The block devices that the image to be made, and the new version, must be right about.
fn devices(
    group: &GroupFacts,
    account: &AccountFacts,
    marks: &Templates,
    image: &ImageFacts,
) -> Result<Devices, Failure> {
    let mut devices = Devices {
        image: image.devices.clone(),
        ..Devices::default()
    };
    for (template, label, version) in versions(group, account, marks) {
        let mappings = version.map(|v| v.devices.as_slice()).unwrap_or_default();
        let nameless = mappings.iter().find(|m| m.device.is_none());
        if let Some(snapshot) = nameless.and_then(|m| m.snapshot()) {
            let reason = format!("{label} pins {snapshot} to a device without a name");
            return Err(Failure::new(Code::SnapshotPinned, reason));
        }
        let stores = mappings.iter().filter(|m| m.virtual_name.is_some());
        devices
            .stores
            .extend(stores.filter_map(|m| m.device.clone()));
        let restated = restated(mappings, &image.devices);
        if !restated.is_empty() {
            devices.restated.insert(template.clone(), restated);
        }
    }
    Ok(devices)
}

/// The one image that all of the group's specifications name.
fn image(
    group: &GroupFacts,
    account: &AccountFacts,
    marks: &Templates,
) -> Result<ImageId, Failure> {
    let mut images: BTreeMap<String, String> = BTreeMap::new();
    for (_, label, version) in versions(group, account, marks) {
        let version = version.ok_or_else(|| {
            let reason = format!("{label} does not exist");
            Failure::new(Code::ImageUnusable, reason)
        })?;
        match version.image.as_deref() {
            None => {
                return Err(Failure::new(
                    Code::ImageUnusable,
                    format!("{label} names no image"),
                ));
            }
            Some(image) if image.starts_with("resolve:ssm:") => {
                return Err(Failure::new(
                    Code::ResolvedImage,
                    format!("{label} takes its image from {image}"),
                ));
            }
            Some(image) => {
                images.insert(image.to_owned(), label);
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
