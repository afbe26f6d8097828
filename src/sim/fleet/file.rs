//! The fleet file's tables, as TOML has them. `fleets/example.toml` shows every key with its meaning.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use crate::sim::world::behaviour::{Behaviour, Failure, Spread};
use crate::sim::world::documents::Document;

/// A time: TOML's own or RFC 3339 in quotes.
fn time<'de, D: Deserializer<'de>>(from: D) -> Result<DateTime<Utc>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a time such as 2026-10-14T04:00:00Z")]
    enum Time {
        Toml(toml::value::Datetime),
        Text(String),
    }
    let text = match Time::deserialize(from)? {
        Time::Toml(time) => time.to_string(),
        Time::Text(text) => text,
    };
    DateTime::parse_from_rfc3339(&text)
        .map(|t| t.with_timezone(&Utc))
        .map_err(|_| {
            D::Error::custom(format!(
                "expected a time such as 2026-10-14T04:00:00Z, found {text}"
            ))
        })
}

fn time_or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    time(from).map(Some)
}

fn one() -> u64 {
    1
}

fn certain() -> f64 {
    1.0
}

fn yes() -> bool {
    true
}

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FleetFile {
    /// Same seed, same run.
    #[serde(default = "one")]
    pub seed: u64,
    /// When the simulation begins.
    #[serde(deserialize_with = "time")]
    pub start: DateTime<Utc>,
    /// e.g. `eu-west-1`.
    #[serde(default = "FleetFile::default_region")]
    pub region: String,
    /// Twelve digits.
    #[serde(default = "FleetFile::default_account")]
    pub account: String,
    /// Images.
    #[serde(default)]
    pub images: Vec<Spanned<ImageFile>>,
    /// Launch templates.
    #[serde(default)]
    pub templates: Vec<Spanned<TemplateFile>>,
    /// Auto Scaling groups.
    #[serde(default)]
    pub groups: Vec<Spanned<GroupFile>>,
    /// SNS topics.
    #[serde(default)]
    pub topics: Vec<Spanned<TopicFile>>,
    /// Parameters in Parameter Store.
    #[serde(default)]
    pub parameters: Vec<Spanned<ParameterFile>>,
    /// Command documents beside AWS's own.
    #[serde(default)]
    pub documents: Vec<Spanned<DocumentFile>>,
    /// What others in the account do while the simulation runs.
    #[serde(default)]
    pub events: Vec<Spanned<EventFile>>,
    /// What goes wrong on the wire.
    #[serde(default)]
    pub faults: Vec<Spanned<FaultFile>>,
}

impl FleetFile {
    fn default_region() -> String {
        "eu-west-1".into()
    }

    fn default_account() -> String {
        "123456789012".into()
    }
}

/// An operating system family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Platform {
    /// Linux.
    #[default]
    Linux,
    /// Windows.
    Windows,
}

impl Platform {
    /// As SSM spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linux => "Linux",
            Self::Windows => "Windows",
        }
    }

    /// How its instances behave unless the file says otherwise.
    pub fn behaviour(self) -> Behaviour {
        match self {
            Self::Linux => Behaviour::default(),
            Self::Windows => Behaviour::windows(),
        }
    }
}

/// Patches by name, or how many.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a number of patches or a list of their names")]
pub enum Patches {
    /// So many, with made-up names.
    Count(usize),
    /// These.
    Names(Vec<String>),
}

impl Default for Patches {
    fn default() -> Self {
        Self::Count(0)
    }
}

/// An image.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageFile {
    /// Its name, which templates use.
    pub name: String,
    /// `ami-...`; made from the name without it.
    pub id: Option<String>,
    /// Size of its volume.
    #[serde(default = "ImageFile::default_gib")]
    pub gib: u32,
    /// What a Scan finds missing on its instances.
    #[serde(default)]
    pub missing: Patches,
    /// What is installed in it.
    #[serde(default)]
    pub installed: Patches,
    /// How old it is at the start.
    #[serde(default = "ImageFile::default_age")]
    pub age_days: i64,
    /// Linux or Windows.
    #[serde(default)]
    pub platform: Platform,
    /// Whether this account owns it.
    #[serde(default = "yes")]
    pub own: bool,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

impl ImageFile {
    fn default_gib() -> u32 {
        8
    }

    fn default_age() -> i64 {
        45
    }
}

