//! The report: its model, and its renderings (pure).

mod model;

pub use model::{GroupReport, PatchCounts, PhaseReport, RunKind, RunReport};
