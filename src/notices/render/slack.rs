//! Messages of Slack, as blocks.
//!
//! Limits: slackapi/python-slack-sdk, slack_sdk/models/blocks (3.43.0).

use serde_json::{Value, json};

use super::escape;
use super::fitting::{first_that_fits, lines};
use crate::notices::{ChannelKind, Notice, OwnWords, Story};

/// Characters of a header.
const HEADER_CHARS: usize = 150;
/// Characters of a section's text.
const SECTION_CHARS: usize = 3_000;
/// Fields of a section.
const FIELDS: usize = 10;
/// Characters of a field.
const FIELD_CHARS: usize = 2_000;
/// Characters of the text beside the blocks: it is for notifications and screen readers.
const TEXT_CHARS: usize = 1_000;
/// Characters of all blocks: together they fail at about 13,200 with `msg_blocks_too_long`, though each is legal
/// (slackapi/bolt-js issue 2509).
const BLOCKS_CHARS: usize = 12_000;
/// Characters that a part may take, from generous to what always fits.
const BUDGETS: [usize; 6] = [SECTION_CHARS, 2_400, 1_800, 1_200, 600, 300];
/// Sections of the owner's text.
const OWN_SECTIONS: usize = 3;
/// The name of the metadata by which a message of ours is found.
const METADATA: &str = "asg_patch_notice";

const KIND: ChannelKind = ChannelKind::SlackBot;

/// The message about a window, which is edited as the window goes on: `channel` and `ts` are the sender's to add.
pub fn head(notice: &Notice, words: &OwnWords) -> Value {
    let (story, own) = words.told(notice);
    let mut message = fitting(&story, |budget| match &own {
        Some(own) => [
            vec![header(&story)],
            own_sections(own),
            vec![footer(&story)],
        ]
        .concat(),
        None => head_blocks(&story, budget),
    });
    message["metadata"] = json!({
        "event_type": METADATA,
        "event_payload": {
            "window": notice.window_id, "application": notice.application, "environment": notice.environment,
            "notice": notice.event.name(),
        },
    });
    message
}

/// The message for the thread; none if there is nothing to say there. An edit reaches nobody's notifications, so a later notice says
/// its sentence there, too.
pub fn details(notice: &Notice, words: &OwnWords, is_later: bool) -> Option<Value> {
    let (story, own) = words.told(notice);
    let said = |budget: usize| {
        let sentence = is_later.then(|| section(&escape::fitted(KIND, &story.sentence, budget)));
        let lists = if own.is_some() {
            Vec::new()
        } else {
            list_blocks(&story, budget)
        };
        sentence.into_iter().chain(lists).collect::<Vec<Value>>()
    };
    (!said(SECTION_CHARS).is_empty()).then(|| fitting(&story, said))
}

/// All in one message, for a webhook.
pub fn whole(notice: &Notice, words: &OwnWords) -> Value {
    let (story, own) = words.told(notice);
    fitting(&story, |budget| match &own {
        Some(own) => [
            vec![header(&story)],
            own_sections(own),
            vec![footer(&story)],
        ]
        .concat(),
        None => {
            let mut blocks = head_blocks(&story, budget);
            let at = blocks.len().saturating_sub(1);
            blocks.splice(at..at, list_blocks(&story, budget));
            blocks
        }
    })
}

fn fitting(story: &Story, blocks: impl Fn(usize) -> Vec<Value>) -> Value {
    let fits = |blocks: &Vec<Value>| {
        Value::from(blocks.clone()).to_string().chars().count() <= BLOCKS_CHARS
    };
    let blocks = first_that_fits(&BUDGETS, blocks, fits).unwrap_or_default();
    let text = format!("{}. {}", story.title, story.sentence);
    json!({
        "text": escape::fitted(KIND, &text, TEXT_CHARS),
        "blocks": blocks,
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

fn mrkdwn(text: &str) -> Value {
    // Verbatim: names that look like addresses or channels stay text.
    json!({"type": "mrkdwn", "text": text, "verbatim": true})
}

fn section(markup: &str) -> Value {
    json!({"type": "section", "text": mrkdwn(markup)})
}

/// A header is plain text: nothing in it is markup.
fn header(story: &Story) -> Value {
    let title = escape::plain(&story.title, HEADER_CHARS);
    json!({"type": "header", "text": {"type": "plain_text", "text": title, "emoji": false}})
}

fn footer(story: &Story) -> Value {
    let mut elements = vec![mrkdwn(&escape::fitted(KIND, &story.footer, 500))];
    if let Some(link) = story.link.as_deref().and_then(escape::link) {
        elements.push(mrkdwn(&format!(
            "<{}|The whole report>",
            escape::text(KIND, link)
        )));
    }
    json!({"type": "context", "elements": elements})
}

fn head_blocks(story: &Story, budget: usize) -> Vec<Value> {
    let limit = budget.min(FIELD_CHARS);
    let fields = story.facts.iter().take(FIELDS).map(|fact| {
        let value = escape::fitted(KIND, &fact.value, limit - fact.label.len() - 3);
        mrkdwn(&format!("*{}*\n{value}", fact.label))
    });
    let fields: Vec<Value> = fields.collect();
    vec![
        header(story),
        section(&escape::fitted(KIND, &story.sentence, budget)),
        json!({"type": "section", "fields": fields}),
        footer(story),
    ]
}

fn list_blocks(story: &Story, budget: usize) -> Vec<Value> {
    let lists = [
        ("Groups", &story.groups, " groups"),
        ("Packages", &story.packages, " packages: see the report"),
        ("What to do", &story.what_to_do, " steps"),
    ];
    let shown = lists.into_iter().filter(|(_, items, _)| !items.is_empty());
    shown
        .map(|(title, items, more)| {
            let items: Vec<String> = items
                .iter()
                .map(|i| format!("\u{2022} {}", escape::fitted(KIND, i, 600)))
                .collect();
            let list = lines(&items, budget - title.len() - 3, more);
            section(&format!("*{title}*\n{list}"))
        })
        .collect()
}

/// The owner's text in as many sections as it needs, cut at ends of lines where it can be.
fn own_sections(own: &str) -> Vec<Value> {
    let own = escape::cut(own, OWN_SECTIONS * SECTION_CHARS);
    let mut sections = Vec::new();
    let mut part = String::new();
    for line in own.split_inclusive('\n') {
        for piece in pieces(line) {
            if part.chars().count() + piece.chars().count() > SECTION_CHARS {
                sections.push(std::mem::take(&mut part));
            }
            part.push_str(&piece);
        }
    }
    sections.push(part);
    sections.retain(|s| !s.trim().is_empty());
    sections
        .iter()
        .take(OWN_SECTIONS)
        .map(|s| section(s.trim_end()))
        .collect()
}

fn pieces(line: &str) -> Vec<String> {
    let chars: Vec<char> = line.chars().collect();
    chars
        .chunks(SECTION_CHARS)
        .map(|c| c.iter().collect())
        .collect()
}
