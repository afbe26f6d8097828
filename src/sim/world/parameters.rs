//! Parameter Store.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::sim::wire::ApiError;

/// The longest value of a standard parameter, bytes.
pub const STANDARD_VALUE_BYTES: usize = 4096;
/// The longest value of an advanced parameter, bytes.
pub const ADVANCED_VALUE_BYTES: usize = 8192;
/// The longest name, characters.
const NAME_CHARS: usize = 1011;
/// The deepest hierarchy, levels.
const LEVELS: usize = 15;

/// The parameters of the account and region.
#[derive(Clone, Debug, Default)]
pub struct Parameters {
    /// By name.
    pub by_name: BTreeMap<String, Parameter>,
}

/// One parameter at its present version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// `String`, `StringList` or `SecureString`.
    pub kind: String,
    /// Its value.
    pub value: String,
    /// 1, and one more with each overwrite.
    pub version: i64,
    /// When it last changed.
    pub modified_at: DateTime<Utc>,
    /// `text` or `aws:ec2:image`.
    pub data_type: String,
    /// `Standard` or `Advanced`.
    pub tier: String,
    /// Its description.
    pub description: Option<String>,
    /// Of a SecureString the key that encrypts it.
    pub key_id: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// A `PutParameter` request.
#[derive(Clone, Debug, Default)]
pub struct Put {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
    /// The type, if given.
    pub kind: Option<String>,
    /// Whether an existing parameter may be changed.
    pub overwrite: bool,
    /// `Standard`, `Advanced` or `Intelligent-Tiering`.
    pub tier: Option<String>,
    /// `text` or `aws:ec2:image`.
    pub data_type: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// The key that is to encrypt it, if given.
    pub key_id: Option<String>,
    /// Tags for a new parameter.
    pub tags: BTreeMap<String, String>,
}

/// The key that encrypts SecureStrings unless another is named.
const DEFAULT_KEY: &str = "alias/aws/ssm";
/// All that KMS encrypts begins so.
const CIPHERTEXT: &[u8] = &[1, 2, 2, 0, 0x78];

impl Parameter {
    /// The value as a reader gets it: a SecureString that was not to be decrypted as its ciphertext, in Base64.
    pub fn shown(&self, is_decrypted: bool) -> String {
        if self.kind != "SecureString" || is_decrypted {
            return self.value.clone();
        }
        let version = self.version.to_string();
        let digest = Sha256::digest(
            [
                self.name.as_bytes(),
                version.as_bytes(),
                self.value.as_bytes(),
            ]
            .concat(),
        );
        STANDARD.encode([CIPHERTEXT, digest.as_slice(), digest.as_slice()].concat())
    }
}

/// The answer to a parameter that is not there: a code without any text (recorded).
pub fn not_found() -> ApiError {
    ApiError::new("ParameterNotFound", "")
}

impl Parameters {
    /// Finds `name` or `name:version`; only the present version is kept.
    pub fn find(&self, name: &str) -> Result<&Parameter, ApiError> {
        let (bare, version) = name
            .split_once(':')
            .map_or((name, None), |(n, v)| (n, Some(v)));
        let found = self.by_name.get(bare).ok_or_else(not_found)?;
        match version {
            Some(v) if v != found.version.to_string() => Err(ApiError::new(
                "ParameterVersionNotFound",
                format!("Systems Manager could not find version {v} of {bare}."),
            )),
            _ => Ok(found),
        }
    }

