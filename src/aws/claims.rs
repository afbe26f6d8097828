//! Claims of runs in Parameter Store: the execution that creates the parameter has the run.

use std::collections::BTreeMap;

use aws_sdk_ssm::types::ParameterType;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::faults::required;
use super::paging::every;
use super::{Clients, fault};
use crate::group::fault::{Fault, FaultClass};
use crate::group::names::CLAIM_PREFIX;
use crate::ids::RunId;
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

fn parameter(run_id: &RunId) -> String {
    format!("{CLAIM_PREFIX}{}", legal_name(run_id))
}

/// Claims a run. Answers the claim that holds: the one asked for, or an earlier one.
///
/// # Errors
/// A call that failed; a contention where the claim exists but cannot be read yet.
pub async fn claim_run(clients: &Clients, claim: &Claim) -> Result<Claim, Fault> {
    let name = parameter(&claim.run_id);
    clients.turn("ssm:PutParameter").await;
    let put = clients
        .ssm
        .put_parameter()
        .name(&name)
        .r#type(ParameterType::String)
        .overwrite(false)
        .value(serde_json::to_string(claim).unwrap_or_default())
        .send()
        .await;
    match put.map_err(|e| fault("ssm:PutParameter", &e)) {
        Ok(_) => Ok(claim.clone()),
        Err(fault) if fault.class == FaultClass::Exists => held(clients, &name, claim, fault).await,
        Err(fault) => Err(fault),
    }
}

/// The claim that exists already. One that is not shown yet may be our own, whose answer was lost.
async fn held(
    clients: &Clients,
    name: &str,
    wanted: &Claim,
    exists: Fault,
) -> Result<Claim, Fault> {
    const OPERATION: &str = "ssm:GetParameters";
    clients.turn(OPERATION).await;
    let answer = clients.ssm.get_parameters().names(name).send().await;
    let answer = answer.map_err(|e| fault(OPERATION, &e))?;
    let Some(value) = answer.parameters().first().and_then(|p| p.value()) else {
        return Err(Fault {
            class: FaultClass::Contention,
            ..exists
        });
    };
    // Written by a program that we do not know: the run is claimed all the same.
    let unknown = Claim {
        owner: "another program".into(),
        ..wanted.clone()
    };
    Ok(serde_json::from_str(value).unwrap_or(unknown))
}

/// All claims that can be read.
///
/// # Errors
/// A call that failed.
pub async fn list_claims(clients: &Clients) -> Result<Vec<Claim>, Fault> {
    Ok(list(clients).await?.into_values().flatten().collect())
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
            Ok((name.to_owned(), serde_json::from_str(value).ok()))
        })
        .collect()
}
