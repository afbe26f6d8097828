//! Pingdom: maintenance windows (its OpenAPI 3.1).

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::request::{PartyRequest, PartyResponse};

/// The call that ends a running window: which one does is not confirmed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EndsBy {
    /// A change of the window.
    #[default]
    Window,
    /// A change of its occurrence.
    Occurrence,
}

/// The service.
#[derive(Clone, Debug)]
pub struct Pingdom {
    /// Uptime checks that there are.
    pub checks: BTreeSet<u64>,
    /// Windows.
    pub windows: Vec<Maintenance>,
    /// The call that ends a running one.
    pub ends_by: EndsBy,
    /// Whether it takes ids as text only.
    pub wants_text: bool,
    /// Tokens that are not good (any more).
    pub revoked: BTreeSet<String>,
    made: u64,
}

/// A maintenance window, during which nobody is paged for its checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maintenance {
    /// Its id; that of its one occurrence is ten thousand more.
    pub id: u64,
    /// Its description.
    pub description: String,
    /// Its begin, UNIX seconds.
    pub from: i64,
    /// Its end, UNIX seconds.
    pub to: i64,
    /// Its checks.
    pub checks: BTreeSet<u64>,
}

impl Default for Pingdom {
    fn default() -> Self {
        Self {
            checks: [101, 102].into(),
            windows: Vec::new(),
            ends_by: EndsBy::default(),
            wants_text: false,
            revoked: BTreeSet::new(),
            made: 0,
        }
    }
}

const OCCURRENCE: u64 = 10_000;

fn error(status: u16, message: &str) -> PartyResponse {
    PartyResponse::json(
        status,
        &json!({"error": {"statuscode": status, "statusdesc": "Refused", "errormessage": message}}),
    )
}

impl Maintenance {
    /// Whether its checks are silent at this time.
    pub fn is_running(&self, now: DateTime<Utc>) -> bool {
        (self.from..self.to).contains(&now.timestamp())
    }

    fn shown(&self) -> Value {
        json!({
            "id": self.id, "description": self.description, "from": self.from, "to": self.to, "effectiveto": self.to,
            "recurrencetype": "none", "repeatevery": 0, "checks": {"uptime": self.checks, "tms": []},
        })
    }
}

impl Pingdom {
    pub(super) fn answer(&mut self, request: &PartyRequest, now: DateTime<Utc>) -> PartyResponse {
        let token = request
            .header("authorization")
            .and_then(|a| a.strip_prefix("Bearer "));
        if token.is_none_or(|t| t.is_empty() || self.revoked.contains(t)) {
            return error(401, "Invalid access token");
        }
        let path: Vec<&str> = request.path().trim_matches('/').split('/').collect();
        let body = request.json().unwrap_or_default();
        let id = |text: &&str| text.parse::<u64>().unwrap_or_default();
        let answer = match (request.method.as_str(), path.as_slice()) {
            ("GET", ["api", "3.1", "maintenance"]) => Ok(self.list(request)),
            ("POST", ["api", "3.1", "maintenance"]) => self.create(&body, now),
            ("PUT", ["api", "3.1", "maintenance", window]) => self.change(id(window), &body, now),
            ("DELETE", ["api", "3.1", "maintenance", window]) => self.delete(id(window), now),
            ("GET", ["api", "3.1", "maintenance.occurrences"]) => Ok(self.occurrences(request)),
            ("PUT", ["api", "3.1", "maintenance.occurrences", it]) => {
                self.change_occurrence(id(it), &body, now)
            }
            _ => Err(error(404, "No such resource")),
        };
        answer
            .unwrap_or_else(|refusal| refusal)
            .with("req-limit-short", "Remaining: 394 Time until reset: 3589")
    }

    fn list(&self, request: &PartyRequest) -> PartyResponse {
        let query = request.query();
        let number = |name: &str, default: usize| {
            query
                .get(name)
                .and_then(|v| v.parse().ok())
                .unwrap_or(default)
        };
        let mut windows: Vec<&Maintenance> = self.windows.iter().collect();
        windows.sort_by_key(|w| std::cmp::Reverse(w.from));
        let page = windows
            .into_iter()
            .skip(number("offset", 0))
            .take(number("limit", 100));
        PartyResponse::json(
            200,
            &json!({"maintenance": page.map(Maintenance::shown).collect::<Vec<Value>>()}),
        )
    }

