//! All groups: which of them opted in is decided by [`crate::request::Selection::wants`].

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_autoscaling::types::AutoScalingGroup;

use super::GROUPS_PER_PAGE;
use crate::aws::Clients;
use crate::aws::convert::{
    balancers, capacity, member, other_load_balancer, pins, readable_pins, specifications,
    suspended, tags,
};
use crate::aws::faults::text;
use crate::aws::paging::every;
use crate::group::facts::GroupFacts;
use crate::group::fault::Fault;
use crate::ids::GroupName;
use crate::schedule::Capacity;

const OPERATION: &str = "autoscaling:DescribeAutoScalingGroups";
/// The capacity of a group that tells none.
const NOTHING: Capacity = Capacity {
    min: 0,
    max: 0,
    desired: 0,
};

/// All groups of the account and region, by name. One that makes no sense is [odd](GroupFacts::odd); one without a
/// name is left out.
///
/// # Errors
/// A call that failed.
pub async fn find_groups(clients: &Clients) -> Result<BTreeMap<GroupName, GroupFacts>, Fault> {
    groups(clients, Instances::Without).await
}

/// Whether groups are read with their instances: an answer about large groups is long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instances {
    /// With them.
    With,
    /// Without.
    Without,
}

pub(super) async fn groups(
    clients: &Clients,
    instances: Instances,
) -> Result<BTreeMap<GroupName, GroupFacts>, Fault> {
    let pages = clients
        .autoscaling
        .describe_auto_scaling_groups()
        .include_instances(instances == Instances::With)
        .max_records(GROUPS_PER_PAGE)
        .into_paginator()
        .send();
    let groups: Vec<AutoScalingGroup> = every(clients, OPERATION, pages, |p| {
        (p.auto_scaling_groups, p.next_token)
    })
    .await?;
    let named = groups.iter().filter_map(|group| {
        let name = text(group.auto_scaling_group_name(), OPERATION, "its name");
        match name {
            Ok(name) => Some((name.into(), group_facts(name, group))),
            Err(fault) => {
                tracing::debug!(problem = fault.message, "a group is left out");
                None
            }
        }
    });
    Ok(named.collect())
}

fn group_facts(name: &str, group: &AutoScalingGroup) -> GroupFacts {
    let overrides = group
        .mixed_instances_policy()
        .and_then(|p| p.launch_template())
        .map(|t| t.overrides())
        .unwrap_or_default();
    let (capacity, tags, pins, suspended) =
        (capacity(group), tags(group), pins(group), suspended(group));
    let problems = [
        capacity.as_ref().err(),
        tags.as_ref().err(),
        pins.as_ref().err(),
        suspended.as_ref().err(),
    ];
    let odd = problems.into_iter().flatten().next().map(|f| &f.message);
    if let Some(problem) = odd {
        tracing::debug!(group = name, problem, "a group makes no sense");
    }
    GroupFacts {
        name: name.into(),
        odd: odd.cloned(),
        capacity: capacity.unwrap_or(NOTHING),
        tags: tags.unwrap_or_else(|_| readable_tags(group)),
        propagated: propagated(group),
        named_only: named_only(group),
        // One that makes no sense is left out.
        members: group
            .instances()
            .iter()
            .filter_map(|instance| member(instance).ok())
            .collect(),
        pins: pins.unwrap_or_else(|_| readable_pins(group)),
        launch_configuration: group.launch_configuration_name().map(str::to_owned),
        image_overrides: overrides
            .iter()
            .filter_map(|o| o.image_id().map(str::to_owned))
            .collect(),
        overrides: !overrides.is_empty(),
        weighted: overrides.iter().any(|o| o.weighted_capacity().is_some()),
        capacity_unit: group
            .desired_capacity_type()
            .filter(|unit| *unit != "units")
            .map(str::to_owned),
        suspended: suspended.unwrap_or_default(),
        operator: group
            .operator()
            .and_then(|o| o.principal())
            .map(str::to_owned),
        deleting: group.status().is_some(),
        warm_pool: group.warm_pool_configuration().is_some(),
        load_balanced: !group.target_group_arns().is_empty()
            || !group.load_balancer_names().is_empty()
            || !group.traffic_sources().is_empty(),
        balancers: balancers(group),
        other_load_balancer: other_load_balancer(group),
    }
}

/// The tags that are whole: they say whether the group opted in.
fn readable_tags(group: &AutoScalingGroup) -> BTreeMap<String, String> {
    let tags = group.tags().iter();
    tags.filter_map(|t| Some((t.key()?.to_owned(), t.value()?.to_owned())))
        .collect()
}

/// The keys of the tags that instances get.
fn propagated(group: &AutoScalingGroup) -> BTreeSet<String> {
    let tags = group.tags().iter();
    tags.filter(|t| t.propagate_at_launch() == Some(true))
        .filter_map(|t| t.key().map(str::to_owned))
        .collect()
}

