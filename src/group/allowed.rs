//! The bounds that a program is set up with, whatever a group's tags say.
//!
//! Everyone who may tag a group could else have any document run on its instances, with their permissions, and have its
//! work baked into the image.

use std::collections::{BTreeMap, BTreeSet};

use super::allowed_runbooks::AllowedRunbooks;
use super::effect::Command;
use super::names::document_name;
use super::options::{Options, PATCH_DOCUMENT};
use super::own_documents::OwnDocument;
use super::{Code, Failure};

/// Parameters of AWS's patch document that a run sets by itself.
pub(super) const SET_BY_RUNS: [&str; 3] = ["Operation", "SnapshotId", "StepTimeoutSeconds"];
/// The parameter of AWS's patch document that every group may set: it cannot bring foreign content.
const HARMLESS: &str = super::options::REBOOT;

/// The bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// The documents that groups may name.
    pub documents: AllowedDocuments,
    /// The Automation runbooks that groups and runs may name.
    pub runbooks: AllowedRunbooks,
    /// Whether launch templates may be changed that do not carry the opt-in tag themselves.
    pub untagged_templates: bool,
}

impl Default for Allowed {
    fn default() -> Self {
        Self {
            documents: AllowedDocuments::default(),
            runbooks: AllowedRunbooks::default(),
            untagged_templates: true,
        }
    }
}

/// Documents and parameters that groups may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedDocuments(BTreeMap<String, BTreeSet<String>>);

/// An entry that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAllowable {
    /// The entries that would.
    pub expected: String,
    /// The entry.
    pub found: String,
}

impl NotAllowable {
    fn new(expected: &str, found: &str) -> Self {
        Self {
            expected: expected.to_owned(),
            found: format!("'{found}'"),
        }
    }
}

/// AWS's patch document, without parameters that bring content from elsewhere.
impl Default for AllowedDocuments {
    fn default() -> Self {
        let harmless = BTreeSet::from([HARMLESS.to_owned()]);
        Self(BTreeMap::from([(PATCH_DOCUMENT.to_owned(), harmless)]))
    }
}

impl AllowedDocuments {
    /// With more documents, by name or ARN, and more parameters, as `DOCUMENT/PARAMETER`. An entry allows what it says and
    /// no more: an ARN of another account is not the document of that name in this one.
    ///
    /// # Errors
    /// The first entry that is neither.
    pub fn with<'a>(
        documents: impl IntoIterator<Item = &'a str>,
        parameters: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, NotAllowable> {
        let mut allowed = Self::default();
        for document in documents {
            if document_name(document).is_none_or(|name| OwnDocument::named(name).is_some()) {
                let expected =
                    "the name or the ARN of an SSM document that is not this program's own";
                return Err(NotAllowable::new(expected, document));
            }
            allowed.0.entry(document.to_owned()).or_default();
        }
        for entry in parameters {
            let wrong = || {
                let expected = "DOCUMENT/PARAMETER with a document that is allowed";
                NotAllowable::new(expected, entry)
            };
            let (document, parameter) = entry.rsplit_once('/').ok_or_else(wrong)?;
            let is_word = !parameter.is_empty() && parameter.chars().all(char::is_alphanumeric);
            let of_document = allowed.0.get_mut(document).filter(|_| is_word);
            of_document.ok_or_else(wrong)?.insert(parameter.to_owned());
        }
        Ok(allowed)
    }

    /// The same for a program whose role may send the documents of these ARNs only: there a name means the one of that
    /// ARN, in tags as in the parameters' entries.
    ///
    /// # Errors
    /// As [`Self::with`].
    pub fn of_role<'a>(
        arns: impl IntoIterator<Item = &'a str>,
        parameters: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, NotAllowable> {
        let arns: Vec<&str> = arns.into_iter().collect();
        let names: Vec<&str> = arns.iter().filter_map(|arn| document_name(arn)).collect();
        let mut allowed = Self::with(arns.iter().chain(&names).copied(), parameters)?;
        for arn in arns {
            let Some(name) = document_name(arn) else {
                continue;
            };
            let both = [arn, name].into_iter().filter_map(|n| allowed.0.get(n));
            let both: BTreeSet<String> = both.flatten().cloned().collect();
            for alias in [arn, name] {
                allowed.0.insert(alias.to_owned(), both.clone());
            }
        }
        Ok(allowed)
    }

