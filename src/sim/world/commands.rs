//! Systems Manager commands: documents, what was sent to whom, and how each invocation goes on.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

pub use super::agents::{on_instance_gone, on_instance_running, reboot_guest};
use super::behaviour::{Behaviour, Failure, Spread};
use super::documents::{self, Document};
use super::instance::InstanceState;
use super::parameters::Parameters;
use super::patching::{self, PatchRecord, RebootOption};
use super::{Event, World};

/// The agent polls for messages; a command reaches it about this long after it was sent.
const DELIVERY: Spread = Spread::seconds(1.5, 0.6);
/// After its own reboot the agent runs the step again, which finds nothing to do.
const RESUME: Spread = Spread::seconds(6.0, 0.4);
/// What a script must contain to count as the image-hygiene script.
const SEAL_MARK: &str = "asg-patch seal";

/// What Systems Manager knows.
#[derive(Clone, Debug)]
pub struct Ssm {
    /// Command documents by name.
    pub documents: BTreeMap<String, Document>,
    /// Commands by id.
    pub commands: BTreeMap<String, Command>,
    /// Command ids by the order they were sent in.
    pub sent: BTreeMap<u64, String>,
    /// The same for each instance.
    pub sent_to: BTreeMap<String, BTreeMap<u64, String>>,
    /// Commands that are not over yet, by instance.
    open: BTreeMap<String, BTreeSet<String>>,
    /// The last patch operation on each instance that had one.
    pub patch_records: BTreeMap<String, PatchRecord>,
    /// Parameter Store.
    pub parameters: Parameters,
}

impl Default for Ssm {
    fn default() -> Self {
        Self {
            documents: documents::built_in(),
            commands: BTreeMap::new(),
            sent: BTreeMap::new(),
            sent_to: BTreeMap::new(),
            open: BTreeMap::new(),
            patch_records: BTreeMap::new(),
            parameters: Parameters::default(),
        }
    }
}

/// What happens by itself in Systems Manager.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SsmEvent {
    /// An instance's agent registers.
    Register(String),
    /// A rebooted guest answers again.
    Back(String),
    /// A command reaches an agent.
    Deliver(InvocationKey),
    /// What an agent was doing for a command is done.
    Finish(InvocationKey),
    /// Too late for the agent to take the command.
    DeliveryTimeout(InvocationKey),
    /// Too late for the agent to report the end of the command.
    TotalTimeout(InvocationKey),
}

/// One command on one instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InvocationKey {
    /// The command's id.
    pub command: String,
    /// The instance's id.
    pub instance: String,
}

/// What a command makes the agent do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// A patch Scan.
    Scan,
    /// A patch Install.
    Install(RebootOption),
    /// A script; it ends with this exit code.
    Script {
        /// 0 is success.
        exit_code: i32,
        /// Whether it is the image-hygiene script.
        seals: bool,
    },
}

impl Work {
    /// What a document does with these parameters.
    pub fn of(document: &Document, parameters: &BTreeMap<String, Vec<String>>) -> Self {
        let first = |name: &str| {
            parameters
                .get(name)
                .and_then(|v| v.first())
                .map(String::as_str)
        };
        if document.patches {
            return match first("Operation") {
                Some("Scan") => Self::Scan,
                _ if first("RebootOption") == Some("NoReboot") => {
                    Self::Install(RebootOption::NoReboot)
                }
                _ => Self::Install(RebootOption::RebootIfNeeded),
            };
        }
        Self::Script {
            exit_code: document.exit_code,
            seals: parameters.values().flatten().any(|v| v.contains(SEAL_MARK)),
        }
    }

    fn duration(&self, behaviour: &Behaviour) -> Spread {
        match self {
            Self::Scan => behaviour.scan,
            Self::Install(_) => behaviour.install,
            Self::Script { .. } => behaviour.command,
        }
    }

    fn is_patching(&self) -> bool {
        match self {
            Self::Scan | Self::Install(_) => true,
            Self::Script { .. } => false,
        }
    }
}

/// A command that was sent.
#[derive(Clone, Debug)]
pub struct Command {
    /// 36 characters.
    pub id: String,
    /// Its place among all commands.
    pub sequence: u64,
    /// The document's name.
    pub document: String,
    /// The document's version as asked for.
    pub document_version: String,
    /// Its parameters.
    pub parameters: BTreeMap<String, Vec<String>>,
    /// The sender's words.
    pub comment: String,
    /// The instances named, if they were named.
    pub instance_ids: Vec<String>,
    /// Targets as asked for: key and values.
    pub targets: Vec<(String, Vec<String>)>,
    /// When it was sent.
    pub requested_at: DateTime<Utc>,
    /// Reads do not know it before this.
    pub visible_at: DateTime<Utc>,
    /// Seconds within which an agent must take it.
    pub timeout_seconds: i64,
    /// Seconds for which the document's step may run.
    pub execution_timeout_seconds: i64,
    /// As asked for, or the default.
    pub max_concurrency: String,
    /// As asked for, or the default.
    pub max_errors: String,
    /// What it makes the agents do.
    pub work: Work,
    /// One per instance.
    pub invocations: BTreeMap<String, Invocation>,
}