/// A launch template.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateFile {
    /// Its name.
    pub name: String,
    /// `lt-...`; made from the name without it.
    pub id: Option<String>,
    /// Its versions: the first is 1.
    pub versions: Vec<VersionFile>,
    /// The default version's number.
    #[serde(default = "one")]
    pub default: u64,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// A version of a launch template.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionFile {
    /// The name of one of the file's images, an `ami-` id, or `resolve:ssm:...`.
    pub image: Option<String>,
    /// e.g. `t3.small`.
    pub instance_type: Option<String>,
    /// VersionDescription.
    pub description: Option<String>,
    /// BlockDeviceMappings.
    #[serde(default)]
    pub block_devices: Vec<BlockDeviceFile>,
    /// Tags for the instances.
    #[serde(default)]
    pub instance_tags: BTreeMap<String, String>,
    /// User data, in plain text.
    pub user_data: Option<String>,
}

/// A block device of a template version.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockDeviceFile {
    /// e.g. `/dev/xvda`.
    pub device: String,
    /// Size.
    pub gib: Option<u32>,
    /// A snapshot that the device is made of.
    pub snapshot: Option<String>,
}

/// A version's number or symbol.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a version number, \"$Latest\" or \"$Default\"")]
pub enum VersionName {
    /// By number.
    Number(u64),
    /// As text.
    Text(String),
}

impl VersionName {
    /// As AWS has it.
    pub fn text(&self) -> String {
        match self {
            Self::Number(n) => n.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// An Auto Scaling group, or `count` of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupFile {
    /// Its name; `{n}` is replaced by the copy's number.
    pub name: String,
    /// So many copies, each with its own copies of template and images.
    pub count: Option<u64>,
    /// MinSize.
    #[serde(default)]
    pub min: i64,
    /// MaxSize.
    #[serde(default)]
    pub max: i64,
    /// DesiredCapacity; MinSize without it.
    pub desired: Option<i64>,
    /// A launch template's name.
    pub template: Option<String>,
    /// Its version; without it the group names none.
    pub version: Option<VersionName>,
    /// A mixed instances policy in place of a template.
    pub mixed: Option<MixedFile>,
    /// A launch configuration in place of a template.
    pub launch_configuration: Option<ConfigurationFile>,
    /// Zones; the region's first two without it.
    #[serde(default)]
    pub zones: Vec<String>,
    /// Tags of the group.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Tags that its instances get as well.
    #[serde(default)]
    pub propagated_tags: BTreeMap<String, String>,
    /// Scheduled actions.
    #[serde(default)]
    pub scheduled_actions: Vec<ActionFile>,
    /// Lifecycle hooks.
    #[serde(default)]
    pub hooks: Vec<HookFile>,
    /// Processes that are suspended at the start.
    #[serde(default)]
    pub suspended: Vec<String>,
    /// HealthCheckType.
    #[serde(default = "GroupFile::default_health_check")]
    pub health_check: String,
    /// HealthCheckGracePeriod.
    #[serde(default)]
    pub health_check_grace_seconds: i64,
    /// Names of target groups.
    #[serde(default)]
    pub target_groups: Vec<String>,
    /// How long the target groups drain a leaving instance.
    #[serde(default = "GroupFile::default_drain")]
    pub drain_seconds: i64,
    /// NewInstancesProtectedFromScaleIn.
    #[serde(default)]
    pub new_instances_protected: bool,
    /// A warm pool.
    pub warm_pool: Option<WarmPoolFile>,
    /// An instance refresh that is under way at the start.
    pub instance_refresh: Option<RefreshFile>,
    /// The AWS service that owns the group.
    pub operator: Option<String>,
    /// Set while the group is being deleted.
    pub status: Option<String>,
    /// An alarm that acts on the group.
    pub alarm: Option<AlarmFile>,
    /// How its instances behave.
    #[serde(default)]
    pub behaviour: BehaviourFile,
    /// How instances behave that come from an image made in the simulation, on top of `behaviour`.
    pub canary: Option<BehaviourFile>,
}

impl GroupFile {
    fn default_health_check() -> String {
        "EC2".into()
    }

    fn default_drain() -> i64 {
        300
    }
}

/// A mixed instances policy.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixedFile {
    /// The base template's name.
    pub template: String,
    /// Its version.
    pub version: Option<VersionName>,
    /// OnDemandPercentageAboveBaseCapacity.
    #[serde(default = "MixedFile::default_percentage")]
    pub on_demand_percentage: i64,
    /// Overrides in order of priority.
    #[serde(default)]
    pub overrides: Vec<OverrideFile>,
}

impl MixedFile {
    fn default_percentage() -> i64 {
        100
    }
}

/// An override of a mixed instances policy.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OverrideFile {
    /// e.g. `t3.small`.
    pub instance_type: Option<String>,
    /// WeightedCapacity.
    pub weight: Option<u32>,
    /// Its own template's name.
    pub template: Option<String>,
    /// That template's version.
    pub version: Option<VersionName>,
    /// Its own image: a name from the file or an `ami-` id.
    pub image: Option<String>,
}

