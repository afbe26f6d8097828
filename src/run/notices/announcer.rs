//! Facts into marks, and notices to channels.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use serde::Serialize;

use super::ready::{ReadyChannel, ready as to_tell};
use super::setup::WindowSetup;
use super::tell::tell;
use crate::aws::{Aws, claim_mark, decisions, list_marks};
use crate::channels::{Outside, Receipt};
use crate::group::fault::{Fault, FaultClass};
use crate::group::names::MARK_PREFIX;
use crate::notices::{
    Known, Mark, Notice, NoticeEvent, Target, TargetIds, approval_words, fact_name,
};
use crate::text::counted;
use crate::windows::{Due, standing};

/// Nothing is begun any more when less than this is left: a service takes some seconds.
const LONGEST: TimeDelta = TimeDelta::seconds(30);

/// The code of the fault that the time was over.
pub(super) const TIME_OVER: &str = "Timeout";

/// Tells channels what happens to windows, until `by` at the latest.
#[derive(Clone, Copy, Debug)]
pub struct Announcer<'a> {
    /// The account with the marks and secrets.
    pub aws: &'a Aws,
    /// The way to the channels.
    pub outside: &'a Outside,
    /// Channels and routes.
    pub setup: &'a WindowSetup,
    /// Notices not sent by then are left to the next sweep.
    pub by: DateTime<Utc>,
}

/// The fate of notices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Said {
    /// Those that were taken.
    pub taken: Vec<Taken>,
    /// Those that were not.
    pub unsent: Vec<Unsent>,
    /// Whether the time was over before all was written down and tried: who comes again goes on.
    pub is_cut: bool,
    /// Notices that were not tried for that reason.
    pub untried: usize,
}

/// A notice that a channel took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// Its occasion.
    pub event: NoticeEvent,
    /// `shop (Production)`.
    pub place: String,
    /// How it was taken.
    pub receipt: Receipt,
}

/// A notice that a channel did not take, or of which that is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unsent {
    /// Its occasion.
    pub event: NoticeEvent,
    /// `shop (Production)`.
    pub place: String,
    /// The channel.
    pub channel: String,
    /// Why.
    pub problem: String,
}

impl std::fmt::Display for Unsent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            event,
            place,
            channel,
            problem,
        } = self;
        write!(
            f,
            "the notice '{event}' about {place} was not sent to channel '{channel}': {problem}"
        )
    }
}

impl Said {
    pub(super) fn and(mut self, other: Self) -> Self {
        self.taken.extend(other.taken);
        self.unsent.extend(other.unsent);
        self.is_cut |= other.is_cut;
        self.untried += other.untried;
        self
    }

    /// For the reader of a report.
    pub fn warnings(&self) -> Vec<String> {
        let untried = (self.untried > 0).then(|| {
            let notices = counted(self.untried, "notice");
            format!("there was no time for {notices}; the next sweep goes on with them")
        });
        let unsent = self.unsent.iter().map(ToString::to_string);
        unsent.chain(untried).collect()
    }
}

impl<'a> Announcer<'a> {
    /// Ends at the time at which it must: channels that are asked at that moment may have taken their notice.
    ///
    /// # Errors
    /// Those of the work, or that the time is over.
    pub async fn in_time<T>(
        &self,
        told: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        tokio::select! {
            told = told => told,
            () = self.aws.clock.wait_until(self.by) => Err(Fault {
                operation: "notices".into(),
                code: TIME_OVER.into(),
                message: "channels did not answer in time".into(),
                class: FaultClass::Unreachable,
            }),
        }
    }

    /// All marks, by their parameters' names; none in the place of one that is no fact and no notice, or not ours.
    pub(super) async fn marks(&self) -> Result<BTreeMap<String, Option<Mark>>, Fault> {
        list_marks(&self.aws.clients, MARK_PREFIX).await
    }

    /// All that is known of windows.
    pub(super) async fn known(&self) -> Result<Vec<Known>, Fault> {
        Ok(Known::of(self.marks().await?.into_values().flatten()))
    }

