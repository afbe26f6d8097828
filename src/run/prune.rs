//! A prune: reads what past runs have made, decides what goes, and does it, step by step.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::RunError;
use super::plan::check_named;
use crate::aws::{Aws, find_past, find_sharing, retire};
use crate::clock::Clock;
use crate::group::effect::Done;
use crate::group::fault::{Fault, FaultClass};
use crate::group::{Code, Failure};
use crate::ids::GroupName;
use crate::report::{PruneEntry, PruneReport};
use crate::retention::{
    Found, ImageItem, Plan, Policy, SnapshotItem, Step, Verdict, decide, unasked,
};

/// A look at the account is acted upon for this long; then it is taken anew. A rollback to an old version takes an owner
/// longer than that to type, and a look at a large account no longer.
const LOOK_COUNTS_FOR: TimeDelta = TimeDelta::minutes(2);
/// A snapshot is in use until EC2 knows everywhere that its image is gone: seconds.
const SNAPSHOT_PAUSE: Duration = Duration::from_secs(5);
/// So often it is tried.
const SNAPSHOT_TRIES: u32 = 4;
/// A call that is under way when the time is over is waited for this long: AWS answers in seconds, or not at all.
const CALL_LIMIT: TimeDelta = TimeDelta::seconds(20);

/// A request for a prune.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PruneRequest {
    /// The things that stay although nobody uses them.
    pub policy: Policy,
    /// Only what was made for the launch templates that these groups name; empty: everything.
    pub groups: Vec<GroupName>,
    /// Do it. Otherwise it is only a plan.
    pub apply: bool,
    /// No call is begun after this time; what is left is found by the next prune. None: it takes as long as it takes.
    pub stop_at: Option<DateTime<Utc>>,
}

/// Says what goes and what stays and, if it is to be applied, does it. `progress` hears of each step that is taken.
///
/// # Errors
/// The images and snapshots, or the groups that were named, could not be read, or not in time; or such a group does not
/// exist or did not opt in.
pub async fn prune(
    aws: &Aws,
    request: &PruneRequest,
    progress: &mut dyn FnMut(&Step),
) -> Result<PruneReport, RunError> {
    let time = Time::of(aws, request);
    let look = time.within(Box::pin(look(aws, request))).await;
    let look = look.ok_or_else(not_read_in_time)??;
    let mut report = PruneReport {
        region: aws.region.clone(),
        account: aws.account.clone(),
        read_at: look.found.at,
        applied: request.apply,
        out_of_time: false,
        entries: look.entries().into_values().collect(),
    };
    if request.apply {
        let end = Box::pin(apply(aws, request, look, &mut report.entries, progress)).await;
        report.out_of_time = end == End::OutOfTime;
    }
    Ok(report)
}

fn not_read_in_time() -> RunError {
    let reason = "expected to have read the account's images and what uses them within the time of one invocation, \
                  found more of them: nothing was changed; run `asg-patch prune` from the command line, which takes its time";
    RunError::Refused(Failure::new(Code::NotPlanned, reason))
}

/// The time that a prune has.
struct Time<'a> {
    clock: &'a Clock,
    stop_at: Option<DateTime<Utc>>,
}

impl<'a> Time<'a> {
    fn of(aws: &'a Aws, request: &PruneRequest) -> Self {
        Self {
            clock: &aws.clock,
            stop_at: request.stop_at,
        }
    }

    fn is_over(&self) -> bool {
        self.stop_at.is_some_and(|at| self.clock.now() >= at)
    }

    /// The answer, or none if the time is over before it comes.
    async fn within<T>(&self, answer: impl Future<Output = T>) -> Option<T> {
        self.until(self.stop_at, answer).await
    }

    /// The same for calls under way, which have a little longer.
    async fn to_the_end<T>(&self, answer: impl Future<Output = T>) -> Option<T> {
        let by = self.stop_at.map(|at| at + CALL_LIMIT);
        self.until(by, answer).await
    }

    async fn until<T>(
        &self,
        by: Option<DateTime<Utc>>,
        answer: impl Future<Output = T>,
    ) -> Option<T> {
        let Some(by) = by else {
            return Some(answer.await);
        };
        tokio::select! {
            biased;
            answer = answer => Some(answer),
            () = self.clock.wait_until(by) => None,
        }
    }
}

/// How the changes ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Everything was tried.
    All,
    /// A failure ended it that all others would have met.
    Failed,
    /// The time was over.
    OutOfTime,
}

/// The account at one moment, and what follows from it.
struct Look {
    found: Found,
    plan: Plan,
    /// When all was read.
    ended_at: DateTime<Utc>,
}

/// An image or a snapshot: images come first, older ones before younger ones.
type Key = (bool, Option<DateTime<Utc>>, String);

