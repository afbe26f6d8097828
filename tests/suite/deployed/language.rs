//! The States Language, as far as the state machine uses it: paths, conditions, errors.

use serde_json::Value;

pub(super) fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("expected text, found {value}"))
}

/// Simple paths only.
pub(super) fn at<'v>(value: &'v Value, path: &str) -> &'v Value {
    let keys = path
        .strip_prefix('$')
        .unwrap_or_else(|| panic!("path {path}"));
    let mut found = value;
    for key in keys.split('.').filter(|k| !k.is_empty()) {
        found = found
            .get(key)
            .unwrap_or_else(|| panic!("States.Runtime: {path} is not in {value}"));
    }
    found
}

pub(super) fn put(mut state: Value, path: &str, value: Value) -> Value {
    let keys: Vec<&str> = path.trim_start_matches("$.").split('.').collect();
    let (last, parents) = keys.split_last().expect("a path");
    let mut place = &mut state;
    for key in parents {
        place = place.get_mut(*key).unwrap_or_else(|| panic!("{path}"));
    }
    place[*last] = value;
    state
}

/// Step Functions knows numbers as JavaScript does.
pub(super) fn whole_numbers(value: &Value) {
    const LARGEST: u64 = 1 << 53;
    match value {
        Value::Number(n) => assert!(n.as_u64().unwrap_or_default() <= LARGEST, "{n}"),
        Value::Array(values) => values.iter().for_each(whole_numbers),
        Value::Object(fields) => fields.values().for_each(whole_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

pub(super) fn is_chosen(choice: &Value, input: &Value) -> bool {
    let path = text(&choice["Variable"]);
    match (choice.get("StringEquals"), choice.get("IsPresent")) {
        (Some(expected), None) => at(input, path) == expected,
        (None, Some(expected)) => {
            let key = path.strip_prefix("$.").expect("a field");
            input.get(key).is_some() == *expected
        }
        rule => panic!("this machine does not know {rule:?}"),
    }
}

pub(super) fn known(state: &Value, name: &str, fields: &[&str]) {
    for field in state.as_object().expect("a state").keys() {
        let common = ["Type", "Comment", "Next"];
        assert!(
            common.contains(&field.as_str()) || fields.contains(&field.as_str()),
            "{name}: this machine does not know {field}"
        );
    }
}

/// Whether an entry of `Retry` or `Catch` is for an error.
pub(super) fn is_for(entry: &Value, error: &str) -> bool {
    let errors = entry["ErrorEquals"].as_array().expect("errors");
    errors.iter().any(|e| e == "States.ALL" || e == error)
}

pub(super) fn catcher<'v>(state: &'v Value, error: &str) -> Option<&'v Value> {
    let entries = state.get("Catch")?.as_array().expect("entries");
    entries.iter().find(|e| is_for(e, error))
}
