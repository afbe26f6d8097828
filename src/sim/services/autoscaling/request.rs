//! Launch sources as requests write them.

use serde::Deserialize;
use serde_json::Value;

use super::invalid;
use crate::sim::wire::ApiError;
use crate::sim::world::World;
use crate::sim::world::groups::{
    InstancesDistribution, LaunchSource, MixedPolicy, Override, TemplateSpec,
};
use crate::sim::world::templates;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Spec {
    launch_template_id: Option<String>,
    launch_template_name: Option<String>,
    version: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Mixed {
    launch_template: Option<MixedTemplate>,
    instances_distribution: Option<Distribution>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct MixedTemplate {
    launch_template_specification: Option<Spec>,
    overrides: Option<Vec<OverrideRequest>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct OverrideRequest {
    instance_type: Option<String>,
    weighted_capacity: Option<String>,
    launch_template_specification: Option<Spec>,
    image_id: Option<String>,
    instance_requirements: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Distribution {
    on_demand_allocation_strategy: Option<String>,
    on_demand_base_capacity: Option<i64>,
    on_demand_percentage_above_base_capacity: Option<i64>,
    spot_allocation_strategy: Option<String>,
    spot_instance_pools: Option<i64>,
    spot_max_price: Option<String>,
}

/// At most one of the three ways to say what is launched.
pub(super) struct Wanted {
    pub(super) configuration: Option<String>,
    pub(super) template: Option<Spec>,
    pub(super) mixed: Option<Mixed>,
}

impl Wanted {
    /// The launch source asked for, on top of the one there is; `None` if none was asked for.
    pub(super) fn resolve(
        self,
        world: &World,
        before: Option<&LaunchSource>,
    ) -> Result<Option<LaunchSource>, ApiError> {
        match (self.configuration, self.template, self.mixed) {
            (None, None, None) => Ok(None),
            (None, Some(given), None) => Ok(Some(LaunchSource::Template(spec(world, given)?))),
            (None, None, Some(given)) => {
                Ok(Some(LaunchSource::Mixed(mixed(world, given, before)?)))
            }
            (Some(name), None, None) => match before {
                Some(LaunchSource::Configuration(c)) if c.name == name => Ok(before.cloned()),
                _ => Err(invalid(format!(
                    "Launch configuration name not found - Launch configuration {name} not found"
                ))),
            },
            _ => Err(invalid(
                "Valid requests must contain only one of LaunchTemplate, LaunchConfigurationName or \
                 MixedInstancesPolicy parameter.",
            )),
        }
    }
}

fn spec(world: &World, given: Spec) -> Result<TemplateSpec, ApiError> {
    let (id, name) = (given.launch_template_id, given.launch_template_name);
    let found = templates::find(world, id.as_deref(), name.as_deref()).map_err(|e| {
        if e.code == "MissingParameter" {
            invalid(e.message)
        } else {
            invalid(format!(
                "You must use a valid fully-formed launch template. {}",
                e.message
            ))
        }
    })?;
    Ok(TemplateSpec {
        id: found.id.clone(),
        name: found.name.clone(),
        version: given.version,
    })
}

/// Whatever a request leaves out of the policy stays as it was.
fn mixed(
    world: &World,
    given: Mixed,
    before: Option<&LaunchSource>,
) -> Result<MixedPolicy, ApiError> {
    let before = match before {
        Some(LaunchSource::Mixed(policy)) => Some(policy),
        Some(LaunchSource::Template(_) | LaunchSource::Configuration(_)) | None => None,
    };
    let (base, overrides) = match given.launch_template {
        Some(t) => (t.launch_template_specification, t.overrides),
        None => (None, None),
    };
    let base = match (base, before) {
        (Some(base), _) => spec(world, base)?,
        (None, Some(before)) => before.base.clone(),
        (None, None) => {
            return Err(invalid(
                "Valid requests must contain a LaunchTemplateSpecification in the MixedInstancesPolicy",
            ));
        }
    };
    let overrides = match overrides {
        Some(given) => given
            .into_iter()
            .map(|o| override_of(world, o))
            .collect::<Result<Vec<_>, _>>()?,
        None => before.map(|b| b.overrides.clone()).unwrap_or_default(),
    };
    let weighted = overrides.iter().filter(|o| o.weight.is_some()).count();
    if weighted != 0 && weighted != overrides.len() {
        return Err(invalid(
            "WeightedCapacity must be specified for all overrides or none",
        ));
    }
    let mut distribution = before.map(|b| b.distribution.clone()).unwrap_or_default();
    if let Some(given) = given.instances_distribution {
        merge(&mut distribution, given);
    }
    Ok(MixedPolicy {
        distribution,
        base,
        overrides,
    })
}

fn override_of(world: &World, given: OverrideRequest) -> Result<Override, ApiError> {
    if given.instance_type.is_some() && given.instance_requirements.is_some() {
        return Err(invalid(
            "An override must have either an InstanceType or InstanceRequirements, not both",
        ));
    }
    let template = given.launch_template_specification;
    Ok(Override {
        instance_type: given.instance_type,
        weight: given.weighted_capacity,
        template: template.map(|t| spec(world, t)).transpose()?,
        image: given.image_id,
        requirements: given.instance_requirements,
    })
}

fn merge(d: &mut InstancesDistribution, given: Distribution) {
    if let Some(v) = given.on_demand_allocation_strategy {
        d.on_demand_strategy = v;
    }
    if let Some(v) = given.on_demand_base_capacity {
        d.on_demand_base = v;
    }
    if let Some(v) = given.on_demand_percentage_above_base_capacity {
        d.on_demand_percentage = v;
    }
    if let Some(v) = given.spot_allocation_strategy {
        d.spot_strategy = v;
    }
    d.spot_pools = given.spot_instance_pools.or(d.spot_pools);
    // An empty price removes the limit.
    d.spot_max_price = given
        .spot_max_price
        .or(d.spot_max_price.take())
        .filter(|p| !p.is_empty());
}