impl Look {
    /// The entries of the report, in their order.
    fn entries(&self) -> BTreeMap<Key, PruneEntry> {
        let images = self.plan.images.iter();
        let images = images.map(|item| {
            let entry = PruneEntry::of_image(&self.found, item);
            (self.image_key(item), entry)
        });
        let snapshots = self.plan.snapshots.iter();
        let snapshots = snapshots.map(|item| {
            let entry = PruneEntry::of_snapshot(&self.found, item);
            (self.snapshot_key(item), entry)
        });
        images.chain(snapshots).collect()
    }

    /// The calls to be made, in the same order.
    fn steps(&self) -> BTreeMap<Key, (Verdict, Vec<Step>)> {
        let images = self.plan.images.iter();
        let images =
            images.map(|item| (self.image_key(item), (item.verdict.clone(), item.steps())));
        let snapshots = self.plan.snapshots.iter();
        let snapshots = snapshots.map(|item| {
            (
                self.snapshot_key(item),
                (item.verdict.clone(), item.steps()),
            )
        });
        images.chain(snapshots).collect()
    }

    fn image_key(&self, item: &ImageItem) -> Key {
        let image = self.found.images.get(&item.image);
        let made_at = image.and_then(|i| i.created_at);
        (false, made_at, item.image.to_string())
    }

    fn snapshot_key(&self, item: &SnapshotItem) -> Key {
        let snapshot = self.found.snapshots.get(&item.snapshot);
        let made_at = snapshot.and_then(|s| s.started_at);
        (true, made_at, item.snapshot.to_string())
    }
}

async fn look(aws: &Aws, request: &PruneRequest) -> Result<Look, RunError> {
    let (policy, groups) = (&request.policy, &request.groups);
    let mut found = find_past(&aws.clients, aws.account_now()).await?;
    if !groups.is_empty() {
        let known = found.uses.groups.as_ref().map_err(Clone::clone)?;
        check_named(known, &policy.tag, groups.iter())?;
    }
    let asked = unasked(&found, policy, groups);
    found.sharing = find_sharing(&aws.clients, asked).await;
    let plan = decide(&found, policy, groups);
    Ok(Look {
        found,
        plan,
        ended_at: aws.clock.now(),
    })
}

/// Does what the first look found, as long as the last one still finds it so.
async fn apply(
    aws: &Aws,
    request: &PruneRequest,
    mut last: Look,
    entries: &mut [PruneEntry],
    progress: &mut dyn FnMut(&Step),
) -> End {
    let time = Time::of(aws, request);
    let first = last.steps();
    let mut now = first.clone();
    for (entry, (key, (meant, _))) in entries.iter_mut().zip(&first) {
        if matches!(meant, Verdict::Keep(_) | Verdict::Wait(_)) {
            continue;
        }
        if time.is_over() {
            return End::OutOfTime;
        }
        if aws.clock.now() - last.ended_at > LOOK_COUNTS_FOR {
            match time.within(Box::pin(look(aws, request))).await {
                Some(Ok(look)) => last = look,
                Some(Err(problem)) => {
                    entry.fail(problem.to_string());
                    return End::Failed;
                }
                None => return End::OutOfTime,
            }
            now = last.steps();
        }
        // What is gone by now was removed by another.
        let Some((verdict, steps)) = now.get(key) else {
            continue;
        };
        if std::mem::discriminant(verdict) != std::mem::discriminant(meant) {
            if let Some(changed) = last.entries().remove(key) {
                *entry = changed;
            }
            continue;
        }
        let taken = Box::pin(take(aws, &time, steps, progress));
        match time.to_the_end(taken).await {
            Some(Ok(Taken::All)) => entry.done = Some(true),
            Some(Ok(Taken::Some)) | None => {
                entry.leave();
                return End::OutOfTime;
            }
            Some(Err(fault)) => {
                entry.fail(fault.to_failure().reason);
                // What one call lacks, all lack.
                if matches!(fault.class, FaultClass::Denied | FaultClass::Expired) {
                    return End::Failed;
                }
            }
        }
    }
    End::All
}

/// How many of some steps were taken.
enum Taken {
    All,
    Some,
}

/// Takes steps one after the other, up to the first that fails, or for which there is no time.
async fn take(
    aws: &Aws,
    time: &Time<'_>,
    steps: &[Step],
    progress: &mut dyn FnMut(&Step),
) -> Result<Taken, Fault> {
    for step in steps {
        if time.is_over() {
            return Ok(Taken::Some);
        }
        progress(step);
        tracing::info!(?step, "prune");
        take_one(aws, step).await?;
    }
    Ok(Taken::All)
}

async fn take_one(aws: &Aws, step: &Step) -> Result<Done, Fault> {
    for _ in 1..SNAPSHOT_TRIES {
        match retire(&aws.clients, step).await {
            Err(fault) if fault.class == FaultClass::Contention => {
                aws.clock.wait(SNAPSHOT_PAUSE).await;
            }
            ended => return ended,
        }
    }
    retire(&aws.clients, step).await
}
