//! The beliefs that may be either way, and an account's choice among their variants.

use std::collections::BTreeSet;

use super::{Flip, Row, Source, UnknownBelief};

/// The variants of a sourced belief that has a contrary.
const HOLDS: &str = "holds";
const CONTRARY: &str = "contrary";

impl Beliefs {
    /// Whether a sourced belief does not hold here.
    pub fn denies(&self, flip: Flip) -> bool {
        self.denied.contains(&flip)
    }

    fn choose_sourced(&mut self, id: &str, variant: &str) -> Result<(), UnknownBelief> {
        let Some((_, flip)) = Flip::ALL.iter().find(|(known, _)| *known == id) else {
            let known = OPEN.iter().map(|r| r.id);
            let known = known.chain(Flip::ALL.iter().map(|(id, _)| *id));
            return Err(UnknownBelief::among(known, id));
        };
        match variant {
            HOLDS => self.denied.remove(flip),
            CONTRARY => self.denied.insert(*flip),
            other => return Err(UnknownBelief::among([HOLDS, CONTRARY].into_iter(), other)),
        };
        Ok(())
    }
}

macro_rules! open {
    ($( $field:ident: $name:ident = $id:literal, $sentence:literal, $source:expr, {
        $( $variant:ident = $text:literal: $meaning:literal, )+
    } )+) => {
        $(
            #[doc = $sentence]
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub enum $name {
                $( #[doc = $meaning] $variant, )+
            }

            impl $name {
                const ALL: &[Self] = &[ $( Self::$variant ),+ ];

                fn name(self) -> &'static str {
                    match self {
                        $( Self::$variant => $text, )+
                    }
                }
            }

            impl Default for $name {
                fn default() -> Self {
                    Self::ALL[0]
                }
            }
        )+

        /// One variant of each open belief. By default the first of each.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Beliefs {
            $( #[doc = $sentence] pub $field: $name, )+
            /// Sourced beliefs that do not hold here. None is ever drawn.
            pub denied: BTreeSet<Flip>,
        }

        impl Beliefs {
            /// Variants drawn at random; the same for the same seed.
            pub fn drawn(seed: u64) -> Self {
                let mut rng = fastrand::Rng::with_seed(seed);
                Self {
                    $( $field: $name::ALL[rng.usize(..$name::ALL.len())], )+
                    denied: BTreeSet::new(),
                }
            }

            /// Chooses a variant by name.
            ///
            /// # Errors
            /// No belief with variants has this name, or the belief has no such variant.
            pub fn choose(&mut self, id: &str, variant: &str) -> Result<(), UnknownBelief> {
                match id {
                    $( $id => {
                        let mut all = $name::ALL.iter();
                        self.$field = *all.find(|v| v.name() == variant).ok_or_else(|| {
                            UnknownBelief::among($name::ALL.iter().map(|v| v.name()), variant)
                        })?;
                    } )+
                    sourced => self.choose_sourced(sourced, variant)?,
                }
                Ok(())
            }

            /// Each open belief with the variant chosen, in the table's order, then the sourced
            /// ones that do not hold.
            pub fn chosen(&self) -> Vec<(&'static str, &'static str)> {
                let denied = Flip::ALL.iter().filter(|(_, flip)| self.denies(*flip));
                let mut chosen = vec![ $( ($id, self.$field.name()), )+ ];
                chosen.extend(denied.map(|(id, _)| (*id, CONTRARY)));
                chosen
            }
        }

        /// The rows of the open beliefs.
        pub const OPEN: &[Row] = &[ $( Row {
            id: $id,
            sentence: $sentence,
            source: $source,
            variants: &[ $( ($text, $meaning) ),+ ],
        }, )+ ];
    };
}

