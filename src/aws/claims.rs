//! Claims of runs in Parameter Store: the execution that creates the parameter has the run.

use std::collections::BTreeMap;

use aws_sdk_ssm::types::ParameterType;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::faults::required;
use super::paging::every;
use super::{Clients, fault};
use crate::group::fault::{Fault, FaultClass};
use crate::group::names::CLAIM_PREFIX;
use crate::ids::RunId;
use crate::signature::{self, Purpose, SigningKey};
use crate::text::legal_name;

/// Claims whose run id begins so are never forgotten: they record since when runs are watched.
pub const KEPT_CLAIM: &str = "since-";

/// A claim of a run, as its parameter holds it (JSON).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The run.
    pub run_id: RunId,
    /// The execution that drives it.
    pub owner: String,
    /// When it was claimed.
    pub at: DateTime<Utc>,
    /// Whether it is of some of the groups only, which were named.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_of_some: bool,
}

/// The holder of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// This claim holds.
    By(Claim),
    /// The claim's parameter, of this name, is there, and was not written with our key.
    Unsigned(String),
}

/// The claim's parameter. With a key, its name can be foretold by nobody else, who could take it before the run.
fn parameter(run_id: &RunId, key: Option<&SigningKey>) -> String {
    let name = format!("{CLAIM_PREFIX}{}", legal_name(run_id));
    match key {
        Some(key) => format!("{name}-{}", key.name(run_id)),
        None => name,
    }
}

fn to_text(claim: &Claim, name: &str, key: Option<&SigningKey>) -> String {
    let mut document = serde_json::to_value(claim).unwrap_or_default();
    if let Some(key) = key {
        document[signature::FIELD] = key.sign(Purpose::Claim, name, &document).into();
    }
    document.to_string()
}

/// Reads a claim; one that another program wrote, or with a key one that the key has not signed, is none.
fn from_text(text: &str, name: &str, key: Option<&SigningKey>) -> Option<Claim> {
    let document: Value = serde_json::from_str(text).ok()?;
    if let Some(key) = key {
        key.verify(Purpose::Claim, name, &document).ok()?;
    }
    serde_json::from_value(document).ok()
}

/// Claims a run. Answers the claim that holds: the one asked for, or an earlier one.
///
/// # Errors
/// A call that failed; a contention where the claim exists but cannot be read yet.
pub async fn claim_run(clients: &Clients, claim: &Claim) -> Result<Held, Fault> {
    let key = clients.signing_key().await?;
    let name = parameter(&claim.run_id, key);
    clients.turn("ssm:PutParameter").await;
    let put = clients
        .ssm
        .put_parameter()
        .name(&name)
        .r#type(ParameterType::String)
        .overwrite(false)
        .value(to_text(claim, &name, key))
        .send()
        .await;
    match put.map_err(|e| fault("ssm:PutParameter", &e)) {
        Ok(_) => Ok(Held::By(claim.clone())),
        Err(fault) if fault.class == FaultClass::Exists => held(clients, name, claim, fault).await,
        Err(fault) => Err(fault),
    }
}

/// The claim that exists already. One that is not shown yet may be our own, whose answer was lost.
async fn held(
    clients: &Clients,
    name: String,
    wanted: &Claim,
    exists: Fault,
) -> Result<Held, Fault> {
    const OPERATION: &str = "ssm:GetParameters";
    let key = clients.signing_key().await?;
    clients.turn(OPERATION).await;
    let answer = clients.ssm.get_parameters().names(&name).send().await;
    let answer = answer.map_err(|e| fault(OPERATION, &e))?;
    let Some(value) = answer.parameters().first().and_then(|p| p.value()) else {
        return Err(Fault {
            class: FaultClass::Contention,
            ..exists
        });
    };
    match from_text(value, &name, key) {
        Some(claim) => Ok(Held::By(claim)),
        None if key.is_some() => Ok(Held::Unsigned(name)),
        // Written by a program that we do not know: the run is claimed all the same.
        None => Ok(Held::By(Claim {
            owner: "another program".into(),
            ..wanted.clone()
        })),
    }
}

/// The claims of the account and region.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// Those that can be read.
    pub claims: Vec<Claim>,
    /// With a key: the parameters of those that it has not signed.
    pub unsigned: Vec<String>,
}

/// Lists all claims.
///
/// # Errors
/// A call that failed.
pub async fn list_claims(clients: &Clients) -> Result<Claims, Fault> {
    let mut listed = Claims::default();
    let is_signing = clients.signing_key().await?.is_some();
    for (name, claim) in list(clients).await? {
        match claim {
            Some(claim) => listed.claims.push(claim),
            None if is_signing => listed.unsigned.push(name),
            None => {}
        }
    }
    Ok(listed)
}

/// Deletes the claims that are older than `until`; those that cannot be read stay.
///
/// # Errors
/// The first call that failed; the claims after it stay.
pub async fn forget_claims(clients: &Clients, until: DateTime<Utc>) -> Result<(), Fault> {
    for (name, claim) in list(clients).await? {
        if claim.is_none_or(|c| c.at >= until || c.run_id.starts_with(KEPT_CLAIM)) {
            continue;
        }
        clients.turn("ssm:DeleteParameter").await;
        let deleted = clients.ssm.delete_parameter().name(name).send().await;
        match deleted.map_err(|e| fault("ssm:DeleteParameter", &e)) {
            Ok(_) => {}
            Err(fault) if fault.class == FaultClass::Gone => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(())
}

async fn list(clients: &Clients) -> Result<BTreeMap<String, Option<Claim>>, Fault> {
    const OPERATION: &str = "ssm:GetParametersByPath";
    let key = clients.signing_key().await?;
    let pages = clients
        .ssm
        .get_parameters_by_path()
        .path(CLAIM_PREFIX.trim_end_matches('/'))
        .into_paginator()
        .send();
    every(clients, OPERATION, pages, |p| (p.parameters, p.next_token))
        .await?
        .iter()
        .map(|p| {
            let name = required(p.name(), OPERATION, "Name")?;
            let value = required(p.value(), OPERATION, "Value")?;
            Ok((name.to_owned(), from_text(value, name, key)))
        })
        .collect()
}
