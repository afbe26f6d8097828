//! The place where this process asks AWS, for a message that says that it did not answer.

use std::sync::OnceLock;

static ENDPOINT: OnceLock<String> = OnceLock::new();

/// Takes down the endpoint, or AWS's own in its region.
pub(super) fn remember(place: String) {
    // Only a second place could be refused, and there is only one.
    let _ = ENDPOINT.set(place);
}

/// The endpoint, once it is known.
pub(super) fn endpoint() -> &'static str {
    ENDPOINT.get().map_or("AWS", String::as_str)
}
