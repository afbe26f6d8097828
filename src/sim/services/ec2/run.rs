//! RunInstances.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::tags::{self, TagSpecification};
use super::{instances, invalid};
use crate::sim::wire::ApiError;
use crate::sim::world::behaviour::{Behaviour, Failure};
use crate::sim::world::groups::{LaunchConfiguration, LaunchSource, TemplateSpec};
use crate::sim::world::images::{self, ImageState};
use crate::sim::world::scaling::{self, Order, Source};
use crate::sim::world::{World, templates, volumes};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Run {
    image_id: Option<String>,
    instance_type: Option<String>,
    min_count: i64,
    max_count: i64,
    launch_template: Option<Spec>,
    placement: Option<Placement>,
    #[serde(default)]
    tag_specification: Vec<TagSpecification>,
    client_token: Option<String>,
    #[serde(rename = "IamInstanceProfile")]
    _iam_instance_profile: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Spec {
    launch_template_id: Option<String>,
    launch_template_name: Option<String>,
    version: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Placement {
    availability_zone: Option<String>,
}

pub(super) fn run(world: &mut World, request: Run, raw: Value) -> Result<Value, ApiError> {
    let token = request.client_token.as_deref();
    if let Some(answer) = world.token_answer("RunInstances", token, &raw)? {
        return Ok(answer);
    }
    if request.min_count < 1 || request.max_count < request.min_count {
        return Err(invalid(
            "MinCount and MaxCount must be positive and in order",
        ));
    }
    let source = source(world, &request)?;
    volumes::check(world, &source)
        .map_err(|cause| ApiError::new("InvalidBlockDeviceMapping", cause))?;
    let behaviour = behaviour(world, &source);
    let zone = request.placement.and_then(|p| p.availability_zone);
    let zone = zone.unwrap_or_else(|| format!("{}a", world.region));
    if behaviour.failure == Some(Failure::NoCapacity) {
        let text = format!(
            "We currently do not have sufficient {} capacity in the Availability Zone you requested ({zone}).",
            source.instance_type
        );
        return Err(ApiError::with_status(
            500,
            "InsufficientInstanceCapacity",
            text,
        ));
    }
    let image = world.images.get(&source.image);
    let mut guest = image.map(|i| i.guest.clone()).unwrap_or_default();
    guest.boot(world.now);
    let mut all_tags = source.tags.clone();
    all_tags.extend(tags::of_type(&request.tag_specification, "instance"));
    let mut ids = Vec::new();
    for _ in 0..request.max_count {
        let order = Order {
            source: source.clone(),
            zone: zone.clone(),
            tags: all_tags.clone(),
            behaviour: behaviour.clone(),
            guest: guest.clone(),
            membership: None,
        };
        ids.push(scaling::new_instance(world, order));
    }
    let made = ids.iter().filter_map(|id| world.instances.get(id));
    let shown: Vec<Value> = made.map(|i| instances::shape(world, i)).collect();
    let reservation = ids.first().map(|id| id.replace("i-", "r-"));
    let answer = json!({
        "reservationId": reservation,
        "ownerId": world.account,
        "groupSet": [],
        "instancesSet": shown,
    });
    world.remember_token("RunInstances", token, raw, &answer);
    Ok(answer)
}

fn source(world: &World, request: &Run) -> Result<Source, ApiError> {
    let launch = match (&request.launch_template, &request.image_id) {
        (Some(t), _) => {
            let (id, name) = (
                t.launch_template_id.as_deref(),
                t.launch_template_name.as_deref(),
            );
            let template = templates::find(world, id, name)?;
            let version = t.version.as_deref();
            if template.resolve(version).is_none() {
                return Err(templates::no_version(
                    &template.id,
                    version.unwrap_or("$Default"),
                ));
            }
            LaunchSource::Template(TemplateSpec {
                id: template.id.clone(),
                name: template.name.clone(),
                version: t.version.clone(),
            })
        }
        (None, Some(image)) => LaunchSource::Configuration(LaunchConfiguration {
            name: String::new(),
            image: image.clone(),
            instance_type: "m1.small".into(),
        }),
        (None, None) => {
            let text = "The request must contain the parameter ImageId";
            return Err(ApiError::new("MissingParameter", text));
        }
    };
    let mut source = scaling::resolve(world, &launch).map_err(invalid)?;
    if let Some(image) = &request.image_id {
        source.image.clone_from(image);
    }
    if let Some(instance_type) = &request.instance_type {
        source.instance_type.clone_from(instance_type);
    }
    match world.images.get(&source.image).map(|i| i.state) {
        Some(ImageState::Available) => Ok(source),
        Some(state) => {
            let text = format!(
                "AMI '{}' is {}, and cannot be run",
                source.image,
                state.name()
            );
            Err(ApiError::new("InvalidAMIID.Unavailable", text))
        }
        None => Err(images::not_found(&[&source.image])),
    }
}

/// An instance run by hand behaves as those of a group that uses the same template.
fn behaviour(world: &World, source: &Source) -> Arc<Behaviour> {
    let Some((id, _)) = &source.template else {
        return Arc::default();
    };
    let uses = |launch: &LaunchSource| match launch {
        LaunchSource::Template(spec) => spec.id == *id,
        LaunchSource::Mixed(policy) => policy.base.id == *id,
        LaunchSource::Configuration(_) => false,
    };
    let baked = world
        .images
        .get(&source.image)
        .is_some_and(|i| i.is_baked());
    let Some(group) = world.groups.values().find(|g| uses(&g.launch)) else {
        return Arc::default();
    };
    let canary = group.canary_behaviour.as_ref().filter(|_| baked);
    canary.unwrap_or(&group.behaviour).clone()
}