open! {
    standby_against_max: StandbyAgainstMax = "standby-counts-against-max",
        "Whether an instance on Standby counts against a group's MaxSize.",
        Source::Unconfirmed, {
        No = "no": "Launches stop at the desired capacity alone.",
        Yes = "yes": "Launches stop at MaxSize less the weight on Standby.",
    }
    standby_termination: StandbyTermination = "standby-termination-decrement",
        "The effect of ShouldDecrementDesiredCapacity=true when an instance on Standby is terminated through its group.",
        Source::Unconfirmed, {
        Ignored = "ignored": "The desired capacity stays.",
        Lowers = "lowers": "The desired capacity goes down, and must stay at or above the minimum.",
        Refused = "refused": "The call answers ValidationError.",
    }
    standby_weight: StandbyWeight = "standby-decrement-weight",
        "By how much EnterStandby and ExitStandby change the desired capacity of a group with instance weights.",
        Source::Unconfirmed, {
        Weight = "weight": "By the weight of the instances.",
        One = "one": "By one for each instance.",
    }
    standby_move: StandbyMove = "standby-move-time",
        "How long an instance that no load balancer drains stays EnteringStandby.",
        Source::Unconfirmed, {
        Seconds = "seconds": "One or two seconds.",
        Minute = "minute": "Half a minute to a minute and a half.",
    }
    standby_ended: StandbyEnded = "standby-ended-from-outside",
        "The place in its group of an instance on Standby that was terminated by EC2, not through its group.",
        Source::Unconfirmed, {
        Stays = "stays": "It stays listed as Standby until it is terminated through the group: Standby has no health checks.",
        Leaves = "leaves": "It leaves the group when it is terminated.",
    }
    scheduled_delay: ScheduledDelay = "scheduled-action-delay",
        "How late a scheduled action runs.",
        Source::Open("Auto Scaling User Guide, scheduled scaling: an action may be delayed by up to two minutes"), {
        None = "none": "Within a second.",
        Minute = "minute": "By 0 to 60 s.",
        TwoMinutes = "two-minutes": "By 0 to 120 s.",
    }
    late_actions: LateActions = "late-action-and-suspension",
        "The moment at which it counts for a scheduled action that runs late whether ScheduledActions is suspended.",
        Source::Unconfirmed, {
        WhenRun = "when-run": "When it runs.",
        WhenDue = "when-due": "When it was due: it is lost if the process was suspended then, and runs if it was not, whatever happened since.",
    }
    recurring_start: RecurringStart = "recurring-start-time",
        "The StartTime of a recurring action in DescribeScheduledActions.",
        Source::Unconfirmed, {
        NextRun = "next-run": "The next run.",
        AsGiven = "as-given": "The StartTime that it was made with, if any.",
    }
    auto_scaling_reads: AutoScalingReads = "auto-scaling-read-delay",
        "Whether DescribeAutoScalingGroups shows a change of a group at once.",
        Source::Unconfirmed, {
        AtOnce = "at-once": "Every read after the change shows it.",
        Seconds = "seconds": "For up to 4 s a read may show the group as it was before.",
    }
    member_shown: MemberShown = "new-member-shown",
        "When DescribeAutoScalingGroups lists an instance that the group has launched.",
        Source::Unconfirmed, {
        Soon = "soon": "As soon as EC2 shows it, within two seconds.",
        Late = "late": "Up to 20 s after its launch.",
    }
    min_version: MinVersion = "min-version",
        "Whether MinVersion of DescribeLaunchTemplateVersions is inclusive ('the version number after which to describe').",
        Source::Unconfirmed, {
        Inclusive = "inclusive": "The version with that number is shown.",
        Exclusive = "exclusive": "Only later versions are shown.",
    }
    new_resources: NewResources = "ec2-read-delay",
        "How long EC2 does not show what was just made.",
        Source::Open("EC2 Developer Guide, eventual consistency: from seconds to minutes"), {
        Seconds = "seconds": "Up to two seconds.",
        TenSeconds = "ten-seconds": "Up to 15 s.",
    }
    launch_time: LaunchTime = "launch-time",
        "The precision of an instance's LaunchTime.",
        Source::Unconfirmed, {
        Seconds = "seconds": "Whole seconds, cut off: it may lie before the call that launched the instance.",
        Milliseconds = "milliseconds": "Milliseconds.",
    }
    dry_run: DryRun = "dry-run-order",
        "Whether EC2 looks at a request's ids and values before it answers a DryRun.",
        Source::Unconfirmed, {
        First = "first": "DryRunOperation comes first, once the request can be read.",
        AfterValidation = "after-validation": "What the request itself would be refused for is answered in place of DryRunOperation.",
    }
    image_names: ImageNames = "image-name-reuse",
        "When the name of a deregistered image is free again.",
        Source::Open("EC2 Developer Guide, error InvalidAMIName.Duplicate: deregistration takes a while"), {
        AtOnce = "at-once": "At once.",
        Minute = "minute": "After a minute.",
    }
    answer_order: AnswerOrder = "answer-order",
        "The order of the items of an answer, where AWS documents none.",
        Source::Open("EC2 and Auto Scaling API references: the order of elements is not guaranteed"), {
        ByName = "by-name": "By id or name.",
        Reversed = "reversed": "The other way round.",
        Shuffled = "shuffled": "Another order in each answer.",
    }
    date_header: DateHeader = "date-header",
        "Whether answers carry the header Date.",
        Source::Unconfirmed, {
        Always = "always": "Always, by AWS's clock.",
        Never = "never": "Never.",
    }
    dead_command: DeadCommand = "command-on-dead-instance",
        "How a command ends whose instance is gone.",
        Source::Unconfirmed, {
        TimesOut = "times-out": "It stays as it was, Pending or InProgress, until it times out.",
        Undeliverable = "undeliverable": "It is Undeliverable as soon as the instance is gone.",
    }
    agent_online: AgentOnline = "agent-and-first-boot",
        "Which comes first: the agent is Online, or first boot is over.",
        Source::Unconfirmed, {
        Either = "either": "Either, by chance.",
        OnlineFirst = "online-first": "The agent is Online while first boot is under way.",
        BootFirst = "boot-first": "First boot is over when the agent registers.",
    }
    automation_token: AutomationToken = "automation-token-again",
        "The answer to StartAutomationExecution with a client token and parameters that were sent before.",
        Source::Open("StartAutomationExecution, ClientToken: an idempotency token that cannot be reused; IdempotentParameterMismatch is for other parameters"), {
        Same = "same": "The execution that was started then.",
        Refused = "refused": "IdempotentParameterMismatch.",
    }
    installed_time: InstalledTime = "installed-time",
        "The InstalledTime of an installed patch.",
        Source::Open("DescribeInstancePatches: not all operating systems provide this level of information"), {
        BySystem = "by-system": "A day without a time on Windows, none on Debian and Ubuntu, exact elsewhere.",
        Exact = "exact": "Exact everywhere.",
        Day = "day": "A day without a time everywhere.",
        Absent = "absent": "None anywhere.",
    }
    skipped_opening: SkippedOpening = "window-at-skipped-time",
        "When a maintenance window opens whose local time the clock skips at the change to summer time.",
        Source::Unconfirmed, {
        Skipped = "skipped": "Not on that day, as with EventBridge Scheduler.",
        Later = "later": "At the first moment after the time that is skipped.",
    }
}
