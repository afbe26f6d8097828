//! A fleet file of an account as planning finds it: for a rehearsal with the real names, sizes and schedules. Pure.

mod behaviour;
mod model;

use std::collections::{BTreeMap, BTreeSet};

use self::behaviour::Behaviour;
use self::model::{
    Action, BlockDevice, Configuration, Document, FleetFile, Group, Image, Mixed, Override,
    Parameter, Refresh, Runbook, Template, Version, VersionName, WarmPool,
};
use crate::group::facts::{AccountFacts, GroupFacts, ImageFacts, TemplateFacts, VersionFacts};
use crate::group::names::{ANCESTOR_TAG, GENERATION_TAG, GROUP_TAG, RUN_TAG, SECONDS_TAG};
use crate::group::options;
use crate::group::pin::{Pin, Slot, Templates, resolve};
use crate::ids::{BalancerKind, ImageId, TemplateId};
use crate::schedule::ScheduledAction;
use chrono::{DateTime, Utc};

/// No read of planning says it; a rehearsal needs one.
const INSTANCE_TYPE: &str = "t3.small";
/// The name of the image in the place of one that planning does not read.
const UNKNOWN_IMAGE: &str = "unknown";
/// Devices that are an image's root volume by convention.
const ROOT_DEVICES: [&str; 2] = ["/dev/xvda", "/dev/sda1"];

/// The things that planning does not read, as the file's reader must know them.
const ASSUMED: &str = "\
# Read from the account: groups that opted in (and those that share their templates), sizes, tags, scheduled actions,
# versions and images of their templates, load balancers, and how long the last run's phases took where an image says so.
#
# Not read, and assumed. Change it where it matters:
# - a Scan finds `missing` patches in each image;
# - instances are t3.small, zones are the region's first two, health checks are EC2's, a load balancer drains 300 s;
# - documents and runbooks that groups name are there, take the parameters that tags give them, and succeed;
# - guests boot, and answer, as usual. `asg-patch rehearse` with `failure = ...` shows what comes of it if not.
";

/// The circumstances of the file, which no read of planning says.
#[derive(Clone, Debug)]
pub struct Heading {
    /// The region.
    pub region: String,
    /// When the account was read.
    pub read_at: DateTime<Utc>,
    /// When the rehearsal is to begin.
    pub start: DateTime<Utc>,
    /// How many patches a Scan finds missing in each image.
    pub missing: usize,
    /// The key of the opt-in tag: those of the options begin with it.
    pub tag_key: String,
}

/// The file's text.
///
/// # Errors
/// TOML cannot hold it; none is known.
pub fn fleet_file(
    account: &AccountFacts,
    wanted: impl Fn(&GroupFacts) -> bool,
    heading: &Heading,
) -> Result<String, toml::ser::Error> {
    let (known, unknown): (Vec<&GroupFacts>, Vec<&GroupFacts>) = account
        .groups
        .values()
        .filter(|g| wanted(g) || shares(g, account))
        .partition(|g| !g.pins.is_empty() || g.launch_configuration.is_some());
    let file = FleetFile {
        start: heading
            .start
            .to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        region: heading.region.clone(),
        images: images(account, heading),
        templates: account
            .templates
            .iter()
            .map(|(id, t)| template(id, t))
            .collect(),
        groups: known.iter().map(|g| group(g, account)).collect(),
        parameters: parameters(account),
        documents: documents(&known, &heading.tag_key),
        runbooks: runbooks(&known, &heading.tag_key),
    };
    let mut text = format!(
        "# The groups of {} as they were at {}. For `asg-patch rehearse --fleet FILE`.\n#\n{ASSUMED}",
        heading.region,
        crate::text::moment(heading.read_at)
    );
    for group in unknown {
        text.push_str(&format!(
            "# Left out, since it names no template that can be read: {}\n",
            group.name
        ));
    }
    text.push('\n');
    text.push_str(&toml::to_string(&file)?);
    Ok(text)
}

/// Whether a group that did not opt in follows a template of one that did: a version may reach it.
fn shares(group: &GroupFacts, account: &AccountFacts) -> bool {
    group
        .pins
        .iter()
        .any(|p| account.templates.contains_key(&p.template))
}

fn images(account: &AccountFacts, heading: &Heading) -> Vec<Image> {
    let all: BTreeMap<&ImageId, &ImageFacts> =
        account.proved.iter().chain(&account.images).collect();
    let mut images: Vec<Image> = all
        .into_iter()
        .map(|(id, facts)| image(id, facts, account, heading))
        .collect();
    images.push(Image {
        name: UNKNOWN_IMAGE.into(),
        id: None,
        platform: "Linux",
        missing: heading.missing,
        age_days: None,
        description: String::new(),
        block_devices: Vec::new(),
        tags: BTreeMap::new(),
    });
    images
}

