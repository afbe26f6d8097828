//! Sending a message to SNS.

use std::collections::BTreeMap;

use aws_sdk_sns::types::MessageAttributeValue;

use super::{Clients, fault};
use crate::group::fault::Fault;

/// A message for SNS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Post {
    /// A text for each protocol (`MessageStructure=json`), with attributes for filter policies.
    Structured {
        /// Subject of e-mails.
        subject: String,
        /// One JSON object: texts by protocol.
        body: String,
        /// Message attributes: values by name.
        attributes: BTreeMap<&'static str, String>,
    },
    /// One text for all protocols.
    Plain(String),
}

/// Publishes a message.
///
/// # Errors
/// The call failed, or the topic does not take the message.
pub async fn publish(clients: &Clients, topic_arn: &str, post: &Post) -> Result<(), Fault> {
    let mut request = clients.sns.publish().topic_arn(topic_arn);
    match post {
        Post::Plain(text) => request = request.message(text),
        Post::Structured {
            subject,
            body,
            attributes,
        } => {
            request = request
                .subject(subject)
                .message_structure("json")
                .message(body);
            for (name, value) in attributes {
                let value = MessageAttributeValue::builder()
                    .data_type("String")
                    .string_value(value);
                // It cannot fail: the only required field, the type, is set.
                if let Ok(value) = value.build() {
                    request = request.message_attributes(*name, value);
                }
            }
        }
    }
    let sent = request.send().await;
    sent.map(|_| ()).map_err(|e| fault("sns:Publish", &e))
}
