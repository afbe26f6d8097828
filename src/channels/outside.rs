//! The one way out: requests to third parties, over the connector of the AWS SDK.

use std::time::Duration;

use aws_smithy_async::rt::sleep::SharedAsyncSleep;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Connector, default_connector};
use aws_smithy_runtime_api::client::dns::ResolveDnsError;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use chrono::{DateTime, Utc};

use super::resolver::OutsideOnly;
use crate::clock::Clock;
use crate::notices::{AddressError, check_address};
use crate::secret::Secret;
use crate::text::{plain_text, shortened};

/// Making a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// One request: Standard Webhooks, "Delivery success and failure": 15 to 30 s.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Bytes of an answer that are read; lists of a hundred windows have some tens of thousands.
const ANSWER_BYTES: usize = 2 * 1024 * 1024;
/// Variables of the environment that name a proxy for HTTPS.
const PROXY_VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// The way out of a process. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct Outside {
    connector: SharedHttpConnector,
    pub(super) clock: Clock,
    /// The endpoint of the simulated account, which stands in for all hosts.
    simulated: Option<String>,
}

/// A request. It has no `Debug`: its address and headers may be secrets.
pub(super) struct Ask {
    pub(super) method: &'static str,
    pub(super) url: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<String>,
}

/// An answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: String,
}

/// A request without an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// It was not sent: the address is none that may be asked.
    Address(AddressError),
    /// It was not sent: no connection could be made.
    NeverConnected(String),
    /// It may have been taken.
    Lost(String),
}

impl Outside {
    /// The world, through the proxy of the environment if it names one. `clock` is the time of waiting, not of sockets.
    pub fn real(clock: Clock) -> Self {
        let settings = settings();
        let builder = Connector::builder()
            .connector_settings(settings)
            .sleep_impl(Clock::system())
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc));
        let names_proxy = |name: &&str| std::env::var(name).is_ok_and(|v| !v.is_empty());
        // A proxy is mostly inside, and resolves names itself.
        let connector = match PROXY_VARIABLES.iter().any(names_proxy) {
            true => builder.proxy_config(ProxyConfig::from_env()).build(),
            false => builder.build_with_resolver(OutsideOnly),
        };
        Self::over(connector, clock)
    }

    /// Another connector, such as that of simulated third parties.
    pub fn over(connector: impl HttpConnector + 'static, clock: Clock) -> Self {
        Self {
            connector: SharedHttpConnector::new(connector),
            clock,
            simulated: None,
        }
    }

    /// Third parties that `asg-patch simulate` serves at its loopback endpoint, by the header Host.
    ///
    /// # Errors
    /// The endpoint is not on this machine.
    pub fn simulated_at(endpoint: &str, clock: Clock) -> Result<Self, AddressError> {
        let wrong = || AddressError {
            expected: "the loopback endpoint of `asg-patch simulate`".into(),
            found: format!("'{endpoint}'"),
        };
        let uri: http::Uri = endpoint.parse().map_err(|_| wrong())?;
        let host = uri
            .host()
            .unwrap_or_default()
            .trim_matches(['[', ']'])
            .to_owned();
        let is_loopback = host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|ip| ip.is_loopback());
        if uri.scheme_str() != Some("http") || !is_loopback {
            return Err(wrong());
        }
        let connector =
            default_connector(&settings(), Some(SharedAsyncSleep::new(Clock::system())));
        Ok(Self {
            connector: connector.ok_or_else(wrong)?,
            clock,
            simulated: Some(endpoint.trim_end_matches('/').to_owned()),
        })
    }

    /// The present time.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Sends a request, once.
    pub(super) async fn ask(
        &self,
        ask: &Ask,
        allowed: &[String],
        secrets: &[&Secret],
    ) -> Result<Answer, Unanswered> {
        check_address(&ask.url, allowed).map_err(Unanswered::Address)?;
        let request = self.request(ask)?;
        let answered = async {
            let response = self
                .connector
                .call(request)
                .await
                .map_err(|e| unanswered(&e, secrets))?;
            read(response).await
        };
        tokio::select! {
            answer = answered => answer,
            () = self.clock.wait(self.clock.of_real(TIMEOUT)) => {
                Err(Unanswered::Lost(format!("no answer within {} s", TIMEOUT.as_secs())))
            }
        }
    }

    fn request(&self, ask: &Ask) -> Result<HttpRequest, Unanswered> {
        let unsendable = |found: &str| {
            Unanswered::Address(AddressError {
                expected: "an address and headers that can be sent".into(),
                found: found.into(),
            })
        };
        // Verbatim: a query that is encoded anew fails its signature at some services.
        let rest = ask.url.strip_prefix("https://").unwrap_or_default();
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, target) = rest.split_at(at);
        let url = match &self.simulated {
            Some(endpoint) => format!("{endpoint}{target}"),
            None => ask.url.clone(),
        };
        let mut builder = http::Request::builder().method(ask.method).uri(url).header(
            "user-agent",
            concat!("asg-patch/", env!("CARGO_PKG_VERSION")),
        );
        // Elsewhere the client names the host itself, as the protocol of the connection wants it.
        if self.simulated.is_some() {
            builder = builder.header("host", host);
        }
        for (name, value) in &ask.headers {
            builder = builder.header(*name, value);
        }
        let body = ask.body.clone().map_or_else(SdkBody::empty, SdkBody::from);
        let request = builder
            .body(body)
            .map_err(|_| unsendable("characters that no request can have"))?;
        HttpRequest::try_from(request)
            .map_err(|_| unsendable("a request that the connector cannot send"))
    }
}

