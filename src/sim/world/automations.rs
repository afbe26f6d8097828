//! Automation: runbooks and their executions.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::commands::{Arguments, SsmEvent};
use super::{World, WorldEvent};

/// A cancelled execution ends this long after it was asked to.
const CANCELLING: TimeDelta = TimeDelta::seconds(3);

/// How an execution of a runbook goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Course {
    /// How long its steps take, seconds. None: it stays `InProgress` until [`end`] is called, or it is stopped.
    pub seconds: Option<i64>,
    /// The status that it shows until then: empty is `InProgress`.
    pub meanwhile: String,
    /// The status that it ends with: empty is `Success`.
    pub status: String,
    /// Its `FailureMessage`, if that is one of failure.
    pub message: String,
    /// Its outputs: `step.Name` and values.
    pub outputs: Arguments,
}

/// An Automation runbook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runbook {
    /// Its name.
    pub name: String,
    /// The content of each version by its number, from 1; JSON, or YAML, which is kept and not understood.
    pub versions: BTreeMap<u64, String>,
    /// The number of the version by default.
    pub default: u64,
    /// How its executions go.
    pub course: Course,
}

/// A parameter that a runbook declares.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Declared {
    #[serde(default)]
    default: Option<Value>,
    #[serde(default)]
    allowed_values: Vec<Value>,
}

/// The parameters that a content in JSON declares.
fn declared(content: &str) -> Option<BTreeMap<String, Declared>> {
    #[derive(Deserialize)]
    struct Content {
        #[serde(default)]
        parameters: BTreeMap<String, Declared>,
    }
    let read: Content = serde_json::from_str(content).ok()?;
    Some(read.parameters)
}

impl Runbook {
    /// A runbook of one version.
    pub fn new(name: &str, content: &str, course: Course) -> Self {
        Self {
            name: name.to_owned(),
            versions: BTreeMap::from([(1, content.to_owned())]),
            default: 1,
            course,
        }
    }

    /// Makes another version, which becomes the default.
    pub fn change(&mut self, content: &str) {
        let number = self.latest() + 1;
        self.versions.insert(number, content.to_owned());
        self.default = number;
    }

    /// The number of the newest version.
    pub fn latest(&self) -> u64 {
        self.versions.keys().next_back().copied().unwrap_or(1)
    }

    /// The version that is asked for by number, as `$DEFAULT` or `$LATEST`, or not at all.
    pub fn version(&self, asked: Option<&str>) -> Option<(u64, &str)> {
        let number = match asked.unwrap_or("$DEFAULT") {
            "$DEFAULT" => self.default,
            "$LATEST" => self.latest(),
            number => number.parse().ok()?,
        };
        Some((number, self.versions.get(&number)?))
    }

    /// The parameters of the default version, with their defaults. A runbook in YAML has none here.
    pub fn declared(&self) -> BTreeMap<String, Option<String>> {
        let content = self.version(None).map_or("", |(_, content)| content);
        let text = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let declared = declared(content).unwrap_or_default().into_iter();
        declared
            .map(|(name, declared)| (name, declared.default.map(text)))
            .collect()
    }

    /// The first thing that is wrong with these parameters of a version, in words. Of a runbook in YAML nothing is.
    pub(in crate::sim) fn check(content: &str, given: &Arguments) -> Result<(), String> {
        let Some(parameters) = declared(content) else {
            return Ok(());
        };
        let names: BTreeSet<&String> = given.keys().collect();
        if let Some(name) = names.into_iter().find(|n| !parameters.contains_key(*n)) {
            return Err(format!("Parameter {name} is not declared in the document."));
        }
        for (name, declared) in &parameters {
            let Some(values) = given.get(name) else {
                match declared.default {
                    Some(_) => continue,
                    None => return Err(format!("Parameter {name} is required.")),
                }
            };
            let allowed = &declared.allowed_values;
            let is_allowed = |v: &String| allowed.is_empty() || allowed.iter().any(|a| a == v);
            if let Some(value) = values.iter().find(|v| !is_allowed(v)) {
                return Err(format!("Parameter {name} does not allow {value}."));
            }
        }
        Ok(())
    }
}

