//! The owner's own documents around a group's change: Automation runbooks that were checked, their executions, and how
//! these end.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{GroupName, RunId};
use crate::request::{AfterFailure, BeforeFailure};
use crate::text::hash_hex;

/// Begins the key of the tag on every execution of a run; its token follows.
pub const TAG_PREFIX: &str = "asg-patch:automation:";

/// When a runbook is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// Before the first change to the group.
    Before,
    /// Once the group names the new version for good.
    After,
}

impl Moment {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Before, Self::After];

    /// As tags and settings name its document.
    pub fn document(self) -> &'static str {
        match self {
            Self::Before => "before-document",
            Self::After => "after-document",
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Before => "before",
            Self::After => "after",
        })
    }
}

/// A role that a runbook is given by a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleGiven {
    /// The parameter.
    pub parameter: String,
    /// The role's ARN.
    pub role: String,
}

/// A runbook as it was checked: this version of it runs with a role of its own, and needs no parameter but these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runbook {
    /// Its name or ARN, as the owner gives it.
    pub document: String,
    /// The version that was checked.
    pub version: u64,
    /// The role that it is given, if it does not name one itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleGiven>,
    /// Which of [`PARAMETERS`] it declares.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub declares: BTreeSet<String>,
}

impl Runbook {
    /// Whether an execution of a document of this name or ARN, and of this version, is one of it.
    pub fn is_of(&self, document: &str, version: &str) -> bool {
        let name = |document: &str| document.rsplit('/').next().map(str::to_owned);
        name(&self.document) == name(document) && self.version.to_string() == version
    }
}

/// `Acme-Drain (version 3)`.
impl fmt::Display for Runbook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (version {})", self.document, self.version)
    }
}

/// The group's name.
pub const GROUP: &str = "AutoScalingGroupName";
/// The run's id.
pub const RUN: &str = "RunId";
/// `before` or `after`.
pub const STEP: &str = "Step";
/// The image that the group launches from at the time.
pub const IMAGE: &str = "ImageId";
/// Its launch template.
pub const TEMPLATE: &str = "LaunchTemplateId";
/// The number of the version that it launches from at the time.
pub const VERSION: &str = "LaunchTemplateVersion";

/// The parameters that a run gives to a runbook that declares them.
pub const PARAMETERS: [&str; 6] = [GROUP, RUN, STEP, IMAGE, TEMPLATE, VERSION];

/// The runbooks of a group, and what follows when one fails.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runbooks {
    /// Run before the first change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Runbook>,
    /// Run once the new version is deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Runbook>,
    /// If the first fails.
    #[serde(default)]
    pub before_failure: BeforeFailure,
    /// If the second fails.
    #[serde(default)]
    pub after_failure: AfterFailure,
}

impl Runbooks {
    /// The runbook of this moment.
    pub fn of(&self, moment: Moment) -> Option<&Runbook> {
        match moment {
            Moment::Before => self.before.as_ref(),
            Moment::After => self.after.as_ref(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.before.is_none() && self.after.is_none()
    }
}

/// A runbook to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// When.
    pub moment: Moment,
    /// Which.
    pub runbook: Runbook,
    /// Its parameters, but for its role.
    pub parameters: BTreeMap<String, String>,
    /// Idempotency token, which also names its tag.
    pub token: String,
}

/// The token of an execution, of the form of a UUID, as AWS wants it: the same for the same run, group and moment.
pub fn token(run: &RunId, group: &GroupName, moment: Moment) -> String {
    let hex = hash_hex(&[run.as_str(), group.as_str(), &moment.to_string()], 16);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!(
        "{}-{}-4{}-8{}-{}",
        part(0, 8),
        part(8, 12),
        part(13, 16),
        part(17, 20),
        part(20, 32)
    )
}

/// The key of the tag by which an execution is found again.
pub fn tag(token: &str) -> String {
    format!("{TAG_PREFIX}{token}")
}

/// An execution that the run has started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    /// Its id.
    pub id: String,
    /// How it ended, once it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
}

/// The end of an execution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Whether it was a success.
    pub is_good: bool,
    /// AWS's status, and its message if there is one.
    pub words: String,
}

/// Where an execution stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not over. So is whatever waits for a person or a time, and every status that is not known.
    Open,
    /// Over, and good.
    Good,
    /// Over, and not good.
    Bad,
}

impl Standing {
    /// Of a status (AutomationExecutionStatus). `Approved` and `ChangeCalendarOverrideApproved` stand before the steps.
    pub fn of(status: &str) -> Self {
        match status {
            "Success" | "CompletedWithSuccess" => Self::Good,
            "Failed"
            | "TimedOut"
            | "Cancelled"
            | "Rejected"
            | "CompletedWithFailure"
            | "ChangeCalendarOverrideRejected"
            | "Exited" => Self::Bad,
            _ => Self::Open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_the_form_of_a_uuid_and_are_of_one_group_and_moment() {
        let of = |run: &str, group: &str, moment| token(&run.into(), &group.into(), moment);
        let first = of("run-1", "web", Moment::Before);
        let lengths: Vec<usize> = first.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert!(first.chars().all(|c| c == '-' || c.is_ascii_hexdigit()));
        assert_eq!(first, of("run-1", "web", Moment::Before));
        for other in [
            of("run-1", "web", Moment::After),
            of("run-2", "web", Moment::Before),
            of("run-1", "api", Moment::Before),
        ] {
            assert_ne!(first, other);
        }
        // SSM: a tag's key has at most 128 characters.
        assert!(tag(&first).len() <= 128);
    }

    #[test]
    fn an_execution_of_another_document_is_none_of_ours() {
        let arn = "arn:aws:ssm:eu-west-1:111122223333:document/Acme-Drain";
        let runbook = |document: &str| Runbook {
            document: document.into(),
            version: 3,
            role: None,
            declares: BTreeSet::new(),
        };
        for named in ["Acme-Drain", arn] {
            let runbook = runbook(named);
            assert!(runbook.is_of("Acme-Drain", "3") && runbook.is_of(arn, "3"));
            assert!(!runbook.is_of("Acme-Drain", "2") && !runbook.is_of("Acme-Other", "3"));
        }
    }

    #[test]
    fn what_is_not_known_to_be_over_is_open() {
        for (status, standing) in [
            ("Success", Standing::Good),
            ("CompletedWithSuccess", Standing::Good),
            ("CompletedWithFailure", Standing::Bad),
            ("Cancelled", Standing::Bad),
            ("Cancelling", Standing::Open),
            ("PendingApproval", Standing::Open),
            ("Approved", Standing::Open),
            ("Rejected", Standing::Bad),
            ("Scheduled", Standing::Open),
            ("Brooding", Standing::Open),
            ("", Standing::Open),
        ] {
            assert_eq!(Standing::of(status), standing, "{status}");
        }
    }
}
