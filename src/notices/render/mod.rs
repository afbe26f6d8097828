//! Notices as each kind of channel shows them: bodies of requests, within the services' limits. Pure.

pub mod escape;
mod fitting;
pub mod pagerduty;
pub mod pingdom;
pub mod slack;
pub mod statuspage;
pub mod teams;
pub mod webhook;

#[cfg(test)]
mod tests;
