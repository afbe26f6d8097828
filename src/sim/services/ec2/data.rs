//! Launch template data: from the request's names to the answer's.

use serde_json::{Map, Value, json};

use crate::sim::wire::ApiError;
use crate::sim::world::templates::TemplateData;

/// The fields that requests may hold, as the wire names them.
const FIELDS: [&str; 34] = [
    "BlockDeviceMapping",
    "CapacityReservationSpecification",
    "CpuOptions",
    "CreditSpecification",
    "DisableApiStop",
    "DisableApiTermination",
    "EbsOptimized",
    "ElasticGpuSpecification",
    "ElasticInferenceAccelerator",
    "EnclaveOptions",
    "HibernationOptions",
    "IamInstanceProfile",
    "ImageId",
    "InstanceInitiatedShutdownBehavior",
    "InstanceMarketOptions",
    "InstanceRequirements",
    "InstanceType",
    "KernelId",
    "KeyName",
    "LicenseSpecification",
    "MaintenanceOptions",
    "MetadataOptions",
    "Monitoring",
    "NetworkInterface",
    "NetworkPerformanceOptions",
    "Operator",
    "Placement",
    "PrivateDnsNameOptions",
    "RamDiskId",
    "SecondaryInterface",
    "SecurityGroup",
    "SecurityGroupId",
    "TagSpecification",
    "UserData",
];

/// Reads the data of a request; a field that AWS does not have fails loudly.
pub(super) fn read(given: Map<String, Value>) -> Result<TemplateData, ApiError> {
    if let Some(field) = given.keys().find(|k| !FIELDS.contains(&k.as_str())) {
        return Err(ApiError::unsupported(format!("LaunchTemplateData.{field}")));
    }
    let interfaces = given.get("NetworkInterface").and_then(Value::as_array);
    let groups = |i: &Value| {
        i.get("SecurityGroupId")
            .and_then(Value::as_array)
            .map_or(0, Vec::len)
    };
    // Answers name these list items `groupId`, which the writer can only do for one.
    if interfaces.into_iter().flatten().any(|i| groups(i) > 1) {
        return Err(ApiError::unsupported(
            "a network interface with several security groups",
        ));
    }
    Ok(TemplateData(given))
}

/// The data as answers show it: names begin small, and lists are called sets.
pub(super) fn shape(data: &TemplateData) -> Value {
    let mut shown = fields(&data.0);
    if let Some(Value::Array(interfaces)) = shown.get_mut("networkInterfaceSet") {
        for interface in interfaces.iter_mut().filter_map(Value::as_object_mut) {
            if let Some(groups) = interface.shift_remove("securityGroupIdSet") {
                interface.insert("groupSet".into(), json!({"groupId": groups[0]}));
            }
        }
    }
    Value::Object(shown)
}

fn fields(map: &Map<String, Value>) -> Map<String, Value> {
    map.iter()
        .map(|(name, value)| (answer_name(name, value), answer(value)))
        .collect()
}

fn answer(value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(fields(map)),
        Value::Array(items) => Value::Array(items.iter().map(answer).collect()),
        scalar => scalar.clone(),
    }
}

fn answer_name(name: &str, value: &Value) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|c| c.to_ascii_lowercase());
    let small: String = first.into_iter().chain(letters).collect();
    match (name, value) {
        ("LicenseSpecification", _) => "licenseSet".into(),
        (_, Value::Array(_)) => format!("{small}Set"),
        _ => small,
    }
}