impl Command {
    /// When the service gives up on it: delivery and execution timeouts together.
    pub fn expires_at(&self) -> DateTime<Utc> {
        self.requested_at
            + TimeDelta::seconds(self.timeout_seconds + self.execution_timeout_seconds)
    }

    /// The status of the whole command and its details.
    ///
    /// Delivery time-outs and undeliverable invocations do not count as errors: beside a success
    /// they leave the command a success.
    pub fn status(&self) -> (&'static str, &'static str) {
        let all: Vec<Status> = self.invocations.values().map(|i| i.status).collect();
        let any = |s: Status| all.contains(&s);
        let every = |s: Status| all.iter().all(|x| *x == s);
        if all.is_empty() {
            ("Failed", "No Instances In Tag")
        } else if every(Status::Pending) {
            ("Pending", "Pending")
        } else if !all.iter().all(|s| s.is_final()) {
            ("InProgress", "InProgress")
        } else if any(Status::Failed) {
            ("Failed", "Failed")
        } else if any(Status::ExecutionTimedOut) {
            ("TimedOut", "Execution Timed Out")
        } else if any(Status::Cancelled) {
            ("Cancelled", "Cancelled")
        } else if any(Status::Success) && any(Status::DeliveryTimedOut) {
            ("TimedOut", "Incomplete")
        } else if any(Status::Success) {
            ("Success", "Success")
        } else if any(Status::DeliveryTimedOut) {
            ("TimedOut", "Delivery Timed Out")
        } else {
            ("Failed", "Failed")
        }
    }
}

/// How an invocation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not with the agent yet.
    Pending,
    /// With the agent.
    InProgress,
    /// Exit code 0.
    Success,
    /// Another exit code.
    Failed,
    /// The agent never took it, or never reported its end.
    DeliveryTimedOut,
    /// It ran longer than the document allows.
    ExecutionTimedOut,
    /// There is no such node any more, or it does not answer.
    Undeliverable,
    /// The document is not for this platform.
    InvalidPlatform,
    /// Somebody cancelled it.
    Cancelled,
}

impl Status {
    /// The value of `Status`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::InProgress => "InProgress",
            Self::Success => "Success",
            Self::Failed | Self::Undeliverable | Self::InvalidPlatform => "Failed",
            Self::DeliveryTimedOut | Self::ExecutionTimedOut => "TimedOut",
            Self::Cancelled => "Cancelled",
        }
    }

    /// The value of `StatusDetails`, with spaces as the API writes it.
    pub fn details(self) -> &'static str {
        match self {
            Self::DeliveryTimedOut => "Delivery Timed Out",
            Self::ExecutionTimedOut => "Execution Timed Out",
            Self::Undeliverable => "Undeliverable",
            Self::InvalidPlatform => "Invalid Platform",
            Self::Pending | Self::InProgress | Self::Success | Self::Failed | Self::Cancelled => {
                self.name()
            }
        }
    }

    /// Whether nothing more will come of it.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::InProgress)
    }
}

/// What the agent is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Waiting,
    Running,
    /// The step asked for a reboot and will be run again after it.
    Rebooting,
    /// Run again after its reboot.
    Resumed,
    /// Something else rebooted the guest: the agent cannot resume.
    Interrupted,
}

/// A command on one instance.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// How it stands.
    pub status: Status,
    /// When the agent took it.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// The exit code; -1 while there is none.
    pub response_code: i32,
    /// All of its output.
    pub stdout: String,
    /// All of its error output.
    pub stderr: String,
    step: Step,
    /// It will run into its execution timeout.
    overruns: bool,
    /// It met another patch operation on the same node.
    collided: bool,
}

impl Invocation {
    fn new() -> Self {
        Self {
            status: Status::Pending,
            started_at: None,
            finished_at: None,
            response_code: -1,
            stdout: String::new(),
            stderr: String::new(),
            step: Step::Waiting,
            overruns: false,
            collided: false,
        }
    }
}

