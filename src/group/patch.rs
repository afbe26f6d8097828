//! Patches as evidence: the facts that AWS gives about each, and its state before and after. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Bytes of CVE ids that a job keeps: its memory travels with those of others within 256 KiB. Some six hundred ids.
const CVE_BYTES: usize = 8 * 1024;
/// Patches of which a job keeps more than the name. A guest that has not been patched for years lacks some hundreds.
const PATCHES_LIMIT: usize = 500;

/// The facts about a patch, as AWS gives them. They come from the package's repository, which may leave any of them out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatchFacts {
    /// For instance `Security` or `Bugfix`; the words differ between operating systems.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classification: Option<String>,
    /// For instance `Critical` or `Important`; the words differ between operating systems.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// The CVE ids that it fixes. AWS gives them for patches that are missing or failed, and not on every operating
    /// system.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cves: Vec<String>,
    /// How many CVE ids were left out because they would have been too long together.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cves_left_out: u32,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl PatchFacts {
    /// Leaves out all CVE ids, and counts them.
    pub fn forget_cves(&mut self) {
        self.keep_cves(0);
    }

    fn keep_cves(&mut self, most_bytes: usize) {
        let mut bytes = 0;
        let fits = |id: &&String| {
            bytes += id.len() + 1;
            bytes <= most_bytes
        };
        let kept = self.cves.iter().take_while(fits).count();
        let left_out = u32::try_from(self.cves.len() - kept).unwrap_or(u32::MAX);
        self.cves_left_out = self.cves_left_out.saturating_add(left_out);
        self.cves.truncate(kept);
    }

    /// Bytes of its CVE ids.
    fn cve_bytes(&self) -> usize {
        self.cves.iter().map(|id| id.len() + 1).sum()
    }
}

/// The state of a patch at a Scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PatchState {
    /// The baseline wants it, and it is not there.
    Missing,
    /// The last Install tried it in vain.
    Failed,
    /// It is there.
    Installed,
}

impl PatchState {
    /// Whether the guest still wants it.
    pub fn is_wanted(self) -> bool {
        match self {
            Self::Missing | Self::Failed => true,
            Self::Installed => false,
        }
    }

    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Failed => "failed",
            Self::Installed => "installed",
        }
    }
}

/// A patch before the first Install and after the last one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatchTrace {
    /// The facts about it.
    #[serde(flatten)]
    pub facts: PatchFacts,
    /// Its state at the first Scan; none if that Scan did not list it.
    pub before: Option<PatchState>,
    /// Its state at the last Scan.
    pub after: PatchState,
}

/// The patches that a run found wanted or installed, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PatchTraces(pub BTreeMap<String, PatchTrace>);

impl PatchTraces {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes down the state of a patch at a Scan; false if there are too many. The facts of the first one stay: later, AWS
    /// gives fewer.
    pub fn learn(
        &mut self,
        name: &str,
        state: PatchState,
        facts: &PatchFacts,
        is_first: bool,
    ) -> bool {
        if let Some(known) = self.0.get_mut(name) {
            known.after = state;
            return true;
        }
        if self.0.len() >= PATCHES_LIMIT {
            return false;
        }
        let bytes: usize = self.0.values().map(|t| t.facts.cve_bytes()).sum();
        let mut facts = facts.clone();
        facts.keep_cves(CVE_BYTES.saturating_sub(bytes));
        let before = is_first.then_some(state);
        let trace = PatchTrace {
            facts,
            before,
            after: state,
        };
        self.0.insert(name.to_owned(), trace);
        true
    }

    /// A Scan has listed all that is wanted: the others are there.
    pub fn learn_installed(&mut self, is_wanted: impl Fn(&str) -> bool) {
        for (name, trace) in &mut self.0 {
            if !is_wanted(name) {
                trace.after = PatchState::Installed;
            }
        }
    }

    /// Leaves out all CVE ids, and counts them.
    pub fn forget_cves(&mut self) {
        self.0.values_mut().for_each(|t| t.facts.forget_cves());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(cves: usize) -> PatchFacts {
        PatchFacts {
            cves: (0..cves).map(|n| format!("CVE-2026-{n:05}")).collect(),
            ..PatchFacts::default()
        }
    }

    #[test]
    fn a_patch_keeps_the_facts_and_the_state_of_the_first_scan() {
        let mut traces = PatchTraces::default();
        traces.learn("kernel", PatchState::Missing, &facts(2), true);
        traces.learn("curl", PatchState::Missing, &facts(0), true);
        traces.learn("curl", PatchState::Failed, &facts(0), false);
        traces.learn("late", PatchState::Missing, &facts(1), false);
        traces.learn_installed(|name| name == "curl");
        let kernel = &traces.0["kernel"];
        assert_eq!(kernel.before, Some(PatchState::Missing));
        assert_eq!(kernel.after, PatchState::Installed);
        assert_eq!(kernel.facts.cves.len(), 2);
        assert_eq!(traces.0["curl"].after, PatchState::Failed);
        assert_eq!(traces.0["late"].before, None);
    }

    #[test]
    fn long_lists_are_cut_and_what_is_left_out_is_counted() {
        let mut traces = PatchTraces::default();
        for n in 0..PATCHES_LIMIT + 10 {
            let is_taken = traces.learn(&format!("p{n}"), PatchState::Missing, &facts(40), true);
            assert_eq!(is_taken, n < PATCHES_LIMIT, "{n}");
        }
        assert_eq!(traces.0.len(), PATCHES_LIMIT);
        let kept: usize = traces.0.values().map(|t| t.facts.cves.len()).sum();
        let left_out: u32 = traces.0.values().map(|t| t.facts.cves_left_out).sum();
        assert!((500..=CVE_BYTES / 10).contains(&kept), "{kept}");
        assert_eq!(kept + left_out as usize, PATCHES_LIMIT * 40);
        traces.forget_cves();
        let left_out: u32 = traces.0.values().map(|t| t.facts.cves_left_out).sum();
        assert_eq!(left_out as usize, PATCHES_LIMIT * 40);
    }
}
