//! The contents of Automation runbooks, read and checked.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ssm::types::{DocumentFormat, DocumentType};

use super::faults::text;
use super::{Clients, fault};
use crate::group::automation::Runbook;
use crate::group::fault::{Fault, FaultClass};
use crate::group::runbook_content::check;

const GET: &str = "ssm:GetDocument";
/// SSM's words for a document that does not exist, and for one without this version.
const ABSENT: [&str; 2] = ["InvalidDocument", "InvalidDocumentVersion"];

/// The default versions of these runbooks as they were checked, or why they are not run.
///
/// # Errors
/// A call that failed, for a reason that lies not in the runbook.
pub async fn check_runbooks(
    clients: &Clients,
    names: BTreeSet<String>,
) -> Result<BTreeMap<String, Result<Runbook, String>>, Fault> {
    let mut checked = BTreeMap::new();
    for name in names {
        let runbook = check_runbook(clients, &name, None).await?;
        checked.insert(name, runbook);
    }
    Ok(checked)
}

/// A version of a runbook, by default the default one, as it was checked, or why it is not run.
///
/// # Errors
/// A call that failed, for a reason that lies not in the runbook.
pub(super) async fn check_runbook(
    clients: &Clients,
    name: &str,
    version: Option<&str>,
) -> Result<Result<Runbook, String>, Fault> {
    clients.turn(GET).await;
    let answer = clients
        .ssm
        .get_document()
        .name(name)
        .set_document_version(version.map(str::to_owned))
        .document_format(DocumentFormat::Json)
        .send()
        .await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let fault = fault(GET, &error);
            if ABSENT.contains(&fault.code.as_str()) {
                return Ok(Err(format!("runbook {name} does not exist")));
            }
            return match fault.class {
                // Perhaps of this one only: the other groups go on.
                FaultClass::Denied | FaultClass::Refused | FaultClass::Gone => Ok(Err(format!(
                    "runbook {name}: {}",
                    fault.to_failure().reason
                ))),
                FaultClass::Throttled
                | FaultClass::Unreachable
                | FaultClass::NotYet
                | FaultClass::Contention
                | FaultClass::Exhausted
                | FaultClass::Expired
                | FaultClass::Exists => Err(fault),
            };
        }
    };
    if answer.document_type() != Some(&DocumentType::Automation) {
        let found = answer.document_type().map_or("none", |t| t.as_str());
        let why = format!("{name}: expected an SSM document of the type Automation, found {found}");
        return Ok(Err(why));
    }
    let number = text(answer.document_version(), GET, "DocumentVersion")?;
    let Ok(number) = number.parse() else {
        let why = format!("runbook {name}: expected the number of a version, found '{number}'");
        return Ok(Err(why));
    };
    let content = answer.content().unwrap_or_default();
    let roles = clients.allowed().runbooks.roles();
    Ok(check(name, number, content, roles))
}
