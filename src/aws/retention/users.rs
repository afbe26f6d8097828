//! Uses of images beside those by launch templates: launch configurations, instances, SSM parameters.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_autoscaling::types::LaunchConfiguration;
use aws_sdk_ec2::types::{Filter, Instance};

use crate::aws::faults::{missing, required, text};
use crate::aws::paging::{IDS_PER_CALL, chunks, every};
use crate::aws::{Clients, fault};
use crate::group::facts::GroupFacts;
use crate::group::fault::Fault;
use crate::ids::{GroupName, ImageId, InstanceId, TemplateId};
use crate::retention::{ALIAS, ConfigurationFound, TemplateFound};

const CONFIGURATIONS: &str = "autoscaling:DescribeLaunchConfigurations";
/// Largest page.
const CONFIGURATIONS_PER_PAGE: i32 = 100;
const INSTANCES: &str = "ec2:DescribeInstances";
const PARAMETERS: &str = "ssm:GetParameters";
/// `GetParameters` takes this many names.
const NAMES_PER_CALL: usize = 10;
/// The states in which an instance may run again, or runs still.
const THERE: [&str; 5] = ["pending", "running", "shutting-down", "stopping", "stopped"];

pub(super) async fn configurations(
    clients: &Clients,
) -> Result<BTreeMap<String, ConfigurationFound>, Fault> {
    let pages = clients
        .autoscaling
        .describe_launch_configurations()
        .max_records(CONFIGURATIONS_PER_PAGE)
        .into_paginator()
        .send();
    let all: Vec<LaunchConfiguration> = every(clients, CONFIGURATIONS, pages, |p| {
        (p.launch_configurations, p.next_token)
    })
    .await?;
    let found = all.iter().map(|configuration| {
        let name = configuration.launch_configuration_name();
        let name = text(name, CONFIGURATIONS, "LaunchConfigurationName")?;
        let volumes = configuration.block_device_mappings().iter();
        let snapshots = volumes.filter_map(|m| m.ebs()?.snapshot_id());
        let image = text(configuration.image_id(), CONFIGURATIONS, "ImageId")?;
        let found = ConfigurationFound {
            image: Some(image.to_owned()),
            snapshots: snapshots.map(Into::into).collect(),
        };
        Ok((name.to_owned(), found))
    });
    found.collect()
}

/// The instances that are there, by the image that they were launched from.
pub(super) async fn instances(
    clients: &Clients,
    images: BTreeSet<ImageId>,
) -> Result<BTreeMap<ImageId, BTreeSet<InstanceId>>, Fault> {
    let filter = |name: &str, values: Vec<String>| {
        let filter = Filter::builder().name(name);
        filter.set_values(Some(values)).build()
    };
    let mut found: BTreeMap<ImageId, BTreeSet<InstanceId>> = BTreeMap::new();
    for chunk in chunks(images, IDS_PER_CALL) {
        let pages = clients
            .ec2
            .describe_instances()
            .include_managed_resources(true)
            .filters(filter("image-id", chunk))
            .filters(filter(
                "instance-state-name",
                THERE.map(str::to_owned).to_vec(),
            ))
            .into_paginator()
            .send();
        let reservations = every(clients, INSTANCES, pages, |p| {
            (p.reservations, p.next_token)
        });
        let instances = reservations.await?.into_iter().filter_map(|r| r.instances);
        for instance in instances.flatten() {
            let (image, id) = image_and_id(&instance)?;
            found.entry(image).or_default().insert(id);
        }
    }
    Ok(found)
}

fn image_and_id(instance: &Instance) -> Result<(ImageId, InstanceId), Fault> {
    let image = text(instance.image_id(), INSTANCES, "ImageId")?;
    let id = text(instance.instance_id(), INSTANCES, "InstanceId")?;
    Ok((image.into(), id.into()))
}

/// The images behind the SSM parameters that are named in the place of an image. Which ones are named can only be said if
/// everything that names some was read; where it was not, that fault stands for the others.
pub(super) async fn aliases(
    clients: &Clients,
    groups: &Result<BTreeMap<GroupName, GroupFacts>, Fault>,
    templates: &Result<BTreeMap<TemplateId, TemplateFound>, Fault>,
    configurations: &Result<BTreeMap<String, ConfigurationFound>, Fault>,
) -> Result<BTreeMap<String, String>, Fault> {
    let groups = groups.iter().flat_map(BTreeMap::values);
    let templates = templates.iter().flat_map(BTreeMap::values);
    let configurations = configurations.iter().flat_map(BTreeMap::values);
    let of_versions = templates.flat_map(|t| t.versions.values());
    let named: BTreeSet<String> = groups
        .flat_map(|g| &g.image_overrides)
        .chain(of_versions.filter_map(|v| v.image.as_ref()))
        .chain(configurations.filter_map(|c| c.image.as_ref()))
        .filter_map(|image| image.strip_prefix(ALIAS))
        .map(str::to_owned)
        .collect();
    let mut found = BTreeMap::new();
    for names in chunks(named, NAMES_PER_CALL) {
        parameters(clients, names, &mut found).await?;
    }
    Ok(found)
}

/// A name that AWS knows as unknown holds nothing; one on which it is silent may hold anything.
async fn parameters(
    clients: &Clients,
    names: Vec<String>,
    found: &mut BTreeMap<String, String>,
) -> Result<(), Fault> {
    clients.turn(PARAMETERS).await;
    let answer = clients
        .ssm
        .get_parameters()
        .set_names(Some(names.clone()))
        .send()
        .await
        .map_err(|e| fault(PARAMETERS, &e))?;
    for name in names {
        if answer.invalid_parameters().contains(&name) {
            continue;
        }
        let is_it = |bare: Option<&str>, arn: Option<&str>, selector: Option<&str>| {
            let selector = selector.unwrap_or_default();
            let spelled = |of: &str| name == of || name == format!("{of}{selector}");
            bare.is_some_and(spelled) || arn.is_some_and(spelled)
        };
        let mut shown = answer.parameters().iter();
        let parameter = shown.find(|p| is_it(p.name(), p.arn(), p.selector()));
        let parameter = parameter.ok_or_else(|| missing(PARAMETERS, &name))?;
        let value = required(parameter.value(), PARAMETERS, "Value")?;
        found.insert(name, value.to_owned());
    }
    Ok(())
}
