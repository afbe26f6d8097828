//! Single parameters of Parameter Store.

use aws_sdk_ssm::types::Parameter;

use super::Clients;
use super::faults::{fault, missing};
use crate::group::fault::Fault;

/// `DeleteParameters` takes this many names.
const NAMES_PER_CALL: usize = 10;

/// Reads a parameter as it is stored; none if AWS says that there is none. Silence about it is no absence.
///
/// # Errors
/// A call that failed.
pub(super) async fn read_parameter(
    clients: &Clients,
    name: &str,
) -> Result<Option<Parameter>, Fault> {
    const OPERATION: &str = "ssm:GetParameters";
    clients.turn(OPERATION).await;
    let answer = clients.ssm.get_parameters().names(name).send().await;
    let answer = answer.map_err(|e| fault(OPERATION, &e))?;
    if answer.invalid_parameters().iter().any(|n| n == name) {
        return Ok(None);
    }
    let found = answer.parameters.and_then(|p| p.into_iter().next());
    found.map(Some).ok_or_else(|| missing(OPERATION, name))
}

/// The value of a parameter; none if AWS says that there is none.
///
/// # Errors
/// A call that failed, or a parameter without a value.
pub(super) async fn read_value(clients: &Clients, name: &str) -> Result<Option<String>, Fault> {
    let value = |p: Parameter| p.value.ok_or_else(|| missing("ssm:GetParameters", name));
    read_parameter(clients, name).await?.map(value).transpose()
}

/// JSON as a value: Parameter Store takes none with double braces, which a tag's value may have. Outside of strings JSON has
/// none that open.
pub(super) fn storable(json: &str) -> String {
    json.replace("{{", "{\\u007b")
}

/// Deletes parameters; one that is gone is no error.
///
/// # Errors
/// The first call that failed.
pub(super) async fn delete_parameters(clients: &Clients, names: &[String]) -> Result<(), Fault> {
    const OPERATION: &str = "ssm:DeleteParameters";
    for chunk in names.chunks(NAMES_PER_CALL) {
        clients.turn(OPERATION).await;
        let delete = clients.ssm.delete_parameters();
        let deleted = delete.set_names(Some(chunk.to_vec())).send().await;
        deleted.map_err(|e| fault(OPERATION, &e))?;
    }
    Ok(())
}
