//! The kinds of channels.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kind of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChannelKind {
    /// Slack by a bot's token: one message per window, which is edited, with details in its thread.
    SlackBot,
    /// Slack by an incoming webhook: separate messages.
    SlackWebhook,
    /// Microsoft Teams by a workflow: Adaptive Cards.
    Teams,
    /// Scheduled maintenances of a page on Atlassian Statuspage.
    Statuspage,
    /// Maintenance windows of Pingdom.
    Pingdom,
    /// Maintenance windows of PagerDuty.
    Pagerduty,
    /// Any address, signed by Standard Webhooks.
    Webhook,
    /// An event bus of EventBridge.
    EventBus,
}

impl ChannelKind {
    /// As configuration writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SlackBot => "slack-bot",
            Self::SlackWebhook => "slack-webhook",
            Self::Teams => "teams",
            Self::Statuspage => "statuspage",
            Self::Pingdom => "pingdom",
            Self::Pagerduty => "pagerduty",
            Self::Webhook => "webhook",
            Self::EventBus => "event-bus",
        }
    }

    /// Whether its service shows windows as such, or keeps silent for them, and has nothing to do in between.
    pub fn shows_windows(self) -> bool {
        match self {
            Self::Statuspage | Self::Pingdom | Self::Pagerduty => true,
            Self::SlackBot | Self::SlackWebhook | Self::Teams => false,
            Self::Webhook | Self::EventBus => false,
        }
    }

    /// Whether it needs a secret. Amazon's own services know the caller.
    pub fn has_secret(self) -> bool {
        match self {
            Self::SlackBot | Self::SlackWebhook | Self::Teams | Self::Webhook => true,
            Self::Statuspage | Self::Pingdom | Self::Pagerduty => true,
            Self::EventBus => false,
        }
    }

    /// Whether its service has no list in which a lost answer could be looked for: a notice is sent once at most.
    pub fn is_once(self) -> bool {
        match self {
            Self::SlackBot | Self::SlackWebhook | Self::Teams => true,
            Self::Statuspage | Self::Pingdom | Self::Pagerduty => false,
            // Receivers of webhooks and events know a repetition by its id.
            Self::Webhook | Self::EventBus => false,
        }
    }
}

impl fmt::Display for ChannelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
