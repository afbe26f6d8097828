//! Images that runs publish: parameters that their owners' own tools read.

use std::collections::BTreeMap;

use aws_sdk_ssm::types::{Parameter, ParameterType};

use super::Clients;
use super::faults::{fault, required};
use super::paging::every;
use crate::group::fault::Fault;
use crate::group::names::IMAGE_PREFIX;

/// Largest page of the call.
const PARAMETERS_PER_PAGE: i32 = 10;
/// Systems Manager looks whether such a value is an image that may be used, after it has answered.
const IMAGE_TYPE: &str = "aws:ec2:image";

/// The published images, by the names of their parameters.
///
/// # Errors
/// A call that failed, or a parameter without a name or value.
pub async fn published_images(clients: &Clients) -> Result<BTreeMap<String, String>, Fault> {
    const OPERATION: &str = "ssm:GetParametersByPath";
    let pages = clients
        .ssm
        .get_parameters_by_path()
        .path(IMAGE_PREFIX.trim_end_matches('/'))
        .recursive(true)
        .max_results(PARAMETERS_PER_PAGE)
        .into_paginator()
        .send();
    let found: Vec<Parameter> =
        every(clients, OPERATION, pages, |p| (p.parameters, p.next_token)).await?;
    let found = found.into_iter().map(|parameter| {
        let name = required(parameter.name, OPERATION, "Name")?;
        let value = required(parameter.value, OPERATION, "Value")?;
        Ok((name, value))
    });
    found.collect()
}

/// Publishes an image, in the place of the one before. Twice is once. An image that Systems Manager then finds unusable
/// leaves the parameter as it was, which this does not see.
///
/// # Errors
/// A call that failed.
pub async fn publish_image(clients: &Clients, parameter: &str, image: &str) -> Result<(), Fault> {
    const OPERATION: &str = "ssm:PutParameter";
    clients.turn(OPERATION).await;
    let put = clients
        .ssm
        .put_parameter()
        .name(parameter)
        .value(image)
        .r#type(ParameterType::String)
        .data_type(IMAGE_TYPE)
        .overwrite(true);
    put.send().await.map_err(|e| fault(OPERATION, &e))?;
    Ok(())
}
