//! Filters by tags, as EC2's own filters are: every key must match, by any of its values; `*` stands for any
//! characters and `?` for one. Letter case counts. Source: EC2 User Guide, "List and filter your resources". Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// By key, the values of which one must match; none means that all resources match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TagFilters(BTreeMap<String, BTreeSet<String>>);

/// Expected and found, of a filter that cannot be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected KEY=VALUE or KEY=VALUE,VALUE, with * and ? as wildcards, found '{found}'")]
pub struct TagFilterError {
    /// As given.
    pub found: String,
}

/// One key with its values, as on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagFilter {
    key: String,
    values: BTreeSet<String>,
}

impl FromStr for TagFilter {
    type Err = TagFilterError;

    fn from_str(text: &str) -> Result<Self, TagFilterError> {
        let wrong = || TagFilterError { found: text.into() };
        let (key, values) = text.split_once('=').ok_or_else(wrong)?;
        let values: BTreeSet<String> = values.split(',').map(str::to_owned).collect();
        if key.is_empty() || key.chars().count() > 128 || values.iter().any(String::is_empty) {
            return Err(wrong());
        }
        let key = key.to_owned();
        Ok(Self { key, values })
    }
}

impl FromIterator<TagFilter> for TagFilters {
    fn from_iter<I: IntoIterator<Item = TagFilter>>(filters: I) -> Self {
        let mut all = Self::default();
        for filter in filters {
            all.0.entry(filter.key).or_default().extend(filter.values);
        }
        all
    }
}

impl TagFilters {
    /// From a table of keys, each with a value or a list of them.
    ///
    /// # Errors
    /// A key without a value, or an empty key or value.
    pub fn of(
        table: impl IntoIterator<Item = (String, Vec<String>)>,
    ) -> Result<Self, TagFilterError> {
        let mut all = Self::default();
        for (key, values) in table {
            if key.is_empty() || values.is_empty() || values.iter().any(String::is_empty) {
                return Err(TagFilterError {
                    found: format!("{key}={}", values.join(",")),
                });
            }
            all.0.entry(key).or_default().extend(values);
        }
        Ok(all)
    }

    /// Whether nothing is filtered out.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a resource with these tags matches.
    pub fn match_tags(&self, tags: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|(key, patterns)| {
            let value = tags.get(key);
            value.is_some_and(|value| patterns.iter().any(|p| is_like(p, value)))
        })
    }
}

/// As on the command line, with a blank between filters.
impl fmt::Display for TagFilters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let filters = self.0.iter().map(|(key, values)| {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            format!("{key}={}", values.join(","))
        });
        f.write_str(&filters.collect::<Vec<_>>().join(" "))
    }
}

/// Whether `text` is like `pattern`, in which `*` stands for any characters and `?` for one. Goes back to the last `*` only, so its time grows with the product of the lengths.
pub fn is_like(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some('?') => (p, t) = (p + 1, t + 1),
            Some(c) if *c == text[t] => (p, t) = (p + 1, t + 1),
            Some(_) | None => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, t) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let pair = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
        pairs.iter().map(pair).collect()
    }

    fn filters(texts: &[&str]) -> TagFilters {
        texts
            .iter()
            .map(|t| t.parse::<TagFilter>().unwrap())
            .collect()
    }

    #[test]
    fn every_key_matches_by_any_of_its_values() {
        let web = tags(&[("Environment", "Production"), ("Patch Group", "Web Server")]);
        let rows = [
            (&["Environment=Production"][..], true),
            (&["Environment=Prod*", "Patch Group=Web ?erver"], true),
            (&["Environment=Sandbox,Prod*"], true),
            (&["Environment=Sandbox", "Environment=Production"], true),
            (&["Environment=production"], false),
            (&["Environment=Production", "Owner=*"], false),
            (&["Environment=*"], true),
            (&[], true),
        ];
        for (texts, expected) in rows {
            assert_eq!(filters(texts).match_tags(&web), expected, "{texts:?}");
        }
    }

    #[test]
    fn wildcards_go_back_to_the_last_star() {
        let rows = [
            ("*a*b", "xaxxb", true),
            ("a*b", "ab", true),
            ("a*b", "abc", false),
            ("?", "", false),
            ("**", "", true),
            ("a?c*", "abc", true),
            ("ü*", "üb", true),
        ];
        for (pattern, text, expected) in rows {
            assert_eq!(is_like(pattern, text), expected, "{pattern} {text}");
        }
        let long = "a".repeat(2_000);
        assert!(!is_like(&format!("{}b", "a*".repeat(500)), &long));
    }

    #[test]
    fn what_is_no_filter_is_refused_and_what_is_one_is_shown_as_it_was_given() {
        for text in ["Environment", "=x", "Environment=", "Environment=a,,b"] {
            let error = text.parse::<TagFilter>().unwrap_err().to_string();
            assert!(error.contains(&format!("found '{text}'")), "{error}");
        }
        let shown = filters(&["Stage=b,a", "App=x"]).to_string();
        assert_eq!(shown, "App=x Stage=a,b");
        assert!(TagFilters::of([("Stage".to_owned(), Vec::new())]).is_err());
    }
}
