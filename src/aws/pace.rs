//! Pacing: many jobs at once must not call faster than AWS refills its token buckets. A call refused for
//! its rate costs a retry and, for hundreds of groups, the SDK's whole retry budget.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::Clock;

/// Kinds of calls that share a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pace {
    /// Parameter Store's changing calls: 3 a second by default (General Reference, ssm).
    Parameter,
    /// Run Command: limits unpublished.
    Command,
    /// Systems Manager's reads of single nodes: limits unpublished.
    NodeRead,
    /// EC2's reads: 100 and 20 a second by default, for each action.
    Ec2Read,
    /// EC2's changing calls: 50 and 5 a second by default (EC2 Developer Guide).
    Ec2Change,
    /// Elastic Load Balancing: limits unpublished.
    LoadBalancing,
    /// Auto Scaling: one bucket for all changes; figures unpublished.
    AutoScalingChange,
    /// Auto Scaling: one bucket for all reads; figures unpublished.
    AutoScalingRead,
}

impl Pace {
    /// Burst, and calls per second: four fifths of what AWS allows, since others call too.
    fn limits(self) -> (f64, f64) {
        match self {
            Self::Parameter => (8.0, 2.4),
            Self::Command | Self::NodeRead | Self::LoadBalancing => (30.0, 8.0),
            Self::Ec2Read => (80.0, 16.0),
            Self::Ec2Change => (40.0, 4.0),
            Self::AutoScalingChange | Self::AutoScalingRead => (80.0, 8.0),
        }
    }
}

/// Token buckets, one for each [`Pace`].
#[derive(Clone, Debug)]
pub(super) struct Pacer {
    clock: Clock,
    buckets: Arc<Mutex<BTreeMap<Pace, Bucket>>>,
    concurrent_batches: f64,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: DateTime<Utc>,
}

impl Pacer {
    /// For one of `concurrent_batches` processes that call at the same time: each takes its share.
    pub(super) fn new(clock: Clock, concurrent_batches: f64) -> Self {
        Self {
            clock,
            buckets: Arc::default(),
            concurrent_batches: concurrent_batches.max(1.0),
        }
    }

    /// The same buckets, at the share of one of this many batches that ask at the same time. The buckets outlive
    /// a pass: tokens that a pass reserved before it was cut off stay taken, and the last share sets the size.
    pub(super) fn sharing(&self, concurrent_batches: f64) -> Self {
        Self {
            concurrent_batches: concurrent_batches.max(1.0),
            ..self.clone()
        }
    }

    /// Takes a token, waiting for it if there is none. Tokens are promised in the order of the requests.
    pub(super) async fn take(&self, kind: Pace) {
        let at = self.reserve(kind, self.clock.now());
        self.clock.wait_until(at).await;
    }

    fn reserve(&self, kind: Pace, now: DateTime<Utc>) -> DateTime<Utc> {
        let (burst, per_second) = kind.limits();
        let (burst, per_second) = (
            (burst / self.concurrent_batches).max(1.0),
            per_second / self.concurrent_batches,
        );
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(kind).or_insert(Bucket {
            tokens: burst,
            at: now,
        });
        let elapsed = (now - bucket.at).as_seconds_f64().max(0.0);
        bucket.tokens = (bucket.tokens + elapsed * per_second).min(burst) - 1.0;
        bucket.at = now;
        let owed_seconds = (-bucket.tokens / per_second).max(0.0);
        now + TimeDelta::milliseconds((owed_seconds * 1000.0) as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_the_rest_waits_its_turn() {
        let now = DateTime::UNIX_EPOCH;
        let pacer = Pacer::new(Clock::system(), 1.0);
        let turns: Vec<i64> = (0..13)
            .map(|_| (pacer.reserve(Pace::Parameter, now) - now).num_milliseconds())
            .collect();
        assert_eq!(turns[..8], [0; 8]);
        assert_eq!(turns[8], 416);
        assert_eq!(turns[12], 2083);
    }

    #[test]
    fn processes_share_the_rates() {
        let now = DateTime::UNIX_EPOCH;
        let pacer = Pacer::new(Clock::system(), 4.0);
        let turns: Vec<i64> = (0..4)
            .map(|_| (pacer.reserve(Pace::Parameter, now) - now).num_milliseconds())
            .collect();
        assert_eq!(turns, [0, 0, 1666, 3333]);
    }
}
