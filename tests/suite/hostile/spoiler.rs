//! A connector to the simulated account that spoils one field of one answer.

use std::sync::{Arc, Mutex, OnceLock};

use asg_patch::aws::Aws;
use asg_patch::sim::Account;
use asg_patch::sim::connector::SimConnector;
use asg_patch::sim::sdk::sdk_config;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::shared::IntoShared;
use aws_smithy_types::body::SdkBody;

use proptest::sample::Index;
use serde_json::Value;

/// One change to one answer.
#[derive(Clone, Debug)]
pub(super) struct Spoiled {
    /// Which answer with a field is meant, counted from the first.
    pub(super) answer: usize,
    /// Which of its fields.
    pub(super) field: Index,
    /// The new value; `None`: the field is missing.
    pub(super) value: Option<String>,
}

/// The simulated account, but for one answer.
#[derive(Clone, Debug)]
pub(super) struct Spoiler {
    inner: SimConnector,
    spoiled: Spoiled,
    answers: Arc<Mutex<usize>>,
    /// Operation and field, once it is done.
    pub(super) done: Arc<OnceLock<(String, String)>>,
}

impl Spoiler {
    pub(super) fn new(account: &Account, spoiled: Spoiled) -> Self {
        Self {
            inner: SimConnector::new(account.clone()),
            spoiled,
            answers: Arc::default(),
            done: Arc::default(),
        }
    }

    pub(super) fn aws(&self, account: &Account) -> Aws {
        let sdk = sdk_config(account, "hostile").into_builder();
        let sdk = sdk.http_client(self.clone()).build();
        Aws::new(account.clock().clone(), sdk)
    }

    fn spoil(&self, operation: &str, response: &mut HttpResponse) {
        let Some(text) = response
            .body()
            .bytes()
            .map(|b| String::from_utf8_lossy(b).into_owned())
        else {
            return;
        };
        let json: Option<Value> = serde_json::from_str(&text).ok();
        let fields = json.as_ref().map_or_else(|| xml_fields(&text), json_fields);
        if fields.is_empty() || !response.status().is_success() {
            return;
        }
        let mut answers = self.answers.lock().unwrap();
        *answers += 1;
        if *answers != self.spoiled.answer + 1 {
            return;
        }
        let field = &fields[self.spoiled.field.index(fields.len())];
        let value = self.spoiled.value.as_deref();
        let spoiled = match json {
            Some(json) => spoil_json(json, field, value).to_string(),
            None => spoil_xml(&text, field, value),
        };
        let _ = self.done.set((operation.to_owned(), field.name.clone()));
        *response.body_mut() = SdkBody::from(spoiled);
    }
}

impl HttpClient for Spoiler {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.clone().into_shared()
    }
}

impl HttpConnector for Spoiler {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").map(ToOwned::to_owned);
        let form = request.body().bytes().unwrap_or_default().to_owned();
        let operation = match target {
            Some(target) => target.split('.').nth(1).unwrap_or_default().to_owned(),
            None => form_urlencoded::parse(&form)
                .find(|(k, _)| k == "Action")
                .map(|(_, v)| v.into_owned())
                .unwrap_or_default(),
        };
        let (answer, spoiler) = (self.inner.call(request), self.clone());
        HttpConnectorFuture::new(async move {
            let mut response = answer.await?;
            spoiler.spoil(&operation, &mut response);
            Ok(response)
        })
    }
}

/// A scalar of an answer.
#[derive(Clone, Debug)]
struct Field {
    name: String,
    /// In XML from the opening tag to the closing one.
    span: (usize, usize),
    /// In JSON.
    pointer: String,
}

/// Whether a field belongs to the protocol and not to the answer.
fn is_of_protocol(name: &str) -> bool {
    name.eq_ignore_ascii_case("requestid") || name.eq_ignore_ascii_case("nexttoken")
}

/// `<name>text</name>`: all elements without elements in them.
fn xml_fields(text: &str) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut open: Option<(usize, &str)> = None;
    for (at, _) in text.match_indices('<') {
        let tag = text[at + 1..].split('>').next().unwrap_or_default();
        match (tag.strip_prefix('/'), open.take()) {
            (Some(closed), Some((from, name))) if closed == name && !is_of_protocol(name) => {
                fields.push(Field {
                    name: name.to_owned(),
                    span: (from, at + tag.len() + 2),
                    pointer: String::new(),
                });
            }
            (Some(_), _) => {}
            (None, _) => open = Some((at, tag)),
        }
    }
    // A list without entries looks like a scalar without text.
    fields.retain(|f| !text[f.span.0..f.span.1].contains("></"));
    fields
}

fn json_fields(value: &Value) -> Vec<Field> {
    fn walk(value: &Value, name: &str, pointer: String, fields: &mut Vec<Field>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    let escaped = key.replace('~', "~0").replace('/', "~1");
                    walk(value, key, format!("{pointer}/{escaped}"), fields);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    walk(item, name, format!("{pointer}/{index}"), fields);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                fields.push(Field {
                    name: name.to_owned(),
                    span: (0, 0),
                    pointer,
                });
            }
        }
    }
    let mut fields = Vec::new();
    walk(value, "", String::new(), &mut fields);
    fields.retain(|f| !is_of_protocol(&f.name));
    fields
}

fn spoil_xml(text: &str, field: &Field, value: Option<&str>) -> String {
    let (from, to) = field.span;
    let name = &field.name;
    let instead = value.map(|v| {
        let escaped = v.replace('&', "&amp;").replace('<', "&lt;");
        format!("<{name}>{escaped}</{name}>")
    });
    format!(
        "{}{}{}",
        &text[..from],
        instead.unwrap_or_default(),
        &text[to..]
    )
}

fn spoil_json(mut json: Value, field: &Field, value: Option<&str>) -> Value {
    let (parent, key) = field.pointer.rsplit_once('/').unwrap_or_default();
    let key = key.replace("~1", "/").replace("~0", "~");
    let odd = value.map(|v| serde_json::from_str(v).unwrap_or_else(|_| Value::from(v)));
    match (json.pointer_mut(parent), odd) {
        (Some(Value::Object(map)), Some(odd)) => _ = map.insert(key, odd),
        (Some(Value::Object(map)), None) => _ = map.remove(&key),
        (Some(Value::Array(items)), odd) => {
            if let Some(item) = key.parse().ok().and_then(|i: usize| items.get_mut(i)) {
                *item = odd.unwrap_or_default();
            }
        }
        _ => {}
    }
    json
}
