//! How long a group will take: as measured when its present image was made, else by default.
//!
//! The lengths of the phases are written as a tag on the image that they made, and read when the next run
//! plans. The tag can be edited by anyone who may tag images: lengths that no run of ours can have measured are
//! ignored, with a note.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::job::Forward;
use super::limits;
use super::measured::{MEASURED_PHASES, Measured};
use super::outcome::{Code, Failure};
use super::phase::Phase;
use crate::request::Operation;
use crate::schedule::Window;

/// The weight of measured times, in percent. One night is one sample: launches and images vary by tens of
/// seconds on minutes, the patches with the month. More would keep groups out of windows that they fit
/// into; less would start groups that end as AP-0391.
const SAFETY_PERCENT: i64 = 125;

/// The source of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// A default of [`limits`].
    Default,
    /// Measured when the image was made.
    Measured,
}

/// The time of one phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The phase.
    pub phase: Phase,
    /// How long it is expected to take, seconds.
    pub seconds: i64,
    /// The source of that.
    pub from: Basis,
}

/// How long a group is expected to take until it is restored, phase by phase.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Budget(pub Vec<Part>);

impl Budget {
    /// The budget of a group that makes its image itself, or takes another group's.
    pub fn of(forward: &Forward, bakes: bool) -> Self {
        let installs = forward.operation == Operation::Install;
        let is_due = |phase| match phase {
            Phase::Launching | Phase::Returning | Phase::Settling | Phase::Scanning => bakes,
            Phase::Patching | Phase::Baking => bakes && installs,
            Phase::Sealing => bakes && installs && forward.options.seal.runs(),
            Phase::LaunchingCanary | Phase::ReturningCanary | Phase::Proving => {
                installs && forward.options.canary
            }
            Phase::RunningBefore => forward.runbooks.before.is_some(),
            Phase::RunningAfter => forward.runbooks.after.is_some(),
            Phase::Queued
            | Phase::Recording
            | Phase::Versioning
            | Phase::Promoting
            | Phase::RollingBack
            | Phase::Restoring
            | Phase::Finished => false,
        };
        let part = |phase| {
            let times = times(forward, phase);
            match forward.measured.get(phase) {
                None => Part {
                    phase,
                    seconds: times.default.num_seconds(),
                    from: Basis::Default,
                },
                Some(measured) => {
                    let with_safety = measured.saturating_mul(SAFETY_PERCENT) / 100;
                    Part {
                        phase,
                        seconds: with_safety
                            .min(times.limit.num_seconds())
                            .max(times.first_look.num_seconds()),
                        from: Basis::Measured,
                    }
                }
            }
        };
        let restore = Part {
            phase: Phase::Restoring,
            seconds: limits::EXPECTED_RESTORE.num_seconds(),
            from: Basis::Default,
        };
        // Runbooks are the group's own: the image's times say nothing of them.
        let first = [Phase::RunningBefore].into_iter();
        let phases = first.chain(MEASURED_PHASES).chain([Phase::RunningAfter]);
        let due = phases.filter(|p| is_due(*p));
        Self(due.map(part).chain([restore]).collect())
    }

    /// All of it.
    pub fn seconds(&self) -> i64 {
        self.0.iter().map(|p| p.seconds).sum()
    }

    /// Whether any of it was measured.
    pub fn is_measured(&self) -> bool {
        self.0.iter().any(|p| p.from == Basis::Measured)
    }

    /// Why a group that starts now would not be restored in time, if so. The reserve for the restore is not
    /// part of the time that can be planned with; `before` is how long the calls of others may hold it up.
    pub fn misfit(
        &self,
        now: DateTime<Utc>,
        window: &Window,
        before: TimeDelta,
    ) -> Option<Failure> {
        let alone = TimeDelta::seconds(self.seconds()) + limits::RESERVE;
        let needed = alone.checked_add(&before).unwrap_or(TimeDelta::MAX);
        let left = window.left(now);
        let reason = if now >= window.cutoff {
            format!("nothing is started after the cutoff at {}", window.cutoff)
        } else if alone > left {
            format!("{} min are left", left.num_minutes())
        } else if needed > left {
            format!(
                "AWS's rates hold it up by {} min for the groups before it, {} min are left",
                minutes(before),
                left.num_minutes()
            )
        } else {
            return None;
        };
        let reserve = limits::RESERVE.num_minutes();
        Some(Failure::new(
            Code::DoesNotFit,
            format!(
                "it needs about {} min ({self}, {reserve} min in reserve for the restore), {reason}",
                minutes(alone),
            ),
        ))
    }
}

