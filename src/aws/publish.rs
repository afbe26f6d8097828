//! Sending a message to SNS.

use std::collections::BTreeMap;

use aws_sdk_sns::types::MessageAttributeValue;

use super::{Clients, fault};
use crate::group::fault::Fault;

/// What SNS is to be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Post {
    /// A text for each protocol (`MessageStructure=json`), with attributes for filter policies.
    Structured {
        /// Subject of e-mails.
        subject: String,
        /// One JSON object, a text by protocol.
        body: String,
        /// Names and values.
        attributes: BTreeMap<&'static str, String>,
    },
    /// A text as it is, the same for all.
    Plain(String),
}

/// Publishes a message.
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
                // The type, the only field that must be there, is.
                if let Ok(value) = value.build() {
                    request = request.message_attributes(*name, value);
                }
            }
        }
    }
    let sent = request.send().await;
    sent.map(|_| ()).map_err(|e| fault("sns:Publish", &e))
}
