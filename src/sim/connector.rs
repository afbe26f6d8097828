//! The simulated account as the SDK's HTTP connector: the same code path as real AWS down to here.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::shared::IntoShared;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;

use super::account::{Account, Reply};
use super::wire::{Asked, Response};

/// Hands the SDK's requests to a simulated account.
#[derive(Clone, Debug)]
pub struct SimConnector(Account);

impl SimConnector {
    /// A connector to this account.
    pub fn new(account: Account) -> Self {
        Self(account)
    }
}

impl HttpClient for SimConnector {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.clone().into_shared()
    }
}

impl HttpConnector for SimConnector {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let account = self.0.clone();
        HttpConnectorFuture::new(async move {
            let operation = request.headers().get("x-amz-target").map(ToOwned::to_owned);
            let method = request.method().to_owned();
            let target = path_and_query(request.uri()).to_owned();
            // Through the body's wrappers: the SDK's stalled-stream protection watches them.
            let body = ByteStream::new(request.take_body())
                .collect()
                .await
                .map_err(|e| ConnectorError::io(e.into()))?
                .into_bytes();
            let asked = Asked {
                method: &method,
                target: &target,
                operation: operation.as_deref(),
                body: &body,
            };
            match account.serve_in(None, asked).await {
                Reply::Response(response) => to_http(response),
                Reply::NeverConnected => {
                    Err(ConnectorError::io("the connection was refused".into()).never_connected())
                }
                Reply::Broken => Err(ConnectorError::io(
                    "the connection broke before the answer".into(),
                )),
                Reply::Silence => std::future::pending().await,
            }
        })
    }
}

/// The part after the host.
fn path_and_query(uri: &str) -> &str {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    rest.find('/').map_or("/", |at| &rest[at..])
}

fn to_http(response: Response) -> Result<HttpResponse, ConnectorError> {
    let builder = http::Response::builder().status(response.status);
    let headers = response.headers().into_iter();
    let http = headers
        .fold(builder, |builder, (name, value)| {
            builder.header(name, value)
        })
        .body(SdkBody::from(response.body))
        .map_err(|e| ConnectorError::other(e.into(), None))?;
    HttpResponse::try_from(http).map_err(|e| ConnectorError::other(e.into(), None))
}
