//! Notices about windows: what happens is written down as a fact, and channels are told of facts.
//!
//! ```text
//! sweep:  windows, groups ─► notices::happens ─► facts (marks) ─┐
//! run:    begun, ended, refused ───────────────► facts (marks) ─┴─► notices::unsaid ─► tell, channel by channel
//! ```
//!
//! The fact comes first. Who dies before a channel was told of it leaves a fact without its channel's mark, and the next
//! sweep tells it.

mod due;
mod of_run;
mod script;
mod setup;
mod tell;
mod teller;

pub use due::Watched;
pub use of_run::{BY_HAND, BegunAt, DEFAULT_WINDOW, Places};
pub use script::{Scripted, script};
pub use setup::{SetupError, WindowSetup};
pub use tell::{TellError, tell};
pub use teller::{Said, Taken, Teller, Unsent, ready};
