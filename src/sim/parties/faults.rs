//! Injected faults at third parties.

use super::request::PartyResponse;

/// The fault of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartyFault {
    /// No connection; no effect.
    NeverConnected,
    /// It takes effect, then the connection breaks.
    ReplyLost,
    /// No answer ever comes; no effect.
    Hang,
    /// Another answer; no effect.
    Answer(PartyResponse),
    /// It takes effect, then another answer comes.
    EffectThenAnswer(PartyResponse),
}

/// A rule that picks requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartyFaultRule {
    /// A part of `POST slack.com/api/chat.postMessage`.
    pub of: String,
    /// Let this many matching requests pass first.
    pub skip: u64,
    /// Then pick at most this many.
    pub times: u64,
    /// The kind of fault.
    pub fault: PartyFault,
}

impl PartyFaultRule {
    /// Picks the next `times` requests that contain `of`.
    pub fn next(of: &str, times: u64, fault: PartyFault) -> Self {
        Self {
            of: of.to_owned(),
            skip: 0,
            times,
            fault,
        }
    }
}

pub(super) fn pick(rules: &mut [PartyFaultRule], request: &str) -> Option<PartyFault> {
    for rule in rules {
        if rule.times == 0 || !request.contains(&rule.of) {
            continue;
        }
        if rule.skip > 0 {
            rule.skip -= 1;
            continue;
        }
        rule.times -= 1;
        return Some(rule.fault.clone());
    }
    None
}
