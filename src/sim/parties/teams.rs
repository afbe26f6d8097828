//! Workflows of Microsoft Teams: they accept first, and fail later where nobody sees it but their owner.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::request::{PartyRequest, PartyResponse};

/// A message as Teams stores it, bytes; what it stores is a sixth larger than what was sent (MicrosoftDocs/msteams-docs issue 11274).
const STORED_BYTES: usize = 28_672;

/// The workflows, and the channel that they post to.
#[derive(Clone, Debug)]
pub struct Teams {
    /// Path and query of the workflow, exactly as it was given out.
    pub target: String,
    /// Cards in the channel.
    pub shown: Vec<Value>,
    /// How long a run takes after its request was accepted.
    pub takes: TimeDelta,
    /// Runs that failed, as the flow's owner sees them in its history.
    pub failed_runs: Vec<String>,
    under_way: Vec<(DateTime<Utc>, Vec<u8>)>,
}

impl Default for Teams {
    fn default() -> Self {
        Self {
            target: "/workflows/ab%2Fcd/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=simulated-_0".into(),
            shown: Vec::new(),
            takes: TimeDelta::seconds(3),
            failed_runs: Vec::new(),
            under_way: Vec::new(),
        }
    }
}

pub(super) fn is_workflow(host: &str) -> bool {
    [".logic.azure.com", ".api.powerplatform.com"]
        .iter()
        .any(|suffix| host.ends_with(suffix))
}

impl Teams {
    pub(super) fn answer(&mut self, request: &PartyRequest, now: DateTime<Utc>) -> PartyResponse {
        if request.method != "POST" {
            return PartyResponse::text(404, "");
        }
        if request.target != self.target {
            return PartyResponse::json(
                401,
                &serde_json::json!({"error": {"code": "DirectApiAuthorizationRequired", "message": "The request must be authenticated."}}),
            );
        }
        self.under_way
            .push((now + self.takes, request.body.clone()));
        PartyResponse::text(202, "")
    }

    pub(super) fn advance_to(&mut self, now: DateTime<Utc>) {
        let (done, left): (Vec<_>, Vec<_>) =
            self.under_way.drain(..).partition(|(at, _)| *at <= now);
        self.under_way = left;
        for (_, body) in done {
            match card(&body) {
                Ok(card) => self.shown.push(card),
                Err(why) => self.failed_runs.push(why),
            }
        }
    }
}

fn card(body: &[u8]) -> Result<Value, String> {
    let message: Value = serde_json::from_slice(body).map_err(|e| e.to_string())?;
    let Some(attachments) = message["attachments"].as_array() else {
        return Err("foreach: the provided value for 'attachments' is of type 'Null'".into());
    };
    let stored = body.len() * 7 / 6;
    if stored > STORED_BYTES {
        return Err(format!(
            "MessageSizeExceeded: {stored} bytes, max {STORED_BYTES}"
        ));
    }
    Ok(attachments
        .first()
        .map_or(Value::Null, |a| a["content"].clone()))
}
