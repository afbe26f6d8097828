//! A world from a fleet.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::Fleet;
use super::contents::guest_of;
use super::file::{ImageFile, TemplateFile, VersionFile};
use super::file_group::{GroupFile, HookFile, MixedFile, OverrideFile, ResultName, TransitionName};
use super::names::{Names, id_of};
use super::rival::rival;
use crate::sim::world::behaviour::Behaviour;
use crate::sim::world::documents::built_in;
use crate::sim::world::groups::{
    AlarmPolicy, GroupTag, InstancesDistribution, LaunchConfiguration, LaunchSource, LifecycleHook,
    MixedPolicy, Override, ScheduledAction, Transition, WarmPool,
};
use crate::sim::world::images::{Image, Snapshot, SnapshotState};
use crate::sim::world::parameters::Put;
use crate::sim::world::rivals;
use crate::sim::world::scaling::capacity::suspended_by_user;
use crate::sim::world::templates::{Template, TemplateData, TemplateVersion};
use crate::sim::world::topics::{Sns, Topic};
use crate::sim::world::volumes::{Device, DeviceKind, ROOT_DEVICE};
use crate::sim::world::{Group, World, scaling};

/// The world is built this long before the start, so that instances that ought to run do run then.
/// Within it nothing is suspended, scheduled, held by hooks or disturbed.
const SETTLING: TimeDelta = TimeDelta::hours(1);

impl Fleet {
    /// The world as it is at the start.
    pub fn build(&self) -> World {
        let names = Names::of(self);
        let mut world = World::new(self.account_start() - SETTLING, self.seed);
        world.account.clone_from(&self.account);
        world.region.clone_from(&self.region);
        world.beliefs = self.beliefs.clone();
        for image in &self.images {
            put_image(&mut world, &names, &image.value, self.account_start());
        }
        for template in &self.templates {
            world.put_template(template_of(&names, &template.value, self.account_start()));
        }
        if !self.own_documents {
            world.ssm.documents = built_in();
        }
        for document in &self.documents {
            let document = document.value.document();
            world.ssm.documents.insert(document.name.clone(), document);
        }
        for runbook in &self.runbooks {
            let runbook = runbook.value.runbook();
            world.ssm.runbooks.insert(runbook.name.clone(), runbook);
        }
        for group in &self.groups {
            world.put_group(self.settling_group(&names, &group.value));
        }
        world.advance_to(self.account_start());
        for group in &self.groups {
            furnish(&mut world, &group.value);
        }
        self.put_others(&mut world, &names);
        world
    }

    fn put_others(&self, world: &mut World, names: &Names) {
        for topic in &self.topics {
            let name = &topic.value.name;
            let topic = Topic {
                name: name.clone(),
                ..Topic::default()
            };
            world
                .sns
                .topics
                .insert(Sns::arn(&self.region, &self.account, name), topic);
        }
        for parameter in self.parameters.iter().map(|p| &p.value) {
            let put = Put {
                name: parameter.name.clone(),
                value: names.image(&parameter.value),
                kind: Some(parameter.kind.clone()),
                data_type: Some(parameter.data_type.clone()),
                ..Put::default()
            };
            // The file was checked: it cannot be refused.
            let _ = world.ssm.parameters.put(put, self.account_start());
        }
        for event in &self.events {
            if let Some((trigger, action)) = rival(&event.value, names, self.account_start()) {
                let every = event.value.every_seconds.map(TimeDelta::seconds);
                rivals::plan_every(world, trigger, action, every);
            }
        }
    }

    /// The group with everything that does not disturb its coming into service.
    fn settling_group(&self, names: &Names, file: &GroupFile) -> Group {
        let mut group = Group::new(&file.name, launch_source(names, file));
        group.created_at = self.account_start() - TimeDelta::days(200);
        (group.min, group.max) = (file.min, file.max);
        group.desired = file.desired.unwrap_or(file.min);
        group.zones = if file.zones.is_empty() {
            vec![format!("{}a", self.region), format!("{}b", self.region)]
        } else {
            file.zones.clone()
        };
        group.subnets = group.zones.iter().map(|z| id_of("subnet", z)).collect();
        let tag = |propagate: bool| {
            move |(key, value): (&String, &String)| {
                let tag = GroupTag {
                    value: value.clone(),
                    propagate,
                };
                (key.clone(), tag)
            }
        };
        group.tags = file.tags.iter().map(tag(false)).collect();
        group
            .tags
            .extend(file.propagated_tags.iter().map(tag(true)));
        group.health_check_type.clone_from(&file.health_check);
        group.health_check_grace_seconds = file.health_check_grace_seconds;
        group.target_groups = file
            .target_groups
            .iter()
            .map(|name| {
                let (region, account) = (&self.region, &self.account);
                let hash = &id_of("tg", name)[3..19];
                format!("arn:aws:elasticloadbalancing:{region}:{account}:targetgroup/{name}/{hash}")
            })
            .collect();
        group
            .classic_load_balancers
            .clone_from(&file.classic_load_balancers);
        group.drain_seconds = file.drain_seconds;
        group.new_instances_protected = file.new_instances_protected;
        group
            .desired_capacity_type
            .clone_from(&file.desired_capacity_type);
        let behaviour = file.behaviour.over(&names.platform(file).behaviour());
        group.canary_behaviour = file.canary.as_ref().map(|c| {
            let base = Behaviour {
                failure: None,
                ..behaviour.clone()
            };
            Arc::new(c.over(&base))
        });
        group.behaviour = Arc::new(behaviour);
        group
    }
}

