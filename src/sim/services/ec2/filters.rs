//! EC2's filters: all filters must match, any value of each, with wildcards.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::invalid;
use crate::sim::services::query::{is_pattern, wildcard};
use crate::sim::wire::ApiError;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Filter {
    name: String,
    #[serde(default)]
    value: Vec<String>,
}

/// The filters of a request that the operation knows, ready to be compared with.
pub(super) struct Filters<'r>(Vec<Wanted<'r>>);

/// One filter's values: those that are compared as they are, and those with wildcards.
struct Wanted<'r> {
    name: &'r str,
    plain: BTreeSet<&'r str>,
    patterns: Vec<&'r str>,
}

impl<'r> Wanted<'r> {
    fn of(filter: &'r Filter) -> Self {
        let values = filter.value.iter().map(String::as_str);
        let (patterns, plain): (Vec<&str>, Vec<&str>) = values.partition(|v| is_pattern(v));
        Self {
            name: &filter.name,
            plain: plain.into_iter().collect(),
            patterns,
        }
    }

    fn matches(&self, value: &str) -> bool {
        self.plain.contains(value) || self.patterns.iter().any(|p| wildcard(p, value))
    }
}

impl<'r> Filters<'r> {
    /// Refuses filters that the operation does not know.
    pub(super) fn read(filters: &'r [Filter], known: &[&str]) -> Result<Self, ApiError> {
        for filter in filters {
            let name = filter.name.as_str();
            let of_tags = name.starts_with("tag:") || name == "tag-key" || name == "tag-value";
            if !of_tags && !known.contains(&name) {
                return Err(invalid(format!("The filter '{name}' is invalid")));
            }
            if filter.value.is_empty() {
                return Err(invalid(format!("The filter '{name}' has no value")));
            }
        }
        Ok(Self(filters.iter().map(Wanted::of).collect()))
    }

    /// The values of a filter without wildcards, in order: only what has one of them passes, so it can be looked up.
    pub(super) fn plain(&self, name: &str) -> Option<&BTreeSet<&'r str>> {
        let mut named = self.0.iter().filter(|f| f.name == name);
        let filter = named.find(|f| f.patterns.is_empty())?;
        Some(&filter.plain)
    }

    /// Whether a resource passes the filters; `values` gives what it has under a filter's name.
    pub(super) fn pass(
        &self,
        tags: &BTreeMap<String, String>,
        values: impl Fn(&str) -> Vec<String>,
    ) -> bool {
        self.0
            .iter()
            .all(|filter| match filter.name.strip_prefix("tag:") {
                Some(key) => tags.get(key).is_some_and(|v| filter.matches(v)),
                None if filter.name == "tag-key" => tags.keys().any(|k| filter.matches(k)),
                None if filter.name == "tag-value" => tags.values().any(|v| filter.matches(v)),
                None => values(filter.name).iter().any(|v| filter.matches(v)),
            })
    }
}
