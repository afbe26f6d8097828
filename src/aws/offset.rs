//! AWS's clock against ours, from the `Date` of its answers.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::Clock;

/// An answer that takes longer than this says too little of when its `Date` was written.
const LONGEST_ANSWER: TimeDelta = TimeDelta::seconds(5);
/// `Date` has whole seconds, the rest cut off: on average half a second.
const CUT_OFF: TimeDelta = TimeDelta::milliseconds(500);

/// The last estimate of AWS's clock. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct AwsClock {
    ours: Clock,
    offset: Arc<Mutex<Option<TimeDelta>>>,
}

/// When a request was sent, by our clock.
#[derive(Debug)]
struct SentAt(DateTime<Utc>);

impl Storable for SentAt {
    type Storer = StoreReplace<Self>;
}

impl AwsClock {
    pub(super) fn new(ours: Clock) -> Self {
        Self {
            ours,
            offset: Arc::default(),
        }
    }

    pub(super) fn offset(&self) -> Option<TimeDelta> {
        *self.offset.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// AWS's time minus ours, in whole seconds, by an answer's `Date` and our times of asking and of its arrival.
fn offset(date: &str, sent_at: DateTime<Utc>, now: DateTime<Utc>) -> Option<TimeDelta> {
    let date = DateTime::parse_from_rfc2822(date).ok()?.to_utc();
    let took = now - sent_at;
    if took < TimeDelta::zero() || took > LONGEST_ANSWER {
        return None;
    }
    let ahead = date + CUT_OFF - (sent_at + took / 2);
    Some(TimeDelta::seconds((ahead.as_seconds_f64()).round() as i64))
}

#[dyn_dispatch_hint]
impl Intercept for AwsClock {
    fn name(&self) -> &'static str {
        "AwsClock"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        cfg.interceptor_state().store_put(SentAt(self.ours.now()));
        Ok(())
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        if let (Some(date), Some(SentAt(sent_at))) = (date, cfg.load::<SentAt>())
            && let Some(found) = offset(date, *sent_at, self.ours.now())
        {
            *self.offset.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::canned::{self, Canned, Reply};
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_date_is_compared_with_the_middle_of_its_call() {
        let sent = at("2026-10-14T04:00:00.200Z");
        let rows = [
            ("Wed, 14 Oct 2026 04:00:00 GMT", 0, Some(0)),
            ("Wed, 14 Oct 2026 04:00:02 GMT", 4_000, Some(0)),
            ("Wed, 14 Oct 2026 04:00:20 GMT", 100, Some(20)),
            ("Wed, 14 Oct 2026 03:58:00 GMT", 100, Some(-120)),
            ("Wed, 14 Oct 2026 04:00:20 GMT", 30_000, None),
            ("Wed, 14 Oct 2026 04:00:20 GMT", -1, None),
            ("2026-10-14T04:00:20Z", 0, None),
        ];
        for (date, milliseconds, expected) in rows {
            let found = offset(date, sent, sent + TimeDelta::milliseconds(milliseconds));
            assert_eq!(
                found.map(|o| o.num_seconds()),
                expected,
                "{date} {milliseconds}"
            );
        }
    }

    #[tokio::test]
    async fn every_answer_tells_the_time_and_one_without_a_date_changes_nothing() {
        let clock = Clock::simulated(at("2026-10-14T04:00:00Z"), 1);
        let canned = Canned::new(|call| {
            let reply = Reply::ok("{}");
            match call.count {
                1 => reply,
                2 => reply.with_header("date", "Wed, 14 Oct 2026 04:05:00 GMT"),
                _ => reply.with_header("date", "yesterday"),
            }
        });
        let clients = canned::clients(&canned, clock);
        let mut found = Vec::new();
        for _ in 0..3 {
            let answer = clients.ssm.get_parameters().names("n").send().await;
            assert!(answer.is_ok(), "{answer:?}");
            found.push(clients.clock_offset().map(|o| o.num_minutes()));
        }
        assert_eq!(found, [None, Some(5), Some(5)]);
    }
}
