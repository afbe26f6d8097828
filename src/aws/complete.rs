//! Whether an answer is whole. Where AWS documents a field as required and an answer lacks it, the SDK
//! puts in a zero or an empty text, and a group of size 0 would look like one whose size was not
//! reported, a scan that found nothing missing like one that did not say. So the answer itself is looked
//! at, where such a zero would be acted upon.

use aws_sdk_autoscaling::operation::describe_auto_scaling_groups::DescribeAutoScalingGroupsOutput;
use aws_sdk_ssm::operation::describe_instance_patch_states::DescribeInstancePatchStatesOutput;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use serde_json::Value;

/// Counts that a scan always reports.
const PATCH_COUNTS: [&str; 2] = ["MissingCount", "FailedCount"];

/// A required field is missing.
#[derive(Debug, thiserror::Error)]
#[error("expected {expected} times {field} in the answer, found {found}")]
struct Incomplete {
    field: &'static str,
    expected: usize,
    found: usize,
}

/// Refuses incomplete answers.
#[derive(Debug)]
pub(super) struct Completeness;

#[dyn_dispatch_hint]
impl Intercept for Completeness {
    fn name(&self) -> &'static str {
        "Completeness"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (Ok(output), Some(body)) =
            (context.output_or_error(), context.response().body().bytes())
        else {
            return Ok(());
        };
        let checked = if let Some(groups) = output.downcast_ref() {
            whole_groups(groups, body)
        } else if output
            .downcast_ref::<DescribeInstancePatchStatesOutput>()
            .is_some()
        {
            whole_patch_states(body)
        } else {
            Ok(())
        };
        checked.map_err(Into::into)
    }
}

fn whole_groups(answer: &DescribeAutoScalingGroupsOutput, body: &[u8]) -> Result<(), Incomplete> {
    let groups = answer.auto_scaling_groups();
    let instances = groups.iter().map(|g| g.instances().len()).sum();
    let pools = groups
        .iter()
        .filter_map(|g| g.warm_pool_configuration()?.min_size())
        .count();
    let fields = [
        ("MinSize", groups.len() + pools),
        ("MaxSize", groups.len()),
        ("DesiredCapacity", groups.len()),
        ("ProtectedFromScaleIn", instances),
    ];
    let text = String::from_utf8_lossy(body);
    for (field, expected) in fields {
        let found = text.matches(&format!("<{field}>")).count();
        if found != expected {
            return Err(Incomplete {
                field,
                expected,
                found,
            });
        }
    }
    Ok(())
}

fn whole_patch_states(body: &[u8]) -> Result<(), Incomplete> {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let states = answer.get("InstancePatchStates").and_then(Value::as_array);
    let states = states.map(Vec::as_slice).unwrap_or_default();
    for field in PATCH_COUNTS {
        let reported = |s: &&Value| s.get(field).is_some_and(Value::is_number);
        let found = states.iter().filter(reported).count();
        if found != states.len() {
            return Err(Incomplete {
                field,
                expected: states.len(),
                found,
            });
        }
    }
    Ok(())
}
