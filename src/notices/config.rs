//! The tables `[[channel]]` and `[[route]]` of a configuration file: which channels there are, and what goes to which.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use serde::{Deserialize, Deserializer};

use super::address::{check_address, default_hosts, is_event_bus, is_inside};
use super::config_error::{ConfigError, TableKey, error};
use super::event::NoticeEvent;
use super::kind::ChannelKind;
use crate::group::names::SECRET_PREFIX;
use crate::place::PlaceTags;
use crate::windows::{AheadError, ahead};

/// The table `[notices]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct NoticesTable {
    /// Key of the tag with a group's application.
    pub application_tag: String,
    /// Key of the tag with its environment.
    pub environment_tag: String,
    /// Times before a window at which notices are sent, unless the window names others.
    ahead: Vec<String>,
}

impl Default for NoticesTable {
    fn default() -> Self {
        let tags = PlaceTags::default();
        Self {
            application_tag: tags.application,
            environment_tag: tags.environment,
            ahead: vec!["24h".into(), "1h".into()],
        }
    }
}

impl NoticesTable {
    /// Tags that say which application and environment a group serves.
    pub fn place_tags(&self) -> PlaceTags {
        PlaceTags {
            application: self.application_tag.clone(),
            environment: self.environment_tag.clone(),
        }
    }

    /// Times before a window at which notices are sent, the longest first.
    ///
    /// # Errors
    /// One is none.
    pub fn ahead(&self) -> Result<Vec<TimeDelta>, AheadError> {
        ahead(&self.ahead)
    }
}

/// In the place of a list of ids: this channel is silent here.
pub const NONE: &str = "NONE";

/// A table `[[channel]]`: somewhere that notices go.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ChannelTable {
    /// The name by which routes and reports call it.
    pub name: String,
    /// `slack-bot`, `slack-webhook`, `teams`, `statuspage`, `pingdom`, `pagerduty`, `webhook` or `event-bus`.
    pub kind: ChannelKind,
    /// Name of the SecureString parameter, below `/asg-patch/secrets/`, with the token (slack-bot, statuspage, pingdom, pagerduty), the
    /// address (slack-webhook, teams) or the key of signatures (webhook). None for `event-bus`.
    pub secret: Option<String>,
    /// While a key is changed: the parameter with the old one; requests are then signed with both. Only `webhook`.
    pub previous_secret: Option<String>,
    /// Hosts that requests may go to, `*.` for one name or more [default: those of the kind's service].
    #[serde(default)]
    pub hosts: Vec<String>,
    /// The Slack channel's id, `C...`. Only `slack-bot`.
    pub slack_channel: Option<String>,
    /// The page's id. Only `statuspage`.
    pub page: Option<String>,
    /// E-mail address of the user in whose name windows are made. Only `pagerduty`.
    pub from: Option<String>,
    /// The address that is posted to. Only `webhook`.
    pub url: Option<String>,
    /// Name or ARN of the event bus. Only `event-bus`.
    pub bus: Option<String>,
    /// Whether the workflow takes the card alone, without the message around it. Only `teams`.
    #[serde(default)]
    pub bare_card: bool,
    /// The owner's own words by notice (`[channel.words.begun]`).
    #[serde(default)]
    pub words: BTreeMap<NoticeEvent, WordsTable>,
}

/// A table `[channel.words.EVENT]`: the owner's own words for a notice, as minijinja templates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WordsTable {
    /// In the place of the title; one line.
    pub title: Option<String>,
    /// In the place of the sentence and all details; what the channel takes as markup is markup in it, values are not.
    pub text: Option<String>,
}

/// A table `[[route]]`. The first one that fits a notice decides where it goes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RouteTable {
    /// Only this application [default: any].
    pub application: Option<String>,
    /// Only this environment [default: any].
    pub environment: Option<String>,
    /// Only these notices [default: all].
    pub events: Option<BTreeSet<NoticeEvent>>,
    /// Names of channels, or `"NONE"`: nothing is sent.
    pub channels: Ids<String>,
    /// Ids of the affected components on the page, or `"NONE"`: its page stays silent. For `statuspage`.
    #[serde(default)]
    pub statuspage_components: Ids<String>,
    /// Ids of the uptime checks to silence, or `"NONE"`. For `pingdom`.
    #[serde(default)]
    pub pingdom_checks: Ids<u64>,
    /// Ids of the services to silence, or `"NONE"`. For `pagerduty`.
    #[serde(default)]
    pub pagerduty_services: Ids<String>,
}

/// Ids, or the word that there are none on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ids<T> {
    /// These; empty if nothing was said.
    Of(Vec<T>),
    /// `"NONE"`.
    None,
}

impl<T> Ids<T> {
    /// The ids; none for `"NONE"`.
    pub fn list(&self) -> &[T] {
        match self {
            Self::Of(ids) => ids,
            Self::None => &[],
        }
    }

    /// Whether nothing was said.
    pub fn is_unsaid(&self) -> bool {
        match self {
            Self::Of(ids) => ids.is_empty(),
            Self::None => false,
        }
    }
}

