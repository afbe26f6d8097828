//! Messages of Microsoft Teams, as Adaptive Cards for a workflow.

use serde_json::{Value, json};

use super::escape;
use super::fitting::{first_that_fits, lines};
use crate::notices::{ChannelKind, Notice, NoticeEvent, OwnWords, Story};

/// Bytes of a request: Teams stores it larger than it was sent, and refuses 28,672 bytes of that (a request of 24,453 failed:
/// MicrosoftDocs/msteams-docs issue 11274).
const MESSAGE_BYTES: usize = 20 * 1024;
/// Characters that a part may take, from generous to what always fits.
const BUDGETS: [usize; 6] = [4_000, 3_000, 2_000, 1_000, 500, 250];
/// Characters of a title: two lines of a card.
const TITLE_CHARS: usize = 200;

const KIND: ChannelKind = ChannelKind::Teams;

/// The message. Without its envelope (`is_bare`) it is the card alone, for workflows that were made so.
pub fn message(notice: &Notice, words: &OwnWords, is_bare: bool) -> Value {
    let (story, own) = words.told(notice);
    let render = |budget: usize| {
        let card = card(notice, &story, own.as_deref(), budget);
        if is_bare { card } else { envelope(card) }
    };
    let fits = |message: &Value| message.to_string().len() <= MESSAGE_BYTES;
    first_that_fits(&BUDGETS, render, fits).unwrap_or_default()
}

/// Without it a workflow finds no card: `foreach ... attachments is of type 'Null'`.
fn envelope(card: Value) -> Value {
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": card,
        }],
    })
}

fn card(notice: &Notice, story: &Story, own: Option<&str>, budget: usize) -> Value {
    let mut body = vec![json!({
        "type": "TextBlock", "text": escape::fitted(KIND, &story.title, TITLE_CHARS), "size": "Large", "weight": "Bolder",
        "color": colour(notice), "wrap": true,
    })];
    match own {
        Some(own) => body.push(text(&escape::cut(own, budget * 3))),
        None => {
            body.push(text(&escape::fitted(KIND, &story.sentence, budget)));
            let facts = story.facts.iter().map(|fact| {
                json!({"title": fact.label, "value": escape::fitted(KIND, &fact.value, budget)})
            });
            body.push(json!({"type": "FactSet", "facts": facts.collect::<Vec<Value>>()}));
            body.extend(lists(story, budget));
        }
    }
    body.push(json!({
        "type": "TextBlock", "text": escape::fitted(KIND, &story.footer, 250), "isSubtle": true, "size": "Small", "wrap": true,
    }));
    let link = story.link.as_deref().and_then(escape::link);
    let actions =
        link.map(|url| json!({"type": "Action.OpenUrl", "title": "The whole report", "url": url}));
    json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": body,
        "actions": actions.into_iter().collect::<Vec<Value>>(),
    })
}

fn text(markup: &str) -> Value {
    json!({"type": "TextBlock", "text": markup, "wrap": true})
}

fn lists(story: &Story, budget: usize) -> Vec<Value> {
    let lists = [
        ("Groups", &story.groups, " groups"),
        ("Packages", &story.packages, " packages: see the report"),
        ("What to do", &story.what_to_do, " steps"),
    ];
    let shown = lists.into_iter().filter(|(_, items, _)| !items.is_empty());
    shown
        .flat_map(|(title, items, more)| {
            let items: Vec<String> = items
                .iter()
                .map(|i| format!("- {}", escape::fitted(KIND, i, 600)))
                .collect();
            let heading =
                json!({"type": "TextBlock", "text": title, "weight": "Bolder", "wrap": true});
            [heading, text(&lines(&items, budget, more))]
        })
        .collect()
}

fn colour(notice: &Notice) -> &'static str {
    match notice.event {
        NoticeEvent::Scheduled
        | NoticeEvent::BeginsSoon
        | NoticeEvent::AwaitsApproval
        | NoticeEvent::Begun
        | NoticeEvent::Moved => "Warning",
        NoticeEvent::Ended if notice.has_open_group() => "Attention",
        NoticeEvent::Ended => "Good",
        NoticeEvent::GroupFailed | NoticeEvent::Missed => "Attention",
        NoticeEvent::Withdrawn | NoticeEvent::Frozen | NoticeEvent::NotApproved => "Default",
    }
}
