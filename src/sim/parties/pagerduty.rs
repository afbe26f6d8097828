//! PagerDuty: maintenance windows (PagerDuty/api-schema, REST).

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::request::{PartyRequest, PartyResponse};

/// The service.
#[derive(Clone, Debug)]
pub struct PagerDuty {
    /// Services that there are.
    pub services: BTreeSet<String>,
    /// Windows.
    pub windows: Vec<ServiceWindow>,
    made: u64,
}

/// A maintenance window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceWindow {
    /// Its id.
    pub id: String,
    /// Its description.
    pub description: String,
    /// Its begin.
    pub start: DateTime<Utc>,
    /// Its end.
    pub end: DateTime<Utc>,
    /// Its services.
    pub services: BTreeSet<String>,
}

impl Default for PagerDuty {
    fn default() -> Self {
        Self {
            services: ["PSIMUL1".to_owned()].into(),
            windows: Vec::new(),
            made: 0,
        }
    }
}

fn error(status: u16, code: u32, message: &str) -> PartyResponse {
    PartyResponse::json(
        status,
        &json!({"error": {"code": code, "message": message, "errors": []}}),
    )
}

impl ServiceWindow {
    fn shown(&self) -> Value {
        let services = self
            .services
            .iter()
            .map(|id| json!({"id": id, "type": "service_reference"}));
        json!({
            "id": self.id, "type": "maintenance_window", "description": self.description, "start_time": self.start,
            "end_time": self.end, "services": services.collect::<Vec<Value>>(),
        })
    }
}

impl PagerDuty {
    pub(super) fn answer(&mut self, request: &PartyRequest, now: DateTime<Utc>) -> PartyResponse {
        let token = request
            .header("authorization")
            .and_then(|a| a.strip_prefix("Token token="));
        if token.is_none_or(str::is_empty) {
            return error(401, 2006, "You are not authorized");
        }
        let path: Vec<&str> = request.path().trim_matches('/').split('/').collect();
        let body = &request.json().unwrap_or_default()["maintenance_window"];
        match (request.method.as_str(), path.as_slice()) {
            ("GET", ["maintenance_windows"]) => self.list(request, now),
            ("POST", ["maintenance_windows"]) if request.header("from").is_none() => {
                error(400, 2001, "The From header is required")
            }
            ("POST", ["maintenance_windows"]) => self.create(body, now),
            ("PUT", ["maintenance_windows", id]) => self.change(id, body, now),
            ("DELETE", ["maintenance_windows", id]) => self.delete(id, now),
            _ => error(404, 2100, "Not Found"),
        }
    }

    fn list(&self, request: &PartyRequest, now: DateTime<Utc>) -> PartyResponse {
        let query = request.query();
        let filter = query.get("filter").map(String::as_str);
        let text = query.get("query").map_or("", String::as_str);
        let fits = |w: &&ServiceWindow| match filter {
            Some("future") => w.start > now,
            Some("ongoing") => w.start <= now && now < w.end,
            Some(_) | None => true,
        };
        let found = self
            .windows
            .iter()
            .filter(fits)
            .filter(|w| w.description.contains(text));
        let shown: Vec<Value> = found.map(ServiceWindow::shown).collect();
        PartyResponse::json(
            200,
            &json!({"maintenance_windows": shown, "more": false, "limit": 25, "offset": 0}),
        )
    }

    fn create(&mut self, body: &Value, now: DateTime<Utc>) -> PartyResponse {
        let time = |field: &str| {
            body[field]
                .as_str()
                .and_then(|t| t.parse::<DateTime<Utc>>().ok())
        };
        let (Some(start), Some(end)) = (time("start_time"), time("end_time")) else {
            return error(
                400,
                2001,
                "Invalid Input Provided: start_time and end_time are required",
            );
        };
        if end <= now {
            return error(
                400,
                2001,
                "Invalid Input Provided: End time must be in the future",
            );
        }
        let ids = body["services"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|s| s["id"].as_str());
        let services: BTreeSet<String> = ids.map(ToOwned::to_owned).collect();
        if services.is_empty() || !services.is_subset(&self.services) {
            return error(400, 2001, "Invalid Input Provided: Service not found");
        }
        self.made += 1;
        let window = ServiceWindow {
            id: format!("PW{:05}", self.made),
            description: body["description"].as_str().unwrap_or_default().to_owned(),
            start: start.max(now),
            end,
            services,
        };
        let shown = window.shown();
        self.windows.push(window);
        PartyResponse::json(201, &json!({"maintenance_window": shown}))
    }

    fn change(&mut self, id: &str, body: &Value, now: DateTime<Utc>) -> PartyResponse {
        let Some(window) = self.windows.iter_mut().find(|w| w.id == id && w.end > now) else {
            return error(404, 2100, "Not Found");
        };
        let time = |field: &str| {
            body[field]
                .as_str()
                .and_then(|t| t.parse::<DateTime<Utc>>().ok())
        };
        window.start = time("start_time").unwrap_or(window.start);
        window.end = time("end_time").unwrap_or(window.end);
        PartyResponse::json(200, &json!({"maintenance_window": window.shown()}))
    }

    fn delete(&mut self, id: &str, now: DateTime<Utc>) -> PartyResponse {
        let Some(at) = self.windows.iter().position(|w| w.id == id) else {
            return error(404, 2100, "Not Found");
        };
        let window = &mut self.windows[at];
        if window.end <= now {
            return error(
                405,
                2004,
                "Maintenance windows that have ended cannot be deleted",
            );
        }
        if window.start <= now {
            window.end = now;
        } else {
            self.windows.remove(at);
        }
        PartyResponse::text(204, "")
    }
}
