//! Changing calls of Systems Manager: records in Parameter Store, commands.

use aws_sdk_ssm::types::ParameterType;

use super::done;
use crate::aws::clients::no_retry;
use crate::aws::{Clients, fault, missing};
use crate::group::Code;
use crate::group::effect::{Command, Done, Performed};
use crate::group::fault::{Fault, FaultClass};
use crate::group::limits::DELIVERY_LIMIT;
use crate::group::names::record_parameter;
use crate::group::own_documents::{OwnDocument, VERSION};
use crate::group::record::Record;
use crate::ids::{GroupName, InstanceId};

const SEND_COMMAND: &str = "ssm:SendCommand";
const DELETE_PARAMETERS: &str = "ssm:DeleteParameters";

pub(super) async fn store_record(clients: &Clients, record: &Record) -> Performed {
    let name = record_parameter(&record.group);
    let text = match clients.signing_key().await? {
        Some(key) => record.clone().signed(key, &name).to_text(),
        None => record.to_text(),
    };
    let call = clients
        .ssm
        .put_parameter()
        .name(name)
        .r#type(ParameterType::String)
        .value(text)
        .overwrite(false)
        .description(
            "What asg-patch must restore. Do not delete: asg-patch does, after the restore.",
        );
    done("ssm:PutParameter", call.send().await)
}

pub(super) async fn delete_record(clients: &Clients, group: &GroupName) -> Performed {
    let call = clients
        .ssm
        .delete_parameter()
        .name(record_parameter(group))
        .customize()
        // A repetition after a lost reply would not find it, as if another actor had deleted it.
        .config_override(aws_sdk_ssm::Config::builder().retry_config(no_retry()));
    match done("ssm:DeleteParameter", call.send().await) {
        Err(fault) if fault.class == FaultClass::Gone => Ok(Done::WasGone),
        other => other,
    }
}

/// Deletes the records of several groups; answers for each, in their order.
pub(super) async fn delete_records<'a>(
    clients: &Clients,
    groups: impl Iterator<Item = &'a GroupName>,
) -> Result<Vec<Performed>, Fault> {
    let names: Vec<String> = groups.map(record_parameter).collect();
    let answer = clients
        .ssm
        .delete_parameters()
        .set_names(Some(names.clone()))
        .customize()
        .config_override(aws_sdk_ssm::Config::builder().retry_config(no_retry()))
        .send()
        .await
        .map_err(|e| fault(DELETE_PARAMETERS, &e))?;
    let end = |name: &String| {
        if answer.deleted_parameters().contains(name) {
            Ok(Done::Ok)
        } else if answer.invalid_parameters().contains(name) {
            Ok(Done::WasGone)
        } else {
            Err(missing(DELETE_PARAMETERS, name))
        }
    };
    Ok(names.iter().map(end).collect())
}

/// Sends the command to instances, all at once. Whatever becomes of it on one of them stops it on no other: AWS's own
/// defaults are 50 at a time, and none after the first error.
pub(super) async fn send_command<'a>(
    clients: &Clients,
    command: &Command,
    instances: impl Iterator<Item = &'a InstanceId>,
) -> Result<Done, Fault> {
    // Nothing else is sent, even if the state that was passed along asks for it.
    if !clients.allowed().documents.permit(command) {
        return Err(Fault {
            operation: SEND_COMMAND.into(),
            code: Code::DocumentNotAllowed.to_string(),
            message: format!(
                "{} with these parameters is not among the documents that this program may send",
                command.document
            ),
            class: FaultClass::Refused,
        });
    }
    let instances: Vec<String> = instances.map(Into::into).collect();
    let version = OwnDocument::named(&command.document).map(|_| VERSION.to_owned());
    let answer = clients
        .ssm
        .send_command()
        .set_instance_ids(Some(instances))
        .max_concurrency("100%")
        .max_errors("100%")
        .document_name(&command.document)
        .set_document_version(version)
        .set_parameters(Some(command.parameters.clone().into_iter().collect()))
        .comment(&command.comment)
        .timeout_seconds(DELIVERY_LIMIT.num_seconds() as i32)
        .customize()
        .config_override(aws_sdk_ssm::Config::builder().retry_config(no_retry()))
        .send()
        .await
        .map_err(|e| fault(SEND_COMMAND, &e))?;
    let id = answer.command().and_then(|c| c.command_id());
    id.map(|id| Done::Command(id.to_owned()))
        .ok_or_else(|| missing(SEND_COMMAND, "CommandId"))
}
