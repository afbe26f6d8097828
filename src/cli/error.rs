//! Errors of the command line, and the exit codes.

use std::process::ExitCode;

use asg_patch::config::Fault;
use asg_patch::group::{Code, Outcome};
use asg_patch::probe::Trouble;
use asg_patch::report::{GroupReport, RunKind, RunReport};
use asg_patch::run::RunError;
use serde_json::{Value, json};

use super::endpoint::endpoint;
use super::sources;

/// The process's exit codes; the numbers are promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// All well.
    Well = 0,
    /// Some group failed, was rolled back or had no time left, or none was patched; or the result could not be written.
    SomeFailed = 1,
    /// Wrong usage or configuration.
    Usage = 2,
    /// AWS could not be reached or refused.
    Aws = 3,
    /// Something is left to restore.
    LeftOpen = 4,
    /// A Scan found patches missing, and nothing else was wrong.
    PatchesMissing = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

impl From<&RunReport> for Exit {
    fn from(report: &RunReport) -> Self {
        let bad = |group: &GroupReport| match group.outcome {
            // Restoring is the purpose of `restore`, not a failure.
            Outcome::RolledBack => group.code != Some(Code::RestoredFromRecord),
            Outcome::Failed => true,
            // It was asked for, and nothing was wrong with it.
            Outcome::Skipped => group.code == Some(Code::DoesNotFit),
            Outcome::Patched | Outcome::AlreadyCurrent | Outcome::Scanned => false,
        };
        let groups = &report.groups;
        let is_restore = report.kind == RunKind::Restore;
        let stays = |g: &GroupReport| is_restore && g.code == Some(Code::StillOwned);
        if report.left_open().next().is_some() || groups.iter().any(stays) {
            Exit::LeftOpen
        } else if is_restore && groups.iter().any(|g| g.code == Some(Code::NotOptedIn)) {
            Exit::Usage
        } else if groups.iter().any(bad) {
            Exit::SomeFailed
        } else if report.count(Outcome::Scanned) > 0 {
            Exit::PatchesMissing
        } else if is_restore || groups.is_empty() || groups.iter().any(is_served) {
            Exit::Well
        } else if groups.iter().filter_map(|g| g.code).any(Code::is_of_aws) {
            Exit::Aws
        } else {
            Exit::SomeFailed
        }
    }
}

/// Whether a group got what a run was asked for: patches, or the answer that there are none.
fn is_served(group: &GroupReport) -> bool {
    match group.outcome {
        Outcome::Patched | Outcome::AlreadyCurrent => true,
        Outcome::Skipped | Outcome::Scanned | Outcome::RolledBack | Outcome::Failed => false,
    }
}

