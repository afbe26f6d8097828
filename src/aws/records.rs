//! Records in Parameter Store.

use std::collections::BTreeMap;

use aws_sdk_ssm::types::Parameter;
use chrono::{DateTime, TimeDelta, Utc};

use super::convert::time;
use super::faults::{missing, required};
use super::paging::every;
use super::{Clients, Listed, fault};
use crate::group::fault::Fault;
use crate::group::names::{RECORD_PREFIX, record_parameter};
use crate::group::record::RecordError;
use crate::group::seen::{RecordSeen, StoredRecord};
use crate::group::{Code, Failure, Record};
use crate::signature::SigningKey;
use crate::text::moment;

const LIST: &str = "ssm:GetParametersByPath";
/// A record is stored when it is written: the driver's clock may be some minutes off, and the call be repeated. One that
/// AWS stored longer after that is an old one that was put back.
const STORED_WITHIN: TimeDelta = TimeDelta::minutes(10);
/// `GetParameters` takes this many names.
const NAMES_PER_CALL: usize = 10;

/// Reads records by parameter name; those that do not exist are not listed. A name on which the answer is silent
/// makes no sense: only one that AWS reports as unknown is absent.
///
/// # Errors
/// A call that failed.
pub(super) async fn get_records(
    clients: &Clients,
    names: &[String],
) -> Result<Listed<String, RecordSeen>, Fault> {
    const OPERATION: &str = "ssm:GetParameters";
    let key = clients.signing_key().await?;
    let mut records: BTreeMap<String, Result<RecordSeen, Fault>> = BTreeMap::new();
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
            if let Some(name) = parameter.name() {
                let value = required(parameter.value(), OPERATION, "Value");
                records.insert(
                    name.to_owned(),
                    value.map(|v| record(parameter, name, v, key)),
                );
            }
        }
        for name in chunk {
            if !answer.invalid_parameters().contains(name) {
                let silent = || Err(missing(OPERATION, name));
                records.entry(name.clone()).or_insert_with(silent);
            }
        }
    }
    let listed = records.into_iter().map(|(name, seen)| (Ok(name), seen));
    Ok(listed.collect())
}

/// All open records of the account and region, by parameter name.
///
/// # Errors
/// A call that failed. A record that cannot be read is [`RecordSeen::Unreadable`].
pub async fn list_records(clients: &Clients) -> Result<BTreeMap<String, RecordSeen>, Fault> {
    let key = clients.signing_key().await?;
    let pages = clients
        .ssm
        .get_parameters_by_path()
        .path(RECORD_PREFIX.trim_end_matches('/'))
        .recursive(true)
        .into_paginator()
        .send();
    let parameters = every(clients, LIST, pages, |p| (p.parameters, p.next_token)).await?;
    let named = parameters.iter().map(|p| {
        let name = required(p.name(), LIST, "Name")?;
        // One without a value can be read as little as one without sense.
        let seen = record(p, name, p.value().unwrap_or_default(), key);
        Ok((name.to_owned(), seen))
    });
    named.collect()
}

fn record(parameter: &Parameter, name: &str, raw: &str, key: Option<&SigningKey>) -> RecordSeen {
    let unreadable = |code: Code, problem: String| RecordSeen::Unreadable {
        raw: raw.to_owned(),
        problem: Failure::new(code, problem),
    };
    let read = match key {
        Some(key) => Record::from_signed(raw, key, name),
        None => Record::from_text(raw),
    };
    match read {
        // A copy under another name locks nothing: it must not restore a group that is not its own.
        Ok(record) if record_parameter(&record.group) != name => unreadable(
            Code::RecordUnreadable,
            format!(
                "expected the record of the group that the parameter is named after, found that of '{}'",
                record.group
            ),
        ),
        Ok(record) => {
            let stored_at = parameter.last_modified_date().and_then(time);
            match put_back(&record, stored_at) {
                Some(problem) if key.is_some() => unreadable(Code::NotOurs, problem),
                Some(_) | None => RecordSeen::Readable(StoredRecord {
                    record: Box::new(record),
                    stored_at,
                }),
            }
        }
        Err(problem @ RecordError::Signature(_)) => unreadable(Code::NotOurs, problem.to_string()),
        Err(problem) => unreadable(Code::RecordUnreadable, problem.to_string()),
    }
}

/// Why a record is one that was deleted, and put back later.
fn put_back(record: &Record, stored_at: Option<DateTime<Utc>>) -> Option<String> {
    let stored_at = stored_at?;
    let written_at = record.written_at;
    (stored_at - written_at > STORED_WITHIN).then(|| {
        format!(
            "expected a record that was stored when it was written, at {}, found it stored at {}: an old one was put back",
            moment(written_at),
            moment(stored_at)
        )
    })
}
