//! Calls that did not succeed, classed by what helps against it; and reads that may have failed.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::{Code, Failure, limits};

/// A call that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// `service:Operation`.
    pub operation: String,
    /// AWS's error code, or the SDK's word for what kept us from AWS.
    pub code: String,
    /// AWS's words.
    pub message: String,
    /// The class: what helps against it.
    pub class: FaultClass,
}

/// Classes of faults, each by what helps against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FaultClass {
    /// Asking less often.
    Throttled,
    /// Time: no or a broken answer. The call may have taken effect.
    Unreachable,
    /// A little time: something just created is not known everywhere yet.
    NotYet,
    /// Time: another change is under way.
    Contention,
    /// Time, perhaps much: a limit of the account is reached, and what others have under way ends some day.
    Exhausted,
    /// It exists already: look at it.
    Exists,
    /// It does not exist (any more).
    Gone,
    /// Time: the credentials have run out and may be renewed. They are while a driver lives.
    Expired,
    /// A permission. One that was granted a moment ago is not known everywhere yet.
    Denied,
    /// Nothing: AWS will refuse it again.
    Refused,
}

/// The code of a fault that is an answer of AWS's with a warning.
pub const WARNING: &str = "Warning";

impl Fault {
    /// Whether the call may have taken effect all the same: no answer came, or one with a warning.
    pub fn may_have_taken_effect(&self) -> bool {
        self.class == FaultClass::Unreachable || self.code == WARNING
    }

    /// The failure that a lasting fault means for a group.
    pub fn to_failure(&self) -> Failure {
        let Self {
            operation,
            code,
            message,
            class,
        } = self;
        let (kind, what) = match class {
            FaultClass::Denied => (Code::AccessDenied, "is not allowed"),
            FaultClass::Expired => (
                Code::CredentialsExpired,
                "was refused for too long, with credentials that have run out",
            ),
            FaultClass::Throttled | FaultClass::Unreachable | FaultClass::Contention => {
                (Code::AwsUnreachable, "did not succeed for too long")
            }
            FaultClass::Exhausted => (
                Code::AwsError,
                "was refused for too long, for a limit of the account",
            ),
            FaultClass::NotYet | FaultClass::Exists | FaultClass::Gone | FaultClass::Refused => {
                (Code::AwsError, "was refused")
            }
        };
        Failure::new(kind, format!("{operation} {what}: {code}: {message}"))
    }
}

impl FaultClass {
    /// How long a fault is waited out before it counts as lasting; zero where time does not help.
    pub fn patience(self) -> TimeDelta {
        match self {
            Self::Throttled | Self::Unreachable | Self::Contention | Self::Expired => {
                limits::FAULT_LIMIT
            }
            Self::Exhausted => limits::EXHAUSTED_LIMIT,
            Self::NotYet => limits::VISIBILITY_LIMIT,
            Self::Denied => limits::DENIED_LIMIT,
            Self::Exists | Self::Gone | Self::Refused => TimeDelta::zero(),
        }
    }
}

/// The answer to a read. A read that failed is not an absence.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Read<T> {
    /// It was not asked for.
    #[default]
    Unread,
    /// AWS did not say.
    Failed(Fault),
    /// AWS says that it does not exist.
    Absent,
    /// It is there.
    Present(T),
}

impl<T> Read<T> {
    /// The value, if it is there.
    pub fn present(&self) -> Option<&T> {
        match self {
            Self::Present(value) => Some(value),
            Self::Unread | Self::Failed(_) | Self::Absent => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reached_limit_is_waited_out_for_longer_than_anything_else() {
        let others = [
            FaultClass::Throttled,
            FaultClass::Unreachable,
            FaultClass::NotYet,
            FaultClass::Contention,
            FaultClass::Expired,
            FaultClass::Denied,
        ];
        for other in others {
            assert!(
                FaultClass::Exhausted.patience() > other.patience() * 10,
                "{other:?}"
            );
        }
        let fault = Fault {
            operation: "ec2:CreateImage".into(),
            code: "ConcurrentSnapshotLimitExceeded".into(),
            message: "five at a time".into(),
            class: FaultClass::Exhausted,
        };
        assert_eq!(
            fault.to_failure().reason,
            "ec2:CreateImage was refused for too long, for a limit of the account: \
             ConcurrentSnapshotLimitExceeded: five at a time"
        );
    }
}
