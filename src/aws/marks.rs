//! Marks of notices in Parameter Store: a mark is made once, before its notice is sent, and never overwritten.

use aws_sdk_ssm::types::ParameterType;

use super::Clients;
use super::faults::{fault, missing};
use crate::group::fault::{Fault, FaultClass};

/// A mark, as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It was made now.
    Made,
    /// It was there before.
    Before,
}

/// Makes a mark with this text, which is unlike all others, unless it is there.
///
/// # Errors
/// A call that failed.
pub async fn claim_mark(clients: &Clients, name: &str, text: &str) -> Result<Mark, Fault> {
    const OPERATION: &str = "ssm:PutParameter";
    clients.turn(OPERATION).await;
    let put = clients
        .ssm
        .put_parameter()
        .name(name)
        .r#type(ParameterType::String)
        .overwrite(false)
        .value(text);
    match put.send().await.map_err(|e| fault(OPERATION, &e)) {
        Ok(_) => Ok(Mark::Made),
        // It may be our own, whose answer was lost: no two texts are the same.
        Err(fault) if fault.class == FaultClass::Exists => match read_mark(clients, name).await? {
            Some(found) if found == text => Ok(Mark::Made),
            Some(_) | None => Ok(Mark::Before),
        },
        Err(fault) => Err(fault),
    }
}

/// The text of a mark; none if it is not there.
///
/// # Errors
/// A call that failed.
pub async fn read_mark(clients: &Clients, name: &str) -> Result<Option<String>, Fault> {
    const OPERATION: &str = "ssm:GetParameters";
    clients.turn(OPERATION).await;
    let answer = clients
        .ssm
        .get_parameters()
        .names(name)
        .send()
        .await
        .map_err(|e| fault(OPERATION, &e))?;
    if answer.invalid_parameters().iter().any(|n| n == name) {
        return Ok(None);
    }
    // Silence about it is no absence.
    let value = answer.parameters().first().and_then(|p| p.value());
    let value = value.ok_or_else(|| missing(OPERATION, name))?;
    Ok(Some(value.to_owned()))
}

/// Takes a mark away whose notice was surely not taken.
///
/// # Errors
/// A call that failed.
pub async fn forget_mark(clients: &Clients, name: &str) -> Result<(), Fault> {
    const OPERATION: &str = "ssm:DeleteParameter";
    clients.turn(OPERATION).await;
    let deleted = clients.ssm.delete_parameter().name(name).send().await;
    match deleted.map_err(|e| fault(OPERATION, &e)) {
        Ok(_) => Ok(()),
        Err(fault) if fault.class == FaultClass::Gone => Ok(()),
        Err(fault) => Err(fault),
    }
}
