//! One request with its repetitions, as far as they do no harm.

use std::time::Duration;

use serde_json::Value;

use super::channel::Common;
use super::fault::{ChannelFault, FaultKind, Judged, by_status};
use super::outside::{Answer, Ask, Outside, Unanswered};
use super::receipt::{Done, Receipt};
use crate::secret::Secret;
use crate::text::{plain_text, shortened};

/// Attempts at a request that the service wants later: with its waits, about a minute.
const SLOW_ATTEMPTS: u32 = 4;
/// Attempts at a request that failed for the service's own trouble: once more.
const ATTEMPTS: u32 = 2;
/// The wait before the second attempt, if the service names none; doubled with each.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Longer waits are left to the next notice.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Characters of a service's answer that are shown.
const SAID_CHARS: usize = 300;

/// Characters around a word in an answer that has nothing else.
const BESIDE_WORD: usize = 30;

/// Whether a request may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// In any case: it reads, or twice is once.
    Freely,
    /// Only after the service refused it, or was never reached.
    IfRefused,
}

/// A channel's way to its service.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) outside: &'a Outside,
    pub(super) common: &'a Common,
}

impl Line<'_> {
    /// Sends what `make` makes until the service took it, or it is known that it will not. `judge` says what is wrong with an answer;
    /// none: nothing.
    pub(super) async fn exchange(
        &self,
        repeat: Repeat,
        make: impl Fn() -> Ask,
        judge: impl Fn(&Answer) -> Option<Judged>,
    ) -> Result<Answer, ChannelFault> {
        let mut attempt = 1;
        loop {
            let (fault, attempts) = match self.once(&make(), &judge).await {
                Ok(answer) => return Ok(answer),
                Err(fault) => {
                    let attempts = match (fault.class, repeat) {
                        (FaultKind::SlowDown, _) => SLOW_ATTEMPTS,
                        (FaultKind::Again, _) | (FaultKind::Unknown, Repeat::Freely) => ATTEMPTS,
                        (FaultKind::Final, _) | (FaultKind::Unknown, Repeat::IfRefused) => 1,
                    };
                    (fault, attempts)
                }
            };
            let wait = fault
                .retry_after
                .unwrap_or(FIRST_WAIT * 2_u32.pow(attempt - 1));
            if attempt >= attempts || wait > LONGEST_WAIT {
                return Err(fault);
            }
            self.outside.clock.wait(wait).await;
            attempt += 1;
        }
    }

    async fn once(
        &self,
        ask: &Ask,
        judge: impl Fn(&Answer) -> Option<Judged>,
    ) -> Result<Answer, ChannelFault> {
        let answer = self
            .outside
            .ask(ask, &self.common.hosts, &self.secrets())
            .await;
        let answer = answer.map_err(|why| self.unanswered(why))?;
        let judged = match answer.status {
            300..=399 => by_status(answer.status),
            _ => judge(&answer),
        };
        match judged {
            None => Ok(answer),
            Some(judged) => Err(self.refused(&answer, judged)),
        }
    }

    fn secrets(&self) -> Vec<&Secret> {
        self.common.secrets().collect()
    }

    fn fault(
        &self,
        class: FaultKind,
        word: &str,
        what: String,
        remedy: &'static str,
    ) -> ChannelFault {
        ChannelFault {
            channel: self.common.name.clone(),
            kind: self.common.kind,
            class,
            word: word.to_owned(),
            what,
            remedy,
            retry_after: None,
        }
    }

    fn refused(&self, answer: &Answer, judged: Judged) -> ChannelFault {
        let said = self.said(answer);
        // `{"ok":false,"error":"WORD"}` says no more than its word.
        let is_word = said.contains(&judged.word) && said.len() < judged.word.len() + BESIDE_WORD;
        let what = match said.is_empty() || is_word {
            true => "the service did not take it".to_owned(),
            false => format!("the service did not take it: {said}"),
        };
        let fault = self.fault(
            judged.class,
            &self.hidden(&judged.word),
            what,
            judged.remedy,
        );
        ChannelFault {
            retry_after: answer.retry_after,
            ..fault
        }
    }

    fn unanswered(&self, why: Unanswered) -> ChannelFault {
        match why {
            Unanswered::Address(error) => self.fault(
                FaultKind::Final,
                "address",
                format!("its address may not be asked: {error}"),
                "Store the address that the service gave out in the channel's secret parameter, or name its host in `hosts`",
            ),
            Unanswered::NeverConnected(words) => self.fault(
                FaultKind::Again,
                "unreachable",
                format!("no connection could be made: {words}"),
                "Look at the network, at a proxy (HTTPS_PROXY) between, and at the service's status page",
            ),
            Unanswered::Lost(words) => self.fault(
                FaultKind::Unknown,
                "no answer",
                format!("the answer was lost, and it may have been taken: {words}"),
                "Look at the service whether the notice arrived; it is not sent again by itself",
            ),
        }
    }

    /// The id of something in an answer, `what` for people: letters and digits, as it becomes part of an address.
    pub(super) fn id(
        &self,
        answer: &Answer,
        thing: &Value,
        what: &str,
    ) -> Result<String, ChannelFault> {
        let id = thing["id"].as_str();
        let id = id.filter(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric()));
        id.map(ToOwned::to_owned)
            .ok_or_else(|| self.odd(answer, what))
    }

    /// An answer that makes no sense although the service took the request.
    pub(super) fn odd(&self, answer: &Answer, expected: &str) -> ChannelFault {
        let what = format!(
            "expected {expected} in its answer, found: {}",
            self.said(answer)
        );
        self.fault(
            FaultKind::Unknown,
            "odd answer",
            what,
            "Look at the service whether the notice arrived",
        )
    }

    fn hidden(&self, text: &str) -> String {
        let text = self
            .secrets()
            .iter()
            .fold(text.to_owned(), |text, secret| secret.hidden_in(&text));
        shortened(&plain_text(&text), SAID_CHARS)
    }

    /// The service's own words, without secrets.
    pub(super) fn said(&self, answer: &Answer) -> String {
        match answer.body.trim().is_empty() {
            true => format!("HTTP {}", answer.status),
            false => self.hidden(&answer.body),
        }
    }

    /// The receipt of an answer.
    pub(super) fn receipt(&self, done: Done, answer: &Answer) -> Receipt {
        self.receipt_saying(done, self.said(answer))
    }

    /// A receipt without an answer.
    pub(super) fn receipt_saying(&self, done: Done, said: impl Into<String>) -> Receipt {
        Receipt {
            channel: self.common.name.clone(),
            kind: self.common.kind,
            done,
            said: said.into(),
            warnings: Vec::new(),
        }
    }
}

/// The judgement of services whose words say no more than their status.
pub(super) fn plainly(answer: &Answer) -> Option<Judged> {
    by_status(answer.status)
}
