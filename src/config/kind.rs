//! Kinds of values: how TOML writes them, and the words of a command line that they stand for.

use serde_json::{Value, json};
use toml::Spanned;
use toml::de::DeValue;

use crate::text::shortened;

/// At most so much of a wrong value is shown, characters.
const SHOWN: usize = 60;

/// The kind of a setting's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A file or directory, relative to the file of settings.
    Path,
    /// A length of time such as `3h`.
    Time,
    /// A whole number, 0 or more.
    Number,
    /// A whole number or a percentage.
    NumberOrPercent,
    /// A percentage.
    Percent,
    /// `true` or `false`.
    Switch,
    /// Texts.
    List,
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// A value that is not of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unfit {
    /// The byte at which it begins.
    pub(super) at: usize,
    /// The expected and the found value.
    pub(super) message: String,
}

impl Kind {
    /// The form of its values, for an error.
    fn expected(self) -> String {
        match self {
            Self::Text => "a text in quotes".into(),
            Self::Path => "a path in quotes".into(),
            Self::Time => "a time such as \"3h\", \"45m\" or \"1h 30m\"".into(),
            Self::Number => "a whole number, 0 or more".into(),
            Self::NumberOrPercent => {
                "a whole number, 0 or more, or a percentage such as \"20%\"".into()
            }
            Self::Percent => "a percentage such as \"50%\"".into(),
            Self::Switch => "true or false".into(),
            Self::List => "a list of texts such as [\"one\", \"two\"]".into(),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
        }
    }

    /// The words for the command line: one, or for a list any number.
    pub(super) fn words(self, value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, Unfit> {
        let words = match (self, value.get_ref()) {
            (Self::List, DeValue::Array(items)) => {
                return items.iter().map(|item| self.one(item)).collect();
            }
            (Self::Switch, DeValue::Boolean(on)) => Some(on.to_string()),
            (Self::Number | Self::NumberOrPercent, DeValue::Integer(number)) => {
                let read = u64::from_str_radix(number.as_str(), number.radix());
                read.ok().map(|n| n.to_string())
            }
            (Self::Text | Self::Path | Self::Time, DeValue::String(_))
            | (Self::NumberOrPercent | Self::Percent, DeValue::String(_)) => {
                return self.one(value).map(|word| vec![word]);
            }
            // In any letter case, as on the command line.
            (Self::Choice(words), DeValue::String(text)) => words
                .iter()
                .find(|word| word.eq_ignore_ascii_case(text))
                .map(|word| (*word).to_owned()),
            (_, _) => None,
        };
        words.map(|w| vec![w]).ok_or_else(|| self.unfit(value))
    }

    /// A text that is not empty.
    fn one(self, value: &Spanned<DeValue<'_>>) -> Result<String, Unfit> {
        match value.get_ref().as_str() {
            Some(text) if !text.trim().is_empty() => Ok(text.to_owned()),
            Some(_) | None => Err(self.unfit(value)),
        }
    }

    fn unfit(self, value: &Spanned<DeValue<'_>>) -> Unfit {
        Unfit {
            at: value.span().start,
            message: format!("expected {}, found {}", self.expected(), shown(value)),
        }
    }

    /// The kind in JSON Schema.
    pub(super) fn schema(self) -> Value {
        let text = || json!({"type": "string", "minLength": 1});
        let percent = || json!({"type": "string", "pattern": "^[0-9]+%$"});
        match self {
            Self::Text | Self::Path => text(),
            Self::Time => {
                json!({"type": "string", "pattern": "^ *([0-9]+ *[A-Za-z]+ *)+$"})
            }
            Self::Number => json!({"type": "integer", "minimum": 0}),
            Self::Percent => percent(),
            Self::NumberOrPercent => {
                let number = json!({"type": "integer", "minimum": 0});
                let text = json!({"type": "string", "pattern": "^[0-9]+%?$"});
                json!({"anyOf": [number, text]})
            }
            Self::Switch => json!({"type": "boolean"}),
            Self::List => json!({"type": "array", "items": text()}),
            Self::Choice(words) => json!({"type": "string", "enum": words}),
        }
    }
}

/// A value as a person calls it.
fn shown(value: &Spanned<DeValue<'_>>) -> String {
    match value.get_ref() {
        DeValue::String(text) => format!("'{}'", shortened(text, SHOWN)),
        DeValue::Integer(number) => format!("the number {number}"),
        DeValue::Float(number) => format!("the number {number}"),
        DeValue::Boolean(on) => on.to_string(),
        DeValue::Datetime(time) => format!("the time {time}"),
        DeValue::Array(_) => "a list".into(),
        DeValue::Table(_) => "a table".into(),
    }
}
