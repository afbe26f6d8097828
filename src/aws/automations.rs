//! Executions of Automation runbooks: who started one, and with which parameters, in AWS's own words.

use std::collections::BTreeMap;

use super::Clients;
use super::faults::{fault, reported, required};
use crate::group::automation::Standing;
use crate::group::fault::{Fault, FaultClass};

/// An execution of a runbook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Automation {
    /// The runbook's name.
    pub document: String,
    /// The ARN of the principal that started it; none if AWS does not say it.
    pub by: Option<String>,
    /// The parameters that it was started with.
    pub parameters: BTreeMap<String, Vec<String>>,
    /// Its state, as AWS calls it.
    pub status: String,
    /// Its outputs so far, by `STEP.NAME`.
    pub outputs: BTreeMap<String, Vec<String>>,
    /// Why it failed, if it did.
    pub failure: Option<String>,
}

impl Automation {
    /// Whether it is at work: not over, and not being cancelled.
    pub fn is_at_work(&self) -> bool {
        !self.has_ended() && self.status != "Cancelling"
    }

    /// Whether it has ended, in whatever way.
    pub fn has_ended(&self) -> bool {
        Standing::of(&self.status) != Standing::Open
    }
}

/// Looks at an execution; none if there is none.
///
/// # Errors
/// The call failed, or its answer lacks what AWS documents as present.
pub async fn find_automation(clients: &Clients, id: &str) -> Result<Option<Automation>, Fault> {
    const OPERATION: &str = "ssm:GetAutomationExecution";
    clients.turn(OPERATION).await;
    let get = clients.ssm.get_automation_execution();
    let answer = get.automation_execution_id(id).send().await;
    let answer = match answer.map_err(|e| fault(OPERATION, &e)) {
        Ok(answer) => answer,
        Err(fault) if fault.class == FaultClass::Gone => return Ok(None),
        Err(fault) => return Err(fault),
    };
    let found = required(
        answer.automation_execution,
        OPERATION,
        "AutomationExecution",
    )?;
    let status = found.automation_execution_status.as_ref();
    let status = reported(
        status.map(|s| s.as_str()),
        OPERATION,
        "AutomationExecutionStatus",
    )?;
    Ok(Some(Automation {
        document: required(found.document_name.clone(), OPERATION, "DocumentName")?,
        by: found.executed_by.clone(),
        parameters: found
            .parameters
            .clone()
            .unwrap_or_default()
            .into_iter()
            .collect(),
        status: status.to_owned(),
        outputs: found
            .outputs
            .clone()
            .unwrap_or_default()
            .into_iter()
            .collect(),
        failure: found.failure_message.clone(),
    }))
}

/// Starts a runbook of this account. The same token starts it once; answers its id.
///
/// # Errors
/// The call failed.
pub async fn start_automation(
    clients: &Clients,
    document: &str,
    parameters: BTreeMap<String, Vec<String>>,
    token: &str,
) -> Result<String, Fault> {
    const OPERATION: &str = "ssm:StartAutomationExecution";
    clients.turn(OPERATION).await;
    let start = clients.ssm.start_automation_execution();
    let answer = start
        .document_name(document)
        .set_parameters(Some(parameters.into_iter().collect()))
        .client_token(token)
        .send()
        .await
        .map_err(|e| fault(OPERATION, &e))?;
    required(
        answer.automation_execution_id,
        OPERATION,
        "AutomationExecutionId",
    )
}
