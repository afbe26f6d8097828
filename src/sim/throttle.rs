//! Token buckets: the request limits that AWS documents.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::calls::is_change;
use super::wire::{ApiError, Call, Service};

#[derive(Clone, Debug)]
struct Bucket {
    tokens: f64,
    filled_at: DateTime<Utc>,
}

/// The buckets of one account and region.
#[derive(Clone, Debug, Default)]
pub(super) struct Throttle {
    buckets: BTreeMap<String, Bucket>,
    /// The part of each bucket that others in the account use, percent.
    pub(super) others_percent: u32,
}

/// Which bucket a call draws from, its size and its refill per second.
///
/// EC2: [EC2 Developer Guide, request throttling]; SSM PutParameter and GetParameter families:
/// [General Reference, ssm]. Auto Scaling and SNS publish no figures: the values are cautious.
fn bucket_of(call: &Call) -> (String, f64, f64) {
    let op = call.operation.as_str();
    match call.service {
        Service::Ec2 => ec2_bucket(call),
        Service::AutoScaling if is_change(op) => ("autoscaling:change".into(), 100.0, 10.0),
        Service::AutoScaling => ("autoscaling:read".into(), 100.0, 10.0),
        Service::Ssm => match op {
            "PutParameter" | "DeleteParameter" | "DeleteParameters" => {
                ("ssm:put-parameter".into(), 10.0, 3.0)
            }
            // "StartAutomationExecution: 1 transaction per second" (General Reference, ssm).
            "StartAutomationExecution" => ("ssm:start-automation".into(), 1.0, 1.0),
            "GetParameter" | "GetParameters" => ("ssm:get-parameter".into(), 40.0, 40.0),
            "GetParametersByPath" => ("ssm:by-path".into(), 40.0, 40.0),
            op => (format!("ssm:{op}"), 40.0, 10.0),
        },
        Service::Sns | Service::Sts => (format!("{}:{op}", call.service.name()), 300.0, 300.0),
        Service::LoadBalancing | Service::ClassicLoadBalancing => {
            (format!("elasticloadbalancing:{op}"), 40.0, 10.0)
        }
        // KMS: "Request quotas", cryptographic operations with HMAC keys: thousands a second.
        Service::Kms => ("kms:cryptographic".into(), 1000.0, 1000.0),
        // Step Functions: "Quotas related to API action throttling", DescribeExecution in the smaller regions.
        Service::States => (format!("states:{op}"), 250.0, 10.0),
        // EventBridge Scheduler's figures differ from region to region: cautious ones.
        Service::Scheduler => (format!("scheduler:{op}"), 40.0, 10.0),
    }
}

fn ec2_bucket(call: &Call) -> (String, f64, f64) {
    let op = call.operation.as_str();
    let name = format!("ec2:{op}");
    let bare = call.params.is_empty();
    match op {
        "DescribeInstances"
        | "DescribeInstanceStatus"
        | "DescribeSnapshots"
        | "DescribeVolumes"
        | "DescribeSecurityGroups"
            if bare =>
        {
            (format!("{name}:bare"), 50.0, 10.0)
        }
        op if !is_change(op) => (name, 100.0, 20.0),
        "CreateLaunchTemplateVersion"
        | "ModifyLaunchTemplate"
        | "DeregisterImage"
        | "CreateSnapshot"
        | "DeleteSnapshot"
        | "ModifyImageAttribute"
        | "TerminateInstances" => (name, 100.0, 5.0),
        "CopyImage" => (name, 100.0, 1.0),
        "CreateTags" | "DeleteTags" => (name, 100.0, 10.0),
        "RunInstances" | "StartInstances" => (name, 5.0, 2.0),
        _ => (name, 50.0, 5.0),
    }
}

impl Throttle {
    /// Takes a token for the call, or says how AWS refuses it.
    pub(super) fn admit(&mut self, call: &Call, now: DateTime<Utc>) -> Result<(), ApiError> {
        let (name, size, refill_per_second) = bucket_of(call);
        let left = f64::from(100 - self.others_percent.min(100)) / 100.0;
        let (size, refill_per_second) = (size * left, refill_per_second * left);
        let bucket = self.buckets.entry(name).or_insert(Bucket {
            tokens: size,
            filled_at: now,
        });
        let elapsed_seconds = (now - bucket.filled_at).as_seconds_f64().max(0.0);
        bucket.tokens = (bucket.tokens + elapsed_seconds * refill_per_second).min(size);
        bucket.filled_at = now;
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return Ok(());
        }
        Err(match call.service {
            Service::Ec2 => {
                ApiError::with_status(503, "RequestLimitExceeded", "Request limit exceeded.")
            }
            Service::AutoScaling
            | Service::Sns
            | Service::Sts
            | Service::LoadBalancing
            | Service::ClassicLoadBalancing => ApiError::new("Throttling", "Rate exceeded"),
            Service::Ssm | Service::Kms | Service::States => {
                ApiError::new("ThrottlingException", "Rate exceeded")
            }
            Service::Scheduler => {
                ApiError::with_status(429, "ThrottlingException", "Rate exceeded")
            }
        })
    }
}
