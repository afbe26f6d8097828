//! The owner's own words: minijinja templates, checked when they are loaded.

use std::collections::BTreeMap;

use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};

use super::config::{ChannelTable, WordsTable};
use super::event::NoticeEvent;
use super::kind::ChannelKind;
use super::notice::Notice;
use super::render::escape;
use super::sample::{bare, sample};
use super::story::{Story, story};
use crate::text::plain_text;

/// Steps of the template engine for one text: thousands of lines, and an end to a loop that has none.
const FUEL: u64 = 50_000;
/// Characters of a text of the owner's; longer than any channel shows.
const TEXT_CHARS: usize = 20_000;

/// Words that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "[[channel]] '{channel}' words.{event}.{key}: expected a template that can be filled, found: {found}"
)]
pub struct WordsError {
    /// The channel.
    pub channel: String,
    /// The notice.
    pub event: NoticeEvent,
    /// `title` or `text`.
    pub key: &'static str,
    /// The engine's words.
    pub found: String,
}

/// The words of one channel, by notice.
#[derive(Clone, Debug, Default)]
pub struct OwnWords {
    kind: Option<ChannelKind>,
    words: BTreeMap<NoticeEvent, WordsTable>,
}

impl OwnWords {
    /// The words of a channel. Each is filled with a notice in which everything is known, and with one in which
    /// little is; a name that no notice has is a mistake even where neither of them comes to it.
    ///
    /// # Errors
    /// The first that cannot be filled.
    pub fn new(channel: &ChannelTable) -> Result<Self, WordsError> {
        for (event, words) in &channel.words {
            for (key, template) in [("title", &words.title), ("text", &words.text)] {
                let Some(template) = template else { continue };
                check(template, *event, channel.kind).map_err(|found| WordsError {
                    channel: channel.name.clone(),
                    event: *event,
                    key,
                    found,
                })?;
            }
        }
        Ok(Self {
            kind: Some(channel.kind),
            words: channel.words.clone(),
        })
    }

    /// The story with the owner's title, and the owner's text, which is in the channel's own markup already. A template that
    /// fails on a notice although it was checked is left out: ours says the same.
    pub fn told(&self, notice: &Notice) -> (Story, Option<String>) {
        let mut told = story(notice);
        let (Some(kind), Some(words)) = (self.kind, self.words.get(&notice.event)) else {
            return (told, None);
        };
        let filled = |template: &Option<String>, kind: Option<ChannelKind>| {
            let template = template.as_deref()?;
            filled(template, notice, kind)
                .ok()
                .filter(|t| !t.trim().is_empty())
        };
        // A title is plain on every channel, and escaped like other text.
        if let Some(title) = filled(&words.title, None) {
            let test = if notice.is_test { "TEST - " } else { "" };
            told.title = format!("{test}{}", plain_text(&title));
        }
        let text = filled(&words.text, Some(kind));
        (told, text.map(|t| t.chars().take(TEXT_CHARS).collect()))
    }
}

fn check(template: &str, event: NoticeEvent, kind: ChannelKind) -> Result<(), String> {
    let environment = environment(None);
    let parsed = environment
        .template_from_str(template)
        .map_err(|e| e.to_string())?;
    let known = values(&sample(event));
    let unknown = parsed.undeclared_variables(false).into_iter().find(|name| {
        let is_known = known.get_attr(name).is_ok_and(|v| !v.is_undefined());
        !is_known && !["range", "loop", "dict", "namespace"].contains(&name.as_str())
    });
    if let Some(name) = unknown {
        return Err(format!(
            "the unknown name '{name}'; known are {}",
            NAMES.join(", ")
        ));
    }
    for notice in [sample(event), bare(event)] {
        filled(template, &notice, Some(kind)).map_err(|e| e.to_string())?;
    }
    Ok(())
}

fn filled(
    template: &str,
    notice: &Notice,
    kind: Option<ChannelKind>,
) -> Result<String, minijinja::Error> {
    environment(kind).render_str(template, values(notice))
}

