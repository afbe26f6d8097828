//! Notices about patch windows: the story that is to be told, and how each kind of channel shows it. Pure.
//!
//! A [`Notice`] is about one window of one application and environment, whatever its number of groups and instances. A
//! [`config::Route`] says which channels it goes to, and with which ids of theirs. [`render`] makes of it what a channel's
//! service takes, within that service's limits and with all foreign text escaped. Sending is the room `channels`.

mod address;
mod approval;
mod coming;
pub mod config;
mod config_error;
mod event;
mod file;
mod kind;
mod known;
mod mark;
mod notice;
pub mod render;
mod route;
mod sample;
mod story;
mod told;
mod unsaid;
mod words;

pub use address::{AddressError, check_address, default_hosts, is_inside};
pub use approval::approval_words;
pub use coming::{Coming, LATE, about, happens, window_id};
pub use event::NoticeEvent;
pub use file::NoticesFile;
pub use kind::ChannelKind;
pub use known::Known;
pub use mark::Mark;
pub use notice::{GroupNote, Notice, Planned, Windows};
pub use route::{Target, TargetIds, targets};
pub use sample::{bare, sample, test_notice};
pub use story::{Fact, Story, story};
pub use told::{SlackMessage, Told, fact_name, mark_name};
pub use unsaid::unsaid;
pub use words::{OwnWords, WordsError};
