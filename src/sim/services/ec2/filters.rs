//! EC2's filters: all filters must match, any value of each, with wildcards.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::invalid;
use crate::sim::services::query::wildcard;
use crate::sim::wire::ApiError;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Filter {
    name: String,
    #[serde(default)]
    value: Vec<String>,
}

/// Refuses filters that the operation does not know.
pub(super) fn check(filters: &[Filter], known: &[&str]) -> Result<(), ApiError> {
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
    Ok(())
}

/// Whether a resource passes the filters; `values` gives what it has under a filter's name.
pub(super) fn pass(
    filters: &[Filter],
    tags: &BTreeMap<String, String>,
    values: impl Fn(&str) -> Vec<String>,
) -> bool {
    filters.iter().all(|filter| {
        let name = filter.name.as_str();
        let found = match name.strip_prefix("tag:") {
            Some(key) => tags.get(key).cloned().into_iter().collect(),
            None if name == "tag-key" => tags.keys().cloned().collect(),
            None if name == "tag-value" => tags.values().cloned().collect(),
            None => values(name),
        };
        found
            .iter()
            .any(|v| filter.value.iter().any(|p| wildcard(p, v)))
    })
}
