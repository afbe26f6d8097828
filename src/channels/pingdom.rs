//! Pingdom: a maintenance window per window of ours, during which its checks page nobody; found again by its description.

use serde_json::Value;

use super::exchange::{Line, Repeat, plainly};
use super::fault::{ChannelFault, FaultKind};
use super::outside::{Answer, Ask};
use super::receipt::{Done, Receipt};
use crate::notices::render::pingdom;
use crate::notices::{Notice, NoticeEvent};

const API: &str = "https://api.pingdom.com/api/3.1";
/// Windows of a page of the list.
const PER_PAGE: usize = 100;
/// Pages that are read, the latest windows first.
const PAGES: usize = 10;

/// The checks that a notice is about.
#[derive(Clone, Copy)]
pub(super) struct OnChecks<'a> {
    pub(super) line: Line<'a>,
    pub(super) checks: &'a [u64],
}

/// A window that is there and not over.
#[derive(Clone, Copy)]
struct Found {
    id: u64,
    from: i64,
    to: i64,
}

impl OnChecks<'_> {
    pub(super) async fn tell(&self, notice: &Notice) -> Result<Receipt, ChannelFault> {
        let planned = notice.times.planned;
        let (from, to) = (planned.start.timestamp(), planned.end.timestamp());
        if !notice.event.concerns_the_window() {
            let why = "the checks are silent for the whole window";
            return Ok(self.line.receipt_saying(Done::NotNeeded, why));
        }
        let found = self.find(notice).await?;
        match (notice.event, found) {
            (NoticeEvent::Scheduled | NoticeEvent::Moved | NoticeEvent::Begun, None) => {
                self.create(notice).await.map(|(receipt, _)| receipt)
            }
            (NoticeEvent::Begun, Some(found)) if self.is_running(found) => Ok(self.there(found)),
            // It began early: silence first.
            (NoticeEvent::Begun, Some(found)) => {
                self.change(
                    found.id,
                    &pingdom::moved(Some(pingdom::NOW), found.to),
                    Done::Changed,
                )
                .await
            }
            (NoticeEvent::Scheduled | NoticeEvent::Moved, Some(found))
                if (found.from, found.to) == (from, to) =>
            {
                Ok(self.there(found))
            }
            (NoticeEvent::Scheduled | NoticeEvent::Moved, Some(found)) => {
                let from = (!self.is_running(found)).then_some(from);
                self.change(found.id, &pingdom::moved(from, to), Done::Changed)
                    .await
            }
            (_, None) => Ok(self.line.receipt_saying(
                Done::NotNeeded,
                "there is no window of ours that is not over",
            )),
            (_, Some(found)) if self.is_running(found) => self.end(found.id).await,
            (_, Some(found)) => self.remove(found.id).await,
        }
    }

    /// Makes one a week ahead, and removes it.
    pub(super) async fn try_out(&self, notice: &Notice) -> Result<Receipt, ChannelFault> {
        let (made, id) = self.create(notice).await?;
        let removed = self.remove(id).await?;
        Ok(Receipt {
            said: format!("made: {}; removed: {}", made.said, removed.said),
            ..removed
        })
    }

    fn is_running(&self, found: Found) -> bool {
        found.from <= self.line.outside.now().timestamp()
    }

    fn there(&self, found: Found) -> Receipt {
        self.line
            .receipt_saying(Done::AlreadyThere, format!("maintenance {}", found.id))
    }

    async fn find(&self, notice: &Notice) -> Result<Option<Found>, ChannelFault> {
        let mark = pingdom::mark(notice);
        let now = self.line.outside.now().timestamp();
        for page in 0..PAGES {
            let path = format!(
                "maintenance?limit={PER_PAGE}&offset={}&orderby=from&order=desc",
                page * PER_PAGE
            );
            let answer = self.ask("GET", &path, None, Repeat::Freely).await?;
            let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
            let windows = body["maintenance"]
                .as_array()
                .ok_or_else(|| self.line.odd(&answer, "a list of windows"))?;
            let ours = windows.iter().find_map(|w| {
                let found = Found {
                    id: w["id"].as_u64()?,
                    from: w["from"].as_i64()?,
                    to: w["to"].as_i64()?,
                };
                let is_ours = w["description"].as_str()?.starts_with(&mark);
                (is_ours && found.to > now).then_some(found)
            });
            if ours.is_some() || windows.len() < PER_PAGE {
                return Ok(ours);
            }
        }
        Ok(None)
    }

    async fn create(&self, notice: &Notice) -> Result<(Receipt, u64), ChannelFault> {
        let now = self.line.outside.now();
        let begins = notice.times.planned.start;
        let from = if begins <= now {
            pingdom::NOW
        } else {
            begins.timestamp()
        };
        let body = |as_text| pingdom::create(notice, from, self.checks, as_text);
        let mut made = self
            .ask("POST", "maintenance", Some(&body(false)), Repeat::IfRefused)
            .await;
        // The description and the prose of the reference differ on the form of ids.
        if made
            .as_ref()
            .is_err_and(|f| f.class == FaultKind::Final && f.what.contains("uptimeids"))
        {
            made = self
                .ask("POST", "maintenance", Some(&body(true)), Repeat::IfRefused)
                .await;
        }
        if made.as_ref().is_err_and(|f| f.class == FaultKind::Unknown) {
            if let Some(found) = self.find(notice).await? {
                let said = format!("maintenance {}, found after a lost answer", found.id);
                return Ok((self.line.receipt_saying(Done::Made, said), found.id));
            }
            made = self
                .ask("POST", "maintenance", Some(&body(false)), Repeat::IfRefused)
                .await;
        }
        let answer = made?;
        let said: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let id = said["maintenance"]["id"]
            .as_u64()
            .ok_or_else(|| self.line.odd(&answer, "the id of a window"))?;
        Ok((self.line.receipt(Done::Made, &answer), id))
    }

    /// Ends a running window: by itself, or where that is refused by its occurrence.
    async fn end(&self, id: u64) -> Result<Receipt, ChannelFault> {
        let refused = match self.change(id, &pingdom::over(), Done::Ended).await {
            Err(fault) if fault.class == FaultKind::Final => fault,
            ended => return ended,
        };
        let path = format!("maintenance.occurrences?maintenanceid={id}");
        let answer = self.ask("GET", &path, None, Repeat::Freely).await?;
        let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let Some(occurrence) = body["occurrences"][0]["id"].as_u64() else {
            return Err(refused);
        };
        let path = format!("maintenance.occurrences/{occurrence}");
        let answer = self
            .ask("PUT", &path, Some(&pingdom::over()), Repeat::Freely)
            .await?;
        Ok(self.line.receipt(Done::Ended, &answer))
    }

    async fn change(&self, id: u64, body: &Value, done: Done) -> Result<Receipt, ChannelFault> {
        let answer = self
            .ask(
                "PUT",
                &format!("maintenance/{id}"),
                Some(body),
                Repeat::Freely,
            )
            .await?;
        Ok(self.line.receipt(done, &answer))
    }

    async fn remove(&self, id: u64) -> Result<Receipt, ChannelFault> {
        match self
            .ask("DELETE", &format!("maintenance/{id}"), None, Repeat::Freely)
            .await
        {
            Ok(answer) => Ok(self.line.receipt(Done::Removed, &answer)),
            Err(fault) if fault.word == "HTTP 404" => {
                Ok(self.line.receipt_saying(Done::Removed, fault.what))
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
        let ask = || Ask {
            method,
            url: format!("{API}/{path}"),
            headers: vec![
                ("content-type", "application/json".into()),
                (
                    "authorization",
                    format!("Bearer {}", self.line.common.secret.expose()),
                ),
            ],
            body: body.map(Value::to_string),
        };
        self.line.exchange(repeat, ask, plainly).await
    }
}
