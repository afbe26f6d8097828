//! Microsoft Teams, by a workflow. Its answer comes before anything is posted: accepted is not shown.

use super::exchange::{Line, Repeat};
use super::fault::{ChannelFault, FaultKind, Judged, by_status};
use super::outside::{Answer, Ask};
use super::receipt::{Done, Receipt};
use crate::notices::Notice;
use crate::notices::render::teams;

pub(super) async fn by_workflow(
    line: Line<'_>,
    is_bare: bool,
    notice: &Notice,
) -> Result<Receipt, ChannelFault> {
    let body = teams::message(notice, &line.common.words, is_bare).to_string();
    let ask = || Ask {
        method: "POST",
        url: line.common.secret.expose().to_owned(),
        headers: vec![("content-type", "application/json".into())],
        body: Some(body.clone()),
    };
    let answer = line.exchange(Repeat::IfRefused, ask, judged).await?;
    Ok(line.receipt(Done::Accepted, &answer))
}

fn judged(answer: &Answer) -> Option<Judged> {
    use FaultKind::{Final, SlowDown};
    let remedy = match answer.status {
        // The old connectors answered so with 200 (MicrosoftDocs/msteams-docs, connectors-using.md).
        200 if answer.body.contains("HTTP error 429") => {
            return Some(Judged::new(
                SlowDown,
                "HTTP error 429",
                "Teams wants fewer messages; the next notice may pass",
            ));
        }
        401 | 403 => {
            "The address is not that of the workflow any more, or was changed on the way: copy it anew from the workflow, whole"
        }
        404 | 410 => {
            "The workflow is gone or switched off, or its owner's account is: make it anew, and store its address"
        }
        status => return by_status(status),
    };
    Some(Judged::new(
        Final,
        &format!("HTTP {}", answer.status),
        remedy,
    ))
}
