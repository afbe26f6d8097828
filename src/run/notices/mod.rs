//! Notices about windows: what happens is written down as a fact, and then each channel that lacks it gets a notice.
//!
//! ```text
//! sweep:  windows, groups ─► notices::happens ─► facts (marks) ─┐
//! run:    begun, ended, refused ───────────────► facts (marks) ─┴─► notices::unsaid ─► tell, channel by channel
//! ```
//!
//! The fact comes first. Who dies before a channel was told of it leaves a fact without its channel's mark, and the next
//! sweep tells it.

mod announcer;
mod due;
mod of_run;
mod overview;
mod ready;
mod ring;
mod script;
mod setup;
mod tell;

pub use announcer::{Announcer, Said, Taken, Unsent};
pub use due::{Watched, opted_in, places};
pub use of_run::{BY_HAND, BegunAt, Places};
pub use overview::{Overviewed, OverviewedChannel};
pub use ready::{EventBus, ReadyChannel, ready};
pub use script::{Scripted, script};
pub use setup::{SetupError, SetupTables, UnknownWindow, WindowSetup};
pub use tell::{TellError, tell};
