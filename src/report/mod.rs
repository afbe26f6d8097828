//! Reports of runs, plans and the present state: their models and renderings. Pure.

mod cost;
pub mod fit;
mod fleet_file;
mod format;
mod history;
mod html;
mod pages;
mod plan;
mod prices;
mod prune;
mod run;
mod sheet;
mod status;
mod table;
mod text;
mod windows;

#[cfg(test)]
pub(crate) mod sample;

pub use cost::{Amounts, Cost, InstanceCost, StackUse};
pub use fleet_file::{Heading as FleetHeading, fleet_file};
pub use history::{History, PastGroup, PastRun};
pub use html::html;
pub use pages::{more_about, page, page_names, topic};
pub use plan::{PlanReport, PlannedGroup};
pub use prices::{PriceSource, Prices};
pub use prune::{KeptReason, PruneAction, PruneEntry, PruneReport};
pub use run::{
    DueAction, GroupReport, PatchCounts, PatchEvidence, PhaseReport, RunKind, RunReport,
    SCHEDULED_LIMIT,
};
pub use sheet::{
    Sheet, codes_sheet, history_sheet, plan_sheet, prune_sheet, run_sheet, status_sheet,
    windows_sheet,
};
pub use status::{Changed, GroupStatus, LastRun, OpenRecord, StatusReport};
pub use table::{
    codes_table, history_table, plan_table, prune_table, run_table, status_table, windows_table,
};
pub use text::{by_urgency, email_text, short_text, tally};
pub use windows::{OpeningReport, UnreadableWindow, WindowReport, WindowsReport};
