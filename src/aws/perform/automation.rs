//! Starting and stopping executions of the owner's runbooks.

use std::collections::HashMap;

use aws_sdk_ssm::types::Tag;

use super::done;
use crate::aws::clients::no_retry;
use crate::aws::faults::invalid;
use crate::aws::{Clients, check_runbook, fault, missing};
use crate::group::Code;
use crate::group::automation::{Start, tag};
use crate::group::effect::{Done, Performed};
use crate::group::fault::{Fault, FaultClass};
use crate::group::names::RUN_TAG;
use crate::group::record::Record;

pub(super) const START: &str = "ssm:StartAutomationExecution";
pub(super) const STOP: &str = "ssm:StopAutomationExecution";
/// The refusal of a token: for us always one that has started its execution, since it is made of run, group and moment.
const TOKEN_SPENT: &str = "IdempotentParameterMismatch";
/// The refusal to stop what is over.
const OVER: &str = "InvalidAutomationStatusUpdateException";

/// Starts an execution under its token, which makes a repetition harmless, with the tag by which it is found again, and that
/// of the run, without which the role may neither start nor stop it. Without retries of the SDK's own: a refusal of the second must
/// not hide that the first took effect.
pub(super) async fn start(clients: &Clients, record: &Record, start: &Start) -> Performed {
    permitted(clients, start).await?;
    let Start {
        moment,
        runbook,
        parameters,
        token,
    } = start;
    let role = runbook.role.iter();
    let given = role.map(|given| (given.parameter.clone(), vec![given.role.clone()]));
    let told = parameters
        .iter()
        .map(|(name, value)| (name.clone(), vec![value.clone()]));
    let marks = [
        (tag(token), moment.to_string()),
        (RUN_TAG.to_owned(), record.run_id.to_string()),
    ];
    let marks = marks.into_iter().map(|(key, value)| {
        let tag = Tag::builder().key(key).value(value).build();
        tag.map_err(|e| invalid(START, "tag", e))
    });
    let marks: Vec<Tag> = marks.collect::<Result<_, Fault>>()?;
    let call = clients
        .ssm
        .start_automation_execution()
        .document_name(&runbook.document)
        .document_version(runbook.version.to_string())
        .set_parameters(Some(told.chain(given).collect::<HashMap<_, _>>()))
        .client_token(token)
        .set_tags(Some(marks))
        .customize()
        .config_override(aws_sdk_ssm::Config::builder().retry_config(no_retry()));
    match call.send().await {
        Ok(answer) => match answer.automation_execution_id {
            Some(id) if !id.is_empty() => Ok(Done::Automation(id)),
            Some(_) | None => Err(missing(START, "AutomationExecutionId")),
        },
        Err(error) => Err(match fault(START, &error) {
            spent if spent.code == TOKEN_SPENT => Fault {
                class: FaultClass::Exists,
                ..spent
            },
            other => other,
        }),
    }
}

/// Nothing else is started, even if the state that was passed along asks for it: neither a runbook that is not allowed,
/// nor one whose content is not what the check found.
async fn permitted(clients: &Clients, start: &Start) -> Result<(), Fault> {
    let runbook = &start.runbook;
    let refused = |code: Code, message: String| Fault {
        operation: START.into(),
        code: code.to_string(),
        message,
        class: FaultClass::Refused,
    };
    if !clients.allowed().runbooks.permit(&runbook.document) {
        let message = format!(
            "{} is not among the runbooks that this program may start",
            runbook.document
        );
        return Err(refused(Code::DocumentNotAllowed, message));
    }
    let names = start.parameters.keys();
    if let Some(name) = names.into_iter().find(|n| !runbook.declares.contains(*n)) {
        let message = format!("{runbook} is not to be told {name}");
        return Err(refused(Code::RunbookUnsuitable, message));
    }
    let version = runbook.version.to_string();
    match check_runbook(clients, &runbook.document, Some(&version)).await? {
        Ok(checked) if checked == *runbook => Ok(()),
        Ok(_) => {
            let message = format!("{runbook} is not as it was when it was checked");
            Err(refused(Code::RunbookUnsuitable, message))
        }
        Err(why) => Err(refused(Code::RunbookUnsuitable, why)),
    }
}

/// Stops an execution; one that is over is stopped.
pub(super) async fn stop(clients: &Clients, id: &str) -> Performed {
    let call = clients.ssm.stop_automation_execution();
    let call = call.automation_execution_id(id);
    match done(STOP, call.send().await) {
        Err(fault) if fault.code == OVER => Ok(Done::Ok),
        other => other,
    }
}
