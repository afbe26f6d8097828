//! Signatures of documents that lie or travel where others can write: records, claims, marks, the stack's file, the state of a run. Pure.
//!
//! A signature is a code that only those can make, or check, who have the key (HMAC-SHA-256, RFC 2104). It covers the
//! document's purpose and place, too: a record is no claim, and the record of one group not that of another.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value};
use sha2::Sha256;

/// The field of a document that holds its signature.
pub const FIELD: &str = "signature";
/// Characters of a signature in a document: 32 bytes in Base64.
pub const LENGTH: usize = 43;
/// Hexadecimal digits of a name that only holders of the key can foretell.
const NAME_DIGITS: usize = 16;

/// The key, as long as a process lives.
#[derive(Clone)]
pub struct SigningKey(Hmac<Sha256>);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}

/// The kinds of signed documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// How a group looked; its place is the parameter's name.
    Record,
    /// That an execution has a run; its place is the parameter's name.
    Claim,
    /// A run or a batch of it on its way from one invocation to the next.
    State,
    /// The outcome of a batch; its place is the run.
    Outcome,
    /// That something happened to a window, or that a channel was told; its place is the parameter's name.
    Mark,
    /// The stack's file of settings; its place is the parameter's name.
    File,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Claim => "claim",
            Self::State => "state",
            Self::Outcome => "outcome",
            Self::Mark => "mark",
            Self::File => "file",
        }
    }
}

/// Why a document cannot be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It has none.
    #[error("expected the signature of this program's key, found none")]
    Missing,
    /// It has one that another key made, or that was made of something else.
    #[error("expected the signature of this program's key, found another")]
    Wrong,
}

impl SigningKey {
    /// The key that consists of these bytes.
    pub fn new(bytes: &[u8]) -> Self {
        // HMAC takes keys of every length (RFC 2104, section 3).
        match Hmac::new_from_slice(bytes) {
            Ok(hmac) => Self(hmac),
            Err(never) => unreachable!("{never}"),
        }
    }

    /// The signature of a document; one that it has already does not count.
    pub fn sign(&self, purpose: Purpose, place: &str, document: &Value) -> String {
        let code = self
            .code(purpose.name(), place, &canonical(document))
            .finalize();
        URL_SAFE_NO_PAD.encode(code.into_bytes())
    }

    /// Checks the signature that a document has.
    ///
    /// # Errors
    /// It has none, or a wrong one.
    pub fn verify(
        &self,
        purpose: Purpose,
        place: &str,
        document: &Value,
    ) -> Result<(), SignatureError> {
        let found = document.get(FIELD).and_then(Value::as_str);
        let found = found.ok_or(SignatureError::Missing)?;
        let found = URL_SAFE_NO_PAD.decode(found);
        let found = found.map_err(|_| SignatureError::Wrong)?;
        let code = self.code(purpose.name(), place, &canonical(document));
        code.verify_slice(&found).map_err(|_| SignatureError::Wrong)
    }

    /// The end of a name that nobody else can foretell.
    pub fn name(&self, of: &str) -> String {
        let code = self.code("name", of, "").finalize().into_bytes();
        let hex: String = code.iter().map(|b| format!("{b:02x}")).collect();
        hex.chars().take(NAME_DIGITS).collect()
    }

    /// Lengths go before the parts, so that no two lists of parts are alike.
    fn code(&self, purpose: &str, place: &str, text: &str) -> Hmac<Sha256> {
        let mut code = self.0.clone();
        for part in [purpose, place, text] {
            code.update(&(part.len() as u64).to_be_bytes());
            code.update(part.as_bytes());
        }
        code
    }
}

/// Whether two documents are the same, whatever the order of their keys and however their numbers are written.
pub fn is_same(one: &Value, other: &Value) -> bool {
    canonical(one) == canonical(other)
}

