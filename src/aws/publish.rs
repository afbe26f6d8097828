//! Sending a message to SNS.

use super::{Clients, fault};
use crate::group::fault::Fault;

/// Publishes a message for several protocols (`MessageStructure=json`).
pub async fn publish(
    clients: &Clients,
    topic_arn: &str,
    subject: &str,
    message_json: &str,
) -> Result<(), Fault> {
    clients
        .sns
        .publish()
        .topic_arn(topic_arn)
        .subject(subject)
        .message_structure("json")
        .message(message_json)
        .send()
        .await
        .map(|_| ())
        .map_err(|e| fault("sns:Publish", &e))
}
