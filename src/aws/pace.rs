//! Pacing: many jobs at once must not call faster than AWS refills its token buckets. A call refused for its rate
//! costs a retry and, for hundreds of groups, the SDK's whole retry budget.
//!
//! Every call waits for its [`turn`](Pacer::turn) and takes a token: each page of a listing, and planning's reads like
//! the run's. What the SDK repeats by itself is taken down as well, and a throttle that others cause slows the bucket
//! down for a while.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use chrono::{DateTime, TimeDelta, Utc};

use super::buckets::{Limits, bucket_of};
use super::operation::operation_of;
use crate::clock::Clock;

/// A throttle takes this much of the bucket's rate away: what others leave is found in a few steps.
const SLOWED_TO: f64 = 0.7;
/// The least that is left of it: progress never stops.
const SLOWEST: f64 = 0.1;
/// Throttles of one moment count once.
const SLOWED_ONCE_PER: TimeDelta = TimeDelta::seconds(1);
/// From the slowest to the full rate again in this time without a throttle.
const RECOVERS_IN: TimeDelta = TimeDelta::minutes(2);
/// A wait for a token that is longer than this is looked at again after a part of it: others may have left the queue,
/// and a throttle passed.
const LONG_WAIT: TimeDelta = TimeDelta::seconds(10);
/// That part.
const LOOK_AGAIN_AFTER: i32 = 4;
/// It is no longer than this.
const LONGEST_WAIT: TimeDelta = TimeDelta::minutes(1);
/// A token is near when it will be there within this time: time for a look before the call.
const NEAR: TimeDelta = TimeDelta::seconds(5);
/// A call that was to be made soon, and still has no token after this time, is decided upon anew.
const MAY_TAKE: TimeDelta = TimeDelta::seconds(10);
/// The shortest wait for a token.
const SHORTEST_WAIT: TimeDelta = TimeDelta::milliseconds(5);

/// Whose call comes first when a bucket is short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// A group is being given back.
    Restore,
    /// A look at many groups: all of them wait for it.
    Look,
    /// A look at one group, for which AWS has no bulk call.
    LookAtOne,
    /// A group that is altered at the moment; the one that was begun first comes first.
    Altered(DateTime<Utc>),
    /// A group under way; the one that was begun first comes first.
    Forward(DateTime<Utc>),
    /// A group that is not touched yet.
    Start,
}

/// Token buckets, one for each group of operations that share a limit. Clones share them, and so do the clients'
/// interceptors, whatever the share at which calls wait for their turn.
#[derive(Clone, Debug)]
pub(super) struct Pacer {
    clock: Clock,
    buckets: Arc<Mutex<BTreeMap<String, Bucket>>>,
    /// Of AWS's rates, 0 to 1.
    share: f64,
}

#[derive(Debug)]
struct Bucket {
    limits: Limits,
    /// The share at which a call waited for its turn last, 0 to 1.
    share: f64,
    tokens: f64,
    at: DateTime<Utc>,
    /// The part of the rate that throttles have left, 0 to 1.
    factor: f64,
    slowed_at: Option<DateTime<Utc>>,
    /// Calls that wait for a token, the first one first.
    waiting: BTreeSet<Place>,
    /// Numbers of the places given so far.
    places: u64,
    /// Tokens taken for calls that are not sent yet, by operation.
    prepaid: BTreeMap<String, u32>,
}

type Place = (Urgency, u64);

impl Pacer {
    /// For a process that takes this share of AWS's rates.
    pub(super) fn new(clock: Clock, share: f64) -> Self {
        Self {
            clock,
            buckets: Arc::default(),
            share,
        }
    }

    /// The same buckets at another share. They outlive a change: tokens that were taken stay taken, and the last
    /// share sets the size.
    pub(super) fn at_share(&self, share: f64) -> Self {
        Self {
            share,
            ..self.clone()
        }
    }

    /// The share of AWS's rates.
    pub(super) fn share(&self) -> f64 {
        self.share
    }

    /// Takes a token for a call, waiting for it if there is none. `operation` is `service:Operation`.
    pub(super) async fn turn(&self, operation: &'static str, urgency: Urgency) {
        let turn = self.queue(operation, urgency);
        while !turn.take(operation).await {}
    }