    /// Writes down what happened, as far as there is time; answers the marks, and the last fault. One fact that cannot be written
    /// keeps no other from it.
    pub(super) async fn write_down(&self, happened: &[Notice]) -> (Vec<Mark>, Result<(), Fault>) {
        let (mut marks, mut result) = (Vec::new(), Ok(()));
        for notice in happened {
            if self.is_late() {
                break;
            }
            let mark = Mark::of(notice, None, self.aws.clock.now(), fastrand::u64(..));
            match claim_mark(&self.aws.clients, &fact_name(notice), &mark).await {
                Ok(_) => marks.push(mark),
                Err(fault) => {
                    let (place, event) = (notice.place(), notice.event);
                    tracing::error!(code = fault.code, %event, "not written down for {place}: {}", fault.message);
                    result = Err(fault);
                }
            }
        }
        (marks, result)
    }

    /// Whether it is too late to begin anything.
    pub(super) fn is_late(&self) -> bool {
        self.aws.clock.now() + LONGEST > self.by
    }

    /// Sends notices: to the channels that silence monitoring first, and to each channel in order.
    pub(super) async fn send(&self, notices: Vec<(Notice, Target<'a>)>) -> Said {
        let mut by_channel: BTreeMap<(bool, &str), Vec<(Notice, Target<'a>)>> = BTreeMap::new();
        for (notice, target) in self.with_approvals(notices).await {
            let table = target.channel;
            let key = (!table.kind.shows_windows(), table.name.as_str());
            by_channel.entry(key).or_default().push((notice, target));
        }
        let (silencing, speaking): (Vec<_>, Vec<_>) =
            by_channel.into_iter().partition(|((later, _), _)| !later);
        let mut said = Said::default();
        for stage in [silencing, speaking] {
            let channels = stage
                .into_iter()
                .map(|(_, notices)| self.tell_channel(notices));
            for of_channel in join_all(channels).await {
                said = said.and(of_channel);
            }
        }
        said
    }

    /// The same with how it stands with the approval that a window demands.
    async fn with_approvals(
        &self,
        mut notices: Vec<(Notice, Target<'a>)>,
    ) -> Vec<(Notice, Target<'a>)> {
        let demanding = |n: &Notice| {
            let demand = self.setup.approval(&n.window);
            demand.filter(|_| n.event.tells_of_approval())
        };
        if !notices.iter().any(|(n, _)| demanding(n).is_some()) {
            return notices;
        }
        let decisions = match decisions(&self.aws.clients).await {
            Ok(decisions) => decisions,
            // What could not be read is not undecided: nothing is said of it.
            Err(fault) => {
                let (code, message) = (fault.code, fault.message);
                tracing::warn!(code, "approvals are not known: {message}");
                return notices;
            }
        };
        let now = self.aws.clock.now();
        for (notice, _) in &mut notices {
            if let Some(demand) = demanding(notice) {
                let planned = notice.times.planned;
                // A run of a maintenance window that waits or has begun says when it did.
                let is_exact = !notice.event.is_of_a_run();
                let due = Due {
                    window: &notice.window,
                    start: planned.start,
                    cutoff: planned.end,
                    is_exact,
                };
                let standing = standing(demand, &decisions, &due, now);
                notice.approval = approval_words(&standing, notice, demand);
            }
        }
        notices
    }

    async fn tell_channel(&self, notices: Vec<(Notice, Target<'a>)>) -> Said {
        let mut said = Said::default();
        let mut ready = None;
        for (notice, Target { channel, ids }) in notices {
            if self.is_late() {
                said.is_cut = true;
                said.untried += 1;
                continue;
            }
            if ready.is_none() {
                ready = Some(to_tell(self.aws, channel).await);
            }
            let result = match &ready {
                Some(Ok(channel)) => self.one(channel, &ids, &notice).await,
                Some(Err(problem)) => Err(problem.clone()),
                None => continue,
            };
            let (event, place) = (notice.event, notice.place());
            match result {
                Ok(receipt) => said.taken.push(Taken {
                    event,
                    place,
                    receipt,
                }),
                Err(problem) => {
                    let unsent = Unsent {
                        event,
                        place,
                        channel: channel.name.clone(),
                        problem,
                    };
                    tracing::error!("{unsent}");
                    said.unsent.push(unsent);
                }
            }
        }
        said
    }

    async fn one(
        &self,
        channel: &ReadyChannel,
        ids: &TargetIds,
        notice: &Notice,
    ) -> Result<Receipt, String> {
        let told = tell(self.aws, self.outside, channel, ids, notice).await;
        told.map_err(|e| e.to_string())
    }
}