/// How an invocation ended.
pub(super) struct End {
    pub(super) status: Status,
    pub(super) code: i32,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl End {
    fn without_output(status: Status, code: i32, stderr: &str) -> Self {
        Self {
            status,
            code,
            stdout: String::new(),
            stderr: stderr.to_owned(),
        }
    }
}

/// Sends a checked command to its nodes, and gives it its sequence. `wrong_platform` are those that its document is not for.
pub fn send(world: &mut World, mut command: Command, nodes: &[String], wrong_platform: &[String]) {
    command.sequence = world.ssm.sent.len() as u64;
    for instance in nodes {
        let key = InvocationKey {
            command: command.id.clone(),
            instance: instance.clone(),
        };
        let mut invocation = Invocation::new();
        let ssm = &mut world.ssm;
        ssm.sent_to
            .entry(instance.clone())
            .or_default()
            .insert(command.sequence, command.id.clone());
        if wrong_platform.contains(instance) {
            invocation.status = Status::InvalidPlatform;
            invocation.finished_at = Some(world.now);
        } else {
            ssm.open
                .entry(instance.clone())
                .or_default()
                .insert(command.id.clone());
            let take_by = command.requested_at + TimeDelta::seconds(command.timeout_seconds);
            world.schedule_in(DELIVERY, Event::Ssm(SsmEvent::Deliver(key.clone())));
            world.schedule(take_by, Event::Ssm(SsmEvent::DeliveryTimeout(key.clone())));
            world.schedule(
                command.expires_at(),
                Event::Ssm(SsmEvent::TotalTimeout(key)),
            );
        }
        command.invocations.insert(instance.clone(), invocation);
    }
    world.ssm.sent.insert(command.sequence, command.id.clone());
    world.ssm.commands.insert(command.id.clone(), command);
}

/// Cancels a command where it has not been taken yet, or only a little of it has run: best effort.
pub fn cancel(world: &mut World, command: &str, only: &[String]) {
    let Some(known) = world.ssm.commands.get(command) else {
        return;
    };
    let instances: Vec<String> = known
        .invocations
        .iter()
        .filter(|(id, i)| {
            (only.is_empty() || only.contains(*id))
                && matches!(i.step, Step::Waiting | Step::Running)
                && !i.status.is_final()
        })
        .map(|(id, _)| id.clone())
        .collect();
    for instance in instances {
        let key = InvocationKey {
            command: command.to_owned(),
            instance,
        };
        close(
            world,
            &key,
            End::without_output(Status::Cancelled, -1, "Command was cancelled"),
        );
    }
}

/// Lets one of Systems Manager's events happen.
pub(super) fn happen(world: &mut World, event: SsmEvent) {
    match event {
        SsmEvent::Register(instance) => super::agents::register(world, &instance),
        SsmEvent::Back(instance) => super::agents::back(world, &instance),
        SsmEvent::Deliver(key) => deliver(world, &key),
        SsmEvent::Finish(key) => finish(world, &key),
        SsmEvent::DeliveryTimeout(key) => give_up(world, &key, Status::Pending),
        SsmEvent::TotalTimeout(key) => {
            give_up(world, &key, Status::Pending);
            give_up(world, &key, Status::InProgress);
        }
    }
}

fn invocation_mut<'w>(world: &'w mut World, key: &InvocationKey) -> Option<&'w mut Invocation> {
    world
        .ssm
        .commands
        .get_mut(&key.command)?
        .invocations
        .get_mut(&key.instance)
}

fn close(world: &mut World, key: &InvocationKey, end: End) {
    let now = world.now;
    if let Some(open) = world.ssm.open.get_mut(&key.instance) {
        open.remove(&key.command);
        if open.is_empty() {
            world.ssm.open.remove(&key.instance);
        }
    }
    if let Some(invocation) = invocation_mut(world, key) {
        invocation.status = end.status;
        invocation.response_code = end.code;
        invocation.stdout = end.stdout;
        invocation.stderr = end.stderr;
        invocation.finished_at = Some(now);
    }
}

fn give_up(world: &mut World, key: &InvocationKey, while_in: Status) {
    if invocation_mut(world, key).is_some_and(|i| i.status == while_in) {
        close(
            world,
            key,
            End::without_output(Status::DeliveryTimedOut, -1, ""),
        );
    }
}

fn deliver(world: &mut World, key: &InvocationKey) {
    let now = world.now;
    let Some(instance) = world.instances.get(&key.instance) else {
        return;
    };
    let behaviour = instance.behaviour.clone();
    let reachable = instance.state == InstanceState::Running
        && instance.agent.as_ref().is_some_and(|a| a.is_here());
    if invocation_mut(world, key).is_none_or(|i| i.status != Status::Pending) || !reachable {
        return; // over already, or delivered when the guest is back
    }
    if behaviour.failure == Some(Failure::Undeliverable) {
        close(
            world,
            key,
            End::without_output(Status::Undeliverable, -1, ""),
        );
        return;
    }
    let Some(command) = world.ssm.commands.get(&key.command) else {
        return;
    };
    let (work, limit_seconds) = (command.work.clone(), command.execution_timeout_seconds);
    let collided = work.is_patching() && collide(world, key);
    let limit = TimeDelta::seconds(limit_seconds);
    let duration = world.draw(work.duration(&behaviour));
    if let Some(invocation) = invocation_mut(world, key) {
        invocation.status = Status::InProgress;
        invocation.step = Step::Running;
        invocation.started_at = Some(now);
        invocation.overruns = duration > limit;
        invocation.collided = collided;
    }
    world.schedule(
        now + duration.min(limit),
        Event::Ssm(SsmEvent::Finish(key.clone())),
    );
}

