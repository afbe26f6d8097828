//! Changing calls as text.

use std::collections::BTreeMap;

use asg_patch::ids::Balancer;
use asg_patch::sim::calls::{CallRecord, Ending};
use asg_patch::sim::world::World;
use serde_json::Value;

use super::template_name;

/// One changing call with what matters of it.
pub(crate) fn call_line(world: &World, call: &CallRecord) -> String {
    let p = &call.params;
    let text = |key: &str| p.get(key).map(scalar).unwrap_or_default();
    let template = || template_name(world, &text("LaunchTemplateId"));
    let operation = call.name.split(':').nth(1).unwrap_or_default();
    let what = match operation {
        "PutParameter" => format!("{} Overwrite={}", text("Name"), text("Overwrite")),
        "DeleteParameter" => text("Name"),
        "SuspendProcesses" | "ResumeProcesses" => {
            format!(
                "{} {}",
                text("AutoScalingGroupName"),
                text("ScalingProcesses")
            )
        }
        "UpdateAutoScalingGroup" => update(world, p),
        "CreateTags" => format!("{} {}", text("ResourceId"), tags(p.get("Tag"))),
        "SetInstanceProtection" => format!(
            "{} {} {}",
            text("AutoScalingGroupName"),
            text("InstanceIds"),
            text("ProtectedFromScaleIn")
        ),
        "SendCommand" => {
            let parameters = parameters(p.get("Parameters"));
            let gap = if parameters.is_empty() { "" } else { " " };
            format!(
                "{}{gap}{parameters} on {} ({})",
                text("DocumentName"),
                text("InstanceIds"),
                text("Comment")
            )
        }
        "StartAutomationExecution" => {
            let parameters = parameters(p.get("Parameters"));
            let gap = if parameters.is_empty() { "" } else { " " };
            let moment = p.pointer("/Tags/0/Value").map(scalar);
            format!(
                "{}:{}{gap}{parameters} ({})",
                text("DocumentName"),
                text("DocumentVersion"),
                moment.unwrap_or_default()
            )
        }
        "CreateImage" => format!(
            "{} of {} NoReboot={}{}",
            text("Name"),
            text("InstanceId"),
            text("NoReboot"),
            devices(p.get("BlockDeviceMapping"), " without")
        ),
        "CreateLaunchTemplateVersion" => format!(
            "{} from {} with {} ({}){}",
            template(),
            text("SourceVersion"),
            p.pointer("/LaunchTemplateData/ImageId")
                .map(scalar)
                .unwrap_or_default(),
            text("VersionDescription"),
            devices(
                p.pointer("/LaunchTemplateData/BlockDeviceMapping"),
                " mapping"
            )
        ),
        "ModifyLaunchTemplate" => format!(
            "{} default {}",
            template(),
            p.get("SetDefaultVersion")
                .or(p.get("DefaultVersion"))
                .map(scalar)
                .unwrap_or_default()
        ),
        "TerminateInstanceInAutoScalingGroup" => format!(
            "{} decrement={}",
            text("InstanceId"),
            text("ShouldDecrementDesiredCapacity")
        ),
        "DeleteLaunchTemplateVersions" => {
            let versions = p.get("LaunchTemplateVersion").or(p.get("Versions"));
            format!(
                "{}:{}",
                template(),
                versions.map(scalar).unwrap_or_default()
            )
        }
        "RegisterTargets" | "DeregisterTargets" => {
            let arn = text("TargetGroupArn");
            let ids = p.pointer("/Targets/0/Id").map(scalar).unwrap_or_default();
            format!("{ids} {}", Balancer::from(arn).name())
        }
        "RegisterInstancesWithLoadBalancer" | "DeregisterInstancesFromLoadBalancer" => {
            let ids = p.pointer("/Instances/0/InstanceId").map(scalar);
            let ids = ids.unwrap_or_default();
            format!("{ids} {}", text("LoadBalancerName"))
        }
        "DeregisterImage" => format!(
            "{} with its snapshots={}",
            text("ImageId"),
            text("DeleteAssociatedSnapshots")
        ),
        "Publish" => format!("{} \"{}\"", text("TopicArn"), text("Subject")),
        _ => p.to_string(),
    };
    let ending = match &call.ending {
        Ending::Ok => String::new(),
        Ending::Error(code) => format!("  => {code}"),
        Ending::Lost => "  => never arrived".into(),
        Ending::ReplyLost => "  => reply lost".into(),
    };
    format!("{operation} {what}{ending}")
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(scalar).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

fn tags(list: Option<&Value>) -> String {
    let list = list.and_then(Value::as_array);
    let pairs = list.into_iter().flatten().map(|t| {
        let part = |k: &str| t.get(k).map(scalar).unwrap_or_default();
        format!("{}={}", part("Key"), part("Value"))
    });
    pairs.collect::<Vec<_>>().join(" ")
}

/// A command's parameters; a script by its length, and what never changes left out.
fn parameters(map: Option<&Value>) -> String {
    const CONSTANT: [&str; 3] = ["SnapshotId", "StepTimeoutSeconds", "executionTimeout"];
    let mut pairs: BTreeMap<&str, String> = BTreeMap::new();
    for (key, value) in map.and_then(Value::as_object).into_iter().flatten() {
        if key == "commands" {
            let lines = value.as_array().map_or(0, Vec::len);
            pairs.insert(key, format!("{lines} lines"));
        } else if !CONSTANT.contains(&key.as_str()) {
            pairs.insert(key, scalar(value));
        }
    }
    let pairs: Vec<String> = pairs.iter().map(|(k, v)| format!("{k}={v}")).collect();
    pairs.join(" ")
}

fn update(world: &World, p: &Value) -> String {
    let text = |key: &str| p.get(key).map(scalar);
    let mut parts = vec![text("AutoScalingGroupName").unwrap_or_default()];
    let capacity: Vec<String> = ["MinSize", "MaxSize", "DesiredCapacity"]
        .into_iter()
        .filter_map(text)
        .collect();
    if !capacity.is_empty() {
        parts.push(format!("capacity {}", capacity.join("-")));
    }
    let specification = |spec: &Value| {
        let part = |k: &str| spec.get(k).map(scalar).unwrap_or_default();
        format!(
            "{}:{}",
            template_name(world, &part("LaunchTemplateId")),
            part("Version")
        )
    };
    if let Some(spec) = p.get("LaunchTemplate") {
        parts.push(specification(spec));
    }
    if let Some(policy) = p.pointer("/MixedInstancesPolicy/LaunchTemplate") {
        let base = policy.get("LaunchTemplateSpecification");
        parts.extend(base.map(|s| format!("base {}", specification(s))));
        let overrides = policy.get("Overrides").and_then(Value::as_array);
        for (index, o) in overrides.into_iter().flatten().enumerate() {
            let spec = o.get("LaunchTemplateSpecification");
            parts.extend(spec.map(|s| format!("override {index} {}", specification(s))));
        }
    }
    parts.join(" ")
}

/// Block devices after a word, with the snapshots that they pin; nothing without any.
fn devices(mappings: Option<&Value>, word: &str) -> String {
    let Some(mappings) = mappings.and_then(Value::as_array) else {
        return String::new();
    };
    let device = |mapping: &Value| {
        let name = mapping.get("DeviceName").map(scalar).unwrap_or_default();
        let snapshot = mapping.pointer("/Ebs/SnapshotId").map(scalar);
        snapshot.map_or(name.clone(), |id| format!("{name} of {id}"))
    };
    let devices: Vec<String> = mappings.iter().map(device).collect();
    format!("{word} {}", devices.join(", "))
}
