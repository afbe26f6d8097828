//! A recording played back: each request is answered as the same request was, in the order recorded.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use asg_patch::clock::Clock;
use asg_patch::probe::Exchange;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::shared::IntoShared;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;

/// Recorded answers, by operation and request.
type Answers = BTreeMap<(String, String), VecDeque<Exchange>>;

/// An account that has only recorded answers.
#[derive(Clone, Debug)]
pub(crate) struct Replay {
    clock: Clock,
    answers: Arc<Mutex<Answers>>,
}

impl Replay {
    pub(crate) fn new(recording: &Path, clock: Clock) -> Self {
        let mut answers = Answers::new();
        for exchange in Exchange::read_all(recording).unwrap() {
            let question = (exchange.operation.clone(), exchange.request.clone());
            answers.entry(question).or_default().push_back(exchange);
        }
        Self {
            clock,
            answers: Arc::new(Mutex::new(answers)),
        }
    }

    fn answer(&self, question: &(String, String)) -> Option<Exchange> {
        self.answers.lock().unwrap().get_mut(question)?.pop_front()
    }

    /// Answers that nobody asked for.
    pub(crate) fn left(&self) -> usize {
        self.answers
            .lock()
            .unwrap()
            .values()
            .map(VecDeque::len)
            .sum()
    }
}

impl HttpClient for Replay {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.clone().into_shared()
    }
}

impl HttpConnector for Replay {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let replay = self.clone();
        HttpConnectorFuture::new(async move {
            let target = request.headers().get("x-amz-target").map(ToOwned::to_owned);
            let body = ByteStream::new(request.take_body()).collect().await;
            let body = body.unwrap().into_bytes();
            let question = Exchange::question(target.as_deref(), &body);
            let Some(answer) = replay.answer(&question) else {
                let text = format!("not in the recording: {question:?}");
                return Err(ConnectorError::other(text.into(), None));
            };
            replay
                .clock
                .wait(Duration::from_millis(answer.took_ms))
                .await;
            let response = http::Response::builder()
                .status(answer.status)
                .header("content-type", answer.content_type);
            let response = match answer.date {
                Some(date) => response.header("date", date),
                None => response,
            };
            let response = response.body(SdkBody::from(answer.body)).unwrap();
            Ok(HttpResponse::try_from(response).unwrap())
        })
    }
}
