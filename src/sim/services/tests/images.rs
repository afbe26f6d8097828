//! Images, launch templates, and what launches make of them; pages and filters.

use std::sync::Arc;

use aws_sdk_autoscaling::types as asg;
use aws_sdk_ec2::error::ProvideErrorMetadata;
use aws_sdk_ec2::types as ec2;

use super::{Sim, sleeper};
use crate::sim::world::behaviour::{Behaviour, Failure, Spread};
use crate::sim::world::{Group, images};

#[tokio::test(start_paused = true)]
async fn an_image_fails_when_its_source_dies() {
    let sim = Sim::new(vec![sleeper("web", "1")]);
    let id = sim.wake("web").await;
    let image = sim.create_image(&id, "web-1").await;
    let call = sim
        .ec2
        .create_image()
        .instance_id(&id)
        .name("web-1")
        .send()
        .await;
    let error = call.unwrap_err().into_service_error();
    assert_eq!(error.code(), Some("InvalidAMIName.Duplicate"));
    assert!(error.message().unwrap().contains(&image), "{error:?}");
    sim.set_capacity("web", 0, 0, 0).await;
    sim.wait(60).await;
    let failed = sim.image(&image).await;
    assert_eq!(failed.state(), Some(&ec2::ImageState::Failed));
    assert_eq!(
        failed.state_reason().unwrap().code(),
        Some("Client.InstanceTerminated")
    );
}

#[tokio::test(start_paused = true)]
async fn latest_is_what_it_is_at_launch_and_a_pending_image_does_not_run() {
    let sim = Sim::new(vec![sleeper("web", "$Latest")]);
    let id = sim.wake("web").await;
    let image = sim.create_image(&id, "web-1").await;
    let data = ec2::RequestLaunchTemplateData::builder()
        .image_id(&image)
        .build();
    let version = sim
        .ec2
        .create_launch_template_version()
        .launch_template_id("lt-1");
    version
        .source_version("1")
        .launch_template_data(data)
        .send()
        .await
        .unwrap();
    sim.set_capacity("web", 0, 2, 2).await;
    sim.wait(20).await;
    let failed = &sim.activities("web").await[0];
    assert_eq!(
        failed.status_code(),
        Some(&asg::ScalingActivityStatusCode::Failed)
    );
    let text = format!("AMI {image} is pending, and cannot be run");
    assert!(failed.status_message().unwrap().contains(&text));

    sim.wait(900).await;
    assert_eq!(
        sim.image(&image).await.state(),
        Some(&ec2::ImageState::Available)
    );
    let group = sim.group("web").await;
    let mut versions: Vec<_> = group
        .instances()
        .iter()
        .filter_map(|i| i.launch_template()?.version())
        .collect();
    versions.sort_unstable();
    assert_eq!(versions, ["1", "2"]);
}

#[tokio::test(start_paused = true)]
async fn a_version_inherits_from_its_source_and_a_token_makes_it_once() {
    let sim = Sim::new(Vec::new());
    let mapping = ec2::LaunchTemplateBlockDeviceMappingRequest::builder()
        .device_name("/dev/xvda")
        .ebs(
            ec2::LaunchTemplateEbsBlockDeviceRequest::builder()
                .snapshot_id("snap-1")
                .volume_size(9)
                .build(),
        )
        .build();
    let tags = ec2::LaunchTemplateTagSpecificationRequest::builder()
        .resource_type(ec2::ResourceType::Instance)
        .tags(ec2::Tag::builder().key("a").value("b").build())
        .build();
    let data = ec2::RequestLaunchTemplateData::builder()
        .image_id("ami-1")
        .instance_type(ec2::InstanceType::T3Large)
        .block_device_mappings(mapping)
        .tag_specifications(tags)
        .security_group_ids("sg-1")
        .network_interfaces(
            ec2::LaunchTemplateInstanceNetworkInterfaceSpecificationRequest::builder()
                .groups("sg-2")
                .build(),
        )
        .build();
    let created = sim
        .ec2
        .create_launch_template()
        .launch_template_name("db")
        .launch_template_data(data);
    let created = created.send().await.unwrap();
    let id = created
        .launch_template()
        .unwrap()
        .launch_template_id()
        .unwrap();
    sim.wait(3).await;
    let version = |image: &str| {
        let data = ec2::RequestLaunchTemplateData::builder()
            .image_id(image)
            .build();
        let call = sim
            .ec2
            .create_launch_template_version()
            .launch_template_id(id);
        call.source_version("1")
            .client_token("token")
            .launch_template_data(data)
            .send()
    };
    let first = version("ami-2").await.unwrap();
    let again = version("ami-2").await.unwrap();
    let number = |v: &aws_sdk_ec2::operation::create_launch_template_version::CreateLaunchTemplateVersionOutput| {
        v.launch_template_version().unwrap().version_number()
    };
    assert_eq!((number(&first), number(&again)), (Some(2), Some(2)));
    let other = version("ami-3").await.unwrap_err().into_service_error();
    assert_eq!(other.code(), Some("IdempotentParameterMismatch"));

    sim.wait(3).await;
    let seen = sim
        .ec2
        .describe_launch_template_versions()
        .launch_template_id(id)
        .versions("$Latest");
    let seen = seen.send().await.unwrap();
    let data = seen.launch_template_versions()[0]
        .launch_template_data()
        .unwrap();
    assert_eq!(data.image_id(), Some("ami-2"));
    assert_eq!(data.instance_type(), Some(&ec2::InstanceType::T3Large));
    assert_eq!(data.security_group_ids(), ["sg-1"]);
    assert_eq!(data.network_interfaces()[0].groups(), ["sg-2"]);
    assert_eq!(data.tag_specifications()[0].tags()[0].value(), Some("b"));
    let ebs = data.block_device_mappings()[0].ebs().unwrap();
    assert_eq!((ebs.snapshot_id(), ebs.volume_size()), (None, Some(9)));

    let deleted = sim
        .ec2
        .delete_launch_template_versions()
        .launch_template_id(id)
        .versions("1")
        .versions("2");
    let deleted = deleted.send().await.unwrap();
    assert_eq!(
        deleted.successfully_deleted_launch_template_versions()[0].version_number(),
        Some(2)
    );
    let kept = &deleted.unsuccessfully_deleted_launch_template_versions()[0];
    assert_eq!(kept.version_number(), Some(1));
}

