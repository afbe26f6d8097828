//! One effect, one changing call. No choices: what to do was decided before.

use aws_sdk_autoscaling::types::{
    LaunchTemplateOverrides, LaunchTemplateSpecification, MixedInstancesPolicy,
};
use aws_sdk_ec2::types::{RequestLaunchTemplateData, ResourceType, Tag, TagSpecification};

use super::clients::no_retry;
use super::pace::Pace;
use super::{Clients, convert, fault, missing};
use crate::group::Job;
use crate::group::effect::{Command, Done, Effect, Performed};
use crate::group::fault::{Fault, FaultClass};
use crate::group::limits::DELIVERY_LIMIT;
use crate::group::names::{BAKE_TAG, ROLE_TAG, RUN_TAG, SECONDS_TAG, record_parameter};
use crate::group::pin::{Pin, Slot};
use crate::group::record::Record;
use crate::ids::{GroupName, ImageId, InstanceId, TemplateId};
use crate::schedule::Capacity;

/// Performs an effect for a job.
pub async fn perform(clients: &Clients, job: &Job, effect: &Effect) -> Performed {
    clients.pace(pace(effect)).await;
    let record = &job.record;
    let group = job.group();
    let done = |result: Result<(), Fault>| result.map(|()| Done::Ok);
    match effect {
        Effect::StoreRecord(record) => done(store_record(clients, record).await),
        Effect::Suspend(processes) => done(suspend(clients, group, processes).await),
        Effect::Resume(processes) => done(resume(clients, group, processes).await),
        Effect::SetCapacity(capacity) => done(resize(clients, group, *capacity).await),
        Effect::SetPins { expected, pins } => done(set_pins(clients, group, expected, pins).await),
        Effect::TagInstance { instance, role } => {
            let tags = [(RUN_TAG, record.run_id.as_str()), (ROLE_TAG, role.as_str())];
            done(create_tags(clients, instance, &tags).await)
        }
        Effect::TagImage { image, seconds } => {
            done(create_tags(clients, image, &[(SECONDS_TAG, seconds)]).await)
        }
        Effect::Protect { instance, on } => done(protect(clients, group, instance, *on).await),
        Effect::SendCommand(command) => send_command(clients, command).await,
        Effect::CreateImage { .. } => create_image(clients, record, effect).await,
        Effect::CreateVersion { .. } => create_version(clients, effect).await,
        Effect::SetDefault { template, version } => {
            done(set_default(clients, template, *version).await)
        }
        Effect::Terminate {
            instance,
            decrement,
        } => done(terminate(clients, instance, *decrement).await),
        Effect::DeleteVersion { template, version } => {
            done(delete_version(clients, template, *version).await)
        }
        Effect::DeregisterImage(image) => done(deregister(clients, image).await),
        Effect::DeleteRecord => delete_record(clients, group).await,
    }
}

fn pace(effect: &Effect) -> Pace {
    match effect {
        Effect::StoreRecord(_) | Effect::DeleteRecord => Pace::Parameter,
        Effect::SendCommand(_) => Pace::Command,
        Effect::Suspend(_)
        | Effect::Resume(_)
        | Effect::SetCapacity(_)
        | Effect::SetPins { .. }
        | Effect::Protect { .. }
        | Effect::Terminate { .. } => Pace::AutoScalingChange,
        Effect::TagInstance { .. }
        | Effect::TagImage { .. }
        | Effect::CreateImage { .. }
        | Effect::CreateVersion { .. }
        | Effect::SetDefault { .. }
        | Effect::DeleteVersion { .. }
        | Effect::DeregisterImage(_) => Pace::Ec2Change,
    }
}

async fn store_record(clients: &Clients, record: &Record) -> Result<(), Fault> {
    clients
        .ssm
        .put_parameter()
        .name(record_parameter(&record.group))
        .r#type(aws_sdk_ssm::types::ParameterType::String)
        .value(record.to_text())
        .overwrite(false)
        .description(
            "What asg-patch must restore. Do not delete: asg-patch does, after the restore.",
        )
        .send()
        .await
        .map(|_| ())
        .map_err(|e| fault("ssm:PutParameter", &e))
}

