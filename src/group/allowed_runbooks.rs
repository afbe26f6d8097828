//! The Automation runbooks that groups and runs may name, and the roles that these may run with: bounds of the program's
//! set-up, as those in [`super::allowed`].

use std::collections::BTreeSet;

use super::automation::Moment;
use super::names::document_name;
use super::{Code, Failure};
use crate::request::OwnersDocuments;

/// The bounds. By default nothing is allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedRunbooks {
    documents: BTreeSet<String>,
    roles: BTreeSet<String>,
}

/// An entry that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoRunbook {
    /// The entries that would.
    pub expected: &'static str,
    /// The entry.
    pub found: String,
}

impl AllowedRunbooks {
    /// These runbooks, by name or ARN, with these roles, by ARN. An entry allows what it says and no more: an ARN of
    /// another account is not the runbook of that name in this one.
    ///
    /// # Errors
    /// The first entry that is none of these.
    pub fn with<'a>(
        documents: impl IntoIterator<Item = &'a str>,
        roles: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, NoRunbook> {
        let mut allowed = Self::default();
        for document in documents {
            if document_name(document).is_none() {
                return Err(NoRunbook {
                    expected: "the name or the ARN of an Automation runbook",
                    found: format!("'{document}'"),
                });
            }
            allowed.documents.insert(document.to_owned());
        }
        for role in roles {
            if !is_role(role) {
                return Err(NoRunbook {
                    expected: "the ARN of an IAM role",
                    found: format!("'{role}'"),
                });
            }
            allowed.roles.insert(role.to_owned());
        }
        Ok(allowed)
    }

    /// The same for a program whose role may start the runbooks of these ARNs only: there a name means the one of that
    /// ARN.
    ///
    /// # Errors
    /// As [`Self::with`].
    pub fn of_role<'a>(
        arns: impl IntoIterator<Item = &'a str>,
        roles: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, NoRunbook> {
        let arns: Vec<&str> = arns.into_iter().collect();
        let names = arns.iter().filter_map(|arn| document_name(arn));
        Self::with(arns.iter().copied().chain(names), roles)
    }

    /// The roles that runbooks may run with.
    pub fn roles(&self) -> &BTreeSet<String> {
        &self.roles
    }

    /// Whether the runbook of this name or ARN may be run.
    pub fn permit(&self, document: &str) -> bool {
        self.documents.contains(document)
    }

    /// Refuses documents that are not among them. `tag` says whether a group's tag names the one of a moment; `prefix`
    /// is the opt-in tag's key.
    pub(super) fn check(
        &self,
        wanted: &OwnersDocuments,
        by_tag: &OwnersDocuments,
        prefix: &str,
    ) -> Result<(), Failure> {
        let rows = [
            (Moment::Before, &wanted.before, by_tag.before.is_some()),
            (Moment::After, &wanted.after, by_tag.after.is_some()),
        ];
        for (moment, name, is_tag) in rows {
            let Some(name) = name.as_ref().filter(|n| !self.permit(n.as_str())) else {
                continue;
            };
            let place = match is_tag {
                true => format!("tag {prefix}:{}", moment.document()),
                false => format!("setting {} of the run", moment.document()),
            };
            let listed: Vec<&str> = self.documents.iter().map(String::as_str).collect();
            let expected = match listed.is_empty() {
                true => "none, since no runbook is allowed".to_owned(),
                false => format!("one of {}", listed.join(", ")),
            };
            let reason = format!("{place}: expected {expected}, found '{name}'");
            return Err(Failure::new(Code::DocumentNotAllowed, reason));
        }
        Ok(())
    }
}

/// `arn:PARTITION:iam::ACCOUNT:role/PATH`.
fn is_role(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [begin, partition, service, region, account, name] = parts.as_slice() else {
        return false;
    };
    let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "/_+=,.@-".contains(c);
    let path = name.strip_prefix("role/").unwrap_or_default();
    (*begin, *service, *region) == ("arn", "iam", "")
        && partition.starts_with("aws")
        && is_account
        && !path.is_empty()
        && path.chars().all(is_fine)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:ssm:eu-west-1:111122223333:document/Acme-Drain";
    const ROLE: &str = "arn:aws:iam::111122223333:role/path/Acme-Drain";

    #[test]
    fn nothing_is_allowed_but_what_is_listed() {
        let wanted = |name: &str| OwnersDocuments {
            before: name.parse().ok(),
            ..OwnersDocuments::default()
        };
        let none = AllowedRunbooks::default();
        let refused = none.check(&wanted("Acme-Drain"), &wanted("Acme-Drain"), "p");
        assert_eq!(
            refused.unwrap_err().reason,
            "tag p:before-document: expected none, since no runbook is allowed, found 'Acme-Drain'"
        );
        let by_role = AllowedRunbooks::of_role([ARN], [ROLE]).unwrap();
        assert!(by_role.permit("Acme-Drain") && by_role.permit(ARN));
        assert!(!by_role.permit("Acme-Other"));
        let by_line = AllowedRunbooks::with([ARN], [ROLE]).unwrap();
        assert!(by_line.permit(ARN) && !by_line.permit("Acme-Drain"));
        let run = OwnersDocuments::default();
        let refused = by_line.check(&wanted("Acme-Drain"), &run, "p").unwrap_err();
        assert!(
            refused
                .reason
                .starts_with("setting before-document of the run: expected one of arn:"),
            "{}",
            refused.reason
        );
        assert_eq!(by_line.check(&wanted(ARN), &run, "p"), Ok(()));
    }

    #[test]
    fn a_list_that_makes_no_sense_is_refused() {
        for (document, role) in [
            ("no name", ROLE),
            ("document/x", ROLE),
            (ARN, "Acme-Drain"),
            (ARN, "arn:aws:iam::111122223333:user/x"),
            (ARN, "arn:aws:iam::1:role/x"),
            (ARN, "arn:aws:iam::111122223333:role/"),
            (ARN, "arn:aws:iam::111122223333:role/*"),
            (ARN, "arn:aws:sts::111122223333:assumed-role/x/y"),
        ] {
            let found = AllowedRunbooks::with([document], [role]);
            assert!(found.is_err(), "{document} {role}");
        }
    }
}