    /// Whether groups may name this document.
    pub(super) fn permits(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Refuses the options of a group that name something else. `prefix` is the opt-in tag's key.
    pub(super) fn check(&self, options: &Options, prefix: &str) -> Result<(), Failure> {
        for (tag, name) in options.commands() {
            if !self.permits(name) {
                let allowed: Vec<&str> = self.0.keys().map(String::as_str).collect();
                return Err(refused(format!(
                    "tag {prefix}:{tag}: expected one of {}, found '{name}'",
                    allowed.join(", ")
                )));
            }
        }
        let document = options.document.as_deref().unwrap_or(PATCH_DOCUMENT);
        let allowed = self.0.get(document);
        let foreign = options
            .parameters
            .keys()
            .find(|name| !allowed.is_some_and(|a| a.contains(*name)));
        match foreign {
            Some(name) => Err(refused(format!(
                "tag {prefix}:parameters: '{name}' may not be set for {document}"
            ))),
            None => Ok(()),
        }
    }

    /// Whether a command may be sent at all: its document is ours and has no parameters, or is one
    /// of these.
    pub(crate) fn permit(&self, command: &Command) -> bool {
        let Command {
            document,
            parameters,
            step: _,
            instance: _,
            comment: _,
        } = command;
        if OwnDocument::named(document).is_some() {
            return parameters.is_empty();
        }
        let own = |name: &str| document == PATCH_DOCUMENT && SET_BY_RUNS.contains(&name);
        let is_allowed =
            |allowed: &BTreeSet<String>, name: &String| own(name) || allowed.contains(name);
        let allowed = self.0.get(document);
        allowed.is_some_and(|allowed| parameters.keys().all(|name| is_allowed(allowed, name)))
    }
}

fn refused(reason: String) -> Failure {
    Failure::new(Code::DocumentNotAllowed, reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::effect::CommandStep;
    use crate::group::proof::Proof;

    const ARN: &str = "arn:aws:ssm:eu-west-1:111122223333:document/Acme-Patch";

    fn options(document: Option<&str>, parameters: &[&str], prove: Option<&str>) -> Options {
        let parameters = parameters.iter().map(|p| ((*p).to_owned(), "x".to_owned()));
        Options {
            document: document.map(str::to_owned),
            parameters: parameters.collect(),
            prove: prove.map_or(Proof::Instance, |name| Proof::Document(name.to_owned())),
            ..Options::default()
        }
    }

    #[test]
    fn tags_name_what_is_allowed_and_nothing_else() {
        let standard = AllowedDocuments::default();
        let parameters = [
            "Acme-Patch/Ring",
            "AWS-RunPatchBaseline/InstallOverrideList",
        ];
        let more = AllowedDocuments::of_role([ARN, "Acme-Smoke"], parameters).unwrap();
        let rows = [
            (options(None, &[], None), true, true),
            (options(None, &["RebootOption"], None), true, true),
            (options(None, &["InstallOverrideList"], None), false, true),
            (options(None, &["BaselineOverride"], None), false, false),
            (options(None, &["Operation"], None), false, false),
            (
                options(Some("AWS-RunShellScript"), &["commands"], None),
                false,
                false,
            ),
            (options(Some("Acme-Patch"), &["Ring"], None), false, true),
            (options(Some(ARN), &["Ring"], None), false, true),
            (
                options(Some("Acme-Patch"), &["commands"], None),
                false,
                false,
            ),
            (options(Some("Acme-Smoke"), &["Ring"], None), false, false),
            (options(None, &[], Some("Acme-Smoke")), false, true),
            (options(None, &[], Some("AWS-RunShellScript")), false, false),
            (
                options(Some("AsgPatch-SealLinux-1"), &[], None),
                false,
                false,
            ),
        ];
        for (options, by_standard, by_more) in rows {
            assert_eq!(
                standard.check(&options, "x").is_ok(),
                by_standard,
                "{options:?}"
            );
            assert_eq!(more.check(&options, "x").is_ok(), by_more, "{options:?}");
        }
        // From the command line, where no role tells the two apart.
        let shared = AllowedDocuments::with([ARN], []).unwrap();
        assert!(shared.check(&options(Some(ARN), &[], None), "x").is_ok());
        assert!(
            shared
                .check(&options(Some("Acme-Patch"), &[], None), "x")
                .is_err()
        );
        let refusal = standard.check(&options(Some("Other"), &[], None), "ep:asg:patch");
        assert_eq!(
            refusal.unwrap_err().reason,
            "tag ep:asg:patch:document: expected one of AWS-RunPatchBaseline, found 'Other'"
        );
    }

    #[test]
    fn a_list_that_makes_no_sense_is_refused() {
        for (documents, parameters) in [
            (vec!["no name"], vec![]),
            (vec!["document/x"], vec![]),
            (vec!["AsgPatch-SealLinux-1"], vec![]),
            (vec![], vec!["Ring"]),
            (vec![], vec!["Acme-Patch/Ring"]),
            (vec!["Acme-Patch"], vec!["Acme-Patch/"]),
        ] {
            let found = AllowedDocuments::with(documents.clone(), parameters.clone());
            assert!(found.is_err(), "{documents:?} {parameters:?}");
        }
    }

    #[test]
    fn no_command_is_sent_that_the_list_does_not_permit() {
        let permits = |document: &str, parameters: &[&str]| {
            let parameters = parameters.iter().map(|p| ((*p).to_owned(), vec![]));
            AllowedDocuments::default().permit(&Command {
                step: CommandStep::Seal,
                instance: "i-1".into(),
                document: document.into(),
                parameters: parameters.collect(),
                comment: String::new(),
            })
        };
        assert!(permits(
            "AWS-RunPatchBaseline",
            &["Operation", "SnapshotId", "RebootOption"]
        ));
        assert!(permits("AsgPatch-SealLinux-1", &[]));
        assert!(!permits("AsgPatch-SealLinux-1", &["commands"]));
        assert!(!permits("AWS-RunPatchBaseline", &["InstallOverrideList"]));
        assert!(!permits("AWS-RunShellScript", &["commands"]));
    }
}