async fn delete_record(clients: &Clients, group: &GroupName) -> Performed {
    let answer = clients
        .ssm
        .delete_parameter()
        .name(record_parameter(group))
        .customize()
        // A repetition after a lost reply would not find it, as if somebody else had deleted it.
        .config_override(aws_sdk_ssm::Config::builder().retry_config(no_retry()))
        .send()
        .await
        .map_err(|e| fault("ssm:DeleteParameter", &e));
    match answer {
        Ok(_) => Ok(Done::Ok),
        Err(fault) if fault.class == FaultClass::Gone => Ok(Done::WasGone),
        Err(fault) => Err(fault),
    }
}

/// What shall not be there is not there.
fn unless_gone(result: Result<(), Fault>) -> Result<(), Fault> {
    match result {
        Err(fault) if fault.class == FaultClass::Gone => Ok(()),
        other => other,
    }
}

async fn suspend(clients: &Clients, group: &GroupName, processes: &[String]) -> Result<(), Fault> {
    clients
        .autoscaling
        .suspend_processes()
        .auto_scaling_group_name(group.as_str())
        .set_scaling_processes(Some(never_empty(processes)?))
        .send()
        .await
        .map(|_| ())
        .map_err(|e| fault("autoscaling:SuspendProcesses", &e))
}

async fn resume(clients: &Clients, group: &GroupName, processes: &[String]) -> Result<(), Fault> {
    clients
        .autoscaling
        .resume_processes()
        .auto_scaling_group_name(group.as_str())
        .set_scaling_processes(Some(never_empty(processes)?))
        .send()
        .await
        .map(|_| ())
        .map_err(|e| fault("autoscaling:ResumeProcesses", &e))
}

/// An empty list would mean all processes.
fn never_empty(processes: &[String]) -> Result<Vec<String>, Fault> {
    if processes.is_empty() {
        return Err(Fault {
            operation: "autoscaling:SuspendProcesses".into(),
            code: "EmptyList".into(),
            message: "expected at least one process, found none (AWS would take it for all)".into(),
            class: FaultClass::Refused,
        });
    }
    Ok(processes.to_vec())
}

async fn resize(clients: &Clients, group: &GroupName, capacity: Capacity) -> Result<(), Fault> {
    let Capacity { min, max, desired } = capacity;
    clients
        .autoscaling
        .update_auto_scaling_group()
        .auto_scaling_group_name(group.as_str())
        .min_size(min)
        .max_size(max)
        .desired_capacity(desired)
        .send()
        .await
        .map(|_| ())
        .map_err(|e| fault("autoscaling:UpdateAutoScalingGroup", &e))
}

async fn set_pins(
    clients: &Clients,
    group: &GroupName,
    expected: &[Pin],
    pins: &[Pin],
) -> Result<(), Fault> {
    let update = clients
        .autoscaling
        .update_auto_scaling_group()
        .auto_scaling_group_name(group.as_str());
    let update = match pins {
        [
            Pin {
                slot: Slot::Template,
                template,
                version,
            },
        ] => update.launch_template(specification(template, version)),
        _ => update.mixed_instances_policy(policy(clients, group, expected, pins).await?),
    };
    update
        .send()
        .await
        .map(|_| ())
        .map_err(|e| fault("autoscaling:UpdateAutoScalingGroup", &e))
}

/// Id only: AWS answers both id and name, and refuses to be sent both.
fn specification(template: &TemplateId, version: &str) -> LaunchTemplateSpecification {
    LaunchTemplateSpecification::builder()
        .launch_template_id(template.as_str())
        .version(version)
        .build()
}

