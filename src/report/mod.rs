//! The report: its model, and its renderings (pure).

mod format;
mod grid;
mod model;
mod plan;
mod status;
mod table;
mod text;

#[cfg(test)]
pub(crate) mod sample;

pub use model::{GroupReport, PatchCounts, PhaseReport, RunKind, RunReport};
pub use plan::{PlanReport, PlannedGroup};
pub use status::{GroupStatus, OpenRecord, StatusReport};
pub use table::{plan_table, run_table, status_table};
pub use text::{by_urgency, email_text, short_text, tally};
