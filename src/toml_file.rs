//! TOML files that people write: where something is wrong, and in plain words what to write instead. Pure.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use crate::text::plain_text;

/// A name that is further than this from every known one is not meant as one of them, edits.
const NEAR: usize = 3;

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

impl Place {
    /// The place of the byte `at` of a text.
    pub fn of(text: &str, at: usize) -> Self {
        let before = text.get(..at).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self {
            line: before.matches('\n').count() + 1,
            column: line.chars().count() + 1,
        }
    }
}

/// A text that is not TOML, or not of the form that was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misread {
    /// Where.
    pub place: Place,
    /// The expected and the found value.
    pub message: String,
}

impl Misread {
    /// The reader's error about a text.
    pub fn of(text: &str, error: &toml::de::Error) -> Self {
        Self {
            place: Place::of(text, error.span().map_or(0, |s| s.start)),
            message: plain(&error.message().trim().replace('\n', ", ")),
        }
    }
}

/// Reads a file of a known form.
///
/// # Errors
/// The first thing that is wrong.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, Misread> {
    toml::from_str(text).map_err(|e| Misread::of(text, &e))
}

/// Something wrong in a file, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// The key as `table.key`; none if the text is not TOML.
    pub key: Option<String>,
    /// The expected and the found value, on one line.
    pub message: String,
}

impl Fault {
    /// A value that the key cannot have.
    pub fn new(place: Place, key: impl Into<String>, message: &str) -> Self {
        Self {
            place,
            key: Some(key.into()),
            message: plain_text(message),
        }
    }
}

impl From<Misread> for Fault {
    fn from(misread: Misread) -> Self {
        Self {
            place: misread.place,
            key: None,
            message: plain_text(&misread.message),
        }
    }
}

/// `LINE:COLUMN: KEY: expected ..., found ...`, to stand behind the file's name.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.place.line, self.place.column)?;
        match &self.key {
            Some(key) => write!(f, "{}: {}", plain_text(key), self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// The place of a table and those of its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TablePlace {
    /// Of its first line.
    place: Place,
    keys: BTreeMap<String, Place>,
}

impl TablePlace {
    fn of(text: &str, table: &Spanned<DeValue<'_>>) -> Self {
        let keys = table.get_ref().as_table().into_iter().flatten();
        Self {
            place: Place::of(text, table.span().start),
            keys: keys
                .map(|(key, _)| (key.get_ref().to_string(), Place::of(text, key.span().start)))
                .collect(),
        }
    }

    /// The place of a key, or else of the table.
    pub fn of_key(&self, key: &str) -> Place {
        self.keys.get(key).copied().unwrap_or(self.place)
    }
}

/// The tables `[[name]]` of a text, each read by itself, so that a mistake in one hides none in another. What is wrong is
/// added to the faults; of each table that is whole, its number is answered, from 1.
pub fn tables<T: DeserializeOwned>(
    text: &str,
    name: &str,
    faults: &mut Vec<Fault>,
) -> Vec<(usize, TablePlace, T)> {
    let Some(value) = value_of(text, name) else {
        return Vec::new();
    };
    let place = Place::of(text, value.span().start);
    let items = match value.into_inner() {
        DeValue::Array(items) if items.iter().all(|i| i.get_ref().is_table()) => items,
        _ => {
            let message = format!("expected [[{name}]] above each {name}, found another value");
            faults.push(Fault::new(place, name, &message));
            return Vec::new();
        }
    };
    let numbered = (1..).zip(items);
    let read = numbered.filter_map(|(number, item)| {
        let place = TablePlace::of(text, &item);
        match contents(text, item) {
            Ok(table) => Some((number, place, table)),
            Err(wrong) => {
                let key = format!("[[{name}]] {number}");
                faults.push(Fault::new(wrong.place, key, &wrong.message));
                None
            }
        }
    });
    read.collect()
}

/// The same of the one table `[name]`.
pub fn table<T: DeserializeOwned>(
    text: &str,
    name: &str,
    faults: &mut Vec<Fault>,
) -> Option<(TablePlace, T)> {
    let value = value_of(text, name)?;
    let place = TablePlace::of(text, &value);
    match contents(text, value) {
        Ok(table) => Some((place, table)),
        Err(wrong) => {
            faults.push(Fault::new(wrong.place, format!("[{name}]"), &wrong.message));
            None
        }
    }
}

fn contents<T: DeserializeOwned>(text: &str, value: Spanned<DeValue<'_>>) -> Result<T, Misread> {
    T::deserialize(ValueDeserializer::from(value)).map_err(|e| Misread::of(text, &e))
}

/// A value of a text that is TOML.
fn value_of<'t>(text: &'t str, name: &str) -> Option<Spanned<DeValue<'t>>> {
    let mut values = DeTable::parse(text).ok()?.into_inner().into_iter();
    let found = values.find(|(key, _)| key.get_ref() == name);
    found.map(|(_, value)| value)
}