fn image(id: &ImageId, facts: &ImageFacts, account: &AccountFacts, heading: &Heading) -> Image {
    let is_twice = |name: &str| account.images.values().filter(|i| i.name == name).count() > 1;
    let mut tags = BTreeMap::new();
    if let Some(run) = &facts.run {
        tags.insert(RUN_TAG, run.to_string());
        tags.insert(GENERATION_TAG, facts.lineage.generation.to_string());
        tags.extend(
            facts
                .made_for
                .as_ref()
                .map(|group| (GROUP_TAG, group.to_string())),
        );
    }
    if let Some(ancestor) = &facts.lineage.first_ancestor {
        tags.insert(ANCESTOR_TAG, ancestor.to_string());
    }
    if let Some(seconds) = &facts.seconds {
        tags.insert(SECONDS_TAG, seconds.clone());
    }
    let beside_root = facts.devices.iter();
    let beside_root = beside_root.filter(|d| !ROOT_DEVICES.contains(&d.as_str()));
    Image {
        name: match facts.name.is_empty() || is_twice(&facts.name) || facts.name == UNKNOWN_IMAGE {
            true => id.to_string(),
            false => facts.name.clone(),
        },
        id: Some(id.clone()),
        platform: if facts.windows { "Windows" } else { "Linux" },
        missing: heading.missing,
        age_days: facts
            .created_at
            .map(|at| (heading.start - at).num_days().max(0)),
        description: facts.description.clone(),
        block_devices: beside_root
            .map(|device| BlockDevice {
                device: device.clone(),
                gib: Some(8),
                snapshot: None,
                instance_store: None,
            })
            .collect(),
        tags,
    }
}

/// All versions up to the latest. Those that planning does not read are like the nearest older one that it does.
fn template(id: &TemplateId, facts: &TemplateFacts) -> Template {
    let first = facts.versions.values().next();
    let mut last = first.map(version);
    let mut versions = Vec::new();
    for number in 1..=facts.mark.latest {
        if let Some(known) = facts.versions.get(&number) {
            last = Some(version(known));
        }
        versions.extend(last.clone());
    }
    Template {
        name: facts.name.clone(),
        id: id.clone(),
        default: facts.mark.default,
        tags: facts.tags.clone(),
        versions,
    }
}

fn version(facts: &VersionFacts) -> Version {
    let devices = facts.devices.iter().filter(|d| d.no_device.is_none());
    Version {
        image: facts.image.clone(),
        instance_type: INSTANCE_TYPE,
        block_devices: devices
            .filter_map(|d| {
                Some(BlockDevice {
                    device: d.device.clone()?,
                    gib: d.ebs.as_ref().and_then(|e| e.gib),
                    snapshot: d.snapshot().map(str::to_owned),
                    instance_store: d.virtual_name.clone(),
                })
            })
            .collect(),
    }
}

/// Aliases of images, which lead to the unknown one.
fn parameters(account: &AccountFacts) -> Vec<Parameter> {
    let versions = account.templates.values().flat_map(|t| t.versions.values());
    let aliases = versions.filter_map(|v| v.image.as_deref()?.strip_prefix("resolve:ssm:"));
    let names: BTreeSet<&str> = aliases.map(|a| a.split(':').next().unwrap_or(a)).collect();
    let parameter = |name: &str| Parameter {
        name: name.to_owned(),
        value: UNKNOWN_IMAGE,
        data_type: "aws:ec2:image",
    };
    names.into_iter().map(parameter).collect()
}

/// Stand for the documents that groups name, which are not read, but for those that every account has: each takes the
/// parameters that groups give it.
fn documents(groups: &[&GroupFacts], tag_key: &str) -> Vec<Document> {
    let mut documents: BTreeMap<String, (bool, BTreeSet<String>)> = BTreeMap::new();
    for group in groups {
        let options = options::read(&group.tags, tag_key).options;
        for (tag, name) in options.commands() {
            if name.starts_with("AWS-") {
                continue;
            }
            let (patches, parameters) = documents.entry(name.to_owned()).or_default();
            if tag == "document" {
                *patches = true;
                parameters.extend(options.parameters.keys().cloned());
            }
        }
    }
    let document = |(name, (patches, parameters)): (String, (bool, BTreeSet<String>))| Document {
        name,
        patches,
        parameters: parameters.into_iter().collect(),
    };
    documents.into_iter().map(document).collect()
}

/// Stands for a runbook, which is not read: one that takes a minute, succeeds, and is given its role.
const RUNBOOK: &str = r#"{"schemaVersion":"0.3","assumeRole":"{{ AutomationAssumeRole }}","parameters":{"AutomationAssumeRole":{"type":"String"}},"mainSteps":[]}"#;