/// A launch configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigurationFile {
    /// Its name.
    pub name: String,
    /// Its image: a name from the file or an `ami-` id.
    pub image: String,
    /// e.g. `t3.small`.
    pub instance_type: String,
}

/// A scheduled action.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionFile {
    /// Its name.
    pub name: String,
    /// MinSize.
    pub min: Option<i64>,
    /// MaxSize.
    pub max: Option<i64>,
    /// DesiredCapacity.
    pub desired: Option<i64>,
    /// Five cron fields, Sunday 0 or 7.
    pub recurrence: Option<String>,
    /// Zone of the recurrence.
    pub time_zone: Option<String>,
    /// StartTime.
    #[serde(default, deserialize_with = "time_or_none")]
    pub start: Option<DateTime<Utc>>,
    /// EndTime.
    #[serde(default, deserialize_with = "time_or_none")]
    pub end: Option<DateTime<Utc>>,
}

/// A lifecycle hook.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookFile {
    /// Its name.
    pub name: String,
    /// When it holds an instance.
    pub transition: TransitionName,
    /// HeartbeatTimeout.
    #[serde(default = "HookFile::default_heartbeat")]
    pub heartbeat_seconds: i64,
    /// DefaultResult.
    #[serde(default)]
    pub default_result: ResultName,
    /// Somebody completes the action with CONTINUE after so long; nobody does without it.
    pub completed_after_seconds: Option<i64>,
}

impl HookFile {
    fn default_heartbeat() -> i64 {
        3600
    }
}

/// A hook's transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransitionName {
    /// autoscaling:EC2_INSTANCE_LAUNCHING
    Launching,
    /// autoscaling:EC2_INSTANCE_TERMINATING
    Terminating,
}

/// A hook's default result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ResultName {
    /// Go on.
    Continue,
    /// Terminate the instance.
    #[default]
    Abandon,
}

/// A warm pool.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WarmPoolFile {
    /// Its MinSize.
    #[serde(default)]
    pub min: i64,
    /// MaxGroupPreparedCapacity.
    pub max_prepared: Option<i64>,
    /// PoolState.
    #[serde(default = "WarmPoolFile::default_state")]
    pub state: String,
    /// InstanceReusePolicy.
    #[serde(default)]
    pub reuse_on_scale_in: bool,
}

impl WarmPoolFile {
    fn default_state() -> String {
        "Stopped".into()
    }
}

/// An instance refresh under way.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefreshFile {
    /// Whether it was started with a desired configuration.
    #[serde(default)]
    pub desired_configuration: bool,
}

/// An alarm that stays in breach.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmFile {
    /// It acts every so many seconds.
    pub every_seconds: i64,
    /// It changes the desired capacity by so much.
    pub adjustment: i64,
}

/// Behaviour: what is not named is the platform's usual.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BehaviourFile {
    /// Launch to running.
    pub boot: Option<Spread>,
    /// Running to registered with SSM.
    pub agent: Option<Spread>,
    /// Running to status checks passed.
    pub checks: Option<Spread>,
    /// Terminate call to terminated.
    pub terminate: Option<Spread>,
    /// A Scan.
    pub scan: Option<Spread>,
    /// An Install without its reboot.
    pub install: Option<Spread>,
    /// A reboot.
    pub reboot: Option<Spread>,
    /// Any other command.
    pub command: Option<Spread>,
    /// An image, per GiB.
    pub image_per_gib: Option<Spread>,
    /// An image, fixed part.
    pub image_base: Option<Spread>,
    /// What goes wrong.
    pub failure: Option<Failure>,
}

impl BehaviourFile {
    /// This behaviour on top of another one.
    pub fn over(&self, base: &Behaviour) -> Behaviour {
        Behaviour {
            boot: self.boot.unwrap_or(base.boot),
            agent: self.agent.unwrap_or(base.agent),
            checks: self.checks.unwrap_or(base.checks),
            terminate: self.terminate.unwrap_or(base.terminate),
            scan: self.scan.unwrap_or(base.scan),
            install: self.install.unwrap_or(base.install),
            reboot: self.reboot.unwrap_or(base.reboot),
            command: self.command.unwrap_or(base.command),
            image_per_gib: self.image_per_gib.unwrap_or(base.image_per_gib),
            image_base: self.image_base.unwrap_or(base.image_base),
            failure: self.failure.or(base.failure),
        }
    }
}

