//! AWS's error codes to classes. Codes are matched, never messages.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::group::fault::{Fault, FaultClass};

/// A failed call as a fault: AWS's code and message with their class. `operation` is `service:Operation`.
pub(super) fn fault<E>(operation: &str, error: &SdkError<E, HttpResponse>) -> Fault
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let (code, message, class) = match error {
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            // A proxy or a load balancer in between answers without one.
            let status_code = format!("HTTP {status}");
            let code = answer.err().code().unwrap_or(&status_code);
            let message = answer.err().message().unwrap_or_default();
            (code.to_owned(), message.to_owned(), class_of(code, status))
        }
        SdkError::TimeoutError(_) => (
            "Timeout".into(),
            with_causes(error),
            FaultClass::Unreachable,
        ),
        SdkError::DispatchFailure(_) => (
            "DispatchFailure".into(),
            root_cause(error),
            FaultClass::Unreachable,
        ),
        SdkError::ResponseError(_) => (
            "ResponseError".into(),
            with_causes(error),
            FaultClass::Unreachable,
        ),
        // Credentials or a parameter that the SDK refuses by itself: asking again does not help.
        _ => (
            "ConstructionFailure".into(),
            with_causes(error),
            FaultClass::Refused,
        ),
    };
    Fault {
        operation: operation.to_owned(),
        code,
        message,
        class,
    }
}

/// The first cause: those above it say where the SDK was, not what was wrong.
fn root_cause(error: &dyn Error) -> String {
    let mut first = error;
    while let Some(cause) = first.source() {
        first = cause;
    }
    first.to_string()
}

/// An error with its causes, each once: the SDK's own errors say little without them.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}

/// An answer lacks a field that AWS documents as present.
const MISSING: &str = "MissingField";
/// An answer holds a value that is not possible.
const INVALID: &str = "InvalidField";

/// Whether the call succeeded, and its answer makes no sense.
pub(super) fn is_odd(fault: &Fault) -> bool {
    fault.code == MISSING || fault.code == INVALID
}

/// An answer lacks a field that AWS documents as present.
pub(super) fn missing(operation: &str, field: &str) -> Fault {
    Fault {
        operation: operation.to_owned(),
        code: MISSING.into(),
        message: format!("expected {field} in the answer, found none"),
        class: FaultClass::Unreachable,
    }
}

/// A field that AWS documents as present.
pub(super) fn required<T>(value: Option<T>, operation: &str, field: &str) -> Result<T, Fault> {
    value.ok_or_else(|| missing(operation, field))
}

/// A text that AWS documents as present: the SDK puts an empty one where a required one is missing.
pub(super) fn text<'a>(
    value: Option<&'a str>,
    operation: &str,
    field: &str,
) -> Result<&'a str, Fault> {
    required(value.filter(|v| !v.is_empty()), operation, field)
}

/// A state that AWS documents as present: where it is missing, the SDK puts in a placeholder of its own.
pub(super) fn reported<'a>(
    value: Option<&'a str>,
    operation: &str,
    field: &str,
) -> Result<&'a str, Fault> {
    required(value.filter(|v| *v != "no value was set"), operation, field)
}

/// An answer holds a value that is not possible.
pub(super) fn invalid(operation: &str, field: &str, found: impl std::fmt::Display) -> Fault {
    Fault {
        operation: operation.to_owned(),
        code: INVALID.into(),
        message: format!("expected a valid {field}, found '{found}'"),
        class: FaultClass::Unreachable,
    }
}

/// A number that AWS documents as present: not below zero.
pub(super) fn number(value: Option<i64>, operation: &str, field: &str) -> Result<u64, Fault> {
    let value = required(value, operation, field)?;
    u64::try_from(value).map_err(|_| invalid(operation, field, value))
}

/// A part of a request that was refused, although the call succeeded: AWS's code and message.
pub(super) fn refused_part(operation: &str, code: &str, message: &str) -> Fault {
    // EventBridge's own trouble has no status beside it.
    let status = if code == "InternalFailure" { 500 } else { 200 };
    Fault {
        operation: operation.to_owned(),
        code: code.to_owned(),
        message: message.to_owned(),
        class: class_of(code, status),
    }
}

