//! Blocks that Slack refuses (slackapi/python-slack-sdk, slack_sdk/models/blocks; slackapi/bolt-js issue 2509).

use serde_json::Value;

/// All blocks of a message, characters: found, not documented.
const TOGETHER: usize = 13_200;

/// Checks a message's text and blocks; the error is Slack's word.
pub(super) fn check(body: &Value) -> Result<(), &'static str> {
    let text = body["text"].as_str().unwrap_or_default();
    let Some(blocks) = body["blocks"].as_array() else {
        return if text.is_empty() {
            Err("no_text")
        } else {
            Ok(())
        };
    };
    if blocks.len() > 50 || !blocks.iter().all(is_legal) {
        return Err("invalid_blocks");
    }
    if body["blocks"].to_string().chars().count() > TOGETHER {
        return Err("msg_blocks_too_long");
    }
    Ok(())
}

fn is_legal(block: &Value) -> bool {
    let fits = |text: &Value, limit: usize| {
        text["text"]
            .as_str()
            .is_some_and(|t| (1..=limit).contains(&t.chars().count()))
    };
    match block["type"].as_str() {
        Some("header") => block["text"]["type"] == "plain_text" && fits(&block["text"], 150),
        Some("section") => {
            let fields = block["fields"]
                .as_array()
                .map_or(&[] as &[Value], Vec::as_slice);
            let text_fits = match block.get("text") {
                Some(text) => fits(text, 3_000),
                None => !fields.is_empty(),
            };
            text_fits && fields.len() <= 10 && fields.iter().all(|f| fits(f, 2_000))
        }
        Some("context") => {
            let elements = block["elements"]
                .as_array()
                .map_or(&[] as &[Value], Vec::as_slice);
            (1..=10).contains(&elements.len()) && elements.iter().all(|e| fits(e, 2_000))
        }
        Some("divider") => true,
        Some(_) | None => false,
    }
}
