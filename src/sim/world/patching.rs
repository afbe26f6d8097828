//! Patch operations inside a guest, and Patch Manager's records of them.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::World;
use super::behaviour::Failure;
use super::commands::{InvocationKey, Status, Work};
use super::guest::{Family, Guest};
use super::running::End;
use crate::sim::beliefs::InstalledTime;

const DAY_SECONDS: i64 = 86_400;

/// Two patch operations met on one node.
pub(super) const EXIT_COLLISION: i32 = 152;

/// Whether an Install may reboot the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RebootOption {
    /// Reboots when anything was installed or waits for a reboot, needed or not.
    RebootIfNeeded,
    /// Never.
    NoReboot,
}

impl RebootOption {
    /// AWS's spelling.
    pub fn name(self) -> &'static str {
        match self {
            Self::RebootIfNeeded => "RebootIfNeeded",
            Self::NoReboot => "NoReboot",
        }
    }
}

/// The state of a patch as Patch Manager spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PatchState {
    /// Wanted and not there.
    Missing,
    /// There.
    Installed,
    /// There, and not approved by the baseline.
    InstalledOther,
    /// There after the next reboot.
    InstalledPendingReboot,
    /// Tried in vain.
    Failed,
}

impl PatchState {
    /// The spelling of `DescribeInstancePatches`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "Missing",
            Self::Installed => "Installed",
            Self::InstalledOther => "InstalledOther",
            Self::InstalledPendingReboot => "InstalledPendingReboot",
            Self::Failed => "Failed",
        }
    }
}

impl PatchState {
    /// Whether the patch is not in the guest. AWS writes the time 0 for such.
    pub fn is_absent(self) -> bool {
        matches!(self, Self::Missing | Self::Failed)
    }
}

/// A patch, its state, and when it was installed (seconds since 1970).
pub type ListedPatch = (Arc<str>, PatchState, Option<i64>);

/// The record of the last patch operation on an instance.
#[derive(Clone, Debug, PartialEq)]
pub struct PatchRecord {
    /// `Scan` or `Install`.
    pub operation: &'static str,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: DateTime<Utc>,
    /// The snapshot of the patch set that it was asked to use.
    pub snapshot_id: Option<String>,
    /// For an Install: whether it might reboot.
    pub reboot_option: Option<RebootOption>,
    /// When an Install without reboot last ran.
    pub last_no_reboot_install: Option<DateTime<Utc>>,
    /// Its list.
    pub patches: Vec<ListedPatch>,
}

impl PatchRecord {
    /// How many patches it listed in this state.
    pub fn count(&self, state: PatchState) -> usize {
        self.patches.iter().filter(|(_, s, _)| *s == state).count()
    }
}

/// Puts in the patches that are missing, as the guest's behaviour has it. True: a reboot follows.
/// What comes `from_list`, an InstallOverrideList, is for the baseline an unapproved patch.
pub(super) fn install(world: &mut World, id: &str, reboot: RebootOption, from_list: bool) -> bool {
    let Some(instance) = world.instances.get_mut(id) else {
        return false;
    };
    let failure = instance.behaviour.failure;
    let guest = &mut instance.guest;
    if failure == Some(Failure::InstallsNothing) {
        return false;
    }
    let mut wanted = std::mem::take(&mut guest.failed);
    wanted.append(&mut guest.missing);
    if failure == Some(Failure::InstallFails) && !wanted.is_empty() {
        guest.failed.push(wanted.remove(0));
    }
    if from_list {
        guest.other.extend(wanted.iter().cloned());
    }
    guest.pending_reboot.append(&mut wanted);
    if !guest.later.is_empty() {
        guest.missing = guest.later.remove(0);
    }
    reboot == RebootOption::RebootIfNeeded && !guest.pending_reboot.is_empty()
}