/// Whole minutes, rounded up.
fn minutes(time: TimeDelta) -> i64 {
    time.num_seconds().saturating_add(59) / 60
}

/// `41 min by default, 9 min of it patching` or `62 min as measured by an earlier run, ...`.
impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let defaults = || self.0.iter().filter(|p| p.from == Basis::Default);
        let basis = if !self.is_measured() {
            "by default"
        } else if defaults().all(|p| p.phase == Phase::Restoring) {
            "as measured by an earlier run"
        } else {
            "partly as measured by an earlier run"
        };
        write!(f, "{} min {basis}", (self.seconds() + 59) / 60)?;
        // The first of the longest.
        match self.0.iter().rev().max_by_key(|p| p.seconds) {
            Some(most) => write!(f, ", {} min of it {}", (most.seconds + 59) / 60, most.phase),
            None => Ok(()),
        }
    }
}

/// How long a phase may take.
struct Times {
    /// Nothing shorter can be seen.
    first_look: TimeDelta,
    /// Where nothing was measured.
    default: TimeDelta,
    /// A longer phase fails the group: no run of ours can have measured more.
    limit: TimeDelta,
}

fn times(forward: &Forward, phase: Phase) -> Times {
    let install = limits::expected_install(forward.windows);
    match phase {
        Phase::Launching | Phase::LaunchingCanary => Times {
            first_look: limits::LAUNCH_SHOWS_PAUSE,
            default: limits::LAUNCH_FIRST_LOOK,
            limit: limits::LAUNCH_LIMIT + limits::HOOKS_MAX,
        },
        Phase::Returning | Phase::ReturningCanary => Times {
            first_look: limits::CHANGE_SHOWS_PAUSE,
            default: limits::EXPECTED_RETURN,
            limit: limits::STANDBY_LIMIT,
        },
        Phase::Settling => Times {
            first_look: limits::EXPECTED_READY,
            default: limits::ONLINE_FIRST_LOOK + limits::EXPECTED_READY + forward.boot_extra() / 2,
            limit: limits::ONLINE_LIMIT + forward.boot_extra() + limits::READY_LIMIT,
        },
        // Once before the install and once after it.
        Phase::Scanning => Times {
            first_look: limits::EXPECTED_SCAN,
            default: limits::EXPECTED_SCAN * 2,
            limit: limits::SCAN_LIMIT,
        },
        Phase::Patching => Times {
            first_look: install / 2,
            default: install,
            limit: limits::INSTALL_STEP_LIMIT + limits::COMMAND_GRACE,
        },
        Phase::Sealing => Times {
            first_look: limits::EXPECTED_SEAL,
            default: limits::EXPECTED_SEAL,
            limit: limits::SEAL_LIMIT + limits::COMMAND_GRACE,
        },
        Phase::Baking => Times {
            first_look: limits::EXPECTED_IMAGE / 2,
            default: limits::EXPECTED_IMAGE,
            limit: limits::IMAGE_LIMIT,
        },
        Phase::Proving => Times {
            first_look: limits::EXPECTED_CHECKS,
            default: limits::EXPECTED_CANARY
                + forward.boot_extra() / 2
                + forward.options.prove.expected(),
            limit: limits::CANARY_LIMIT
                + forward.boot_extra()
                + limits::READY_LIMIT
                + limits::SCAN_LIMIT
                + forward.options.prove.limit(),
        },
        Phase::RunningBefore | Phase::RunningAfter => Times {
            first_look: limits::COMMAND_SHOWS_PAUSE,
            default: limits::EXPECTED_AUTOMATION,
            limit: limits::AUTOMATION_LIMIT,
        },
        Phase::Queued
        | Phase::Recording
        | Phase::Versioning
        | Phase::Promoting
        | Phase::RollingBack
        | Phase::Restoring
        | Phase::Finished => Times {
            first_look: TimeDelta::zero(),
            default: TimeDelta::zero(),
            limit: TimeDelta::zero(),
        },
    }
}

/// Reads the times that were measured when the image of a group was made.
pub fn read_tag(forward: &Forward, tag: &str) -> (Measured, Option<String>) {
    Measured::from_text(tag, |phase| times(forward, phase).limit)
}

#[cfg(test)]
mod tests {
    use super::super::job::Devices;
    use super::super::lineage::Lineage;
    use super::super::options::Options;
    use super::*;

