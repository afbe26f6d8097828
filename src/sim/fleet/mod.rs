//! Fleet files: a simulated account as TOML, and the fleet that is built in.
//!
//! [`parse`] reads and checks a file; a [`Fleet`] builds worlds from it. The format is described by
//! its commented example, `fleets/example.toml`.

mod build;
mod check;
mod contents;
mod file;
mod file_event;
mod file_group;
mod names;
mod rival;
mod stamp;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use toml::Spanned;

use super::Account;
use super::beliefs::Beliefs;
use super::faults::{FaultRule, InjectedFault};
use super::wire::ApiError;
use crate::clock::Clock;
use crate::toml_file::{self, Place};
use file::{
    DocumentFile, FleetFile, ImageFile, ParameterFile, RunbookFile, TemplateFile, TopicFile,
};
use file_event::{EventFile, FaultFile, FaultName};
use file_group::GroupFile;

/// The built-in sample fleet.
pub const SAMPLE: &str = include_str!("../../../fleets/sample.toml");
/// The commented example of the format.
pub const EXAMPLE: &str = include_str!("../../../fleets/example.toml");

/// A problem in a fleet file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FleetError {
    /// It is not TOML, or not of this format.
    #[error("line {line}, column {column}: {message}")]
    Syntax {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// The expected and the found value.
        message: String,
    },
    /// It reads well and makes no sense.
    #[error("line {line}, {place}: expected {expected}, found {found}")]
    Wrong {
        /// The line of the table that holds it, from 1.
        line: usize,
        /// Table, name and key.
        place: String,
        /// The expected value.
        expected: String,
        /// The value found.
        found: String,
    },
}

/// A table of the file with the line that it begins on.
#[derive(Clone, Debug)]
struct Placed<T> {
    line: usize,
    value: T,
}

/// A fleet that was read and checked.
#[derive(Clone, Debug)]
pub struct Fleet {
    seed: u64,
    start: DateTime<Utc>,
    /// The account's clock minus the program's.
    clock_offset_seconds: i64,
    /// The part of AWS's request rates that others use.
    own_documents: bool,
    others_calls_percent: u32,
    beliefs: Beliefs,
    region: String,
    account: String,
    images: Vec<Placed<ImageFile>>,
    templates: Vec<Placed<TemplateFile>>,
    groups: Vec<Placed<GroupFile>>,
    topics: Vec<Placed<TopicFile>>,
    parameters: Vec<Placed<ParameterFile>>,
    documents: Vec<Placed<DocumentFile>>,
    runbooks: Vec<Placed<RunbookFile>>,
    events: Vec<Placed<EventFile>>,
    faults: Vec<Placed<FaultFile>>,
}

/// Reads and checks a fleet file.
///
/// # Errors
/// The first thing that is wrong, with its place, what was expected and what was found.
pub fn parse(text: &str) -> Result<Fleet, FleetError> {
    let file: FleetFile = toml_file::read(text).map_err(|wrong| FleetError::Syntax {
        line: wrong.place.line,
        column: wrong.place.column,
        message: wrong.message,
    })?;
    let beliefs = beliefs(&file.beliefs)?;
    let mut fleet = Fleet {
        beliefs,
        seed: file.seed,
        start: file.start,
        clock_offset_seconds: file.clock_offset_seconds,
        own_documents: file.own_documents,
        others_calls_percent: file.others_calls_percent,
        region: file.region,
        account: file.account,
        images: placed(text, file.images),
        templates: placed(text, file.templates),
        groups: placed(text, file.groups),
        topics: placed(text, file.topics),
        parameters: placed(text, file.parameters),
        documents: placed(text, file.documents),
        runbooks: placed(text, file.runbooks),
        events: placed(text, file.events),
        faults: placed(text, file.faults),
    };
    check::before_stamping(&fleet)?;
    stamp::out(&mut fleet);
    check::all(&fleet)?;
    Ok(fleet)
}

fn beliefs(named: &BTreeMap<String, String>) -> Result<Beliefs, FleetError> {
    let mut beliefs = Beliefs::default();
    for (id, variant) in named {
        let chosen = beliefs.choose(id, variant);
        chosen.map_err(|unknown| FleetError::Wrong {
            line: 1,
            place: format!("beliefs, {id}"),
            expected: unknown.expected,
            found: unknown.found,
        })?;
    }
    Ok(beliefs)
}

fn placed<T>(text: &str, tables: Vec<Spanned<T>>) -> Vec<Placed<T>> {
    let place = |table: Spanned<T>| Placed {
        line: Place::of(text, table.span().start).line,
        value: table.into_inner(),
    };
    tables.into_iter().map(place).collect()
}

impl Fleet {
    /// When the simulation begins, by the program's clock.
    pub fn start(&self) -> DateTime<Utc> {
        self.start
    }

    /// The same fleet in an account that behaves by these beliefs.
    #[must_use]
    pub fn with_beliefs(mut self, beliefs: Beliefs) -> Self {
        self.beliefs = beliefs;
        self
    }

    /// The account's clock minus the program's.
    pub fn clock_offset(&self) -> TimeDelta {
        TimeDelta::seconds(self.clock_offset_seconds)
    }

    /// When the simulation begins, by the account's own clock.
    fn account_start(&self) -> DateTime<Utc> {
        self.start + self.clock_offset()
    }

    /// The same fleet with another seed.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The names of its groups, in the file's order.
    pub fn group_names(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().map(|g| g.value.name.as_str())
    }

    /// A simulated account with this fleet, its faults included, that begins now in tokio's time
    /// and runs `speed` times as fast. Must be called within a tokio runtime.
    pub fn account(&self, speed: u32) -> Account {
        let world = self.build();
        let account = Account::new(world, Clock::simulated(self.start, speed))
            .with_clock_offset(self.clock_offset())
            .with_others_calls(self.others_calls_percent);
        account.with_faults(|faults| {
            for rule in self.fault_rules() {
                faults.add(rule);
            }
        });
        account
    }

    /// The fault rules that it asks for.
    pub fn fault_rules(&self) -> Vec<FaultRule> {
        self.faults.iter().map(|f| fault_rule(&f.value)).collect()
    }
}

fn fault_rule(file: &FaultFile) -> FaultRule {
    let error = || {
        ApiError::with_status(
            file.status.unwrap_or(400),
            file.code.as_deref().unwrap_or("InternalFailure"),
            file.message
                .as_deref()
                .unwrap_or("a fault of the fleet file"),
        )
    };
    let fault = match file.fault {
        FaultName::Error => InjectedFault::Error(error()),
        FaultName::NeverArrived => InjectedFault::NeverArrived,
        FaultName::ReplyLost => InjectedFault::ReplyLost,
        FaultName::EffectThenError => InjectedFault::EffectThenError(error()),
        FaultName::Hang => InjectedFault::Hang,
        FaultName::EffectThenHang => InjectedFault::EffectThenHang,
        FaultName::Slow => {
            InjectedFault::Slow(Duration::from_secs_f64(file.seconds.unwrap_or(1.0)))
        }
        FaultName::StaleRead => InjectedFault::StaleRead,
    };
    FaultRule {
        operation: file.operation.clone(),
        skip: file.skip,
        times: file.times,
        from: None,
        until: None,
        probability: file.probability,
        fault,
    }
}

#[cfg(test)]
mod tests;
