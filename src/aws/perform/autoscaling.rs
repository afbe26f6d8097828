//! Changing calls of Auto Scaling.

use aws_sdk_autoscaling::types::{
    LaunchTemplateOverrides, LaunchTemplateSpecification, MixedInstancesPolicy,
};

use super::done;
use crate::aws::clients::no_retry;
use crate::aws::{Clients, convert, fault, missing};
use crate::group::effect::{Performed, PinChange};
use crate::group::fault::{Fault, FaultClass};
use crate::group::pin::{Pin, Slot};
use crate::ids::{GroupName, InstanceId, TemplateId};
use crate::schedule::Capacity;

const SUSPEND: &str = "autoscaling:SuspendProcesses";
const RESUME: &str = "autoscaling:ResumeProcesses";
const UPDATE: &str = "autoscaling:UpdateAutoScalingGroup";
const DESCRIBE: &str = "autoscaling:DescribeAutoScalingGroups";

pub(super) async fn suspend(
    clients: &Clients,
    group: &GroupName,
    processes: &[String],
) -> Performed {
    let processes = never_empty(SUSPEND, processes)?;
    let call = clients
        .autoscaling
        .suspend_processes()
        .auto_scaling_group_name(group.as_str())
        .set_scaling_processes(Some(processes))
        .customize()
        .config_override(aws_sdk_autoscaling::Config::builder().retry_config(no_retry()));
    done(SUSPEND, call.send().await)
}

pub(super) async fn resume(
    clients: &Clients,
    group: &GroupName,
    processes: &[String],
) -> Performed {
    let processes = never_empty(RESUME, processes)?;
    let call = clients
        .autoscaling
        .resume_processes()
        .auto_scaling_group_name(group.as_str())
        .set_scaling_processes(Some(processes));
    done(RESUME, call.send().await)
}

/// An empty list would mean all processes.
fn never_empty(operation: &str, processes: &[String]) -> Result<Vec<String>, Fault> {
    if processes.is_empty() {
        return Err(Fault {
            operation: operation.to_owned(),
            code: "EmptyList".into(),
            message: "expected at least one process, found none (AWS would take it for all)".into(),
            class: FaultClass::Refused,
        });
    }
    Ok(processes.to_vec())
}

/// Capacity and pins in one call, so that the group has both or neither. Without retries of the SDK's own: where the
/// answer to the first was lost and the second is refused, the group is changed, and the refusal must not hide it.
pub(super) async fn update(
    clients: &Clients,
    group: &GroupName,
    capacity: Option<Capacity>,
    pins: Option<&PinChange>,
) -> Performed {
    let mut call = clients
        .autoscaling
        .update_auto_scaling_group()
        .auto_scaling_group_name(group.as_str());
    if let Some(Capacity { min, max, desired }) = capacity {
        call = call.min_size(min).max_size(max).desired_capacity(desired);
    }
    if let Some(change) = pins {
        call = match change.to.as_slice() {
            [
                Pin {
                    slot: Slot::Template,
                    template,
                    version,
                },
            ] => call.launch_template(specification(template, version)),
            _ => call.mixed_instances_policy(policy(clients, group, change).await?),
        };
    }
    let once = aws_sdk_autoscaling::Config::builder().retry_config(no_retry());
    let sent = call.customize().config_override(once).send().await;
    done(UPDATE, sent).map_err(not_yet)
}

/// Auto Scaling asks EC2 about a version and its image, which were made a moment ago. It reports what EC2 does not
/// know (yet) under a code that it uses for everything, so the texts must tell. They are UNCONFIRMED: "You must use a
/// valid fully-formed launch template. Could not find the specified version 4 for the launch template with ID lt-...";
/// "... The image id '[ami-...]' does not exist".
fn not_yet(fault: Fault) -> Fault {
    let is_unknown = ["Could not find the specified version", "' does not exist"]
        .iter()
        .any(|text| fault.message.contains(text));
    if fault.code == "ValidationError" && is_unknown {
        return Fault {
            class: FaultClass::NotYet,
            ..fault
        };
    }
    fault
}

/// Without retries of the SDK's own: a repetition of a move that took effect would be refused, and the next look
/// shows whether it did.
pub(super) async fn enter_standby(
    clients: &Clients,
    group: &GroupName,
    instance: &InstanceId,
    decrement: bool,
) -> Performed {
    let call = clients
        .autoscaling
        .enter_standby()
        .auto_scaling_group_name(group.as_str())
        .instance_ids(instance.as_str())
        .should_decrement_desired_capacity(decrement)
        .customize()
        .config_override(aws_sdk_autoscaling::Config::builder().retry_config(no_retry()));
    done("autoscaling:EnterStandby", call.send().await)
}

/// By id only: AWS answers with both id and name, and refuses a request with both. A pin without a version
/// is written without one.
fn specification(template: &TemplateId, version: &str) -> LaunchTemplateSpecification {
    LaunchTemplateSpecification::builder()
        .launch_template_id(template.as_str())
        .set_version((!version.is_empty()).then(|| version.to_owned()))
        .build()
}

