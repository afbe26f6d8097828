//! The order of an answer's items, where AWS documents none.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use crate::sim::beliefs::AnswerOrder;
use crate::sim::world::World;

/// The lists without a documented order. Activities, for instance, are documented as newest first.
const LISTS: [&str; 24] = [
    "AutoScalingGroups",
    "AutoScalingInstances",
    "AvailabilityZones",
    "Instances",
    "InstanceInformationList",
    "InstancePatchStates",
    "InstanceStates",
    "InvalidParameters",
    "LifecycleHooks",
    "Parameters",
    "Patches",
    "ScheduledUpdateGroupActions",
    "Schedules",
    "SuspendedProcesses",
    "Tags",
    "Tasks",
    "WindowIdentities",
    "blockDeviceMapping",
    "imagesSet",
    "instanceStatusSet",
    "launchTemplates",
    "reservationSet",
    "snapshotSet",
    "tagSet",
];

/// Puts the lists of an answer into the order that the world's beliefs have.
pub(super) fn arrange(world: &World, answer: &mut Value) {
    match world.beliefs.answer_order {
        AnswerOrder::ByName => {}
        AnswerOrder::Reversed => each_list(answer, &mut |items| items.reverse()),
        AnswerOrder::Shuffled => {
            let at = world.now.timestamp_millis();
            each_list(answer, &mut |items| {
                items.sort_by_key(|item| place(at, item))
            });
        }
    }
}

/// A place that follows from the item and the moment: no randomness is drawn by a read.
fn place(at: i64, item: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    (at, item.to_string()).hash(&mut hasher);
    hasher.finish()
}

fn each_list(value: &mut Value, arrange: &mut impl FnMut(&mut Vec<Value>)) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if let Value::Array(items) = field
                    && LISTS.contains(&name.as_str())
                {
                    arrange(items);
                }
                each_list(field, arrange);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| each_list(item, arrange)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