/// The known name that is meant by a misspelt one, if one is near it.
pub fn meant<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let by_distance = |name: &'a str| (strsim::osa_distance(word, name), name);
    let near = known.into_iter().map(by_distance).min()?;
    // A short name is near to everything.
    let limit = NEAR.min(word.chars().count() / 2);
    (near.0 <= limit).then_some(near.1)
}

/// The reader's message in words that say what to write.
fn plain(message: &str) -> String {
    const WORDS: [(&str, &str); 9] = [
        (
            "struct Spread",
            "a table such as { seconds = 30 } or { seconds = 30, spread = 0.2 }",
        ),
        ("usize", "a whole number, 0 or more"),
        ("u64", "a whole number, 0 or more"),
        ("u32", "a whole number, 0 or more"),
        ("u8", "a whole number from 0 to 255"),
        ("i64", "a whole number"),
        ("i32", "a whole number"),
        ("f64", "a number"),
        ("a boolean", "true or false"),
    ];
    let Some((found, expected)) = message.split_once(", expected ") else {
        return message.to_owned();
    };
    let words = WORDS.iter().find(|(inner, _)| *inner == expected);
    let expected = words.map_or(expected, |(_, plain)| plain);
    if let Some(name) = found.strip_prefix("unknown field ") {
        let known = expected.split('`').skip(1).step_by(2);
        return match meant(name.trim_matches('`'), known) {
            Some(meant) => format!("{message}. Did you mean `{meant}`?"),
            None => message.to_owned(),
        };
    }
    let found = found
        .strip_prefix("invalid type: ")
        .or(found.strip_prefix("invalid value: "));
    match found {
        Some(found) => format!("expected {expected}, found {}", found.replace('`', "")),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_from_one() {
        let text = "a = 1\nß = x\n";
        let at = text.find('x').unwrap();
        assert_eq!(Place::of(text, at), Place { line: 2, column: 5 });
        assert_eq!(Place::of(text, 0), Place { line: 1, column: 1 });
    }

    #[test]
    fn a_mistake_in_one_table_hides_none_in_another() {
        let text = "[[a]]\nx = 1\n\n[[a]]\nx = 'one'\n[[a]]\ny = 2\n[b]\nx = true\n";
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Only {
            x: u64,
        }
        let mut faults = Vec::new();
        let whole: Vec<(usize, TablePlace, Only)> = tables(text, "a", &mut faults);
        let [(1, place, Only { x: 1 })] = whole.as_slice() else {
            panic!("{whole:?}");
        };
        assert_eq!(place.of_key("x"), Place { line: 2, column: 1 });
        assert_eq!(place.of_key("z").line, 1);
        assert!(table::<Only>(text, "b", &mut faults).is_none());
        assert!(table::<Only>(text, "c", &mut faults).is_none());
        assert!(tables::<Only>(text, "b", &mut faults).is_empty());
        assert!(tables::<Only>("a = [1]", "a", &mut faults).is_empty());
        let said: Vec<String> = faults.iter().map(Fault::to_string).collect();
        for (n, words) in [
            "5:5: [[a]] 2: expected a whole number, 0 or more, found string",
            "7:1: [[a]] 3: unknown field",
            "9:5: [b]: expected a whole number",
            "8:1: b: expected [[b]] above each b",
            "1:5: a: expected [[a]]",
        ]
        .iter()
        .enumerate()
        {
            assert!(said[n].starts_with(words), "{said:#?}");
        }
    }

    #[test]
    fn a_misspelt_name_is_answered_with_the_one_that_is_meant() {
        let known = ["region", "profile", "tag"];
        assert_eq!(meant("regoin", known), Some("region"));
        assert_eq!(meant("tags", known), Some("tag"));
        assert_eq!(meant("x", known), None);
        assert_eq!(meant("something-else", known), None);
        let message = "unknown field `groop`, expected one of `group`, `image`";
        assert!(plain(message).ends_with("Did you mean `group`?"));
    }
}
