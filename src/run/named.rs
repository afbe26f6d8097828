//! The things that a file of settings names: whether the account has them and a run could use them.

use std::collections::BTreeSet;

use serde::Serialize;

use super::account_windows::account_windows;
use super::notices::WindowSetup;
use super::patience::passes;
use crate::aws::{Aws, calendar_state, document_facts, has_event_bus, has_topic, parameter_type};
use crate::group::facts::DocumentFacts;
use crate::group::fault::{Fault, FaultClass};
use crate::group::named_documents::{a_parameter_of, instead};
use crate::trigger::Defaults;
use crate::windows::FreezeTime;

/// Something that a file names and that is to be in the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedThing {
    /// A SecureString parameter.
    Secret(String),
    /// An SNS topic, by ARN.
    Topic(String),
    /// A Change Calendar, by name or ARN.
    Calendar(String),
    /// A command document, by name or ARN.
    Document(String),
    /// A parameter of a command document.
    DocumentParameter {
        /// The document, by name or ARN.
        document: String,
        /// The parameter.
        parameter: String,
    },
    /// An event bus, by name or ARN.
    EventBus(String),
    /// A window that AWS is to open, as the file does not have it.
    Window(String),
    /// A window of the file that demands an approval: AWS is to open it under this name.
    DemandingWindow(String),
}

/// Something that a file names, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The table and key.
    pub place: String,
    /// The thing.
    pub thing: NamedThing,
}

/// A named thing that a run could not use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Amiss {
    /// The table and key.
    pub place: String,
    /// The thing to be there.
    pub expected: String,
    /// The thing that is there.
    pub found: String,
    /// How to put it right.
    pub what_to_do: String,
}

impl std::fmt::Display for Amiss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            place,
            expected,
            found,
            what_to_do,
        } = self;
        write!(
            f,
            "{place}: expected {expected}, found {found}. {what_to_do}"
        )
    }
}

/// Expected, found, and how to put it right.
type Wrong = (String, String, String);

/// The secrets of channels, the calendars of freezes, and windows that are named though the file does not have them.
pub fn named_in(setup: &WindowSetup) -> Vec<Named> {
    let secrets = setup.file.channels.iter().flat_map(|channel| {
        let both = [
            ("secret", channel.secret.as_ref()),
            ("previous-secret", channel.previous_secret.as_ref()),
        ];
        both.into_iter().filter_map(|(key, name)| {
            Some(Named {
                place: format!("[[channel]] '{}' {key}", channel.name),
                thing: NamedThing::Secret(name?.clone()),
            })
        })
    });
    let buses = setup.file.channels.iter().filter_map(|channel| {
        Some(Named {
            place: format!("[[channel]] '{}' bus", channel.name),
            thing: NamedThing::EventBus(channel.bus.clone()?),
        })
    });
    let calendars = (1..)
        .zip(&setup.freezes)
        .filter_map(|(number, freeze)| match &freeze.when {
            FreezeTime::Calendar(calendar) => Some(Named {
                place: format!("[[freeze]] {number} calendar"),
                thing: NamedThing::Calendar(calendar.clone()),
            }),
            FreezeTime::Dates { .. } => None,
        });
    // AWS opens a window by the name in its schedule: under another one its demand would not count.
    let demanding = setup.demanding().map(|window| Named {
        place: format!("[[window]] '{window}' approval"),
        thing: NamedThing::DemandingWindow(window.to_owned()),
    });
    let windows = setup.unknown_windows().into_iter().map(|window| Named {
        place: window.place,
        thing: NamedThing::Window(window.name),
    });
    secrets
        .chain(buses)
        .chain(calendars)
        .chain(windows)
        .chain(demanding)
        .collect()
}

/// Asks the account for each thing; answers those that a run could not use. What AWS does not say counts as one of these.
///
/// # Errors
/// AWS could not be reached.
pub async fn amiss(aws: &Aws, named: &[Named]) -> Result<Vec<Amiss>, Fault> {
    let mut all = Vec::new();
    for Named { place, thing } in named {
        let wrong = match Box::pin(of_thing(aws, thing)).await {
            Ok(wrong) => wrong,
            // Then there is no sense in asking for the rest.
            Err(fault) if passes(&fault) => return Err(fault),
            Err(fault) => Some(unanswered(&fault)),
        };
        all.extend(wrong.map(|(expected, found, what_to_do)| Amiss {
            place: place.clone(),
            expected,
            found,
            what_to_do,
        }));
    }
    Ok(all)
}

fn unanswered(fault: &Fault) -> Wrong {
    let Fault {
        operation,
        code,
        message,
        class,
    } = fault;
    let what_to_do = if *class == FaultClass::Denied {
        format!("Allow {operation} to the one who checks, or let someone check who may.")
    } else {
        "Correct it in the file.".to_owned()
    };
    let found = format!("{code} of {operation} ({message})");
    ("something that AWS shows".into(), found, what_to_do)
}

