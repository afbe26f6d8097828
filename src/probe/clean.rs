//! Removal of everything that probes made, found by name and by tag: both must be theirs.

use std::time::Duration;

use aws_sdk_ec2::types::Filter;
use chrono::TimeDelta;

use super::settings::{PARAMETERS, PREFIX, TAG};
use super::trouble::{Trouble, answer, given};
use crate::aws::Aws;

/// Between two looks for what is left.
const LOOK: Duration = Duration::from_secs(15);
/// After this long without anything left, nothing can appear any more: EC2's reads lag.
const QUIET: i64 = 30;
/// Groups with instances take some minutes to go.
const PATIENCE: i64 = 15 * 60;

/// The outcome of a look for what is left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Things whose removal was asked for, by name or id.
    pub removed: Vec<String>,
    /// Things that are still there, by name or id: on their way out, or not to be removed.
    pub left: Vec<String>,
}

impl Cleaned {
    fn note(&mut self, name: &str, removed: Result<(), Trouble>) {
        match removed {
            Ok(()) => self.removed.push(name.to_owned()),
            Err(trouble) => tracing::info!(name, %trouble, "not removed yet"),
        }
        self.left.push(name.to_owned());
    }
}

/// The probes whose things are meant.
#[derive(Clone, Copy)]
struct Whose<'a>(Option<&'a str>);

impl Whose<'_> {
    fn prefix(self) -> String {
        self.0
            .map_or(PREFIX.to_owned(), |id| format!("{PREFIX}{id}-"))
    }

    fn path(self) -> String {
        self.0
            .map_or(PARAMETERS.to_owned(), |id| format!("{PARAMETERS}{id}/"))
    }

    fn is_named(self, name: Option<&str>) -> bool {
        name.is_some_and(|n| n.starts_with(&self.prefix()))
    }

    fn is_tag(self, key: Option<&str>, value: Option<&str>) -> bool {
        key == Some(TAG) && self.0.is_none_or(|id| value == Some(id))
    }

    fn filter(self) -> Filter {
        let builder = Filter::builder();
        match self.0 {
            Some(id) => builder.name(format!("tag:{TAG}")).values(id).build(),
            None => builder.name("tag-key").values(TAG).build(),
        }
    }
}

/// Asks for the removal of all that the probe with this id made, or (`None`) every probe, until nothing is left or
/// a quarter of an hour is over.
///
/// # Errors
/// AWS refused a list.
pub async fn clean_until_gone(aws: &Aws, id: Option<&str>) -> Result<Cleaned, Trouble> {
    let begun = aws.clock.now();
    let mut all = Cleaned::default();
    let mut quiet_since = None;
    loop {
        let now = aws.clock.now();
        let Cleaned { removed, left } = clean(aws, id).await?;
        all.removed.extend(removed);
        all.left = left;
        match quiet_since {
            _ if !all.left.is_empty() => quiet_since = None,
            None => quiet_since = Some(now),
            Some(since) if now - since >= TimeDelta::seconds(QUIET) => break,
            Some(_) => {}
        }
        if now - begun > TimeDelta::seconds(PATIENCE) {
            break;
        }
        aws.clock.wait(LOOK).await;
    }
    all.removed.sort();
    all.removed.dedup();
    Ok(all)
}

/// Looks once for all that the probe with this id made, or (`None`) every probe, and asks for its removal.
///
/// # Errors
/// AWS refused a list.
pub async fn clean(aws: &Aws, id: Option<&str>) -> Result<Cleaned, Trouble> {
    let whose = Whose(id);
    let mut cleaned = Cleaned::default();
    groups(aws, whose, &mut cleaned).await?;
    instances(aws, whose, &mut cleaned).await?;
    templates(aws, whose, &mut cleaned).await?;
    images(aws, whose, &mut cleaned).await?;
    snapshots(aws, whose, &mut cleaned).await?;
    parameters(aws, whose, &mut cleaned).await?;
    Ok(cleaned)
}

async fn groups(aws: &Aws, whose: Whose<'_>, cleaned: &mut Cleaned) -> Result<(), Trouble> {
    let filter = aws_sdk_autoscaling::types::Filter::builder()
        .name("tag-key")
        .values(TAG)
        .build();
    let clients = &aws.clients.autoscaling;
    let call = clients.describe_auto_scaling_groups().filters(filter);
    let mut pages = call.into_paginator().items().send();
    let mut names = Vec::new();
    while let Some(group) = pages.next().await {
        let group = given("autoscaling:DescribeAutoScalingGroups", group)?;
        let name = group.auto_scaling_group_name();
        let mut tags = group.tags().iter();
        let tagged = tags.any(|t| whose.is_tag(t.key(), t.value()));
        if tagged && whose.is_named(name) {
            let leaving = group.status().is_some();
            names.push((name.unwrap_or_default().to_owned(), leaving));
        }
    }
    for (name, leaving) in names {
        if leaving {
            cleaned.left.push(name);
            continue;
        }
        let call = clients.delete_auto_scaling_group().force_delete(true);
        let sent = call.auto_scaling_group_name(&name).send().await;
        let deleted = given("autoscaling:DeleteAutoScalingGroup", sent);
        cleaned.note(&name, deleted.map(|_| ()));
    }
    Ok(())
}

