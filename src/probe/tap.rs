//! A tap on the SDK's HTTP connector: counts dated answers, and keeps the raw ones if it is asked to.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::shared::IntoShared;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde::{Deserialize, Serialize};

use super::redact::Redactor;
use crate::clock::Clock;

/// One call as it went over the wire: a file of a recording. Account ids, addresses and request ids are
/// replaced; credentials and signatures are in headers, which are not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// The operation, as AWS spells it.
    pub operation: String,
    /// The request: a JSON body as it is, or the fields of a form, decoded, `NAME=VALUE` on a line each.
    pub request: String,
    /// HTTP status of the answer.
    pub status: u16,
    /// The answer's `Content-Type`; empty if it has none.
    pub content_type: String,
    /// The answer's `Date`.
    pub date: Option<String>,
    /// The answer's body.
    pub body: String,
    /// Milliseconds from the request to the answer.
    pub took_ms: u64,
}

impl Exchange {
    /// Operation and request from the body of a request and its `X-Amz-Target` header, if any.
    pub fn question(target: Option<&str>, body: &[u8]) -> (String, String) {
        if let Some(target) = target {
            let operation = target.rsplit('.').next().unwrap_or(target);
            let request = String::from_utf8_lossy(body).into_owned();
            return (operation.to_owned(), request);
        }
        let mut operation = String::new();
        let mut lines = Vec::new();
        for (name, value) in form_urlencoded::parse(body) {
            if name == "Action" {
                operation = value.clone().into_owned();
            }
            lines.push(format!("{name}={value}"));
        }
        (operation, lines.join("\n"))
    }

    /// The exchanges of a recording in the order in which they ended.
    ///
    /// # Errors
    /// The directory or a file of it cannot be read.
    pub fn read_all(recording: &Path) -> std::io::Result<Vec<Self>> {
        let entries = std::fs::read_dir(recording)?;
        let mut paths: Vec<PathBuf> = entries
            .map(|entry| Ok(entry?.path()))
            .collect::<std::io::Result<_>>()?;
        paths.retain(|p| p.extension().is_some_and(|e| e == "json"));
        paths.sort();
        let read = |path: &PathBuf| Ok(serde_json::from_slice(&std::fs::read(path)?)?);
        paths.iter().map(read).collect()
    }
}

/// The tap. Cheap to clone; clones count and record together.
#[derive(Clone, Debug)]
pub struct Tap {
    inner: SharedHttpClient,
    clock: Clock,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    answers: usize,
    dated: usize,
    recording: Option<PathBuf>,
    redactor: Redactor,
    failed: Option<String>,
}

impl Tap {
    /// A tap on a client. With `recording`, a directory that exists, each exchange becomes a file there.
    pub fn new(inner: SharedHttpClient, clock: Clock, recording: Option<PathBuf>) -> Self {
        let seen = Seen {
            recording,
            ..Seen::default()
        };
        Self {
            inner,
            clock,
            seen: Arc::new(Mutex::new(seen)),
        }
    }

    /// Answers with a header Date, and all answers.
    pub(super) fn dates(&self) -> (usize, usize) {
        let seen = self.lock();
        (seen.dated, seen.answers)
    }

    /// Why an exchange could not be recorded, if one could not.
    pub fn failure(&self) -> Option<String> {
        self.lock().failed.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn note(&mut self, exchange: Exchange) {
        self.answers += 1;
        self.dated += usize::from(exchange.date.is_some());
        let Some(recording) = &self.recording else {
            return;
        };
        let name = format!("{:05}-{}.json", self.answers, exchange.operation);
        let path = recording.join(name);
        let exchange = Exchange {
            request: self.redactor.redact(&exchange.request),
            body: self.redactor.redact(&exchange.body),
            ..exchange
        };
        let written = serde_json::to_vec_pretty(&exchange)
            .map_err(std::io::Error::from)
            .and_then(|bytes| std::fs::write(&path, bytes));
        if let Err(error) = written {
            let text = format!("{}: {error}", path.display());
            self.failed.get_or_insert(text);
        }
    }
}

impl HttpClient for Tap {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let tapped = Tapped {
            inner: self.inner.http_connector(settings, components),
            tap: self.clone(),
        };
        tapped.into_shared()
    }
}

#[derive(Clone, Debug)]
struct Tapped {
    inner: SharedHttpConnector,
    tap: Tap,
}

impl HttpConnector for Tapped {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Self { inner, tap } = self.clone();
        HttpConnectorFuture::new(exchange(inner, tap, request))
    }
}

async fn exchange(
    inner: SharedHttpConnector,
    tap: Tap,
    mut request: HttpRequest,
) -> Result<HttpResponse, ConnectorError> {
    let target = request.headers().get("x-amz-target").map(ToOwned::to_owned);
    let body = whole(request.take_body()).await?;
    let (operation, asked) = Exchange::question(target.as_deref(), &body);
    *request.body_mut() = SdkBody::from(body);
    let begun = tap.clock.now();
    let mut response = inner.call(request).await?;
    let body = whole(response.take_body()).await?;
    let took = (tap.clock.now() - begun).num_milliseconds();
    let header = |name: &str| response.headers().get(name).map(str::to_owned);
    let exchange = Exchange {
        operation,
        request: asked,
        status: response.status().as_u16(),
        content_type: header("content-type").unwrap_or_default(),
        date: header("date"),
        body: String::from_utf8_lossy(&body).into_owned(),
        took_ms: u64::try_from(took).unwrap_or_default(),
    };
    tap.lock().note(exchange);
    *response.body_mut() = SdkBody::from(body);
    Ok(response)
}

async fn whole(body: SdkBody) -> Result<Vec<u8>, ConnectorError> {
    let bytes = ByteStream::new(body).collect().await;
    Ok(bytes.map_err(|e| ConnectorError::io(e.into()))?.to_vec())
}
