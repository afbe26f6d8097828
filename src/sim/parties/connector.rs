//! Third parties as an HTTP connector: the adapters' code path down to here is that of the real services.

use std::collections::BTreeMap;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;

use super::Parties;
use super::request::{PartyReply, PartyRequest, PartyResponse};

/// Hands requests to simulated third parties.
#[derive(Clone, Debug)]
pub struct PartiesConnector(Parties);

impl PartiesConnector {
    /// A connector to these.
    pub fn new(parties: Parties) -> Self {
        Self(parties)
    }
}

impl HttpConnector for PartiesConnector {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let parties = self.0.clone();
        HttpConnectorFuture::new(async move {
            let body = ByteStream::new(request.take_body()).collect().await;
            let body = body.map_err(|e| ConnectorError::io(e.into()))?.into_bytes();
            let uri: http::Uri = request
                .uri()
                .parse()
                .map_err(|e: http::uri::InvalidUri| ConnectorError::user(e.into()))?;
            let headers: BTreeMap<String, String> = request
                .headers()
                .iter()
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect();
            let request = PartyRequest {
                host: uri.host().unwrap_or_default().to_owned(),
                method: request.method().to_owned(),
                target: uri
                    .path_and_query()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
                headers,
                body: body.to_vec(),
            };
            match parties.serve(&request).await {
                PartyReply::Response(response) => to_http(response),
                PartyReply::NeverConnected => {
                    Err(ConnectorError::io("the connection was refused".into()).never_connected())
                }
                PartyReply::Broken => Err(ConnectorError::io(
                    "the connection broke before the answer".into(),
                )),
                PartyReply::Silence => std::future::pending().await,
            }
        })
    }
}

fn to_http(response: PartyResponse) -> Result<HttpResponse, ConnectorError> {
    let mut builder = http::Response::builder().status(response.status);
    for (name, value) in &response.headers {
        builder = builder.header(name, value);
    }
    let http = builder
        .body(SdkBody::from(response.body))
        .map_err(|e| ConnectorError::other(e.into(), None))?;
    HttpResponse::try_from(http).map_err(|e| ConnectorError::other(e.into(), None))
}
