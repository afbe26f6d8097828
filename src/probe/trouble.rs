//! A call's answer as a check wants it: given, refused with a code, or no answer that says anything.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::aws::with_causes;
use crate::text::plain_text;

/// Codes that say nothing of a belief: the caller may not ask, or not now.
const BESIDE_THE_POINT: [&str; 14] = [
    "AccessDenied",
    "AccessDeniedException",
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "InternalError",
    "InternalFailure",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "SimulatorUnsupported",
    "Throttling",
    "ThrottlingException",
    "UnauthorizedOperation",
    "Unavailable",
];

/// Why a belief could not be checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// A call failed that a check needs.
    #[error("{operation}: {code}: {message}")]
    Call {
        /// `service:Operation`.
        operation: &'static str,
        /// AWS's code; empty if there was no answer.
        code: String,
        /// AWS's words, or the causes.
        message: String,
    },
    /// The state that a check waits for did not come.
    #[error("{awaited} did not come about within {seconds} s")]
    Late {
        /// The state.
        awaited: String,
        /// Seconds waited.
        seconds: u64,
    },
    /// The account did not let the check see which it is.
    #[error("{0}")]
    Unseen(String),
}

/// A call that AWS answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer<T> {
    /// It was done.
    Given(T),
    /// It was refused with this code.
    Refused(String),
}

impl<T> Answer<T> {
    pub(super) fn is_refused(&self) -> bool {
        self.code().is_some()
    }

    /// The code of a refusal.
    pub(super) fn code(&self) -> Option<&str> {
        match self {
            Self::Given(_) => None,
            Self::Refused(code) => Some(code),
        }
    }

    /// `accepted`, or the code of the refusal: for findings.
    pub(super) fn words(&self) -> &str {
        self.code().unwrap_or("accepted")
    }
}

/// The answer to a call that may be refused.
///
/// # Errors
/// There was none, or a code that says nothing of the request itself.
pub(super) fn answer<T, E>(
    operation: &'static str,
    result: Result<T, SdkError<E, HttpResponse>>,
) -> Result<Answer<T>, Trouble>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let error = match result {
        Ok(given) => return Ok(Answer::Given(given)),
        Err(error) => error,
    };
    let service = error.as_service_error();
    match service.and_then(|e| e.code()) {
        Some(code) if !BESIDE_THE_POINT.contains(&code) => Ok(Answer::Refused(code.to_owned())),
        code => Err(Trouble::Call {
            operation,
            code: code.unwrap_or_default().to_owned(),
            message: plain_text(&with_causes(&error)),
        }),
    }
}

/// The answer to a call that must succeed.
///
/// # Errors
/// It did not.
pub(super) fn given<T, E>(
    operation: &'static str,
    result: Result<T, SdkError<E, HttpResponse>>,
) -> Result<T, Trouble>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    result.map_err(|error| {
        let service = error.as_service_error();
        let code = service.and_then(|e| e.code()).unwrap_or_default();
        let message = service.and_then(|e| e.message()).map(str::to_owned);
        Trouble::Call {
            operation,
            code: code.to_owned(),
            message: plain_text(&message.unwrap_or_else(|| with_causes(&error))),
        }
    })
}

/// A field that AWS always gives.
///
/// # Errors
/// It is missing.
pub(super) fn present<T>(value: Option<T>, operation: &'static str) -> Result<T, Trouble> {
    value.ok_or_else(|| Trouble::Call {
        operation,
        code: String::new(),
        message: "the answer lacks a field that AWS documents".into(),
    })
}
