//! Atlassian Statuspage: scheduled maintenances of a page (its OpenAPI).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::rates::Rates;
use super::request::{PartyRequest, PartyResponse};

/// One request a second for a token, over 60 seconds.
const REQUESTS: f64 = 60.0;

/// The service.
#[derive(Clone, Debug)]
pub struct Statuspage {
    /// Pages by id.
    pub pages: BTreeMap<String, Page>,
    /// Whether a refused request is answered with a list of messages (422's shape is not documented).
    pub lists_errors: bool,
    /// Keys that are not good (any more).
    pub revoked: Vec<String>,
    made: u64,
}

/// A page as its readers see it.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// States of components by id.
    pub components: BTreeMap<String, String>,
    /// Maintenances, in the order of making.
    pub incidents: Vec<Incident>,
}

/// A maintenance.
#[derive(Clone, Debug)]
pub struct Incident {
    /// Its id.
    pub id: String,
    /// All its fields as they were sent.
    pub fields: Value,
    /// Its updates: status and text, the first one first.
    pub updates: Vec<(String, String)>,
    /// How many messages its subscribers got.
    pub mails: u32,
}

impl Default for Statuspage {
    fn default() -> Self {
        let components =
            ["simulated1", "simulated2"].map(|id| (id.to_owned(), "operational".to_owned()));
        let page = Page {
            components: components.into(),
            incidents: Vec::new(),
        };
        Self {
            pages: [("simulatedpage".to_owned(), page)].into(),
            lists_errors: false,
            revoked: Vec::new(),
            made: 0,
        }
    }
}

impl Incident {
    /// Its status.
    pub fn status(&self) -> &str {
        self.fields["status"].as_str().unwrap_or_default()
    }

    fn time(&self, field: &str) -> Option<DateTime<Utc>> {
        self.fields[field].as_str()?.parse().ok()
    }

    fn shown(&self) -> Value {
        let mut shown = self.fields.clone();
        shown["id"] = json!(self.id);
        shown
    }

    fn apply(&mut self, changes: &Value) {
        let Some(changes) = changes.as_object() else {
            return;
        };
        for (key, value) in changes {
            self.fields[key] = value.clone();
        }
        if let Some(body) = changes.get("body").and_then(Value::as_str) {
            let status = self.status().to_owned();
            self.updates.push((status, body.to_owned()));
        }
        self.mails += u32::from(changes.get("deliver_notifications") == Some(&json!(true)));
    }
}

impl Page {
    fn advance_to(&mut self, now: DateTime<Utc>) {
        for incident in &mut self.incidents {
            let is_due = |field| incident.time(field).is_some_and(|at| at <= now);
            if incident.status() == "scheduled"
                && incident.fields["scheduled_auto_in_progress"] == true
                && is_due("scheduled_for")
            {
                incident.fields["status"] = json!("in_progress");
                if incident.fields["auto_transition_to_maintenance_state"] == true {
                    set_states(
                        &mut self.components,
                        &incident.fields["component_ids"],
                        "under_maintenance",
                    );
                }
            }
            let is_due = |field| incident.time(field).is_some_and(|at| at <= now);
            if incident.status() == "in_progress"
                && incident.fields["scheduled_auto_completed"] == true
                && is_due("scheduled_until")
            {
                incident.fields["status"] = json!("completed");
                set_states(
                    &mut self.components,
                    &incident.fields["component_ids"],
                    "operational",
                );
            }
        }
    }
}

fn set_states(components: &mut BTreeMap<String, String>, ids: &Value, state: &str) {
    for id in ids
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        components.insert(id.to_owned(), state.to_owned());
    }
}

impl Statuspage {
    pub(super) fn advance_to(&mut self, now: DateTime<Utc>) {
        self.pages
            .values_mut()
            .for_each(|page| page.advance_to(now));
    }

    fn error(&self, status: u16, message: &str) -> PartyResponse {
        let message = if self.lists_errors && status == 422 {
            json!([message])
        } else {
            json!(message)
        };
        PartyResponse::json(status, &json!({"message": message}))
    }

    pub(super) fn answer(
        &mut self,
        request: &PartyRequest,
        now: DateTime<Utc>,
        rates: &mut Rates,
    ) -> PartyResponse {
        let key = request
            .header("authorization")
            .and_then(|a| a.strip_prefix("OAuth "));
        let Some(key) = key.filter(|k| !k.is_empty() && !self.revoked.iter().any(|r| r == k))
        else {
            return self.error(401, "Could not authenticate");
        };
        if let Err(seconds) = rates.take(&format!("statuspage:{key}"), REQUESTS, 1.0, now) {
            return self
                .error(420, "Rate limit exceeded")
                .with("retry-after", &seconds.to_string());
        }
        let path: Vec<&str> = request.path().trim_matches('/').split('/').collect();
        match (request.method.as_str(), path.as_slice()) {
            (method, ["v1", "pages", page, "incidents", rest @ ..]) => {
                self.incidents(method, page, rest, request, now)
            }
            _ => self.error(404, "Not found"),
        }
    }

