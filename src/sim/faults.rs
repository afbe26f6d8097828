//! Injected faults on the wire: which calls fail, how, and how often.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::wire::{ApiError, Call};

/// The fault of a call that a rule picks.
#[derive(Clone, Debug, PartialEq)]
pub enum InjectedFault {
    /// Answered with an error; no effect.
    Error(ApiError),
    /// The connection breaks before the service saw the call; no effect.
    NeverArrived,
    /// The call takes effect, then the connection breaks: the caller cannot know.
    ReplyLost,
    /// The call takes effect, then an error is answered.
    EffectThenError(ApiError),
    /// No answer ever comes; no effect.
    Hang,
    /// The call takes effect, and no answer ever comes.
    EffectThenHang,
    /// The answer comes late.
    Slow(Duration),
    /// A read answers from the world as it was before the last change.
    StaleRead,
}

/// A rule that picks calls.
#[derive(Clone, Debug)]
pub struct FaultRule {
    /// `service:Operation`, or `None` for every call.
    pub operation: Option<String>,
    /// Let this many matching calls pass first.
    pub skip: u64,
    /// Then pick at most this many.
    pub times: u64,
    /// Only calls from this time on.
    pub from: Option<DateTime<Utc>>,
    /// Only calls before this time.
    pub until: Option<DateTime<Utc>>,
    /// Of those, each with this probability (0 to 1).
    pub probability: f64,
    /// The kind of fault.
    pub fault: InjectedFault,
}

impl FaultRule {
    /// Picks the next `times` calls of `operation` after the first `skip`.
    pub fn at(operation: &str, skip: u64, times: u64, fault: InjectedFault) -> Self {
        Self {
            operation: Some(operation.to_owned()),
            skip,
            times,
            from: None,
            until: None,
            probability: 1.0,
            fault,
        }
    }

    /// Picks all calls of `operation` from one time until another; `None`: for good.
    pub fn during(
        operation: &str,
        from: DateTime<Utc>,
        until: Option<DateTime<Utc>>,
        fault: InjectedFault,
    ) -> Self {
        Self {
            from: Some(from),
            until,
            ..Self::at(operation, 0, u64::MAX, fault)
        }
    }

    fn is_in_force(&self, now: DateTime<Utc>) -> bool {
        self.times > 0
            && self.from.is_none_or(|from| from <= now)
            && self.until.is_none_or(|until| now < until)
    }
}

/// The rules in force. The first that picks a call decides.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    rules: Vec<FaultRule>,
}

impl Faults {
    /// Adds a rule behind those there are.
    pub fn add(&mut self, rule: FaultRule) {
        self.rules.push(rule);
    }

    /// Adds a rule before those there are: it sees every call.
    pub fn add_first(&mut self, rule: FaultRule) {
        self.rules.insert(0, rule);
    }

    /// Takes all rules away.
    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// Whether any rule could ask for a stale read.
    pub fn want_history(&self) -> bool {
        self.rules
            .iter()
            .any(|r| r.fault == InjectedFault::StaleRead)
    }

    /// The fault for this call, if a rule picks it.
    pub fn pick(
        &mut self,
        call: &Call,
        now: DateTime<Utc>,
        rng: &mut fastrand::Rng,
    ) -> Option<InjectedFault> {
        let name = format!("{}:{}", call.service.name(), call.operation);
        for rule in &mut self.rules {
            if !rule.is_in_force(now) || rule.operation.as_ref().is_some_and(|o| *o != name) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            if rule.probability < 1.0 && rng.f64() >= rule.probability {
                continue;
            }
            rule.times -= 1;
            return Some(rule.fault.clone());
        }
        None
    }
}