/// Instances that their group did not end: those of a group that was deleted by others, for instance.
async fn instances(aws: &Aws, whose: Whose<'_>, cleaned: &mut Cleaned) -> Result<(), Trouble> {
    let states = ["pending", "running", "stopping", "stopped"];
    let alive = Filter::builder()
        .name("instance-state-name")
        .set_values(Some(states.map(str::to_owned).to_vec()))
        .build();
    let ec2 = &aws.clients.ec2;
    let call = ec2.describe_instances();
    let call = call.filters(whose.filter()).filters(alive);
    let mut pages = call.into_paginator().items().send();
    let mut ids = Vec::new();
    while let Some(reservation) = pages.next().await {
        let reservation = given("ec2:DescribeInstances", reservation)?;
        for instance in reservation.instances() {
            // A group's name stays on what it launched. Those of a group that is there leave with it.
            let group = value(instance.tags(), "aws:autoscaling:groupName");
            let leaves = cleaned.left.iter().any(|left| Some(left.as_str()) == group);
            if whose.is_named(group) && !leaves {
                ids.extend(instance.instance_id().map(str::to_owned));
            }
        }
    }
    for id in ids {
        let sent = ec2.terminate_instances().instance_ids(&id).send().await;
        cleaned.note(&id, given("ec2:TerminateInstances", sent).map(|_| ()));
    }
    Ok(())
}

async fn templates(aws: &Aws, whose: Whose<'_>, cleaned: &mut Cleaned) -> Result<(), Trouble> {
    let ec2 = &aws.clients.ec2;
    let call = ec2.describe_launch_templates().filters(whose.filter());
    let mut pages = call.into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(template) = pages.next().await {
        let template = given("ec2:DescribeLaunchTemplates", template)?;
        if let (true, Some(id)) = (
            whose.is_named(template.launch_template_name()),
            template.launch_template_id(),
        ) {
            found.push(id.to_owned());
        }
    }
    for id in found {
        let call = ec2.delete_launch_template().launch_template_id(&id);
        let sent = call.send().await;
        cleaned.note(&id, given("ec2:DeleteLaunchTemplate", sent).map(|_| ()));
    }
    Ok(())
}

async fn images(aws: &Aws, whose: Whose<'_>, cleaned: &mut Cleaned) -> Result<(), Trouble> {
    let ec2 = &aws.clients.ec2;
    let call = ec2.describe_images().owners("self");
    let sent = call.filters(whose.filter()).send().await;
    let answer = given("ec2:DescribeImages", sent)?;
    let mut found = Vec::new();
    for image in answer.images() {
        if let (true, Some(id)) = (whose.is_named(image.name()), image.image_id()) {
            found.push(id.to_owned());
        }
    }
    for id in found {
        let sent = ec2.deregister_image().image_id(&id).send().await;
        cleaned.note(&id, given("ec2:DeregisterImage", sent).map(|_| ()));
    }
    Ok(())
}

async fn snapshots(aws: &Aws, whose: Whose<'_>, cleaned: &mut Cleaned) -> Result<(), Trouble> {
    let ec2 = &aws.clients.ec2;
    let call = ec2.describe_snapshots().owner_ids("self");
    let mut pages = call.filters(whose.filter()).into_paginator().items().send();
    let mut ids = Vec::new();
    while let Some(snapshot) = pages.next().await {
        let snapshot = given("ec2:DescribeSnapshots", snapshot)?;
        if whose.is_named(value(snapshot.tags(), "Name")) {
            ids.extend(snapshot.snapshot_id().map(str::to_owned));
        }
    }
    for id in ids {
        let sent = ec2.delete_snapshot().snapshot_id(&id).send().await;
        cleaned.note(&id, given("ec2:DeleteSnapshot", sent).map(|_| ()));
    }
    Ok(())
}

/// The value of a tag.
fn value<'t>(tags: &'t [aws_sdk_ec2::types::Tag], key: &str) -> Option<&'t str> {
    let tag = tags.iter().find(|t| t.key() == Some(key));
    tag.and_then(|t| t.value())
}

/// Parameters below the probes' path, which is theirs alone.
async fn parameters(aws: &Aws, whose: Whose<'_>, cleaned: &mut Cleaned) -> Result<(), Trouble> {
    let ssm = &aws.clients.ssm;
    let call = ssm.get_parameters_by_path().path(whose.path());
    let mut pages = call.recursive(true).into_paginator().send();
    let mut names: Vec<String> = Vec::new();
    while let Some(page) = pages.next().await {
        let page = given("ssm:GetParametersByPath", page)?;
        let found = page.parameters().iter().filter_map(|p| p.name());
        names.extend(found.map(str::to_owned));
    }
    for name in names {
        let sent = ssm.delete_parameter().name(&name).send().await;
        let deleted = answer("ssm:DeleteParameter", sent).map(|_| ());
        cleaned.note(&name, deleted);
    }
    Ok(())
}
