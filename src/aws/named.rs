//! The things that a file of settings, a group's tags or a run name, as the account has them. Nothing is changed, and nothing is decrypted.

use super::Clients;
use super::faults::{fault, required};
use super::parameter::read_parameter;
use crate::group::facts::DocumentFacts;
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

/// A document of this name or ARN, by its default version; none if there is none.
///
/// # Errors
/// A call that failed.
pub async fn document_facts(clients: &Clients, name: &str) -> Result<Option<DocumentFacts>, Fault> {
    const OPERATION: &str = "ssm:DescribeDocument";
    clients.turn(OPERATION).await;
    let answer = match clients.ssm.describe_document().name(name).send().await {
        Ok(answer) => answer,
        Err(error) => {
            return match fault(OPERATION, &error) {
                fault if fault.code == "InvalidDocument" => Ok(None),
                fault => Err(fault),
            };
        }
    };
    let described = required(answer.document(), OPERATION, "Document")?;
    let word = |text: Option<&str>| text.unwrap_or("none").to_owned();
    let platforms = described.platform_types().iter();
    // "Parameters without a default value are required" (DocumentParameter, DefaultValue).
    let parameters = described.parameters().iter().filter_map(|parameter| {
        let is_required = parameter.default_value().is_none();
        Some((parameter.name()?.to_owned(), is_required))
    });
    Ok(Some(DocumentFacts {
        kind: word(described.document_type().map(|t| t.as_str())),
        status: word(described.status().map(|s| s.as_str())),
        platforms: platforms.map(|p| p.as_str().to_owned()).collect(),
        parameters: parameters.collect(),
    }))
}
