//! The probe: checks on a real account whether AWS behaves as the simulated one believes.
//!
//! Each experiment has a launch template and a group of its own, with the probe's name and tag; nothing else is
//! ever changed. `docs/beliefs.md` lists the beliefs, `docs/probe.md` says what a probe needs and makes.

mod bench;
mod capacity;
mod clean;
mod commands;
mod finding;
mod images;
mod processes;
mod redact;
mod requests;
mod run;
mod schedule;
mod settings;
mod shown;
mod standby;
mod table;
mod tap;
mod templates;
mod trouble;

pub use clean::{Cleaned, clean, clean_until_gone};
pub use finding::{Belief, Expected, Finding, ProbeReport, Verdict};
pub use run::{default_subnets, run};
pub use settings::{PARAMETERS, PREFIX, Settings, TAG};
pub use table::beliefs;
pub use tap::{Exchange, Tap};
pub use trouble::Trouble;
