//! How instances, commands and images behave: durations with a spread, and failures.

use serde::Deserialize;

/// A duration in seconds with a relative spread: 60 s with spread 0.2 lies between 48 and 72 s.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// The middle, seconds.
    pub seconds: f64,
    /// Relative half-width, 0 to 1.
    #[serde(default)]
    pub spread: f64,
}

impl Spread {
    /// A duration with a spread.
    pub const fn seconds(seconds: f64, spread: f64) -> Self {
        Self { seconds, spread }
    }
}

/// How one kind of instance (all from one group, or one group's canaries) behaves.
#[derive(Clone, Debug, PartialEq)]
pub struct Behaviour {
    /// From launch to `running`.
    pub boot: Spread,
    /// From `running` to registered with SSM.
    pub agent: Spread,
    /// From the first `running` to the end of first boot, user data included.
    pub first_boot: Spread,
    /// How long `unattended-upgrades` holds a Debian guest's package lock after each boot.
    pub package_lock: Spread,
    /// From its registration to the load balancer's first `healthy`.
    pub target: Spread,
    /// Status checks pass this long after `running`.
    pub checks: Spread,
    /// From the terminate call to `terminated`.
    pub terminate: Spread,
    /// A Scan takes this long.
    pub scan: Spread,
    /// An Install takes this long, without its reboot.
    pub install: Spread,
    /// A reboot takes this long until the agent answers again.
    pub reboot: Spread,
    /// Any other command takes this long.
    pub command: Spread,
    /// An image takes this long per GiB of its volumes, after `image_base`.
    pub image_per_gib: Spread,
    /// The fixed part of an image's time.
    pub image_base: Spread,
    /// The failure, if any.
    pub failure: Option<Failure>,
}

/// The ways in which an instance or what is done with it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// Launches fail: no capacity in the zone.
    NoCapacity,
    /// Launches fail: a quota of the account is reached.
    QuotaReached,
    /// Launches fail: the KMS key cannot be used.
    KmsDenied,
    /// It is running but never registers with SSM.
    NeverOnline,
    /// It never passes its status checks.
    Impaired,
    /// First boot ends with an error.
    FirstBootFails,
    /// Something holds the package lock for good.
    LockNeverFreed,
    /// The first Install meets a lock that nobody held a moment before; a later one does not.
    InstallLockedOnce,
    /// Its load balancer never gets an answer.
    TargetUnhealthy,
    /// Install exits 1; one patch is FAILED.
    InstallFails,
    /// Install answers Success and installs nothing: the patches stay missing.
    InstallsNothing,
    /// After the reboot the agent never comes back.
    LostAfterReboot,
    /// The command reaches nobody, and that is said at once.
    Undeliverable,
    /// The command waits for its agent until the service gives up on it.
    DeliveryTimesOut,
    /// The image ends in `failed`.
    ImageFails,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            boot: Spread::seconds(12.0, 0.3),
            agent: Spread::seconds(40.0, 0.3),
            first_boot: Spread::seconds(30.0, 0.35),
            package_lock: Spread::seconds(60.0, 0.5),
            target: Spread::seconds(25.0, 0.4),
            checks: Spread::seconds(150.0, 0.2),
            terminate: Spread::seconds(22.0, 0.2),
            scan: Spread::seconds(20.0, 0.3),
            install: Spread::seconds(150.0, 0.3),
            reboot: Spread::seconds(60.0, 0.3),
            command: Spread::seconds(8.0, 0.3),
            image_per_gib: Spread::seconds(15.0, 0.2),
            image_base: Spread::seconds(90.0, 0.2),
            failure: None,
        }
    }
}

impl Behaviour {
    /// How Windows instances behave: slow to register, very slow to patch and to reboot.
    pub fn windows() -> Self {
        Self {
            boot: Spread::seconds(20.0, 0.3),
            agent: Spread::seconds(240.0, 0.3),
            first_boot: Spread::seconds(200.0, 0.35),
            checks: Spread::seconds(240.0, 0.2),
            scan: Spread::seconds(60.0, 0.3),
            install: Spread::seconds(1500.0, 0.3),
            reboot: Spread::seconds(300.0, 0.3),
            ..Self::default()
        }
    }
}
