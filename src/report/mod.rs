//! Reports of runs, plans and the present state: their models and renderings. Pure.

pub mod fit;
mod fleet_behaviour;
mod fleet_file;
mod format;
mod plan;
mod run;
mod status;
mod table;
mod text;

#[cfg(test)]
pub(crate) mod sample;

pub use fleet_file::{Heading as FleetHeading, fleet_file};
pub use plan::{PlanReport, PlannedGroup};
pub use run::{GroupReport, PatchCounts, PhaseReport, RunKind, RunReport};
pub use status::{GroupStatus, OpenRecord, StatusReport};
pub use table::{plan_table, run_table, status_table};
pub use text::{by_urgency, email_text, short_text, tally};