/// The document as text, whatever the order of its keys, and however its numbers are written: services that pass JSON along
/// keep its meaning only. Without the signature itself.
fn canonical(document: &Value) -> String {
    let mut text = String::new();
    match document {
        Value::Object(fields) => write_fields(&mut text, fields, Some(FIELD)),
        other => write(&mut text, other),
    }
    text
}

fn write(text: &mut String, value: &Value) {
    match value {
        Value::Object(fields) => write_fields(text, fields, None),
        Value::Array(values) => {
            text.push('[');
            for value in values {
                write(text, value);
                text.push(',');
            }
            text.push(']');
        }
        Value::Number(n) => match n.as_i64() {
            Some(n) => text.push_str(&n.to_string()),
            // A whole number may come back without its fraction of zero, or get one.
            None => text.push_str(&n.as_f64().unwrap_or(f64::NAN).to_string()),
        },
        plain @ (Value::Null | Value::Bool(_) | Value::String(_)) => {
            text.push_str(&plain.to_string());
        }
    }
}

fn write_fields(text: &mut String, fields: &Map<String, Value>, without: Option<&str>) {
    let mut sorted: Vec<(&String, &Value)> = fields.iter().collect();
    sorted.sort_by_key(|(name, _)| *name);
    text.push('{');
    for (name, value) in sorted {
        if without == Some(name.as_str()) {
            continue;
        }
        text.push_str(&Value::from(name.as_str()).to_string());
        text.push(':');
        write(text, value);
        text.push(',');
    }
    text.push('}');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn signed(key: &SigningKey, place: &str, mut document: Value) -> Value {
        document[FIELD] = key.sign(Purpose::Record, place, &document).into();
        document
    }

    #[test]
    fn only_what_was_signed_verifies() {
        let key = SigningKey::new(b"one");
        let document = signed(&key, "/a", json!({"group": "web", "sizes": [0, 4, 0]}));
        let check = |key: &SigningKey, purpose, place, document: &Value| {
            key.verify(purpose, place, document)
        };
        let wrong = Err(SignatureError::Wrong);
        assert_eq!(check(&key, Purpose::Record, "/a", &document), Ok(()));
        assert_eq!(
            check(&SigningKey::new(b"two"), Purpose::Record, "/a", &document),
            wrong
        );
        assert_eq!(check(&key, Purpose::Claim, "/a", &document), wrong);
        assert_eq!(check(&key, Purpose::Record, "/b", &document), wrong);
        for (field, value) in [
            ("group", json!("db")),
            ("more", json!(1)),
            (FIELD, json!("x")),
        ] {
            let mut other = document.clone();
            other[field] = value;
            assert_eq!(check(&key, Purpose::Record, "/a", &other), wrong, "{field}");
        }
        let bare = json!({"group": "web", "sizes": [0, 4, 0]});
        let missing = Err(SignatureError::Missing);
        assert_eq!(check(&key, Purpose::Record, "/a", &bare), missing);
        assert_eq!(check(&key, Purpose::Record, "/a", &json!("text")), missing);
    }

    /// Step Functions parses and writes what it passes along.
    #[test]
    fn another_writing_of_the_same_document_verifies() {
        let key = SigningKey::new(b"one");
        let document = signed(
            &key,
            "",
            json!({"b": 1.0, "a": {"d": 2, "c": "ü\n"}, "e": 0.25}),
        );
        let signature = document[FIELD].as_str().expect("signed");
        assert_eq!(signature.len(), LENGTH);
        let text = format!(
            r#"{{"signature":"{signature}","e":2.5e-1,"a":{{"c":"\u00fc\u000a","d":2.0}},"b":1}}"#
        );
        let back: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(key.verify(Purpose::Record, "", &back), Ok(()));
    }

    #[test]
    fn a_name_depends_on_the_key() {
        let [one, two] = ["one", "two"].map(|k| SigningKey::new(k.as_bytes()).name("run-1"));
        assert_eq!(one.len(), NAME_DIGITS);
        assert_ne!(one, two);
    }
}
