//! The simulated account: the world behind its wire, with faults, throttling and a call log.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::beliefs::DateHeader;
use super::calls::Calls;
use super::faults::{Faults, InjectedFault};
use super::services;
use super::throttle::Throttle;
use super::wire::{self, ApiError, Asked, Call, Response, Service};
use super::world::{World, rivals};
use crate::clock::Clock;

/// How long a call takes, there and back: a small AWS call's usual time.
const CALL_LATENCY: Duration = Duration::from_millis(60);

/// A simulated account. Cheap to clone; clones are the same account.
#[derive(Clone, Debug)]
pub struct Account {
    clock: Clock,
    /// The account's clock minus the program's.
    offset: TimeDelta,
    inner: Arc<Mutex<Inner>>,
    silenced: Arc<tokio::sync::Notify>,
}

#[derive(Clone, Debug)]
struct Inner {
    world: World,
    /// The world before the last change, kept only while a fault rule may ask for it.
    before: Option<World>,
    calls: Calls,
    faults: Faults,
    throttle: Throttle,
    /// Requests so far. Their ids come from this and not from the world, so that looking at the world
    /// more often does not change what happens in it.
    requests: u64,
}

/// A simulated account at one moment, to go on from more than once.
#[derive(Clone, Debug)]
pub struct Frozen {
    /// By the program's clock.
    at: DateTime<Utc>,
    offset: TimeDelta,
    inner: Inner,
}

impl Frozen {
    /// An independent account that continues from that moment.
    /// Must be called within a tokio runtime.
    pub fn thaw(&self) -> Account {
        Account {
            clock: Clock::simulated(self.at, 1),
            offset: self.offset,
            inner: Arc::new(Mutex::new(self.inner.clone())),
            silenced: Arc::default(),
        }
    }
}

/// The caller's view of one call on the wire.
#[derive(Clone, Debug)]
pub enum Reply {
    /// An answer.
    Response(Response),
    /// The connection could not be made.
    NeverConnected,
    /// The connection broke while the answer was awaited.
    Broken,
    /// Silence for good.
    Silence,
}

impl Account {
    /// An account over a world, living in `clock`'s time.
    pub fn new(world: World, clock: Clock) -> Self {
        Self {
            clock,
            offset: TimeDelta::zero(),
            inner: Arc::new(Mutex::new(Inner {
                world,
                before: None,
                calls: Calls::default(),
                faults: Faults::default(),
                throttle: Throttle::default(),
                requests: 0,
            })),
            silenced: Arc::default(),
        }
    }

    /// The same account with a clock that is ahead of the program's by `offset` (behind it: a negative
    /// one). AWS's SDK retries what it takes for a skew from 4 min on; offsets stay below that.
    #[must_use]
    pub fn with_clock_offset(mut self, offset: TimeDelta) -> Self {
        self.offset = offset;
        self
    }

    /// The same account, in which others use this part of AWS's request rates, percent.
    #[must_use]
    pub fn with_others_calls(self, percent: u32) -> Self {
        self.lock().throttle.others_percent = percent;
        self
    }

    /// The same account without a log of its calls, which grows with every call: for those that only count them.
    #[must_use]
    pub fn without_log(self) -> Self {
        self.lock().calls.keep_no_log();
        self
    }