/// The runbooks that groups name.
fn runbooks(groups: &[&GroupFacts], tag_key: &str) -> Vec<Runbook> {
    let named = groups.iter().flat_map(|group| {
        ["before-document", "after-document"]
            .map(|option| group.tags.get(&format!("{tag_key}:{option}")))
    });
    let names = named.flatten();
    let names = names.map(|name| name.rsplit('/').next().unwrap_or(name));
    let names: BTreeSet<&str> = names.filter(|name| !name.is_empty()).collect();
    let runbook = |name: &str| Runbook {
        name: name.to_owned(),
        content: RUNBOOK,
        seconds: 60,
    };
    names.into_iter().map(runbook).collect()
}

fn group(facts: &GroupFacts, account: &AccountFacts) -> Group {
    let tags = |propagated: bool| {
        let some = facts.tags.iter();
        some.filter(|(key, _)| facts.propagated.contains(*key) == propagated)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    let balancers = |kind: BalancerKind| {
        let some = facts.balancers.iter().filter(|b| b.kind() == kind);
        some.map(|b| b.name().to_owned()).collect()
    };
    let own = facts.pins.iter().find(|p| p.slot == Slot::Template);
    let details = account.details.get(&facts.name);
    let actions = account.actions.get(&facts.name);
    Group {
        name: facts.name.to_string(),
        min: facts.capacity.min,
        max: facts.capacity.max,
        desired: facts.capacity.desired,
        desired_capacity_type: facts.capacity_unit.clone(),
        template: own.map(|p| name_of(p, account)),
        version: own.and_then(version_name),
        suspended: facts.suspended.clone(),
        target_groups: balancers(BalancerKind::TargetGroup),
        classic_load_balancers: balancers(BalancerKind::Classic),
        operator: facts.operator.clone(),
        status: facts.deleting.then_some("Delete in progress"),
        tags: tags(false),
        propagated_tags: tags(true),
        launch_configuration: facts
            .launch_configuration
            .clone()
            .map(|name| Configuration {
                name,
                image: UNKNOWN_IMAGE,
                instance_type: INSTANCE_TYPE,
            }),
        mixed: mixed(facts, account),
        warm_pool: facts.warm_pool.then_some(WarmPool { min: 0 }),
        instance_refresh: details.and_then(|d| d.refresh.as_ref()).map(|_| Refresh {
            desired_configuration: true,
        }),
        scheduled_actions: actions.into_iter().flatten().map(action).collect(),
        behaviour: behaviour(facts, account),
    }
}

fn name_of(pin: &Pin, account: &AccountFacts) -> String {
    let template = account.templates.get(&pin.template);
    template.map_or_else(|| pin.template.to_string(), |t| t.name.clone())
}

fn version_name(pin: &Pin) -> Option<VersionName> {
    match pin.version.as_str() {
        "" => None,
        text => Some(match text.parse() {
            Ok(number) => VersionName::Number(number),
            Err(_) => VersionName::Text(text.to_owned()),
        }),
    }
}

fn mixed(facts: &GroupFacts, account: &AccountFacts) -> Option<Mixed> {
    let base = facts.pins.iter().find(|p| p.slot == Slot::Base)?;
    let plain = || Override {
        instance_type: Some(INSTANCE_TYPE),
        weight: facts.weighted.then_some(2),
        image: (!facts.image_overrides.is_empty()).then_some(UNKNOWN_IMAGE),
        ..Override::default()
    };
    let mut overrides = Vec::new();
    for pin in &facts.pins {
        let Slot::Override(index) = pin.slot else {
            continue;
        };
        overrides.resize_with(overrides.len().max(index), plain);
        overrides.push(Override {
            template: Some(name_of(pin, account)),
            version: version_name(pin),
            ..plain()
        });
    }
    match facts.capacity_unit.as_deref() {
        Some("vcpu" | "memory-mib") => {
            overrides = vec![Override {
                vcpus: Some(2),
                memory_mib: Some(4096),
                ..Override::default()
            }]
        }
        Some(_) | None if overrides.is_empty() => overrides.push(plain()),
        Some(_) | None => {}
    }
    Some(Mixed {
        template: name_of(base, account),
        version: version_name(base),
        overrides,
    })
}

fn action(action: &ScheduledAction) -> Action {
    let time = |at: DateTime<Utc>| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    Action {
        name: action.name.clone(),
        min: action.min,
        max: action.max,
        desired: action.desired,
        recurrence: action.recurrence.clone(),
        time_zone: action.time_zone.clone(),
        start: action.start_time.map(time),
        end: action.end_time.map(time),
    }
}

/// By what the present image of the group says of the run that made it.
fn behaviour(facts: &GroupFacts, account: &AccountFacts) -> Behaviour {
    let seconds = || {
        let pin = facts.pins.first()?;
        let template = account.templates.get(&pin.template)?;
        let marks = Templates::from([(pin.template.clone(), template.mark)]);
        let version = template.versions.get(&resolve(pin, &marks)?)?;
        let image = account.images.get(version.image.as_deref()?)?;
        image.seconds.as_deref()
    };
    seconds().map_or_else(Behaviour::default, Behaviour::measured)
}
