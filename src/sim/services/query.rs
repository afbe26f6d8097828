//! Shared by all services: reading requests, pages, wildcards.

use std::collections::BTreeMap;
use std::collections::btree_map::Range;
use std::ops::Bound;

use serde::de::DeserializeOwned;

use crate::sim::wire::{ApiError, Call};

/// Reads a call's parameters. A parameter that is not modelled fails loudly; a bad value gets the
/// service's own code.
pub(super) fn read<T: DeserializeOwned>(call: &Call, bad_value: &str) -> Result<T, ApiError> {
    call.params.read().map_err(|text| {
        if text.contains("unknown field") {
            let name = call.service.name();
            ApiError::unsupported(format!("a parameter of {name}:{}: {text}", call.operation))
        } else {
            ApiError::new(bad_value, text)
        }
    })
}

/// A page of `items`, which are sorted by their keys, and the token of the next page. A token names
/// the last key that was seen, so that pages stay right while the world changes.
pub(super) fn page<T>(
    items: Vec<(String, T)>,
    token: Option<&str>,
    limit: usize,
) -> Result<(Vec<T>, Option<String>), ApiError> {
    page_of(items.into_iter(), token, limit)
}

/// The entries of a map from where a page begins, so that no page walks through those before it. A page's key is the
/// entry's key, or begins with it and a NUL: of that entry, the items that were seen are among the rest.
pub(super) fn rest_of<'m, V>(
    map: &'m BTreeMap<String, V>,
    token: Option<&str>,
) -> Result<Range<'m, String, V>, ApiError> {
    let from = match last_seen(token)? {
        None => Bound::Unbounded,
        Some(key) => Bound::Included(match key.split_once('\0') {
            Some((entry, _)) => entry.to_owned(),
            None => key,
        }),
    };
    Ok(map.range((from, Bound::Unbounded)))
}

/// The key that a token names: the last that was seen.
pub(super) fn last_seen(token: Option<&str>) -> Result<Option<String>, ApiError> {
    token.map(key_of).transpose()
}

/// A page of items that are made as they are asked for.
pub(super) fn page_of<T>(
    items: impl Iterator<Item = (String, T)>,
    token: Option<&str>,
    limit: usize,
) -> Result<(Vec<T>, Option<String>), ApiError> {
    let seen = last_seen(token)?;
    let mut rest = items
        .skip_while(|(key, _)| seen.as_ref().is_some_and(|seen| key <= seen))
        .peekable();
    let (mut page, mut last) = (Vec::new(), None);
    while page.len() < limit
        && let Some((key, item)) = rest.next()
    {
        page.push(item);
        last = Some(key);
    }
    let more = rest.peek().is_some();
    let next = last.filter(|_| more).map(|key| token_of(&key));
    Ok((page, next))
}

fn token_of(key: &str) -> String {
    key.bytes().map(|b| format!("{b:02x}")).collect()
}

fn key_of(token: &str) -> Result<String, ApiError> {
    let byte = |at: usize| u8::from_str_radix(token.get(at..at + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..token.len()).step_by(2).map(byte).collect();
    bytes
        .and_then(|b| String::from_utf8(b).ok())
        .ok_or_else(|| {
            ApiError::new(
                "InvalidNextToken",
                format!("The token '{token}' is invalid"),
            )
        })
}

/// Whether a text is a pattern: has `*` or `?`.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// Whether a text matches a pattern with `*` (any run) and `?` (any one character).
pub(super) fn wildcard(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            Some(_) | None => match retry {
                Some((star, from)) => {
                    retry = Some((star, from + 1));
                    (p, t) = (star + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_go_on_after_the_last_key_even_if_it_vanished() {
        let items = |keys: &[&str]| {
            keys.iter()
                .map(|k| ((*k).to_owned(), (*k).to_owned()))
                .collect()
        };
        let (first, token) = page::<String>(items(&["a", "b", "c"]), None, 2).unwrap();
        assert_eq!(first, ["a", "b"]);
        let (rest, end) = page::<String>(items(&["a", "c"]), token.as_deref(), 2).unwrap();
        assert_eq!((rest, end), (vec!["c".to_owned()], None));
        assert!(page::<String>(items(&["a"]), Some("zz"), 2).is_err());
    }

    /// Two items for each entry, so that pages end within one.
    #[test]
    fn pages_that_begin_in_the_middle_have_what_is_left() {
        let map: BTreeMap<String, ()> = ["a", "b", "c"].map(|k| (k.to_owned(), ())).into();
        let all = ["a1", "a2", "b1", "b2", "c1", "c2"];
        for limit in 1..=4 {
            let (mut seen, mut token): (Vec<String>, Option<String>) = Default::default();
            loop {
                let rest = rest_of(&map, token.as_deref()).unwrap();
                let items = rest.flat_map(|(entry, ())| {
                    ["1", "2"].map(|n| (format!("{entry}\0{n}"), format!("{entry}{n}")))
                });
                let (page, next) = page_of(items, token.as_deref(), limit).unwrap();
                seen.extend(page);
                token = next;
                if token.is_none() {
                    break;
                }
            }
            assert_eq!(seen, all);
        }
        let token = token_of("b\x001");
        let rest: Vec<&str> = rest_of(&map, Some(&token))
            .unwrap()
            .map(|(k, ())| k.as_str())
            .collect();
        assert_eq!(rest, ["b", "c"]);
    }

    #[test]
    fn wildcards() {
        assert!(wildcard("asg-*-v?", "asg-a-b-v1"));
        assert!(wildcard("*", ""));
        assert!(!wildcard("asg-?", "asg-"));
    }
}
