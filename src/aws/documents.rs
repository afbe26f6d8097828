//! The run's own command documents in an account.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ssm::types::{DocumentFormat, DocumentType};
use serde::Serialize;
use serde_json::Value;

use super::clients::no_retry;
use super::{Clients, fault};
use crate::group::fault::Fault;
use crate::group::own_documents::{OwnDocument, VERSION};

const GET: &str = "ssm:GetDocument";
const CREATE: &str = "ssm:CreateDocument";
const DELETE: &str = "ssm:DeleteDocument";
/// SSM's words for a document that does not exist, and for one without this version.
const ABSENT: [&str; 2] = ["InvalidDocument", "InvalidDocumentVersion"];

/// A document of ours, as an account has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DocumentState {
    /// With the content that this program expects.
    Ready,
    /// Not at all.
    Missing,
    /// With another content.
    Different,
}

/// How the account has these documents.
///
/// # Errors
/// A call that failed.
pub async fn own_documents(
    clients: &Clients,
    wanted: BTreeSet<OwnDocument>,
) -> Result<BTreeMap<OwnDocument, DocumentState>, Fault> {
    let mut found = BTreeMap::new();
    for own in wanted {
        found.insert(own, state(clients, own).await?);
    }
    Ok(found)
}

async fn state(clients: &Clients, own: OwnDocument) -> Result<DocumentState, Fault> {
    clients.turn(GET).await;
    let answer = clients
        .ssm
        .get_document()
        .name(own.name())
        .document_version(VERSION)
        .document_format(DocumentFormat::Json)
        .send()
        .await;
    let content = match answer {
        Ok(answer) => answer.content.unwrap_or_default(),
        Err(error) => {
            let fault = fault(GET, &error);
            if ABSENT.contains(&fault.code.as_str()) {
                return Ok(DocumentState::Missing);
            }
            return Err(fault);
        }
    };
    let read = |text: &str| serde_json::from_str::<Value>(text).ok();
    let is_same = read(&content).is_some_and(|found| Some(found) == read(own.content()));
    Ok(if is_same {
        DocumentState::Ready
    } else {
        DocumentState::Different
    })
}

/// Creates a document; one with another content is deleted first.
///
/// # Errors
/// A call that failed.
pub async fn create_document(
    clients: &Clients,
    own: OwnDocument,
    present: DocumentState,
) -> Result<(), Fault> {
    if present == DocumentState::Different {
        clients.turn(DELETE).await;
        let call = clients.ssm.delete_document().name(own.name());
        call.send().await.map_err(|e| fault(DELETE, &e))?;
    }
    clients.turn(CREATE).await;
    clients
        .ssm
        .create_document()
        .name(own.name())
        .content(own.content())
        .document_type(DocumentType::Command)
        .document_format(DocumentFormat::Json)
        .target_type("/AWS::EC2::Instance")
        .customize()
        // Of a repetition after a lost answer SSM would say that the document exists.
        .config_override(aws_sdk_ssm::Config::builder().retry_config(no_retry()))
        .send()
        .await
        .map(drop)
        .map_err(|e| fault(CREATE, &e))
}
