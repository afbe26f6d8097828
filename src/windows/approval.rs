//! Approvals: a window can demand that a person lets its runs begin.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::WindowError;
use crate::tag_filter::is_like;
use crate::text::{moment, plain_text};

/// The longest wait: the longest window.
const MOST_WITHIN: TimeDelta = TimeDelta::hours(24);

/// The approval that a window demands before its runs begin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApprovalDemand {
    /// So long after its opening a run still waits for an approval.
    pub within: TimeDelta,
    /// The principals that may decide, with `*` and `?` as wildcards; empty for all that may run the console's document.
    pub approvers: Vec<String>,
}

impl ApprovalDemand {
    /// From what is written: for how long a run waits, such as `30m`, and the ARNs of those who may decide.
    ///
    /// # Errors
    /// The first that is wrong.
    pub fn read(within: Option<&str>, approvers: &[String]) -> Result<Self, WindowError> {
        let span = |text: &str| {
            let span = humantime::parse_duration(text).ok();
            let span = span.and_then(|s| TimeDelta::from_std(s).ok());
            let fits = span.filter(|s| *s <= MOST_WITHIN);
            fits.ok_or_else(|| WindowError::Approval {
                expected: "approval-within from 0s to 24h, such as 30m".into(),
                found: format!("'{text}'"),
            })
        };
        let can_approve = |a: &String| Principal::read(a).is_some_and(|p| p.can_approve());
        if let Some(found) = approvers.iter().find(|a| !can_approve(a)) {
            return Err(WindowError::Approval {
                expected: "approvers as ARNs of roles with their names, of sessions or of users, such as arn:aws:iam::123456789012:role/Approvers"
                    .into(),
                found: format!("'{found}'"),
            });
        }
        Ok(Self {
            within: within.map(span).transpose()?.unwrap_or_default(),
            approvers: approvers.to_vec(),
        })
    }

    /// Whether a principal may decide. One who has assumed a role is named by the role, too.
    pub fn admits(&self, principal: &str) -> bool {
        let is_named = |a: &String| is_like(a, principal) || of_role(a, principal);
        self.approvers.is_empty() || self.approvers.iter().any(is_named)
    }
}

/// Whether a principal has assumed the role of this ARN: `arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION`, without the role's path.
fn of_role(role: &str, principal: &str) -> bool {
    let (Some(role), Some(principal)) = (Principal::read(role), Principal::read(principal)) else {
        return false;
    };
    let name = role.of("iam", "role/").and_then(|n| n.rsplit('/').next());
    let assumed = principal.of("sts", "assumed-role/");
    let assumed = assumed.and_then(|s| s.split_once('/')).map(|(n, _)| n);
    let same =
        is_like(role.partition, principal.partition) && is_like(role.account, principal.account);
    matches!((name, assumed), (Some(name), Some(assumed)) if same && is_like(name, assumed))
}

/// The parts of a principal's ARN.
struct Principal<'a> {
    partition: &'a str,
    service: &'a str,
    account: &'a str,
    name: &'a str,
}

impl<'a> Principal<'a> {
    fn read(arn: &'a str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        let (arn, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (_region, account, name) = (parts.next()?, parts.next()?, parts.next()?);
        (arn == "arn").then_some(Self {
            partition,
            service,
            account,
            name,
        })
    }

    /// The name behind this word, if it is one of this service.
    fn of(&self, service: &str, word: &str) -> Option<&'a str> {
        let name = self.name.strip_prefix(word)?;
        (self.service == service && !name.is_empty()).then_some(name)
    }

    /// Whether it can be an approver. A session's ARN has no path of its role: one that says only a path would be any role.
    fn can_approve(&self) -> bool {
        let role = self
            .of("iam", "role/")
            .map(|n| n.rsplit('/').next().unwrap_or(n));
        let is_named = role.is_some_and(|n| n.chars().any(|c| !"*?".contains(c)));
        let session = self
            .of("sts", "assumed-role/")
            .and_then(|s| s.split_once('/'));
        is_named || session.is_some() || self.of("iam", "user/").is_some()
    }
}

/// A person's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Its run may begin.
    Approved,
    /// It must not.
    Rejected,
}

/// A decision about one opening of a window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The window's name.
    pub window: String,
    /// The opening's begin.
    pub start: DateTime<Utc>,
    /// Its end.
    pub end: DateTime<Utc>,
    /// Approved or rejected.
    pub decision: Decision,
    /// The principal who decided, as AWS names it.
    pub by: String,
    /// The reason that was given.
    pub why: String,
    /// When.
    pub at: DateTime<Utc>,
}