/// Adds what acts on a group or holds it back.
fn furnish(world: &mut World, file: &GroupFile) {
    let Some(mut group) = world.groups.get(&file.name).cloned() else {
        return;
    };
    group.hooks = file.hooks.iter().map(hook).collect();
    let since = suspended_by_user(world.now);
    let reason = |process: &String| (process.clone(), since.clone());
    group.suspended = file.suspended.iter().map(reason).collect();
    group.warm_pool = file.warm_pool.as_ref().map(|pool| WarmPool {
        max_prepared: pool.max_prepared,
        min: pool.min,
        state: pool.state.clone(),
        reuse_on_scale_in: pool.reuse_on_scale_in,
    });
    group.alarm = file.alarm.as_ref().map(|alarm| AlarmPolicy {
        every_seconds: alarm.every_seconds,
        adjustment: alarm.adjustment,
    });
    group.operator.clone_from(&file.operator);
    world.put_group(group);
    for action in &file.scheduled_actions {
        let action = ScheduledAction {
            name: action.name.clone(),
            min: action.min,
            max: action.max,
            desired: action.desired,
            recurrence: action.recurrence.clone(),
            time_zone: action.time_zone.clone(),
            start: action.start,
            end: action.end,
            next_run: None,
        };
        // Only a start in the past can be refused: such an action is over, as AWS has it.
        let _ = world.put_scheduled_action(&file.name, action);
    }
    if let Some(refresh) = &file.instance_refresh {
        // There is no other refresh yet that could forbid it.
        let _ = scaling::start_refresh(world, &file.name, refresh.desired_configuration, None);
    }
    // The group's own pass would end the deletion at once.
    world.advance_to(world.now);
    if let Some(group) = world.groups.get_mut(&file.name) {
        group.status.clone_from(&file.status);
    }
}

fn hook(file: &HookFile) -> LifecycleHook {
    LifecycleHook {
        name: file.name.clone(),
        transition: match file.transition {
            TransitionName::Launching => Transition::Launching,
            TransitionName::Terminating => Transition::Terminating,
        },
        heartbeat_seconds: file.heartbeat_seconds,
        default_continue: file.default_result == ResultName::Continue,
        completed_after_seconds: file.completed_after_seconds,
    }
}

fn launch_source(names: &Names, file: &GroupFile) -> LaunchSource {
    if let Some(configuration) = &file.launch_configuration {
        return LaunchSource::Configuration(LaunchConfiguration {
            name: configuration.name.clone(),
            image: names.image(&configuration.image),
            instance_type: configuration.instance_type.clone(),
        });
    }
    if let Some(mixed) = &file.mixed {
        return LaunchSource::Mixed(mixed_policy(names, mixed));
    }
    let template = file.template.as_deref().unwrap_or_default();
    LaunchSource::Template(names.spec(template, file.version.as_ref()))
}

fn mixed_policy(names: &Names, file: &MixedFile) -> MixedPolicy {
    MixedPolicy {
        distribution: InstancesDistribution {
            on_demand_percentage: file.on_demand_percentage,
            ..InstancesDistribution::default()
        },
        base: names.spec(&file.template, file.version.as_ref()),
        overrides: file
            .overrides
            .iter()
            .map(|o| Override {
                instance_type: o.instance_type.clone(),
                weight: o.weight.map(|w| w.to_string()),
                template: o
                    .template
                    .as_ref()
                    .map(|template| names.spec(template, o.version.as_ref())),
                image: o.image.as_ref().map(|image| names.image(image)),
                requirements: requirements(o),
            })
            .collect(),
    }
}