    /// Queues for a token, and waits until it will be there within [`NEAR`].
    pub(super) async fn near_turn(&self, operation: &'static str, urgency: Urgency) -> Turn {
        let turn = self.queue(operation, urgency);
        while let Some(at) = self.near(operation, turn.place) {
            self.clock.wait_until(at).await;
        }
        turn
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Bucket>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the operation's bucket, filled up to now, with its rate per second.
    fn with_bucket<T>(&self, operation: &str, with: impl FnOnce(&mut Bucket, f64) -> T) -> T {
        let (name, limits) = bucket_of(operation);
        let now = self.clock.now();
        let mut buckets = self.lock();
        let full = || Bucket::full(limits, self.share, now);
        let bucket = buckets.entry(name.to_owned()).or_insert_with(full);
        let rate = bucket.refill(now);
        with(bucket, rate)
    }

    fn queue(&self, operation: &'static str, urgency: Urgency) -> Turn {
        let place = self.with_bucket(operation, |bucket, _| {
            bucket.share = self.share;
            bucket.places += 1;
            let place = (urgency, bucket.places);
            bucket.waiting.insert(place);
            place
        });
        Turn {
            pacer: self.clone(),
            operation,
            place,
            is_taken: AtomicBool::new(false),
        }
    }

    /// Takes a token, or says when to ask again.
    fn take(&self, operation: &str, place: Place) -> Option<DateTime<Utc>> {
        let now = self.clock.now();
        self.with_bucket(operation, |bucket, rate| {
            let wait = bucket.wait(place, rate);
            if wait.is_zero() {
                bucket.tokens -= 1.0;
                bucket.waiting.remove(&place);
                *bucket.prepaid.entry(operation.to_owned()).or_default() += 1;
                return None;
            }
            Some(now + until_next_look(wait))
        })
    }

    /// When to ask again whether a token is near; `None` if it is.
    fn near(&self, operation: &str, place: Place) -> Option<DateTime<Utc>> {
        let now = self.clock.now();
        self.with_bucket(operation, |bucket, rate| {
            let wait = bucket.wait(place, rate) - NEAR;
            (wait > TimeDelta::zero()).then(|| now + until_next_look(wait))
        })
    }

    /// An attempt goes out: one that took no token before, because the SDK repeats it, takes it now.
    fn sent(&self, operation: &str) {
        self.with_bucket(operation, |bucket, _| {
            match bucket.prepaid.get_mut(operation) {
                Some(prepaid) if *prepaid > 0 => *prepaid -= 1,
                Some(_) | None => bucket.tokens -= 1.0,
            }
        });
    }

    /// AWS refused a call for its rate.
    fn throttled(&self, operation: &str) {
        let now = self.clock.now();
        self.with_bucket(operation, |bucket, _| {
            let recently = bucket
                .slowed_at
                .is_some_and(|at| now - at < SLOWED_ONCE_PER);
            if !recently {
                bucket.factor = (bucket.factor * SLOWED_TO).max(SLOWEST);
                bucket.slowed_at = Some(now);
            }
            bucket.tokens = bucket.tokens.min(0.0);
        });
    }
}

impl Bucket {
    fn full(limits: Limits, share: f64, now: DateTime<Utc>) -> Self {
        Self {
            limits,
            share,
            tokens: limits.burst(share),
            at: now,
            factor: 1.0,
            slowed_at: None,
            waiting: BTreeSet::new(),
            places: 0,
            prepaid: BTreeMap::new(),
        }
    }

    /// Fills it up to now; answers the present rate, per second.
    fn refill(&mut self, now: DateTime<Utc>) -> f64 {
        let elapsed = (now - self.at).as_seconds_f64().max(0.0);
        let recovered = elapsed / RECOVERS_IN.as_seconds_f64();
        self.factor = (self.factor + recovered).min(1.0);
        let rate = self.limits.per_second * self.share * self.factor;
        self.tokens = (self.tokens + elapsed * rate).min(self.limits.burst(self.share));
        self.at = now;
        rate
    }

