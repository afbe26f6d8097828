//! One effect, one changing call. No choices: the decision was made before.

mod autoscaling;
mod ec2;
mod load_balancing;
mod ssm;

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

pub(super) use self::ec2::image_tags;
use self::ec2::{NewImage, NewVersion};
use super::pace::Pace;
use super::{Clients, fault};
use crate::group::Job;
use crate::group::effect::{Done, Effect, Performed};
use crate::group::names::{ROLE_TAG, RUN_TAG, SECONDS_TAG};

/// Performs an effect for a job, as soon as the pace of its kind of call allows.
///
/// # Errors
/// The call failed, or its answer lacks what the job needs. After some errors it may have taken effect
/// all the same.
pub async fn perform(clients: &Clients, job: &Job, effect: &Effect) -> Performed {
    let (pace, call) = call(clients, job, effect);
    clients.pace(pace).await;
    call.await
}

/// The call that an effect means, not yet begun, and the limit that it shares with others.
fn call<'a>(
    clients: &'a Clients,
    job: &'a Job,
    effect: &'a Effect,
) -> (Pace, BoxFuture<'a, Performed>) {
    use Pace::{AutoScalingChange, Command, Ec2Change, LoadBalancing, Parameter};
    let record = &job.record;
    let group = job.group();
    match effect {
        Effect::StoreRecord(record) => (Parameter, ssm::store_record(clients, record).boxed()),
        Effect::DeleteRecord => (Parameter, ssm::delete_record(clients, group).boxed()),
        Effect::SendCommand(command) => (Command, ssm::send_command(clients, command).boxed()),
        Effect::Suspend(processes) => (
            AutoScalingChange,
            autoscaling::suspend(clients, group, processes).boxed(),
        ),
        Effect::Resume(processes) => (
            AutoScalingChange,
            autoscaling::resume(clients, group, processes).boxed(),
        ),
        Effect::Update { capacity, pins } => (
            AutoScalingChange,
            autoscaling::update(clients, group, *capacity, pins.as_ref()).boxed(),
        ),
        Effect::EnterStandby {
            instance,
            decrement,
        } => (
            AutoScalingChange,
            autoscaling::enter_standby(clients, group, instance, *decrement).boxed(),
        ),
        Effect::Terminate {
            instance,
            decrement,
        } => (
            AutoScalingChange,
            autoscaling::terminate(clients, instance, *decrement).boxed(),
        ),
        Effect::RegisterTarget {
            target_group,
            instance,
        } => (
            LoadBalancing,
            load_balancing::register(clients, target_group, instance).boxed(),
        ),
        Effect::DeregisterTarget {
            target_group,
            instance,
        } => (
            LoadBalancing,
            load_balancing::deregister(clients, target_group, instance).boxed(),
        ),
        Effect::TagInstance { instance, role } => {
            let tags = [(RUN_TAG, record.run_id.as_str()), (ROLE_TAG, role.as_str())];
            (
                Ec2Change,
                ec2::tag_instance(clients, instance, tags).boxed(),
            )
        }
        Effect::TagImage { image, seconds } => {
            let tags = [(SECONDS_TAG, seconds.as_str())];
            (Ec2Change, ec2::tag_image(clients, image, tags).boxed())
        }
        Effect::CreateImage {
            instance,
            name,
            reboot,
            source_image,
            lineage,
            without,
        } => {
            let image = NewImage {
                instance,
                name,
                reboot: *reboot,
                source_image,
                lineage,
                without,
            };
            (Ec2Change, ec2::create_image(clients, record, image).boxed())
        }
        Effect::CreateVersion {
            template,
            source,
            image,
            description,
            token,
            devices,
        } => {
            let version = NewVersion {
                template,
                source: *source,
                image,
                description,
                token,
                devices,
            };
            (Ec2Change, ec2::create_version(clients, version).boxed())
        }
        Effect::SetDefault { template, version } => (
            Ec2Change,
            ec2::set_default(clients, template, *version).boxed(),
        ),
        Effect::DeleteVersion { template, version } => (
            Ec2Change,
            ec2::delete_version(clients, template, *version).boxed(),
        ),
        Effect::DeregisterImage(image) => (Ec2Change, ec2::deregister(clients, image).boxed()),
    }
}

/// The end of a call whose answer says nothing but that it succeeded.
fn done<T, E>(operation: &str, answer: Result<T, SdkError<E, HttpResponse>>) -> Performed
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match answer {
        Ok(_) => Ok(Done::Ok),
        Err(error) => Err(fault(operation, &error)),
    }
}