impl Approval {
    /// Whether it is about this run.
    pub fn is_of(&self, due: &Due<'_>) -> bool {
        let is_then = match due.is_exact {
            true => self.start == due.start,
            false => self.start - Due::EARLY <= due.start && due.start < self.start + Due::LATE,
        };
        self.window == due.window && is_then
    }

    /// For people: `arn:aws:sts::... on 2026-10-13 09:00:00 UTC: the reason`.
    pub fn words(&self) -> String {
        let why = plain_text(&self.why);
        format!("{} on {}: {why}", plain_text(&self.by), moment(self.at))
    }
}

/// How it stands with the approval of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may begin.
    Approved(Approval),
    /// It must not.
    Rejected(Approval),
    /// Nobody has decided, and it is awaited until this time.
    Awaited(DateTime<Utc>),
    /// Nobody had decided by this time.
    Lacking(DateTime<Utc>),
}

impl Standing {
    /// The person who approved it, when and why; none if nobody did.
    pub fn approved(&self) -> Option<String> {
        match self {
            Self::Approved(decision) => Some(decision.words()),
            Self::Rejected(_) | Self::Awaited(_) | Self::Lacking(_) => None,
        }
    }
}

/// A run that is due.
#[derive(Clone, Copy, Debug)]
pub struct Due<'a> {
    /// Its window.
    pub window: &'a str,
    /// The begin of the window.
    pub start: DateTime<Utc>,
    /// Nothing is started after this.
    pub cutoff: DateTime<Utc>,
    /// Whether that is the schedule's own time. A maintenance window does not tell it: its run begins with its execution.
    pub is_exact: bool,
}

impl Due<'_> {
    /// A run of a maintenance window whose clock differs is this much early at most.
    pub const EARLY: TimeDelta = TimeDelta::minutes(1);
    /// It begins this much after the window opens at most.
    pub const LATE: TimeDelta = TimeDelta::minutes(15);
}

