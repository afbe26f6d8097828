//! Whether EC2 would allow the calls that a run needs, asked with `DryRun` before anything is touched.
//!
//! Auto Scaling and Systems Manager offer no dry run: their refusals show at the first use.

use std::collections::BTreeSet;
use std::error::Error;

use aws_sdk_ec2::types::{LaunchTemplateSpecification, RequestLaunchTemplateData, Tag};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::perform::image_tags;
use super::{Clients, fault};
use crate::group::Job;
use crate::group::fault::Fault;
use crate::group::lineage::Lineage;
use crate::group::names::RUN_TAG;
use crate::group::pin::{Pin, Style, resolve};
use crate::request::Operation;

/// In place of an instance that the run will launch. It does not exist: nothing can happen to it.
const SOME_INSTANCE: &str = "i-00000000000000000";
/// In place of the image that the run will make.
const SOME_IMAGE: &str = "ami-00000000000000000";

/// Templates from which a launch is asked for.
const TEMPLATES_ASKED: usize = 2;

/// Asks for each EC2 action that the jobs will need, once for the run.
///
/// # Errors
/// The first action that is not allowed. An answer that leaves it open is no refusal.
pub async fn check_permissions(clients: &Clients, jobs: &[Job]) -> Result<(), Fault> {
    if jobs.is_empty() {
        return Ok(());
    }
    let installs = |j: &&Job| {
        let forward = j.forward.as_ref();
        forward.is_some_and(|f| f.operation == Operation::Install)
    };
    let installing: Vec<&Job> = jobs.iter().filter(installs).collect();
    let pins = || {
        let pins = installing.iter().map(|j| j.record.pins.iter());
        installing
            .iter()
            .zip(pins)
            .flat_map(|(j, p)| p.map(|p| (*j, p)))
    };
    let follows_default = pins().find(|(_, p)| p.style() == Style::Default);
    let answers = tokio::join!(
        create_tags(clients),
        create_image(clients, installing.first().copied()),
        create_version(clients, pins().next()),
        set_default(clients, follows_default),
        delete_version(clients, pins().next()),
        deregister_image(clients, !installing.is_empty()),
        launch(clients, pins()),
    );
    let (tags, image, version, default, deletion, removal, launch) = answers;
    tags.and(image)
        .and(version)
        .and(default)
        .and(deletion)
        .and(removal)
        .and(launch)
}

async fn create_tags(clients: &Clients) -> Result<(), Fault> {
    let answer = clients
        .ec2
        .create_tags()
        .dry_run(true)
        .resources(SOME_INSTANCE)
        .tags(Tag::builder().key(RUN_TAG).value("dry-run").build())
        .send()
        .await;
    verdict("ec2:CreateTags", answer)
}

/// With the tags of the real call: a policy may allow it only with them.
async fn create_image(clients: &Clients, example: Option<&Job>) -> Result<(), Fault> {
    let Some(job) = example else {
        return Ok(());
    };
    let [image, snapshot] = image_tags(
        &job.record,
        "asg-patch/dry-run",
        &SOME_IMAGE.into(),
        &Lineage::default().next(&SOME_IMAGE.into()),
    );
    let answer = clients
        .ec2
        .create_image()
        .dry_run(true)
        .instance_id(SOME_INSTANCE)
        .name("asg-patch/dry-run")
        .no_reboot(true)
        .tag_specifications(image)
        .tag_specifications(snapshot)
        .send()
        .await;
    verdict("ec2:CreateImage", answer)
}

/// Like the real call, with the image that the template names already.
async fn create_version(clients: &Clients, example: Option<(&Job, &Pin)>) -> Result<(), Fault> {
    let Some((job, pin)) = example else {
        return Ok(());
    };
    let source = resolve(pin, &job.record.templates).map(|n| n.to_string());
    let image = job.forward.as_ref().map(|f| String::from(&f.image));
    let data = RequestLaunchTemplateData::builder().set_image_id(image);
    let answer = clients
        .ec2
        .create_launch_template_version()
        .dry_run(true)
        .launch_template_id(pin.template.as_str())
        .set_source_version(source)
        .launch_template_data(data.build())
        .send()
        .await;
    verdict("ec2:CreateLaunchTemplateVersion", answer)
}

/// Sets the default version to what it is.
async fn set_default(clients: &Clients, example: Option<(&Job, &Pin)>) -> Result<(), Fault> {
    let Some((job, pin)) = example else {
        return Ok(());
    };
    let default = resolve(pin, &job.record.templates).map(|n| n.to_string());
    let answer = clients
        .ec2
        .modify_launch_template()
        .dry_run(true)
        .launch_template_id(pin.template.as_str())
        .set_default_version(default)
        .send()
        .await;
    verdict("ec2:ModifyLaunchTemplate", answer)
}

/// Only versions of ours are ever deleted: here, one that does not exist.
async fn delete_version(clients: &Clients, example: Option<(&Job, &Pin)>) -> Result<(), Fault> {
    let Some((job, pin)) = example else {
        return Ok(());
    };
    let latest = job.record.templates.get(&pin.template).map(|m| m.latest);
    let version = latest.unwrap_or_default() + 1;
    let answer = clients
        .ec2
        .delete_launch_template_versions()
        .dry_run(true)
        .launch_template_id(pin.template.as_str())
        .versions(version.to_string())
        .send()
        .await;
    verdict("ec2:DeleteLaunchTemplateVersions", answer)
}

/// Auto Scaling takes a version only from a caller who may launch from it, and pass the role that it names: else the run
/// would find out when the image is made. Asked for some templates, not for hundreds.
async fn launch<'a>(
    clients: &Clients,
    pins: impl Iterator<Item = (&'a Job, &'a Pin)>,
) -> Result<(), Fault> {
    let mut templates = BTreeSet::new();
    for (job, pin) in pins {
        if templates.len() == TEMPLATES_ASKED || !templates.insert(&pin.template) {
            continue;
        }
        let version = resolve(pin, &job.record.templates).map(|n| n.to_string());
        let template = LaunchTemplateSpecification::builder()
            .launch_template_id(pin.template.as_str())
            .set_version(version)
            .build();
        clients.turn("ec2:RunInstances").await;
        let answer = clients
            .ec2
            .run_instances()
            .dry_run(true)
            .launch_template(template)
            .min_count(1)
            .max_count(1)
            .send()
            .await;
        verdict("ec2:RunInstances", answer)?;
    }
    Ok(())
}

async fn deregister_image(clients: &Clients, needed: bool) -> Result<(), Fault> {
    if !needed {
        return Ok(());
    }
    let answer = clients
        .ec2
        .deregister_image()
        .dry_run(true)
        .image_id(SOME_IMAGE)
        .delete_associated_snapshots(true)
        .send()
        .await;
    verdict("ec2:DeregisterImage", answer)
}

/// `DryRunOperation` means that the call is allowed. Only `UnauthorizedOperation` is a refusal: an unknown
/// instance, or no answer, says nothing about permissions.
fn verdict<T, E>(operation: &str, answer: Result<T, SdkError<E, HttpResponse>>) -> Result<(), Fault>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let Err(mut fault) = answer.map_err(|e| fault(operation, &e)) else {
        return Ok(());
    };
    if fault.code != "UnauthorizedOperation" {
        tracing::debug!(operation, code = fault.code, "dry run");
        return Ok(());
    }
    fault.message = format!(
        "{} Checked before anything was touched: allow {operation} to the role that runs asg-patch",
        fault.message
    );
    Err(fault)
}