#[tokio::test(start_paused = true)]
async fn pages_filters_and_dry_runs() {
    let mut groups: Vec<Group> = (0..120)
        .map(|n| sleeper(&format!("g{n:03}"), "1"))
        .collect();
    groups[7].tags.clear();
    let sim = Sim::new(groups);
    let filter = asg::Filter::builder()
        .name("tag:ep:asg:patch")
        .values("true")
        .build();
    let pages = sim
        .asg
        .describe_auto_scaling_groups()
        .filters(filter)
        .max_records(50);
    let pages: Vec<_> = pages.into_paginator().send().collect().await;
    let sizes: Vec<usize> = pages
        .into_iter()
        .map(|p| p.unwrap().auto_scaling_groups().len())
        .collect();
    assert_eq!(sizes, [50, 50, 19]);
    let unknown = asg::Filter::builder().name("Name").values("x").build();
    let unknown = sim
        .asg
        .describe_auto_scaling_groups()
        .filters(unknown)
        .send()
        .await
        .unwrap_err();
    assert_eq!(unknown.into_service_error().code(), Some("ValidationError"));

    let id = sim.wake("g001").await;
    let dry = sim
        .ec2
        .terminate_instances()
        .instance_ids(&id)
        .dry_run(true)
        .send()
        .await;
    assert_eq!(
        dry.unwrap_err().into_service_error().code(),
        Some("DryRunOperation")
    );
    let running = ec2::Filter::builder()
        .name("instance-state-name")
        .values("run*")
        .build();
    let found = sim
        .ec2
        .describe_instances()
        .filters(running)
        .max_results(5)
        .send()
        .await
        .unwrap();
    assert_eq!(found.reservations().len(), 1);
    let missing = sim
        .ec2
        .describe_images()
        .image_ids("ami-0123456789abcdef0")
        .send()
        .await
        .unwrap_err();
    assert_eq!(
        missing.into_service_error().code(),
        Some("InvalidAMIID.NotFound")
    );
}

