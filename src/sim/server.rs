//! The simulated account on a socket: any AWS client that takes an endpoint URL can talk to it.

use std::convert::Infallible;

use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use super::account::{Account, Reply};
use super::parties::{Parties, PartyReply, PartyRequest};
use super::wire::Asked;

/// Why a connection ended without an answer. The caller sees no more than that it broke.
#[derive(Debug, thiserror::Error)]
enum Dropped {
    /// A fault rule wants the connection to break.
    #[error("a fault rule broke the connection")]
    Fault,
    /// The request could not be read.
    #[error("the request could not be read: {0}")]
    Body(#[from] hyper::Error),
    /// The answer could not be made.
    #[error("the answer could not be made: {0}")]
    Answer(#[from] http::Error),
}

/// Serves the account, and third parties as they are at first, on a listener until the future is dropped. A host that is none of
/// these parties is the account. Of the signature only the region is looked at: the service follows from `X-Amz-Target`, from the path or
/// from the form's `Version`. Runs in real time: with a paused clock, timeouts would fire while a socket answers.
///
/// # Errors
/// Those of accepting connections.
pub async fn serve(account: Account, listener: TcpListener) -> std::io::Result<Infallible> {
    let parties = Parties::new(account.clock().clone());
    serve_with(account, parties, listener).await
}

/// Serves the account and these third parties, which are asked by the header Host.
///
/// # Errors
/// Those of accepting connections.
pub async fn serve_with(
    account: Account,
    parties: Parties,
    listener: TcpListener,
) -> std::io::Result<Infallible> {
    loop {
        let (stream, peer) = listener.accept().await?;
        let (account, parties) = (account.clone(), parties.clone());
        tokio::spawn(async move {
            if let Err(error) = connection(account, parties, stream).await {
                tracing::debug!(%peer, %error, "a connection to the simulated account ended early");
            }
        });
    }
}

async fn connection(
    account: Account,
    parties: Parties,
    stream: TcpStream,
) -> Result<(), hyper::Error> {
    let service = service_fn(move |request| dispatch(account.clone(), parties.clone(), request));
    // The account dates its answers itself, by its own clock.
    http1::Builder::new()
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

async fn dispatch(
    account: Account,
    parties: Parties,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Dropped> {
    let host = request
        .headers()
        .get("host")
        .and_then(|h| h.to_str().ok())
        .unwrap_or_default();
    if Parties::know(host) {
        let host = host.to_owned();
        return ask_party(parties, host, request).await;
    }
    answer(account, request).await
}

async fn ask_party(
    parties: Parties,
    host: String,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Dropped> {
    let headers = request.headers().iter().filter_map(|(name, value)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    });
    let asked = PartyRequest {
        host,
        method: request.method().to_string(),
        target: request
            .uri()
            .path_and_query()
            .map(ToString::to_string)
            .unwrap_or_default(),
        headers: headers.collect(),
        body: Vec::new(),
    };
    let body = request.into_body().collect().await?.to_bytes().to_vec();
    match parties.serve(&PartyRequest { body, ..asked }).await {
        PartyReply::Response(response) => {
            let builder = Response::builder().status(response.status);
            let builder = response
                .headers
                .iter()
                .fold(builder, |b, (name, value)| b.header(name, value));
            Ok(builder.body(Full::new(Bytes::from(response.body)))?)
        }
        PartyReply::Broken | PartyReply::NeverConnected => Err(Dropped::Fault),
        PartyReply::Silence => std::future::pending().await,
    }
}

async fn answer(
    account: Account,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Dropped> {
    let header = |name: &str| {
        let value = request.headers().get(name)?.to_str();
        value.ok().map(ToOwned::to_owned)
    };
    let operation = header("x-amz-target");
    let method = request.method().to_string();
    let target = request.uri().path_and_query().map(ToString::to_string);
    let signature = header("authorization");
    let region = signature.as_deref().and_then(signed_region);
    let body = request.into_body().collect().await?.to_bytes();
    let asked = Asked {
        method: &method,
        target: target.as_deref().unwrap_or("/"),
        operation: operation.as_deref(),
        body: &body,
    };
    match account.serve_in(region, asked).await {
        Reply::Response(response) => {
            let builder = Response::builder().status(response.status);
            let headers = response.headers().into_iter();
            let builder = headers.fold(builder, |b, (name, value)| b.header(name, value));
            Ok(builder.body(Full::new(Bytes::from(response.body)))?)
        }
        // An error from the service makes hyper drop the connection.
        Reply::Broken | Reply::NeverConnected => Err(Dropped::Fault),
        Reply::Silence => std::future::pending().await,
    }
}

/// The region for which a request was signed: `... Credential=KEY/DAY/REGION/SERVICE/aws4_request, ...`.
fn signed_region(authorization: &str) -> Option<&str> {
    let scope = authorization.split("Credential=").nth(1)?;
    scope.split('/').nth(2)
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;
    use aws_sdk_ssm::Client;
    use aws_types::region::Region;

    use super::*;
    use crate::sim::faults::{FaultRule, InjectedFault};
    use crate::sim::fleet;

    /// Over a socket, in real time: a lost reply is a broken connection, and the SDK asks again.
    #[tokio::test]
    async fn an_sdk_client_over_loopback() {
        let account = fleet::parse(fleet::SAMPLE).unwrap().account(1000);
        account.with_faults(|faults| {
            faults.add(FaultRule::at(
                "ssm:PutParameter",
                0,
                1,
                InjectedFault::ReplyLost,
            ));
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(serve(account.clone(), listener));
        let config = aws_sdk_ssm::Config::builder()
            .behavior_version(aws_sdk_ssm::config::BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::for_tests())
            .endpoint_url(endpoint)
            .build();
        let ssm = Client::from_conf(config);
        let nodes = ssm.describe_instance_information().send().await.unwrap();
        assert_eq!(nodes.instance_information_list().len(), 2);
        let put = ssm.put_parameter().name("/once").value("v");
        let put = put.r#type(aws_sdk_ssm::types::ParameterType::String);
        let error = put.send().await.unwrap_err().into_service_error();
        assert!(error.is_parameter_already_exists(), "{error:?}");
        assert_eq!(account.calls().counts["ssm:PutParameter"], 2);
        server.abort();
    }
}
