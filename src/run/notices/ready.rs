//! A channel that is ready to be told: a service outside with its secrets, or an event bus of AWS.

use crate::aws::{Aws, Event, has_event_bus, put_event, read_secret};
use crate::channels::{self, Channel, ChannelFault, Done, FaultKind, Outside, Receipt};
use crate::group::fault::{Fault, FaultClass};
use crate::notices::config::ChannelTable;
use crate::notices::render::webhook;
use crate::notices::{ChannelKind, Notice, OwnWords, TargetIds, Told};

/// `source` of our events.
const SOURCE: &str = "asg-patch";

/// A channel that is ready to be told.
#[derive(Clone, Debug)]
pub enum ReadyChannel {
    /// Of a service outside.
    Outside(Box<Channel>),
    /// An event bus.
    Bus(Box<EventBus>),
}

/// An event bus as a channel.
#[derive(Clone, Debug)]
pub struct EventBus {
    /// The channel's name.
    name: String,
    /// Name or ARN of the bus.
    bus: String,
    words: OwnWords,
}

impl From<Channel> for ReadyChannel {
    fn from(channel: Channel) -> Self {
        Self::Outside(Box::new(channel))
    }
}

impl ReadyChannel {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Outside(channel) => channel.name(),
            Self::Bus(bus) => &bus.name,
        }
    }

    /// Its kind.
    pub fn kind(&self) -> ChannelKind {
        match self {
            Self::Outside(channel) => channel.kind(),
            Self::Bus(_) => ChannelKind::EventBus,
        }
    }

    /// Sends a notice. `told` is its past on this channel, by its mark, and learns the message that was posted.
    ///
    /// # Errors
    /// The service did not take it, or it is not known whether it did.
    pub async fn send(
        &self,
        aws: &Aws,
        outside: &Outside,
        ids: &TargetIds,
        notice: &Notice,
        told: &mut Told,
    ) -> Result<Receipt, ChannelFault> {
        match self {
            Self::Outside(channel) => channels::send(outside, channel, ids, notice, told).await,
            Self::Bus(bus) if told.is_marked => {
                Ok(bus.receipt(Done::ToldBefore, "its mark was there"))
            }
            Self::Bus(bus) => bus.put(aws, notice).await,
        }
    }

    /// Sends a test notice. On a service that shows maintenances, it makes one a week ahead and removes it.
    ///
    /// # Errors
    /// The service did not take it, or it is not known whether it did.
    pub async fn try_out(
        &self,
        aws: &Aws,
        outside: &Outside,
        ids: &TargetIds,
        notice: &Notice,
    ) -> Result<Receipt, ChannelFault> {
        match self {
            Self::Outside(channel) => channels::try_out(outside, channel, ids, notice).await,
            Self::Bus(bus) => bus.put(aws, notice).await,
        }
    }
}

/// A channel with its secrets. A bus is looked for, because AWS takes events for one that there is not, and loses them.
///
/// # Errors
/// In words: a secret cannot be read, or is none of the channel's kind; or there is no such bus.
pub async fn ready(aws: &Aws, table: &ChannelTable) -> Result<ReadyChannel, String> {
    let words = |fault: Fault| format!("{}: {} ({})", fault.operation, fault.message, fault.code);
    if let Some(bus) = &table.bus {
        if has_event_bus(&aws.clients, bus).await.map_err(words)? == Some(false) {
            return Err(format!(
                "expected the event bus {bus}, found none. Correct its name, or create it"
            ));
        }
        let words = OwnWords::new(table).map_err(|e| e.to_string())?;
        return Ok(ReadyChannel::Bus(Box::new(EventBus {
            name: table.name.clone(),
            bus: bus.clone(),
            words,
        })));
    }
    let read = async |name: &str| read_secret(&aws.clients, name).await.map_err(words);
    let secret = read(table.secret.as_deref().unwrap_or_default()).await?;
    let previous = match &table.previous_secret {
        Some(name) => Some(read(name).await?),
        None => None,
    };
    let channel = Channel::new(table, secret, previous).map_err(|e| e.to_string())?;
    Ok(channel.into())
}

impl EventBus {
    /// The SDK repeats a call whose answer is lost: an event may come twice, with the same id in its detail.
    async fn put(&self, aws: &Aws, notice: &Notice) -> Result<Receipt, ChannelFault> {
        let at = aws.clock.now();
        let event = Event {
            bus: &self.bus,
            source: SOURCE,
            detail_type: &webhook::kind(notice),
            detail: &webhook::detail(notice, &self.words, &self.name, at),
            at,
        };
        match put_event(&aws.clients, &event).await {
            Ok(id) => Ok(self.receipt(Done::Posted, &format!("EventBridge took it as {id}"))),
            Err(fault) => Err(self.refused(&fault)),
        }
    }

    fn receipt(&self, done: Done, said: &str) -> Receipt {
        Receipt {
            channel: self.name.clone(),
            kind: ChannelKind::EventBus,
            done,
            said: said.to_owned(),
            warnings: Vec::new(),
        }
    }

    fn refused(&self, fault: &Fault) -> ChannelFault {
        let (class, remedy) = match fault.class {
            FaultClass::Denied => (
                FaultKind::Final,
                "Allow events:PutEvents on this bus: for the stack, in its parameter EventBusArns; another account's bus needs a policy, too",
            ),
            FaultClass::Throttled => (
                FaultKind::SlowDown,
                "EventBridge wants fewer requests; the next notice may pass",
            ),
            FaultClass::Unreachable => (
                FaultKind::Unknown,
                "Look at the bus whether the event arrived; it is sent again with the next look, with the same id",
            ),
            FaultClass::Expired
            | FaultClass::NotYet
            | FaultClass::Contention
            | FaultClass::Exhausted
            | FaultClass::Exists => (FaultKind::Again, "It is sent again with the next look"),
            FaultClass::Gone | FaultClass::Refused => (
                FaultKind::Final,
                "Read what EventBridge says; if the configuration is right, report it as a bug",
            ),
        };
        ChannelFault {
            channel: self.name.clone(),
            kind: ChannelKind::EventBus,
            class,
            word: fault.code.clone(),
            what: format!("EventBridge did not take it: {}", fault.message),
            remedy,
            retry_after: None,
        }
    }
}