/// An SNS topic.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicFile {
    /// Its name.
    pub name: String,
}

/// A parameter.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterFile {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// String, StringList or SecureString.
    #[serde(default = "ParameterFile::default_type", rename = "type")]
    pub kind: String,
    /// `text` or `aws:ec2:image`.
    #[serde(default = "ParameterFile::default_data_type")]
    pub data_type: String,
}

impl ParameterFile {
    fn default_type() -> String {
        "String".into()
    }

    fn default_data_type() -> String {
        "text".into()
    }
}

/// A command document.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentFile {
    /// Its name.
    pub name: String,
    /// Whether it patches as `AWS-RunPatchBaseline` does, and takes its parameters.
    #[serde(default)]
    pub patches: bool,
    /// What its script exits with.
    #[serde(default)]
    pub exit_code: i32,
    /// Platforms it is for.
    #[serde(default = "DocumentFile::default_platforms")]
    pub platforms: Vec<Platform>,
    /// Parameters it takes beside.
    #[serde(default)]
    pub parameters: Vec<String>,
}

impl DocumentFile {
    fn default_platforms() -> Vec<Platform> {
        vec![Platform::Linux, Platform::Windows]
    }

    /// The document.
    pub fn document(&self) -> Document {
        Document::custom(
            &self.name,
            self.patches,
            self.exit_code,
            self.platforms.iter().map(|p| p.name()),
            &self.parameters,
        )
    }
}

/// Something that somebody else does.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventFile {
    /// So long after the start.
    pub at_seconds: Option<i64>,
    /// Or after a call of this operation, e.g. `ssm:SendCommand`, has taken effect.
    pub on_call: Option<String>,
    /// The how-manieth such call.
    #[serde(default = "one")]
    pub nth: u64,
    /// Only calls count whose parameters contain this text.
    pub mentions: Option<String>,
    /// What is done.
    pub action: ActionName,
    /// The group it is done to.
    pub group: Option<String>,
    /// The tag's key, for `put-tag` and `remove-tag`.
    pub key: Option<String>,
    /// The tag's value, for `put-tag`.
    pub value: Option<String>,
    /// MinSize, for `set-capacity`.
    pub min: Option<i64>,
    /// MaxSize, for `set-capacity`.
    pub max: Option<i64>,
    /// DesiredCapacity, for `set-capacity`.
    pub desired: Option<i64>,
    /// The image of the new version, for `new-template-version`.
    pub image: Option<String>,
    /// For `point-at-version` and `set-default-version`.
    pub version: Option<VersionName>,
    /// For `suspend-process` and `resume-process`.
    pub process: Option<String>,
    /// For `delete-parameters`: all whose names begin so.
    pub prefix: Option<String>,
}

/// What others may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionName {
    /// Deletes the group by force.
    DeleteGroup,
    /// Puts a tag on the group.
    PutTag,
    /// Takes a tag from the group.
    RemoveTag,
    /// Changes the group's sizes.
    SetCapacity,
    /// Creates a version of the group's template.
    NewTemplateVersion,
    /// Lets the group use another version of its template.
    PointAtVersion,
    /// Changes the default version of the group's template.
    SetDefaultVersion,
    /// Terminates the group's instances.
    TerminateInstances,
    /// Suspends a process.
    SuspendProcess,
    /// Resumes a process.
    ResumeProcess,
    /// Deletes parameters.
    DeleteParameters,
}

/// A fault on the wire.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultFile {
    /// e.g. `ec2:CreateImage`; every call without it.
    pub operation: Option<String>,
    /// So many pass first.
    #[serde(default)]
    pub skip: u64,
    /// Then so many are hit.
    #[serde(default = "one")]
    pub times: u64,
    /// Each with this probability.
    #[serde(default = "certain")]
    pub probability: f64,
    /// What happens to them.
    pub fault: FaultName,
    /// The error's code, for `error` and `effect-then-error`.
    pub code: Option<String>,
    /// Its text.
    pub message: Option<String>,
    /// Its HTTP status; 400 without it.
    pub status: Option<u16>,
    /// The delay, for `slow`.
    pub seconds: Option<f64>,
}

/// Kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultName {
    /// An error, no effect.
    Error,
    /// Broken before it arrived.
    NeverArrived,
    /// Effect, and then the connection breaks.
    ReplyLost,
    /// Effect, and then an error.
    EffectThenError,
    /// No answer, no effect.
    Hang,
    /// Effect, and no answer.
    EffectThenHang,
    /// A late answer.
    Slow,
    /// A read from before the last change.
    StaleRead,
}
