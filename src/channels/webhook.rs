//! A webhook to any address, signed by Standard Webhooks.

use super::exchange::{Line, Repeat, plainly};
use super::fault::ChannelFault;
use super::outside::Ask;
use super::receipt::{Done, Receipt};
use super::signing::Keys;
use crate::notices::Notice;
use crate::notices::render::webhook;

pub(super) async fn signed(
    line: Line<'_>,
    url: &str,
    keys: &Keys,
    notice: &Notice,
) -> Result<Receipt, ChannelFault> {
    let id = webhook::id(notice, &line.common.name);
    let body = webhook::body(notice, &line.common.words, line.outside.now());
    // The id stays, the time is that of the attempt: receivers allow five minutes.
    let ask = || {
        let at = line.outside.now().timestamp();
        Ask {
            method: "POST",
            url: url.to_owned(),
            headers: vec![
                ("content-type", "application/json".into()),
                ("webhook-id", id.clone()),
                ("webhook-timestamp", at.to_string()),
                ("webhook-signature", keys.header(&id, at, &body)),
            ],
            body: Some(body.clone()),
        }
    };
    let answer = line.exchange(Repeat::Freely, ask, plainly).await?;
    Ok(line.receipt(Done::Posted, &answer))
}
