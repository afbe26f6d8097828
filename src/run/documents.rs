//! The command documents that a run will send, and the owners' runbooks that it will start: looked at before anything is
//! touched.

use super::RunError;
use crate::aws::{Aws, DocumentState, check_runbooks, own_documents};
use crate::group::facts::AccountFacts;
use crate::group::fault::Fault;
use crate::group::job::Job;
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
