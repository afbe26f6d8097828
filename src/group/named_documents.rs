//! The command documents that groups name, as the account has them: a group is refused where Systems Manager would refuse the
//! command, which is after the launch of an instance.

use std::collections::{BTreeMap, BTreeSet};

use super::allowed::{Allowed, SET_BY_RUNS};
use super::facts::{AccountFacts, DocumentFacts};
use super::options::{self, Options, PATCH_DOCUMENT};
use super::{Code, Failure};
use crate::request::{Operation, RunRequest};

/// The parameters of AWS's patch document, which every account has: it is looked at only if a tag names another one. Source:
/// Systems Manager User Guide, `AWS-RunPatchBaseline`.
const OF_PATCH_DOCUMENT: [&str; 7] = [
    "AssociationId",
    "BaselineOverride",
    "InstallOverrideList",
    "Operation",
    "RebootOption",
    "SnapshotId",
    "StepTimeoutSeconds",
];

/// A command that a run would send because of a group's tags.
struct Sent<'a> {
    /// The tag that names the document.
    tag: &'static str,
    document: &'a str,
    /// The tag that names parameters, if the document is sent with those of a tag.
    parameters_tag: Option<&'static str>,
    /// The names of the parameters.
    parameters: BTreeSet<&'a str>,
}

/// The commands whose documents have to be looked at.
fn sent(options: &Options) -> Vec<Sent<'_>> {
    let by_tag = || options.parameters.keys().map(String::as_str);
    let commands = options.commands().map(|(tag, document)| {
        let is_patch = tag == "document";
        Sent {
            tag,
            document,
            parameters_tag: is_patch.then_some("parameters"),
            parameters: by_tag().filter(|_| is_patch).collect(),
        }
    });
    let is_known = |name: &str| OF_PATCH_DOCUMENT.contains(&name);
    let is_asked = options.document.is_none() && !by_tag().all(is_known);
    let of_aws = is_asked.then(|| Sent {
        tag: "document",
        document: PATCH_DOCUMENT,
        parameters_tag: Some("parameters"),
        parameters: by_tag().chain(SET_BY_RUNS).collect(),
    });
    commands.chain(of_aws).collect()
}

/// The names of the documents to look at for a run with this request: those that the groups name which it selects, as far as
/// these are allowed. A Scan sends none of them.
pub fn wanted(account: &AccountFacts, request: &RunRequest, allowed: &Allowed) -> BTreeSet<String> {
    if request.operation != Operation::Install {
        return BTreeSet::new();
    }
    let groups = account.groups.values();
    let selected = groups.filter(|g| request.selection.wants(&g.name, &g.tags));
    let prefix = &request.selection.tag.key;
    let names = selected.flat_map(|group| {
        let options = options::read(&group.tags, prefix).options;
        let names = sent(&options).into_iter().map(|s| s.document.to_owned());
        names.collect::<Vec<String>>()
    });
    names
        .filter(|name| allowed.documents.permits(name))
        .collect()
}

/// Refuses the options of a group that name a document that cannot be sent to its instances. One that was not looked at
/// refuses nothing: its command will show. `windows` is the platform of the group's image, `prefix` the opt-in tag's key.
pub(super) fn check(
    options: &Options,
    windows: bool,
    documents: &BTreeMap<String, Option<DocumentFacts>>,
    prefix: &str,
) -> Result<(), Failure> {
    for command in sent(options) {
        let Some(found) = documents.get(command.document) else {
            continue;
        };
        if let Some((tag, problem)) = problem(&command, found.as_ref(), windows) {
            let reason = format!("tag {prefix}:{tag}: {problem}");
            return Err(Failure::new(Code::DocumentUnsuitable, reason));
        }
    }
    Ok(())
}

/// The first thing that Systems Manager would refuse: the tag, what was expected there, and what was found.
fn problem(
    command: &Sent<'_>,
    found: Option<&DocumentFacts>,
    windows: bool,
) -> Option<(&'static str, String)> {
    let (tag, name) = (command.tag, command.document);
    let wrong = instead(found).filter(|_| !found.is_some_and(is_on_its_way));
    if let Some(wrong) = wrong {
        let expected = format!("expected the command document {name} in this account and region");
        return Some((tag, format!("{expected}, found {wrong}")));
    }
    let found = found?;
    let platform = if windows { "Windows" } else { "Linux" };
    if !found.platforms.is_empty() && !found.platforms.contains(platform) {
        let platforms: Vec<&str> = found.platforms.iter().map(String::as_str).collect();
        let platforms = platforms.join(" and ");
        let problem =
            format!("expected a document for {platform}, found {name}, which is for {platforms}");
        return Some((tag, problem));
    }
    let parameters_tag = command.parameters_tag.unwrap_or(tag);
    let mut given = command.parameters.iter();
    if let Some(unknown) = given.find(|p| !found.parameters.contains_key(**p)) {
        let expected = a_parameter_of(name, found);
        return Some((
            parameters_tag,
            format!("expected {expected}, found '{unknown}'"),
        ));
    }
    let mut required = found.parameters.iter().filter(|(_, required)| **required);
    let (lacking, _) = required.find(|(p, _)| !command.parameters.contains(p.as_str()))?;
    let problem = match command.parameters_tag {
        Some(_) => format!("expected a value for {lacking}, which {name} requires, found none"),
        None => format!(
            "expected a document that requires no parameters, found {name}, which requires {lacking}"
        ),
    };
    Some((parameters_tag, problem))
}

