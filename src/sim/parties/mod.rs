//! Simulated third parties: Slack, Teams' workflows, Statuspage, Pingdom, PagerDuty and a receiver of webhooks, on the simulated
//! clock, with their rates, limits and error words. Their state is open, so that a test sees what a reader would see.
//!
//! Sources are those of `src/notices/render` and `src/channels`; what none confirms is a setting of [`PartiesState`].

mod connector;
mod faults;
mod pagerduty;
mod pingdom;
mod rates;
mod receiver;
mod request;
mod slack;
mod slack_blocks;
mod statuspage;
mod teams;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

pub use connector::PartiesConnector;
pub use faults::{PartyFault, PartyFaultRule};
pub use pagerduty::{PagerDuty, ServiceWindow};
pub use pingdom::{EndsBy, Maintenance, Pingdom};
pub use receiver::{Received, Receiver};
pub use request::{PartyReply, PartyRequest, PartyResponse};
pub use slack::{Slack, SlackChannel, SlackPost};
pub use statuspage::{Incident, Page, Statuspage};
pub use teams::Teams;

use crate::clock::Clock;
use rates::Rates;

/// A request's way there and back.
const LATENCY: Duration = Duration::from_millis(80);

/// The third parties. Cheap to clone; clones are the same.
#[derive(Clone, Debug)]
pub struct Parties {
    clock: Clock,
    inner: Arc<Mutex<PartiesState>>,
}

/// All that they know.
#[derive(Clone, Debug, Default)]
pub struct PartiesState {
    /// Slack.
    pub slack: Slack,
    /// Workflows of Teams.
    pub teams: Teams,
    /// Statuspage.
    pub statuspage: Statuspage,
    /// Pingdom.
    pub pingdom: Pingdom,
    /// PagerDuty.
    pub pagerduty: PagerDuty,
    /// A receiver of webhooks at `receiver.example.org`.
    pub receiver: Receiver,
    /// Fault rules in force; the first that picks a request decides.
    pub faults: Vec<PartyFaultRule>,
    /// All requests that arrived, in order: `POST slack.com/api/chat.postMessage`. Without queries, which may hold secrets.
    pub log: Vec<String>,
    rates: Rates,
}

impl Parties {
    /// Third parties that live in `clock`'s time.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            inner: Arc::default(),
        }
    }

    /// Gives access to their state as it is now.
    pub fn with<T>(&self, f: impl FnOnce(&mut PartiesState) -> T) -> T {
        let mut state = self.lock();
        state.advance_to(self.clock.now());
        f(&mut state)
    }

    /// Whether a request to this host is theirs.
    pub fn know(host: &str) -> bool {
        is_party(bare(host))
    }

    /// Serves one request.
    pub async fn serve(&self, request: &PartyRequest) -> PartyReply {
        self.clock.wait(LATENCY / 2).await;
        let reply = {
            let now = self.clock.now();
            let mut state = self.lock();
            state.advance_to(now);
            state.answer(request, now)
        };
        self.clock.wait(LATENCY / 2).await;
        reply
    }

    fn lock(&self) -> MutexGuard<'_, PartiesState> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bare(host: &str) -> &str {
    host.split(':').next().unwrap_or_default()
}

fn is_party(host: &str) -> bool {
    let known = [
        "slack.com",
        "hooks.slack.com",
        "api.statuspage.io",
        "api.pingdom.com",
        "api.pagerduty.com",
        receiver::HOST,
    ];
    known.contains(&host) || teams::is_workflow(host)
}

impl PartiesState {
    fn advance_to(&mut self, now: DateTime<Utc>) {
        self.statuspage.advance_to(now);
        self.teams.advance_to(now);
    }

    fn answer(&mut self, request: &PartyRequest, now: DateTime<Utc>) -> PartyReply {
        let host = bare(&request.host).to_owned();
        let name = format!("{} {host}{}", request.method, request.path());
        let fault = faults::pick(&mut self.faults, &name);
        match fault {
            Some(PartyFault::NeverConnected) => return PartyReply::NeverConnected,
            Some(PartyFault::Hang) => return PartyReply::Silence,
            Some(PartyFault::Answer(response)) => {
                self.log.push(name);
                return PartyReply::Response(response);
            }
            Some(PartyFault::ReplyLost | PartyFault::EffectThenAnswer(_)) | None => {}
        }
        self.log.push(name);
        let response = self.effect(&host, request, now);
        match fault {
            Some(PartyFault::ReplyLost) => PartyReply::Broken,
            Some(PartyFault::EffectThenAnswer(other)) => PartyReply::Response(other),
            Some(PartyFault::NeverConnected | PartyFault::Hang | PartyFault::Answer(_)) | None => {
                PartyReply::Response(response)
            }
        }
    }

    fn effect(&mut self, host: &str, request: &PartyRequest, now: DateTime<Utc>) -> PartyResponse {
        match host {
            "slack.com" => self.slack.api(request, now, &mut self.rates),
            "hooks.slack.com" => self.slack.hook(request, now, &mut self.rates),
            "api.statuspage.io" => self.statuspage.answer(request, now, &mut self.rates),
            "api.pingdom.com" => self.pingdom.answer(request, now),
            "api.pagerduty.com" => self.pagerduty.answer(request, now),
            receiver::HOST => self.receiver.answer(request),
            host if teams::is_workflow(host) => self.teams.answer(request, now),
            _ => PartyResponse::text(404, "no such host"),
        }
    }
}
