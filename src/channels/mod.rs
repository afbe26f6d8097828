//! Sending notices to chat and status services.
//!
//! ```text
//! [[channel]], [[route]]          a window's facts
//!   notices::config::check          notices::Notice
//!          └────────► notices::targets ◄────────┘
//!                          │ for each Target: its channel and the ids there
//!  aws::read_secret ─► Channel::new        aws::claim_mark ─► Told (sent before? which message?)
//!                          └────► send(Outside, Channel, ids, Notice, &mut Told) ◄────┘
//!                                     │ look (where there is a list), then ask; wait as the service says
//!                                     ▼
//!                          Receipt, or ChannelFault: final, slow down, once more, or unknown whether it took effect
//! ```
//!
//! A service without a list (Slack, Teams) is asked once at most for a notice: its mark is made first, an answer that is lost
//! is reported and not asked for again, and only a request that was surely refused is repeated. Services with a list
//! (Statuspage, Pingdom, PagerDuty) are looked at before anything is made there, and a receiver of webhooks knows a repetition
//! by its id: their marks are made when a notice was taken. `run::tell` keeps these orders.
//!
//! Requests go through one connector, that of the AWS SDK ([`Outside`]): HTTPS to hosts that are allowed, no redirects, no
//! addresses inside. No address and no token is in an error, a log or a receipt: what a service answers is shown without them.

mod channel;
mod exchange;
mod fault;
mod outside;
mod pagerduty;
mod pingdom;
mod receipt;
mod resolver;
mod send;
mod signing;
mod slack;
mod slack_words;
mod statuspage;
mod teams;
mod webhook;

pub use channel::{Channel, SetupError};
pub use fault::{ChannelFault, FaultKind};
pub use outside::Outside;
pub use receipt::{Done, Receipt};
pub use send::{send, try_out};
