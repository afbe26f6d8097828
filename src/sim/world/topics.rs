//! SNS topics and what was published to them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

/// The state of SNS.
#[derive(Clone, Debug, Default)]
pub struct Sns {
    /// Topics by ARN.
    pub topics: BTreeMap<String, Topic>,
    /// Every message ever published, in order.
    pub published: Vec<Published>,
}

/// A topic.
#[derive(Clone, Debug, Default)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Attributes that were set.
    pub attributes: BTreeMap<String, String>,
    /// Its subscribers.
    pub subscriptions: Vec<Subscription>,
}

/// A subscription to a topic.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// Its ARN.
    pub arn: String,
    /// e.g. `email`.
    pub protocol: String,
    /// e.g. an address.
    pub endpoint: String,
}

/// A published message.
#[derive(Clone, Debug)]
pub struct Published {
    /// The topic's ARN.
    pub topic: String,
    /// The message's id.
    pub id: String,
    /// When.
    pub at: DateTime<Utc>,
    /// The subject, if any.
    pub subject: Option<String>,
    /// The message as it was sent.
    pub message: String,
    /// The text for each protocol, if it was sent as `MessageStructure=json`.
    pub by_protocol: BTreeMap<String, String>,
    /// String attributes.
    pub attributes: BTreeMap<String, String>,
}

impl Sns {
    /// The ARN of a topic.
    pub fn arn(region: &str, account: &str, name: &str) -> String {
        format!("arn:aws:sns:{region}:{account}:{name}")
    }
}
