//! The simulated AWS account: a world, and AWS's wire protocols over it; beside it, third parties that get notices
//! ([`parties`]).
//!
//! It sits under the real SDK clients ([`connector`]) or listens on loopback; either way time is the
//! [`crate::clock::Clock`]'s. It knows nothing of the patch pipeline.

pub mod account;
pub mod beliefs;
pub mod calls;
pub mod connector;
pub mod faults;
pub mod fleet;
pub mod parties;
pub mod sdk;
pub mod server;
mod services;
mod throttle;
pub mod wire;
pub mod world;

pub use account::{Account, Frozen};