/// The group's whole policy with other versions: how AWS merges a partial one is not documented.
async fn policy(
    clients: &Clients,
    group: &GroupName,
    change: &PinChange,
) -> Result<MixedInstancesPolicy, Fault> {
    let answer = clients
        .autoscaling
        .describe_auto_scaling_groups()
        .auto_scaling_group_names(group.as_str())
        .include_instances(false)
        .send()
        .await
        .map_err(|e| fault(DESCRIBE, &e))?;
    let found = answer
        .auto_scaling_groups()
        .first()
        .ok_or_else(|| missing(DESCRIBE, "the group"))?;
    if convert::pins(found)? != change.expected {
        return Err(Fault {
            operation: UPDATE.into(),
            code: "ChangedMeanwhile".into(),
            message: "the mixed instances policy changed since it was looked at".into(),
            class: FaultClass::Contention,
        });
    }
    let policy = found.mixed_instances_policy().cloned();
    let mut policy = policy.ok_or_else(|| missing(DESCRIBE, "MixedInstancesPolicy"))?;
    put_pins(&mut policy, &change.to)?;
    Ok(policy)
}

fn put_pins(policy: &mut MixedInstancesPolicy, pins: &[Pin]) -> Result<(), Fault> {
    let template = policy.launch_template.as_mut();
    let template = template.ok_or_else(|| missing(DESCRIBE, "LaunchTemplate"))?;
    // A policy is written back whole: each override names the instances that it launches in one of two ways.
    let is_whole = |o: &LaunchTemplateOverrides| {
        o.instance_type().is_some() || o.instance_requirements().is_some()
    };
    if !template.overrides.iter().flatten().all(is_whole) {
        return Err(missing(DESCRIBE, "InstanceType or InstanceRequirements"));
    }
    for pin in pins {
        let new = Some(specification(&pin.template, &pin.version));
        match pin.slot {
            Slot::Template | Slot::Base => template.launch_template_specification = new,
            Slot::Override(index) => {
                let overrides = template.overrides.as_mut();
                if let Some(o) = overrides.and_then(|o| o.get_mut(index)) {
                    o.launch_template_specification = new;
                }
            }
        }
    }
    Ok(())
}

pub(super) async fn terminate(
    clients: &Clients,
    instance: &InstanceId,
    decrement: bool,
) -> Performed {
    let call = clients
        .autoscaling
        .terminate_instance_in_auto_scaling_group()
        .instance_id(instance.as_str())
        .should_decrement_desired_capacity(decrement)
        .customize()
        .config_override(aws_sdk_autoscaling::Config::builder().retry_config(no_retry()));
    done(
        "autoscaling:TerminateInstanceInAutoScalingGroup",
        call.send().await,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::canned::{self, Canned, Reply};
    use crate::clock::Clock;

    fn pin(version: &str) -> Pin {
        Pin {
            slot: Slot::Template,
            template: "lt-1".into(),
            version: version.into(),
        }
    }

    #[tokio::test]
    async fn a_pin_without_a_version_is_written_without_one() {
        for (version, written) in [
            ("", None),
            ("$Default", Some("%24Default")),
            ("4", Some("4")),
        ] {
            let canned = Canned::new(|_| Reply::ok("<UpdateAutoScalingGroupResponse/>"));
            let clients = canned::clients(&canned, Clock::system());
            let change = PinChange {
                expected: Vec::new(),
                to: vec![pin(version)],
            };
            let done = update(&clients, &"g".into(), None, Some(&change)).await;
            assert_eq!(done, Ok(crate::group::effect::Done::Ok));
            let body = canned.bodies().concat();
            let parts = body.split('&');
            let mut versions = parts.filter_map(|p| p.strip_prefix("LaunchTemplate.Version="));
            assert_eq!(versions.next(), written, "{body}");
        }
    }

    #[test]
    fn what_ec2_does_not_know_yet_is_not_refused_for_good() {
        let classed = |code: &str, message: &str| {
            let fault = Fault {
                operation: UPDATE.into(),
                code: code.into(),
                message: message.into(),
                class: FaultClass::Refused,
            };
            not_yet(fault).class
        };
        let version = "You must use a valid fully-formed launch template. Could not find the specified version 4 \
                       for the launch template with ID lt-1.";
        let image = "You must use a valid fully-formed launch template. The image id '[ami-1]' does not exist";
        let other = "Desired capacity:0 must be between the specified min size:1 and max size:9";
        assert_eq!(classed("ValidationError", version), FaultClass::NotYet);
        assert_eq!(classed("ValidationError", image), FaultClass::NotYet);
        assert_eq!(classed("ValidationError", other), FaultClass::Refused);
        assert_eq!(classed("AccessDenied", image), FaultClass::Refused);
    }
}
