//! The facts that repositories and AWS give about patches: the same for a patch of the same name each time.

use crate::sim::world::guest::Family;
use crate::sim::world::patching::PatchState;

/// Classifications and severities in the words of a family's repositories.
/// Source: SSM User Guide, "How security patches are selected" and the values of `DescribePatchProperties`.
const AMAZON: [(&str, &str); 4] = [
    ("Security", "Critical"),
    ("Security", "Important"),
    ("Security", "Medium"),
    ("Bugfix", ""),
];
const DEBIAN: [(&str, &str); 3] = [
    ("Security", "Required"),
    ("Security", "Important"),
    ("Security", "Optional"),
];
const WINDOWS: [(&str, &str); 3] = [
    ("SecurityUpdates", "Critical"),
    ("SecurityUpdates", "Important"),
    ("CriticalUpdates", "Unspecified"),
];

/// The facts about one patch, as one instance reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) classification: &'static str,
    pub(super) severity: &'static str,
    /// Number of its first CVE and how many there are; none if AWS names none.
    cves: Option<(u64, u64)>,
}

impl Facts {
    /// AWS leaves out class and severity of what no baseline approves, and gives CVE ids only of what is missing or
    /// has failed. Source: SSM User Guide, "Patch compliance state values"; API Reference, `PatchComplianceData`.
    /// Only Amazon Linux's notices of updates name CVEs here.
    pub(super) fn of(name: &str, state: PatchState, family: Family) -> Self {
        let number = hash(name);
        let words: &[(&str, &str)] = match family {
            Family::Amazon => &AMAZON,
            Family::Debian => &DEBIAN,
            Family::Windows => &WINDOWS,
        };
        let known = usize::try_from(number).unwrap_or(0) % words.len();
        let (classification, severity) = match state {
            PatchState::InstalledOther => ("", ""),
            PatchState::Missing
            | PatchState::Installed
            | PatchState::InstalledPendingReboot
            | PatchState::Failed => words.get(known).copied().unwrap_or_default(),
        };
        let is_security = classification == "Security" && family == Family::Amazon;
        let cves = (is_security && state.is_absent()).then_some((number % 30_000, 1 + number % 3));
        Self {
            classification,
            severity,
            cves,
        }
    }

    /// Separated by commas; none if AWS names none.
    pub(super) fn cve_ids(self) -> Option<String> {
        let (first, count) = self.cves?;
        let id = |n: u64| format!("CVE-2026-{:04}", 1_000 + first + n * 17);
        let ids: Vec<String> = (0..count).map(id).collect();
        Some(ids.join(","))
    }
}

/// FNV-1a, folded to 31 bits.
fn hash(name: &str) -> u64 {
    let mix = |h: u64, byte: u8| (h ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, mix);
    (hash ^ (hash >> 32)) & 0x7fff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_names_cves_of_what_is_not_there_and_no_class_of_what_no_baseline_approves() {
        let facts = |state| {
            let names = (0..50).map(|n| format!("package-{n}"));
            names.map(move |name| Facts::of(&name, state, Family::Amazon))
        };
        assert!(
            facts(PatchState::Missing).any(|f| f.cve_ids().is_some_and(|ids| ids.contains(',')))
        );
        assert!(facts(PatchState::Missing).any(|f| f.cve_ids().is_none()));
        assert!(facts(PatchState::Installed).all(|f| f.cve_ids().is_none()));
        assert!(facts(PatchState::Installed).all(|f| !f.classification.is_empty()));
        assert!(facts(PatchState::InstalledOther).all(|f| f.classification.is_empty()));
    }
}