    /// The program's clock, which this account follows at a fixed offset.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The present time by the account's own clock.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now() + self.offset
    }

    /// Gives access to the world as it is now, also to change it as another actor would.
    pub fn with_world<T>(&self, f: impl FnOnce(&mut World) -> T) -> T {
        let mut inner = self.lock();
        let now = self.now();
        inner.world.advance_to(now);
        f(&mut inner.world)
    }

    /// The account as it is now.
    pub fn freeze(&self) -> Frozen {
        self.with_world(|_| ());
        Frozen {
            at: self.clock.now(),
            offset: self.offset,
            inner: self.lock().clone(),
        }
    }

    /// A copy of the call log and counts.
    pub fn calls(&self) -> Calls {
        self.lock().calls.clone()
    }

    /// Changes the fault rules.
    pub fn with_faults<T>(&self, f: impl FnOnce(&mut Faults) -> T) -> T {
        f(&mut self.lock().faults)
    }

    /// Waits until a call is met with silence: in a test, the moment at which the caller dies.
    pub async fn silenced(&self) {
        self.silenced.notified().await;
    }

    /// Serves one request that was posted to `/`: its `X-Amz-Target` header, if any, and its body.
    pub async fn serve(&self, operation: Option<&str>, body: &[u8]) -> Reply {
        self.serve_in(None, Asked::posted(operation, body)).await
    }

    /// Serves one request that was signed for this region, as far as that is known. The account has one region.
    pub async fn serve_in(&self, region: Option<&str>, asked: Asked<'_>) -> Reply {
        self.clock.wait(CALL_LATENCY / 2).await;
        let (reply, delay) = self.answer(region, asked);
        if matches!(reply, Reply::Silence) {
            self.silenced.notify_one();
        }
        self.clock.wait(CALL_LATENCY / 2 + delay).await;
        reply
    }

    fn answer(&self, region: Option<&str>, asked: Asked<'_>) -> (Reply, Duration) {
        let mut inner = self.lock();
        let now = self.now();
        inner.world.advance_to(now);
        let request_id = inner.new_request_id();
        let call = match wire::decode(asked) {
            Ok(call) => call,
            Err(error) => {
                return (
                    Reply::Response(undecodable(error, request_id, inner.date())),
                    Duration::ZERO,
                );
            }
        };
        // STS is global: clients sign for a region of their own choice.
        let is_foreign = region.is_some_and(|r| r != inner.world.region);
        if is_foreign && call.service != Service::Sts {
            let error = ApiError::unsupported(format!(
                "the region '{}': it has {} alone (--region, AWS_REGION)",
                region.unwrap_or_default(),
                inner.world.region
            ));
            let refusal = wire::encode(&call, &Err(error), request_id, inner.date());
            return (Reply::Response(refusal), Duration::ZERO);
        }
        inner.answer_call(&call, request_id)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn new_request_id(&mut self) -> String {
        self.requests += 1;
        format!("00000000-0000-4000-a000-{:012x}", self.requests)
    }

    /// The header `Date` of an answer, if it has one.
    fn date(&self) -> Option<DateTime<Utc>> {
        match self.world.beliefs.date_header {
            DateHeader::Always => Some(self.world.now),
            DateHeader::Never => None,
        }
    }

    fn answer_call(&mut self, call: &Call, request_id: String) -> (Reply, Duration) {
        let (now, date) = (self.world.now, self.date());
        let fault = self.faults.pick(call, now, &mut self.world.rng);
        if let Some(fault @ (InjectedFault::NeverArrived | InjectedFault::Hang)) = &fault {
            self.calls.note(now, call, None, true);
            let reply = if *fault == InjectedFault::Hang {
                Reply::Silence
            } else {
                Reply::NeverConnected
            };
            return (reply, Duration::ZERO);
        }
        let result = match &fault {
            Some(InjectedFault::Error(error)) => Err(error.clone()),
            other => self.apply(call, other == &Some(InjectedFault::StaleRead)),
        };
        let reply_lost = matches!(
            fault,
            Some(
                InjectedFault::ReplyLost
                    | InjectedFault::EffectThenError(_)
                    | InjectedFault::EffectThenHang
            )
        );
        self.calls.note(now, call, Some(&result), reply_lost);
        let respond =
            |r: &Result<Value, ApiError>| Reply::Response(wire::encode(call, r, request_id, date));
        match fault {
            Some(InjectedFault::ReplyLost) => (Reply::Broken, Duration::ZERO),
            Some(InjectedFault::EffectThenHang) => (Reply::Silence, Duration::ZERO),
            Some(InjectedFault::EffectThenError(error)) => (respond(&Err(error)), Duration::ZERO),
            Some(InjectedFault::Slow(delay)) => (respond(&result), delay),
            Some(
                InjectedFault::Error(_)
                | InjectedFault::StaleRead
                | InjectedFault::NeverArrived
                | InjectedFault::Hang,
            )
            | None => (respond(&result), Duration::ZERO),
        }
    }

    fn apply(&mut self, call: &Call, stale: bool) -> Result<Value, ApiError> {
        self.throttle.admit(call, self.world.now)?;
        if super::calls::is_change(&call.operation) {
            self.before = self.faults.want_history().then(|| self.world.clone());
        } else if let (true, Some(before)) = (stale, &mut self.before) {
            return services::call(before, call);
        }
        let result = services::call(&mut self.world, call)?;
        let name = format!("{}:{}", call.service.name(), call.operation);
        rivals::after_call(&mut self.world, &name, || call.params.to_json().to_string());
        Ok(result)
    }
}

fn undecodable(error: ApiError, request_id: String, at: Option<DateTime<Utc>>) -> Response {
    Response {
        status: error.status,
        content_type: "text/plain",
        request_id,
        at,
        error_type: None,
        body: format!("{}: {}", error.code, error.message),
    }
}
