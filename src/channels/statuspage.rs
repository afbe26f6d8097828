//! Atlassian Statuspage: a scheduled maintenance per window, found again by its metadata.

use serde_json::Value;

use super::exchange::{Line, Repeat, plainly};
use super::fault::{ChannelFault, FaultKind};
use super::outside::{Answer, Ask};
use super::receipt::{Done, Receipt};
use crate::notices::render::statuspage;
use crate::notices::{Notice, NoticeEvent};

const API: &str = "https://api.statuspage.io/v1";
/// Lists in which a maintenance that is not over yet stands.
const LISTS: [&str; 3] = ["upcoming", "active_maintenance", "unresolved"];
/// Entries of a page of a list, the most.
const PER_PAGE: usize = 100;
/// Pages that are read: more windows at once are none of ours.
const PAGES: usize = 10;

/// The page and its components that a notice is about.
#[derive(Clone, Copy)]
pub(super) struct OnPage<'a> {
    pub(super) line: Line<'a>,
    pub(super) page: &'a str,
    pub(super) components: &'a [String],
}

/// A maintenance that is there.
struct Found {
    id: String,
    is_scheduled: bool,
    has_times: bool,
}

impl OnPage<'_> {
    pub(super) async fn tell(&self, notice: &Notice) -> Result<Receipt, ChannelFault> {
        let words = &self.line.common.words;
        let components = self.components;
        // The page reminds its subscribers itself; a group's failure is no business of the public.
        if !notice.event.concerns_the_window() {
            let why = "the page shows such a notice by itself, or not at all";
            return Ok(self.line.receipt_saying(Done::NotNeeded, why));
        }
        let found = self.find(notice).await?;
        match (notice.event, found) {
            (NoticeEvent::Scheduled | NoticeEvent::Moved, None) => {
                self.create(notice).await.map(|(receipt, _)| receipt)
            }
            (NoticeEvent::Scheduled | NoticeEvent::Moved, Some(found)) if found.has_times => {
                Ok(self
                    .line
                    .receipt_saying(Done::AlreadyThere, format!("maintenance {}", found.id)))
            }
            (NoticeEvent::Scheduled | NoticeEvent::Moved, Some(found)) => {
                let body = match found.is_scheduled {
                    true => statuspage::moved(notice, words),
                    false => statuspage::overrun(notice, words),
                };
                self.change(&found.id, &body, Done::Changed).await
            }
            (NoticeEvent::Begun, found) => {
                let id = match found {
                    Some(found) => found.id,
                    None => self.create(notice).await?.1,
                };
                self.change(
                    &id,
                    &statuspage::in_progress(notice, words, components),
                    Done::Changed,
                )
                .await
            }
            (NoticeEvent::Ended, Some(found)) => {
                let done = if notice.has_open_group() {
                    Done::Changed
                } else {
                    Done::Ended
                };
                self.change(
                    &found.id,
                    &statuspage::over(notice, words, components),
                    done,
                )
                .await
            }
            (_, None) => Ok(self.line.receipt_saying(
                Done::NotNeeded,
                "the page has no maintenance of this window",
            )),
            (_, Some(found)) if found.is_scheduled => self.remove(&found.id).await,
            (_, Some(found)) => {
                self.change(
                    &found.id,
                    &statuspage::over(notice, words, components),
                    Done::Ended,
                )
                .await
            }
        }
    }

    /// Makes one a week ahead without notifications, and removes it.
    pub(super) async fn try_out(&self, notice: &Notice) -> Result<Receipt, ChannelFault> {
        let (made, id) = self.create(notice).await?;
        let removed = self.remove(&id).await?;
        Ok(Receipt {
            said: format!("made: {}; removed: {}", made.said, removed.said),
            ..removed
        })
    }

    async fn find(&self, notice: &Notice) -> Result<Option<Found>, ChannelFault> {
        let wanted = statuspage::metadata(notice);
        let created = statuspage::create(notice, &self.line.common.words, &[]);
        for list in LISTS {
            for page in 1..=PAGES {
                let path = format!("incidents/{list}?page={page}&per_page={PER_PAGE}");
                let answer = self.ask("GET", &path, None, Repeat::Freely).await?;
                let incidents: Vec<Value> = serde_json::from_str(&answer.body)
                    .map_err(|_| self.line.odd(&answer, "a list"))?;
                let ours = incidents
                    .iter()
                    .find(|i| i["metadata"]["asg_patch"] == wanted["asg_patch"]);
                if let Some(incident) = ours {
                    let same_time =
                        |field: &str| same_time(&incident[field], &created["incident"][field]);
                    return Ok(Some(Found {
                        id: self.line.id(&answer, incident, "the id of a maintenance")?,
                        is_scheduled: incident["status"] == "scheduled",
                        has_times: same_time("scheduled_for") && same_time("scheduled_until"),
                    }));
                }
                if incidents.len() < PER_PAGE {
                    break;
                }
            }
        }
        Ok(None)
    }

    /// Makes it. A lost answer is looked for before it is made again.
    async fn create(&self, notice: &Notice) -> Result<(Receipt, String), ChannelFault> {
        let body = statuspage::create(notice, &self.line.common.words, self.components);
        let mut made = self
            .ask("POST", "incidents", Some(&body), Repeat::IfRefused)
            .await;
        if made.as_ref().is_err_and(|f| f.class == FaultKind::Unknown) {
            if let Some(found) = self.find(notice).await? {
                let said = format!("maintenance {}, found after a lost answer", found.id);
                return Ok((self.line.receipt_saying(Done::Made, said), found.id));
            }
            made = self
                .ask("POST", "incidents", Some(&body), Repeat::IfRefused)
                .await;
        }
        let answer = made?;
        let incident: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let id = self
            .line
            .id(&answer, &incident, "the id of a maintenance")?;
        let receipt = self.line.receipt_saying(
            Done::Made,
            format!("HTTP {}, maintenance {id}", answer.status),
        );
        Ok((receipt, id))
    }

    async fn change(&self, id: &str, body: &Value, done: Done) -> Result<Receipt, ChannelFault> {
        let path = format!("incidents/{id}");
        let mut changed = self
            .ask("PATCH", &path, Some(body), Repeat::IfRefused)
            .await;
        // A change twice is two messages to all subscribers.
        if changed
            .as_ref()
            .is_err_and(|f| f.class == FaultKind::Unknown)
        {
            let answer = self.ask("GET", &path, None, Repeat::Freely).await?;
            let incident: Value = serde_json::from_str(&answer.body).unwrap_or_default();
            changed = match is_applied(&incident, &body["incident"]) {
                true => Ok(answer),
                false => {
                    self.ask("PATCH", &path, Some(body), Repeat::IfRefused)
                        .await
                }
            };
        }
        let answer = changed?;
        let incident: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let status = incident["status"].as_str().unwrap_or("no status");
        Ok(self.line.receipt_saying(
            done,
            format!(
                "HTTP {}, maintenance {id}: {}",
                answer.status,
                crate::text::shortened(status, 40)
            ),
        ))
    }

    async fn remove(&self, id: &str) -> Result<Receipt, ChannelFault> {
        match self
            .ask("DELETE", &format!("incidents/{id}"), None, Repeat::Freely)
            .await
        {
            Ok(answer) => {
                let said = format!("HTTP {}, maintenance {id}", answer.status);
                Ok(self.line.receipt_saying(Done::Removed, said))
            }
            // Gone is gone.
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
            url: format!("{API}/pages/{}/{path}", self.page),
            headers: vec![
                ("content-type", "application/json".into()),
                (
                    "authorization",
                    format!("OAuth {}", self.line.common.secret.expose()),
                ),
            ],
            body: body.map(Value::to_string),
        };
        self.line.exchange(repeat, ask, plainly).await
    }
}

/// Whether a maintenance is as a change wanted it.
fn is_applied(incident: &Value, change: &Value) -> bool {
    let is_status = change
        .get("status")
        .is_none_or(|status| *status == incident["status"]);
    let is_time = |field: &str| {
        change
            .get(field)
            .is_none_or(|at| same_time(at, &incident[field]))
    };
    is_status && is_time("scheduled_for") && is_time("scheduled_until")
}

fn same_time(a: &Value, b: &Value) -> bool {
    let time = |v: &Value| {
        v.as_str()
            .and_then(|t| t.parse::<chrono::DateTime<chrono::Utc>>().ok())
    };
    time(a).is_some() && time(a) == time(b)
}
