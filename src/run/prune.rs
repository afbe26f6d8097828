//! A prune: reads what past runs have made, decides what goes, and does it, step by step.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::RunError;
use super::plan::check_named;
use crate::aws::{Aws, find_past, find_sharing, retire};
use crate::group::effect::Done;
use crate::group::fault::{Fault, FaultClass};
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

/// A request for a prune.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PruneRequest {
    /// The things that stay although nobody uses them.
    pub policy: Policy,
    /// Only what was made for the launch templates that these groups name; empty: everything.
    pub groups: Vec<GroupName>,
    /// Do it. Otherwise it is only a plan.
    pub apply: bool,
}

/// Says what goes and what stays and, if it is to be applied, does it. `progress` hears of each step that is taken.
///
/// # Errors
/// The images and snapshots, or the groups that were named, could not be read; or such a group does not exist or did not
/// opt in.
pub async fn prune(
    aws: &Aws,
    request: &PruneRequest,
    progress: &mut dyn FnMut(&Step),
) -> Result<PruneReport, RunError> {
    let look = look(aws, request).await?;
    let mut report = PruneReport {
        region: aws.region.clone(),
        account: aws.account.clone(),
        read_at: look.found.at,
        applied: request.apply,
        entries: look.entries().into_values().collect(),
    };
    if request.apply {
        apply(aws, request, look, &mut report.entries, progress).await;
    }
    Ok(report)
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
) {
    let first = last.steps();
    let mut now = first.clone();
    for (entry, (key, (meant, _))) in entries.iter_mut().zip(&first) {
        if matches!(meant, Verdict::Keep(_) | Verdict::Wait(_)) {
            continue;
        }
        if aws.clock.now() - last.ended_at > LOOK_COUNTS_FOR {
            match look(aws, request).await {
                Ok(look) => last = look,
                Err(problem) => {
                    entry.fail(problem.to_string());
                    return;
                }
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
        match take(aws, steps, progress).await {
            Ok(()) => entry.done = Some(true),
            Err(fault) => {
                entry.fail(fault.to_failure().reason);
                // What one call lacks, all lack.
                if matches!(fault.class, FaultClass::Denied | FaultClass::Expired) {
                    return;
                }
            }
        }
    }
}

/// Takes steps one after the other, up to the first that fails.
async fn take(aws: &Aws, steps: &[Step], progress: &mut dyn FnMut(&Step)) -> Result<(), Fault> {
    for step in steps {
        progress(step);
        tracing::info!(?step, "prune");
        take_one(aws, step).await?;
    }
    Ok(())
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