    fn incidents(
        &mut self,
        method: &str,
        page: &str,
        rest: &[&str],
        request: &PartyRequest,
        now: DateTime<Utc>,
    ) -> PartyResponse {
        if !self.pages.contains_key(page) {
            return self.error(404, "Page not found");
        }
        match (method, rest) {
            ("GET", [list @ ("upcoming" | "scheduled" | "active_maintenance" | "unresolved")]) => {
                self.list(page, list, request, now)
            }
            ("GET", [id]) => match self.pages[page].incidents.iter().find(|i| i.id == *id) {
                Some(incident) => PartyResponse::json(200, &incident.shown()),
                None => self.error(404, "Incident not found"),
            },
            ("POST", []) => self.create(page, request),
            ("PATCH" | "PUT", [id]) => self.change(page, id, request),
            ("DELETE", [id]) => self.delete(page, id),
            _ => self.error(404, "Not found"),
        }
    }

    fn list(
        &self,
        page: &str,
        list: &str,
        request: &PartyRequest,
        now: DateTime<Utc>,
    ) -> PartyResponse {
        let query = request.query();
        let number = |name: &str, default: usize| {
            query
                .get(name)
                .and_then(|v| v.parse().ok())
                .unwrap_or(default)
        };
        let per_page = number("per_page", 100).clamp(1, 100);
        let skip = number("page", 1).max(1) - 1;
        let fits = |incident: &&Incident| match list {
            "upcoming" => {
                incident.status() == "scheduled"
                    && incident.time("scheduled_for").is_some_and(|at| at > now)
            }
            "scheduled" => incident.status() == "scheduled",
            "active_maintenance" => ["in_progress", "verifying"].contains(&incident.status()),
            _ => false,
        };
        let found = self
            .pages
            .get(page)
            .into_iter()
            .flat_map(|p| &p.incidents)
            .filter(fits);
        let shown: Vec<Value> = found
            .skip(skip * per_page)
            .take(per_page)
            .map(Incident::shown)
            .collect();
        PartyResponse::json(200, &json!(shown))
    }

    /// The fault of a body, if it has one.
    fn wrong(&self, page: &str, incident: &Value, is_new: bool) -> Option<String> {
        let known = &self.pages[page].components;
        let named = incident["component_ids"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        let stated = incident["components"]
            .as_object()
            .into_iter()
            .flat_map(|map| map.keys().map(String::as_str));
        if let Some(id) = named.chain(stated).find(|id| !known.contains_key(*id)) {
            return Some(format!("Component {id} does not exist"));
        }
        let text = |field: &str| incident[field].as_str().unwrap_or_default();
        if is_new && text("name").is_empty() {
            return Some("Name can't be blank".into());
        }
        if text("name").chars().count() > 255 {
            return Some("Name is too long (maximum is 255 characters)".into());
        }
        if text("body").chars().count() > 25_000 {
            return Some("Body is too long (maximum is 25000 characters)".into());
        }
        let metadata = incident["metadata"]
            .as_object()
            .into_iter()
            .flat_map(|m| m.values());
        metadata
            .into_iter()
            .any(|v| !v.is_object())
            .then(|| "Metadata values must be objects".into())
    }

    fn create(&mut self, page: &str, request: &PartyRequest) -> PartyResponse {
        let Some(body) = request.json() else {
            return self.error(400, "The request could not be parsed");
        };
        let fields = &body["incident"];
        if let Some(wrong) = self.wrong(page, fields, true) {
            return self.error(422, &wrong);
        }
        self.made += 1;
        let mut incident = Incident {
            id: format!("incident{:04}", self.made),
            fields: json!({}),
            updates: Vec::new(),
            mails: 0,
        };
        incident.apply(fields);
        let shown = incident.shown();
        if let Some(page) = self.pages.get_mut(page) {
            page.incidents.push(incident);
        }
        PartyResponse::json(201, &shown)
    }

    fn change(&mut self, page: &str, id: &str, request: &PartyRequest) -> PartyResponse {
        let Some(body) = request.json() else {
            return self.error(400, "The request could not be parsed");
        };
        let fields = &body["incident"];
        if let Some(wrong) = self.wrong(page, fields, false) {
            return self.error(422, &wrong);
        }
        let Some(page) = self.pages.get_mut(page) else {
            return self.error(404, "Page not found");
        };
        let Some(incident) = page.incidents.iter_mut().find(|i| i.id == id) else {
            return self.error(404, "Incident not found");
        };
        incident.apply(fields);
        for (component, state) in fields["components"].as_object().into_iter().flatten() {
            page.components.insert(
                component.clone(),
                state.as_str().unwrap_or_default().to_owned(),
            );
        }
        PartyResponse::json(200, &incident.shown())
    }

    fn delete(&mut self, page: &str, id: &str) -> PartyResponse {
        let page = self.pages.get_mut(page);
        let incidents = page.map(|p| &mut p.incidents);
        let at = incidents
            .as_ref()
            .and_then(|i| i.iter().position(|i| i.id == id));
        match (incidents, at) {
            (Some(incidents), Some(at)) => PartyResponse::json(200, &incidents.remove(at).shown()),
            _ => self.error(404, "Incident not found"),
        }
    }
}