    fn forward(tag: &str) -> (Forward, Option<String>) {
        let mut forward = Forward {
            operation: Operation::Install,
            options: Options::default(),
            image: "ami-1".into(),
            windows: false,
            bakes: true,
            measured: Measured::default(),
            devices: Devices::default(),
            lineage: Lineage::default(),
            image_created_at: None,
            reverted_from: None,
            runbooks: Default::default(),
            place: Default::default(),
        };
        let (measured, note) = read_tag(&forward, tag);
        forward.measured = measured;
        (forward, note)
    }

    const ALL: &str = "launching=60 returning=20 settling=84 scanning=60 patching=400 sealing=12 baking=200 \
                       launching_canary=60 returning_canary=20 proving=160";

    #[test]
    fn what_was_written_is_read() {
        let (read, note) = forward(ALL);
        assert_eq!((read.measured.to_text().as_str(), note), (ALL, None));
        // Another version's phases are none of this one's business.
        let (read, note) = forward("restoring=40 patching=400");
        assert_eq!(
            (read.measured.to_text().as_str(), note),
            ("patching=400", None)
        );
    }

    #[test]
    fn what_no_run_can_have_measured_is_ignored_and_said() {
        let limit = (limits::INSTALL_STEP_LIMIT + limits::COMMAND_GRACE).num_seconds();
        for wrong in [
            format!("patching={}", limit + 1),
            "patching=-1".into(),
            "patching=99999999999999999999999".into(),
            "patching=1e3".into(),
            "patching".into(),
            "=".into(),
            "日本🦀".into(),
            String::new(),
            " ".repeat(256),
        ] {
            let (read, note) = forward(&format!("{wrong} baking=200"));
            let words = wrong.trim();
            assert_eq!(read.measured.to_text(), "baking=200", "{wrong}");
            let silent = words.is_empty() || words == "=";
            assert_eq!(note.is_none(), silent, "{wrong}: {note:?}");
            let (read, note) = forward(&wrong);
            assert_eq!(Budget::of(&read, true), Budget::of(&forward("x=1").0, true));
            assert!(note.is_some(), "{wrong}");
        }
        assert_eq!(forward(&format!("patching={limit}")).1, None);
    }

    #[test]
    fn measured_times_count_with_a_margin_and_within_bounds() {
        let seconds = |tag: &str, phase: Phase| {
            let budget = Budget::of(&forward(tag).0, true);
            budget
                .0
                .into_iter()
                .find(|p| p.phase == phase)
                .map(|p| (p.seconds, p.from))
        };
        assert_eq!(
            seconds("patching=400", Phase::Patching),
            Some((500, Basis::Measured))
        );
        assert_eq!(
            seconds("patching=400", Phase::Baking),
            Some((240, Basis::Default))
        );
        // Nothing is seen before the first look, and nothing goes on beyond the limit.
        assert_eq!(
            seconds("patching=0", Phase::Patching),
            Some((120, Basis::Measured))
        );
        assert_eq!(
            seconds("baking=5400", Phase::Baking),
            Some((5400, Basis::Measured))
        );
        let (forward, _) = forward(ALL);
        assert_eq!(
            Budget::of(&forward, true).seconds(),
            75 + 25 + 105 + 75 + 500 + 15 + 250 + 75 + 25 + 200 + 120
        );
        assert_eq!(Budget::of(&forward, false).seconds(), 75 + 25 + 200 + 120);
    }

    #[test]
    fn the_reserve_is_not_there_to_be_planned_with() {
        let start: DateTime<Utc> = "2026-10-14T04:00:00Z".parse().unwrap();
        let budget = Budget::of(&forward(ALL).0, true);
        let least = TimeDelta::seconds(budget.seconds()) + limits::RESERVE;
        let window = |length| Window::lasting(start, length, TimeDelta::zero()).unwrap();
        assert_eq!(
            budget.misfit(start, &window(least), TimeDelta::zero()),
            None
        );
        let failure = budget
            .misfit(
                start,
                &window(least - TimeDelta::seconds(1)),
                TimeDelta::zero(),
            )
            .unwrap();
        assert_eq!(
            failure.reason,
            "it needs about 45 min (25 min as measured by an earlier run, 9 min of it patching, \
             20 min in reserve for the restore), 44 min are left"
        );
        let closed = Window::lasting(start, TimeDelta::hours(3), TimeDelta::hours(1)).unwrap();
        let none = TimeDelta::zero();
        assert!(budget.misfit(closed.cutoff, &closed, none).is_some());
        // What the rates bring through before it counts too.
        let failure = budget.misfit(start, &window(least), TimeDelta::seconds(61));
        let reason = failure.unwrap().reason;
        assert!(
            reason.ends_with("hold it up by 2 min for the groups before it, 44 min are left"),
            "{reason}"
        );
    }
}
