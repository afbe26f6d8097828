//! Fields that an answer lacks. Where AWS documents a field as required and an answer lacks it, the SDK
//! puts in a zero or an empty text, and a group of size 0 would look like one whose size was not
//! reported, a scan that found nothing missing like one that did not say. So the answer itself is looked
//! at, where such a zero would be acted upon, and the zero is taken out again: a reader of the group or of
//! the scan finds the field missing, and no other group or scan is concerned.

use aws_sdk_autoscaling::operation::describe_auto_scaling_groups::DescribeAutoScalingGroupsOutput;
use aws_sdk_autoscaling::types::AutoScalingGroup;
use aws_sdk_ssm::operation::describe_instance_patch_states::DescribeInstancePatchStatesOutput;
use aws_sdk_ssm::types::InstancePatchState;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::FinalizerInterceptorContextMut;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use serde_json::Value;

/// In place of a count that a scan does not report: the SDK's type has no room for its absence.
pub(super) const UNREPORTED: i32 = -1;

/// The answer shows another number of groups or scans than the SDK found in it: what is whose cannot be told.
#[derive(Debug, thiserror::Error)]
#[error("expected an answer with {expected} entries, found {found}")]
struct Uncountable {
    expected: usize,
    found: usize,
}

/// Takes out of answers what the SDK put in.
#[derive(Debug)]
pub(super) struct Completeness;

#[dyn_dispatch_hint]
impl Intercept for Completeness {
    fn name(&self) -> &'static str {
        "Completeness"
    }

    fn modify_before_attempt_completion(
        &self,
        context: &mut FinalizerInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(Ok(output)) = context.output_or_error() else {
            return Ok(());
        };
        type Groups = DescribeAutoScalingGroupsOutput;
        type Scans = DescribeInstancePatchStatesOutput;
        let body = context.response().and_then(|r| r.body().bytes());
        let body = body.unwrap_or_default();
        let fields = if output.downcast_ref::<Groups>().is_some() {
            fields_of_groups(body)
        } else if output.downcast_ref::<Scans>().is_some() {
            fields_of_scans(body)
        } else {
            return Ok(());
        };
        let Some(Ok(output)) = context.output_or_error_mut() else {
            return Ok(());
        };
        if let Some(answer) = output.downcast_mut::<Groups>() {
            let groups = answer.auto_scaling_groups.as_deref_mut();
            each(groups.unwrap_or_default(), &fields, take_sizes)?;
        } else if let Some(answer) = output.downcast_mut::<Scans>() {
            let scans = answer.instance_patch_states.as_deref_mut();
            each(scans.unwrap_or_default(), &fields, take_counts)?;
        }
        Ok(())
    }
}

/// The names of the fields that an entry has.
type Fields = Vec<String>;

fn each<T>(
    entries: &mut [T],
    fields: &[Fields],
    take: impl Fn(&mut T, &dyn Fn(&str) -> bool),
) -> Result<(), Uncountable> {
    if entries.len() != fields.len() {
        return Err(Uncountable {
            expected: entries.len(),
            found: fields.len(),
        });
    }
    for (entry, fields) in entries.iter_mut().zip(fields) {
        take(entry, &|field| fields.iter().any(|f| f == field));
    }
    Ok(())
}

fn take_sizes(group: &mut AutoScalingGroup, has: &dyn Fn(&str) -> bool) {
    for (field, value) in [
        ("MinSize", &mut group.min_size),
        ("MaxSize", &mut group.max_size),
        ("DesiredCapacity", &mut group.desired_capacity),
    ] {
        if !has(field) {
            *value = None;
        }
    }
}

fn take_counts(scan: &mut InstancePatchState, has: &dyn Fn(&str) -> bool) {
    for (field, value) in [
        ("MissingCount", &mut scan.missing_count),
        ("FailedCount", &mut scan.failed_count),
    ] {
        if !has(field) {
            *value = UNREPORTED;
        }
    }
}

/// The fields of each group: the elements directly below each member of the list, and not those of a warm pool, an
/// instance or a tag.
fn fields_of_groups(body: &[u8]) -> Vec<Fields> {
    let text = String::from_utf8_lossy(body);
    let mut groups = Vec::new();
    let mut open: Vec<&str> = Vec::new();
    for tag in text.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap_or_default();
        if tag.starts_with('/') {
            open.pop();
            continue;
        }
        let is_empty = tag.ends_with('/');
        let name = tag.trim_end_matches('/').split_whitespace().next();
        let name = name.unwrap_or_default();
        match open.as_slice() {
            [.., "AutoScalingGroups"] if name == "member" => groups.push(Fields::new()),
            [.., "AutoScalingGroups", "member"] => {
                if let Some(fields) = groups.last_mut() {
                    fields.push(name.to_owned());
                }
            }
            _ => {}
        }
        // The declaration is no element.
        if !is_empty && !name.starts_with('?') {
            open.push(name);
        }
    }
    groups
}

fn fields_of_scans(body: &[u8]) -> Vec<Fields> {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let states = answer.get("InstancePatchStates").and_then(Value::as_array);
    // The SDK leaves out what is null, whether an entry or a field.
    let states = states.into_iter().flatten().filter_map(Value::as_object);
    let fields = states.map(|state| {
        let reported = state.iter().filter(|(_, value)| value.is_number());
        reported.map(|(name, _)| name.clone()).collect()
    });
    fields.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_a_group_are_its_own() {
        let body = "<?xml version=\"1.0\"?><R xmlns=\"u\"><Result><NextToken/><AutoScalingGroups><member>\
             <MinSize>0</MinSize><Instances><member><MaxSize>1</MaxSize></member></Instances><Tags/>\
             <WarmPoolConfiguration><DesiredCapacity>3</DesiredCapacity></WarmPoolConfiguration></member>\
             <member/><member><MaxSize/></member></AutoScalingGroups><Tail><member/></Tail></Result></R>";
        let fields = fields_of_groups(body.as_bytes());
        let expected: [&[&str]; 3] = [
            &["MinSize", "Instances", "Tags", "WarmPoolConfiguration"],
            &[],
            &["MaxSize"],
        ];
        assert_eq!(fields, expected);
    }
}
