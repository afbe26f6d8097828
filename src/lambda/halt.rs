//! Runs that people keep from beginning: by a freeze, or as nobody approved them. Nothing is touched, and no alarm is raised.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::notices::StackFile;
use super::{Function, answer};
use crate::group::{Code, Failure};
use crate::notices::NoticeEvent;
use crate::notify;
use crate::request::RunRequest;
use crate::trigger::RunInput;

/// Why people keep a run from beginning.
#[derive(Clone, Copy, Debug)]
pub(super) enum Halt {
    /// A freeze lies over it.
    Frozen,
    /// It was rejected, or nobody approved it in time.
    NotApproved,
}

impl Halt {
    fn code(self) -> Code {
        match self {
            Self::Frozen => Code::Frozen,
            Self::NotApproved => Code::NotApproved,
        }
    }

    fn event(self) -> NoticeEvent {
        match self {
            Self::Frozen => NoticeEvent::Frozen,
            Self::NotApproved => NoticeEvent::NotApproved,
        }
    }

    fn metric(self) -> &'static str {
        match self {
            Self::Frozen => "RunsFrozen",
            Self::NotApproved => "RunsNotApproved",
        }
    }

    /// The execution's status.
    fn status(self) -> &'static str {
        match self {
            Self::Frozen => "Frozen",
            Self::NotApproved => "NotApproved",
        }
    }

    /// A word for a message's first line, and the end of its sentence.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Frozen => ("frozen", "did not begin"),
            Self::NotApproved => ("not approved", "was not approved and did not begin"),
        }
    }
}

impl Function {
    /// Ends a run that people keep from beginning: with a word to the readers of its window.
    pub(super) async fn halt(
        &self,
        halt: Halt,
        file: &StackFile,
        (request, input): (&RunRequest, &RunInput),
        why: String,
        by: DateTime<Utc>,
    ) -> Value {
        let failure = Failure::new(halt.code(), why);
        self.notifier.measure_one(halt.metric());
        tracing::info!(code = %failure.code, "nothing is patched: {}", failure.reason);
        let off = (halt.event(), failure.reason.as_str());
        self.tell_off(file, request, input, off, by).await;
        let (link, pages) = (answer::link(&request.owner), self.pages_url());
        let message = notify::not_begun(
            halt.words(),
            &request.run_id,
            &self.aws.region,
            &failure,
            pages,
            link.as_deref(),
        );
        self.notifier.notify(&message, by).await;
        answer::not_begun(halt.status(), &request.run_id, &failure)
    }
}