/// Why a command could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// A flag, variable or file with a value that it cannot have.
    #[error("{place}: expected {expected}, found {found}")]
    Input {
        /// The flag, variable or file.
        place: String,
        /// The values that it can have.
        expected: String,
        /// Its value.
        found: String,
    },
    /// The file of settings is wrong.
    #[error("{}", settings_text(.file, .faults))]
    Settings {
        /// Its path.
        file: String,
        /// All that is wrong with it.
        faults: Vec<Fault>,
    },
    /// A fleet file cannot be used; the message names the place in it.
    #[error("{0}")]
    Fleet(String),
    /// The usual AWS configuration yields no credentials.
    #[error(
        "no AWS credentials: expected keys in the environment, a profile, SSO or a role as the AWS CLI takes them, \
         found: {found}. `aws sts get-caller-identity` shows whether the AWS CLI has some; \
         `aws sso login` renews an SSO session"
    )]
    Credentials {
        /// The providers' words.
        found: String,
    },
    /// The profile that was named is in none of the configuration files.
    #[error(
        "no AWS credentials: expected a profile of ~/.aws/config or ~/.aws/credentials, found no profile '{profile}'{}. \
         `aws configure --profile {profile}` makes one", known_profiles(.known)
    )]
    NoProfile {
        /// As named.
        profile: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// The profile logs in with IAM Identity Center, and has no valid session.
    #[error(
        "no AWS credentials: expected a session of IAM Identity Center for the profile '{profile}', found none that is \
         valid. Log in: aws sso login --profile {profile}"
    )]
    LoggedOut {
        /// The profile.
        profile: String,
    },
    /// The loopback server could not be started.
    #[error("--listen {listen}: expected an address that is free, found: {found}")]
    Listen {
        /// As asked for.
        listen: std::net::SocketAddr,
        /// The system's words.
        found: std::io::Error,
    },
    /// A flat table cannot be written.
    #[error("the result cannot be written as comma-separated values: {0}")]
    Csv(csv::Error),
    /// The async runtime could not be started.
    #[error("the async runtime could not be started: {0}")]
    Runtime(std::io::Error),
    /// A call that a probe needs failed.
    #[error("{0}")]
    Probe(#[from] Trouble),
    /// The run itself.
    #[error("{}", run_error_text(.0))]
    Run(#[from] RunError),
}

impl CliError {
    /// A flag, variable or file with a value that it cannot have.
    pub(crate) fn input(
        place: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self::Input {
            place: sources::told(place.into()),
            expected: expected.into(),
            found: found.into(),
        }
    }

    /// The exit code it leads to.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Input { .. }
            | Self::Settings { .. }
            | Self::Fleet(_)
            | Self::Listen { .. }
            | Self::Csv(_)
            | Self::Runtime(_)
            | Self::Run(RunError::Request(_) | RunError::Refused(_)) => Exit::Usage,
            Self::Credentials { .. }
            | Self::NoProfile { .. }
            | Self::LoggedOut { .. }
            | Self::Probe(_)
            | Self::Run(RunError::Aws { .. }) => Exit::Aws,
            Self::Run(RunError::Stopped { records }) if records.is_empty() => Exit::SomeFailed,
            Self::Run(RunError::Stopped { .. }) => Exit::LeftOpen,
        }
    }

    /// The error as `--json` shows it.
    pub(crate) fn to_json(&self) -> Value {
        let mut error = json!({ "code": self.code(), "message": self.to_string() });
        match self {
            Self::Run(RunError::Aws {
                operation,
                code,
                message: _,
                passing: _,
            }) => {
                error["operation"] = json!(operation);
                error["aws_code"] = json!(code);
            }
            Self::Run(RunError::Stopped { records }) => error["records"] = json!(records),
            Self::Input { .. }
            | Self::Settings { .. }
            | Self::Fleet(_)
            | Self::Credentials { .. }
            | Self::NoProfile { .. }
            | Self::LoggedOut { .. }
            | Self::Listen { .. }
            | Self::Csv(_)
            | Self::Runtime(_)
            | Self::Probe(_)
            | Self::Run(RunError::Request(_) | RunError::Refused(_)) => {}
        }
        json!({ "error": error })
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Input { .. } | Self::Run(RunError::Request(_)) => "input",
            Self::Run(RunError::Refused(_)) => "documents",
            Self::Settings { .. } => "config",
            Self::Fleet(_) => "fleet",
            Self::Credentials { .. } | Self::NoProfile { .. } | Self::LoggedOut { .. } => {
                "credentials"
            }
            Self::Listen { .. } => "listen",
            Self::Csv(_) => "csv",
            Self::Runtime(_) => "runtime",
            Self::Probe(_) | Self::Run(RunError::Aws { .. }) => "aws",
            Self::Run(RunError::Stopped { .. }) => "stopped",
        }
    }
}

fn settings_text(file: &str, faults: &[Fault]) -> String {
    let (first, others) = match faults {
        [] => return file.to_owned(),
        [first, others @ ..] => (first, others.len()),
    };
    match others {
        0 => format!("{file}:{first}"),
        n => format!("{file}:{first} ({n} more: asg-patch config check)"),
    }
}

fn known_profiles(known: &[String]) -> String {
    match known {
        [] => String::new(),
        names => format!(" among {}", names.join(", ")),
    }
}

