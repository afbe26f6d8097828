//! Text helpers for all rooms: durations, shortening, quoting, counting, hashes, packing. Pure.

use std::io::{self, Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

/// A duration in its two largest units: `45s`, `12m 05s`, `1h 12m`, `2d 03h`.
pub fn duration(seconds: u64) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    match seconds {
        s if s < MINUTE => format!("{s}s"),
        s if s < HOUR => format!("{}m {:02}s", s / MINUTE, s % MINUTE),
        s if s < DAY => format!("{}h {:02}m", s / HOUR, s % HOUR / MINUTE),
        s => format!("{}d {:02}h", s / DAY, s % DAY / HOUR),
    }
}

/// A time to the second: `2026-10-14 04:00:00 UTC`.
pub fn moment(at: DateTime<Utc>) -> String {
    at.format("%F %T UTC").to_string()
}

/// `text` with at most `limit` characters; what is cut off is replaced by ` ...`.
pub fn shortened(text: &str, limit: usize) -> String {
    const MARK: &str = " ...";
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let kept: String = text
        .chars()
        .take(limit.saturating_sub(MARK.len()))
        .collect();
    format!("{}{MARK}", kept.trim_end())
}

/// `text` on one line and without control characters, which error texts of AWS may contain.
pub fn plain_text(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        if !plain.is_empty() {
            plain.push(' ');
        }
        plain.push_str(word);
    }
    plain
}

/// `1 group`, `2 groups`.
pub fn counted(n: usize, noun: &str) -> String {
    if n == 1 {
        format!("1 {noun}")
    } else {
        format!("{n} {noun}s")
    }
}

/// `word` quoted for a POSIX shell: group names may contain nearly any character.
pub fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// `text` with every character but ASCII letters, digits, `.`, `-` and `_` replaced by `-`.
pub fn legal_name(text: &str) -> String {
    let legal = |c: char| match c {
        '.' | '-' | '_' => c,
        c if c.is_ascii_alphanumeric() => c,
        _ => '-',
    };
    text.chars().map(legal).collect()
}

/// The first `bytes` bytes of the SHA-256 of `parts`, in hexadecimal. The ends of the parts count:
/// `ab, c` and `a, bc` differ.
pub fn hash_hex(parts: &[&str], bytes: usize) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.len().to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hasher
        .finalize()
        .iter()
        .take(bytes)
        .map(|b| format!("{b:02x}"))
        .collect()
}

/// The first eight hexadecimal digits of the SHA-256 of `text`.
pub fn short_hash(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .take(4)
        .map(|b| format!("{b:02x}"))
        .collect()
}

/// `bytes` as Base64 of gzip, on one line. The same bytes always give the same text.
///
/// # Errors
/// The packer's; none occurs while it writes to memory.
pub fn packed(bytes: &[u8]) -> io::Result<String> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(bytes)?;
    Ok(STANDARD.encode(packer.finish()?))
}

/// The bytes that [`packed`] was given, of which there may be `limit` at most.
///
/// # Errors
/// The text is not Base64 of gzip, or holds more than `limit` bytes.
pub fn unpacked(text: &str, limit: u64) -> io::Result<Vec<u8>> {
    let invalid = |problem: String| io::Error::new(io::ErrorKind::InvalidData, problem);
    let packed = STANDARD.decode(text).map_err(|e| invalid(e.to_string()))?;
    let mut bytes = Vec::new();
    let one_more = limit.saturating_add(1);
    GzDecoder::new(packed.as_slice())
        .take(one_more)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 == one_more {
        return Err(invalid(format!("expected at most {limit} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::{duration, packed, plain_text, shell_word, shortened, unpacked};

    #[test]
    fn what_was_packed_is_unpacked_within_its_limit() {
        let bytes = [b'a'; 1000];
        let text = packed(&bytes).unwrap();
        assert!(text.len() < 100, "{text}");
        assert_eq!(unpacked(&text, 1000).unwrap(), bytes);
        assert!(unpacked(&text, 999).is_err());
        assert!(unpacked("no base64!", 1000).is_err());
        assert!(unpacked("bm8gZ3ppcA==", 1000).is_err());
        assert!(unpacked(&text[..text.len() / 2 / 4 * 4], 1000).is_err());
    }

    #[test]
    fn durations_show_their_two_largest_units() {
        let shown: Vec<String> = [0, 59, 60, 725, 3600, 4320, 97_200]
            .map(duration)
            .into_iter()
            .collect();
        assert_eq!(
            shown,
            [
                "0s", "59s", "1m 00s", "12m 05s", "1h 00m", "1h 12m", "1d 03h"
            ]
        );
    }

    #[test]
    fn shortening_counts_characters_not_bytes() {
        assert_eq!(shortened("äöü", 3), "äöü");
        assert_eq!(shortened("ä word and more", 10), "ä word ...");
    }

    #[test]
    fn error_texts_lose_line_breaks_and_control_characters() {
        assert_eq!(plain_text(" a\r\n\tb\u{7}c "), "a b c");
    }

    #[test]
    fn names_are_quoted_for_the_shell() {
        assert_eq!(shell_word("web-1/a"), "web-1/a");
        assert_eq!(shell_word("it's $5"), r"'it'\''s $5'");
    }
}