    /// How long the one at this place waits for its token, at this rate per second.
    fn wait(&self, place: Place, rate: f64) -> TimeDelta {
        let before = self.waiting.range(..place).count();
        // The difference: rounding.
        let lacking = before as f64 + 1.0 - self.tokens - 1e-6;
        TimeDelta::milliseconds((lacking.max(0.0) / rate * 1000.0).ceil() as i64)
    }
}

/// After which part of a wait to look at the queue again: of a long wait seldom, because each look counts the others.
fn until_next_look(wait: TimeDelta) -> TimeDelta {
    let part = (wait / LOOK_AGAIN_AFTER).clamp(LONG_WAIT, LONGEST_WAIT);
    wait.clamp(SHORTEST_WAIT, part)
}

/// A place in the queue for a token: for one call. It is given up when the call is sent or no longer wanted.
#[derive(Debug)]
pub struct Turn {
    pacer: Pacer,
    operation: &'static str,
    place: Place,
    is_taken: AtomicBool,
}

impl Turn {
    /// Whether it is a place at the bucket of this operation (`service:Operation`).
    pub fn is_for(&self, operation: &str) -> bool {
        bucket_of(self.operation).0 == bucket_of(operation).0
    }

    /// Claims it for one call; false if it serves another one.
    pub fn claim(&self) -> bool {
        !self.is_taken.swap(true, Ordering::Relaxed)
    }

