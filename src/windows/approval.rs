//! Approvals: a window can demand that a person lets its runs begin.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::WindowError;
use crate::tag_filter::is_like;
use crate::text::{moment, plain_text};

/// A run that begins this much before its window's opening, by a clock that differs, is of it.
const EARLY: TimeDelta = TimeDelta::minutes(5);
/// The longest wait: the longest window.
const MOST_WITHIN: TimeDelta = TimeDelta::hours(24);

/// What a window demands before its runs begin.
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
        if let Some(found) = approvers.iter().find(|a| !a.starts_with("arn:")) {
            return Err(WindowError::Approval {
                expected: "approvers as ARNs of roles or users, such as arn:aws:iam::123456789012:role/Approvers"
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
    let (role, principal): (Vec<&str>, Vec<&str>) = (
        role.splitn(6, ':').collect(),
        principal.splitn(6, ':').collect(),
    );
    let ([_, p1, "iam", _, a1, name], [_, p2, "sts", _, a2, session]) =
        (role.as_slice(), principal.as_slice())
    else {
        return false;
    };
    let name = name
        .strip_prefix("role/")
        .and_then(|n| n.rsplit('/').next());
    let assumed = session.strip_prefix("assumed-role/");
    let assumed = assumed.and_then(|s| s.split_once('/')).map(|(n, _)| n);
    match (name, assumed) {
        (Some(name), Some(assumed)) => p1 == p2 && a1 == a2 && is_like(name, assumed),
        _ => false,
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
    /// Whether it is about the run of a window that begins at this time.
    fn is_of(&self, window: &str, start: DateTime<Utc>) -> bool {
        self.window == window && self.start - EARLY <= start && start < self.end
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
    /// Who approved it, when and why; none if nobody did.
    pub fn approved(&self) -> Option<String> {
        match self {
            Self::Approved(decision) => Some(decision.words()),
            Self::Rejected(_) | Self::Awaited(_) | Self::Lacking(_) => None,
        }
    }
}

/// How it stands with the run of a window whose begin and cutoff these are. Of several decisions about an opening the last counts;
/// one of a principal that may not decide any more counts no more.
pub fn standing(
    demand: &ApprovalDemand,
    decisions: &[Approval],
    window: &str,
    (start, cutoff): (DateTime<Utc>, DateTime<Utc>),
    now: DateTime<Utc>,
) -> Standing {
    let counts = |a: &&Approval| a.is_of(window, start) && demand.admits(&a.by);
    let last = decisions
        .iter()
        .filter(counts)
        .max_by_key(|a| (a.start, a.at));
    // Nothing is started after the cutoff.
    let until = (start + demand.within).min(cutoff);
    match last {
        Some(a) if a.decision == Decision::Approved => Standing::Approved(a.clone()),
        Some(a) => Standing::Rejected(a.clone()),
        None if now < until => Standing::Awaited(until),
        None => Standing::Lacking(until),
    }
}

/// Of the openings, each with its begin and end, the one that a decision is about: which begins at this time, or else the first.
pub fn chosen(
    openings: &[(DateTime<Utc>, DateTime<Utc>)],
    at: Option<DateTime<Utc>>,
) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let is_it = |(start, _): &&(DateTime<Utc>, DateTime<Utc>)| at.is_none_or(|at| *start == at);
    openings.iter().find(is_it).copied()
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
            match standing(
                &demand(within),
                decisions,
                window,
                (at(start), span.1),
                at(now),
            ) {
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
                start,
                "approved",
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
            "expected approvers as ARNs of roles or users, such as arn:aws:iam::123456789012:role/Approvers, found 'mara'"
        );
    }
}
