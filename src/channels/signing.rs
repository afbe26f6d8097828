//! Signatures of webhooks: Standard Webhooks 1.0.0.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::secret::Secret;

/// Keys begin so; the rest is Base64.
const PREFIX: &str = "whsec_";
/// Bytes of a key. Source: Standard Webhooks, "Signature scheme".
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The keys that sign: the present one, and while it is changed the one before.
#[derive(Clone)]
pub(super) struct Keys(Vec<Vec<u8>>);

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} keys", self.0.len())
    }
}

/// A secret that is no key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyError {
    pub(super) expected: &'static str,
    pub(super) found: String,
}

impl Keys {
    pub(super) fn new(secret: &Secret, previous: Option<&Secret>) -> Result<Self, KeyError> {
        [Some(secret), previous]
            .into_iter()
            .flatten()
            .map(key)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The header `webhook-signature`: a signature with each key. `at`: UNIX seconds of this attempt.
    pub(super) fn header(&self, id: &str, at: i64, body: &str) -> String {
        let signed = format!("{id}.{at}.{body}");
        let signatures = self.0.iter().filter_map(|key| {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
            mac.update(signed.as_bytes());
            Some(format!(
                "v1,{}",
                STANDARD.encode(mac.finalize().into_bytes())
            ))
        });
        signatures.collect::<Vec<String>>().join(" ")
    }
}

fn key(secret: &Secret) -> Result<Vec<u8>, KeyError> {
    let wrong = |found: String| KeyError {
        expected: "whsec_ and 24 to 64 bytes in Base64",
        found,
    };
    let text = secret.expose().strip_prefix(PREFIX);
    let text = text.ok_or_else(|| wrong("another text (not shown)".into()))?;
    let key = STANDARD
        .decode(text)
        .map_err(|_| wrong("no Base64 after whsec_".into()))?;
    match KEY_BYTES.contains(&key.len()) {
        true => Ok(key),
        false => Err(wrong(format!("{} bytes", key.len()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const ID: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
    const BODY: &str = r#"{"email":"test@example.com","username":"test_user"}"#;

    /// The Rust and Python libraries agree on this one.
    #[test]
    fn the_libraries_vector() {
        let keys = Keys::new(&Secret::new(KEY), None).unwrap();
        let signature = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";
        assert_eq!(keys.header(ID, 1_649_367_553, BODY), signature);
        let other = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let both = Keys::new(&other, Some(&Secret::new(KEY))).unwrap();
        let header = both.header(ID, 1_649_367_553, BODY);
        assert!(header.ends_with(&format!(" {signature}")), "{header}");
        assert_eq!(header.matches("v1,").count(), 2);
    }

    #[test]
    fn what_is_no_key_is_refused_without_showing_it() {
        for (text, found) in [
            (
                "C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
                "another text (not shown)",
            ),
            ("whsec_!", "no Base64 after whsec_"),
            ("whsec_dG9vc2hvcnQ=", "8 bytes"),
        ] {
            assert_eq!(
                Keys::new(&Secret::new(text), None).unwrap_err().found,
                found
            );
        }
        assert_eq!(
            format!("{:?}", Keys::new(&Secret::new(KEY), None).unwrap()),
            "1 keys"
        );
    }
}
