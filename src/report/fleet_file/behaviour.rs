//! How instances behave in a fleet file, by the phases of a run that were measured. Pure.

use chrono::TimeDelta;
use serde::Serialize;

use crate::group::Phase;
use crate::group::measured::Measured;

/// A run's own waits and looks, seconds a phase: what was measured is longer by about as much than what AWS took.
const LOOKS: i64 = 10;
/// A patched guest's reboot, seconds, which a fleet file counts by itself.
const REBOOT: i64 = 60;
/// A phase longer than this was not measured.
const LONGEST: TimeDelta = TimeDelta::hours(12);

/// Behaviour, as far as it was measured; the rest is the platform's usual.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Behaviour {
    #[serde(skip_serializing_if = "Option::is_none")]
    boot: Option<Seconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scan: Option<Seconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    install: Option<Seconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_per_gib: Option<Seconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_base: Option<Seconds>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Seconds {
    seconds: i64,
}

impl Behaviour {
    /// By the tag of an image.
    pub(super) fn measured(text: &str) -> Self {
        let (measured, _) = Measured::from_text(text, |_| LONGEST);
        let seconds = |phase: Phase, less: i64, parts: i64| {
            let seconds = (measured.get(phase)? - less) / parts;
            Some(Seconds {
                seconds: seconds.max(1),
            })
        };
        let image = seconds(Phase::Baking, LOOKS, 1);
        Self {
            boot: seconds(Phase::Launching, LOOKS, 1),
            // One before the install and one after it.
            scan: seconds(Phase::Scanning, LOOKS, 2),
            install: seconds(Phase::Patching, LOOKS + REBOOT, 1),
            image_per_gib: image.as_ref().map(|_| Seconds { seconds: 0 }),
            image_base: image,
        }
    }

    /// Whether nothing was measured.
    pub(super) fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}
