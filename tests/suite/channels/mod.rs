//! Channels against simulated third parties: what their readers see, and what becomes of trouble.

mod bus;
mod chat;
mod of_run;
mod pages;
mod secrets;
mod told;

use asg_patch::channels::{Channel, ChannelFault, Outside, Receipt, send};
use asg_patch::clock::Clock;
use asg_patch::notices::config::ChannelTable;
use asg_patch::notices::{Notice, NoticeEvent, TargetIds, Told, sample};
use asg_patch::secret::Secret;
use asg_patch::sim::parties::{
    Parties, PartiesConnector, PartyFault, PartyFaultRule, PartyResponse,
};
use chrono::{DateTime, TimeDelta, Utc};

pub(crate) const BOT_TOKEN: &str = "xoxb-1234567890-abcdef987654";
pub(crate) const HOOK: &str = "https://hooks.slack.com/services/T00000000/B00000000/simulated0000";
pub(crate) const KEY: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// Third parties a day before the sample's window.
pub(crate) struct Outsiders {
    pub(crate) clock: Clock,
    pub(crate) parties: Parties,
    pub(crate) outside: Outside,
}

impl Outsiders {
    pub(crate) fn new() -> Self {
        let start = sample(NoticeEvent::Scheduled).times.planned.start;
        Self::on(Clock::simulated(start - TimeDelta::days(1), 1))
    }

    pub(crate) fn on(clock: Clock) -> Self {
        let parties = Parties::new(clock.clone());
        let outside = Outside::over(PartiesConnector::new(parties.clone()), clock.clone());
        Self {
            clock,
            parties,
            outside,
        }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(crate) fn fault(&self, of: &str, times: u64, fault: PartyFault) {
        self.parties
            .with(|p| p.faults.push(PartyFaultRule::next(of, times, fault)));
    }

    pub(crate) async fn tell(
        &self,
        channel: &Channel,
        ids: &TargetIds,
        notice: &Notice,
        told: &mut Told,
    ) -> Result<Receipt, ChannelFault> {
        send(&self.outside, channel, ids, notice, told).await
    }

    /// Without a past.
    pub(crate) async fn once(
        &self,
        channel: &Channel,
        notice: &Notice,
    ) -> Result<Receipt, ChannelFault> {
        self.tell(channel, &TargetIds::Plain, notice, &mut Told::default())
            .await
    }

    /// How often a request was made.
    pub(crate) fn asked(&self, of: &str) -> usize {
        self.parties
            .with(|p| p.log.iter().filter(|l| l.contains(of)).count())
    }
}

pub(crate) fn table(kind: &str, extra: &str) -> ChannelTable {
    let text = format!(
        "name = \"{kind}\"\nkind = \"{kind}\"\nsecret = \"/asg-patch/secrets/{kind}\"\n{extra}"
    );
    toml::from_str(&text).unwrap()
}

pub(crate) fn channel(kind: &str, secret: &str, extra: &str) -> Channel {
    Channel::new(&table(kind, extra), Secret::new(secret), None).unwrap()
}

pub(crate) fn bot() -> Channel {
    channel("slack-bot", BOT_TOKEN, "slack-channel = \"C0SIMULATED\"")
}

pub(crate) fn hook() -> Channel {
    channel("slack-webhook", HOOK, "")
}

pub(crate) fn answer(status: u16, body: &str) -> PartyFault {
    PartyFault::Answer(PartyResponse::text(status, body))
}
