//! Marks of windows and their notices in Parameter Store: a mark is made once and never overwritten.
//!
//! With a key they are signed, and their names can be foretold by nobody else: a forged one would keep a notice from being
//! sent, or have one sent that nobody meant.

use std::collections::BTreeMap;

use aws_sdk_ssm::types::ParameterType;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Clients;
use super::faults::{fault, required};
use super::paging::every;
use super::parameter::{delete_parameters, read_value, storable};
use crate::group::fault::{Fault, FaultClass};
use crate::signature::{self, Purpose, SigningKey};

/// A mark, as it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marked {
    /// It was made now.
    Now,
    /// It was there before.
    Before,
}

fn parameter(name: &str, key: Option<&SigningKey>) -> String {
    match key {
        Some(key) => format!("{name}-{}", key.name(name)),
        None => name.to_owned(),
    }
}

fn to_text(mark: &impl Serialize, parameter: &str, key: Option<&SigningKey>) -> String {
    let mut document = serde_json::to_value(mark).unwrap_or_default();
    if let Some(key) = key {
        document[signature::FIELD] = key.sign(Purpose::Mark, parameter, &document).into();
    }
    storable(&document.to_string())
}

/// None for a text that is no such mark, or with a key one that the key has not signed.
fn from_text<T: DeserializeOwned>(
    text: &str,
    parameter: &str,
    key: Option<&SigningKey>,
) -> Option<T> {
    let mut document: Value = serde_json::from_str(text).ok()?;
    if let Some(key) = key {
        key.verify(Purpose::Mark, parameter, &document).ok()?;
        document.as_object_mut()?.remove(signature::FIELD);
    }
    serde_json::from_value(document).ok()
}

/// Makes a mark that is unlike all others, unless it is there.
///
/// # Errors
/// A call that failed.
pub async fn claim_mark(
    clients: &Clients,
    name: &str,
    mark: &impl Serialize,
) -> Result<Marked, Fault> {
    const OPERATION: &str = "ssm:PutParameter";
    let key = clients.signing_key().await?;
    let parameter = parameter(name, key);
    let text = to_text(mark, &parameter, key);
    clients.turn(OPERATION).await;
    let put = clients
        .ssm
        .put_parameter()
        .name(&parameter)
        .r#type(ParameterType::String)
        .overwrite(false)
        .value(&text);
    match put.send().await.map_err(|e| fault(OPERATION, &e)) {
        Ok(_) => Ok(Marked::Now),
        // It may be our own, whose answer was lost: no two texts are the same.
        Err(fault) if fault.class == FaultClass::Exists => {
            match read_value(clients, &parameter).await? {
                Some(found) if found == text => Ok(Marked::Now),
                Some(_) | None => Ok(Marked::Before),
            }
        }
        Err(fault) => Err(fault),
    }
}

/// A mark; none if it is not there, or makes no sense.
///
/// # Errors
/// A call that failed.
pub async fn read_mark<T: DeserializeOwned>(
    clients: &Clients,
    name: &str,
) -> Result<Option<T>, Fault> {
    let key = clients.signing_key().await?;
    let parameter = parameter(name, key);
    let text = read_value(clients, &parameter).await?;
    Ok(text.and_then(|text| from_text(&text, &parameter, key)))
}

/// All marks below a path by their parameters' names; none in the place of one that makes no sense or is not ours.
///
/// # Errors
/// A call that failed.
pub async fn list_marks<T: for<'d> Deserialize<'d>>(
    clients: &Clients,
    path: &str,
) -> Result<BTreeMap<String, Option<T>>, Fault> {
    const OPERATION: &str = "ssm:GetParametersByPath";
    let key = clients.signing_key().await?;
    let pages = clients
        .ssm
        .get_parameters_by_path()
        .path(path.trim_end_matches('/'))
        .recursive(true)
        .into_paginator()
        .send();
    let parameters = every(clients, OPERATION, pages, |p| (p.parameters, p.next_token)).await?;
    let marks = parameters.iter().map(|p| {
        let name = required(p.name(), OPERATION, "Name")?;
        let value = required(p.value(), OPERATION, "Value")?;
        Ok((name.to_owned(), from_text(value, name, key)))
    });
    marks.collect()
}

/// Takes a mark away, whose notice was surely not taken.
///
/// # Errors
/// A call that failed.
pub async fn forget_mark(clients: &Clients, name: &str) -> Result<(), Fault> {
    let key = clients.signing_key().await?;
    forget_marks(clients, &[parameter(name, key)]).await
}

/// Takes marks away, by their parameters' names.
///
/// # Errors
/// The first call that failed.
pub async fn forget_marks(clients: &Clients, parameters: &[String]) -> Result<(), Fault> {
    delete_parameters(clients, parameters).await
}
