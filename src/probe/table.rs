//! The experiments, with the beliefs that each checks.

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::bench::Bench;
use super::finding::Belief;
use super::finding::Expected::{OneOf, This};
use super::trouble::Trouble;
use super::{capacity, commands, images, processes, requests, schedule, standby, templates};

/// One experiment on a template and group of its own.
#[derive(Clone, Copy)]
pub(super) struct Experiment {
    /// Its name: a part of the names of what it makes.
    pub(super) name: &'static str,
    /// The beliefs that it checks.
    pub(super) beliefs: &'static [Belief],
    /// Makes what it needs, and notes what it finds.
    pub(super) run: fn(&Bench) -> LocalBoxFuture<'_, Result<(), Trouble>>,
}

macro_rules! experiments {
    ($( $name:literal: $room:ident::$check:ident { $( $id:literal: $expected:expr, )+ } )+) => {
        /// All experiments, the longest first: some go on side by side.
        pub(super) const EXPERIMENTS: &[Experiment] = &[ $( Experiment {
            name: $name,
            beliefs: &[ $( Belief { id: $id, expected: $expected } ),+ ],
            run: |bench| $room::$check(bench).boxed_local(),
        }, )+ ];
    };
}

experiments! {
    "image": images::names {
        "image-without-token": This("a name that is taken answers InvalidAMIName.Duplicate"),
        "image-of-every-volume": This("a snapshot of every attached volume"),
        "image-name-reuse": OneOf(&["at-once", "minute"]),
    }
    "guest": commands::twice_and_left {
        "command-without-token": This("sent twice, it runs twice"),
        "command-on-dead-instance": OneOf(&["times-out", "undeliverable"]),
    }
    "standby": standby::there_and_back {
        "standby-enter-in-service": This("only an instance in service enters Standby"),
        "standby-decrement": This("refused at the minimum; above it the desired capacity goes down"),
        "standby-exit-increments": This("the desired capacity goes up"),
        "standby-counts-against-max": OneOf(&["no", "yes"]),
        "standby-move-time": OneOf(&["seconds", "minute"]),
    }
    "outside": standby::end_from_outside {
        "standby-ended-from-outside": OneOf(&["stays", "leaves"]),
    }
    "protection": capacity::protection {
        "suspended-terminate-holds-in-service": This("an instance in service stays while Terminate is suspended"),
        "protected-outlives-desired": This("a protected instance stays in service at a desired capacity of 0"),
    }
    "zero": standby::at_zero {
        "standby-sizes-accepted": This("capacities of 0 are accepted"),
        "standby-not-scaled-in": This("an instance on Standby stays at capacities of 0"),
        "standby-blocks-deletion": This("the group is not deleted without force"),
    }
    "end": standby::end_without_decrement {
        "standby-termination-during-move": This("refused with ScalingActivityInProgress"),
        "standby-termination-no-replacement": This("an instance on Standby has no successor"),
    }
    "successor": capacity::successor {
        "new-member-shown": OneOf(&["soon", "late"]),
        "launch-time": OneOf(&["seconds", "milliseconds"]),
        "terminate-without-decrement": This("the group launches a successor"),
    }
    "decrement": standby::end_with_decrement {
        "standby-termination-decrement": OneOf(&["ignored", "lowers", "refused"]),
    }
    "late": schedule::suspended_when_late {
        "late-action-and-suspension": OneOf(&["when-run", "when-due"]),
    }
    "suspended": schedule::while_suspended {
        "suspended-schedule-loses-actions": This("the action is lost"),
    }
    "delay": schedule::delay {
        "scheduled-action-delay": OneOf(&["none", "minute", "two-minutes"]),
    }
    "weighted": standby::weighted {
        "standby-decrement-weight": OneOf(&["weight", "one"]),
    }
    "latest": templates::latest {
        "member-names-its-version": This("a member names the number of its version"),
        "latest-deploys-at-creation": This("a new version reaches a group at $Latest by being made"),
    }
    "default": templates::no_version {
        "no-version-means-default": This("a group without a version launches the default one"),
    }
    "versions": templates::numbers {
        "ec2-read-delay": OneOf(&["seconds", "ten-seconds"]),
        "min-version": OneOf(&["inclusive", "exclusive"]),
        "token-makes-once": This("the same version again; refused with other parameters"),
        "default-is-not-deleted": This("the default version stays"),
        "source-version-snapshots": This("the snapshot is not inherited"),
    }
    "bounds": capacity::bounds {
        "auto-scaling-read-delay": OneOf(&["at-once", "seconds"]),
        "bounds-pull-desired": This("a new minimum pulls the desired capacity along"),
        "desired-outside-bounds": This("refused with ValidationError, and nothing is changed"),
    }
    "processes": processes::empty_list {
        "empty-list-means-all": This("no list means all processes"),
        "answer-order": OneOf(&["by-name", "reversed", "shuffled"]),
    }
    "recurring": schedule::recurring {
        "recurring-start-time": OneOf(&["next-run", "as-given"]),
    }
    "parameter": requests::parameter {
        "parameter-made-once": This("the second answers ParameterAlreadyExists"),
    }
    "answers": requests::answers {
        "dry-run-order": OneOf(&["first", "after-validation"]),
        "date-header": OneOf(&["always", "never"]),
    }
}

/// All beliefs that the probe checks, in the order of the findings.
pub fn beliefs() -> impl Iterator<Item = &'static Belief> {
    EXPERIMENTS.iter().flat_map(|e| e.beliefs)
}
