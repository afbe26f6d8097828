//! The simulated world: resources, a virtual clock's reading, seeded randomness. No HTTP.
//!
//! Whatever takes time is an [`WorldEvent`] in a heap, drained up to "now" before each request: there are
//! no background tasks, and the same seed gives the same world.

pub mod agents;
pub mod automations;
pub mod behaviour;
pub mod calendars;
pub mod commands;
pub mod documents;
pub mod events;
pub mod executions;
pub mod groups;
pub mod guest;
mod image_index;
pub mod images;
pub mod instance;
pub mod maintenance;
pub mod parameters;
pub mod patching;
mod quartz;
mod ready;
pub mod rivals;
pub mod running;
pub mod scaling;
pub mod schedule;
pub mod scheduler;
pub mod templates;
pub mod topics;
pub mod volumes;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use behaviour::Spread;
pub use events::{EventQueue, WorldEvent};
pub use groups::Group;
pub use images::{Image, Snapshot};
pub use instance::Instance;
pub use templates::Template;

use groups::{GroupTag, ScheduledAction};
use instance::InstanceState;

use super::beliefs::{AutoScalingReads, Beliefs, Flip, NewResources};
use super::wire::ApiError;

/// The simulated account in one region.
#[derive(Clone, Debug)]
pub struct World {
    /// The present, never going back.
    pub now: DateTime<Utc>,
    /// All randomness comes from here.
    pub rng: fastrand::Rng,
    /// Twelve digits.
    pub account: String,
    /// e.g. `eu-west-1`.
    pub region: String,
    /// How AWS behaves where nothing settles it.
    pub beliefs: Beliefs,
    queue: EventQueue,
    next_id: u64,
    /// Instances by id, terminated ones included for an hour.
    pub instances: BTreeMap<String, Instance>,
    /// Systems Manager.
    pub ssm: commands::Ssm,
    /// SNS.
    pub sns: topics::Sns,
    /// Executions of state machines, by ARN: written by what runs them, outside the world.
    pub executions: BTreeMap<String, executions::Execution>,
    /// Schedules of EventBridge Scheduler, by the names of their group and their own.
    pub schedules: scheduler::Schedules,
    /// Maintenance windows of Systems Manager, by id.
    pub maintenance_windows: BTreeMap<String, maintenance::MaintenanceWindow>,
    /// Others in the account.
    pub rivals: rivals::Rivals,
    /// Names of the groups that were given a target group, by its ARN.
    target_users: BTreeMap<String, BTreeSet<String>>,
    /// Targets that calls registered with target groups.
    pub registrations: scaling::targets::Registrations,
    /// Auto Scaling groups by name.
    pub groups: BTreeMap<String, Group>,
    /// Launch templates by id.
    pub templates: BTreeMap<String, Template>,
    /// Ids of launch templates by name.
    template_names: BTreeMap<String, String>,
    /// Images by id.
    pub images: BTreeMap<String, Image>,
    /// Ids of this account's images by name.
    image_names: BTreeMap<String, String>,
    /// Ids of all images by name, snapshot and source instance.
    image_index: image_index::ImageIndex,
    /// Names of deregistered images that are not free yet, with the image and the time from which
    /// they are.
    retired_names: BTreeMap<String, (String, DateTime<Utc>)>,
    /// Snapshots by id.
    pub snapshots: BTreeMap<String, Snapshot>,
    /// Answers already given to client tokens: operation and token to request and answer.
    tokens: BTreeMap<(String, String), (Value, Value)>,
    activities: u64,
}

impl World {
    /// An empty account.
    pub fn new(now: DateTime<Utc>, seed: u64) -> Self {
        Self {
            now,
            rng: fastrand::Rng::with_seed(seed),
            account: "123456789012".into(),
            region: "eu-west-1".into(),
            beliefs: Beliefs::default(),
            queue: EventQueue::default(),
            next_id: 0,
            instances: BTreeMap::new(),
            ssm: commands::Ssm::default(),
            sns: topics::Sns::default(),
            executions: BTreeMap::new(),
            schedules: scheduler::Schedules::default(),
            maintenance_windows: BTreeMap::new(),
            rivals: rivals::Rivals::default(),
            target_users: BTreeMap::new(),
            registrations: BTreeMap::new(),
            groups: BTreeMap::new(),
            templates: BTreeMap::new(),
            template_names: BTreeMap::new(),
            images: BTreeMap::new(),
            image_names: BTreeMap::new(),
            image_index: image_index::ImageIndex::default(),
            retired_names: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            tokens: BTreeMap::new(),
            activities: 0,
        }
    }

