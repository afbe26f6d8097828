//! TOML files that people write: where something is wrong, and in plain words what to write instead. Pure.

use serde::de::DeserializeOwned;

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
