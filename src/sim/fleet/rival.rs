//! Changes that others make, from a fleet file's events.

use chrono::{DateTime, TimeDelta, Utc};

use super::file_event::{ActionName, EventFile};
use super::names::Names;
use crate::sim::world::rivals::{Action, Trigger};

/// The description of a version that others make, if the file has none.
const DEPLOYED: &str = "deployed by someone else";

/// The action of an event; `None` only for input that the check refuses.
pub(super) fn rival(
    file: &EventFile,
    names: &Names,
    start: DateTime<Utc>,
) -> Option<(Trigger, Action)> {
    let trigger = match (&file.at_seconds, &file.on_call) {
        (Some(seconds), _) => Trigger::At(start + TimeDelta::seconds(*seconds)),
        (None, Some(operation)) => Trigger::OnCall {
            operation: operation.clone(),
            nth: file.nth,
            mentions: file.mentions.clone(),
        },
        (None, None) => return None,
    };
    let group = || file.group.clone();
    let action = match file.action {
        ActionName::DeleteGroup => Action::DeleteGroup(group()?),
        ActionName::PutTag => Action::PutTag(group()?, file.key.clone()?, file.value.clone()?),
        ActionName::RemoveTag => Action::RemoveTag(group()?, file.key.clone()?),
        ActionName::SetCapacity => Action::SetCapacity(group()?, file.min, file.max, file.desired),
        ActionName::NewTemplateVersion => {
            let description = file.description.as_deref().unwrap_or(DEPLOYED);
            let image = names.image(file.image.as_deref()?);
            Action::NewTemplateVersion(group()?, image, description.into())
        }
        ActionName::PointAtVersion => {
            Action::PointAtVersion(group()?, file.version.as_ref()?.text())
        }
        ActionName::SetDefaultVersion => {
            Action::SetDefaultVersion(group()?, file.version.as_ref()?.text().parse().ok()?)
        }
        ActionName::TerminateInstances => Action::TerminateInstances(group()?, file.role.clone()),
        ActionName::ExitStandby => Action::ExitStandby(group()?, file.role.clone()),
        ActionName::EndFailure => Action::EndFailure(group()?),
        ActionName::StartInstanceRefresh => {
            Action::StartInstanceRefresh(group()?, file.desired_configuration)
        }
        ActionName::DeregisterImages => Action::DeregisterImages(file.prefix.clone()?),
        ActionName::ShareSnapshots => Action::ShareSnapshots(file.prefix.clone()?),
        ActionName::SuspendProcess => Action::SuspendProcess(group()?, file.process.clone()?),
        ActionName::ResumeProcess => Action::ResumeProcess(group()?, file.process.clone()?),
        ActionName::DeleteParameters => Action::DeleteParameters(file.prefix.clone()?),
    };
    Some((trigger, action))
}