    /// Puts a group into the account, replacing one of the same name. It starts to work towards its
    /// desired capacity, and its scheduled actions and alarm are set.
    pub fn put_group(&mut self, mut group: Group) {
        let name = group.name.clone();
        let actions = std::mem::take(&mut group.scheduled);
        // It was there a moment ago, too: an action that is due now runs.
        let before = self.now - TimeDelta::seconds(1);
        if let Some(alarm) = group.alarm {
            let at = self.now + TimeDelta::seconds(alarm.every_seconds.max(1));
            self.schedule(at, WorldEvent::Alarm(name.clone()));
        }
        for arn in group.load_balancers() {
            let users = self.target_users.entry(arn.clone()).or_default();
            users.insert(name.clone());
        }
        self.groups.insert(name.clone(), group);
        for action in actions.into_values() {
            // A scheduled action that is refused here is missing from the list of actions.
            let _ = scaling::scheduled::put(self, &name, action, before);
        }
        scaling::request_pass(self, &name);
    }

    /// Puts a launch template into the account.
    pub fn put_template(&mut self, template: Template) {
        self.template_names
            .insert(template.name.clone(), template.id.clone());
        self.templates.insert(template.id.clone(), template);
    }

    /// Puts an image into the account.
    pub fn put_image(&mut self, image: Image) {
        if image.own {
            self.image_names
                .insert(image.name.clone(), image.id.clone());
        }
        if let Some(replaced) = self.images.get(&image.id) {
            self.image_index.remove(replaced);
        }
        self.image_index.add(&image);
        self.images.insert(image.id.clone(), image);
    }

    /// The ids of the images of this name, in order.
    pub(in crate::sim) fn images_named(&self, name: &str) -> impl Iterator<Item = &str> {
        self.image_index.named(name).map(String::as_str)
    }

    /// A group, or the answer that there is none.
    pub fn group(&self, name: &str) -> Result<&Group, ApiError> {
        self.groups.get(name).ok_or_else(|| scaling::no_group(name))
    }

    /// A group to change, or the answer that there is none.
    pub fn group_mut(&mut self, name: &str) -> Result<&mut Group, ApiError> {
        self.groups
            .get_mut(name)
            .ok_or_else(|| scaling::no_group(name))
    }

    /// Deletes a group by force, its instances with it.
    pub fn delete_group(&mut self, name: &str) -> Result<(), ApiError> {
        scaling::delete_group(self, name, true)
    }

    /// Puts a tag on a group.
    pub fn put_group_tag(
        &mut self,
        name: &str,
        key: &str,
        value: &str,
        propagate: bool,
    ) -> Result<(), ApiError> {
        let tag = GroupTag {
            value: value.to_owned(),
            propagate,
        };
        self.group_mut(name)?.tags.insert(key.to_owned(), tag);
        Ok(())
    }

    /// Takes a tag from a group; it need not be there.
    pub fn remove_group_tag(&mut self, name: &str, key: &str) -> Result<(), ApiError> {
        self.group_mut(name)?.tags.remove(key);
        Ok(())
    }

    /// Puts a scheduled action, new or changed, and sets its next run.
    pub fn put_scheduled_action(
        &mut self,
        name: &str,
        action: ScheduledAction,
    ) -> Result<(), ApiError> {
        let now = self.now;
        scaling::scheduled::put(self, name, action, now)
    }

    /// A group as reads show it now: as it was before a change that is not shown yet.
    pub fn shown<'w>(&'w self, group: &'w Group) -> &'w Group {
        match &group.before_change {
            Some((until, before)) if *until > self.now => before,
            Some(_) | None => group,
        }
    }

    /// A group is about to be changed: for some seconds reads may show it as it is now.
    pub(in crate::sim) fn note_change(&mut self, name: &str) {
        if self.beliefs.auto_scaling_reads != AutoScalingReads::Seconds {
            return;
        }
        let until = self.now + self.draw(Spread::seconds(2.0, 1.0));
        let now = self.now;
        let Some(group) = self.groups.get_mut(name) else {
            return;
        };
        if group
            .before_change
            .as_ref()
            .is_some_and(|(at, _)| *at > now)
        {
            return; // an older state is still shown
        }
        group.before_change = None;
        group.before_change = Some((until, Box::new(group.clone())));
    }

    /// An instance that reads know.
    pub fn visible_instance(&self, id: &str) -> Option<&Instance> {
        self.instances.get(id).filter(|i| i.visible_at <= self.now)
    }

    /// `Linux` or `Windows`: what the instance's image says.
    pub fn platform_of(&self, instance: &Instance) -> &str {
        let image = self.images.get(&instance.image);
        image.map_or("Linux", |i| i.platform.as_str())
    }

