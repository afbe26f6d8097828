//! The name of the operation that the SDK is at.

use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_types::config_bag::ConfigBag;

/// The operation of a call under way, as `service:Operation`.
pub(super) fn operation_of(cfg: &ConfigBag) -> Option<String> {
    let metadata = cfg.load::<Metadata>()?;
    let service = metadata.service().to_lowercase().replace(' ', "");
    // As IAM and the other calls have it: one name for both of its APIs.
    let service = service.trim_end_matches("v2");
    let service = match service {
        "sfn" => "states",
        "eventbridge" => "events",
        other => other,
    };
    Some(format!("{service}:{}", metadata.name()))
}
