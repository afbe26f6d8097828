//! Effects as changing calls: one call each, or one for several of a kind. No choices: the decision was made before.

mod automation;
mod autoscaling;
mod ec2;
mod fold;
mod load_balancing;
mod retire;
mod ssm;

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};

pub(super) use self::ec2::image_tags;
use self::ec2::{NewImage, NewVersion};
pub use self::fold::fold;
pub use self::retire::retire;
use super::pace::{Turn, Urgency};
use super::{Clients, fault};
use crate::group::Job;
use crate::group::effect::{Done, Effect, Performed, Role};
use crate::group::fault::{Fault, FaultClass};
use crate::group::names::{ROLE_TAG, RUN_TAG, SECONDS_TAG};

/// Waits until effects that [`fold`] has put together may soon be performed.
pub async fn await_turn(clients: &Clients, urgency: Urgency, together: &[(&Job, &Effect)]) -> Turn {
    clients.near_turn(operation_of(together), urgency).await
}

/// Whether a turn is one for these effects.
pub fn is_turn_for(turn: &Turn, together: &[(&Job, &Effect)]) -> bool {
    turn.is_for(operation_of(together))
}

/// Performs effects that [`fold`] has put together, in one call, when it is their turn; `None` if that does not come
/// soon. Answers each effect, in their order: the call failed, or its answer lacks what the job needs. After some faults
/// it may have taken effect all the same.
pub async fn perform(
    clients: &Clients,
    urgency: Urgency,
    together: &[(&Job, &Effect)],
    its_turn: &Turn,
) -> Option<Vec<Performed>> {
    if !its_turn.take(operation_of(together)).await {
        return None;
    }
    Some(perform_now(clients, urgency, together).await)
}

async fn perform_now(
    clients: &Clients,
    urgency: Urgency,
    together: &[(&Job, &Effect)],
) -> Vec<Performed> {
    if let [(job, effect)] = together {
        return vec![call(clients, job, effect).await];
    }
    match bulk(clients, together).await {
        Ok(done) => done,
        // AWS refuses all for one that it does not know (yet): it is found by halving.
        Err(fault) if is_about_one(&fault) => {
            let (left, right) = together.split_at(together.len() / 2);
            let halves = [left, right].map(|half| async move {
                clients.turn_of(operation_of(half), urgency).await;
                Box::pin(perform_now(clients, urgency, half)).await
            });
            join_all(halves).await.concat()
        }
        Err(fault) => vec![Err(fault); together.len()],
    }
}

fn is_about_one(fault: &Fault) -> bool {
    matches!(fault.class, FaultClass::NotYet | FaultClass::Gone)
}

/// The operation of an effect by itself, as `service:Operation`.
fn operation(effect: &Effect) -> &'static str {
    match effect {
        Effect::StoreRecord(_) => "ssm:PutParameter",
        Effect::DeleteRecord => "ssm:DeleteParameter",
        Effect::SendCommand(_) => "ssm:SendCommand",
        Effect::StartAutomation(_) => automation::START,
        Effect::StopAutomation { .. } => automation::STOP,
        Effect::Suspend(_) => "autoscaling:SuspendProcesses",
        Effect::Resume(_) => "autoscaling:ResumeProcesses",
        Effect::Update { .. } => "autoscaling:UpdateAutoScalingGroup",
        Effect::EnterStandby { .. } => "autoscaling:EnterStandby",
        Effect::Terminate { .. } => "autoscaling:TerminateInstanceInAutoScalingGroup",
        Effect::RegisterTarget { balancer, .. } => load_balancing::registration(balancer.kind()),
        Effect::DeregisterTarget { balancer, .. } => {
            load_balancing::deregistration(balancer.kind())
        }
        Effect::TagInstance { .. } | Effect::TagImage { .. } | Effect::KeepImage { .. } => {
            "ec2:CreateTags"
        }
        Effect::CreateImage { .. } => "ec2:CreateImage",
        Effect::CreateVersion { .. } => "ec2:CreateLaunchTemplateVersion",
        Effect::SetDefault { .. } => "ec2:ModifyLaunchTemplate",
        Effect::DeleteVersion { .. } => "ec2:DeleteLaunchTemplateVersions",
        Effect::DeregisterImage(_) => "ec2:DeregisterImage",
    }
}