/// The group's whole policy with other versions: what AWS merges of a partial one is not documented.
async fn policy(
    clients: &Clients,
    group: &GroupName,
    expected: &[Pin],
    pins: &[Pin],
) -> Result<MixedInstancesPolicy, Fault> {
    const READ: &str = "autoscaling:DescribeAutoScalingGroups";
    let answer = clients
        .autoscaling
        .describe_auto_scaling_groups()
        .auto_scaling_group_names(group.as_str())
        .include_instances(false)
        .send()
        .await
        .map_err(|e| fault(READ, &e))?;
    let found = answer
        .auto_scaling_groups()
        .first()
        .ok_or_else(|| missing(READ, "the group"))?;
    if convert::pins(found)? != expected {
        return Err(Fault {
            operation: "autoscaling:UpdateAutoScalingGroup".into(),
            code: "ChangedMeanwhile".into(),
            message: "the mixed instances policy changed since it was looked at".into(),
            class: FaultClass::Contention,
        });
    }
    let mut policy = found
        .mixed_instances_policy()
        .cloned()
        .ok_or_else(|| missing(READ, "MixedInstancesPolicy"))?;
    let template = policy
        .launch_template
        .as_mut()
        .ok_or_else(|| missing(READ, "LaunchTemplate"))?;
    // What is written back must be whole: an override says by one of the two what it launches.
    let is_whole = |o: &LaunchTemplateOverrides| {
        o.instance_type().is_some() || o.instance_requirements().is_some()
    };
    if !template.overrides.iter().flatten().all(is_whole) {
        return Err(missing(READ, "InstanceType or InstanceRequirements"));
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
    Ok(policy)
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

async fn create_tags(
    clients: &Clients,
    resource: &str,
    tags: &[(&str, &str)],
) -> Result<(), Fault> {
    clients
        .ec2
        .create_tags()
        .resources(resource)
        .set_tags(Some(tags.iter().map(|(k, v)| tag(k, v)).collect()))
        .send()
        .await
        .map(|_| ())
        .map_err(|e| fault("ec2:CreateTags", &e))
}

async fn protect(
    clients: &Clients,
    group: &GroupName,
    instance: &InstanceId,
    on: bool,
) -> Result<(), Fault> {
    clients
        .autoscaling
        .set_instance_protection()
        .auto_scaling_group_name(group.as_str())
        .instance_ids(instance.as_str())
        .protected_from_scale_in(on)
        .send()
        .await
        .map(|_| ())
        .map_err(|e| fault("autoscaling:SetInstanceProtection", &e))
}

async fn send_command(clients: &Clients, command: &Command) -> Performed {
    const OPERATION: &str = "ssm:SendCommand";
    let answer = clients
        .ssm
        .send_command()
        .instance_ids(command.instance.as_str())
        .document_name(&command.document)
        .set_parameters(Some(command.parameters.clone().into_iter().collect()))
        .comment(&command.comment)
        .timeout_seconds(DELIVERY_LIMIT.num_seconds() as i32)
        .customize()
        .config_override(aws_sdk_ssm::Config::builder().retry_config(no_retry()))
        .send()
        .await
        .map_err(|e| fault(OPERATION, &e))?;
    let id = answer
        .command()
        .and_then(|c| c.command_id())
        .ok_or_else(|| missing(OPERATION, "CommandId"))?;
    Ok(Done::Command(id.to_owned()))
}

async fn create_image(clients: &Clients, record: &Record, effect: &Effect) -> Performed {
    const OPERATION: &str = "ec2:CreateImage";
    let Effect::CreateImage {
        instance,
        name,
        reboot,
        source_image,
    } = effect
    else {
        return Ok(Done::Ok);
    };
    let [image, snapshot] = image_tags(record, name, source_image);
    let answer = clients
        .ec2
        .create_image()
        .instance_id(instance.as_str())
        .name(name)
        .description(format!("Patched by asg-patch {}", record.run_id))
        .no_reboot(!reboot)
        .tag_specifications(image)
        .tag_specifications(snapshot)
        .customize()
        .config_override(aws_sdk_ec2::Config::builder().retry_config(no_retry()))
        .send()
        .await
        .map_err(|e| fault(OPERATION, &e))?;
    answer
        .image_id()
        .map(|_| Done::Ok)
        .ok_or_else(|| missing(OPERATION, "ImageId"))
}

/// What an image and its snapshots are marked with from the beginning.
pub(super) fn image_tags(
    record: &Record,
    name: &str,
    source_image: &ImageId,
) -> [TagSpecification; 2] {
    [ResourceType::Image, ResourceType::Snapshot].map(|kind| {
        TagSpecification::builder()
            .resource_type(kind)
            .tags(tag("Name", name))
            .tags(tag(RUN_TAG, &record.run_id))
            .tags(tag(BAKE_TAG, &record.bake_key))
            .tags(tag("asg-patch:source-image", source_image))
            .build()
    })
}

async fn create_version(clients: &Clients, effect: &Effect) -> Performed {
    const OPERATION: &str = "ec2:CreateLaunchTemplateVersion";
    let Effect::CreateVersion {
        template,
        source,
        image,
        description,
        token,
    } = effect
    else {
        return Ok(Done::Ok);
    };
    let answer = clients
        .ec2
        .create_launch_template_version()
        .launch_template_id(template.as_str())
        .source_version(source.to_string())
        .version_description(description)
        .client_token(token)
        .launch_template_data(
            RequestLaunchTemplateData::builder()
                .image_id(image.as_str())
                .build(),
        )
        .send()
        .await
        .map_err(|e| fault(OPERATION, &e))?;
    if let Some(warning) = answer.warning() {
        let errors: Vec<String> = warning
            .errors()
            .iter()
            .map(|e| {
                format!(
                    "{}: {}",
                    e.code().unwrap_or_default(),
                    e.message().unwrap_or_default()
                )
            })
            .collect();
        return Err(Fault {
            operation: OPERATION.into(),
            code: "Warning".into(),
            message: errors.join("; "),
            class: FaultClass::Refused,
        });
    }
    let number = answer
        .launch_template_version()
        .and_then(|v| v.version_number())
        .ok_or_else(|| missing(OPERATION, "VersionNumber"))?;
    Ok(Done::Version(number.unsigned_abs()))
}

async fn set_default(clients: &Clients, template: &TemplateId, version: u64) -> Result<(), Fault> {
    clients
        .ec2
        .modify_launch_template()
        .launch_template_id(template.as_str())
        .default_version(version.to_string())
        .send()
        .await
        .map(|_| ())
        .map_err(|e| fault("ec2:ModifyLaunchTemplate", &e))
}

async fn terminate(clients: &Clients, instance: &InstanceId, decrement: bool) -> Result<(), Fault> {
    clients
        .autoscaling
        .terminate_instance_in_auto_scaling_group()
        .instance_id(instance.as_str())
        .should_decrement_desired_capacity(decrement)
        .customize()
        .config_override(aws_sdk_autoscaling::Config::builder().retry_config(no_retry()))
        .send()
        .await
        .map(|_| ())
        .map_err(|e| fault("autoscaling:TerminateInstanceInAutoScalingGroup", &e))
}

async fn delete_version(
    clients: &Clients,
    template: &TemplateId,
    version: u64,
) -> Result<(), Fault> {
    const OPERATION: &str = "ec2:DeleteLaunchTemplateVersions";
    let answer = clients
        .ec2
        .delete_launch_template_versions()
        .launch_template_id(template.as_str())
        .versions(version.to_string())
        .send()
        .await;
    let answer = match answer.map_err(|e| fault(OPERATION, &e)) {
        Err(fault) => return unless_gone(Err(fault)),
        Ok(answer) => answer,
    };
    let refused = answer
        .unsuccessfully_deleted_launch_template_versions()
        .first()
        .and_then(|v| v.response_error());
    match refused {
        None => Ok(()),
        Some(error) => {
            let code = error.code().map(|c| c.as_str()).unwrap_or_default();
            if code == "launchTemplateVersionDoesNotExist" || code == "launchTemplateIdDoesNotExist"
            {
                return Ok(());
            }
            Err(Fault {
                operation: OPERATION.into(),
                code: code.to_owned(),
                message: error.message().unwrap_or_default().to_owned(),
                class: FaultClass::Refused,
            })
        }
    }
}

async fn deregister(clients: &Clients, image: &ImageId) -> Result<(), Fault> {
    let answer = clients
        .ec2
        .deregister_image()
        .image_id(image.as_str())
        .delete_associated_snapshots(true)
        .send()
        .await;
    match answer.map_err(|e| fault("ec2:DeregisterImage", &e)) {
        // Gone already, by a repetition of ours or by somebody.
        Err(f) if f.code == "InvalidAMIID.NotFound" || f.code == "InvalidAMIID.Unavailable" => {
            Ok(())
        }
        other => other.map(|_| ()),
    }
}
