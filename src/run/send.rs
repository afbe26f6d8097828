//! Sending messages.

use tokio::sync::watch::Receiver;

use super::Stop;
use super::patience::patiently;
use crate::aws::{Aws, Post, publish};
use crate::group::fault::Fault;
use crate::notify::{Message, chat, to_sns_json};

/// Sends a run's report. One that cannot be sent is no reason to fail the run: answers a warning then.
pub(super) async fn send_report(
    aws: &Aws,
    stop: &Receiver<Stop>,
    topic: &str,
    message: &Message,
) -> Option<String> {
    let sent = patiently(&aws.clock, stop, async || send(aws, topic, message).await);
    let fault = sent.await.err()?;
    let warning = format!("the report was not sent: {}", fault.to_failure().reason);
    tracing::error!(topic, "{warning}");
    Some(warning)
}

/// Sends a message to people and queues.
///
/// # Errors
/// SNS did not take it.
pub async fn send(aws: &Aws, topic: &str, message: &Message) -> Result<(), Fault> {
    let post = Post::Structured {
        subject: message.subject.clone(),
        body: to_sns_json(message),
        attributes: message.attributes(),
    };
    publish(&aws.clients, topic, &post).await
}

/// Sends a message to a chat.
///
/// # Errors
/// SNS did not take it.
pub async fn send_to_chat(aws: &Aws, topic: &str, message: &Message) -> Result<(), Fault> {
    let post = Post::Plain(chat(message).to_string());
    publish(&aws.clients, topic, &post).await
}
