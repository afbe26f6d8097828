//! Slack: a message about each window that is edited, with details in its thread (by a bot's token), or separate messages
//! (by an incoming webhook).

use serde_json::{Value, json};

use super::exchange::{Line, Repeat};
use super::fault::ChannelFault;
use super::outside::{Answer, Ask};
use super::receipt::{Done, Receipt};
use super::slack_words::{is_uneditable, of_api, of_hook};
use crate::notices::render::slack;
use crate::notices::{Notice, SlackMessage, Told};

const API: &str = "https://slack.com/api";

/// Posts the message about the window, or edits it, and puts details into its thread.
pub(super) async fn by_bot(
    line: Line<'_>,
    channel: &str,
    notice: &Notice,
    told: &mut Told,
) -> Result<Receipt, ChannelFault> {
    let words = &line.common.words;
    let head = slack::head(notice, words);
    let Some(message) = told.message.clone() else {
        let (message, answer) = post(line, channel, &head, None).await?;
        told.message = Some(message.clone());
        let mut receipt = line.receipt(Done::Posted, &answer);
        if let Some(details) = slack::details(notice, words, false) {
            // The message is there: what its thread lacks is a warning, and no reason to post it again.
            let posted = post(line, channel, &details, Some(&message)).await;
            receipt
                .warnings
                .extend(posted.err().map(|f| format!("details: {f}")));
        }
        return Ok(receipt);
    };
    let (edited, anew) = match edit(line, &message, &head).await {
        Ok(answer) => (Ok(answer), false),
        Err(fault) if is_uneditable(&fault.word) => (Err(fault), true),
        Err(fault) => return Err(fault),
    };
    let mut receipt = match edited {
        Ok(answer) => line.receipt(Done::Edited, &answer),
        Err(fault) => {
            let (new, answer) = post(line, channel, &head, Some(&message)).await?;
            // A message that is gone has no thread: from now on this one is it.
            if fault.word == "message_not_found" {
                told.message = Some(new);
            }
            let warning = format!(
                "the message could not be edited ({}): a new one was posted",
                fault.word
            );
            let mut receipt = line.receipt(Done::Posted, &answer);
            receipt.warnings.push(warning);
            receipt
        }
    };
    if let Some(details) = slack::details(notice, words, !anew) {
        let parent = told.message.clone();
        let posted = post(line, channel, &details, parent.as_ref()).await;
        receipt
            .warnings
            .extend(posted.err().map(|f| format!("details: {f}")));
    }
    Ok(receipt)
}

/// Posts; into a thread that is gone without one.
async fn post(
    line: Line<'_>,
    channel: &str,
    body: &Value,
    parent: Option<&SlackMessage>,
) -> Result<(SlackMessage, Answer), ChannelFault> {
    let mut body = body.clone();
    body["channel"] = json!(channel);
    if let Some(parent) = parent {
        body["thread_ts"] = json!(parent.ts);
    }
    let mut posted = call(line, "chat.postMessage", &body, Repeat::IfRefused).await;
    if parent.is_some() && posted.as_ref().is_err_and(|f| f.word == "thread_not_found") {
        if let Some(body) = body.as_object_mut() {
            body.remove("thread_ts");
        }
        posted = call(line, "chat.postMessage", &body, Repeat::IfRefused).await;
    }
    let answer = posted?;
    let said: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    match (said["channel"].as_str(), said["ts"].as_str()) {
        (Some(channel), Some(ts)) => {
            let message = SlackMessage {
                channel: channel.to_owned(),
                ts: ts.to_owned(),
            };
            Ok((message, answer))
        }
        _ => Err(line.odd(&answer, "channel and ts")),
    }
}

/// An edit twice is an edit once.
async fn edit(
    line: Line<'_>,
    message: &SlackMessage,
    body: &Value,
) -> Result<Answer, ChannelFault> {
    let mut body = body.clone();
    body["channel"] = json!(message.channel);
    body["ts"] = json!(message.ts);
    call(line, "chat.update", &body, Repeat::Freely).await
}

async fn call(
    line: Line<'_>,
    method: &str,
    body: &Value,
    repeat: Repeat,
) -> Result<Answer, ChannelFault> {
    let ask = || Ask {
        method: "POST",
        url: format!("{API}/{method}"),
        headers: vec![
            ("content-type", "application/json; charset=utf-8".into()),
            (
                "authorization",
                format!("Bearer {}", line.common.secret.expose()),
            ),
        ],
        body: Some(body.to_string()),
    };
    line.exchange(repeat, ask, of_api).await
}

/// Posts a message by the webhook.
pub(super) async fn by_webhook(line: Line<'_>, notice: &Notice) -> Result<Receipt, ChannelFault> {
    let body = slack::whole(notice, &line.common.words).to_string();
    let ask = || Ask {
        method: "POST",
        url: line.common.secret.expose().to_owned(),
        headers: vec![("content-type", "application/json; charset=utf-8".into())],
        body: Some(body.clone()),
    };
    let answer = line.exchange(Repeat::IfRefused, ask, of_hook).await?;
    Ok(line.receipt(Done::Posted, &answer))
}