fn settings() -> HttpConnectorSettings {
    HttpConnectorSettings::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(TIMEOUT)
        .build()
}

/// The innermost cause says what was wrong; those around it may name addresses.
fn unanswered(error: &ConnectorError, secrets: &[&Secret]) -> Unanswered {
    let mut cause: &dyn std::error::Error = error;
    // The error has no accessor for this.
    let mut is_unsent =
        error.is_user() || format!("{error:?}").contains("connection: NeverConnected");
    while let Some(inner) = cause.source() {
        cause = inner;
        let client = cause.downcast_ref::<hyper_util::client::legacy::Error>();
        is_unsent |= client.is_some_and(hyper_util::client::legacy::Error::is_connect);
        is_unsent |= cause.is::<ResolveDnsError>();
    }
    let words = secrets
        .iter()
        .fold(cause.to_string(), |text, secret| secret.hidden_in(&text));
    let words = shortened(&plain_text(&words), 200);
    if is_unsent {
        Unanswered::NeverConnected(words)
    } else {
        Unanswered::Lost(words)
    }
}

async fn read(mut response: HttpResponse) -> Result<Answer, Unanswered> {
    let status = response.status().as_u16();
    let retry_after = response
        .headers()
        .get("retry-after")
        .and_then(|v| v.trim().parse().ok());
    let mut stream = ByteStream::new(response.take_body());
    let mut bytes = Vec::new();
    loop {
        match stream.try_next().await {
            Ok(Some(chunk)) if bytes.len() + chunk.len() <= ANSWER_BYTES => {
                bytes.extend_from_slice(&chunk)
            }
            // The rest of a longer one is not needed: it is no answer of these services.
            Ok(Some(_)) | Ok(None) => break,
            // The status came: the service has spoken.
            Err(_) if !(200..300).contains(&status) => break,
            Err(_) => return Err(Unanswered::Lost("the answer broke off".into())),
        }
    }
    Ok(Answer {
        status,
        retry_after: retry_after.map(Duration::from_secs),
        body: String::from_utf8_lossy(&bytes).into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_loopback_is_simulated() {
        for endpoint in [
            "http://127.0.0.1:4566",
            "http://[::1]:4566",
            "http://localhost:4566/",
        ] {
            assert!(
                Outside::simulated_at(endpoint, Clock::system()).is_ok(),
                "{endpoint}"
            );
        }
        for endpoint in [
            "http://10.0.0.1:4566",
            "https://127.0.0.1",
            "http://example.org",
            "nonsense",
        ] {
            assert!(
                Outside::simulated_at(endpoint, Clock::system()).is_err(),
                "{endpoint}"
            );
        }
    }
}
