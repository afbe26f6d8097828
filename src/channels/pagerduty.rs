//! PagerDuty: a maintenance window per window of ours, in which its services page nobody; found again by its description.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::exchange::{Line, Repeat, plainly};
use super::fault::{ChannelFault, FaultKind};
use super::outside::{Answer, Ask};
use super::receipt::{Done, Receipt};
use crate::notices::render::pagerduty;
use crate::notices::{Notice, NoticeEvent};

/// Windows of the list, the most that it gives at once.
const LIMIT: usize = 100;

/// The services that a notice is about.
#[derive(Clone, Copy)]
pub(super) struct OnServices<'a> {
    pub(super) line: Line<'a>,
    pub(super) from: &'a str,
    pub(super) services: &'a [String],
}

/// A window that is there and not over.
struct Found {
    id: String,
    start: Option<DateTime<Utc>>,
    end: Option<DateTime<Utc>>,
}

impl OnServices<'_> {
    pub(super) async fn tell(&self, notice: &Notice) -> Result<Receipt, ChannelFault> {
        if !notice.event.concerns_the_window() {
            let why = "the services are silent for the whole window";
            return Ok(self.line.receipt_saying(Done::NotNeeded, why));
        }
        let planned = notice.times.planned;
        let found = self.find(notice).await?;
        match (notice.event, found) {
            (NoticeEvent::Scheduled | NoticeEvent::Moved | NoticeEvent::Begun, None) => {
                self.create(notice).await.map(|(receipt, _)| receipt)
            }
            (NoticeEvent::Scheduled | NoticeEvent::Moved | NoticeEvent::Begun, Some(found)) => {
                let is_running = found.start.is_some_and(|at| at <= self.line.outside.now());
                let begins = is_running
                    || found.start == Some(planned.start) && notice.event != NoticeEvent::Begun;
                if begins && found.end == Some(planned.end) {
                    return Ok(self
                        .line
                        .receipt_saying(Done::AlreadyThere, format!("window {}", found.id)));
                }
                let body = pagerduty::create(notice, self.services);
                let answer = self
                    .ask(
                        "PUT",
                        &format!("/{}", found.id),
                        Some(&body),
                        Repeat::Freely,
                    )
                    .await?;
                Ok(self.receipt(Done::Changed, &answer, &found.id))
            }
            (_, None) => Ok(self.line.receipt_saying(
                Done::NotNeeded,
                "there is no window of ours that is not over",
            )),
            // The same call removes a window that is to come, and ends one that runs.
            (NoticeEvent::Ended, Some(found)) => self.remove(&found.id, Done::Ended).await,
            (_, Some(found)) => self.remove(&found.id, Done::Removed).await,
        }
    }

    /// Makes one a week ahead, and removes it.
    pub(super) async fn try_out(&self, notice: &Notice) -> Result<Receipt, ChannelFault> {
        let (made, id) = self.create(notice).await?;
        let removed = self.remove(&id, Done::Removed).await?;
        Ok(Receipt {
            said: format!("made: {}; removed: {}", made.said, removed.said),
            ..removed
        })
    }

    fn receipt(&self, done: Done, answer: &Answer, id: &str) -> Receipt {
        self.line
            .receipt_saying(done, format!("HTTP {}, window {id}", answer.status))
    }

    async fn find(&self, notice: &Notice) -> Result<Option<Found>, ChannelFault> {
        let mark = pagerduty::mark(notice);
        let query: String = form_urlencoded::byte_serialize(mark.as_bytes()).collect();
        for filter in ["ongoing", "future"] {
            let path = format!("?filter={filter}&limit={LIMIT}&query={query}");
            let answer = self.ask("GET", &path, None, Repeat::Freely).await?;
            let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
            let windows = body["maintenance_windows"].as_array();
            let windows = windows.ok_or_else(|| self.line.odd(&answer, "a list of windows"))?;
            let ours = windows.iter().find(|w| {
                w["description"]
                    .as_str()
                    .is_some_and(|d| d.starts_with(&mark))
            });
            if let Some(window) = ours {
                let time = |field: &str| window[field].as_str().and_then(|t| t.parse().ok());
                let id = self.line.id(&answer, window, "the id of a window")?;
                return Ok(Some(Found {
                    id,
                    start: time("start_time"),
                    end: time("end_time"),
                }));
            }
        }
        Ok(None)
    }

    async fn create(&self, notice: &Notice) -> Result<(Receipt, String), ChannelFault> {
        let body = pagerduty::create(notice, self.services);
        let mut made = self.ask("POST", "", Some(&body), Repeat::IfRefused).await;
        if made.as_ref().is_err_and(|f| f.class == FaultKind::Unknown) {
            if let Some(found) = self.find(notice).await? {
                let said = format!("window {}, found after a lost answer", found.id);
                return Ok((self.line.receipt_saying(Done::Made, said), found.id));
            }
            made = self.ask("POST", "", Some(&body), Repeat::IfRefused).await;
        }
        let answer = made?;
        let said: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let id = self
            .line
            .id(&answer, &said["maintenance_window"], "the id of a window")?;
        Ok((self.receipt(Done::Made, &answer, &id), id))
    }

    async fn remove(&self, id: &str, done: Done) -> Result<Receipt, ChannelFault> {
        match self
            .ask("DELETE", &format!("/{id}"), None, Repeat::Freely)
            .await
        {
            Ok(answer) => Ok(self.receipt(done, &answer, id)),
            // Gone, or over already.
            Err(fault) if ["HTTP 404", "HTTP 405"].contains(&fault.word.as_str()) => {
                Ok(self.line.receipt_saying(done, fault.what))
            }
            Err(fault) => Err(fault),
        }
    }

    async fn ask(
        &self,
        method: &'static str,
        path: &str,
        body: Option<&Value>,
        repeat: Repeat,
    ) -> Result<Answer, ChannelFault> {
        // The service has one host for each part of the world.
        let named = self
            .line
            .common
            .hosts
            .iter()
            .find(|host| !host.starts_with('*'));
        let host = named.map_or("api.pagerduty.com", String::as_str);
        let ask = || Ask {
            method,
            url: format!("https://{host}/maintenance_windows{path}"),
            headers: vec![
                ("content-type", "application/json".into()),
                ("accept", "application/vnd.pagerduty+json;version=2".into()),
                (
                    "authorization",
                    format!("Token token={}", self.line.common.secret.expose()),
                ),
                ("from", self.from.to_owned()),
            ],
            body: body.map(Value::to_string),
        };
        self.line.exchange(repeat, ask, plainly).await
    }
}