/// Records the operation and says how its invocation ends.
pub(super) fn report(world: &mut World, key: &InvocationKey, work: &Work) -> End {
    let nothing = End {
        status: Status::Undeliverable,
        code: -1,
        stdout: String::new(),
        stderr: String::new(),
    };
    let (Some(instance), Some(command)) = (
        world.instances.get(&key.instance),
        world.ssm.commands.get(&key.command),
    ) else {
        return nothing;
    };
    let reboot_option = match work {
        Work::Install { reboot, .. } => Some(*reboot),
        Work::Scan | Work::Script { .. } => None,
    };
    let started_at = command
        .invocations
        .get(&key.instance)
        .and_then(|i| i.started_at)
        .unwrap_or(world.now);
    let before = world.ssm.patch_records.get(&key.instance);
    let last_no_reboot_install = if reboot_option == Some(RebootOption::NoReboot) {
        Some(world.now)
    } else {
        before.and_then(|r| r.last_no_reboot_install)
    };
    let record = PatchRecord {
        operation: if reboot_option.is_some() {
            "Install"
        } else {
            "Scan"
        },
        started_at,
        ended_at: world.now,
        snapshot_id: command
            .parameters
            .get("SnapshotId")
            .and_then(|v| v.first().cloned()),
        reboot_option,
        last_no_reboot_install,
        patches: listed(
            &instance.guest,
            reboot_option.is_some(),
            world.beliefs.installed_time,
        ),
    };
    let failed = reboot_option.is_some()
        && (record.count(PatchState::Failed) > 0
            || instance.behaviour.failure == Some(Failure::InstallFails));
    let end = End {
        status: if failed {
            Status::Failed
        } else {
            Status::Success
        },
        code: i32::from(failed),
        stdout: output(&key.instance, &record),
        stderr: if failed {
            "failed to run commands: exit status 1".into()
        } else {
            String::new()
        },
    };
    world.ssm.patch_records.insert(key.instance.clone(), record);
    end
}

/// The patches that an operation lists. An Install does not look for missing ones. Windows knows the
/// day of an installation (midnight, UTC), Debian and Ubuntu know no time.
/// Source: SSM User Guide, samples of DescribeInstancePatches; DescribeInstancePatches'
/// `InstalledTime`: "Not all operating systems provide this level of information."
fn listed(guest: &Guest, install: bool, belief: InstalledTime) -> Vec<ListedPatch> {
    fn plain(patches: &[String], state: PatchState) -> impl Iterator<Item = ListedPatch> {
        patches
            .iter()
            .map(move |p| (p.as_str().into(), state, None))
    }
    let mut all: Vec<ListedPatch> = plain(&guest.failed, PatchState::Failed).collect();
    if !install {
        all.extend(plain(&guest.missing, PatchState::Missing));
    }
    all.extend(plain(
        &guest.pending_reboot,
        PatchState::InstalledPendingReboot,
    ));
    all.reserve_exact(guest.installed.len());
    all.extend(guest.installed.iter().map(|(p, at)| {
        (
            p.clone(),
            installed(guest, p),
            installed_time(belief, guest.family, *at),
        )
    }));
    all
}

fn installed(guest: &Guest, patch: &str) -> PatchState {
    if guest.other.contains(patch) {
        PatchState::InstalledOther
    } else {
        PatchState::Installed
    }
}

/// The time of an installation as the guest reports it, seconds since 1970.
fn installed_time(belief: InstalledTime, family: Family, at: i64) -> Option<i64> {
    let day = at - at.rem_euclid(DAY_SECONDS);
    match (belief, family) {
        (InstalledTime::Exact, _) | (InstalledTime::BySystem, Family::Amazon) => Some(at),
        (InstalledTime::Day, _) | (InstalledTime::BySystem, Family::Windows) => Some(day),
        (InstalledTime::Absent, _) | (InstalledTime::BySystem, Family::Debian) => None,
    }
}

fn output(instance: &str, record: &PatchRecord) -> String {
    let mut text = format!(
        "Patch operation details:\nInstance ID: {instance}\nOperation type: {}\nSnapshot ID: {}\n\
         Reboot option: {}\n",
        record.operation,
        record.snapshot_id.as_deref().unwrap_or("none"),
        record.reboot_option.map_or("none", RebootOption::name),
    );
    for (patch, state, _) in &record.patches {
        text.push_str(&format!("{}: {patch}\n", state.name()));
    }
    text.shrink_to_fit();
    text
}
