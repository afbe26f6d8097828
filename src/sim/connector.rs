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
use super::wire::Response;

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
            let target = request.headers().get("x-amz-target").map(ToOwned::to_owned);
            // Through the body's wrappers: the SDK's stalled-stream protection watches them.
            let body = ByteStream::new(request.take_body())
                .collect()
                .await
                .map_err(|e| ConnectorError::io(e.into()))?
                .into_bytes();
            match account.serve(target.as_deref(), &body).await {
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