/// How it stands with a run. Of several decisions about its opening the last counts; one of a principal that may not decide any more
/// counts no more.
pub fn standing(
    demand: &ApprovalDemand,
    decisions: &[Approval],
    due: &Due<'_>,
    now: DateTime<Utc>,
) -> Standing {
    let counts = |a: &&Approval| a.is_of(due) && demand.admits(&a.by);
    let last = decisions.iter().filter(counts).max_by_key(|a| a.at);
    let until = (due.start + demand.within).min(due.cutoff);
    match last {
        Some(a) if a.decision == Decision::Approved => Standing::Approved(a.clone()),
        Some(a) => Standing::Rejected(a.clone()),
        None if now < until => Standing::Awaited(until),
        None => Standing::Lacking(until),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn decided(decision: Decision, by: &str, when: &str) -> Approval {
        Approval {
            window: "production".into(),
            start: at("2026-10-14T04:00:00Z"),
            end: at("2026-10-14T07:00:00Z"),
            decision,
            by: by.into(),
            why: "CHG-1".into(),
            at: at(when),
        }
    }

    #[test]
    fn the_last_decision_of_those_who_may_decide_counts() {
        use Decision::{Approved, Rejected};
        let mara = "arn:aws:sts::123456789012:assumed-role/Approvers/mara";
        let eve = "arn:aws:sts::123456789012:assumed-role/Developers/eve";
        let demand = |within: &str| {
            let role = ["arn:aws:iam::123456789012:role/team/Approvers".to_owned()];
            ApprovalDemand::read(Some(within), &role).unwrap()
        };
        let span = (at("2026-10-14T04:00:00Z"), at("2026-10-14T06:00:00Z"));
        let how = |decisions: &[Approval], window: &str, start: &str, within: &str, now: &str| {
            let due = Due {
                window,
                start: at(start),
                cutoff: span.1,
                is_exact: true,
            };
            match standing(&demand(within), decisions, &due, at(now)) {
                Standing::Approved(_) => "approved".to_owned(),
                Standing::Rejected(_) => "rejected".to_owned(),
                Standing::Awaited(until) => format!("until {}", until.format("%H:%M")),
                Standing::Lacking(_) => "lacking".to_owned(),
            }
        };
        let yes = decided(Approved, mara, "2026-10-13T09:00:00Z");
        let no = decided(Rejected, mara, "2026-10-13T10:00:00Z");
        let hers = decided(Approved, eve, "2026-10-13T11:00:00Z");
        let start = "2026-10-14T04:00:00Z";
        type Row<'a> = (&'a [Approval], &'a str, &'a str, &'a str, &'a str, &'a str);
        let rows: [Row<'_>; 10] = [
            (
                std::slice::from_ref(&yes),
                "production",
                start,
                "0s",
                start,
                "approved",
            ),
            (
                &[yes.clone(), no.clone()],
                "production",
                start,
                "30m",
                start,
                "rejected",
            ),
            (
                &[no.clone(), yes.clone()],
                "production",
                start,
                "30m",
                start,
                "rejected",
            ),
            (
                &[no, hers.clone()],
                "production",
                start,
                "30m",
                start,
                "rejected",
            ),
            (&[hers], "production", start, "30m", start, "until 04:30"),
            (
                std::slice::from_ref(&yes),
                "acceptance",
                start,
                "0s",
                start,
                "lacking",
            ),
            (
                std::slice::from_ref(&yes),
                "production",
                "2026-10-14T05:00:00Z",
                "0s",
                "2026-10-14T05:00:00Z",
                "lacking",
            ),
            (
                std::slice::from_ref(&yes),
                "production",
                "2026-10-21T04:00:00Z",
                "0s",
                "2026-10-21T04:00:00Z",
                "lacking",
            ),
            (&[], "production", start, "6h", start, "until 06:00"),
            (
                &[],
                "production",
                start,
                "30m",
                "2026-10-14T04:30:00Z",
                "lacking",
            ),
        ];
        for (decisions, window, start, within, now, expected) in rows {
            assert_eq!(
                how(decisions, window, start, within, now),
                expected,
                "{decisions:?} {window} {start}"
            );
        }
    }

    #[test]
    fn principals_are_named_by_role_or_by_session() {
        let names = |approver: &str, principal: &str| {
            let approvers = [approver.to_owned()];
            ApprovalDemand::read(None, &approvers)
                .unwrap()
                .admits(principal)
        };
        let session = "arn:aws:sts::123456789012:assumed-role/Approvers/mara";
        assert!(names("arn:aws:iam::123456789012:role/Approvers", session));
        assert!(names(
            "arn:aws:iam::123456789012:role/a/b/Approvers",
            session
        ));
        assert!(names(
            "arn:aws:sts::123456789012:assumed-role/Approvers/*",
            session
        ));
        assert!(names(
            "arn:aws:iam::123456789012:role/Approvers",
            "arn:aws:iam::123456789012:role/Approvers"
        ));
        for other in [
            "arn:aws:iam::999999999999:role/Approvers",
            "arn:aws-cn:iam::123456789012:role/Approvers",
            "arn:aws:iam::123456789012:role/Approver",
            "arn:aws:iam::123456789012:user/Approvers",
            "arn:aws:sts::123456789012:assumed-role/Approvers/eve",
        ] {
            assert!(!names(other, session), "{other}");
        }
        // A session has no path: this would be every role of the account.
        for any in [
            "arn:aws:iam::123456789012:role/approvers/*",
            "arn:aws:iam::123456789012:role/*",
            "arn:aws:iam::123456789012:group/approvers",
            "arn:aws:s3:::bucket",
        ] {
            assert!(
                ApprovalDemand::read(None, &[any.to_owned()]).is_err(),
                "{any}"
            );
        }
        assert!(names("arn:aws:iam::*:role/team/Appr*", session));
        let sly = "arn:aws:sts::123456789012:assumed-role/Developers/Approvers";
        assert!(!names("arn:aws:iam::123456789012:role/Approvers", sly));
    }

    #[test]
    fn what_cannot_be_demanded_is_said() {
        let wrong = |within: Option<&str>, approver: &str| {
            let approvers: Vec<String> = [approver]
                .iter()
                .filter(|a| !a.is_empty())
                .map(|a| (*a).to_owned())
                .collect();
            ApprovalDemand::read(within, &approvers)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            wrong(Some("2d"), ""),
            "expected approval-within from 0s to 24h, such as 30m, found '2d'"
        );
        assert_eq!(
            wrong(None, "mara"),
            "expected approvers as ARNs of roles with their names, of sessions or of users, such as arn:aws:iam::123456789012:role/Approvers, found 'mara'"
        );
    }
}