fn class_of(code: &str, status: u16) -> FaultClass {
    match code {
        "Throttling"
        | "ThrottlingException"
        | "RequestLimitExceeded"
        | "RateExceeded"
        | "TooManyUpdates"
        | "RequestThrottled"
        | "SnapshotCreationPerVolumeRateExceeded"
        | "SlowDown" => FaultClass::Throttled,
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedOperation"
        | "AuthorizationError"
        | "AuthFailure"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "SignatureDoesNotMatch"
        | "OptInRequired"
        | "MissingAuthenticationToken"
        | "NotAuthorizedForSourceException"
        | "NotAuthorizedForDetailTypeException"
        | "NotAuthorized" => FaultClass::Denied,
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => FaultClass::Expired,
        "InvalidInstanceID.NotFound"
        | "InvalidAMIID.NotFound"
        | "InvocationDoesNotExist"
        | "AutomationExecutionNotFoundException"
        | "InvalidInstanceId"
        | "InvalidCommandId"
        | "InvalidLaunchTemplateId.VersionNotFound" => FaultClass::NotYet,
        "ResourceContention"
        | "ScalingActivityInProgress"
        | "ResourceInUse"
        | "ConcurrentTagAccess"
        | "IncorrectState"
        | "IncorrectInstanceState"
        | "InvalidAMIID.Unavailable"
        | "InvalidSnapshot.InUse" => FaultClass::Contention,
        // EC2 Developer Guide, "Error codes": what is under way, or counts against a quota, is others' too.
        "ConcurrentSnapshotLimitExceeded"
        | "ConcurrentCreateImageNoRebootLimitExceeded"
        | "PendingSnapshotLimitExceeded"
        | "SnapshotLimitExceeded"
        | "ResourceLimitExceeded"
        | "InstanceLimitExceeded"
        | "AutomationExecutionLimitExceededException"
        | "VcpuLimitExceeded" => FaultClass::Exhausted,
        "ParameterAlreadyExists" | "InvalidAMIName.Duplicate" => FaultClass::Exists,
        // Elastic Load Balancing's: the target group or load balancer is gone, or the instance does not run (any more)
        // or was never registered.
        // What cannot be the id of a template is the id of none.
        // ResourceNotFoundException is EventBridge Scheduler's, DoesNotExistException of a maintenance window or its task.
        "ParameterNotFound"
        | "ResourceNotFoundException"
        | "DoesNotExistException"
        | "ExecutionDoesNotExist"
        | "AutomationDefinitionNotFoundException"
        | "AutomationDefinitionVersionNotFoundException"
        | "InvalidSnapshot.NotFound"
        | "InvalidLaunchTemplateId.NotFound"
        | "InvalidLaunchTemplateId.Malformed"
        | "TargetGroupNotFound"
        | "InvalidTarget"
        | "LoadBalancerNotFound"
        | "InvalidInstance" => FaultClass::Gone,
        // The simulated account's own code for a call that it does not model: it must be loud.
        "SimulatorUnsupported" => FaultClass::Refused,
        _ if status >= 500 => FaultClass::Unreachable,
        _ => FaultClass::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_classed_by_what_helps_against_them() {
        let rows = [
            (
                "ConcurrentSnapshotLimitExceeded",
                400,
                FaultClass::Exhausted,
            ),
            (
                "ConcurrentCreateImageNoRebootLimitExceeded",
                400,
                FaultClass::Exhausted,
            ),
            ("PendingSnapshotLimitExceeded", 400, FaultClass::Exhausted),
            ("ResourceLimitExceeded", 400, FaultClass::Exhausted),
            ("VcpuLimitExceeded", 400, FaultClass::Exhausted),
            // Another quota, against which no wait helps.
            (
                "LaunchTemplateVersionLimitExceeded",
                400,
                FaultClass::Refused,
            ),
            ("RequestLimitExceeded", 503, FaultClass::Throttled),
            ("InsufficientInstanceCapacity", 500, FaultClass::Unreachable),
            ("InvalidCommandId", 400, FaultClass::NotYet),
            ("ValidationError", 400, FaultClass::Refused),
        ];
        for (code, status, class) in rows {
            assert_eq!(class_of(code, status), class, "{code}");
        }
    }
}
