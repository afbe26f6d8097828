//! A channel that is ready to send: its settings, its secret, the owner's words.

use super::signing::Keys;
use crate::notices::config::ChannelTable;
use crate::notices::{ChannelKind, OwnWords, WordsError, check_address};
use crate::secret::Secret;

/// The parts that every channel has.
#[derive(Clone, Debug)]
pub(super) struct Common {
    pub(super) name: String,
    pub(super) kind: ChannelKind,
    pub(super) hosts: Vec<String>,
    pub(super) words: OwnWords,
    pub(super) secret: Secret,
    previous: Option<Secret>,
}

impl Common {
    pub(super) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        std::iter::once(&self.secret).chain(&self.previous)
    }
}

/// A channel, ready to send.
#[derive(Clone, Debug)]
pub struct Channel {
    pub(super) common: Common,
    pub(super) service: Service,
}

/// The service behind a channel, with what only it needs.
#[derive(Clone, Debug)]
pub(super) enum Service {
    /// Slack by a bot's token, in this channel.
    SlackBot { slack_channel: String },
    /// Slack by an incoming webhook, whose address is the secret.
    SlackWebhook,
    /// Teams by a workflow, whose address is the secret.
    Teams { is_bare: bool },
    /// This page of Statuspage.
    Statuspage { page: String },
    /// Pingdom.
    Pingdom,
    /// PagerDuty, in the name of this user.
    Pagerduty { from: String },
    /// A signed webhook to this address.
    Webhook { url: String, keys: Keys },
}

/// A channel that cannot be set up. The secret is not in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// Its secret is none of its kind.
    #[error("[[channel]] '{channel}' secret ({parameter}): expected {expected}, found {found}")]
    Secret {
        /// The channel.
        channel: String,
        /// The secret's parameter.
        parameter: String,
        /// Secrets of its kind.
        expected: String,
        /// This one, described.
        found: String,
    },
    /// It is none of a service outside of AWS.
    #[error("[[channel]] '{channel}': expected a kind with a secret, found {kind}")]
    Inside {
        /// The channel.
        channel: String,
        /// Its kind.
        kind: ChannelKind,
    },
    /// Its words cannot be used.
    #[error(transparent)]
    Words(#[from] WordsError),
}

impl Channel {
    /// A channel of a checked table, with the values of its secret parameters.
    ///
    /// # Errors
    /// A secret is none of the channel's kind, or the owner's words cannot be used.
    pub fn new(
        table: &ChannelTable,
        secret: Secret,
        previous: Option<Secret>,
    ) -> Result<Self, SetupError> {
        let hosts = table.allowed_hosts();
        let wrong = |expected: String, found: String| SetupError::Secret {
            channel: table.name.clone(),
            parameter: table.secret.clone().unwrap_or_default(),
            expected,
            found,
        };
        let is_header =
            |s: &Secret| !s.expose().is_empty() && s.expose().bytes().all(|b| b.is_ascii_graphic());
        let address =
            || check_address(secret.expose(), &hosts).map_err(|e| wrong(e.expected, e.found));
        let token = |start: &str| match is_header(&secret) && secret.expose().starts_with(start) {
            true => Ok(()),
            false if start.is_empty() => Err(wrong(
                "a token".into(),
                "none, or one with spaces or other characters".into(),
            )),
            false => Err(wrong(
                format!("a token that begins with {start}"),
                "another text (not shown)".into(),
            )),
        };
        let given = |value: &Option<String>| value.clone().unwrap_or_default();
        let service = match table.kind {
            ChannelKind::SlackBot => token("xoxb-").map(|()| Service::SlackBot {
                slack_channel: given(&table.slack_channel),
            }),
            ChannelKind::SlackWebhook => address().map(|()| Service::SlackWebhook),
            ChannelKind::Teams => address().map(|()| Service::Teams {
                is_bare: table.bare_card,
            }),
            ChannelKind::Statuspage => token("").map(|()| Service::Statuspage {
                page: given(&table.page),
            }),
            ChannelKind::Pingdom => token("").map(|()| Service::Pingdom),
            ChannelKind::Pagerduty => token("").map(|()| Service::Pagerduty {
                from: given(&table.from),
            }),
            ChannelKind::Webhook => Keys::new(&secret, previous.as_ref())
                .map(|keys| Service::Webhook {
                    url: given(&table.url),
                    keys,
                })
                .map_err(|e| wrong(e.expected.into(), e.found)),
            kind @ ChannelKind::EventBus => Err(SetupError::Inside {
                channel: table.name.clone(),
                kind,
            }),
        }?;
        Ok(Self {
            common: Common {
                name: table.name.clone(),
                kind: table.kind,
                hosts,
                words: OwnWords::new(table)?,
                secret,
                previous,
            },
            service,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.common.name
    }

    /// Its kind.
    pub fn kind(&self) -> ChannelKind {
        self.common.kind
    }
}