    fn checks_of(&self, body: &Value) -> Result<BTreeSet<u64>, PartyResponse> {
        let ids: Option<BTreeSet<u64>> = match (&body["uptimeids"], self.wants_text) {
            (Value::Array(ids), false) => ids.iter().map(Value::as_u64).collect(),
            (Value::String(ids), true) => ids.split(',').map(|id| id.parse().ok()).collect(),
            _ => None,
        };
        let ids = ids.ok_or_else(|| error(400, "Invalid parameter value: uptimeids"))?;
        match ids.iter().find(|id| !self.checks.contains(id)) {
            Some(id) => Err(error(403, &format!("Invalid check identifier: {id}"))),
            None => Ok(ids),
        }
    }

    fn create(&mut self, body: &Value, now: DateTime<Utc>) -> Result<PartyResponse, PartyResponse> {
        let description = body["description"].as_str().filter(|d| !d.is_empty());
        let description =
            description.ok_or_else(|| error(400, "Missing parameter: description"))?;
        let from = time(&body["from"], now).ok_or_else(|| error(400, "Missing parameter: from"))?;
        let to = time(&body["to"], now).ok_or_else(|| error(400, "Missing parameter: to"))?;
        if from < now.timestamp() || to <= from {
            return Err(error(
                400,
                "Invalid parameter value: from must be in the future and before to",
            ));
        }
        let checks = self.checks_of(body)?;
        self.made += 1;
        let id = 700 + self.made;
        self.windows.push(Maintenance {
            id,
            description: description.to_owned(),
            from,
            to,
            checks,
        });
        Ok(PartyResponse::json(
            200,
            &json!({"maintenance": {"id": id}}),
        ))
    }

    fn change(
        &mut self,
        id: u64,
        body: &Value,
        now: DateTime<Utc>,
    ) -> Result<PartyResponse, PartyResponse> {
        let ends_by = self.ends_by;
        let window = self.find(id)?;
        if window.to <= now.timestamp() {
            return Err(error(400, "The maintenance window has ended"));
        }
        if window.is_running(now) && ends_by == EndsBy::Occurrence {
            return Err(error(400, "A window that has begun cannot be changed"));
        }
        apply(window, body, now);
        Ok(PartyResponse::json(
            200,
            &json!({"message": "Maintenance window successfully modified!"}),
        ))
    }

    fn change_occurrence(
        &mut self,
        id: u64,
        body: &Value,
        now: DateTime<Utc>,
    ) -> Result<PartyResponse, PartyResponse> {
        let window = self.find(id.wrapping_sub(OCCURRENCE))?;
        apply(window, body, now);
        Ok(PartyResponse::json(
            200,
            &json!({"message": "Occurrence successfully modified!"}),
        ))
    }

    fn delete(&mut self, id: u64, now: DateTime<Utc>) -> Result<PartyResponse, PartyResponse> {
        if self.find(id)?.from <= now.timestamp() {
            return Err(error(400, "Only future windows can be deleted"));
        }
        self.windows.retain(|w| w.id != id);
        Ok(PartyResponse::json(
            200,
            &json!({"message": "Maintenance window successfully deleted!"}),
        ))
    }

    fn occurrences(&self, request: &PartyRequest) -> PartyResponse {
        let query = request.query();
        let of = query
            .get("maintenanceid")
            .and_then(|id| id.parse::<u64>().ok());
        let found = self
            .windows
            .iter()
            .filter(|w| of.is_none_or(|id| id == w.id));
        let shown = found.map(
            |w| json!({"id": w.id + OCCURRENCE, "maintenanceid": w.id, "from": w.from, "to": w.to}),
        );
        PartyResponse::json(200, &json!({"occurrences": shown.collect::<Vec<Value>>()}))
    }

    fn find(&mut self, id: u64) -> Result<&mut Maintenance, PartyResponse> {
        let found = self.windows.iter_mut().find(|w| w.id == id);
        found.ok_or_else(|| error(404, "No such maintenance window"))
    }
}

/// `1` is now.
fn time(value: &Value, now: DateTime<Utc>) -> Option<i64> {
    value
        .as_i64()
        .map(|at| if at == 1 { now.timestamp() } else { at })
}

fn apply(window: &mut Maintenance, body: &Value, now: DateTime<Utc>) {
    if let Some(from) = time(&body["from"], now) {
        window.from = from;
    }
    if let Some(to) = time(&body["to"], now) {
        window.to = to;
    }
}
