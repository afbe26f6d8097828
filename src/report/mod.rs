//! The report: its model, and its renderings (pure).

mod format;
mod grid;
mod model;
mod table;
mod text;

#[cfg(test)]
pub(crate) mod sample;

pub(crate) use format::counted;
pub use format::{duration, plain_text, shortened};
pub use model::{GroupReport, PatchCounts, PhaseReport, RunKind, RunReport};
pub use table::{plan_table, run_table, shell_word, status_table};
pub use text::{by_urgency, email_text, short_text, tally};
