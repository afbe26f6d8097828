//! Faults: of which kind, for how long, and from when on.

use asg_patch::sim::faults::{FaultRule, InjectedFault};
use asg_patch::sim::wire::ApiError;
use chrono::{DateTime, TimeDelta, Utc};

/// The kind of answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Throttled,
    InternalError,
    Unavailable,
    Silence,
    Expired,
    Denied,
}

pub(super) const KINDS: [Kind; 6] = [
    Kind::Throttled,
    Kind::InternalError,
    Kind::Unavailable,
    Kind::Silence,
    Kind::Expired,
    Kind::Denied,
];

impl Kind {
    /// As the operation's service spells it: HTTP status and code; silence is a timeout to the caller.
    pub(super) fn answer(self, operation: &str) -> (u16, &'static str) {
        let service = operation.split(':').next().unwrap_or_default();
        match (self, service) {
            (Self::Throttled, "ec2") => (503, "RequestLimitExceeded"),
            (Self::Throttled, "ssm") => (400, "ThrottlingException"),
            (Self::Throttled, _) => (400, "Throttling"),
            (Self::InternalError, "ec2") => (500, "InternalError"),
            (Self::InternalError, "ssm") => (500, "InternalServerError"),
            (Self::InternalError, _) => (500, "InternalFailure"),
            (Self::Unavailable, _) => (503, "ServiceUnavailable"),
            (Self::Silence, _) => (0, "Timeout"),
            (Self::Expired, "ec2") => (400, "RequestExpired"),
            (Self::Expired, "ssm") => (400, "ExpiredTokenException"),
            (Self::Expired, _) => (403, "ExpiredToken"),
            (Self::Denied, "ec2") => (403, "UnauthorizedOperation"),
            (Self::Denied, "ssm") => (400, "AccessDeniedException"),
            (Self::Denied, _) => (403, "AccessDenied"),
        }
    }

    fn fault(self, operation: &str) -> InjectedFault {
        match (self, self.answer(operation)) {
            (Self::Silence, _) => InjectedFault::Hang,
            (_, (status, code)) => {
                InjectedFault::Error(ApiError::with_status(status, code, "a fault"))
            }
        }
    }
}

/// How long it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Length {
    Once,
    Minute,
    ForGood,
}

pub(super) const LENGTHS: [Length; 3] = [Length::Once, Length::Minute, Length::ForGood];

/// The first call of an operation in a phase.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    pub(super) operation: String,
    pub(super) phase: String,
    pub(super) at: DateTime<Utc>,
    /// Calls of the operation before.
    pub(super) earlier: u64,
}

impl Moment {
    pub(super) fn rule(&self, kind: Kind, length: Length) -> FaultRule {
        let fault = kind.fault(&self.operation);
        match length {
            Length::Once => FaultRule::at(&self.operation, self.earlier, 1, fault),
            Length::Minute => FaultRule::during(
                &self.operation,
                self.at,
                Some(self.at + TimeDelta::seconds(60)),
                fault,
            ),
            Length::ForGood => FaultRule::during(&self.operation, self.at, None, fault),
        }
    }
}
