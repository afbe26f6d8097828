//! Tokens and addresses with which anyone could post: never shown. Pure.

use std::fmt;

/// A secret text. It has no `Display` and no `Serialize`, and its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Shown in the place of a secret.
const HIDDEN: &str = "\u{2026}";
/// Shorter parts of a secret are words that may stand in any text.
const TELLING_CHARS: usize = 8;

impl Secret {
    /// The text, without the white space and line breaks around it that editors leave.
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// The text itself: for a header, an address or a key, never for a message.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// `text` without the secret and its parts: a service may repeat in an error what it was sent.
    pub fn hidden_in(&self, text: &str) -> String {
        let parts = self.0.split(|c: char| !c.is_ascii_alphanumeric());
        let mut parts: Vec<&str> = parts.chain([self.0.as_str()]).collect();
        // A host alone gives no power; its words are needed in errors.
        parts.retain(|p| p.len() >= TELLING_CHARS && p.bytes().any(|b| b.is_ascii_digit()));
        parts.push(&self.0);
        parts.sort_by_key(|p| std::cmp::Reverse(p.len()));
        parts
            .iter()
            .filter(|p| !p.is_empty())
            .fold(text.to_owned(), |text, part| text.replace(part, HIDDEN))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_is_shown_nowhere() {
        let address = "https://hooks.slack.com/services/T00000000/B00000000/abcdefgh12345678";
        let secret = Secret::new(&format!(" {address}\n"));
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "… Some(…)");
        assert_eq!(secret.expose(), address);
        let said =
            format!("cannot reach {address}: no such hook abcdefgh12345678 at hooks.slack.com");
        assert_eq!(
            secret.hidden_in(&said),
            "cannot reach …: no such hook … at hooks.slack.com"
        );
    }

    #[test]
    fn ordinary_words_are_left() {
        assert_eq!(
            Secret::new("xoxb-1-2-3").hidden_in("invalid_auth 1 2 3"),
            "invalid_auth 1 2 3"
        );
        assert_eq!(Secret::new("").hidden_in("text"), "text");
    }
}