    /// An instance is running now.
    fn instance_started(&mut self, id: &str) {
        let now = self.now;
        let Some(instance) = self.instances.get_mut(id) else {
            return;
        };
        if instance.state != InstanceState::Pending {
            return;
        }
        instance.enter(InstanceState::Running, now);
        let checks = instance.behaviour.checks;
        let impaired = instance.behaviour.failure == Some(behaviour::Failure::Impaired);
        let checks_ok_at = now + self.draw(checks);
        if let Some(instance) = self.instances.get_mut(id) {
            instance.checks_ok_at = (!impaired).then_some(checks_ok_at);
        }
        guest::started(self, id);
        commands::on_instance_running(self, id);
        scaling::member_started(self, id);
    }

    /// The earlier answer to this client token; an error if the request differed.
    pub(in crate::sim) fn token_answer(
        &self,
        operation: &str,
        token: Option<&str>,
        request: &Value,
    ) -> Result<Option<Value>, ApiError> {
        let Some(token) = token.filter(|_| !self.beliefs.denies(Flip::TokenMakesOnce)) else {
            return Ok(None);
        };
        match self.tokens.get(&(operation.to_owned(), token.to_owned())) {
            None => Ok(None),
            Some((before, answer)) if before == request => Ok(Some(answer.clone())),
            Some(_) => Err(ApiError::new(
                "IdempotentParameterMismatch",
                "Client token already used before with different parameters.",
            )),
        }
    }

    /// Remembers what was answered to a client token.
    pub(in crate::sim) fn remember_token(
        &mut self,
        operation: &str,
        token: Option<&str>,
        request: Value,
        answer: &Value,
    ) {
        if let Some(token) = token {
            let key = (operation.to_owned(), token.to_owned());
            self.tokens.insert(key, (request, answer.clone()));
        }
    }

    /// Puts an event into the future (or the present).
    pub fn schedule(&mut self, at: DateTime<Utc>, event: WorldEvent) {
        self.queue.push(at.max(self.now), event);
    }

    /// Puts an event `spread` after now.
    pub fn schedule_in(&mut self, spread: Spread, event: WorldEvent) {
        let at = self.now + self.draw(spread);
        self.schedule(at, event);
    }

    /// Lets everything happen that is due up to `now`, in order.
    pub fn advance_to(&mut self, now: DateTime<Utc>) {
        while let Some((at, event)) = self.queue.pop_due(now) {
            self.now = self.now.max(at);
            events::happen(self, event);
        }
        self.now = self.now.max(now);
    }

    /// Draws a duration.
    pub fn draw(&mut self, spread: Spread) -> TimeDelta {
        let factor = 1.0 + spread.spread * (2.0 * self.rng.f64() - 1.0);
        TimeDelta::milliseconds((spread.seconds * factor * 1000.0).max(0.0) as i64)
    }

    /// When something created now becomes visible to reads.
    pub fn visible_from(&mut self) -> DateTime<Utc> {
        let delay = self.draw(match self.beliefs.new_resources {
            NewResources::Seconds => Spread::seconds(1.0, 0.9),
            NewResources::TenSeconds => Spread::seconds(10.0, 0.5),
        });
        self.now + delay
    }

    /// A new id such as `i-0a1b...` (17 hexadecimal digits), unique and the same for the same seed.
    pub fn new_id(&mut self, prefix: &str) -> String {
        self.next_id += 1;
        let noise = self.rng.u64(..) & 0xfff_ffff;
        format!("{prefix}-0{:08x}{noise:08x}", self.next_id)
    }

    /// A new UUID-shaped id (36 characters), as commands have.
    pub fn new_uuid(&mut self) -> String {
        self.next_id += 1;
        let n = self.rng.u128(..);
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            self.next_id as u32,
            (n >> 96) as u16,
            (n >> 80) as u16 & 0xfff,
            (n >> 64) as u16 & 0xfff,
            n as u64 & 0xffff_ffff_ffff
        )
    }
}

/// Whether an id could be one of EC2's: the prefix, then 8 or 17 hexadecimal digits.
pub fn is_well_formed(id: &str, prefix: &str) -> bool {
    id.strip_prefix(prefix).is_some_and(|digits| {
        matches!(digits.len(), 8 | 17) && digits.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

/// A time as the XML protocols write it.
pub fn iso(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// A time as awsJson1.1 writes it: seconds since 1970 with a fraction.
pub fn epoch(at: DateTime<Utc>) -> f64 {
    at.timestamp_millis() as f64 / 1000.0
}