    /// Waits for its token, for a call of this operation, but no longer than [`MAY_TAKE`]: more urgent calls may have
    /// come before it. Without a token, it may be claimed again.
    pub(super) async fn take(&self, operation: &str) -> bool {
        let give_up_at = self.pacer.clock.now() + MAY_TAKE;
        while let Some(at) = self.pacer.take(operation, self.place) {
            if self.pacer.clock.now() >= give_up_at {
                self.is_taken.store(false, Ordering::Relaxed);
                return false;
            }
            self.pacer.clock.wait_until(at.min(give_up_at)).await;
        }
        true
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let (name, _) = bucket_of(self.operation);
        if let Some(bucket) = self.pacer.lock().get_mut(name) {
            bucket.waiting.remove(&self.place);
        }
    }
}

/// Words by which AWS's services refuse a call for its rate.
const THROTTLES: [&[u8]; 3] = [b"Throttling", b"RequestLimitExceeded", b"Rate exceeded"];

fn is_throttle(status: u16, body: &[u8]) -> bool {
    let says = |word: &&[u8]| body.windows(word.len()).any(|part| part == *word);
    status >= 400 && THROTTLES.iter().any(says)
}

#[dyn_dispatch_hint]
impl Intercept for Pacer {
    fn name(&self) -> &'static str {
        "Pacer"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(operation) = operation_of(cfg) {
            self.sent(&operation);
        }
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let body = response.body().bytes().unwrap_or_default();
        if let (true, Some(operation)) = (
            is_throttle(response.status().as_u16(), body),
            operation_of(cfg),
        ) {
            self.throttled(&operation);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUT: &str = "ssm:PutParameter";

    /// The seconds at which calls of these urgencies get their turn, when all ask at the same moment.
    async fn turns(share: f64, asking: &[Urgency]) -> Vec<f64> {
        let clock = Clock::simulated(DateTime::UNIX_EPOCH, 1);
        let pacer = Pacer::new(clock.clone(), share);
        let turn = |urgency: &Urgency| {
            let (pacer, clock, urgency) = (pacer.clone(), clock.clone(), *urgency);
            async move {
                pacer.turn(PUT, urgency).await;
                pacer.sent(PUT);
                (clock.now() - DateTime::UNIX_EPOCH).as_seconds_f64()
            }
        };
        futures_util::future::join_all(asking.iter().map(turn)).await
    }

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 0.05, "{found}, not {expected}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_and_the_rest_waits_its_turn() {
        let turns = turns(1.0, &[Urgency::Look; 13]).await;
        assert_eq!(turns[..10], [0.0; 10]);
        near(turns[10], 1.0 / 3.0);
        near(turns[12], 1.0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_share_is_a_part_of_burst_and_rate() {
        let turns = turns(0.5, &[Urgency::Look; 7]).await;
        assert_eq!(turns[..5], [0.0; 5]);
        near(turns[5], 2.0 / 3.0);
        near(turns[6], 4.0 / 3.0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_interceptors_note_goes_by_the_share_of_those_who_wait() {
        let clock = Clock::simulated(DateTime::UNIX_EPOCH, 1);
        let of_clients = Pacer::new(clock.clone(), 0.5);
        let of_a_batch = of_clients.at_share(0.1);
        let mut turns = Vec::new();
        for _ in 0..4 {
            of_a_batch.turn(PUT, Urgency::Look).await;
            clock.wait(std::time::Duration::from_secs(1)).await;
            of_clients.sent(PUT);
            turns.push((clock.now() - DateTime::UNIX_EPOCH).as_seconds_f64());
        }
        // 0.3 a second, after the one that passes at once.
        for (found, expected) in turns.iter().zip([1.0, 4.333, 7.667, 11.0]) {
            near(*found, expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_a_group_back_comes_first_and_who_starts_one_last() {
        let at = |seconds| Urgency::Forward(DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds));
        let altered = Urgency::Altered(DateTime::UNIX_EPOCH + TimeDelta::seconds(30));
        let asking = [
            vec![Urgency::Look; 10],
            vec![Urgency::Start, at(20), at(10), altered, Urgency::Restore],
        ];
        let turns = turns(1.0, &asking.concat()).await;
        // The first ones took the burst before the others asked.
        for (found, turn) in turns[10..].iter().zip([5.0, 4.0, 3.0, 2.0, 1.0]) {
            near(*found, turn / 3.0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_was_near_is_given_up_behind_more_urgent_ones_and_keeps_its_place() {
        let clock = Clock::simulated(DateTime::UNIX_EPOCH, 1);
        let pacer = Pacer::new(clock.clone(), 1.0);
        let seconds = || (clock.now() - DateTime::UNIX_EPOCH).as_seconds_f64();
        let start = pacer.near_turn(PUT, Urgency::Start).await;
        near(seconds(), 0.0);
        assert!(start.claim() && !start.claim(), "one call has it");
        // Seventy restores, of which the burst passes at once: the others take 20 s.
        let restores = (0..70).map(|_| pacer.turn(PUT, Urgency::Restore));
        let restores = futures_util::future::join_all(restores);
        let late = async {
            tokio::task::yield_now().await;
            assert!(!start.take(PUT).await);
            near(seconds(), MAY_TAKE.as_seconds_f64());
            assert!(start.claim(), "another call may have it");
            while !start.take(PUT).await {}
            seconds()
        };
        let (_, taken_at) = tokio::join!(restores, late);
        near(taken_at, 61.0 / 3.0);
        drop(start);
        pacer.with_bucket(PUT, |bucket, _| assert!(bucket.waiting.is_empty()));
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_sdk_repeats_and_what_others_take_slows_us_down() {
        let clock = Clock::simulated(DateTime::UNIX_EPOCH, 1);
        let pacer = Pacer::new(clock.clone(), 1.0);
        let seconds = || (clock.now() - DateTime::UNIX_EPOCH).as_seconds_f64();
        for _ in 0..12 {
            pacer.sent(PUT);
        }
        pacer.turn(PUT, Urgency::Look).await;
        near(seconds(), 1.0);
        pacer.throttled(PUT);
        pacer.throttled(PUT);
        pacer.turn(PUT, Urgency::Look).await;
        near(seconds(), 1.0 + 1.0 / (3.0 * SLOWED_TO));
        // Two minutes later it is as it was.
        clock.wait(std::time::Duration::from_secs(120)).await;
        pacer.with_bucket(PUT, |_, rate| near(rate, 3.0));
    }

    #[test]
    fn a_throttle_is_known_by_its_words() {
        for (status, body, expected) in [
            (400, r#"{"__type":"ThrottlingException"}"#, true),
            (503, "<Code>RequestLimitExceeded</Code>", true),
            (400, "<Code>Throttling</Code>", true),
            (400, "<Code>ValidationError</Code>", false),
            (200, "Throttling", false),
        ] {
            assert_eq!(is_throttle(status, body.as_bytes()), expected, "{body}");
        }
    }
}
