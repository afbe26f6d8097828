//! Groups that a patched image is of no use to, or that could not be restored: refused before anything is touched.

use super::facts::{AccountFacts, GroupDetails, GroupFacts, ImageFacts};
use super::options::{Options, Seal};
use super::{Code, Failure};
use crate::request::{Operation, RunRequest};

/// Refuses a group for what it is itself.
pub(super) fn by_group(group: &GroupFacts, details: &GroupDetails) -> Result<(), Failure> {
    let blocking = ["Launch", "Terminate"]
        .into_iter()
        .find(|p| group.suspended.contains(*p));
    let refusal = if group.deleting {
        Failure::plain(Code::BeingDeleted)
    } else if let Some(odd) = group.odd.as_ref().or(details.odd.as_ref()) {
        Failure::new(Code::GroupOdd, odd)
    } else if let Some(operator) = &group.operator {
        Failure::new(
            Code::OperatorManaged,
            format!("{operator} operates the group"),
        )
    } else if let Some(name) = &group.launch_configuration {
        Failure::new(
            Code::LaunchConfiguration,
            format!("the group uses launch configuration {name}, expected a launch template"),
        )
    } else if group.warm_pool {
        Failure::plain(Code::WarmPool)
    } else if let Some(id) = &details.refresh {
        refresh_under_way(id)
    } else if !group.image_overrides.is_empty() {
        Failure::plain(Code::ImageOverride)
    } else if group.weighted {
        Failure::plain(Code::WeightedCapacity)
    } else if let Some(unit) = &group.capacity_unit {
        Failure::new(
            Code::CapacityUnits,
            format!("the group's capacity counts {unit}, expected instances (units)"),
        )
    } else if let Some(process) = blocking {
        Failure::new(
            Code::LaunchSuspended,
            format!("{process} is suspended in the group"),
        )
    } else if group.pins.is_empty() {
        Failure::new(Code::ImageUnusable, "the group names no launch template")
    } else {
        return Ok(());
    };
    Err(refusal)
}

/// A group is not changed while an instance refresh replaces its instances.
pub(super) fn refresh_under_way(id: &str) -> Failure {
    let reason = format!("instance refresh {id} is under way");
    Failure::new(Code::InstanceRefreshActive, reason)
}

/// Refuses a group whose instances another service of AWS replaces or patches.
///
/// Sources: the tags that EKS and Elastic Beanstalk put on the groups of their nodes and environments (EKS and
/// Elastic Beanstalk user guides), AWS Batch's service role policy (`AWSBatchServiceTag`), and recorded answers for
/// the names of templates (`eks-UUID`, `Batch-lt-UUID`). A capacity provider of ECS is not among them: the images
/// of its groups are their owner's.
pub(super) fn by_service(group: &GroupFacts, account: &AccountFacts) -> Result<(), Failure> {
    let has_template = |prefix: &str| {
        let template = |pin: &super::pin::Pin| account.templates.get(&pin.template);
        let mut templates = group.pins.iter().filter_map(template);
        templates.any(|t| t.name.starts_with(prefix))
    };
    let has_tag = |prefix: &str| group.tags.keys().any(|key| key.starts_with(prefix));
    let eks = |what: &str| {
        format!(
            "Amazon EKS replaces the nodes of {what}: update its AMI release \
             (aws eks update-nodegroup-version)"
        )
    };
    let reason = if let Some(name) = group.tags.get("eks:nodegroup-name") {
        eks(&format!("node group {name}"))
    } else if has_tag("kubernetes.io/cluster/") && has_template("eks-") {
        eks("this managed node group")
    } else if let Some(name) = group.tags.get("elasticbeanstalk:environment-name") {
        format!(
            "Elastic Beanstalk replaces the instances of environment {name}: turn on managed platform \
             updates, or update its platform version"
        )
    } else if has_tag("AWSBatch") || has_template("Batch-lt-") {
        "AWS Batch replaces the instances of this compute environment: update its image \
         (aws batch update-compute-environment)"
            .to_owned()
    } else {
        return Ok(());
    };
    Err(Failure::new(Code::PatchedElsewhere, reason))
}

