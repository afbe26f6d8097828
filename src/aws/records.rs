//! Records in Parameter Store.

use std::collections::BTreeMap;

use aws_sdk_ssm::types::Parameter;

use super::convert::time;
use super::faults::{missing, required};
use super::paging::every;
use super::{Clients, fault};
use crate::group::Record;
use crate::group::fault::Fault;
use crate::group::names::{RECORD_PREFIX, record_parameter};
use crate::group::seen::{RecordSeen, StoredRecord};

/// `GetParameters` takes this many names.
const NAMES_PER_CALL: usize = 10;

/// Reads records by parameter name; those that do not exist are left out.
///
/// # Errors
/// A call that failed, or an answer that is silent on one of the names.
pub(super) async fn get_records(
    clients: &Clients,
    names: &[String],
) -> Result<BTreeMap<String, RecordSeen>, Fault> {
    const OPERATION: &str = "ssm:GetParameters";
    let mut records = BTreeMap::new();
    for chunk in names.chunks(NAMES_PER_CALL) {
        clients.turn(OPERATION).await;
        let answer = clients
            .ssm
            .get_parameters()
            .set_names(Some(chunk.to_vec()))
            .send()
            .await
            .map_err(|e| fault(OPERATION, &e))?;
        for parameter in answer.parameters() {
            let (name, seen) = record(parameter, OPERATION)?;
            records.insert(name, seen);
        }
        // Only a name that AWS reports as unknown is absent.
        let reported = |name: &&String| {
            records.contains_key(*name) || answer.invalid_parameters().contains(*name)
        };
        if let Some(name) = chunk.iter().find(|n| !reported(n)) {
            return Err(missing(OPERATION, name));
        }
    }
    Ok(records)
}

/// All open records of the account and region, by parameter name.
///
/// # Errors
/// A call that failed. A record that cannot be read is [`RecordSeen::Unreadable`].
pub async fn list_records(clients: &Clients) -> Result<BTreeMap<String, RecordSeen>, Fault> {
    const OPERATION: &str = "ssm:GetParametersByPath";
    let pages = clients
        .ssm
        .get_parameters_by_path()
        .path(RECORD_PREFIX.trim_end_matches('/'))
        .recursive(true)
        .into_paginator()
        .send();
    let parameters = every(clients, OPERATION, pages, |p| (p.parameters, p.next_token)).await?;
    parameters.iter().map(|p| record(p, OPERATION)).collect()
}

fn record(parameter: &Parameter, operation: &str) -> Result<(String, RecordSeen), Fault> {
    let raw = required(parameter.value(), operation, "Value")?;
    let name = required(parameter.name(), operation, "Name")?;
    let unreadable = |problem: String| RecordSeen::Unreadable {
        raw: raw.to_owned(),
        problem,
    };
    let seen = match Record::from_text(raw) {
        // A copy under another name locks nothing: it must not restore a group that is not its own.
        Ok(record) if record_parameter(&record.group) != name => unreadable(format!(
            "expected the record of the group that the parameter is named after, found that of '{}'",
            record.group
        )),
        Ok(record) => RecordSeen::Readable(StoredRecord {
            record: Box::new(record),
            stored_at: parameter.last_modified_date().and_then(time),
        }),
        Err(problem) => unreadable(problem.to_string()),
    };
    Ok((name.to_owned(), seen))
}
