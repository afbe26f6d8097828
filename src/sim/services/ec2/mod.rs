//! EC2: instances, images, snapshots, launch templates, tags.

mod console;
mod data;
mod filters;
mod image_attributes;
mod images;
mod instances;
mod run;
mod snapshots;
mod subnets;
mod tags;
mod templates;
mod versions;

pub(super) use self::instances::private_ip;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::query;
use crate::sim::beliefs::DryRun;
use crate::sim::wire::params::{Params, Tree};
use crate::sim::wire::{ApiError, Call};
use crate::sim::world::World;

/// Without MaxResults a page holds this many.
const PAGE: usize = 1000;

/// Applies an EC2 call. With DryRun a request that would be served is answered with an error that
/// says so.
pub(super) fn call(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let (call, dry) = without_dry_run(call);
    let (world, call) = (&mut *world, &call);
    match call.operation.as_str() {
        "DescribeInstances" => serve(world, call, dry, instances::describe),
        "DescribeInstanceStatus" => serve(world, call, dry, instances::describe_status),
        "TerminateInstances" => serve(world, call, dry, instances::terminate),
        "StopInstances" => serve(world, call, dry, instances::stop),
        "StartInstances" => serve(world, call, dry, instances::start),
        "RebootInstances" => serve(world, call, dry, instances::reboot),
        "RunInstances" => serve(world, call, dry, |w, r| {
            run::run(w, r, call.params.to_json())
        }),
        "GetConsoleOutput" => serve(world, call, dry, console::output),
        "CreateTags" => serve(world, call, dry, tags::create),
        "DeleteTags" => serve(world, call, dry, tags::delete),
        "DescribeTags" => serve(world, call, dry, tags::describe),
        "CreateImage" => serve(world, call, dry, images::create),
        "DescribeImages" => serve(world, call, dry, images::describe),
        "DeregisterImage" => serve(world, call, dry, images::deregister),
        "EnableImageDeprecation" => serve(world, call, dry, image_attributes::deprecate),
        "DisableImageDeprecation" => serve(world, call, dry, image_attributes::undeprecate),
        "DescribeImageAttribute" => serve(world, call, dry, image_attributes::describe),
        "ModifyImageAttribute" => serve(world, call, dry, image_attributes::modify),
        "DescribeSubnets" => serve(world, call, dry, subnets::describe),
        "DescribeSnapshots" => serve(world, call, dry, snapshots::describe),
        "DeleteSnapshot" => serve(world, call, dry, snapshots::delete),
        "CreateLaunchTemplate" => serve(world, call, dry, |w, r| {
            templates::create(w, r, call.params.to_json())
        }),
        "DescribeLaunchTemplates" => serve(world, call, dry, templates::describe),
        "ModifyLaunchTemplate" => serve(world, call, dry, |w, r| {
            templates::modify(w, r, call.params.to_json())
        }),
        "DeleteLaunchTemplate" => serve(world, call, dry, templates::delete),
        "CreateLaunchTemplateVersion" => serve(world, call, dry, |w, r| {
            versions::create(w, r, call.params.to_json())
        }),
        "DescribeLaunchTemplateVersions" => serve(world, call, dry, versions::describe),
        "DeleteLaunchTemplateVersions" => serve(world, call, dry, versions::delete),
        other => Err(ApiError::unsupported(format!("ec2:{other}"))),
    }
}

fn serve<T: DeserializeOwned>(
    world: &mut World,
    call: &Call,
    dry: bool,
    operation: impl FnOnce(&mut World, T) -> Result<Value, ApiError>,
) -> Result<Value, ApiError> {
    let request = query::read(call, "InvalidParameterValue")?;
    if dry {
        match world.beliefs.dry_run {
            DryRun::First => {}
            // In a copy of the world, which is thrown away.
            DryRun::AfterValidation => drop(operation(&mut world.clone(), request)?),
        }
        return Err(ApiError::with_status(
            412,
            "DryRunOperation",
            "Request would have succeeded, but DryRun flag is set.",
        ));
    }
    operation(world, request)
}

fn without_dry_run(call: &Call) -> (Call, bool) {
    let mut call = call.clone();
    let mut dry = false;
    if let Params::Tree(Tree::Node(fields)) = &mut call.params {
        dry = fields.remove("DryRun") == Some(Tree::Leaf("true".into()));
    }
    (call, dry)
}

/// How long a page may be, given MaxResults and the operation's bounds for it.
fn limit(max_results: Option<i64>, least: i64, most: i64) -> Result<usize, ApiError> {
    match max_results {
        None => Ok(PAGE),
        Some(n) if (least..=most).contains(&n) => Ok(usize::try_from(n).unwrap_or(PAGE)),
        Some(n) => Err(invalid(format!(
            "Value ( {n} ) for parameter maxResults is invalid. Expecting a value between {least} \
             and {most}."
        ))),
    }
}

fn invalid(text: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterValue", text)
}

fn yes() -> Result<Value, ApiError> {
    Ok(json!({"return": true}))
}

/// Tags as EC2 shows them.
fn tag_set<'t>(tags: impl IntoIterator<Item = (&'t String, &'t String)>) -> Value {
    let shown = tags.into_iter().map(|(k, v)| json!({"key": k, "value": v}));
    Value::Array(shown.collect())
}