/// Refuses a group for the image that it launches from.
pub(super) fn by_image(
    image: &ImageFacts,
    options: &Options,
    request: &RunRequest,
) -> Result<(), Failure> {
    if let Some(reason) = updates_itself(image) {
        return Err(Failure::new(Code::PatchedElsewhere, reason));
    }
    match request.operation {
        // No image is made.
        Operation::Scan => return Ok(()),
        Operation::Install => {}
    }
    if image.windows && options.seal == Seal::On {
        let key = &request.selection.tag.key;
        return Err(Failure::new(
            Code::WindowsNotGeneralised,
            format!(
                "on instances from a patched image of Windows the tasks of a first boot would not run \
                 again; tag the group {key}:seal=reset to reset the launch agent, or {key}:seal=off if a \
                 document of yours prepares the guest"
            ),
        ));
    }
    match options.max_generation {
        Some(most) if image.lineage.generation >= most => Err(Failure::new(
            Code::TooDeep,
            format!(
                "the image is of {}, and at most {most} are allowed by tag",
                image.lineage
            ),
        )),
        Some(_) | None => Ok(()),
    }
}

/// Systems without packages that are updated as a whole. Their images are known by the beginning of their name or,
/// if they were copied, of their description.
fn updates_itself(image: &ImageFacts) -> Option<&'static str> {
    let begins = |system: &str| {
        let texts = [&image.name, &image.description];
        texts
            .into_iter()
            .any(|text| text.to_ascii_lowercase().starts_with(system))
    };
    if begins("bottlerocket") {
        Some(
            "Bottlerocket has no packages to install: take a newer image of it, or let its update \
             operator (or `apiclient update`) bring the new version",
        )
    } else if begins("flatcar") {
        Some(
            "Flatcar has no packages to install: it updates itself (update-engine), or take a newer \
             image of it",
        )
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::group::facts::TemplateFacts;
    use crate::group::pin::{Pin, Slot, TemplateMark};
    use crate::schedule::Capacity;

    fn group(tags: &[(&str, &str)]) -> GroupFacts {
        let tag = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        GroupFacts {
            name: "g".into(),
            odd: None,
            balancers: BTreeSet::new(),
            other_load_balancer: None,
            capacity: Capacity {
                min: 0,
                max: 1,
                desired: 0,
            },
            tags: tags.iter().map(tag).collect(),
            propagated: BTreeSet::new(),
            named_only: BTreeSet::new(),
            members: BTreeMap::new(),
            pins: vec![Pin {
                slot: Slot::Template,
                template: "lt-1".into(),
                version: "1".into(),
            }],
            launch_configuration: None,
            image_overrides: BTreeSet::new(),
            overrides: false,
            weighted: false,
            capacity_unit: None,
            suspended: BTreeSet::new(),
            operator: None,
            deleting: false,
            warm_pool: false,
            load_balanced: false,
        }
    }

    fn account(template: &str) -> AccountFacts {
        let template = TemplateFacts {
            tags: BTreeMap::new(),
            name: template.into(),
            mark: TemplateMark {
                default: 1,
                latest: 1,
            },
            versions: BTreeMap::new(),
        };
        AccountFacts {
            templates: [("lt-1".into(), template)].into(),
            ..AccountFacts::default()
        }
    }

    #[test]
    fn groups_of_services_are_known_by_their_tags_and_templates() {
        let cluster = ("kubernetes.io/cluster/prod", "owned");
        let beanstalk = ("elasticbeanstalk:environment-name", "e");
        let refused = [
            (vec![("eks:nodegroup-name", "ng")], "mine", "Amazon EKS"),
            (vec![cluster], "eks-0ab1", "Amazon EKS"),
            (vec![beanstalk], "mine", "Elastic Beanstalk"),
            (vec![("AWSBatchServiceTag", "batch")], "mine", "AWS Batch"),
            (vec![], "Batch-lt-0ab1", "AWS Batch"),
        ];
        for (tags, template, service) in refused {
            let failure = by_service(&group(&tags), &account(template)).unwrap_err();
            assert_eq!(failure.code, Code::PatchedElsewhere);
            assert!(failure.reason.starts_with(service), "{}", failure.reason);
        }
        // Nodes that their owner manages, and the group of a capacity provider.
        for (tag, template) in [(cluster, "my-nodes"), (("AmazonECSManaged", ""), "eks-x")] {
            assert_eq!(by_service(&group(&[tag]), &account(template)), Ok(()));
        }
    }

    #[test]
    fn a_capacity_that_does_not_count_instances_is_refused() {
        let counted = GroupFacts {
            capacity_unit: Some("vcpu".into()),
            ..group(&[])
        };
        let failure = by_group(&counted, &GroupDetails::default()).unwrap_err();
        assert_eq!(failure.code, Code::CapacityUnits);
    }
}
