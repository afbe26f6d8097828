//! The phases of a group as bars over the window.

use chrono::TimeDelta;
use serde::Serialize;

use super::scale::{Scale, WIDTH, round};
use crate::group::Phase;
use crate::report::{GroupReport, PhaseReport};
use crate::text::duration;

/// Bars are at least this wide, so that phases of seconds are seen.
const LEAST_WIDTH: f64 = 2.0;

/// A phase of a group.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Bar {
    pub(super) x: f64,
    pub(super) width: f64,
    /// See [`KINDS`].
    pub(super) kind: &'static str,
    pub(super) phase: String,
    pub(super) from: String,
    pub(super) took: String,
}

/// The kinds of phases, each with a colour of its own: the class and the words of the legend.
pub(super) const KINDS: [(&str, &str); 8] = [
    ("launch", "launching an instance"),
    ("guest", "first boot and scans"),
    ("patch", "patching and sealing"),
    ("bake", "image and version"),
    ("prove", "proving and promoting"),
    ("own", "the owner's documents"),
    ("roll", "rolling back"),
    ("restore", "recording and restoring"),
];

fn kind(phase: Phase) -> &'static str {
    match phase {
        Phase::Launching | Phase::Returning | Phase::LaunchingCanary | Phase::ReturningCanary => {
            "launch"
        }
        Phase::Settling | Phase::Scanning => "guest",
        Phase::Patching | Phase::Sealing => "patch",
        Phase::Baking | Phase::Versioning => "bake",
        Phase::Proving | Phase::Promoting => "prove",
        Phase::RunningBefore | Phase::RunningAfter => "own",
        Phase::RollingBack => "roll",
        Phase::Queued | Phase::Recording | Phase::Restoring | Phase::Finished => "restore",
    }
}

/// The phases of a group in order. Time in the queue is no phase of work.
pub(super) fn bars(group: &GroupReport, scale: &Scale) -> Vec<Bar> {
    let worked = group.phases.iter().filter(|p| p.phase != Phase::Queued);
    worked.map(|phase| bar(phase, scale)).collect()
}

fn bar(phase: &PhaseReport, scale: &Scale) -> Bar {
    let length = TimeDelta::try_seconds(i64::try_from(phase.seconds).unwrap_or(i64::MAX));
    let end = length.and_then(|l| phase.entered_at.checked_add_signed(l));
    let x = scale.x(phase.entered_at);
    let end = scale.x(end.unwrap_or(phase.entered_at));
    Bar {
        x: x.min(WIDTH - LEAST_WIDTH),
        width: round((end - x).max(LEAST_WIDTH)),
        kind: kind(phase.phase),
        phase: phase.phase.to_string().replace('_', " "),
        from: phase.entered_at.format("%H:%M:%S").to_string(),
        took: duration(phase.seconds),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{KINDS, kind};
    use crate::group::Phase;

    #[test]
    fn every_phase_has_a_kind_of_the_legend() {
        let named: BTreeSet<&str> = KINDS.iter().map(|(class, _)| *class).collect();
        let used: BTreeSet<&str> = Phase::ALL.into_iter().map(kind).collect();
        assert_eq!(used, named);
    }
}