impl<T> Default for Ids<T> {
    fn default() -> Self {
        Self::Of(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ids<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a list, or \"NONE\"")]
        enum Either<T> {
            Ids(Vec<T>),
            Word(Word),
        }
        #[derive(Deserialize)]
        enum Word {
            #[serde(rename = "NONE")]
            None,
        }
        Ok(match Either::deserialize(deserializer)? {
            Either::Ids(ids) => Self::Of(ids),
            Either::Word(Word::None) => Self::None,
        })
    }
}

/// Checks tables against each other, each with its number in the file, from 1. The words are checked by
/// [`super::OwnWords::new`]. Answers the first thing that is wrong with each.
pub fn check(
    channels: &[(usize, ChannelTable)],
    routes: &[(usize, RouteTable)],
) -> Vec<ConfigError> {
    let mut wrong = Vec::new();
    let mut names = BTreeMap::new();
    for (number, channel) in channels {
        wrong.extend(channel.check(*number).err());
        if names.insert(channel.name.as_str(), channel).is_some() {
            wrong.push(error(
                channel.place(*number, "name"),
                "a name of its own for each channel",
                format!("'{}' twice", channel.name),
            ));
        }
    }
    for (number, route) in routes {
        wrong.extend(route.check(*number, &names).err());
    }
    wrong
}

impl ChannelTable {
    /// Hosts that its requests may go to.
    pub fn allowed_hosts(&self) -> Vec<String> {
        let defaults = || default_hosts(self.kind).iter().map(|h| (*h).to_owned());
        match (self.hosts.as_slice(), self.kind, &self.url) {
            // The operator wrote the address down: that names its host.
            ([], ChannelKind::Webhook, Some(url)) => host_of(url).into_iter().collect(),
            ([], _, _) => defaults().collect(),
            (hosts, _, _) => hosts.to_vec(),
        }
    }

    fn place(&self, number: usize, key: &str) -> TableKey {
        TableKey::Channel {
            number,
            name: self.name.clone(),
            key: key.into(),
        }
    }

    fn check(&self, number: usize) -> Result<(), ConfigError> {
        let place = |key: &str| self.place(number, key);
        if self.name.trim().is_empty() || self.name == NONE {
            let found = format!("'{}'", self.name);
            return Err(error(place("name"), "a name, and not NONE", found));
        }
        let secrets = [
            ("secret", self.secret.as_ref()),
            ("previous-secret", self.previous_secret.as_ref()),
        ];
        for (key, secret) in secrets {
            let Some(secret) = secret else { continue };
            if !is_secret_name(secret) {
                // It may be the secret itself, by mistake.
                let expected =
                    format!("the name of a SecureString parameter below {SECRET_PREFIX}");
                return Err(error(
                    place(key),
                    expected,
                    "something else (not shown, in case it is the secret)",
                ));
            }
        }
        let keys = [
            (
                "slack-channel",
                self.slack_channel.is_some(),
                ChannelKind::SlackBot,
            ),
            ("page", self.page.is_some(), ChannelKind::Statuspage),
            ("from", self.from.is_some(), ChannelKind::Pagerduty),
            ("url", self.url.is_some(), ChannelKind::Webhook),
            ("bus", self.bus.is_some(), ChannelKind::EventBus),
        ];
        for (key, is_given, kind) in keys {
            match (is_given, kind == self.kind) {
                (true, false) => {
                    return Err(error(
                        place(key),
                        format!("it with kind = \"{kind}\" only"),
                        format!("kind = \"{}\"", self.kind),
                    ));
                }
                (false, true) => {
                    return Err(error(
                        place(key),
                        format!("a value, as kind = \"{kind}\" needs it"),
                        "none",
                    ));
                }
                (true, true) | (false, false) => {}
            }
        }
        self.check_secret(&place)?;
        self.check_values(&place)
    }

    fn check_secret(&self, place: &impl Fn(&str) -> TableKey) -> Result<(), ConfigError> {
        let kind = self.kind;
        if kind.has_secret() != self.secret.is_some() {
            let (expected, found) = match kind.has_secret() {
                true => (
                    format!("a value, as kind = \"{kind}\" needs it"),
                    "none".into(),
                ),
                false => ("none".into(), format!("one, and kind = \"{kind}\"")),
            };
            return Err(error(place("secret"), expected, found));
        }
        if !kind.has_secret() && !self.hosts.is_empty() {
            let found = format!("kind = \"{kind}\"");
            return Err(error(place("hosts"), "it with other kinds only", found));
        }
        Ok(())
    }

