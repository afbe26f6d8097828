//! A receiver of webhooks.

use std::collections::VecDeque;

use super::request::{PartyRequest, PartyResponse};

/// Its host.
pub(super) const HOST: &str = "receiver.example.org";

/// A receiver that keeps all it gets, once for each id.
#[derive(Clone, Debug, Default)]
pub struct Receiver {
    /// All requests, repetitions, too.
    pub requests: Vec<Received>,
    /// Statuses of the next answers; then 200.
    pub statuses: VecDeque<u16>,
}

/// A webhook as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Path and query.
    pub target: String,
    /// `webhook-id`
    pub id: String,
    /// `webhook-timestamp`
    pub timestamp: String,
    /// `webhook-signature`
    pub signature: String,
    /// The body.
    pub body: String,
}

impl Receiver {
    pub(super) fn answer(&mut self, request: &PartyRequest) -> PartyResponse {
        let header = |name: &str| request.header(name).unwrap_or_default().to_owned();
        self.requests.push(Received {
            target: request.target.clone(),
            id: header("webhook-id"),
            timestamp: header("webhook-timestamp"),
            signature: header("webhook-signature"),
            body: String::from_utf8_lossy(&request.body).into_owned(),
        });
        let status = self.statuses.pop_front().unwrap_or(200);
        PartyResponse::text(status, if status == 200 { "taken" } else { "not now" })
    }
}
