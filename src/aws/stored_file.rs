//! The file of settings that the stack works by, in Parameter Store.

use aws_sdk_ssm::types::{ParameterTier, ParameterType};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Clients;
use super::faults::{fault, required};
use super::parameter::read_parameter;
use crate::group::fault::Fault;
use crate::group::names::CONFIG_PARAMETER;
use crate::signature::{self, Purpose, SignatureError};
use crate::text;

/// Bytes of an advanced parameter's value (SSM: PutParameter, Value).
const LIMIT_BYTES: usize = 8 * 1024;
/// Bytes of a file that are unpacked at most.
const FILE_BYTES: u64 = 256 * 1024;

/// The parameter's value (JSON). The file is packed: Parameter Store takes no double braces, which templates of words have, and
/// 8 KiB at most.
#[derive(Debug, Serialize, Deserialize)]
struct Document {
    file: String,
    at: DateTime<Utc>,
    by: String,
}

/// The stack's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// The file, as it was written.
    pub text: String,
    /// The parameter's version: 1 for the first.
    pub version: i64,
    /// When it was stored.
    pub at: DateTime<Utc>,
    /// The person who stored it.
    pub by: String,
    /// Whether it has a signature, by whatever key.
    pub is_signed: bool,
}

/// The stack's file cannot be used, or could not be stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoredFileError {
    /// A call failed.
    #[error("{}: {} ({})", .0.operation, .0.message, .0.code)]
    Fault(Fault),
    /// Another has written it, or changed it.
    #[error("parameter {CONFIG_PARAMETER}: {0}; store it with asg-patch config push")]
    Signature(#[from] SignatureError),
    /// It is no file that this program stored.
    #[error(
        "parameter {CONFIG_PARAMETER}: expected a file that asg-patch config push stored, found {found}"
    )]
    Unreadable {
        /// Its fault, in words.
        found: String,
    },
    /// It is too long.
    #[error(
        "expected a file that takes {LIMIT_BYTES} bytes in Parameter Store, found {found}: shorten words or comments"
    )]
    TooLong {
        /// Bytes that it takes.
        found: usize,
    },
}

impl From<Fault> for StoredFileError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Reads the stack's file; none if there is none.
///
/// # Errors
/// A call that failed, or a file that was not stored by this program, with this key.
pub async fn stored_file(clients: &Clients) -> Result<Option<StoredFile>, StoredFileError> {
    let Some(parameter) = read_parameter(clients, CONFIG_PARAMETER).await? else {
        return Ok(None);
    };
    let value = required(parameter.value(), "ssm:GetParameters", "Value")?;
    let unreadable = |found: String| StoredFileError::Unreadable { found };
    let document: Value = serde_json::from_str(value).map_err(|e| unreadable(e.to_string()))?;
    if let Some(key) = clients.signing_key().await? {
        key.verify(Purpose::File, CONFIG_PARAMETER, &document)?;
    }
    let is_signed = document.get(signature::FIELD).is_some();
    let document: Document =
        serde_json::from_value(document).map_err(|e| unreadable(e.to_string()))?;
    let bytes = text::unpacked(&document.file, FILE_BYTES);
    let bytes = bytes.map_err(|e| unreadable(e.to_string()))?;
    Ok(Some(StoredFile {
        text: String::from_utf8(bytes).map_err(|e| unreadable(e.to_string()))?,
        version: parameter.version(),
        at: document.at,
        by: document.by,
        is_signed,
    }))
}

/// Stores a file as the stack's, in the place of the one before. Answers its version.
///
/// # Errors
/// It is too long, or a call failed.
pub async fn store_file(
    clients: &Clients,
    file: &str,
    by: &str,
    at: DateTime<Utc>,
) -> Result<i64, StoredFileError> {
    const OPERATION: &str = "ssm:PutParameter";
    let packed = text::packed(file.as_bytes());
    let document = Document {
        file: packed.map_err(|e| StoredFileError::Unreadable {
            found: e.to_string(),
        })?,
        at,
        by: by.to_owned(),
    };
    let mut document = serde_json::to_value(document).unwrap_or_default();
    if let Some(key) = clients.signing_key().await? {
        let signature = key.sign(Purpose::File, CONFIG_PARAMETER, &document);
        document[signature::FIELD] = signature.into();
    }
    let value = document.to_string();
    if value.len() > LIMIT_BYTES {
        return Err(StoredFileError::TooLong { found: value.len() });
    }
    clients.turn(OPERATION).await;
    let put = clients
        .ssm
        .put_parameter()
        .name(CONFIG_PARAMETER)
        .description("The file of settings that asg-patch works by: see asg-patch config")
        .r#type(ParameterType::String)
        // Standard as long as it fits.
        .tier(ParameterTier::IntelligentTiering)
        .overwrite(true)
        .value(value);
    let answer = put.send().await.map_err(|e| fault(OPERATION, &e))?;
    Ok(answer.version())
}
