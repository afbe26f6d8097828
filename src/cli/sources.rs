//! Where the values of flags come from that were not typed, for messages that name the flag.

use std::collections::BTreeMap;
use std::sync::OnceLock;

static SOURCES: OnceLock<BTreeMap<&'static str, String>> = OnceLock::new();

/// Takes down, for flags without hyphens, the variable or the line of the file that gave their value.
pub(super) fn remember(sources: BTreeMap<&'static str, String>) {
    // Only a second command line could be refused, and there is only one.
    let _ = SOURCES.set(sources);
}

/// The place in a message; one that begins with a flag whose value was not typed says where the value comes from.
pub(super) fn told(place: String) -> String {
    let Some(sources) = SOURCES.get() else {
        return place;
    };
    with_source(place, sources)
}

fn with_source(place: String, sources: &BTreeMap<&'static str, String>) -> String {
    let (flag, rest) = place.split_once([' ', ',']).unwrap_or((&place, ""));
    let source = flag.strip_prefix("--").and_then(|f| sources.get(f));
    match (source, rest) {
        (None, _) => place,
        (Some(source), "") => format!("{flag} ({source})"),
        (Some(source), rest) => format!("{flag} ({source}) {}", rest.trim_start()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_that_was_not_typed_is_named_with_its_source() {
        let sources = BTreeMap::from([("cutoff", "./asg-patch.toml:7".to_owned())]);
        let told = |place: &str| with_source(place.into(), &sources);
        assert_eq!(told("--cutoff"), "--cutoff (./asg-patch.toml:7)");
        assert_eq!(told("--cutoff x"), "--cutoff (./asg-patch.toml:7) x");
        assert_eq!(told("--duration"), "--duration");
        assert_eq!(told("the cutoff"), "the cutoff");
    }
}
