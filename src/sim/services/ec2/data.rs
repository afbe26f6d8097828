//! Launch template data: from the request's names to the answer's.

use serde_json::{Map, Value};

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
    match given.keys().find(|k| !FIELDS.contains(&k.as_str())) {
        None => Ok(TemplateData(given)),
        Some(field) => Err(ApiError::unsupported(format!("LaunchTemplateData.{field}"))),
    }
}

/// The data as answers show it: names begin small, and lists are called sets.
pub(super) fn shape(data: &TemplateData) -> Value {
    Value::Object(fields(&data.0))
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