fn run_error_text(error: &RunError) -> String {
    match error {
        RunError::Aws {
            operation,
            code,
            message,
            ..
        } if matches!(code.as_str(), "DispatchFailure" | "Timeout") => format!(
            "{operation}: expected an answer of {}, found none: {message}. Look at --endpoint-url and AWS_ENDPOINT_URL, at \
             the network and a proxy (HTTPS_PROXY) between, and whether a simulated account still runs",
            endpoint()
        ),
        RunError::Request(_) | RunError::Aws { .. } | RunError::Refused(_) => error.to_string(),
        RunError::Stopped { records } if records.is_empty() => {
            "stopped; no record remains: nothing is left to restore".into()
        }
        RunError::Stopped { records } => {
            let names: Vec<String> = records
                .iter()
                .map(|name| format!("--group {}", asg_patch::text::shell_word(name)))
                .collect();
            format!(
                "{error}. Restore them with: asg-patch restore {}",
                names.join(" ")
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use asg_patch::report::PatchCounts;

    use super::*;

    fn report(groups: &[(Outcome, Option<Code>)]) -> RunReport {
        let at = chrono::DateTime::UNIX_EPOCH;
        let group = |(outcome, code): &(Outcome, Option<Code>)| GroupReport {
            group: "g".into(),
            outcome: *outcome,
            code: *code,
            reason: String::new(),
            left_open: false,
            image_before: None,
            image_after: None,
            version_before: None,
            version_after: None,
            image_age_days: None,
            reverted_from: None,
            place: Default::default(),
            generation: None,
            capacity_before: None,
            capacity_after: None,
            missing_before: None,
            patches: PatchCounts::default(),
            installed: Vec::new(),
            missing: Vec::new(),
            evidence: None,
            published: None,
            console: None,
            phases: Vec::new(),
            altered_seconds: 0,
            instance_seconds: 0,
            seconds_by_type: BTreeMap::new(),
            platform: None,
            image_gib: None,
            scheduled: Vec::new(),
            notes: Vec::new(),
        };
        RunReport {
            run_id: "r".into(),
            kind: RunKind::Run,
            region: "eu-west-1".into(),
            asked_by: None,
            why: None,
            window: None,
            pages_url: None,
            file_version: None,
            approved: None,
            cost: None,
            account: None,
            started_at: at,
            finished_at: at,
            deadline: at,
            groups: groups.iter().map(group).collect(),
            api_calls: BTreeMap::new(),
            warnings: Vec::new(),
        }
    }

    #[test]
    fn a_run_that_patched_none_of_its_groups_is_not_well() {
        use Outcome::{AlreadyCurrent, Patched, RolledBack, Scanned, Skipped};
        let denied = (Skipped, Some(Code::AccessDenied));
        let refused = (Skipped, Some(Code::WarmPool));
        let rows = [
            (vec![], Exit::Well),
            (vec![(Patched, None), refused], Exit::Well),
            (
                vec![(Patched, None), (Skipped, Some(Code::DoesNotFit))],
                Exit::SomeFailed,
            ),
            (vec![(AlreadyCurrent, None), denied], Exit::Well),
            (
                vec![
                    (AlreadyCurrent, None),
                    (Scanned, Some(Code::PatchesMissing)),
                ],
                Exit::PatchesMissing,
            ),
            (
                vec![
                    (Scanned, Some(Code::PatchesMissing)),
                    (RolledBack, Some(Code::ScanFailed)),
                ],
                Exit::SomeFailed,
            ),
            (vec![refused, refused], Exit::SomeFailed),
            (vec![denied, denied], Exit::Aws),
            (vec![denied, refused], Exit::Aws),
            (
                vec![denied, (RolledBack, Some(Code::Interrupted))],
                Exit::SomeFailed,
            ),
        ];
        for (groups, exit) in rows {
            assert_eq!(Exit::from(&report(&groups)), exit, "{groups:?}");
        }
        // A restore that another has done is no failure; a record that stays with its run is open.
        for (outcome, code, exit) in [
            (RolledBack, Code::RestoredFromRecord, Exit::Well),
            (Skipped, Code::StillOwned, Exit::LeftOpen),
            (Skipped, Code::RestoredMeanwhile, Exit::Well),
        ] {
            let restored = RunReport {
                kind: RunKind::Restore,
                ..report(&[(outcome, Some(code))])
            };
            assert_eq!(Exit::from(&restored), exit, "{code}");
        }
        // A name that is no group's is a mistake, whatever became of the others.
        let mistaken = RunReport {
            kind: RunKind::Restore,
            ..report(&[
                (RolledBack, Some(Code::RestoredFromRecord)),
                (Skipped, Some(Code::NotOptedIn)),
            ])
        };
        assert_eq!(Exit::from(&mistaken), Exit::Usage);
    }
}
