//! The command documents that a run will send, the owners' runbooks that it will start, and the topic of its report: looked at
//! before anything is touched.

use std::collections::{BTreeMap, BTreeSet};

use super::RunError;
use crate::aws::{Aws, DocumentState, check_runbooks, document_facts, has_topic, own_documents};
use crate::group::facts::{AccountFacts, DocumentFacts};
use crate::group::fault::Fault;
use crate::group::job::Job;
use crate::group::named_documents;
use crate::group::own_documents::OwnDocument;
use crate::group::preflight::named_runbooks;
use crate::group::{Code, Failure};
use crate::request::RunRequest;

/// The account with the runbooks that groups and runs of these requests name, as far as they are allowed: checked.
///
/// # Errors
/// AWS could not be read.
pub(super) async fn with_runbooks(
    account: AccountFacts,
    aws: &Aws,
    requests: &[&RunRequest],
) -> Result<AccountFacts, Fault> {
    let allowed = aws.clients.allowed();
    let names = requests.iter();
    let names = names.flat_map(|request| named_runbooks(&account, request, allowed));
    let names = names.collect();
    Ok(AccountFacts {
        runbooks: check_runbooks(&aws.clients, names).await?,
        ..account
    })
}

/// The command documents that groups name, as the account has them.
#[derive(Debug, Default)]
pub(super) struct Looked {
    documents: BTreeMap<String, Option<DocumentFacts>>,
    unread: Option<String>,
}

impl Looked {
    /// Looks once at each document that groups of these requests name, as far as it is allowed. One that cannot be looked at
    /// is no reason to refuse a group, let alone all of them: it may be sent all the same.
    pub(super) async fn at(account: &AccountFacts, aws: &Aws, requests: &[&RunRequest]) -> Self {
        let allowed = aws.clients.allowed();
        let names = requests.iter();
        let names = names.flat_map(|r| named_documents::wanted(account, r, allowed));
        let names: BTreeSet<String> = names.collect();
        let mut documents = BTreeMap::new();
        let mut unread: Vec<(String, Fault)> = Vec::new();
        for name in names {
            match document_facts(&aws.clients, &name).await {
                Ok(found) => _ = documents.insert(name, found),
                Err(fault) => unread.push((name, fault)),
            }
        }
        let unread = unread.first().map(|(_, first)| {
            let names: Vec<&str> = unread.iter().map(|(name, _)| name.as_str()).collect();
            let reason = first.to_failure().reason;
            let names = some_of(&names);
            format!(
                "documents that groups name were not looked at before the run ({names}): {reason}"
            )
        });
        Self { documents, unread }
    }

    /// The account with them.
    pub(super) fn in_account(self, account: AccountFacts) -> AccountFacts {
        let Self { documents, unread } = self;
        AccountFacts {
            documents,
            unread: unread.into_iter().collect(),
            ..account
        }
    }
}

/// The first of them, and how many more there are.
fn some_of(names: &[&str]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).copied().collect::<Vec<&str>>();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// A warning if the run's report will not reach its topic, as far as that shows before. The groups are patched all the same.
pub(super) async fn check_topic(aws: &Aws, request: &RunRequest) -> Option<String> {
    let arn = request.topic_arn.as_deref()?;
    match has_topic(&aws.clients, arn).await {
        Ok(true) => None,
        Ok(false) => Some(format!(
            "the SNS topic {arn} does not exist: nobody gets the report by it"
        )),
        Err(fault) => {
            let reason = fault.to_failure().reason;
            Some(format!(
                "whether anybody gets the report by the SNS topic {arn} is not known: {reason}"
            ))
        }
    }
}

/// Whether the documents of ours that the jobs will send are as they must be.
///
/// # Errors
/// Some are not, or AWS could not be read.
pub(super) async fn check_documents(aws: &Aws, jobs: &[Job]) -> Result<(), RunError> {
    let wanted = jobs.iter().flat_map(OwnDocument::of_job).collect();
    let found = own_documents(&aws.clients, wanted).await?;
    let wrong = found.iter().filter_map(|(own, state)| match state {
        DocumentState::Ready => None,
        DocumentState::Missing => Some(format!("no {}", own.name())),
        DocumentState::Different => Some(format!("{} with another content", own.name())),
    });
    let wrong: Vec<String> = wrong.collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let reason = format!(
        "expected this program's command documents in the account, found {}; create them with `asg-patch documents --create`",
        wrong.join(" and ")
    );
    Err(RunError::Refused(Failure::new(
        Code::DocumentsMissing,
        reason,
    )))
}
