//! For tests: clients whose calls get canned answers, below the SDK.

use std::fmt;
use std::sync::{Arc, Mutex};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::shared::IntoShared;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_types::SdkConfig;
use aws_types::region::Region;

use super::{Aws, Clients};
use crate::clock::Clock;

/// A call as it was made.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// Which call it is, from 1.
    pub(super) count: usize,
    /// The request's body: JSON, or a query.
    pub(super) body: String,
}

/// The answer to a call.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    status: u16,
    body: String,
    headers: Vec<(&'static str, &'static str)>,
}

impl Reply {
    pub(super) fn ok(body: impl Into<String>) -> Self {
        Self {
            status: 200,
            body: body.into(),
            headers: Vec::new(),
        }
    }

    /// An error as Systems Manager words it.
    pub(super) fn json_error(code: &str) -> Self {
        Self {
            status: 400,
            ..Self::ok(format!(r#"{{"__type":"{code}","message":"canned"}}"#))
        }
    }

    /// An error as Auto Scaling and Elastic Load Balancing word it.
    pub(super) fn query_error(code: &str) -> Self {
        Self {
            status: 400,
            ..Self::ok(format!(
                "<ErrorResponse><Error><Code>{code}</Code><Message>canned</Message></Error></ErrorResponse>"
            ))
        }
    }

    /// An error as EC2 words it.
    pub(super) fn ec2_error(code: &str) -> Self {
        Self {
            status: 400,
            ..Self::ok(format!(
                "<Response><Errors><Error><Code>{code}</Code><Message>canned</Message></Error></Errors>\
                 <RequestID>r</RequestID></Response>"
            ))
        }
    }

    pub(super) fn with_header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }
}

type Answer = dyn Fn(&Call) -> Reply + Send + Sync;

/// An account that answers from a function, and remembers what it was asked.
#[derive(Clone)]
pub(super) struct Canned {
    answer: Arc<Answer>,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl fmt::Debug for Canned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canned").finish_non_exhaustive()
    }
}

impl Canned {
    pub(super) fn new(answer: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> Self {
        Self {
            answer: Arc::new(answer),
            calls: Arc::default(),
        }
    }

    /// The bodies of all requests so far.
    pub(super) fn bodies(&self) -> Vec<String> {
        let calls = self.calls.lock().unwrap();
        calls.iter().map(|c| c.body.clone()).collect()
    }
}

impl HttpClient for Canned {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.clone().into_shared()
    }
}

impl HttpConnector for Canned {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let canned = self.clone();
        HttpConnectorFuture::new(async move {
            let body = ByteStream::new(request.take_body())
                .collect()
                .await
                .unwrap();
            let body = String::from_utf8(body.to_vec()).unwrap();
            let call = {
                let mut calls = canned.calls.lock().unwrap();
                let count = calls.len() + 1;
                let call = Call { count, body };
                calls.push(call.clone());
                call
            };
            let reply = (canned.answer)(&call);
            let mut response = http::Response::builder().status(reply.status);
            for (name, value) in &reply.headers {
                response = response.header(*name, *value);
            }
            let response = response.body(SdkBody::from(reply.body)).unwrap();
            Ok(HttpResponse::try_from(response).unwrap())
        })
    }
}

/// Clients that ask `canned`, on `clock`.
pub(super) fn clients(canned: &Canned, clock: Clock) -> Clients {
    let credentials = Credentials::from_keys("CANNED", "canned", None);
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(canned.clone())
        .build();
    Aws::new(clock, sdk).clients
}
