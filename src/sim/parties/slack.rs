//! Slack: `chat.postMessage`, `chat.update`, and incoming webhooks.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::rates::Rates;
use super::request::{PartyRequest, PartyResponse};
use super::slack_blocks;

/// About one message a second for a channel, with short bursts (docs.slack.dev, "Rate limits").
const BURST: f64 = 4.0;
const PER_SECOND: f64 = 1.0;

/// A workspace.
#[derive(Clone, Debug)]
pub struct Slack {
    /// Channels by id.
    pub channels: BTreeMap<String, SlackChannel>,
    /// Webhooks by path, with the channel that each posts to; `no_service` for others.
    pub hooks: BTreeMap<String, String>,
    /// Tokens that were revoked. All others that look like a bot's are good.
    pub revoked: BTreeSet<String>,
    /// For how long a message can be edited; for good without.
    pub edit_window: Option<TimeDelta>,
    posts: u64,
}

/// A channel.
#[derive(Clone, Debug, Default)]
pub struct SlackChannel {
    /// Whether it is archived.
    pub is_archived: bool,
    /// Whether the bot was never invited.
    pub is_foreign: bool,
    /// Its messages and those of its threads, in the order of posting.
    pub posts: Vec<SlackPost>,
}

/// A message as its readers see it.
#[derive(Clone, Debug)]
pub struct SlackPost {
    /// Its time stamp.
    pub ts: String,
    /// The message in whose thread it is.
    pub thread_ts: Option<String>,
    /// Its fallback text.
    pub text: String,
    /// Its blocks.
    pub blocks: Value,
    /// How often it was edited.
    pub edits: u32,
    posted_at: DateTime<Utc>,
}

impl Default for Slack {
    fn default() -> Self {
        let channel = "C0SIMULATED".to_owned();
        Self {
            channels: [(channel.clone(), SlackChannel::default())].into(),
            hooks: [(
                "/services/T00000000/B00000000/simulated0000".to_owned(),
                channel,
            )]
            .into(),
            revoked: BTreeSet::new(),
            edit_window: None,
            posts: 0,
        }
    }
}

fn refused(word: &str) -> PartyResponse {
    PartyResponse::json(200, &json!({"ok": false, "error": word}))
}

fn too_fast(seconds: u64) -> PartyResponse {
    PartyResponse::json(429, &json!({"ok": false, "error": "ratelimited"}))
        .with("retry-after", &seconds.to_string())
}

impl Slack {
    pub(super) fn api(
        &mut self,
        request: &PartyRequest,
        now: DateTime<Utc>,
        rates: &mut Rates,
    ) -> PartyResponse {
        if let Err(word) = self.authorised(request) {
            return refused(word);
        }
        let is_json = request
            .header("content-type")
            .is_some_and(|t| t.starts_with("application/json"));
        let Some(body) = request.json().filter(|_| is_json) else {
            return refused("invalid_json");
        };
        let result = match request.path() {
            "/api/chat.postMessage" => self.post(&body, now, rates),
            "/api/chat.update" => self.update(&body, now, rates),
            _ => Err(refused("unknown_method")),
        };
        result.unwrap_or_else(|refusal| refusal)
    }