/// InstanceRequirements, which always name the least vCPUs and memory (botocore, InstanceRequirements).
fn requirements(file: &OverrideFile) -> Option<Value> {
    let (vcpus, mib) = (file.vcpus?, file.memory_mib?);
    Some(json!({"VCpuCount": {"Min": vcpus}, "MemoryMiB": {"Min": mib}}))
}

fn put_image(world: &mut World, names: &Names, file: &ImageFile, start: DateTime<Utc>) {
    let id = names.image(&file.name);
    let made_at = start - TimeDelta::days(file.age_days);
    let guest = guest_of(file, made_at);
    let mut image = Image::new(&id, &file.name, guest);
    image.own = file.own;
    image.created_at = made_at;
    image.done_at = made_at;
    image.tags.clone_from(&file.tags);
    image.description.clone_from(&file.description);
    let snapshot = |seed: &str, volume_gib: u32| Snapshot {
        id: id_of("snap", seed),
        description: format!("Created by CreateImage for {id}"),
        volume: id_of("vol", seed),
        volume_gib,
        state: SnapshotState::Completed,
        started_at: made_at,
        done_at: made_at,
        visible_at: made_at,
        tags: file.tags.clone(),
    };
    let mut volume = |device: &str, snapshot: Snapshot| {
        let device = Device::of_snapshot(device, snapshot.volume_gib, &snapshot.id);
        world.snapshots.insert(snapshot.id.clone(), snapshot);
        device
    };
    image.devices = vec![volume(ROOT_DEVICE, snapshot(&file.name, file.gib))];
    for device in &file.block_devices {
        let name = &device.device;
        image.devices.push(match &device.instance_store {
            Some(store) => Device {
                name: name.clone(),
                kind: DeviceKind::InstanceStore(store.clone()),
            },
            None => {
                let seed = format!("{}{name}", file.name);
                volume(name, snapshot(&seed, device.gib.unwrap_or(file.gib)))
            }
        });
    }
    file.platform.name().clone_into(&mut image.platform);
    world.put_image(image);
}

fn template_of(names: &Names, file: &TemplateFile, start: DateTime<Utc>) -> Template {
    let id = names.templates.get(&file.name).cloned().unwrap_or_default();
    let mut template = Template::new(&id, &file.name, TemplateData::default());
    template.created_at = start - TimeDelta::days(200);
    template.default = file.default;
    template.latest = file.versions.len() as u64;
    template.tags.clone_from(&file.tags);
    template.versions = (1_u32..)
        .zip(&file.versions)
        .map(|(number, version)| {
            let created_at = template.created_at + TimeDelta::hours(i64::from(number));
            let version = TemplateVersion {
                created_at,
                visible_at: created_at,
                description: version.description.clone(),
                data: version_data(names, version),
            };
            (u64::from(number), version)
        })
        .collect::<BTreeMap<u64, TemplateVersion>>();
    template
}

/// Template data under the names that requests use.
fn version_data(names: &Names, file: &VersionFile) -> TemplateData {
    let mut data = Map::new();
    if let Some(image) = &file.image {
        data.insert("ImageId".into(), json!(names.image(image)));
    }
    if let Some(kind) = &file.instance_type {
        data.insert("InstanceType".into(), json!(kind));
    }
    if let Some(text) = &file.user_data {
        data.insert(
            "UserData".into(),
            json!(aws_smithy_types::base64::encode(text)),
        );
    }
    if !file.block_devices.is_empty() {
        let devices: Vec<Value> = file
            .block_devices
            .iter()
            .map(|device| {
                let mut ebs = Map::new();
                if let Some(gib) = device.gib {
                    ebs.insert("VolumeSize".into(), json!(gib));
                }
                if let Some(snapshot) = &device.snapshot {
                    let snapshot = names.snapshot(snapshot);
                    ebs.insert("SnapshotId".into(), json!(snapshot));
                }
                if let Some(store) = &device.instance_store {
                    return json!({"DeviceName": device.device, "VirtualName": store});
                }
                json!({"DeviceName": device.device, "Ebs": ebs})
            })
            .collect();
        data.insert("BlockDeviceMapping".into(), Value::Array(devices));
    }
    if !file.instance_tags.is_empty() {
        let tags: Vec<Value> = file
            .instance_tags
            .iter()
            .map(|(key, value)| json!({"Key": key, "Value": value}))
            .collect();
        data.insert(
            "TagSpecification".into(),
            json!([{"ResourceType": "instance", "Tag": tags}]),
        );
    }
    TemplateData(data)
}
