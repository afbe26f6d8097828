//! Which effects of different jobs go together in one call.

use std::collections::BTreeMap;

use crate::group::Job;
use crate::group::effect::{Command, Effect, Role};
use crate::ids::RunId;

/// Instances that one `SendCommand` takes.
const INSTANCES_PER_COMMAND: usize = 50;
/// Resources that are tagged in one call: it takes a thousand, and one that is not known yet costs halvings.
const RESOURCES_PER_CALL: usize = 50;
/// Names that one `DeleteParameters` takes.
const NAMES_PER_CALL: usize = 10;

/// Effects with the same kind go together.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Kind<'a> {
    Command(&'a str, &'a BTreeMap<String, Vec<String>>, &'a str),
    Tag(&'a RunId, Role),
    DeleteRecord,
    /// Not with any other: its place.
    Alone(usize),
}

impl Kind<'_> {
    fn most(&self) -> usize {
        match self {
            Self::Command(..) => INSTANCES_PER_COMMAND,
            Self::Tag(..) => RESOURCES_PER_CALL,
            Self::DeleteRecord => NAMES_PER_CALL,
            Self::Alone(_) => 1,
        }
    }
}

/// Puts effects together that one call can perform: their places, call by call.
pub fn fold(effects: &[(&Job, &Effect)]) -> Vec<Vec<usize>> {
    let mut kinds: BTreeMap<Kind<'_>, Vec<usize>> = BTreeMap::new();
    for (place, (job, effect)) in effects.iter().enumerate() {
        kinds
            .entry(kind(place, job, effect))
            .or_default()
            .push(place);
    }
    let calls = kinds
        .iter()
        .flat_map(|(kind, places)| places.chunks(kind.most()));
    let mut calls: Vec<Vec<usize>> = calls.map(<[usize]>::to_vec).collect();
    calls.sort();
    calls
}

fn kind<'a>(place: usize, job: &'a Job, effect: &'a Effect) -> Kind<'a> {
    match effect {
        Effect::SendCommand(Command {
            document,
            parameters,
            comment,
            step: _,
            instance: _,
        }) => Kind::Command(document, parameters, comment),
        Effect::TagInstance { role, instance: _ } => Kind::Tag(&job.record.run_id, *role),
        Effect::DeleteRecord => Kind::DeleteRecord,
        Effect::StoreRecord(_)
        | Effect::Suspend(_)
        | Effect::Resume(_)
        | Effect::Update { .. }
        | Effect::EnterStandby { .. }
        | Effect::Terminate { .. }
        | Effect::RegisterTarget { .. }
        | Effect::DeregisterTarget { .. }
        | Effect::TagImage { .. }
        | Effect::KeepImage { .. }
        | Effect::StartAutomation(_)
        | Effect::StopAutomation { .. }
        | Effect::CreateImage { .. }
        | Effect::CreateVersion { .. }
        | Effect::SetDefault { .. }
        | Effect::DeleteVersion { .. }
        | Effect::DeregisterImage(_) => Kind::Alone(place),
    }
}