/// The thing in the place of a command document that can be sent, in words; none if it is one.
pub fn instead(found: Option<&DocumentFacts>) -> Option<String> {
    let Some(DocumentFacts { kind, status, .. }) = found else {
        return Some("none".to_owned());
    };
    match (kind.as_str(), status.as_str()) {
        ("Command", "Active") => None,
        ("Command", status) => Some(format!("it in the state {status}")),
        (kind, _) => Some(format!("a document of the type {kind}")),
    }
}

/// Whether a command document will be active before the run sends it.
fn is_on_its_way(found: &DocumentFacts) -> bool {
    found.kind == "Command" && ["Creating", "Updating"].contains(&found.status.as_str())
}

/// A parameter of a document, in words, with those that there are.
pub fn a_parameter_of(document: &str, found: &DocumentFacts) -> String {
    let names: Vec<&str> = found.parameters.keys().map(String::as_str).collect();
    match names.as_slice() {
        [] => format!("a parameter of {document}, which has none"),
        names => format!("a parameter of {document} (it has: {})", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::proof::Proof;

    fn command(parameters: &[(&str, bool)]) -> DocumentFacts {
        let parameters = parameters.iter().map(|(name, r)| ((*name).to_owned(), *r));
        DocumentFacts {
            kind: "Command".into(),
            status: "Active".into(),
            platforms: ["Linux".to_owned()].into(),
            parameters: parameters.collect(),
        }
    }

    fn checked(options: &Options, windows: bool, found: Option<DocumentFacts>) -> Option<String> {
        let documents = ["Acme-Patch", "Acme-Smoke", PATCH_DOCUMENT];
        let documents = documents
            .map(|name| (name.to_owned(), found.clone()))
            .into();
        let refusal = check(options, windows, &documents, "p").err()?;
        assert_eq!(refusal.code, Code::DocumentUnsuitable);
        Some(refusal.reason)
    }

    fn patching(parameters: &[&str]) -> Options {
        let parameters = parameters.iter().map(|p| ((*p).to_owned(), "x".to_owned()));
        Options {
            document: Some("Acme-Patch".into()),
            parameters: parameters.collect(),
            ..Options::default()
        }
    }

    #[test]
    fn a_document_that_can_be_sent_refuses_nothing() {
        let takes = command(&[("Ring", true), ("Channel", false)]);
        assert_eq!(
            checked(&patching(&["Ring"]), false, Some(takes.clone())),
            None
        );
        for status in ["Creating", "Updating"] {
            let soon = DocumentFacts {
                status: status.into(),
                ..takes.clone()
            };
            assert_eq!(checked(&patching(&["Ring"]), false, Some(soon)), None);
        }
        let of_any = DocumentFacts {
            platforms: BTreeSet::new(),
            ..takes
        };
        assert_eq!(checked(&patching(&["Ring"]), true, Some(of_any)), None);
        // Not looked at.
        assert_eq!(check(&patching(&[]), false, &BTreeMap::new(), "p"), Ok(()));
    }

    #[test]
    fn what_systems_manager_would_refuse_is_refused() {
        let takes = command(&[("Ring", true), ("Channel", false)]);
        let as_kind = |kind: &str, status: &str| DocumentFacts {
            kind: kind.into(),
            status: status.into(),
            ..takes.clone()
        };
        let begin = "tag p:document: expected the command document Acme-Patch in this account and region, found";
        let rows = [
            (None, false, format!("{begin} none")),
            (Some(as_kind("Automation", "Active")), false, format!("{begin} a document of the type Automation")),
            (Some(as_kind("Command", "Failed")), false, format!("{begin} it in the state Failed")),
            (Some(takes.clone()), true, "tag p:document: expected a document for Windows, found Acme-Patch, which is for Linux".into()),
            (Some(command(&[])), false, "tag p:parameters: expected a parameter of Acme-Patch, which has none, found 'Ring'".into()),
            (Some(command(&[("ring", false)])), false, "tag p:parameters: expected a parameter of Acme-Patch (it has: ring), found 'Ring'".into()),
            (Some(command(&[("Ring", true), ("Wave", true)])), false, "tag p:parameters: expected a value for Wave, which Acme-Patch requires, found none".into()),
        ];
        for (found, windows, reason) in rows {
            assert_eq!(checked(&patching(&["Ring"]), windows, found), Some(reason));
        }
        let proving = Options {
            prove: Proof::Document("Acme-Smoke".into()),
            ..Options::default()
        };
        assert_eq!(
            checked(&proving, false, Some(takes)).as_deref(),
            Some(
                "tag p:prove-document: expected a document that requires no parameters, found Acme-Smoke, which requires Ring"
            )
        );
        assert_eq!(checked(&proving, false, Some(command(&[]))), None);
    }

    #[test]
    fn aws_s_own_document_is_looked_at_only_for_parameters_that_are_not_known() {
        let with = |name: &str| Options {
            parameters: [(name.to_owned(), "x".to_owned())].into(),
            ..Options::default()
        };
        assert!(sent(&Options::default()).is_empty());
        assert!(sent(&with("BaselineOverride")).is_empty());
        let misspelt = with("InstalOverrideList");
        let names: Vec<&str> = sent(&misspelt).iter().map(|s| s.document).collect();
        assert_eq!(names, [PATCH_DOCUMENT]);
        let known = OF_PATCH_DOCUMENT.map(|name| (name, name == "Operation"));
        let reason = checked(&misspelt, false, Some(command(&known)));
        let reason = reason.unwrap_or_default();
        assert!(
            reason.starts_with(
                "tag p:parameters: expected a parameter of AWS-RunPatchBaseline (it has: "
            ),
            "{reason}"
        );
        let newer = [&known[..], &[("InstalOverrideList", false)]].concat();
        assert_eq!(checked(&misspelt, false, Some(command(&newer))), None);
    }
}
