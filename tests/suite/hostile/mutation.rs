//! Changes to a text that turn it into a hostile one.

use proptest::prelude::*;
use proptest::sample::Index;

/// Odd texts in place of expected ones.
const ODD: [&str; 34] = [
    "",
    " ",
    "0",
    "-1",
    "-0",
    "1e999",
    "nan",
    "inf",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "4294967296",
    "2147483647",
    "2147483648",
    "1000000000",
    "true",
    "null",
    "\"\"",
    "\"x\"",
    "[]",
    "{}",
    "[[]]",
    "2026-10-14T04:00:00Z",
    "9999-12-31T23:59:60Z",
    "0000-00-00T00:00:00Z",
    "\"$Latest\"",
    "\"* * * * *\"",
    "\u{0}",
    "\u{feff}",
    "\"\\u0000\"",
    "日本🦀",
    "\r\n",
    "''",
    "\"\"\"",
];

/// One change to a text.
#[derive(Clone, Debug)]
pub(super) enum Change {
    CutAt(Index),
    Remove(Index, Index),
    Insert(Index, String),
    /// The word (number, quoted text, bare word) around the place becomes something odd.
    Replace(Index, String),
    RepeatLine(Index),
    SwapLines(Index, Index),
}

pub(super) fn odd() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => proptest::sample::select(&ODD[..]).prop_map(str::to_owned),
        1 => any::<i64>().prop_map(|n| n.to_string()),
        1 => any::<f64>().prop_map(|n| n.to_string()),
        1 => proptest::collection::vec(any::<char>(), 0..12).prop_map(String::from_iter),
        1 => (1..4000_usize).prop_map(|n| "[".repeat(n)),
    ]
}

pub(super) fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        1 => at().prop_map(Change::CutAt),
        2 => (at(), at()).prop_map(|(a, b)| Change::Remove(a, b)),
        2 => (at(), odd()).prop_map(|(at, text)| Change::Insert(at, text)),
        8 => (at(), odd()).prop_map(|(at, text)| Change::Replace(at, text)),
        1 => at().prop_map(Change::RepeatLine),
        1 => (at(), at()).prop_map(|(a, b)| Change::SwapLines(a, b)),
    ]
}

pub(super) fn changes() -> impl Strategy<Value = Vec<Change>> {
    proptest::collection::vec(change(), 1..5)
}

impl Change {
    pub(super) fn apply(&self, text: &str) -> String {
        let chars: Vec<char> = text.chars().collect();
        let at = |index: &Index| index.index(chars.len() + 1);
        let of = |range: &[char]| range.iter().collect::<String>();
        let lines = || text.lines().map(str::to_owned).collect::<Vec<_>>();
        match self {
            Self::CutAt(index) => of(&chars[..at(index)]),
            Self::Remove(a, b) => {
                let (from, length) = (at(a), b.index(24));
                let to = (from + length).min(chars.len());
                of(&chars[..from]) + &of(&chars[to..])
            }
            Self::Insert(index, odd) => of(&chars[..at(index)]) + odd + &of(&chars[at(index)..]),
            Self::Replace(index, odd) => {
                let within = |c: &char| !c.is_whitespace() && !",=[]{}:#".contains(*c);
                let middle = at(index);
                let before = chars[..middle]
                    .iter()
                    .rev()
                    .take_while(|c| within(c))
                    .count();
                let after = chars[middle..].iter().take_while(|c| within(c)).count();
                of(&chars[..middle - before]) + odd + &of(&chars[middle + after..])
            }
            Self::RepeatLine(index) => {
                let mut lines = lines();
                if !lines.is_empty() {
                    let at = index.index(lines.len());
                    lines.insert(at, lines[at].clone());
                }
                lines.join("\n")
            }
            Self::SwapLines(a, b) => {
                let mut lines = lines();
                if !lines.is_empty() {
                    let (a, b) = (a.index(lines.len()), b.index(lines.len()));
                    lines.swap(a, b);
                }
                lines.join("\n")
            }
        }
    }
}

pub(super) fn changed(text: &str, changes: &[Change]) -> String {
    changes.iter().fold(text.to_owned(), |t, c| c.apply(&t))
}
