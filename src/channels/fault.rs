//! Why a channel did not take a notice.

use std::time::Duration;

use serde::Serialize;

use crate::notices::ChannelKind;

/// Whether asking again helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// No: the operator must change something.
    Final,
    /// Later: the service wants fewer requests.
    SlowDown,
    /// It was tried once more already; a later notice may pass.
    Again,
    /// It is not known whether it took effect. It is not asked again by itself.
    Unknown,
}

/// A channel did not take a notice. Neither address nor token is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("channel '{channel}' ({kind}): {what} ({word}). {remedy}")]
pub struct ChannelFault {
    /// The channel's name.
    pub channel: String,
    /// Its kind.
    pub kind: ChannelKind,
    /// Whether asking again helps.
    pub class: FaultKind,
    /// The service's own word, or ours where it said none.
    pub word: String,
    /// The event, in a sentence without its full stop.
    pub what: String,
    /// The remedy, in a sentence.
    pub remedy: &'static str,
    /// How long the service wants to be left alone, if it said so.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

impl ChannelFault {
    /// Whether the service surely took nothing: a mark that was made for the notice may go.
    pub fn is_refused(&self) -> bool {
        match self.class {
            FaultKind::Final | FaultKind::SlowDown | FaultKind::Again => true,
            FaultKind::Unknown => false,
        }
    }
}

/// The judgement of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) class: FaultKind,
    pub(super) word: String,
    pub(super) remedy: &'static str,
}

impl Judged {
    pub(super) fn new(class: FaultKind, word: &str, remedy: &'static str) -> Self {
        Self {
            class,
            word: word.to_owned(),
            remedy,
        }
    }
}

/// The judgement of a status where the service's words say no more; none if it took the request.
pub(super) fn by_status(status: u16) -> Option<Judged> {
    use FaultKind::{Again, Final, SlowDown, Unknown};
    let (class, remedy) = match status {
        200..=299 => return None,
        300..=399 => (
            Final,
            "Redirects are never followed: give the address that the service itself names",
        ),
        400 | 422 => (
            Final,
            "Read what the service says of the request; if the configuration is right, report it as a bug",
        ),
        401 => (
            Final,
            "Store a valid token or address in the channel's secret parameter",
        ),
        403 => (
            Final,
            "Give the token the permission that the service names, or name ids that it may use",
        ),
        404 => (
            Final,
            "Look whether the ids in the configuration exist, and whether the address is still valid",
        ),
        410 => (
            Final,
            "The address is gone for good: make a new one and store it, or remove the channel",
        ),
        420 | 429 => (
            SlowDown,
            "The service wants fewer requests; the next notice may pass",
        ),
        413 => (
            Final,
            "The notice is too long for the service: shorten the channel's own words",
        ),
        500 | 503 => (
            Again,
            "The service has trouble of its own: look at its status page",
        ),
        // Something between us and the service answered: the service may have done it.
        502 | 504 => (Unknown, "Look at the service whether the notice arrived"),
        505..=599 => (
            Again,
            "The service has trouble of its own: look at its status page",
        ),
        _ => (Final, "Read what the service says of the request"),
    };
    Some(Judged::new(class, &format!("HTTP {status}"), remedy))
}
