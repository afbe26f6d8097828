//! The contents of an instance: its patches, its first boot, and who holds its package lock.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::behaviour::{Failure, Spread};
use super::{World, WorldEvent};
use crate::sim::beliefs::AgentOnline;

/// A first boot that waited for an Install goes on for about this long after it.
const REST_OF_FIRST_BOOT: Spread = Spread::seconds(10.0, 0.4);

/// A lock that an Install meets although nobody held it a moment before is freed after this long.
const PASSING_LOCK: TimeDelta = TimeDelta::seconds(60);

/// A first boot that waits for the agent looks again after this.
const AFTER_ONLINE: TimeDelta = TimeDelta::seconds(15);

/// The family of a guest's operating system: how it installs packages and reports them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// Amazon Linux and its relatives: exact times of installation.
    #[default]
    Amazon,
    /// Debian and Ubuntu: no times of installation; `unattended-upgrades` works after each boot.
    Debian,
    /// Windows: dates of installation without a time.
    Windows,
}

/// The contents of an instance; an image of it carries them over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guest {
    /// Its family.
    pub family: Family,
    /// Patches that the baseline wants and that are not there.
    pub missing: Vec<String>,
    /// Patches that become missing only when an Install has run, one list for each Install.
    pub later: Vec<Vec<String>>,
    /// Patches installed, with the time (seconds since 1970). An image and its instances share the list until one of
    /// them installs something.
    pub installed: Arc<Vec<(Arc<str>, i64)>>,
    /// Those of the installed patches that the baseline does not approve.
    pub other: BTreeSet<String>,
    /// Installed, waiting for a reboot.
    pub pending_reboot: Vec<String>,
    /// Tried and failed.
    pub failed: Vec<String>,
    /// Whether the hygiene document ran since the last boot.
    pub sealed: bool,
    /// A first boot, of this guest or of one that it descends from, was cut off by a reboot, a stop
    /// or an image: the rest of its user data never ran.
    pub first_boot_cut_off: bool,
    /// Root volume, GiB.
    pub volume_gib: u32,
}

impl Guest {
    /// These contents after a boot: what waited for one is installed.
    pub fn boot(&mut self, now: DateTime<Utc>) {
        self.sealed = false;
        let waited = std::mem::take(&mut self.pending_reboot);
        if waited.is_empty() {
            return;
        }
        let at = now.timestamp();
        let installed = Arc::make_mut(&mut self.installed);
        installed.reserve_exact(waited.len());
        installed.extend(waited.into_iter().map(|p| (p.into(), at)));
    }
}

/// A guest's first boot: cloud-init or EC2Launch with the user data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FirstBoot {
    /// The instance has not run yet.
    #[default]
    NotYet,
    /// It ends at this time, unless it is held up or cut off.
    UnderWay(DateTime<Utc>),
    /// An Install holds the packages that it waits for.
    HeldUp,
    /// Over, well.
    Done,
    /// Over, with an error.
    Failed,
    /// It was cut off and will not go on. `cloud-init status` says `done` all the same.
    CutOff,
}

impl FirstBoot {
    /// Whether it is not over yet.
    pub fn is_under_way(self) -> bool {
        matches!(self, Self::NotYet | Self::UnderWay(_) | Self::HeldUp)
    }
}

/// The state that a guest keeps while its instance lives; no image carries it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Boot {
    /// Its first boot.
    pub first: FirstBoot,
    /// Until when someone but an Install holds its package lock; the end of time: for good.
    pub locked_until: Option<DateTime<Utc>>,
    /// An Install has met the lock that passes.
    pub met_lock: bool,
}

/// The readiness of a guest for patching.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// First boot is over and no lock is held.
    Ready,
    /// First boot is under way.
    FirstBoot,
    /// First boot failed.
    FirstBootFailed,
    /// The package lock is held.
    Locked,
}

/// The guest's readiness as of `now`. A failed first boot counts before a held lock.
pub fn readiness(boot: &Boot, now: DateTime<Utc>) -> Readiness {
    if boot.first == FirstBoot::Failed {
        Readiness::FirstBootFailed
    } else if boot.first.is_under_way() {
        Readiness::FirstBoot
    } else if boot.locked_until.is_some_and(|until| until > now) {
        Readiness::Locked
    } else {
        Readiness::Ready
    }
}

/// An instance runs: its first boot begins, and others take the package lock.
pub(super) fn started(world: &mut World, id: &str) {
    take_lock(world, id, world.now);
    let Some(instance) = world.instances.get(id) else {
        return;
    };
    if instance.boot.first != FirstBoot::NotYet {
        return;
    }
    let took = instance.behaviour.first_boot;
    let until = world.now + world.draw(took);
    set_first_boot(world, id, FirstBoot::UnderWay(until));
    world.schedule(until, WorldEvent::FirstBootOver(id.to_owned()));
}

fn set_first_boot(world: &mut World, id: &str, first: FirstBoot) {
    if let Some(instance) = world.instances.get_mut(id) {
        instance.boot.first = first;
    }
}