/// Marks the patch operations that already run on the node, and says whether there are any.
fn collide(world: &mut World, key: &InvocationKey) -> bool {
    let others: Vec<InvocationKey> = open_on(world, &key.instance)
        .into_iter()
        .filter(|other| other != key)
        .collect();
    let mut met = false;
    for other in others {
        let patching = world
            .ssm
            .commands
            .get(&other.command)
            .is_some_and(|c| c.work.is_patching());
        if let Some(invocation) = invocation_mut(world, &other)
            && patching
            && invocation.status == Status::InProgress
        {
            invocation.collided = true;
            met = true;
        }
    }
    met
}

fn open_on(world: &World, instance: &str) -> Vec<InvocationKey> {
    world.ssm.open.get(instance).map_or_else(Vec::new, |open| {
        open.iter()
            .map(|command| InvocationKey {
                command: command.clone(),
                instance: instance.to_owned(),
            })
            .collect()
    })
}

fn finish(world: &mut World, key: &InvocationKey) {
    let Some(command) = world.ssm.commands.get(&key.command) else {
        return;
    };
    let work = command.work.clone();
    let Some(invocation) = command.invocations.get(&key.instance) else {
        return;
    };
    if invocation.status != Status::InProgress {
        return;
    }
    if invocation.overruns {
        let end = End::without_output(Status::ExecutionTimedOut, -1, "the step timed out");
        return close(world, key, end);
    }
    match invocation.step {
        Step::Waiting | Step::Rebooting | Step::Interrupted => {}
        Step::Running if invocation.collided && work.is_patching() => {
            let end = End::without_output(
                Status::Failed,
                patching::EXIT_COLLISION,
                "another patch operation is running on this node",
            );
            close(world, key, end);
        }
        Step::Running => finish_first_run(world, key, &work),
        Step::Resumed => {
            let end = patching::report(world, key, &work);
            close(world, key, end);
        }
    }
}

fn finish_first_run(world: &mut World, key: &InvocationKey, work: &Work) {
    match work {
        Work::Scan => {
            let end = patching::report(world, key, work);
            close(world, key, end);
        }
        Work::Install(reboot) => {
            if patching::install(world, &key.instance, *reboot) {
                if let Some(invocation) = invocation_mut(world, key) {
                    invocation.step = Step::Rebooting;
                }
                reboot_guest(world, &key.instance);
            } else {
                let end = patching::report(world, key, work);
                close(world, key, end);
            }
        }
        Work::Script { exit_code, seals } => {
            let good = *exit_code == 0;
            if let Some(instance) = world.instances.get_mut(&key.instance) {
                instance.guest.sealed |= good && *seals;
            }
            let status = if good {
                Status::Success
            } else {
                Status::Failed
            };
            let stderr = if good {
                String::new()
            } else {
                format!("failed to run commands: exit status {exit_code}")
            };
            close(world, key, End::without_output(status, *exit_code, &stderr));
        }
    }
}

/// The guest went down for a reboot: steps that did not ask for it cannot be resumed.
pub(super) fn interrupt(world: &mut World, instance: &str) {
    for key in open_on(world, instance) {
        if let Some(invocation) = invocation_mut(world, &key)
            && matches!(invocation.step, Step::Running | Step::Resumed)
        {
            invocation.step = Step::Interrupted;
        }
    }
}

/// The guest answers again: its agent reports what it can, and takes what is waiting for it.
pub(super) fn resume(world: &mut World, instance: &str) {
    for key in open_on(world, instance) {
        let Some(invocation) = invocation_mut(world, &key) else {
            continue;
        };
        match invocation.step {
            Step::Waiting => {
                world.schedule_in(DELIVERY, Event::Ssm(SsmEvent::Deliver(key)));
            }
            Step::Rebooting => {
                invocation.step = Step::Resumed;
                world.schedule_in(RESUME, Event::Ssm(SsmEvent::Finish(key)));
            }
            Step::Interrupted => {
                let end = End::without_output(Status::Failed, 1, "the node was rebooted");
                close(world, &key, end);
            }
            Step::Running | Step::Resumed => {}
        }
    }
}

/// The node is gone: what was open on it cannot end any more.
pub(super) fn abandon(world: &mut World, instance: &str) {
    for key in open_on(world, instance) {
        close(
            world,
            &key,
            End::without_output(Status::Undeliverable, -1, ""),
        );
    }
}