/// The launch templates that are named without an id.
fn named_only(group: &AutoScalingGroup) -> BTreeSet<String> {
    let specifications = specifications(group).into_iter().map(|(_, s)| s);
    specifications
        .filter(|s| s.launch_template_id().is_none_or(str::is_empty))
        .filter_map(|s| s.launch_template_name())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::canned::{self, Canned, Reply};
    use crate::clock::Clock;
    use crate::group::proof::Proof;

    fn group(name: &str, capacity: &str, tag: &str, specification: &str) -> String {
        format!(
            "<member>{name}{capacity}<Tags><member><Key>ep:asg:patch</Key><Value>true</Value></member>\
             {tag}</Tags><LaunchTemplate>{specification}<Version>2</Version></LaunchTemplate></member>"
        )
    }

    fn named(name: &str) -> String {
        format!("<AutoScalingGroupName>{name}</AutoScalingGroupName>")
    }

    async fn found(groups: String) -> BTreeMap<GroupName, GroupFacts> {
        let canned = Canned::new(move |_| {
            Reply::ok(format!(
                "<DescribeAutoScalingGroupsResponse><DescribeAutoScalingGroupsResult><AutoScalingGroups>\
                 {groups}</AutoScalingGroups></DescribeAutoScalingGroupsResult>\
                 </DescribeAutoScalingGroupsResponse>"
            ))
        });
        let clients = canned::clients(&canned, Clock::system());
        find_groups(&clients).await.unwrap()
    }

    #[tokio::test]
    async fn load_balancers_are_known_or_others() {
        let source = |id: &str, kind: &str| {
            format!("<member><Identifier>{id}</Identifier><Type>{kind}</Type></member>")
        };
        let arns = |arns: &str| format!("<TargetGroupARNs>{arns}</TargetGroupARNs>");
        let sources = |all: &str| format!("<TrafficSources>{all}</TrafficSources>");
        let classic = "<LoadBalancerNames><member>old</member></LoadBalancerNames>";
        let rows = [
            (String::new(), vec![], None),
            // Once or twice: it is one.
            (arns("<member>arn:a</member>"), vec!["arn:a"], None),
            (
                arns("<member>arn:a</member>") + &sources(&source("arn:a", "elbv2")),
                vec!["arn:a"],
                None,
            ),
            (sources(&source("arn:b", "elbv2")), vec!["arn:b"], None),
            (classic.to_owned(), vec!["old"], None),
            (sources(&source("old", "elb")), vec!["old"], None),
            (
                classic.to_owned() + &sources(&source("old", "elb")),
                vec!["old"],
                None,
            ),
            (
                arns("<member>arn:a</member>") + &sources(&source("arn:l", "vpc-lattice")),
                vec!["arn:a"],
                Some("arn:l"),
            ),
        ];
        let capacity =
            "<MinSize>0</MinSize><MaxSize>4</MaxSize><DesiredCapacity>1</DesiredCapacity>";
        let id = "<LaunchTemplateId>lt-1</LaunchTemplateId>";
        for (shown, balancers, other) in rows {
            let found = found(group(&(named("web") + &shown), capacity, "", id)).await;
            let web = &found[&GroupName::from("web")];
            let found: Vec<&str> = web.balancers.iter().map(|t| t.as_str()).collect();
            assert_eq!(found, balancers, "{shown}");
            assert_eq!(web.other_load_balancer.as_deref(), other, "{shown}");
            let impossible = Proof::LoadBalancer.impossible(web);
            let is_possible = other.is_none() && !balancers.is_empty();
            assert_eq!(impossible.is_none(), is_possible, "{impossible:?}");
        }
    }

    #[tokio::test]
    async fn an_odd_group_is_odd_by_itself_and_keeps_what_can_be_read() {
        let (good, bad) = (
            "<MinSize>0</MinSize><MaxSize>4</MaxSize><DesiredCapacity>1</DesiredCapacity>",
            "<MinSize>3</MinSize><MaxSize>1</MaxSize><DesiredCapacity>5</DesiredCapacity>",
        );
        let (by_id, by_name) = (
            "<LaunchTemplateId>lt-1</LaunchTemplateId>",
            "<LaunchTemplateName>web</LaunchTemplateName>",
        );
        // A size of something else is not the group's.
        let pool =
            "<WarmPoolConfiguration><DesiredCapacity>2</DesiredCapacity></WarmPoolConfiguration>";
        let no_value = "<member><Key>k</Key></member>";
        let groups = [
            group(&named("fine"), good, "", by_id),
            group(&named("sizes"), bad, "", by_id),
            group(&named("no-min"), &good.replace("MinSize", "Min"), "", by_id),
            group(&named("no-max"), &good.replace("MaxSize", "Max"), "", by_id),
            group(
                &named("no-desired"),
                &(good.replace("DesiredCapacity", "Desired") + pool),
                "",
                by_id,
            ),
            group(&named("tags"), good, no_value, by_id),
            group(&named("template"), good, "", by_name),
            group("", good, "", by_id),
        ];
        let found = found(groups.concat()).await;
        let odd: Vec<(&str, Option<&str>)> = found
            .values()
            .map(|g| (g.name.as_str(), g.odd.as_deref()))
            .collect();
        let expected = [
            ("fine", None),
            (
                "no-desired",
                Some("expected DesiredCapacity in the answer, found none"),
            ),
            ("no-max", Some("expected MaxSize in the answer, found none")),
            ("no-min", Some("expected MinSize in the answer, found none")),
            (
                "sizes",
                Some("expected a valid capacity (min-max-desired), found '3-1-5'"),
            ),
            (
                "tags",
                Some("expected Value of a tag in the answer, found none"),
            ),
            (
                "template",
                Some("expected LaunchTemplateId in the answer, found none"),
            ),
        ];
        assert_eq!(odd, expected);
        for group in found.values() {
            assert_eq!(group.tags["ep:asg:patch"], "true");
            assert_eq!(
                group.pins.len(),
                usize::from(group.name.as_str() != "template")
            );
        }
        let template = &found[&GroupName::from("template")];
        assert_eq!(template.named_only, BTreeSet::from(["web".to_owned()]));
    }
}