/// `unattended-upgrades` takes the lock of a Debian guest that has booted at `from`.
fn take_lock(world: &mut World, id: &str, from: DateTime<Utc>) {
    let Some(instance) = world.instances.get(id) else {
        return;
    };
    let forever = instance.behaviour.failure == Some(Failure::LockNeverFreed);
    let (family, held) = (instance.guest.family, instance.behaviour.package_lock);
    let until = if forever {
        Some(DateTime::<Utc>::MAX_UTC)
    } else if family == Family::Debian {
        Some(from + world.draw(held))
    } else {
        None
    };
    if let Some(instance) = world.instances.get_mut(id) {
        instance.boot.locked_until = until;
    }
}

/// A first boot's time is up.
pub(super) fn first_boot_over(world: &mut World, id: &str) {
    let (now, belief) = (world.now, world.beliefs.agent_online);
    let Some(instance) = world.instances.get_mut(id) else {
        return;
    };
    let waits = belief == AgentOnline::OnlineFirst
        && instance.agent.is_none()
        && instance.behaviour.failure != Some(Failure::NeverOnline);
    if waits && instance.boot.first.is_under_way() {
        let until = now + AFTER_ONLINE;
        instance.boot.first = FirstBoot::UnderWay(until);
        return world.schedule(until, WorldEvent::FirstBootOver(id.to_owned()));
    }
    if matches!(instance.boot.first, FirstBoot::UnderWay(until) if until <= now) {
        let fails = instance.behaviour.failure == Some(Failure::FirstBootFails);
        instance.boot.first = if fails {
            FirstBoot::Failed
        } else {
            FirstBoot::Done
        };
    }
}

/// The guest goes down: a first boot under way is cut off for good.
pub(super) fn cut_off(world: &mut World, id: &str) {
    if let Some(instance) = world.instances.get_mut(id)
        && instance.boot.first.is_under_way()
    {
        instance.boot.first = FirstBoot::CutOff;
        instance.guest.first_boot_cut_off = true;
    }
}

/// The guest reboots now and is back at `until`.
pub(super) fn rebooted(world: &mut World, id: &str, until: DateTime<Utc>) {
    cut_off(world, id);
    let now = world.now;
    if let Some(instance) = world.instances.get_mut(id) {
        instance.guest.boot(now);
    }
    if until < DateTime::<Utc>::MAX_UTC {
        take_lock(world, id, until);
    }
}

/// An Install begins. True: it meets the package lock and will fail. Else a first boot under way
/// waits for it.
pub(super) fn install_begins(world: &mut World, id: &str) -> bool {
    let now = world.now;
    let Some(instance) = world.instances.get_mut(id) else {
        return false;
    };
    let boot = &mut instance.boot;
    if instance.behaviour.failure == Some(Failure::InstallLockedOnce) && !boot.met_lock {
        boot.met_lock = true;
        boot.locked_until = Some(now + PASSING_LOCK);
    }
    if boot.locked_until.is_some_and(|until| until > now) {
        return true;
    }
    if boot.first.is_under_way() {
        boot.first = FirstBoot::HeldUp;
    }
    false
}

/// An Install is over without a reboot: a first boot that waited for it goes on.
pub(super) fn install_over(world: &mut World, id: &str) {
    let held = world.instances.get(id).map(|i| i.boot.first);
    if held == Some(FirstBoot::HeldUp) {
        let until = world.now + world.draw(REST_OF_FIRST_BOOT);
        set_first_boot(world, id, FirstBoot::UnderWay(until));
        world.schedule(until, WorldEvent::FirstBootOver(id.to_owned()));
    }
}

impl Family {
    /// The words of an Install that meets the package lock.
    pub(super) fn lock_text(self) -> &'static str {
        match self {
            Self::Amazon => {
                "Error: Failed to obtain the transaction lock (/var/lib/rpm/.rpm.lock): Resource \
                 temporarily unavailable\n"
            }
            Self::Debian => {
                "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 1234 \
                 (unattended-upgr)\nE: Unable to acquire the dpkg frontend lock \
                 (/var/lib/dpkg/lock-frontend), is another process using it?\n"
            }
            Self::Windows => "Exception from HRESULT: 0x80240016 (WU_E_INSTALL_NOT_ALLOWED)\n",
        }
    }

    /// The last lines of the log of a first boot that failed.
    pub(super) fn failed_first_boot_log(self) -> &'static str {
        match self {
            Self::Amazon | Self::Debian => {
                "cc_scripts_user.py[WARNING]: Failed to run module scripts_user (scripts in \
                 /var/lib/cloud/instance/scripts)\n\
                 util.py[WARNING]: Running module scripts_user failed\n\
                 Cloud-init finished with errors\nstatus: error\n"
            }
            Self::Windows => {
                "Error: EC2Launch: user data task failed: exit status 1\n\
                 Error: Stage 'PostReady' failed\n"
            }
        }
    }
}
