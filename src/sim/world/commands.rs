//! Systems Manager commands: their documents, targets and states. How they proceed is in
//! [`super::running`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

pub use super::agents::{on_instance_gone, on_instance_running, reboot_guest};
use super::automations::{Automation, Runbook};
use super::behaviour::{Behaviour, Spread};
use super::calendars::Calendar;
use super::documents::{self, Document};
use super::parameters::Parameters;
use super::patching::{PatchRecord, RebootOption};
pub use super::running::{cancel, send};

/// A script must contain this text to count as the image-hygiene script.
const SEAL_MARK: &str = "asg-patch seal";

/// A script must contain this text to count as the one that waits until the guest is ready.
const READY_MARK: &str = "asg-patch ready";

/// The parameters of a command by name.
pub type Arguments = BTreeMap<String, Vec<String>>;

/// The state of Systems Manager.
#[derive(Clone, Debug)]
pub struct Ssm {
    /// Command documents by name.
    pub documents: BTreeMap<String, Document>,
    /// Change Calendars by name.
    pub calendars: BTreeMap<String, Calendar>,
    /// Automation runbooks by name.
    pub runbooks: BTreeMap<String, Runbook>,
    /// Executions of runbooks by id.
    pub automations: BTreeMap<String, Automation>,
    /// Commands by id.
    pub commands: BTreeMap<String, Command>,
    /// The parameters of all commands, each distinct set once: scripts are long, and sent again and again.
    arguments: BTreeSet<Arc<Arguments>>,
    /// Command ids by the order they were sent in.
    pub sent: BTreeMap<u64, String>,
    /// The same for each instance.
    pub sent_to: BTreeMap<String, BTreeMap<u64, String>>,
    /// Commands that are not over yet, by instance.
    pub(super) open: BTreeMap<String, BTreeSet<String>>,
    /// The last patch operation on each instance that had one.
    pub patch_records: BTreeMap<String, PatchRecord>,
    /// Parameter Store.
    pub parameters: Parameters,
}

impl Default for Ssm {
    fn default() -> Self {
        Self {
            runbooks: BTreeMap::new(),
            automations: BTreeMap::new(),
            calendars: BTreeMap::new(),
            documents: documents::set_up(),
            commands: BTreeMap::new(),
            arguments: BTreeSet::new(),
            sent: BTreeMap::new(),
            sent_to: BTreeMap::new(),
            open: BTreeMap::new(),
            patch_records: BTreeMap::new(),
            parameters: Parameters::default(),
        }
    }
}

impl Ssm {
    /// These parameters as all commands that have them share them.
    pub(in crate::sim) fn shared(&mut self, arguments: Arguments) -> Arc<Arguments> {
        if let Some(known) = self.arguments.get(&arguments) {
            return known.clone();
        }
        let new = Arc::new(arguments);
        self.arguments.insert(new.clone());
        new
    }
}

/// Events that happen by themselves in Systems Manager.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SsmEvent {
    /// An instance's agent registers.
    Register(String),
    /// A rebooted guest answers again.
    Back(String),
    /// A command reaches an agent.
    Deliver(InvocationKey),
    /// An agent has finished its work on a command.
    Finish(InvocationKey),
    /// Too late for the agent to take the command.
    DeliveryTimeout(InvocationKey),
    /// Too late for the agent to report the end of the command.
    TotalTimeout(InvocationKey),
    /// The time of an execution's steps is up, or of its cancelling; by id.
    AutomationOver(String),
}

/// One command on one instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InvocationKey {
    /// The command's id.
    pub command: String,
    /// The instance's id.
    pub instance: String,
}

/// The work that a command gives the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// A patch Scan.
    Scan,
    /// A patch Install.
    Install {
        /// Whether it may reboot.
        reboot: RebootOption,
        /// Whether an InstallOverrideList names the patches.
        from_list: bool,
    },
    /// A script; it ends with this exit code.
    Script {
        /// 0 is success.
        exit_code: i32,
        /// Its effect on the guest.
        effect: ScriptEffect,
    },
}

/// The effect of a script on the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptEffect {
    /// None.
    Nothing,
    /// The image-hygiene script.
    Seals,
    /// It waits until first boot is over and the package locks are free.
    WaitsForReady,
}

impl Work {
    /// The work of a document with these parameters.
    pub fn of(document: &Document, parameters: &Arguments) -> Self {
        let first = |name: &str| {
            parameters
                .get(name)
                .and_then(|v| v.first())
                .map(String::as_str)
        };
        if document.patches {
            return match first("Operation") {
                Some("Scan") => Self::Scan,
                _ => Self::Install {
                    reboot: if first("RebootOption") == Some("NoReboot") {
                        RebootOption::NoReboot
                    } else {
                        RebootOption::RebootIfNeeded
                    },
                    from_list: first("InstallOverrideList").is_some_and(|l| !l.is_empty()),
                },
            };
        }
        let content = document.content.iter();
        let texts: Vec<&String> = parameters.values().flatten().chain(content).collect();
        let says = |mark: &str| texts.iter().any(|text| text.contains(mark));
        Self::Script {
            exit_code: document.exit_code,
            effect: if says(SEAL_MARK) {
                ScriptEffect::Seals
            } else if says(READY_MARK) {
                ScriptEffect::WaitsForReady
            } else {
                ScriptEffect::Nothing
            },
        }
    }

    pub(super) fn duration(&self, behaviour: &Behaviour) -> Spread {
        match self {
            Self::Scan => behaviour.scan,
            Self::Install { .. } => behaviour.install,
            Self::Script { .. } => behaviour.command,
        }
    }

    pub(super) fn is_patching(&self) -> bool {
        match self {
            Self::Scan | Self::Install { .. } => true,
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
    pub parameters: Arc<Arguments>,
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
    /// The requested value, or the default.
    pub max_concurrency: String,
    /// The requested value, or the default.
    pub max_errors: String,
    /// The work that it gives the agents.
    pub work: Work,
    /// One per instance.
    pub invocations: BTreeMap<String, Box<Invocation>>,
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
    /// It was cancelled.
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

/// The agent's current step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
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
    pub(super) step: Step,
    /// It will run into its execution timeout.
    pub(super) overruns: bool,
    /// It met another patch operation on the same node.
    pub(super) collided: bool,
    /// It met a package lock.
    pub(super) locked: bool,
}

impl Invocation {
    pub(super) fn new() -> Self {
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
            locked: false,
        }
    }
}
