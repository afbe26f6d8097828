//! The things that a file of settings names, as the account has them. Nothing is changed, and nothing is decrypted.

use std::collections::BTreeSet;

use aws_sdk_ssm::types::DocumentFormat;
use serde_json::Value;

use super::Clients;
use super::faults::fault;
use super::parameter::read_parameter;
use crate::group::fault::Fault;

/// The type of a parameter, for instance `SecureString`; none if there is no such parameter.
///
/// # Errors
/// A call that failed.
pub async fn parameter_type(clients: &Clients, name: &str) -> Result<Option<String>, Fault> {
    let parameter = read_parameter(clients, name).await?;
    Ok(parameter.map(|p| {
        let kind = p.r#type.map(|t| t.as_str().to_owned());
        kind.unwrap_or_else(|| "none".into())
    }))
}

/// Whether there is an SNS topic of this ARN.
///
/// # Errors
/// A call that failed; `InvalidParameter` if it is no ARN of a topic of this region.
pub async fn has_topic(clients: &Clients, arn: &str) -> Result<bool, Fault> {
    const OPERATION: &str = "sns:GetTopicAttributes";
    clients.turn(OPERATION).await;
    let read = clients.sns.get_topic_attributes().topic_arn(arn);
    match read.send().await {
        Ok(_) => Ok(true),
        Err(error) => match fault(OPERATION, &error) {
            fault if fault.code == "NotFound" => Ok(false),
            fault => Err(fault),
        },
    }
}

/// A document, as far as a run depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentFacts {
    /// `Command`, `Automation`, ...
    pub kind: String,
    /// `Active`, or a state in which it cannot be sent.
    pub status: String,
    /// The names of its parameters; none if its content is not read.
    pub parameters: Option<BTreeSet<String>>,
}

/// A document of this name or ARN; none if there is none.
///
/// # Errors
/// A call that failed.
pub async fn document_facts(clients: &Clients, name: &str) -> Result<Option<DocumentFacts>, Fault> {
    const OPERATION: &str = "ssm:GetDocument";
    clients.turn(OPERATION).await;
    // Of a document in YAML, too, SSM gives JSON.
    let read = clients.ssm.get_document().name(name);
    let answer = match read.document_format(DocumentFormat::Json).send().await {
        Ok(answer) => answer,
        Err(error) => {
            return match fault(OPERATION, &error) {
                fault if fault.code == "InvalidDocument" => Ok(None),
                fault => Err(fault),
            };
        }
    };
    let content: Option<Value> = answer
        .content()
        .and_then(|text| serde_json::from_str(text).ok());
    let parameters = content.map(|content| {
        let named = content.get("parameters").and_then(Value::as_object);
        named
            .map(|p| p.keys().cloned().collect())
            .unwrap_or_default()
    });
    let word = |text: Option<&str>| text.unwrap_or("none").to_owned();
    Ok(Some(DocumentFacts {
        kind: word(answer.document_type().map(|t| t.as_str())),
        status: word(answer.status().map(|s| s.as_str())),
        parameters,
    }))
}