    fn check_values(&self, place: &impl Fn(&str) -> TableKey) -> Result<(), ConfigError> {
        if self.previous_secret.is_some() && self.kind != ChannelKind::Webhook {
            let found = format!("kind = \"{}\"", self.kind);
            return Err(error(
                place("previous-secret"),
                "it with kind = \"webhook\" only",
                found,
            ));
        }
        if self.bare_card && self.kind != ChannelKind::Teams {
            let found = format!("kind = \"{}\"", self.kind);
            return Err(error(
                place("bare-card"),
                "it with kind = \"teams\" only",
                found,
            ));
        }
        if let Some(id) = &self.slack_channel
            && !is_slack_id(id)
        {
            return Err(error(
                place("slack-channel"),
                "an id such as C0123456789 (a name cannot be edited in)",
                format!("'{id}'"),
            ));
        }
        let is_id = |id: &String| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric());
        if let Some(page) = self.page.as_ref().filter(|page| !is_id(page)) {
            return Err(error(
                place("page"),
                "an id of letters and digits",
                format!("'{page}'"),
            ));
        }
        let is_mail =
            |from: &String| from.contains('@') && from.chars().all(|c| c.is_ascii_graphic());
        if let Some(from) = self.from.as_ref().filter(|from| !is_mail(from)) {
            return Err(error(
                place("from"),
                "an e-mail address",
                format!("'{from}'"),
            ));
        }
        if let Some(bus) = self.bus.as_ref().filter(|bus| !is_event_bus(bus)) {
            return Err(error(
                place("bus"),
                "the name or the ARN of an event bus",
                format!("'{bus}'"),
            ));
        }
        for host in &self.hosts {
            let bare = host.strip_prefix("*.").unwrap_or(host);
            if bare.contains(['/', '*', '@']) || !bare.contains('.') || is_inside(bare) {
                return Err(error(
                    place("hosts"),
                    "hosts outside, such as chat.example.org or *.example.org",
                    format!("'{host}'"),
                ));
            }
        }
        if let Some(url) = &self.url {
            check_address(url, &self.allowed_hosts())
                .map_err(|e| error(place("url"), e.expected, e.found))?;
        }
        Ok(())
    }
}

fn host_of(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://")?;
    let host = rest
        .split(['/', '?', '#'])
        .next()
        .filter(|h| !h.is_empty())?;
    Some(host.strip_suffix(":443").unwrap_or(host).to_owned())
}

fn is_secret_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
    let rest = name.strip_prefix(SECRET_PREFIX).unwrap_or_default();
    !rest.is_empty() && rest.chars().all(legal) && !rest.contains("..")
}

fn is_slack_id(id: &str) -> bool {
    let legal = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    id.len() > 5 && id.starts_with(['C', 'G', 'D']) && id.bytes().all(legal)
}

impl RouteTable {
    /// Whether it decides about this notice.
    pub fn fits(&self, application: &str, environment: &str, event: NoticeEvent) -> bool {
        self.application.as_ref().is_none_or(|a| a == application)
            && self.environment.as_ref().is_none_or(|e| e == environment)
            && self.events.as_ref().is_none_or(|e| e.contains(&event))
    }

    fn check(
        &self,
        number: usize,
        channels: &BTreeMap<&str, &ChannelTable>,
    ) -> Result<(), ConfigError> {
        let place = |key: &str| TableKey::Route {
            number,
            key: key.into(),
        };
        if self.channels.is_unsaid() {
            return Err(error(
                place("channels"),
                "names of channels, or \"NONE\"",
                "an empty list",
            ));
        }
        if self.events.as_ref().is_some_and(BTreeSet::is_empty) {
            return Err(error(
                place("events"),
                "at least one notice, or no key for all",
                "an empty list",
            ));
        }
        let mut kinds = BTreeSet::new();
        for name in self.channels.list() {
            let Some(channel) = channels.get(name.as_str()) else {
                let known: Vec<&str> = channels.keys().copied().collect();
                let expected = format!(
                    "the name of a [[channel]] (there are: {})",
                    known.join(", ")
                );
                return Err(error(place("channels"), expected, format!("'{name}'")));
            };
            kinds.insert(channel.kind);
        }
        let lists = [
            (
                "statuspage-components",
                self.statuspage_components.is_unsaid(),
                ChannelKind::Statuspage,
            ),
            (
                "pingdom-checks",
                self.pingdom_checks.is_unsaid(),
                ChannelKind::Pingdom,
            ),
            (
                "pagerduty-services",
                self.pagerduty_services.is_unsaid(),
                ChannelKind::Pagerduty,
            ),
        ];
        for (key, is_unsaid, kind) in lists {
            if is_unsaid && kinds.contains(&kind) {
                return Err(error(
                    place(key),
                    format!("ids, or \"NONE\", as a channel of kind {kind} is named"),
                    "none",
                ));
            }
            if !is_unsaid && !kinds.contains(&kind) {
                return Err(error(
                    place(key),
                    format!("it beside a channel of kind {kind} only"),
                    "no such channel among its channels",
                ));
            }
        }
        let ids = [
            ("statuspage-components", &self.statuspage_components),
            ("pagerduty-services", &self.pagerduty_services),
        ];
        for (key, list) in ids {
            let legal =
                |id: &&String| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric());
            if let Some(id) = list.list().iter().find(|id| !legal(id)) {
                return Err(error(
                    place(key),
                    "ids of letters and digits",
                    format!("'{id}'"),
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
