//! Account ids, addresses and request ids in recorded answers, replaced: the same one always by the same.

use std::collections::BTreeMap;

/// Digits of an account id.
const ACCOUNT: usize = 12;
/// The groups of a UUID, in hexadecimal digits.
const UUID: [usize; 5] = [8, 4, 4, 4, 12];

/// Replacements so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Redactor {
    accounts: BTreeMap<String, usize>,
    addresses: BTreeMap<String, usize>,
    uuids: BTreeMap<String, usize>,
}

impl Redactor {
    /// `text` with everything replaced that names an account, an address or a request.
    pub(super) fn redact(&mut self, text: &str) -> String {
        let mut clean = String::with_capacity(text.len());
        let mut rest = text;
        let mut in_word = false;
        while let Some(c) = rest.chars().next() {
            let replaced = if in_word { None } else { self.replaced(rest) };
            if let Some((length, by)) = replaced {
                clean.push_str(&by);
                rest = &rest[length..];
                in_word = true;
            } else {
                clean.push(c);
                rest = &rest[c.len_utf8()..];
                in_word = c.is_ascii_alphanumeric();
            }
        }
        clean
    }

    /// The length of what begins `text` and must be replaced, and its replacement.
    fn replaced(&mut self, text: &str) -> Option<(usize, String)> {
        if let Some(length) = uuid(text) {
            let n = place(&mut self.uuids, &text[..length]);
            return Some((length, format!("00000000-0000-4000-8000-{n:012x}")));
        }
        if let Some(length) = address(text, '.') {
            return Some((length, self.address(&text[..length], '.')));
        }
        if let Some(length) = text.strip_prefix("ip-").and_then(|t| address(t, '-')) {
            let dotted = text[3..3 + length].replace('-', ".");
            return Some((3 + length, format!("ip-{}", self.address(&dotted, '-'))));
        }
        if let Some(length) = hardware(text) {
            let n = place(&mut self.addresses, &text[..length]);
            return Some((
                length,
                format!("02:00:00:00:{:02x}:{:02x}", n / 256, n % 256),
            ));
        }
        let digits = run(text, |c| c.is_ascii_digit());
        let ends = !text[digits..].starts_with(|c: char| c.is_ascii_alphanumeric());
        if digits == ACCOUNT && ends {
            let n = place(&mut self.accounts, &text[..digits]);
            return Some((digits, format!("{:012}", 111_122_223_333 + n)));
        }
        None
    }

    /// An address for documentation (RFC 5737), or a private one once those are used up.
    fn address(&mut self, address: &str, separator: char) -> String {
        let n = place(&mut self.addresses, address) + 1;
        let dotted = match n {
            0..=254 => format!("192.0.2.{n}"),
            n => format!("10.0.{}.{}", n / 256, n % 256),
        };
        dotted.replace('.', &separator.to_string())
    }
}

fn place(known: &mut BTreeMap<String, usize>, text: &str) -> usize {
    let next = known.len();
    *known.entry(text.to_owned()).or_insert(next)
}

/// Bytes at the beginning that are all of one kind (ASCII).
fn run(text: &str, kind: impl Fn(char) -> bool) -> usize {
    text.find(|c: char| !kind(c)).unwrap_or(text.len())
}

fn uuid(text: &str) -> Option<usize> {
    let mut at = 0;
    for (n, digits) in UUID.into_iter().enumerate() {
        if n > 0 {
            text[at..].strip_prefix('-')?;
            at += 1;
        }
        if run(&text[at..], |c| c.is_ascii_hexdigit()) != digits {
            return None;
        }
        at += digits;
    }
    Some(at)
}

/// Four numbers below 256. A version with as many parts goes, too: better one too many than one too few.
fn address(text: &str, separator: char) -> Option<usize> {
    let mut at = 0;
    for n in 0..4 {
        if n > 0 {
            text[at..].strip_prefix(separator)?;
            at += 1;
        }
        let digits = run(&text[at..], |c| c.is_ascii_digit());
        text[at..at + digits].parse::<u8>().ok()?;
        at += digits;
    }
    Some(at)
}

/// Six pairs of hexadecimal digits.
fn hardware(text: &str) -> Option<usize> {
    let mut at = 0;
    for n in 0..6 {
        if n > 0 {
            text[at..].strip_prefix(':')?;
            at += 1;
        }
        if run(&text[at..], |c| c.is_ascii_hexdigit()) != 2 {
            return None;
        }
        at += 2;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::Redactor;

    #[test]
    fn what_names_an_account_an_address_or_a_request_is_replaced() {
        let mut redactor = Redactor::default();
        let text = "arn:aws:iam::123456789012:root 10.0.3.7 ip-10-0-3-7.eu-west-1.compute.internal \
                    02:ab:00:11:22:33 <requestId>7a62c49f-347e-4fc4-9331-6e8e7a3c1a2b</requestId> \
                    987654321098 123456789012";
        assert_eq!(
            redactor.redact(text),
            "arn:aws:iam::111122223333:root 192.0.2.1 ip-192-0-2-1.eu-west-1.compute.internal \
             02:00:00:00:00:01 <requestId>00000000-0000-4000-8000-000000000000</requestId> \
             111122223334 111122223333"
        );
    }

    #[test]
    fn ids_times_and_versions_stay() {
        let text = "lt-0123456789012345 i-00000000000000000 2026-03-07T01:00:00.000Z 20260307010000 3.1.4 \
                    0a1b2c3d4e5f 300.1.1.1 äöü";
        assert_eq!(Redactor::default().redact(text), text);
    }
}
