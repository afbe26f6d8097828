//! How long the phases took that made an image: written as a tag on it, and read when the next run plans.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::names::SECONDS_TAG;
use super::phase::{Entered, Phase};

/// The phases that take long enough to be measured, in order.
pub(super) const MEASURED_PHASES: [Phase; 10] = [
    Phase::Launching,
    Phase::Returning,
    Phase::Settling,
    Phase::Scanning,
    Phase::Patching,
    Phase::Sealing,
    Phase::Baking,
    Phase::LaunchingCanary,
    Phase::ReturningCanary,
    Phase::Proving,
];

/// Lengths of phases, seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Measured(BTreeMap<Phase, i64>);

impl Measured {
    /// The lengths of a job's phases.
    pub fn of(history: &[Entered]) -> Self {
        let ends = history.iter().skip(1).map(|e| e.at);
        let lengths = history
            .iter()
            .zip(ends)
            .filter(|(entered, _)| MEASURED_PHASES.contains(&entered.phase));
        let mut measured = Self::default();
        // A phase may have been entered more than once.
        for (entered, end) in lengths {
            *measured.0.entry(entered.phase).or_default() += (end - entered.at).num_seconds();
        }
        measured
    }

    /// The length of a phase, seconds.
    pub fn get(&self, phase: Phase) -> Option<i64> {
        self.0.get(&phase).copied()
    }

    /// The tag's value: `launching=84 patching=239`.
    pub fn to_text(&self) -> String {
        let pairs: Vec<String> = self.0.iter().map(|(p, s)| format!("{p}={s}")).collect();
        pairs.join(" ")
    }

    /// Reads a tag's value, as far as it can be read; the note names the parts that are ignored.
    ///
    /// `limit` is the longest that a phase can have taken.
    pub fn from_text(text: &str, limit: impl Fn(Phase) -> TimeDelta) -> (Self, Option<String>) {
        let (mut measured, mut ignored) = (Self::default(), Vec::new());
        for entry in text.split_whitespace() {
            let Some((name, seconds)) = entry.split_once('=') else {
                ignored.push(format!("'{entry}' (expected PHASE=SECONDS)"));
                continue;
            };
            // Another version of the program may measure more.
            let Some(phase) = MEASURED_PHASES.into_iter().find(|p| p.to_string() == name) else {
                continue;
            };
            let limit = limit(phase).num_seconds();
            match seconds.parse::<i64>() {
                Ok(seconds) if (0..=limit).contains(&seconds) => {
                    measured.0.insert(phase, seconds);
                }
                Ok(_) | Err(_) => {
                    ignored.push(format!("'{entry}' (expected 0 to {limit} seconds)"));
                }
            }
        }
        if measured.0.is_empty() && ignored.is_empty() {
            ignored.push(format!("'{text}' (expected PHASE=SECONDS)"));
        }
        let note = (!ignored.is_empty()).then(|| {
            let ignored = ignored.join(", ");
            format!("ignored in its image's tag {SECONDS_TAG}: {ignored}")
        });
        (measured, note)
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::*;

    #[test]
    fn the_measured_is_that_of_the_history() {
        let start: DateTime<Utc> = "2026-10-14T04:00:00Z".parse().unwrap();
        let phases = [
            (Phase::Queued, 0),
            (Phase::Launching, 600),
            (Phase::Patching, 684),
            (Phase::Scanning, 900),
            (Phase::Patching, 940),
            (Phase::Versioning, 1_000),
            (Phase::Proving, 1_500),
        ];
        let history = phases.map(|(phase, at)| Entered {
            phase,
            at: start + TimeDelta::seconds(at),
        });
        assert_eq!(
            Measured::of(&history).to_text(),
            "launching=84 scanning=40 patching=276"
        );
    }
}