    /// Creates or changes a parameter, all or nothing; answers its version and tier.
    pub fn put(&mut self, put: Put, now: DateTime<Utc>) -> Result<(i64, String), ApiError> {
        check_name(&put.name)?;
        check_value(&put.value)?;
        let existing = self.by_name.get(&put.name);
        if existing.is_some() && !put.overwrite {
            return Err(ApiError::new(
                "ParameterAlreadyExists",
                "The parameter already exists. To overwrite this value, set the overwrite option \
                 in the request to true.",
            ));
        }
        if put.overwrite && !put.tags.is_empty() {
            return Err(invalid(
                "Invalid request: tags and overwrite can't be used together. To create a \
                 parameter with tags, please remove overwrite flag.",
            ));
        }
        let tier = tier_of(&put, existing)?;
        let kind = put
            .kind
            .or_else(|| existing.map(|p| p.kind.clone()))
            .ok_or_else(|| invalid("A parameter type is required when you create a parameter."))?;
        if !["String", "StringList", "SecureString"].contains(&kind.as_str()) {
            return Err(ApiError::new(
                "UnsupportedParameterType",
                format!("expected String, StringList or SecureString, found '{kind}'"),
            ));
        }
        let key_id = key_of(
            &kind,
            put.key_id
                .or_else(|| existing.and_then(|p| p.key_id.clone())),
        )?;
        let version = existing.map_or(1, |p| p.version + 1);
        let tags = existing.map_or(put.tags, |p| p.tags.clone());
        self.by_name.insert(
            put.name.clone(),
            Parameter {
                name: put.name,
                kind,
                value: put.value,
                version,
                modified_at: now,
                data_type: put.data_type.unwrap_or_else(|| "text".into()),
                tier: tier.clone(),
                description: put.description,
                key_id,
                tags,
            },
        );
        Ok((version, tier))
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}

fn key_of(kind: &str, named: Option<String>) -> Result<Option<String>, ApiError> {
    match (kind, named) {
        ("SecureString", named) => Ok(Some(named.unwrap_or_else(|| DEFAULT_KEY.into()))),
        (_, Some(_)) => Err(invalid(
            "KeyId is required for SecureString type parameter only.",
        )),
        (_, None) => Ok(None),
    }
}

fn tier_of(put: &Put, existing: Option<&Parameter>) -> Result<String, ApiError> {
    let bytes = put.value.len();
    if bytes == 0 {
        return Err(invalid(
            "1 validation error detected: Value '' at 'value' failed to satisfy constraint: \
             Member must have length greater than or equal to 1",
        ));
    }
    let asked = put
        .tier
        .as_deref()
        .or(existing.map(|p| p.tier.as_str()))
        .unwrap_or("Standard");
    match asked {
        "Standard" if bytes > STANDARD_VALUE_BYTES => Err(invalid(format!(
            "Standard tier parameters support a maximum parameter value of {STANDARD_VALUE_BYTES} \
             characters. To create a larger parameter value, upgrade the parameter to use the \
             advanced-parameter tier."
        ))),
        "Standard" => Ok("Standard".into()),
        "Intelligent-Tiering" if bytes <= STANDARD_VALUE_BYTES => Ok("Standard".into()),
        "Advanced" | "Intelligent-Tiering" if bytes <= ADVANCED_VALUE_BYTES => {
            Ok("Advanced".into())
        }
        "Advanced" | "Intelligent-Tiering" => Err(invalid(format!(
            "Advanced tier parameters support a maximum parameter value of {ADVANCED_VALUE_BYTES} \
             characters."
        ))),
        other => Err(invalid(format!(
            "tier: expected Standard, Advanced or Intelligent-Tiering, found '{other}'"
        ))),
    }
}

/// Source: SSM API, PutParameter, Value: "You can't include values wrapped in double brackets {{}}". The words are
/// UNCONFIRMED.
fn check_value(value: &str) -> Result<(), ApiError> {
    let is_wrapped = value
        .find("{{")
        .is_some_and(|at| value[at..].contains("}}"));
    match is_wrapped {
        true => Err(invalid(
            "Parameters can't be referenced or nested in the values of other parameters.",
        )),
        false => Ok(()),
    }
}

fn check_name(name: &str) -> Result<(), ApiError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
    let bare = name.trim_start_matches('/').to_ascii_lowercase();
    if name.is_empty() || !name.chars().all(legal) || name.ends_with('/') || name.contains("//") {
        return Err(invalid(
            "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a \
             path, it can consist of sub-paths divided by slash symbol; each sub-path can be \
             formed as a mix of letters, numbers and the following 3 symbols .-_",
        ));
    }
    if bare.starts_with("aws") || bare.starts_with("ssm") {
        return Err(invalid(format!(
            "Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive), found \
             '{name}'"
        )));
    }
    if !name.starts_with('/') && name.contains('/') {
        return Err(invalid("Parameter name must be a fully qualified name."));
    }
    if name.chars().count() > NAME_CHARS {
        return Err(invalid(format!(
            "Parameter name: expected at most {NAME_CHARS} characters, found {}",
            name.chars().count()
        )));
    }
    if name.starts_with('/') && name.matches('/').count() > LEVELS {
        return Err(ApiError::new(
            "HierarchyLevelLimitExceededException",
            format!("A hierarchy can have a maximum of {LEVELS} levels."),
        ));
    }
    Ok(())
}
