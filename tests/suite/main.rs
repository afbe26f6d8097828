//! Everything that is tested on the simulated account, in one program: linking the SDK's clients once
//! is what keeps the tests quick to build. `cargo test --test suite NAME` runs one part.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used
)] // tests and their helpers

mod architecture;
mod channels;
mod common;
mod crash;
mod deployed;
mod documents;
mod evidence;
mod faults;
mod hostile;
mod invariants;
mod links;
mod planted;
mod probe;
mod prune;
mod publish;
mod random;
mod rates;
mod rivals;
mod runbooks;
mod scenarios;
mod schedule;
mod snapshot;
mod status;
mod sweep;
mod transitions;
mod window;
mod windows;
mod words;