/// An engine that writes values as text of this kind of channel, whatever they contain.
fn environment(kind: Option<ChannelKind>) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_formatter(move |out, _, value| {
        if value.is_undefined() {
            return Err(minijinja::ErrorKind::UndefinedError.into());
        }
        let text = if value.is_none() {
            String::new()
        } else {
            value.to_string()
        };
        let text = match kind {
            Some(kind) => escape::text(kind, &text),
            None => text,
        };
        Ok(out.write_str(&text)?)
    });
    environment
}

/// The names that templates can use.
const NAMES: [&str; 17] = [
    "title",
    "sentence",
    "event",
    "application",
    "environment",
    "window",
    "times",
    "start",
    "end",
    "groups",
    "outcomes",
    "packages",
    "what_to_do",
    "reason",
    "approval",
    "run_id",
    "link",
];

fn values(notice: &Notice) -> Value {
    let story = story(notice);
    let zone = notice.times.planned.zone;
    let local = |at: chrono::DateTime<chrono::Utc>| {
        at.with_timezone(&zone)
            .format("%-d %B %Y %H:%M %Z")
            .to_string()
    };
    let outcomes: BTreeMap<&str, usize> = notice
        .outcomes
        .iter()
        .map(|(o, n)| (o.words(), *n))
        .collect();
    context! {
        title => story.title,
        sentence => story.sentence,
        event => notice.event.name(),
        application => plain_text(&notice.application),
        environment => plain_text(&notice.environment),
        window => plain_text(&notice.window),
        times => notice.times.planned.words(),
        start => local(notice.times.planned.start),
        end => local(notice.times.planned.end),
        groups => story.groups,
        outcomes => outcomes,
        packages => story.packages,
        what_to_do => story.what_to_do,
        reason => plain_text(&notice.reason),
        approval => notice.approval.as_deref().map(plain_text),
        run_id => notice.run_id.as_ref().map(|id| id.as_str().to_owned()),
        link => story.link,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(kind: &str, title: &str, text: &str) -> ChannelTable {
        let extra = match kind {
            "slack-bot" => "slack-channel = \"C0123456789\"",
            _ => "",
        };
        let file = format!(
            "name = \"x\"\nkind = \"{kind}\"\nsecret = \"/asg-patch/secrets/x\"\n{extra}\n[words.ended]\n\
             title = '''{title}'''\ntext = '''{text}'''\n"
        );
        toml::from_str(&file).unwrap()
    }

    fn error(text: &str) -> String {
        OwnWords::new(&channel("teams", "t", text))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn words_take_the_place_of_ours_and_values_in_them_are_text() {
        let text = "*{{ application }}* in {{ environment }}: {{ groups | length }} groups{% if run_id %}, {{ run_id }}{% endif %}";
        let words = OwnWords::new(&channel("slack-bot", "Done: {{ application }}", text)).unwrap();
        let mut notice = sample(NoticeEvent::Ended);
        notice.application = "<!channel> & *shop*".into();
        let (story, told) = words.told(&notice);
        assert_eq!(story.title, "Done: <!channel> & *shop*");
        let told = told.unwrap();
        assert!(told.starts_with("*&lt;!channel&gt; &amp; "), "{told}");
        assert!(
            told.ends_with(" in Production: 2 groups, sched-20261014T040000Z-ab12"),
            "{told}"
        );
        let (begun, none) = words.told(&sample(NoticeEvent::Begun));
        assert_eq!(none, None);
        assert!(begun.title.starts_with("Patching has begun"));
    }

    #[test]
    fn mistakes_are_found_when_words_are_loaded() {
        let unknown = error("{% if false %}{{ aplication }}{% endif %}");
        assert!(
            unknown.contains("the unknown name 'aplication'; known are title, "),
            "{unknown}"
        );
        assert!(error("{{ application ").contains("words.ended.text: expected"));
        // Only a notice that lacks something shows this one.
        assert!(error("{{ groups[0] }}").contains("undefined"));
        assert!(error("{{ outcomes.patched + 1 }}").contains("undefined"));
        let endless =
            "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
        assert!(error(endless).contains("fuel"), "{}", error(endless));
    }

    #[test]
    fn a_test_stays_marked() {
        let words = OwnWords::new(&channel("teams", "Done", "x")).unwrap();
        let mut notice = sample(NoticeEvent::Ended);
        notice.is_test = true;
        assert_eq!(words.told(&notice).0.title, "TEST - Done");
    }
}