/// The operation of one or several effects together.
fn operation_of(together: &[(&Job, &Effect)]) -> &'static str {
    match together {
        [(_, Effect::DeleteRecord), _, ..] => "ssm:DeleteParameters",
        [(_, effect), ..] => operation(effect),
        [] => "",
    }
}

/// Several effects of one kind in one call.
async fn bulk(clients: &Clients, together: &[(&Job, &Effect)]) -> Result<Vec<Performed>, Fault> {
    let same = |done: Done| vec![Ok(done); together.len()];
    match together {
        [(_, Effect::SendCommand(command)), ..] => {
            let instances = together.iter().filter_map(|(_, effect)| match effect {
                Effect::SendCommand(c) => Some(&c.instance),
                _ => None,
            });
            ssm::send_command(clients, command, instances)
                .await
                .map(same)
        }
        [(job, Effect::TagInstance { role, .. }), ..] => {
            let instances = together.iter().filter_map(|(_, effect)| match effect {
                Effect::TagInstance { instance, .. } => Some(instance),
                _ => None,
            });
            ec2::tag_instances(clients, instances, role_tags(job, *role))
                .await
                .map(same)
        }
        [(_, Effect::DeleteRecord), ..] => {
            let groups = together.iter().map(|(job, _)| job.group());
            ssm::delete_records(clients, groups).await
        }
        others => Ok(join_all(
            others
                .iter()
                .map(|(job, effect)| call(clients, job, effect)),
        )
        .await),
    }
}

fn role_tags(job: &Job, role: Role) -> [(&'static str, &str); 2] {
    [
        (RUN_TAG, job.record.run_id.as_str()),
        (ROLE_TAG, role.as_str()),
    ]
}

/// The call that an effect means, not yet begun.
fn call<'a>(clients: &'a Clients, job: &'a Job, effect: &'a Effect) -> BoxFuture<'a, Performed> {
    let record = &job.record;
    let group = job.group();
    match effect {
        Effect::StoreRecord(record) => ssm::store_record(clients, record).boxed(),
        Effect::DeleteRecord => ssm::delete_record(clients, group).boxed(),
        Effect::SendCommand(command) => {
            ssm::send_command(clients, command, std::iter::once(&command.instance)).boxed()
        }
        Effect::StartAutomation(start) => automation::start(clients, record, start).boxed(),
        Effect::StopAutomation { moment: _, id } => automation::stop(clients, id).boxed(),
        Effect::Suspend(processes) => autoscaling::suspend(clients, group, processes).boxed(),
        Effect::Resume(processes) => autoscaling::resume(clients, group, processes).boxed(),
        Effect::Update { capacity, pins } => {
            autoscaling::update(clients, group, *capacity, pins.as_ref()).boxed()
        }
        Effect::EnterStandby {
            instance,
            decrement,
        } => autoscaling::enter_standby(clients, group, instance, *decrement).boxed(),
        Effect::Terminate {
            instance,
            decrement,
        } => autoscaling::terminate(clients, instance, *decrement).boxed(),
        Effect::RegisterTarget { balancer, instance } => {
            load_balancing::register(clients, balancer, instance).boxed()
        }
        Effect::DeregisterTarget { balancer, instance } => {
            load_balancing::deregister(clients, balancer, instance).boxed()
        }
        Effect::TagInstance { instance, role } => {
            let tags = role_tags(job, *role);
            let call = ec2::tag_instances(clients, std::iter::once(instance), tags);
            call.boxed()
        }
        Effect::TagImage { image, seconds } => {
            let tags = [(SECONDS_TAG, seconds.as_str())];
            ec2::tag_image(clients, image, tags).boxed()
        }
        Effect::KeepImage {
            image,
            snapshots,
            doubt,
        } => ec2::keep_image(clients, image, snapshots, doubt).boxed(),
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
            ec2::create_image(clients, record, image).boxed()
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
            ec2::create_version(clients, version).boxed()
        }
        Effect::SetDefault { template, version } => {
            ec2::set_default(clients, template, *version).boxed()
        }
        Effect::DeleteVersion { template, version } => {
            ec2::delete_version(clients, template, *version).boxed()
        }
        Effect::DeregisterImage(image) => ec2::deregister(clients, image).boxed(),
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