#[tokio::test(start_paused = true)]
async fn failing_launches_say_why_and_images_carry_the_guest_over() {
    let mut group = sleeper("web", "1");
    group.canary_behaviour = Some(Arc::new(Behaviour {
        failure: Some(Failure::NoCapacity),
        image_base: Spread::seconds(1.0, 0.0),
        ..Behaviour::default()
    }));
    let sim = Sim::new(vec![group]);
    let id = sim.wake("web").await;
    sim.account.with_world(|w| {
        let guest = &mut w.instances.get_mut(&id).unwrap().guest;
        let patch = guest.missing.remove(0);
        Arc::make_mut(&mut guest.installed).push((patch.into(), 0));
    });
    let image = sim.create_image(&id, "web-1").await;
    sim.wait(900).await;
    sim.account
        .with_world(|w| assert!(w.images[&image].guest.missing.is_empty()));
    let data = ec2::RequestLaunchTemplateData::builder()
        .image_id(&image)
        .build();
    let version = sim
        .ec2
        .create_launch_template_version()
        .launch_template_name("web");
    version
        .source_version("1")
        .launch_template_data(data)
        .send()
        .await
        .unwrap();
    let spec = asg::LaunchTemplateSpecification::builder().launch_template_id("lt-1");
    let call = sim
        .asg
        .update_auto_scaling_group()
        .auto_scaling_group_name("web");
    let missing = call
        .launch_template(spec.clone().version("9").build())
        .send()
        .await
        .unwrap_err();
    let message = missing.into_service_error().message().unwrap().to_owned();
    assert!(
        message.starts_with("You must use a valid fully-formed launch template."),
        "{message}"
    );
    let call = sim
        .asg
        .update_auto_scaling_group()
        .auto_scaling_group_name("web");
    call.launch_template(spec.version("2").build())
        .max_size(2)
        .desired_capacity(2)
        .send()
        .await
        .unwrap();
    sim.wait(20).await;
    let failed = &sim.activities("web").await[0];
    assert!(
        failed
            .status_message()
            .unwrap()
            .contains("do not have sufficient t3.small capacity")
    );
    // The snapshot is complete with the image, and goes with it if asked.
    let snapshots = sim
        .ec2
        .describe_snapshots()
        .owner_ids("self")
        .send()
        .await
        .unwrap();
    assert_eq!(snapshots.snapshots()[0].progress(), Some("100%"));
    let snapshot = snapshots.snapshots()[0].snapshot_id().unwrap();
    let other = sim
        .account
        .with_world(|w| images::share_snapshots(w, &image).unwrap());
    for (image, code) in [(&image, "skipped"), (&other, "success")] {
        let gone = sim
            .ec2
            .deregister_image()
            .image_id(image)
            .delete_associated_snapshots(true);
        let gone = gone.send().await.unwrap();
        let result = &gone.delete_snapshot_results()[0];
        assert_eq!(result.snapshot_id(), Some(snapshot));
        assert_eq!(result.return_code().map(|c| c.as_str()), Some(code));
    }
    assert!(
        sim.ec2
            .describe_snapshots()
            .send()
            .await
            .unwrap()
            .snapshots()
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn a_deprecated_image_is_shown_to_its_owner_and_works() {
    let sim = Sim::new(vec![sleeper("web", "1")]);
    let instance = sim.wake("web").await;
    let id = sim.create_image(&instance, "mine").await;
    let at = sim.account.clock().now() + chrono::TimeDelta::seconds(3_600);
    let deprecate = |seconds: i64| {
        let at = aws_smithy_types::DateTime::from_secs(at.timestamp() + seconds);
        let call = sim.ec2.enable_image_deprecation().image_id(&id);
        call.deprecate_at(at).send()
    };
    assert!(deprecate(-2 * 3_600).await.is_err(), "in the past");
    assert!(deprecate(4_000 * 86_400).await.is_err(), "beyond ten years");
    deprecate(0).await.unwrap();
    sim.wait(7_200).await;
    // Rounded to the minute; the owner sees it without asking for deprecated ones.
    let shown = sim.image(&id).await.deprecation_time().unwrap().to_owned();
    assert!(shown.ends_with(":00.000Z"), "{shown}");
    let disable = sim.ec2.disable_image_deprecation().image_id(&id);
    disable.send().await.unwrap();
    assert_eq!(sim.image(&id).await.deprecation_time(), None);
}

#[tokio::test(start_paused = true)]
async fn launch_permissions_are_given_and_taken() {
    let sim = Sim::new(vec![sleeper("web", "1")]);
    let instance = sim.wake("web").await;
    let id = sim.create_image(&instance, "mine").await;
    let permission = || {
        let account = ec2::LaunchPermission::builder().user_id("111122223333");
        let all = ec2::LaunchPermission::builder().group(ec2::PermissionGroup::All);
        [account.build(), all.build()]
    };
    let modify = |changes: ec2::LaunchPermissionModifications| {
        let call = sim.ec2.modify_image_attribute().image_id(&id);
        call.launch_permission(changes).send()
    };
    let shared_with = || async {
        let attribute = ec2::ImageAttributeName::LaunchPermission;
        let call = sim.ec2.describe_image_attribute().image_id(&id);
        let answer = call.attribute(attribute).send().await.unwrap();
        answer.launch_permissions().len()
    };
    let add = ec2::LaunchPermissionModifications::builder();
    let add = add.set_add(Some(permission().into()));
    modify(add.build()).await.unwrap();
    assert_eq!(shared_with().await, 2);
    assert_eq!(sim.image(&id).await.public(), Some(true));
    let remove = ec2::LaunchPermissionModifications::builder();
    let remove = remove.set_remove(Some(permission().into()));
    modify(remove.build()).await.unwrap();
    assert_eq!(shared_with().await, 0);
    let others = sim.ec2.describe_image_attribute().image_id("ami-00000000");
    let attribute = ec2::ImageAttributeName::LaunchPermission;
    assert!(others.attribute(attribute).send().await.is_err());
}