    fn authorised(&self, request: &PartyRequest) -> Result<(), &'static str> {
        let token = request
            .header("authorization")
            .and_then(|a| a.strip_prefix("Bearer "));
        match token {
            None => Err("not_authed"),
            Some(token) if self.revoked.contains(token) => Err("token_revoked"),
            Some(token) if token.starts_with("xoxb-") => Ok(()),
            Some(_) => Err("invalid_auth"),
        }
    }

    fn post(
        &mut self,
        body: &Value,
        now: DateTime<Utc>,
        rates: &mut Rates,
    ) -> Result<PartyResponse, PartyResponse> {
        let id = body["channel"].as_str().unwrap_or_default().to_owned();
        rates
            .take(&format!("slack:{id}"), BURST, PER_SECOND, now)
            .map_err(too_fast)?;
        slack_blocks::check(body).map_err(refused)?;
        let channel = open(&mut self.channels, &id).map_err(refused)?;
        self.posts += 1;
        let post = post_of(body, now, self.posts);
        let ts = post.ts.clone();
        if let Some(parent) = &post.thread_ts
            && !channel.posts.iter().any(|p| p.ts == *parent)
        {
            return Err(refused("thread_not_found"));
        }
        channel.posts.push(post);
        Ok(PartyResponse::json(
            200,
            &json!({"ok": true, "channel": id, "ts": ts, "message": {"text": body["text"], "ts": ts}}),
        ))
    }

    fn update(
        &mut self,
        body: &Value,
        now: DateTime<Utc>,
        rates: &mut Rates,
    ) -> Result<PartyResponse, PartyResponse> {
        let id = body["channel"].as_str().unwrap_or_default().to_owned();
        // Tier 3: 50 and more a minute.
        rates
            .take("slack:chat.update", 50.0, 50.0 / 60.0, now)
            .map_err(too_fast)?;
        slack_blocks::check(body).map_err(refused)?;
        let edit_window = self.edit_window;
        let channel = open(&mut self.channels, &id).map_err(refused)?;
        let ts = body["ts"].as_str().unwrap_or_default();
        let found = channel.posts.iter_mut().find(|p| p.ts == ts);
        let post = found.ok_or_else(|| refused("message_not_found"))?;
        if edit_window.is_some_and(|window| now - post.posted_at > window) {
            return Err(refused("edit_window_closed"));
        }
        post.text = body["text"].as_str().unwrap_or_default().to_owned();
        post.blocks = body["blocks"].clone();
        post.edits += 1;
        Ok(PartyResponse::json(
            200,
            &json!({"ok": true, "channel": id, "ts": ts, "text": body["text"]}),
        ))
    }

    pub(super) fn hook(
        &mut self,
        request: &PartyRequest,
        now: DateTime<Utc>,
        rates: &mut Rates,
    ) -> PartyResponse {
        let Some(id) = self.hooks.get(request.path()).cloned() else {
            return PartyResponse::text(404, "no_service");
        };
        if let Err(seconds) =
            rates.take(&format!("slack:{}", request.path()), BURST, PER_SECOND, now)
        {
            return PartyResponse::text(429, "rate_limited")
                .with("retry-after", &seconds.to_string());
        }
        let Some(body) = request.json() else {
            return PartyResponse::text(400, "invalid_payload");
        };
        if let Err(word) = slack_blocks::check(&body) {
            let word = if word == "no_text" {
                word
            } else {
                "invalid_blocks"
            };
            return PartyResponse::text(400, word);
        }
        match open(&mut self.channels, &id) {
            Err("is_archived") => PartyResponse::text(410, "channel_is_archived"),
            Err(_) => PartyResponse::text(404, "channel_not_found"),
            Ok(channel) => {
                self.posts += 1;
                channel.posts.push(post_of(&body, now, self.posts));
                PartyResponse::text(200, "ok")
            }
        }
    }
}

fn open<'c>(
    channels: &'c mut BTreeMap<String, SlackChannel>,
    id: &str,
) -> Result<&'c mut SlackChannel, &'static str> {
    let channel = channels.get_mut(id).ok_or("channel_not_found")?;
    match (channel.is_archived, channel.is_foreign) {
        (true, _) => Err("is_archived"),
        (false, true) => Err("not_in_channel"),
        (false, false) => Ok(channel),
    }
}

fn post_of(body: &Value, now: DateTime<Utc>, number: u64) -> SlackPost {
    SlackPost {
        ts: format!("{}.{number:06}", now.timestamp()),
        thread_ts: body["thread_ts"].as_str().map(ToOwned::to_owned),
        text: body["text"].as_str().unwrap_or_default().to_owned(),
        blocks: body["blocks"].clone(),
        edits: 0,
        posted_at: now,
    }
}
