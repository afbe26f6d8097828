//! Records in Parameter Store.

use std::collections::BTreeMap;

use super::{Clients, fault};
use crate::group::Record;
use crate::group::fault::Fault;
use crate::group::names::RECORD_PREFIX;
use crate::group::seen::RecordSeen;

/// `GetParameters` takes this many names.
const NAMES_PER_CALL: usize = 10;

/// Reads records by parameter name; those that do not exist are left out.
pub async fn get_records(
    clients: &Clients,
    names: &[String],
) -> Result<BTreeMap<String, RecordSeen>, Fault> {
    let mut records = BTreeMap::new();
    for chunk in names.chunks(NAMES_PER_CALL) {
        let answer = clients
            .ssm
            .get_parameters()
            .set_names(Some(chunk.to_vec()))
            .send()
            .await
            .map_err(|e| fault("ssm:GetParameters", &e))?;
        records.extend(answer.parameters().iter().filter_map(record));
    }
    Ok(records)
}

/// All open records of the account and region, by parameter name.
pub async fn list_records(clients: &Clients) -> Result<BTreeMap<String, RecordSeen>, Fault> {
    let pages = clients
        .ssm
        .get_parameters_by_path()
        .path(RECORD_PREFIX.trim_end_matches('/'))
        .recursive(true)
        .into_paginator()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await
        .map_err(|e| fault("ssm:GetParametersByPath", &e))?;
    let parameters = pages.iter().flat_map(|p| p.parameters());
    Ok(parameters.filter_map(record).collect())
}

fn record(parameter: &aws_sdk_ssm::types::Parameter) -> Option<(String, RecordSeen)> {
    let raw = parameter.value().unwrap_or_default();
    let seen = match Record::from_text(raw) {
        Ok(record) => RecordSeen::Readable(Box::new(record)),
        Err(problem) => RecordSeen::Unreadable {
            raw: raw.to_owned(),
            problem: problem.to_string(),
        },
    };
    Some((parameter.name()?.to_owned(), seen))
}