/// An execution of a runbook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Automation {
    /// Its id.
    pub id: String,
    /// Its place in the order in which executions were started.
    pub sequence: u64,
    /// The runbook's name.
    pub document: String,
    /// The number of the runbook's version.
    pub version: u64,
    /// Its parameters.
    pub parameters: Arguments,
    /// The ARN of who started it.
    pub executed_by: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// When it was started.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// Reads know it from then on.
    pub visible_at: DateTime<Utc>,
    /// `InProgress`, `Success`, and so on.
    pub status: String,
    /// Why it failed; empty if it did not.
    pub message: String,
    /// Its outputs: `step.Name` and values.
    pub outputs: Arguments,
}

/// A request to start an execution.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// The runbook's name.
    pub document: String,
    /// Its version: a number, `$DEFAULT`, `$LATEST`; none is the default.
    pub version: Option<String>,
    /// Parameters.
    pub parameters: Arguments,
    /// The ARN of who starts it.
    pub executed_by: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// Why an execution is not started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotStarted {
    /// No such runbook.
    Document,
    /// No such version.
    Version,
    /// The parameters are wrong, in words.
    Parameters(String),
}

/// Starts an execution, and answers its id.
///
/// # Errors
/// The reason why it is refused.
pub fn start(world: &mut World, start: Start) -> Result<String, NotStarted> {
    let runbook = world.ssm.runbooks.get(&start.document).cloned();
    let runbook = runbook.ok_or(NotStarted::Document)?;
    let version = runbook.version(start.version.as_deref());
    let (version, content) = version.ok_or(NotStarted::Version)?;
    Runbook::check(content, &start.parameters).map_err(NotStarted::Parameters)?;
    let id = world.new_uuid();
    let meanwhile = Some(runbook.course.meanwhile.as_str()).filter(|s| !s.is_empty());
    let automation = Automation {
        id: id.clone(),
        sequence: world.ssm.automations.len() as u64,
        document: start.document,
        version,
        parameters: start.parameters,
        executed_by: start.executed_by,
        tags: start.tags,
        started_at: world.now,
        ended_at: None,
        visible_at: world.visible_from(),
        status: meanwhile.unwrap_or("InProgress").to_owned(),
        message: String::new(),
        outputs: Arguments::new(),
    };
    world.ssm.automations.insert(id.clone(), automation);
    if let Some(seconds) = runbook.course.seconds {
        let at = world.now + TimeDelta::seconds(seconds);
        world.schedule(at, WorldEvent::Ssm(SsmEvent::AutomationOver(id.clone())));
    }
    Ok(id)
}

/// Ends an execution that is not over, as its steps would: with a status, a message if that is one of failure, and
/// outputs. Answers whether it was not over.
pub fn end(world: &mut World, id: &str, status: &str, message: &str, outputs: Arguments) -> bool {
    let now = world.now;
    let Some(automation) = world.ssm.automations.get_mut(id) else {
        return false;
    };
    if automation.ended_at.is_some() {
        return false;
    }
    status.clone_into(&mut automation.status);
    message.clone_into(&mut automation.message);
    automation.outputs = outputs;
    automation.ended_at = Some(now);
    true
}

/// The time of an execution's steps is up.
pub(super) fn over(world: &mut World, id: &str) {
    let Some(automation) = world.ssm.automations.get(id) else {
        return;
    };
    if automation.status == "Cancelling" {
        end(world, id, "Cancelled", "", Arguments::new());
        return;
    }
    let runbook = world.ssm.runbooks.get(&automation.document);
    let course = runbook.map_or_else(Course::default, |r| r.course.clone());
    let status = Some(course.status.as_str()).filter(|s| !s.is_empty());
    let status = status.unwrap_or("Success").to_owned();
    let is_good = ["Success", "CompletedWithSuccess"].contains(&status.as_str());
    let message = if is_good { "" } else { course.message.as_str() };
    end(world, id, &status, message, course.outputs.clone());
}

/// Stops an execution: it is `Cancelling`, and `Cancelled` a little later. Answers whether it was not over.
pub fn stop(world: &mut World, id: &str) -> bool {
    let Some(automation) = world.ssm.automations.get_mut(id) else {
        return false;
    };
    if automation.ended_at.is_some() {
        return false;
    }
    "Cancelling".clone_into(&mut automation.status);
    let at = world.now + CANCELLING;
    let over = SsmEvent::AutomationOver(id.to_owned());
    world.schedule(at, WorldEvent::Ssm(over));
    true
}