async fn of_thing(aws: &Aws, thing: &NamedThing) -> Result<Option<Wrong>, Fault> {
    let clients = &aws.clients;
    match thing {
        NamedThing::Secret(name) => {
            let found = parameter_type(clients, name).await?;
            Ok(wrong_secret(name, found.as_deref()))
        }
        NamedThing::Topic(arn) => Ok((!has_topic(clients, arn).await?).then(|| {
            (
                format!("the SNS topic {arn}"),
                "none".into(),
                "Correct the ARN, or create the topic: until then, no report reaches anyone by it."
                    .into(),
            )
        })),
        NamedThing::Calendar(name) => wrong_calendar(aws, name).await,
        NamedThing::Document(name) => {
            let found = document_facts(clients, name).await?;
            Ok(wrong_document(name, found.as_ref()))
        }
        NamedThing::DocumentParameter {
            document,
            parameter,
        } => {
            let found = document_facts(clients, document).await?;
            Ok(found.and_then(|found| wrong_parameter(document, parameter, &found)))
        }
        // One of another account may not be looked at: that is not wrong.
        NamedThing::EventBus(bus) => Ok((has_event_bus(clients, bus).await? == Some(false)).then(|| {
            (
                format!("the event bus {bus}"),
                "none".into(),
                "Correct its name, or create it: AWS takes events for a bus that there is not, and loses them.".into(),
            )
        })),
        NamedThing::Window(name) => Ok(unopened(aws, name).await?.map(|there_are| {
            (
                format!("a [[window]] of the file, or a window that AWS opens{there_are}"),
                format!("'{name}'"),
                "Correct the name: a window that comes after one that never opens patches nothing, and a freeze of one \
                 lies over nothing."
                    .into(),
            )
        })),
        NamedThing::DemandingWindow(name) => Ok(unopened(aws, name).await?.map(|there_are| {
            (
                format!("a window '{name}' that AWS opens{there_are}"),
                "none".into(),
                "Nobody is ever asked for its approval: set it up with infra/window.yaml, or correct the name.".into(),
            )
        })),
    }
}

fn wrong_secret(name: &str, kind: Option<&str>) -> Option<Wrong> {
    let make =
        format!("aws ssm put-parameter --type SecureString --name {name} --value file://FILE");
    let expected = format!("the SecureString parameter {name}");
    match kind {
        Some("SecureString") => None,
        None => Some((expected, "none".into(), format!("Make it: {make}"))),
        Some(kind) => Some((
            expected,
            format!("a parameter of the type {kind}"),
            format!(
                "It lies open: have its service give out another secret, delete the parameter, and make it again: {make}"
            ),
        )),
    }
}

async fn wrong_calendar(aws: &Aws, name: &str) -> Result<Option<Wrong>, Fault> {
    let fault = match calendar_state(&aws.clients, name, aws.clock.now()).await {
        Ok(_) => return Ok(None),
        Err(fault) => fault,
    };
    let found = match fault.code.as_str() {
        "InvalidDocument" => "none".to_owned(),
        "InvalidDocumentType" => "a document that is no Change Calendar".to_owned(),
        _ => return Err(fault),
    };
    Ok(Some((
        format!("the Change Calendar {name}"),
        found,
        "Correct the name: a calendar that cannot be asked counts as closed, and no run begins."
            .into(),
    )))
}

fn wrong_document(name: &str, found: Option<&DocumentFacts>) -> Option<Wrong> {
    Some((
        format!("the command document {name}, active"),
        instead(found)?,
        "Correct the name, or create the document: groups that name it in their tags cannot be patched.".into(),
    ))
}

fn wrong_parameter(document: &str, name: &str, found: &DocumentFacts) -> Option<Wrong> {
    (!found.parameters.contains_key(name)).then(|| {
        (
            a_parameter_of(document, found),
            format!("'{name}'"),
            "Correct the name: Systems Manager refuses a command with it.".into(),
        )
    })
}

/// The windows that AWS opens, in words, if none of them has this name.
async fn unopened(aws: &Aws, name: &str) -> Result<Option<String>, Fault> {
    let found = account_windows(aws, None, &Defaults::default()).await?;
    let names: BTreeSet<&str> = found
        .windows
        .iter()
        .map(|w| w.window.name.as_str())
        .collect();
    if names.contains(name) {
        return Ok(None);
    }
    let names: Vec<&str> = names.into_iter().collect();
    let mut there_are = String::new();
    if !names.is_empty() {
        there_are = format!(" (there are: {})", names.join(", "));
    }
    if !found.unread.is_empty() || !found.unreadable.is_empty() {
        there_are.push_str("; not all of AWS's could be read");
    }
    Ok(Some(there_are))
}
